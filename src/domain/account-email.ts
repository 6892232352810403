// Another e-mail address for an account: asked for with a fresh proof, confirmed from the new mailbox by somebody who is signed
// in to this very account. Until then the old address stays, and hears of it. How a first address is proved: email-verification.
// Specification: OWASP ASVS 5.0 §6.4 and §7.2.4, NIST SP 800-63B §4.6, CHECKLIST 2 (takeover, enumeration).
import { sha256 } from '../crypto/secrets.js';
import type { AccountRecord, AccountStore } from './account-records.js';
import type { CredentialStore } from './account-records-credentials.js';
import type { Audit, AuditStore } from './audit.js';
import type { EmailStore, EmailVerification, MailToken } from './email-verification.js';
import { parseEmail, type LoginName } from './login-names.js';
import type { MailTokens } from './mail-tokens.js';
import {
  whereAndWhen,
  type NoticeDetails,
  type NoticeName,
  type Notices,
  type OutboxStore,
} from './notices.js';
import type { ProofStore } from './proofs.js';
import type { IssuedSession, Session, Sessions, SessionStore } from './sessions.js';
import type { SignIn } from './sign-in.js';
import type { ChangeProof } from './sign-in-fresh-proof.js';
import type { Throttle } from './throttle.js';
import { DomainError, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export interface AccountEmailStores {
  readonly accounts: AccountStore & EmailStore;
  readonly credentials: CredentialStore;
  readonly sessions: SessionStore;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
  readonly proofs: Pick<ProofStore, 'hasSecondFactor'>;
}

export interface AccountEmailDependencies {
  readonly store: AccountStore;
  readonly inTransaction: InTransaction<AccountEmailStores>;
  readonly signIn: Pick<SignIn, 'proveForChange' | 'requireStillEnough'>;
  readonly sessions: Pick<Sessions, 'rotateSession'>;
  readonly giveAddress: EmailVerification['giveAddress'];
  readonly mailTokens: MailTokens;
  readonly throttle: Pick<Throttle, 'spend'>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: Clock;
  readonly settings: { readonly publicUrl: string };
}

/** NIST SP 800-63B §4.2: a link sent by mail lives 24 hours at most. */
const CONFIRM_SECONDS = 24 * 3600;

export type AccountEmail = ReturnType<typeof createAccountEmail>;

export function createAccountEmail(dependencies: AccountEmailDependencies) {
  const { store, inTransaction, signIn, sessions, giveAddress, mailTokens } = dependencies;
  const { throttle, audit, notices, now, settings } = dependencies;

  async function findRecord({ accountId }: Pick<Session, 'accountId'>): Promise<AccountRecord> {
    const record = await store.find(accountId);
    if (!record || record.closedAt) throw new DomainError('not-found');
    return record;
  }

  /** At the address that the account has proved, or not at all. */
  async function tellOld<Name extends NoticeName>(
    stores: AccountEmailStores,
    notice: Name,
    { accountId, email, emailVerifiedAt, language }: AccountRecord,
    details: NoticeDetails[Name],
  ): Promise<void> {
    if (emailVerifiedAt === undefined) return;
    await notices.tell(stores, notice, { email, language: language ?? 'en', accountId }, details);
  }

  /**
   * Mails the new address: its one-time link, or, where somebody has proved it, a word to its owner. The token is kept
   * either way: nothing that the asker sees, and no work, depends on which.
   */
  async function mailNew(stores: AccountEmailStores, record: AccountRecord, asked: LoginName): Promise<void> {
    const { accountId, username } = record;
    const token = await mailTokens.mint(stores, {
      accountId,
      purpose: 'change-email',
      email: asked.folded,
      shownEmail: asked.shown,
      seconds: CONFIRM_SECONDS,
    });
    const holder = await stores.accounts.findNameHolder(asked.folded);
    const owner = await stores.accounts.find(holder?.accountId ?? accountId);
    const isTaken = holder?.isProved === true && owner !== undefined && owner.accountId !== accountId;
    if (isTaken) {
      const to = { email: owner.email, language: owner.language ?? 'en', accountId: owner.accountId };
      await notices.tell(stores, 'email-change-taken', to, { username: owner.username }, CONFIRM_SECONDS);
      return;
    }
    const address = `${settings.publicUrl}/account/email/confirm?token=${token}`;
    const to = { email: asked.shown, language: record.language ?? 'en', accountId };
    const details = { username, address, minutes: CONFIRM_SECONDS / 60 };
    await notices.tell(stores, 'email-change-link', to, details, CONFIRM_SECONDS);
  }

  const isMeant = (record: AccountRecord, { createdAt }: MailToken): boolean =>
    record.closedAt === undefined && record.passwordChangedAt <= createdAt;

  async function findMeant(
    session: Pick<Session, 'accountId'>,
    token: string,
  ): Promise<MailToken | undefined> {
    const found = await mailTokens.find('change-email', token);
    if (!found || found.accountId !== session.accountId || found.shownEmail === undefined) return undefined;
    const record = await store.find(found.accountId);
    return record && isMeant(record, found) ? found : undefined;
  }

  return {
    /**
     * Asks for another address; the one asked for before is asked for no more. It is mailed a link, and the old address a
     * word. Refuses `email-invalid`, `account-name-taken` for the address that the account has already, `too-many` (mails to
     * that address), what `proveForChange` refuses, and `sign-in-over`.
     */
    async askChange(
      session: Session,
      { email: typed, ...proof }: ChangeProof & { readonly email: string },
      origin: Origin,
    ): Promise<IssuedSession> {
      const email = parseEmail(typed);
      const record = await findRecord(session);
      if (record.emailVerifiedAt && parseEmail(record.email).folded === email.folded) {
        throw new DomainError('account-name-taken', { publicDetail: 'This is your address already.' });
      }
      const provedWith = await signIn.proveForChange(session, proof, origin);
      await throttle.spend('mail-by-address', sha256(email.folded));
      const { accountId, username } = record;
      return inTransaction(async (stores) => {
        await signIn.requireStillEnough(stores, session, provedWith);
        const issued = await sessions.rotateSession(stores, session, { provedWith, origin });
        await mailNew(stores, record, email);
        const details = { username, email: email.shown, ...whereAndWhen(origin, now()) };
        await tellOld(stores, 'email-change-asked', record, details);
        await audit.record(stores, { event: 'email-change-asked', accountId, actor: accountId, origin });
        return issued;
      });
    },

    /** The address that a token would give this account, without using it up; undefined for one that is good for nothing. */
    async findChange(session: Pick<Session, 'accountId'>, token: string): Promise<string | undefined> {
      return (await findMeant(session, token))?.shownEmail;
    },

    /**
     * Uses a token up: the address is the account's, proved, and goes over from an account that never proved it; the old one
     * is free. The session must be the account's own: a mistyped address must not hand the account to whoever reads its
     * mail. Refuses `mail-token-invalid` and `sign-in-over`.
     */
    async confirmChange(session: Session, token: string, origin: Origin): Promise<IssuedSession> {
      const found = await findMeant(session, token);
      if (!found) throw new DomainError('mail-token-invalid');
      const { accountId, email: folded, shownEmail = folded } = found;
      return inTransaction(async (stores) => {
        const taken = await stores.accounts.takeMailToken('change-email', found.tokenMac, now());
        const record = taken && (await stores.accounts.find(accountId));
        if (!record || !isMeant(record, taken)) throw new DomainError('mail-token-invalid');
        if (!(await giveAddress(stores, accountId, folded, origin)))
          throw new DomainError('mail-token-invalid');
        const before = record.email === '' ? undefined : parseEmail(record.email).folded;
        if (before !== undefined && before !== folded) {
          await stores.credentials.releaseEmail(before, accountId);
          // A link in the old mailbox must not open the account any more.
          await stores.accounts.removeMailTokensTo(before);
        }
        await stores.credentials.replaceEmail(accountId, shownEmail, now());
        const details = { username: record.username, email: shownEmail, ...whereAndWhen(origin, now()) };
        await tellOld(stores, 'email-changed', record, details);
        await audit.record(stores, { event: 'email-changed', accountId, actor: accountId, origin });
        return sessions.rotateSession(stores, session, { origin });
      });
    },
  };
}
