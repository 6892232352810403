// Passkeys as proofs: a challenge for each purpose, answered once by whom it was made for, and what an answer comes to. Which
// passkeys an account has changes in two-factor-passkeys.ts; what a proof is good for is not known here.
// Specification: WebAuthn Level 3 §7.2, §13.4.3 and §6.1.1 (counts), NIST SP 800-63B §3.2.2, CHECKLIST 3.2.
import type { CheckedAnswer, PasskeyOptions, PasskeyProtocol, ReadAnswer } from '../crypto/passkeys.js';
import type { Audit } from './audit.js';
import { createFactorLocks, type FactorStores, type Recipient } from './factor-locks.js';
import { whereAndWhen, type Notices } from './notices.js';
import type { Passkey, PasskeyStore } from './passkeys-records.js';
import type { Throttle } from './throttle.js';
import {
  DomainError,
  type AccountId,
  type AuthenticationMethod,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';

export type { Passkey, PasskeyId, PasskeyStore } from './passkeys-records.js';

/** What a browser sent of a passkey, and the form that it was asked for. */
export interface PasskeyAnswer {
  /** JSON, as it came. */
  readonly response: string;
  /** The purpose that the challenge must have been made for. */
  readonly purpose: string;
}

/** Who has to answer: what names the session, the half-done sign-in, the mailed link or the browser. */
export type PasskeyHolder = `${'session' | 'sign-in' | 'mail' | 'browser'} ${string}`;

export interface AskedPasskey {
  readonly purpose: string;
  readonly holder: PasskeyHolder;
  /** Whose passkeys will do; undefined for whoever's it is. */
  readonly accountId: AccountId | undefined;
  /** Whether it must make sure who holds it: then it is both factors. */
  readonly mustVerify: boolean;
}

/**
 * `unverified`: it is right, but has not made sure who holds it, where that is asked for; nothing is counted then. `stopped`: it
 * counted less than before, now or once.
 */
export type PasskeyOutcome =
  | { readonly outcome: 'right'; readonly passkey: Passkey; readonly isVerified: boolean }
  | { readonly outcome: 'wrong' | 'locked' | 'unverified' | 'stopped' };

export type PasskeyFactorStores = FactorStores & { readonly passkeys: PasskeyStore };

/** Longer than a browser lets a person look for a key; ten minutes, as a half-done sign-in. */
const CHALLENGE_SECONDS = 600;

export interface PasskeysDependencies {
  readonly store: PasskeyStore;
  readonly inTransaction: InTransaction<PasskeyFactorStores>;
  readonly protocol: PasskeyProtocol;
  readonly throttle: Pick<Throttle, 'spend'>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly findRecipient: (accountId: AccountId) => Promise<Recipient | undefined>;
  readonly now: Clock;
  /** A new 256-bit secret, base64url. */
  readonly newSecret: () => string;
  readonly hash: (secret: string) => string;
}

export type Passkeys = ReturnType<typeof createPasskeys>;

/** WebAuthn Level 3 §6.1.1: two zeros are no count; else it must have grown, or there are two of what may be one only. */
const hasCountedOn = (before: number, now: number): boolean => now > before || (now === 0 && before === 0);

export function createPasskeys(dependencies: PasskeysDependencies) {
  const { store, inTransaction, protocol, throttle, findRecipient } = dependencies;
  const { audit, notices, now, newSecret, hash } = dependencies;
  const locks = createFactorLocks(dependencies);

  /** What an authenticator keeps to know the account by: it tells nothing, and is no id of ours. */
  const userHandleOf = (accountId: AccountId): string => hash(`passkeys of ${accountId}`);

  /** A challenge that waits; `methods`: what was proved for it. Refuses `passkeys-off`, `too-many` by network. */
  async function makeChallenge(
    { purpose, holder, accountId }: Omit<AskedPasskey, 'mustVerify'>,
    methods: readonly AuthenticationMethod[],
    origin: Origin,
  ): Promise<string> {
    if (protocol.hindrance) throw new DomainError('passkeys-off');
    await throttle.spend('passkey-challenge-by-network', origin.network);
    const challenge = newSecret();
    const createdAt = now();
    const expiresAt = new Date(createdAt.getTime() + CHALLENGE_SECONDS * 1000);
    const kept = { challengeHash: hash(challenge), purpose, holderHash: hash(holder), accountId, methods };
    await inTransaction(({ passkeys }) => passkeys.insertChallenge({ ...kept, createdAt, expiresAt }));
    return challenge;
  }

  /**
   * The challenge that was answered, which nobody can answer again, whatever comes of it. Refuses `passkey-over`: expired,
   * answered, or made for another purpose, session or browser (WebAuthn Level 3 §13.4.3).
   */
  async function takeChallenge(
    { challenge }: ReadAnswer,
    { purpose, holder, accountId }: Pick<AskedPasskey, 'purpose' | 'holder' | 'accountId'>,
  ) {
    const named = { challengeHash: hash(challenge), purpose, holderHash: hash(holder) };
    const taken = await inTransaction(({ passkeys }) => passkeys.takeChallenge(named, now()));
    if (!taken || taken.accountId !== accountId) throw new DomainError('passkey-over');
    return taken;
  }

  /** In a transaction: it opens nothing any more, and its owner is told. */
  async function stop(
    stores: PasskeyFactorStores,
    { passkeyId, accountId, name }: Passkey,
    recipient: Recipient | undefined,
    origin: Origin,
  ): Promise<void> {
    if (!(await stores.passkeys.stop(passkeyId, now()))) return;
    const entry = { event: 'passkey-stopped', accountId, actor: accountId, origin } as const;
    await audit.record(stores, { ...entry, details: { passkey: passkeyId, name } });
    if (!recipient) return;
    const told = { username: recipient.username, name, ...whereAndWhen(origin, now()) };
    await notices.tell(stores, 'passkey-stopped', { ...recipient, accountId }, told);
  }

  /** In one transaction: what the answer costs the account, or that it was right. `passkey`: undefined for another's. */
  async function settle(
    { accountId, passkey }: { readonly accountId: AccountId; readonly passkey: Passkey | undefined },
    checked: CheckedAnswer | undefined,
    origin: Origin,
  ): Promise<'right' | 'wrong' | 'locked' | 'stopped'> {
    const recipient = await findRecipient(accountId);
    return inTransaction(async (stores) => {
      const kept = passkey && (await stores.passkeys.findByCredential(passkey.credentialId));
      if (checked && kept?.stoppedAt) return 'stopped';
      if (checked && kept && !hasCountedOn(kept.signCount, checked.signCount)) {
        await stop(stores, kept, recipient, origin);
        return 'stopped';
      }
      const attempt = { accountId, kind: 'passkey', origin, recipient } as const;
      const use = { at: now(), from: origin.networkAddress };
      return locks.settle(stores, attempt, async () =>
        checked && kept ? stores.passkeys.recordUse(kept.passkeyId, { ...checked, ...use }) : false,
      );
    });
  }

  return {
    /** Why there are none at this address; undefined where there can be. */
    hindrance: protocol.hindrance,

    userHandleOf,
    makeChallenge,
    takeChallenge,

    listPasskeys: (accountId: AccountId): Promise<Passkey[]> => store.findByAccount(accountId),

    async hasPasskey(accountId: AccountId): Promise<boolean> {
      return (await store.findByAccount(accountId)).length > 0;
    },

    /**
     * What the browser asks for: a passkey of this account, or of whoever's it is. Refuses `passkeys-off`, `factor-not-on` for
     * an account that has none, `too-many` by network.
     */
    async askForPasskey(asked: AskedPasskey, origin: Origin): Promise<PasskeyOptions> {
      const { accountId, mustVerify } = asked;
      const own = accountId === undefined ? [] : await store.findByAccount(accountId);
      if (accountId !== undefined && own.length === 0) throw new DomainError('factor-not-on');
      const challenge = await makeChallenge(asked, [], origin);
      // One that was stopped is asked for as well: only so its owner learns why it opens nothing.
      const userVerification = mustVerify ? 'required' : 'preferred';
      return protocol.requestOptions({ challenge, allow: own, userVerification });
    },

    /**
     * Whether the answer is right: a passkey of the account that was asked for, or of anybody's. The challenge is used up first;
     * then a wrong answer counts for the account that was asked for, or else for the one that the passkey is of, and the count
     * commits before this resolves. Refuses `passkey-over`, and `passkey-wrong` for what no browser sends.
     */
    async checkPasskey(asked: AskedPasskey, response: string, origin: Origin): Promise<PasskeyOutcome> {
      const answer = protocol.readAnswer(response);
      if (!answer) throw new DomainError('passkey-wrong');
      await takeChallenge(answer, asked);
      const found = await store.findByCredential(answer.credentialId);
      const accountId = asked.accountId ?? found?.accountId;
      // Nobody's: there is no account to count it for.
      if (accountId === undefined) return { outcome: 'wrong' };
      // WebAuthn Level 3 §7.2: whoever was not named before names themself; whoever was, is the one that it is of.
      const isNamed = answer.userHandle === undefined ? asked.accountId !== undefined : true;
      const isSame = answer.userHandle === undefined || answer.userHandle === userHandleOf(accountId);
      const passkey = found?.accountId === accountId && isNamed && isSame ? found : undefined;
      const checked = passkey && (await protocol.checkAnswer(answer, passkey));
      if (checked && asked.mustVerify && !checked.isUserVerified) return { outcome: 'unverified' };
      const outcome = await settle({ accountId, passkey }, checked, origin);
      if (outcome !== 'right' || !passkey || !checked) {
        return { outcome: outcome === 'right' ? 'wrong' : outcome };
      }
      return { outcome, passkey, isVerified: checked.isUserVerified };
    },
  };
}
