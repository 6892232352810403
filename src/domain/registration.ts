// How accounts come to be: by sign-up, by the operator's first-run address, or from the command line.
// A sign-up with an address that has an account goes on exactly as any other, so that nobody learns of it; only the
// address's owner is told, by mail. Specification: OWASP ASVS 5.0 §6.3.8, CHECKLIST 2 (user enumeration).
import { PasswordsBusy, type Passwords } from '../crypto/passwords.js';
import { randomSecret, sha256 } from '../crypto/secrets.js';
import {
  presentAccount,
  type Account,
  type AccountRecord,
  type AccountRole,
  type AccountStore,
  type EmailVerificationMode,
} from './account-records.js';
import type { Audit, AuditEvent } from './audit.js';
import type { EmailStore, EmailVerification, EmailVerificationStores } from './email-verification.js';
import type { FirstRunStore } from './first-run.js';
import { parseEmail, parseUsername, type LoginName } from './login-names.js';
import { passwordLength, type PasswordRule } from './password-rule.js';
import type { Throttle } from './throttle.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';

interface Stores extends EmailVerificationStores {
  readonly accounts: AccountStore & EmailStore & FirstRunStore;
}

export interface RegistrationDependencies {
  readonly store: AccountStore & FirstRunStore;
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly throttle: Pick<Throttle, 'spend' | 'trySpend'>;
  readonly passwords: Pick<Passwords, 'hash'>;
  readonly rule: PasswordRule;
  readonly verification: EmailVerification;
  readonly now: Clock;
  readonly newId: () => string;
  readonly settings: {
    readonly signUp: 'open' | 'closed';
    readonly emailVerification: EmailVerificationMode;
  };
}

export interface NewAccount {
  readonly email: string;
  readonly username: string;
  readonly password: string;
  readonly language?: string;
}

/** An account for somebody whom another provider knows. */
export interface Opening extends Omit<NewAccount, 'password'> {
  readonly displayName: string;
  /** The provider has proved the address. */
  readonly isEmailVerified: boolean;
  readonly userCode?: string | undefined;
}

export interface PreparedOpening extends Opening {
  readonly candidate: Candidate;
  readonly isMailDue: boolean;
}

/** A new account whose names and password have been found good; the names are not claimed yet. */
interface Candidate {
  readonly record: AccountRecord;
  readonly email: LoginName;
  readonly username: LoginName;
}

