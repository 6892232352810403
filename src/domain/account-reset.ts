// A forgotten password: asked for by anyone, answered by whoever reads the proved address, and by nothing but mail. Whether
// there is such an account shows in no answer and in no work; a mailbox alone does not get past a second factor.
// Specification: OWASP ASVS 5.0 §6.4.3, NIST SP 800-63B §4.2, CHECKLIST 2 and 3.5.
import type { PasskeyOptions } from '../crypto/passkeys.js';
import { sha256 } from '../crypto/secrets.js';
import type { AccountAccess, AccessStores } from './account-access.js';
import type { AccountRecord, AccountStore } from './account-records.js';
import type { Audit } from './audit.js';
import type { EmailStore, MailToken } from './email-verification.js';
import type { Link } from './links.js';
import { foldLogin, parseEmail } from './login-names.js';
import type { MailTokens } from './mail-tokens.js';
import type { KnownBrowserStore } from './known-browsers.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import { NOBODY, type PasswordStore } from './password-check.js';
import type { PasswordRenewal } from './password-renewal.js';
import type { Passkeys } from './passkeys.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { Throttle } from './throttle.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export interface AccountResetStores extends AccessStores {
  readonly accounts: AccountStore & EmailStore & PasswordStore & KnownBrowserStore;
  readonly proofs: ProofStore;
  readonly outbox: OutboxStore;
}

export interface AccountResetDependencies {
  readonly store: AccountStore;
  readonly inTransaction: InTransaction<AccountResetStores>;
  readonly mailTokens: MailTokens;
  readonly proofs: Pick<Proofs, 'hasSecondFactor' | 'checkCode' | 'useRecoveryCode'>;
  readonly passkeys: Pick<Passkeys, 'askForPasskey' | 'checkPasskey'>;
  readonly passwordRenewal: PasswordRenewal;
  readonly access: AccountAccess;
  /** Whoever waits for these links need not wait any more. */
  readonly announce: (links: readonly Link[]) => void;
  readonly throttle: Pick<Throttle, 'spend' | 'trySpend' | 'spendAhead'>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: Clock;
  readonly settings: { readonly publicUrl: string };
}

/** The mail, and what it is about; for nobody where there is no such account. */
type Addressee = Pick<AccountRecord, 'accountId' | 'email' | 'username' | 'language'>;

/** CHECKLIST 3.5: 45 minutes. */
export const RESET_SECONDS = 45 * 60;
/** Stands in where there is no such account: all is written as for one, and its mail is never due. */
const STAND_IN: Addressee = { accountId: NOBODY, email: 'nobody@invalid', username: '', language: 'en' };

/** A new password comes only by an address that was proved, and only where there was one before. */
const mayReset = (record: AccountRecord): boolean =>
  record.emailVerifiedAt !== undefined && record.passwordHash !== '';

export interface ResetAnswer {
  readonly token: string;
  readonly newPassword: string;
  /** One of the three where the account has a second factor; of a passkey, what the browser sent of it, as JSON. */
  readonly code?: string | undefined;
  readonly recoveryCode?: string | undefined;
  readonly passkey?: string | undefined;
}

/** What the reset comes in between. */
export interface ResetAbout {
  /** A code that waits; it waits on behind the address in the mail. */
  readonly userCode?: string | undefined;
  /** The profile PIN is forgotten, too: the address in the mail leads on to that. */
  readonly leadsOnTo?: 'pin-reset' | undefined;
}

export type AccountReset = ReturnType<typeof createAccountReset>;

