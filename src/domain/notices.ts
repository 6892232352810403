// What people are told by mail. A notice is written to the outbox in the transaction of the thing it tells about, and a
// job sends it: a mail server that is slow or down changes no answer and no timing.
import { readUserAgent } from './user-agent.js';
import type { AccountId, Clock, Origin } from './vocabulary.js';

/** Every mail that can be sent, with what its text needs. Views have one template for each. */
export interface NoticeDetails {
  /** `address` carries the one-time token. A pending link's code stays here and is in no mail. */
  'verify-email': { readonly address: string; readonly username: string; readonly minutes: number };
  /** Somebody signed up with an address that already has an account: said to its owner only. */
  'email-already-known': { readonly address: string };
  /** By too many wrong attempts. Whoever tries a second factor has the password, or the mailbox. */
  'factor-locked': ChangeByOwner & { readonly factor: 'password' | 'second' };
  'two-factor-enabled': ChangeByOwner;
  'two-factor-turned-off': ChangeByOwner;
  'two-factor-replaced': ChangeByOwner;
  /** An authenticator beside passkeys: it comes and goes, and the account stays two-factor. */
  'authenticator-added': ChangeByOwner;
  'authenticator-removed': ChangeByOwner;
  /** `isFirst`: two-factor is on with it. */
  'passkey-added': PasskeyChange & { readonly isFirst: 0 | 1 };
  /** `name`: the new one. */
  'passkey-renamed': PasskeyChange & { readonly before: string };
  /** `isLast`: two-factor is off with it. */
  'passkey-removed': PasskeyChange & { readonly isLast: 0 | 1 };
  /** Its answer had counted less than one before it: there may be a copy of it. */
  'passkey-stopped': PasskeyChange;
  'recovery-codes-renewed': ChangeByOwner;
  /** `left`: how many of the ten can still be used. */
  'recovery-code-used': ChangeByOwner & { readonly left: number };
  'password-changed': ChangeByOwner;
  /** The first one, of an account that had none. */
  'password-set': ChangeByOwner;
  'identity-connected': IdentityChange;
  'identity-disconnected': IdentityChange;
  /** `address` carries the one-time token. */
  'password-reset-link': ChangeByOwner & { readonly address: string; readonly minutes: number };
  'password-reset': ChangeByOwner;
  /** To the new address; `address` carries the one-time token. */
  'email-change-link': { readonly address: string; readonly username: string; readonly minutes: number };
  /** Somebody asked for an address that already belongs to another account: said to its owner only. */
  'email-change-taken': { readonly username: string };
  /** To the old address; `email`: the new one. */
  'email-change-asked': ChangeByOwner & { readonly email: string };
  'email-changed': ChangeByOwner & { readonly email: string };
  /** `address` carries the one-time token that keeps the account; `until`: when it ends for good. */
  'account-closed': ChangeByOwner & {
    readonly address: string;
    readonly days: number;
    readonly until: string;
  };
  'account-kept': ChangeByOwner;
  'account-ended': { readonly username: string };
  'account-unlocked': { readonly username: string; readonly at: string };
  /** The operator took the second factor off. */
  'two-factor-removed': { readonly username: string; readonly at: string };
  /** A tool signed in with a password, and with a code where `factors` is 2. */
  'fallback-used': ToolAtTheDoor & { readonly unlinkAddress: string; readonly factors: 1 | 2 };
  /** The same, but it was not let in: the password was right, and the code missing or wrong. */
  'fallback-wrong-code': ToolAtTheDoor & { readonly securityAddress: string };
  /** A full sign-in in a browser that the account did not know; both names are empty where they are not known. */
  'sign-in-unknown-browser': ChangeByOwner & { readonly browser: string; readonly system: string };
  'app-password-made': AppPasswordChange;
  /** A tool came with it for the first time; from now on it belongs to that tool. `tool`: the name it stands under. */
  'app-password-used': AppPasswordChange & { readonly tool: string };
  /** What old tools may do was changed. */
  'account-switched': ChangeByOwner & {
    readonly switched: 'fallback' | 'link-by-token' | 'app-passwords';
    readonly turned: 'on' | 'off';
  };
  /** `tool`: its own words, empty if it had none. `address`: where its owner says that they do not know it. */
  'tool-linked': ChangeByOwner & { readonly tool: string; readonly address: string };
  /** A tool's token has become a key of its own. `tool`: its name. */
  'device-key-added': ToolChange;
  /** A tool was linked with the token of another one. `tool`: its own words, empty if it had none. */
  'tool-linked-by-token': ToolChange;
  /** To an address that need not have an account. `owner`: who invites; `address` carries the one-time token. */
  'household-invitation': { readonly owner: string; readonly address: string; readonly days: number };
  /** To the owner. `member`: who has come, or gone. */
  'household-joined': MemberChange;
  'household-left': MemberChange;
  /** To whom the owner has removed, or whose household is no more. */
  'household-removed': ChangeByOwner & { readonly owner: string };
  'household-ended': { readonly username: string; readonly owner: string };
  /** To the owner: a tool that they linked has changed the household. `member`: whom it is about; empty for the guest. */
  'household-changed-by-tool': ChangeByOwner & {
    readonly tool: string;
    readonly what: HouseholdChange;
    readonly member: string;
  };
  /** To whom a profile is, or to the owner: ten wrong PINs in a row. `member`: whose profile; empty for the guest. */
  'profile-pin-locked': MemberChange & { readonly isOwn: 0 | 1 };
  /** To whose own PIN it is. */
  'profile-pin-changed': ChangeByOwner & { readonly change: 'set' | 'removed' | 'reset' };
}