export function createRegistration(dependencies: RegistrationDependencies) {
  const { store, inTransaction, audit, throttle, passwords, rule, verification, now, newId, settings } =
    dependencies;

  async function hash(password: string): Promise<string> {
    try {
      return await passwords.hash(password);
    } catch (cause) {
      if (!(cause instanceof PasswordsBusy)) throw cause;
      throw new DomainError('service-busy', { cause, retryAfterSeconds: cause.retryAfterSeconds });
    }
  }

  /** The record of an account that is about to be made; its number is drawn when it is inserted. */
  function newRecord(
    { email, username }: Pick<Candidate, 'email' | 'username'>,
    about: Pick<AccountRecord, 'displayName' | 'passwordHash' | 'passwordLength' | 'language' | 'role'>,
  ): AccountRecord {
    const at = now();
    return {
      ...about,
      accountId: newId() as AccountId,
      publicNumber: 0,
      email: email.shown,
      emailVerifiedAt: undefined,
      username: username.shown,
      createdAt: at,
      passwordChangedAt: at,
      closedAt: undefined,
    };
  }

  /** Checks everything that needs no transaction, the slow things last; `spend` stands between the cheap and the slow. */
  async function prepare(
    asked: NewAccount,
    { role = 'person', hasSecondFactor = false }: { role?: AccountRole; hasSecondFactor?: boolean },
    spend: () => Promise<unknown> = async () => undefined,
  ): Promise<Candidate> {
    const email = parseEmail(asked.email);
    const username = parseUsername(asked.username);
    const context = [username.shown, email.shown];
    const candidate = { password: asked.password, hasSecondFactor, context };
    rule.refusePlainFault(candidate);
    await spend();
    if (await store.findNameHolder(username.folded)) throw usernameTaken();
    await rule.requireGoodPassword(candidate);
    const names = { email, username };
    const record = newRecord(names, {
      displayName: username.shown,
      passwordHash: await hash(asked.password),
      passwordLength: passwordLength(asked.password),
      language: asked.language,
      role,
    });
    return { record, ...names };
  }

  /** Inserts the account and claims its names. An address that somebody holds stays theirs, and that is no refusal. */
  async function register(
    stores: Stores,
    candidate: Candidate,
    entry: { event: AuditEvent; origin?: Origin },
  ) {
    const { email, username } = candidate;
    const record = await insertNumbered(stores.accounts, candidate.record);
    const { accountId } = record;
    const isFree = await stores.accounts.claimName({
      folded: username.folded,
      accountId,
      kind: 'username',
      isProved: true,
    });
    if (!isFree) throw usernameTaken();
    const isAddressFree = await stores.accounts.claimName({
      folded: email.folded,
      accountId,
      kind: 'email',
      isProved: false,
    });
    await stores.accounts.removeFirstRun();
    await audit.record(stores, { ...entry, accountId, actor: entry.origin ? accountId : 'operator' });
    return { record, isAddressFree };
  }

  return {
    /**
     * Gets ready for an account without a password, of somebody whom another provider knows: all that takes no transaction. Refuses
     * `sign-up-closed` during the first run, `email-invalid`, `account-name-invalid`, `account-name-taken` (the user name).
     */
    async prepareOpening(asked: Opening): Promise<PreparedOpening> {
      if (!(await store.hasAny())) throw new DomainError('sign-up-closed');
      const names = { email: parseEmail(asked.email), username: parseUsername(asked.username) };
      if (await store.findNameHolder(names.username.folded)) throw usernameTaken();
      const isMailDue = !asked.isEmailVerified && (await verification.mayMail(names.email.folded));
      const about = {
        passwordHash: '',
        passwordLength: 0,
        language: asked.language,
        role: 'person',
      } as const;
      const record = newRecord(names, { displayName: asked.displayName || names.username.shown, ...about });
      return { ...asked, candidate: { record, ...names }, isMailDue };
    },

    /**
     * Makes it in the caller's transaction. An address that the provider has proved is the account's at once, and is taken off
     * another that never proved it; any other is to be proved by mail, as at a sign-up. Refuses `account-name-taken`, and
     * `email-taken` where somebody has proved the address.
     */
    async openWithin(stores: Stores, prepared: PreparedOpening, origin: Origin): Promise<Account> {
      const { candidate, isEmailVerified, isMailDue, userCode } = prepared;
      const { record } = await register(stores, candidate, { event: 'account-created', origin });
      const { accountId } = record;
      if (isEmailVerified) {
        const isOurs = await verification.giveAddress(stores, accountId, candidate.email.folded, origin);
        if (!isOurs) throw new DomainError('email-taken');
      } else if (isMailDue) {
        await verification.mailOwner(stores, record, userCode, origin);
      }
      const opened = await stores.accounts.find(accountId);
      return presentAccount(opened!, settings.emailVerification);
    },

    /**
     * Makes an account for whoever asks, its address to be proved by mail. The outcome is the same whether or not the
     * address has an account. Refuses `sign-up-closed` (also during the first run), `email-invalid`,
     * `account-name-invalid`, `account-name-taken` (the user name), `password-breaks-rule`, `too-many`, `service-busy`.
     */
    async signUp(
      asked: NewAccount & { readonly userCode?: string },
      origin: Origin,
    ): Promise<{ next: 'check-mail' | 'sign-in' }> {
      if (settings.signUp === 'closed' || !(await store.hasAny())) throw new DomainError('sign-up-closed');
      const candidate = await prepare(asked, {}, () => throttle.spend('sign-up-by-network', origin.network));
      const isMailDue = await verification.mayMail(candidate.email.folded);
      await inTransaction(async (stores) => {
        const { record } = await register(stores, candidate, { event: 'account-created', origin });
        if (isMailDue) await verification.mailOwner(stores, record, asked.userCode, origin);
      });
      return { next: settings.emailVerification === 'required' ? 'check-mail' : 'sign-in' };
    },

    /**
     * Makes the operator's account with the first-run token, which is used up by it. Refuses `first-run-over` for any
     * other token and once there is an account, and what signUp refuses of names and passwords.
     */
    async createOperator(asked: NewAccount & { readonly token: string }, origin: Origin): Promise<Account> {
      const tokenHash = sha256(asked.token);
      if ((await store.hasAny()) || (await store.findFirstRun()) !== tokenHash) {
        throw new DomainError('first-run-over');
      }
      const candidate = await prepare(asked, { role: 'operator' });
      const isMailDue = await verification.mayMail(candidate.email.folded);
      const record = await inTransaction(async (stores) => {
        const isFirst = (await stores.accounts.takeFirstRun(tokenHash)) && !(await stores.accounts.hasAny());
        if (!isFirst) throw new DomainError('first-run-over');
        const made = await register(stores, candidate, { event: 'account-operator-created', origin });
        if (isMailDue) await verification.mailOwner(stores, made.record, undefined, origin);
        return made.record;
      });
      return presentAccount(record, settings.emailVerification);
    },

    /**
     * Makes an account at the operator's word, who may also vouch for the address: then it is taken over from a holder
     * who never proved it. Refuses as signUp does, and `account-name-taken` for an address that has an owner.
     */
    async createAccount(
      asked: NewAccount & {
        readonly role: AccountRole;
        readonly isEmailVerified: boolean;
        /** A second factor is added at once: the password may be shorter. */
        readonly hasSecondFactor?: boolean;
      },
    ): Promise<Account> {
      const { isEmailVerified, role, hasSecondFactor = false } = asked;
      const candidate = await prepare(asked, { role, hasSecondFactor });
      const event = role === 'operator' ? 'account-operator-created' : 'account-created';
      const accountId = await inTransaction(async (stores) => {
        const { record, isAddressFree } = await register(stores, candidate, { event });
        const isOurs = isEmailVerified
          ? await verification.giveAddress(stores, record.accountId, candidate.email.folded)
          : isAddressFree;
        if (!isOurs) {
          const publicDetail = 'This e-mail address already belongs to an account.';
          throw new DomainError('account-name-taken', { publicDetail });
        }
        return record.accountId;
      });
      const record = await store.find(accountId);
      return presentAccount(record!, settings.emailVerification);
    },
  };
}

function usernameTaken(): DomainError {
  return new DomainError('account-name-taken', { publicDetail: 'This user name belongs to somebody else.' });
}

/** Numbers the account at random, 1 to 2^31 - 1; among a million accounts one draw in two thousand is drawn again. */
async function insertNumbered(accounts: AccountStore, record: AccountRecord): Promise<AccountRecord> {
  for (let draws = 0; draws < 20; draws++) {
    const publicNumber = Buffer.from(randomSecret(8), 'base64url').readUInt32BE(0) >>> 1;
    const numbered = { ...record, publicNumber };
    if (publicNumber > 0 && (await accounts.insert(numbered))) return numbered;
  }
  throw new Error('no free public number was drawn');
}