export function createAccountReset(dependencies: AccountResetDependencies) {
  const { store, inTransaction, mailTokens, proofs, passkeys, passwordRenewal, access, announce } =
    dependencies;
  const { throttle, audit, notices, now, settings } = dependencies;

  /** False when the address has had its share of such mails: then none is sent, and nothing tells. */
  const mayMail = (folded: string): Promise<boolean> =>
    throttle.trySpend('reset-mail-by-address', sha256(folded));

  async function writeMail(
    stores: AccountResetStores,
    to: Addressee,
    { userCode, leadsOnTo }: ResetAbout,
    origin: Origin,
  ): Promise<void> {
    const { accountId, email, username } = to;
    const isAnybody = accountId !== NOBODY;
    const asked = { accountId, purpose: 'reset-password', email, seconds: RESET_SECONDS } as const;
    const token = await mailTokens.mint(stores, { ...asked, email: email.toLowerCase(), userCode });
    const onwards = leadsOnTo === undefined ? '' : `&next=${leadsOnTo}`;
    const address = `${settings.publicUrl}/reset-password?token=${token}${onwards}`;
    const recipient = { email, language: to.language ?? 'en', accountId };
    const details = { username, address, minutes: RESET_SECONDS / 60, ...whereAndWhen(origin, now()) };
    await notices.tell(stores, 'password-reset-link', recipient, details, isAnybody ? RESET_SECONDS : 0);
    const whose = isAnybody ? { accountId } : {};
    await audit.record(stores, { event: 'password-reset-asked', ...whose, actor: 'anyone', origin });
  }

  async function findMeant(
    token: string,
  ): Promise<{ mailToken: MailToken; record: AccountRecord } | undefined> {
    const mailToken = await mailTokens.find('reset-password', token);
    const record = mailToken && (await store.find(mailToken.accountId));
    return record && isMeant(record, mailToken) ? { mailToken, record } : undefined;
  }

  /**
   * Refuses `code-wrong`, `factor-locked`, `too-many` (five wrong ones on one link: it waits, and stays good). They count in
   * the account's own counters too, the same as at sign-in.
   */
  async function proveFactor(
    { accountId, tokenMac }: MailToken,
    { code, recoveryCode, passkey }: ResetAnswer,
    origin: Origin,
  ): Promise<void> {
    if (!code && !recoveryCode && !passkey) throw new DomainError('code-wrong');
    const takeBack = await throttle.spendAhead('second-factor-by-reset-link', sha256(tokenMac));
    let isWrong = false;
    try {
      const outcome = passkey
        ? (await passkeys.checkPasskey(askedOf({ accountId, tokenMac }), passkey, origin)).outcome
        : code
          ? await proofs.checkCode(accountId, code, origin)
          : (await proofs.useRecoveryCode(accountId, recoveryCode ?? '', origin)).outcome;
      if (outcome === 'right') return;
      // It was right once, and opens nothing any more: nobody has guessed.
      if (outcome === 'stopped') throw new DomainError('passkey-stopped');
      isWrong = true;
      if (outcome !== 'locked') throw new DomainError(passkey ? 'passkey-wrong' : 'code-wrong');
      // A lock leaves nothing half done behind, at this door as at every other (Keycloak #26180).
      await inTransaction(({ signIns }) => signIns.removeFromStrangers(accountId));
      throw new DomainError('factor-locked');
    } finally {
      if (!isWrong) await takeBack();
    }
  }

  /** The address in the mail stands for the first factor: a passkey need not make sure who holds it. */
  const askedOf = ({ accountId, tokenMac }: Pick<MailToken, 'accountId' | 'tokenMac'>) =>
    ({ purpose: 'reset', holder: `mail ${tokenMac}`, accountId, mustVerify: false }) as const;

  return {
    /**
     * Mails a one-time address to the owner of a login; the one before it is dead. The same comes of it, by the same work,
     * for a login that nobody has, one whose address is not proved, and one that has had its share of mails. Refuses only
     * `too-many`, by network.
     */
    async askReset(login: string, about: ResetAbout, origin: Origin): Promise<void> {
      await throttle.spend('reset-by-network', origin.network);
      const folded = foldLogin(login) ?? '';
      const record = await store.findByLoginName(folded);
      const owner = record && mayReset(record) ? record : undefined;
      const isMailDue = await mayMail(owner ? parseEmail(owner.email).folded : folded);
      const to = owner && isMailDue ? owner : STAND_IN;
      await inTransaction((stores) => writeMail(stores, to, about, origin));
    },

    /** Whose password a token would change, without using it up; undefined for one that is good for nothing. */
    async findReset(
      token: string,
    ): Promise<{ accountId: AccountId; username: string; hasSecondFactor: boolean } | undefined> {
      const found = await findMeant(token);
      if (!found) return undefined;
      const { accountId, username } = found.record;
      return { accountId, username, hasSecondFactor: await proofs.hasSecondFactor(accountId) };
    },

    /** What the browser asks for where a passkey is the second factor. Refuses `mail-token-invalid`, and as `askForPasskey`. */
    async askForPasskey(token: string, origin: Origin): Promise<PasskeyOptions> {
      const found = await findMeant(token);
      if (!found) throw new DomainError('mail-token-invalid');
      return passkeys.askForPasskey(askedOf(found.mailToken), origin);
    },

    /**
     * Uses a token up and changes the password; then nobody is in the account any more, and its owner signs in anew. Refuses
     * `mail-token-invalid`, `password-breaks-rule` and what is wrong with the second factor; but for the first, the token
     * stays good.
     */
    async resetPassword(
      answer: ResetAnswer,
      origin: Origin,
    ): Promise<{ accountId: AccountId; userCode: string | undefined }> {
      const found = await findMeant(answer.token);
      if (!found) throw new DomainError('mail-token-invalid');
      const { mailToken } = found;
      const { accountId, tokenMac } = mailToken;
      const hasSecondFactor = await proofs.hasSecondFactor(accountId);
      const prepared = await passwordRenewal.prepare(accountId, answer.newPassword, { hasSecondFactor });
      if (hasSecondFactor) await proveFactor(mailToken, answer, origin);
      const links = await inTransaction(async (stores) => {
        const taken = await stores.accounts.takeMailToken('reset-password', tokenMac, now());
        const record = taken && (await stores.accounts.find(accountId));
        if (!record || !isMeant(record, taken)) throw new DomainError('mail-token-invalid');
        // One that was added a moment ago has not been asked for yet; the token stays, for the next try.
        const isOn = await stores.proofs.hasSecondFactor(accountId);
        if (isOn && !hasSecondFactor) throw new DomainError('code-wrong');
        const { email, username, language, passwordHash: from } = record;
        const entry = { event: 'password-reset', actor: accountId, origin } as const;
        await passwordRenewal.renew(stores, { accountId, from, ...prepared }, entry);
        // What was counted against the old password is forgotten: one that was locked comes free so.
        await stores.accounts.forgiveFailures(accountId);
        const details = { username, ...whereAndWhen(origin, now()) };
        await notices.tell(
          stores,
          'password-reset',
          { email, language: language ?? 'en', accountId },
          details,
        );
        return access.endAccess(stores, accountId, origin);
      });
      announce(links);
      return { accountId, userCode: mailTokens.userCodeOf(mailToken) };
    },
  };
}

/**
 * Whether it is still the account that the mail went to: at the same address, with the same password. Whoever knew an older
 * one may have asked for the mail.
 */
function isMeant(record: AccountRecord, { email, createdAt }: MailToken): boolean {
  if (!mayReset(record) || parseEmail(record.email).folded !== email) return false;
  return record.passwordChangedAt <= createdAt;
}