export type HouseholdChange =
  | 'member-added'
  | 'member-changed'
  | 'member-removed'
  | 'member-invited'
  | 'guest-on'
  | 'guest-off'
  | 'pin-changed';

interface MemberChange extends ChangeByOwner {
  readonly member: string;
}

/** `upstream`: the provider, as its button calls it; `identity`: its address there, empty where it is not known. */
interface IdentityChange extends ChangeByOwner {
  readonly upstream: string;
  readonly identity: string;
}

interface PasskeyChange extends ChangeByOwner {
  /** Of the passkey, as its owner calls it. */
  readonly name: string;
}

interface AppPasswordChange extends ChangeByOwner {
  /** Of the app password, as its owner calls it. */
  readonly name: string;
}

interface ToolChange {
  readonly username: string;
  readonly tool: string;
  readonly from: string;
  readonly at: string;
  readonly unlinkAddress: string;
}

/** Something that the owner did in a browser, or somebody in the owner's name. `at`: the time in UTC. */
interface ChangeByOwner {
  readonly username: string;
  readonly from: string;
  /** As far as they are known; empty where not. */
  readonly browser: string;
  readonly system: string;
  readonly at: string;
}

interface ToolAtTheDoor {
  readonly username: string;
  /** Its own words; empty if it had none. */
  readonly tool: string;
  readonly from: string;
  /** In UTC. */
  readonly at: string;
  /** The page that says what a tool can do instead, to send to its author. */
  readonly helpAddress: string;
}

export type NoticeName = keyof NoticeDetails;

