// Closing an account: with a fresh proof, at once for everybody who is in it, and for good after fourteen days. Until then its
// owner may come back, by signing in or by the link in the mail, to keep it and for nothing else.
// Specification: DESIGN 6; which things end at once is argued in docs/decisions.md.
import type { AccountAccess, AccessStores } from './account-access.js';
import type { AccountRecord, AccountStore } from './account-records.js';
import type { CredentialStore } from './account-records-credentials.js';
import type { Audit } from './audit.js';
import type { EmailStore } from './email-verification.js';
import type { HouseholdEnding } from './household-ending.js';
import type { HouseholdStores } from './household-opening.js';
import type { Link } from './links.js';
import type { MailTokens } from './mail-tokens.js';
import type { KnownBrowserStore } from './known-browsers.js';
import { momentOf, whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { Proofs, ProofStore } from './proofs.js';
import type { Session } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import type { HalfDoneSignIn } from './sign-in-half-done.js';
import {
  contextClass,
  DomainError,
  type AccountId,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';

export interface AccountClosingStores extends AccessStores, Omit<HouseholdStores, 'accounts'> {
  readonly accounts: AccountStore & EmailStore & KnownBrowserStore;
  readonly credentials: CredentialStore;
  readonly outbox: OutboxStore;
  readonly proofs: Pick<ProofStore, 'hasSecondFactor'>;
}

export interface AccountClosingDependencies {
  readonly store: AccountStore;
  readonly credentials: Pick<CredentialStore, 'findClosed'>;
  readonly inTransaction: InTransaction<AccountClosingStores>;
  readonly signIn: Pick<
    SignIn,
    'proveForChange' | 'requireStillEnough' | 'findHalfDone' | 'attemptSecondProof' | 'proveWithPasskey'
  >;
  readonly proofs: Pick<Proofs, 'hasSecondFactor' | 'checkCode' | 'useRecoveryCode'>;
  readonly mailTokens: MailTokens;
  readonly access: AccountAccess;
  readonly household: HouseholdEnding;
  /** Whoever waits for these links need not wait any more. */
  readonly announce: (links: readonly Link[]) => void;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: Clock;
  readonly settings: { readonly publicUrl: string };
}

/** How long a closed account can be kept after all. */
export const GRACE_DAYS = 14;
const GRACE_SECONDS = GRACE_DAYS * 86_400;
/** So many are ended in one run of the job. */
const AT_ONCE = 100;

/** What a closed account's page shows. */
export interface Closed {
  readonly accountId: AccountId;
  readonly username: string;
  readonly hasSecondFactor: boolean;
  readonly endsAt: Date;
}

type Factor = {
  readonly code?: string | undefined;
  readonly recoveryCode?: string | undefined;
  /** What the browser sent of a passkey, as JSON. */
  readonly passkey?: string | undefined;
};

export type AccountClosing = ReturnType<typeof createAccountClosing>;

export function createAccountClosing(dependencies: AccountClosingDependencies) {
  const { store, credentials, inTransaction, signIn, proofs, mailTokens, access, announce } = dependencies;
  const { household, audit, notices, now, settings } = dependencies;

  const before = (seconds: number): Date => new Date(now().getTime() - seconds * 1000);

  function endOf({ closedAt }: AccountRecord): Date | undefined {
    const endsAt = closedAt && new Date(closedAt.getTime() + GRACE_SECONDS * 1000);
    return endsAt && endsAt > now() ? endsAt : undefined;
  }

  /** Where an owner can be told; an address that nobody proved is somebody else's. */
  const recipientOf = ({ accountId, email, emailVerifiedAt, language }: AccountRecord) =>
    emailVerifiedAt && { email, language: language ?? 'en', accountId };

  async function mailWayBack(
    stores: AccountClosingStores,
    record: AccountRecord,
    origin: Origin,
  ): Promise<void> {
    const to = recipientOf(record);
    if (!to) return;
    const { accountId, username } = record;
    const asked = { accountId, purpose: 'keep-account', email: to.email.toLowerCase() } as const;
    const token = await mailTokens.mint(stores, { ...asked, seconds: GRACE_SECONDS });
    const address = `${settings.publicUrl}/keep-account?token=${token}`;
    const until = momentOf(before(-GRACE_SECONDS));
    const details = { username, address, days: GRACE_DAYS, until, ...whereAndWhen(origin, now()) };
    await notices.tell(stores, 'account-closed', to, details, GRACE_SECONDS);
  }

  /** In a transaction: the account is open again, for whoever signs in to it. Refuses `sign-in-over` after the grace. */
  async function reopen(stores: AccountClosingStores, accountId: AccountId, origin: Origin): Promise<void> {
    const record = await stores.accounts.find(accountId);
    const isKept = record && (await stores.credentials.reopen(accountId, before(GRACE_SECONDS)));
    if (!isKept) throw new DomainError('sign-in-over');
    await stores.signIns.removeByAccount(accountId);
    await audit.record(stores, { event: 'account-kept', accountId, actor: accountId, origin });
    const to = recipientOf(record);
    const details = { username: record.username, ...whereAndWhen(origin, now()) };
    if (to) await notices.tell(stores, 'account-kept', to, details);
  }

  async function present(record: AccountRecord | undefined): Promise<Closed | undefined> {
    const endsAt = record && endOf(record);
    if (!endsAt) return undefined;
    const hasSecondFactor = await proofs.hasSecondFactor(record.accountId);
    return { accountId: record.accountId, username: record.username, hasSecondFactor, endsAt };
  }

  async function findMailed(token: string) {
    const found = await mailTokens.find('keep-account', token);
    const record = found && (await store.find(found.accountId));
    return record && endOf(record) ? { found, record } : undefined;
  }

  /** The second proof of a half-done sign-in, where there is one to give. */
  async function proveFactor(
    signInToken: string,
    { code, recoveryCode, passkey }: Factor,
    origin: Origin,
  ): Promise<void> {
    if (passkey) {
      await signIn.proveWithPasskey(signInToken, passkey, origin);
      return;
    }
    if (!code && !recoveryCode) throw new DomainError('code-wrong');
    await signIn.attemptSecondProof<{ outcome: 'right' }>(signInToken, async (accountId) => {
      const outcome = code
        ? await proofs.checkCode(accountId, code, origin)
        : (await proofs.useRecoveryCode(accountId, recoveryCode ?? '', origin)).outcome;
      return { outcome };
    });
  }

  /** Begun with both factors at once, by a passkey: there is no second step. */
  const isWhole = ({ methods }: Pick<HalfDoneSignIn, 'methods'>): boolean => contextClass(methods) === 'aal2';

  return {
    /**
     * Closes the account, with a fresh proof: from this moment nobody is in it, no tool, no session, and nothing is issued
     * for it. Resolves to when it ends for good. Refuses what `proveForChange` refuses, and `account-closed`.
     */
    async closeAccount(session: Session, proof: ChangeProof, origin: Origin): Promise<Date> {
      const provedWith = await signIn.proveForChange(session, proof, origin);
      const { accountId } = session;
      const links = await inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        const isThere = await stores.sessions.find(session.sessionHash);
        // A reset in between has ended this session: whoever holds it may not close what the owner took back.
        if (!isThere) throw new DomainError('sign-in-over');
        const record = await stores.accounts.find(accountId);
        const isClosed = record && (await stores.credentials.close(accountId, now()));
        if (!isClosed) throw new DomainError('account-closed');
        const withdrawn = await access.endAccess(stores, accountId, origin);
        await audit.record(stores, { event: 'account-closed', accountId, actor: accountId, origin });
        await mailWayBack(stores, record, origin);
        return withdrawn;
      });
      announce(links);
      return before(-GRACE_SECONDS);
    },

    /** What a token of the mail would keep, without using it up; undefined for one that is good for nothing. */
    findKeepable: async (token: string): Promise<Closed | undefined> =>
      present((await findMailed(token))?.record),

    /** The same of a half-done sign-in, whose password was right. */
    async findReturning(signInToken: string): Promise<Closed | undefined> {
      const halfDone = await signIn.findHalfDone(signInToken);
      const found = halfDone && (await present(await store.find(halfDone.accountId)));
      return found && { ...found, hasSecondFactor: found.hasSecondFactor && !isWhole(halfDone) };
    },

    /** Uses the token of the mail up: the account is open again, and nobody is signed in by it. Refuses `mail-token-invalid`. */
    async keepByMail(token: string, origin: Origin): Promise<void> {
      const kept = await findMailed(token);
      if (!kept) throw new DomainError('mail-token-invalid');
      await inTransaction(async (stores) => {
        const { tokenMac, accountId } = kept.found;
        if (!(await stores.accounts.takeMailToken('keep-account', tokenMac, now()))) {
          throw new DomainError('mail-token-invalid');
        }
        await reopen(stores, accountId, origin);
      });
    },

    /**
     * Keeps the account of a half-done sign-in, with the second factor where there is one; then its owner signs in anew.
     * Refuses `code-wrong`, `factor-locked`, `service-busy`, and `sign-in-over` (ten minutes, five wrong codes, or too late).
     */
    async keepBySignIn(signInToken: string, factor: Factor, origin: Origin): Promise<void> {
      const halfDone = await signIn.findHalfDone(signInToken);
      if (!halfDone) throw new DomainError('sign-in-over');
      const { accountId, signInHash } = halfDone;
      if (!isWhole(halfDone) && (await proofs.hasSecondFactor(accountId)))
        await proveFactor(signInToken, factor, origin);
      await inTransaction(async (stores) => {
        if (!(await stores.signIns.take(signInHash, now()))) throw new DomainError('sign-in-over');
        await reopen(stores, accountId, origin);
      });
    },

    /**
     * Ends for good what was closed fourteen days ago: names, proofs, tools, and the account. What was remembered of it
     * stays, without addresses and browsers. Resolves to how many.
     */
    async endClosed(): Promise<number> {
      const closedBy = before(GRACE_SECONDS);
      let ended = 0;
      for (const accountId of await credentials.findClosed(closedBy, AT_ONCE)) {
        const links = await inTransaction(async (stores) => {
          const record = await stores.accounts.find(accountId);
          if (!record || !(await stores.credentials.erase(accountId, closedBy))) return undefined;
          const withdrawn = await household.endHousehold(stores, record);
          await stores.audit.forgetPerson(accountId);
          await audit.record(stores, { event: 'account-ended', accountId, actor: 'job' });
          const to = recipientOf(record);
          if (to) await notices.tell(stores, 'account-ended', to, { username: record.username });
          return withdrawn;
        });
        announce(links ?? []);
        if (links) ended += 1;
      }
      return ended;
    },
  };
}
