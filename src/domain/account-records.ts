// What is kept of an account, and what the rest of the house sees of it. The use cases are in accounts.ts and the rooms
// that it is made of (registration, email-verification, password-check, first-run).
import type { AccountId, SubjectId } from './vocabulary.js';

export type AccountRole = 'operator' | 'person';

/** An account as the other rooms and the pages know it: nothing in it is secret. */
export interface Account {
  readonly accountId: AccountId;
  /** Whom the owner's own sessions and tokens speak for; equal to the account id. */
  readonly subjectId: SubjectId;
  /** Random, 31 bits: the `id` at the PIN door. */
  readonly publicNumber: number;
  /** Empty when somebody else has proved that the address is theirs. */
  readonly email: string;
  readonly isEmailVerified: boolean;
  readonly username: string;
  readonly displayName: string;
  readonly language?: string;
  readonly role: AccountRole;
  readonly createdAt: Date;
  /** False where it is signed in to by other ways only: then no password is right. */
  readonly hasPassword: boolean;
  /** Names the password: another one has another, later time. */
  readonly passwordChangedAt: Date;
  readonly isClosed: boolean;
  /** The address is not verified where that is required: then it may verify, sign out or close, and nothing else. */
  readonly mayOnlyVerify: boolean;
}

export interface AccountRecord {
  readonly accountId: AccountId;
  readonly publicNumber: number;
  readonly email: string;
  readonly emailVerifiedAt: Date | undefined;
  readonly username: string;
  readonly displayName: string;
  /** Empty where the account has no password. */
  readonly passwordHash: string;
  /** In characters: tells whether turning the second factor off forces a longer one. */
  readonly passwordLength: number;
  readonly passwordChangedAt: Date;
  readonly language: string | undefined;
  readonly role: AccountRole;
  readonly createdAt: Date;
  readonly closedAt: Date | undefined;
}

/** Who holds a login name. A name is proved when a mail to it was answered; a user name needs no proof. */
export interface NameHolder {
  readonly accountId: AccountId;
  readonly isProved: boolean;
}

export interface NameClaim extends NameHolder {
  readonly folded: string;
  readonly kind: 'email' | 'username';
}

export interface AccountStore {
  find(accountId: AccountId): Promise<AccountRecord | undefined>;
  findByLoginName(folded: string): Promise<AccountRecord | undefined>;
  /** Whether there is any account at all. */
  hasAny(): Promise<boolean>;
  /** False when the public number belongs to somebody: draw another. */
  insert(account: AccountRecord): Promise<boolean>;
  /** False when somebody holds the name already; e-mails and user names share one index. */
  claimName(claim: NameClaim): Promise<boolean>;
  findNameHolder(folded: string): Promise<NameHolder | undefined>;
  changeLanguage(accountId: AccountId, language: string): Promise<boolean>;
}

/** EMAIL_VERIFICATION. */
export type EmailVerificationMode = 'required' | 'optional';

export function presentAccount(record: AccountRecord, mode: EmailVerificationMode): Account {
  const { accountId, publicNumber, email, username, displayName, language, role } = record;
  const { createdAt, passwordChangedAt } = record;
  const isEmailVerified = record.emailVerifiedAt !== undefined;
  return {
    accountId,
    subjectId: accountId as string as SubjectId,
    publicNumber,
    email,
    isEmailVerified,
    username,
    displayName,
    ...(language !== undefined && { language }),
    role,
    createdAt,
    hasPassword: record.passwordHash !== '',
    passwordChangedAt,
    isClosed: record.closedAt !== undefined,
    mayOnlyVerify: mode === 'required' && !isEmailVerified,
  };
}