/** A moment as a mail tells it: in UTC, to the minute. */
export const momentOf = (at: Date): string => `${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** From where something was done, with what, and when, as a mail tells it. */
export function whereAndWhen(
  { networkAddress, userAgent = '' }: Pick<Origin, 'networkAddress' | 'userAgent'>,
  at: Date,
) {
  const { browser = '', system = '' } = readUserAgent(userAgent);
  return { from: networkAddress, browser, system, at: momentOf(at) };
}

export interface OutboxMail {
  readonly mailId: string;
  readonly recipient: string;
  readonly notice: NoticeName;
  /** The details as sealed JSON: they may hold a one-time token. */
  readonly sealedDetails: string;
  readonly language: string;
  readonly attempts: number;
  readonly expiresAt: Date | undefined;
}

export interface OutboxStore {
  insert(mail: Omit<OutboxMail, 'attempts'> & { readonly createdAt: Date }): Promise<void>;
  /** Unsent, due and unexpired mails, oldest first. */
  findDue(now: Date, limit: number): Promise<OutboxMail[]>;
  /** False when another sender was faster: the mail is claimed until `nextAttemptAt`. */
  claim(mailId: string, attempts: number, nextAttemptAt: Date): Promise<boolean>;
  markSent(mailId: string, at: Date): Promise<void>;
  /** It will not be sent. */
  remove(mailId: string): Promise<void>;
  /** Sent mails, and unsent ones whose use has passed. */
  removeExpired(now: Date): Promise<number>;
}

export interface Sealer {
  seal(plaintext: string, context: string): string;
  open(sealed: string, context: string): string;
}

/**
 * Hands one mail to the outside; rejects when it could not be handed over, and with `isForGood` where the server will not take
 * this very mail, now or later (RFC 5321 §4.2.1).
 */
export type Deliver = (mail: {
  /** The same each time that this mail is tried. */
  readonly mailId: string;
  readonly recipient: string;
  readonly notice: NoticeName;
  readonly details: NoticeDetails[NoticeName];
  readonly language: string;
}) => Promise<void>;

/**
 * What a server refuses for good is tried so often all the same, over 17 hours: it may be the server's settings that are wrong,
 * and somebody is at them. While a server cannot be reached, nothing is given up.
 */
const MOST_REFUSALS = 24;

const isForGood = (cause: unknown): boolean =>
  cause instanceof Error && (cause as { readonly isForGood?: unknown }).isForGood === true;

/** A mail that could not be handed over; `isGivenUp`: and will not be tried again. */
export interface FailedMail {
  readonly mailId: string;
  readonly notice: NoticeName;
  readonly isGivenUp: boolean;
  readonly cause: unknown;
}

export type Notices = ReturnType<typeof createNotices>;

export interface NoticesDependencies {
  readonly now: Clock;
  readonly newId: () => string;
  readonly sealer: Sealer;
}

export function createNotices({ now, newId, sealer }: NoticesDependencies) {
  return {
    /** Puts a mail in the outbox of the caller's transaction. `ttlSeconds`: dropped unsent after that. */
    async tell<Name extends NoticeName>(
      stores: { outbox: OutboxStore },
      notice: Name,
      to: { readonly email: string; readonly language: string; readonly accountId?: AccountId },
      details: NoticeDetails[Name],
      ttlSeconds?: number,
    ): Promise<void> {
      const mailId = newId();
      await stores.outbox.insert({
        mailId,
        recipient: to.email,
        notice,
        language: to.language,
        sealedDetails: sealer.seal(JSON.stringify(details), mailId),
        createdAt: now(),
        expiresAt: ttlSeconds === undefined ? undefined : new Date(now().getTime() + ttlSeconds * 1000),
      });
    },

    /**
     * Sends what is due, each mail by one sender; a failed one is tried again later, slower each time (30 s … 1 h), and given
     * up once it has been tried 24 times and the server refuses it for good.
     */
    async sendDue(
      outbox: OutboxStore,
      inTransaction: <Result>(work: (stores: { outbox: OutboxStore }) => Promise<Result>) => Promise<Result>,
      deliver: Deliver,
    ): Promise<{ sent: number; failed: FailedMail[] }> {
      const failed: FailedMail[] = [];
      let sent = 0;
      for (const mail of await outbox.findDue(now(), 50)) {
        // The mails before it may have taken their time.
        if (mail.expiresAt && mail.expiresAt <= now()) continue;
        const delaySeconds = Math.min(30 * 2 ** mail.attempts, 3600);
        const nextAttemptAt = new Date(now().getTime() + delaySeconds * 1000);
        if (
          !(await inTransaction((stores) => stores.outbox.claim(mail.mailId, mail.attempts, nextAttemptAt)))
        )
          continue;
        try {
          await deliver({
            mailId: mail.mailId,
            recipient: mail.recipient,
            notice: mail.notice,
            language: mail.language,
            details: JSON.parse(sealer.open(mail.sealedDetails, mail.mailId)) as NoticeDetails[NoticeName],
          });
          await inTransaction((stores) => stores.outbox.markSent(mail.mailId, now()));
          sent += 1;
        } catch (cause) {
          const isGivenUp = isForGood(cause) && mail.attempts + 1 >= MOST_REFUSALS;
          if (isGivenUp) await inTransaction((stores) => stores.outbox.remove(mail.mailId));
          failed.push({ mailId: mail.mailId, notice: mail.notice, isGivenUp, cause });
        }
      }
      return { sent, failed };
    },
  };
}
