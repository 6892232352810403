// Proving that an e-mail address is one's own: a one-time token by mail, looked at by GET and used by POST.
// Whoever proves an address takes it over from a holder who has not; a proved one is never taken. Changing an address and
// reset links are other rooms. Specification: OWASP ASVS 5.0 §6.4, CHECKLIST 2 (takeover), DESIGN 6.
import { sha256, type Keyring } from '../crypto/secrets.js';
import type { AccountRecord, AccountStore } from './account-records.js';
import type { Audit, AuditStore } from './audit.js';
import { parseEmail } from './login-names.js';
import type { Notices, OutboxStore } from './notices.js';
import type { Throttle } from './throttle.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

export interface MailToken {
  readonly tokenMac: string;
  readonly accountId: AccountId;
  readonly purpose: 'verify-email' | 'reset-password' | 'change-email' | 'keep-account';
  /** The folded address that the mail went to. */
  readonly email: string;
  readonly sealedUserCode: string | undefined;
  /** An address that is to become the account's, as its owner writes it. */
  readonly shownEmail?: string | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface EmailStore {
  /** Puts the token in place of any other of its account and purpose: one lives at a time. */
  replaceMailToken(token: MailToken): Promise<void>;
  findMailToken(purpose: MailToken['purpose'], tokenMac: string, now: Date): Promise<MailToken | undefined>;
  /** Reads and removes, once; undefined when it is unknown, used or expired. */
  takeMailToken(purpose: MailToken['purpose'], tokenMac: string, now: Date): Promise<MailToken | undefined>;
  removeMailTokensTo(email: string): Promise<void>;
  removeExpiredMailTokens(now: Date): Promise<number>;
  /** Makes a held name this account's own, proved. False when somebody else has proved it. */
  proveName(folded: string, accountId: AccountId): Promise<boolean>;
  markEmailVerified(accountId: AccountId, at: Date): Promise<boolean>;
  /** Takes the address off an account that has not proved it. */
  forgetEmail(accountId: AccountId): Promise<boolean>;
}

export interface EmailVerificationStores {
  readonly accounts: AccountStore & EmailStore;
  readonly identities: { findByAccount(accountId: AccountId): Promise<readonly unknown[]> };
  readonly proofs: { hasSecondFactor(accountId: AccountId): Promise<boolean> };
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
}

export interface EmailVerificationDependencies {
  readonly store: AccountStore & EmailStore;
  readonly inTransaction: InTransaction<EmailVerificationStores>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly throttle: Pick<Throttle, 'spend' | 'trySpend'>;
  readonly keyring: Pick<Keyring, 'mac' | 'macs' | 'seal' | 'open'>;
  readonly now: Clock;
  readonly newSecret: () => string;
  readonly settings: { readonly publicUrl: string };
}

/** NIST SP 800-63B §4.2: a link sent by mail lives 24 hours at most. */
const TOKEN_SECONDS = 24 * 3600;
/** What newSecret makes is 43 characters; nothing longer is worth a mac. */
const LONGEST_TOKEN = 100;

export type EmailVerification = ReturnType<typeof createEmailVerification>;

export function createEmailVerification(dependencies: EmailVerificationDependencies) {
  const { store, inTransaction, audit, notices, throttle, keyring, now, newSecret, settings } = dependencies;

  /** Spends one mail to the address. False when it has had its share; then nothing is sent. */
  const mayMail = (folded: string): Promise<boolean> => throttle.trySpend('mail-by-address', sha256(folded));

  /** Mails a one-time address to whoever reads the account's mail; with a pending user code, to go on with it there. */
  async function mailToken(
    stores: EmailVerificationStores,
    account: Pick<AccountRecord, 'accountId' | 'email' | 'username' | 'language'>,
    userCode: string | undefined,
  ): Promise<void> {
    const token = newSecret();
    const { accountId, email, username } = account;
    await stores.accounts.replaceMailToken({
      tokenMac: keyring.mac('mail-token', token),
      accountId,
      purpose: 'verify-email',
      email: parseEmail(email).folded,
      sealedUserCode: userCode === undefined ? undefined : keyring.seal('pending-code', userCode, accountId),
      createdAt: now(),
      expiresAt: new Date(now().getTime() + TOKEN_SECONDS * 1000),
    });
    const address = `${settings.publicUrl}/verify-email?token=${token}`;
    const to = { email, language: account.language ?? 'en', accountId };
    await notices.tell(
      stores,
      'verify-email',
      to,
      { address, username, minutes: TOKEN_SECONDS / 60 },
      TOKEN_SECONDS,
    );
  }

  /**
   * Tells whoever owns the account's address what they need to know: how to prove it, or, if somebody has proved it
   * already, that they have an account. Nothing that the asker sees depends on which.
   */
  async function mailOwner(
    stores: EmailVerificationStores,
    account: AccountRecord,
    userCode: string | undefined,
    origin: Origin,
  ): Promise<void> {
    const holder = await stores.accounts.findNameHolder(parseEmail(account.email).folded);
    const isTaken = holder?.isProved === true && holder.accountId !== account.accountId;
    if (!isTaken) return mailToken(stores, account, userCode);
    const owner = await stores.accounts.find(holder.accountId);
    if (!owner) return;
    const { accountId, email, language } = owner;
    await audit.record(stores, { event: 'sign-up-with-taken-email', accountId, actor: 'anyone', origin });
    const to = { email, language: language ?? 'en', accountId };
    const address = `${settings.publicUrl}/sign-in`;
    await notices.tell(stores, 'email-already-known', to, { address }, TOKEN_SECONDS);
  }

  /** Gives the address to the account, and takes it off another that never proved it. */
  async function giveAddress(
    stores: Pick<EmailVerificationStores, 'accounts' | 'audit'>,
    accountId: AccountId,
    folded: string,
    origin?: Origin,
  ): Promise<boolean> {
    const { accounts } = stores;
    const holder = await accounts.findNameHolder(folded);
    const isOurs = holder
      ? await accounts.proveName(folded, accountId)
      : await accounts.claimName({ folded, accountId, kind: 'email', isProved: true });
    if (!isOurs) return false;
    if (holder && holder.accountId !== accountId) {
      await accounts.forgetEmail(holder.accountId);
      const entry = { accountId: holder.accountId, actor: accountId, ...(origin && { origin }) };
      await audit.record(stores, { event: 'email-taken-over', ...entry });
    }
    // Nobody else's token for this address means anything from now on.
    await accounts.removeMailTokensTo(folded);
    return accounts.markEmailVerified(accountId, now());
  }

  /**
   * Whether a reset gives the account to whoever reads its mail, whole: then a stranger's account that bears their address does
   * them no harm. What somebody else has added beside the password would outlive the reset, or stand in its way.
   */
  async function isResetEnough(stores: EmailVerificationStores, account: AccountRecord): Promise<boolean> {
    const { accountId, passwordHash } = account;
    if (passwordHash === '' || (await stores.proofs.hasSecondFactor(accountId))) return false;
    return (await stores.identities.findByAccount(accountId)).length === 0;
  }

  async function findToken(token: string): Promise<MailToken | undefined> {
    if (token.length > LONGEST_TOKEN) return undefined;
    for (const tokenMac of keyring.macs('mail-token', token)) {
      const found = await store.findMailToken('verify-email', tokenMac, now());
      if (found) return found;
    }
    return undefined;
  }

  return {
    mayMail,
    mailOwner,
    giveAddress,

    /**
     * Mails a new one-time address; the one before it is dead. Refuses `email-invalid` when the account has no address,
     * `too-many`, `not-found`. A verified account gets nothing, and no refusal.
     */
    async sendVerification(
      accountId: AccountId,
      about: { userCode?: string },
      origin: Origin,
    ): Promise<void> {
      const account = await store.find(accountId);
      if (!account || account.closedAt) throw new DomainError('not-found');
      if (account.emailVerifiedAt) return;
      await throttle.spend('mail-by-address', sha256(parseEmail(account.email).folded));
      await inTransaction((stores) => mailOwner(stores, account, about.userCode, origin));
    },

    /** Whose address a token would verify, without using it up; undefined for one that is unknown, used or expired. */
    async findVerification(token: string): Promise<{ email: string; username: string } | undefined> {
      const found = await findToken(token);
      const account = found && (await store.find(found.accountId));
      return account && !account.closedAt ? { email: account.email, username: account.username } : undefined;
    },

    /**
     * Uses a token up and verifies its address, which goes over to its account from one that never proved it. Resolves to
     * the account, and the user code that was pending when the mail was sent. An account with more than a password wants its own
     * session, `signedInTo`. Refuses `mail-token-invalid`, `not-signed-in-to-it` (the token stays good).
     */
    async verifyEmail(
      token: string,
      origin: Origin,
      signedInTo?: AccountId,
    ): Promise<{ accountId: AccountId; userCode?: string }> {
      const found = await findToken(token);
      if (!found) throw new DomainError('mail-token-invalid');
      const { accountId, tokenMac, email, sealedUserCode } = found;
      await inTransaction(async (stores) => {
        const taken = await stores.accounts.takeMailToken('verify-email', tokenMac, now());
        const account = taken && (await stores.accounts.find(accountId));
        const isMeant = account && !account.closedAt && account.email.toLowerCase() === email;
        if (!isMeant) throw new DomainError('mail-token-invalid');
        if (signedInTo !== accountId && !(await isResetEnough(stores, account))) {
          throw new DomainError('not-signed-in-to-it');
        }
        if (!(await giveAddress(stores, accountId, email, origin)))
          throw new DomainError('mail-token-invalid');
        await audit.record(stores, { event: 'email-verified', accountId, actor: accountId, origin });
      });
      if (sealedUserCode === undefined) return { accountId };
      return { accountId, userCode: keyring.open('pending-code', sealedUserCode, accountId) };
    },
  };
}
