// The words every floor shares: ids, the clock, where a request came from, and the closed list of refusals.
// It owns no behaviour beyond naming; what each refusal looks like on the wire is each door's own table.

declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

/** Who answers for something: the person who owns the account. A UUID. */
export type AccountId = Id<'AccountId'>;
/** Whom a session or token speaks for; the owner's equals the account id. A UUID, the `sub` of tokens. */
export type SubjectId = Id<'SubjectId'>;
export type LinkId = Id<'LinkId'>;
/** One attempt to connect a tool by sending its person here and back again. */
export type AuthorizationId = Id<'AuthorizationId'>;
export type LinkedToolId = Id<'LinkedToolId'>;
export type HouseholdId = Id<'HouseholdId'>;
/** A tool's identifier on the wire (`client_id`). */
export type ClientId = Id<'ClientId'>;
/** The hash under which a browser session is kept. */
export type SessionHash = Id<'SessionHash'>;
/** Names a signed-in browser across session rotation; a link is reserved by it. */
export type BrowserTicket = Id<'BrowserTicket'>;

export type Clock = () => Date;

/** Where a request came from, as far as the edge can tell. */
export interface Origin {
  /** The address of the nearest hop that is not a trusted proxy. */
  readonly networkAddress: string;
  /** What budgets count by: the IPv4 address, or the IPv6 /64 (CHECKLIST 3.2). */
  readonly network: string;
  readonly userAgent?: string;
  /** The `Origin` header of a request that a web page started. */
  readonly webOrigin?: string;
  /** Keyed hashes of what its browser was given at a sign-in before, one for each key of the house; they open nothing. */
  readonly browserMarks?: readonly string[];
  readonly requestId: string;
}

/**
 * How an authentication was made; `amr` names most of them (RFC 8176). `pop`: a passkey, which is two factors at once where
 * `mfa` stands beside it: then it has verified its user. `fed`: another provider says who it is. `profile`: nothing was
 * proved, a member was switched to.
 */
export type AuthenticationMethod = 'pwd' | 'otp' | 'recovery' | 'pop' | 'mfa' | 'fed' | 'profile';

/** What a person is in a household: it is theirs, they joined with an account, or they have none. */
export type MemberKind = 'owner' | 'full' | 'managed' | 'guest';

/** Which household a person belongs to, and as what; tokens say so. */
export interface HouseholdStanding {
  readonly householdId: HouseholdId;
  readonly memberKind: MemberKind;
}

/** What a person has proved in a session: the source of `auth_time`, `amr` and `acr`. */
export interface Authentication {
  readonly at: Date;
  readonly methods: readonly AuthenticationMethod[];
}

const SECOND_FACTORS: ReadonlySet<AuthenticationMethod> = new Set(['otp', 'recovery', 'pop', 'mfa']);

/** The authentication context of RFC 9068 §2.2.1: two factors, or one. */
export function contextClass(methods: readonly AuthenticationMethod[]): 'aal2' | 'aal1' {
  return methods.some((method) => SECOND_FACTORS.has(method)) ? 'aal2' : 'aal1';
}

/**
 * Runs work in one transaction and resolves after its COMMIT; rejects with the work's own error after a rollback.
 * Inside, only the given stores are used, and no other transaction is opened. The work may be undone and run again before
 * it commits, so it changes nothing outside; what it resolves to is of the run that was committed.
 */
export type InTransaction<Stores> = <Result>(work: (stores: Stores) => Promise<Result>) => Promise<Result>;

/**
 * Writes that need nothing of each other's answers, in a transaction of their own: the work asks for all of them at once, and
 * waits for none. Each has to change something; false, and nothing done, where one does not. How many rows is not told: it is 1. Batches that come together share a
 * COMMIT, and wait for the disk where they keep nobody else waiting.
 */
export type InBatch<Stores> = (work: (stores: Stores) => readonly Promise<unknown>[]) => Promise<boolean>;

/** Does some of it, in a transaction of its own each time, until there is none left to do. Resolves to how much it was. */
export async function untilNone(doSome: () => Promise<number>): Promise<number> {
  let all = 0;
  for (let some = await doSome(); some > 0; some = await doSome()) all += some;
  return all;
}

/** Every refusal of the domain. A new word does not compile until each door has an answer for it. */
export const domainErrorCodes = [
  'account-closed',
  'account-locked',
  'account-name-invalid',
  'account-name-taken',
  'account-not-verified',
  'authorization-over',
  'client-authentication-failed',
  'client-metadata-invalid',
  'client-unknown',
  'code-unknown',
  'code-wrong',
  'credentials-wrong',
  'dpop-nonce-needed',
  'dpop-proof-invalid',
  'email-invalid',
  'email-taken',
  'factor-already-on',
  'factor-locked',
  'factor-not-on',
  'factor-required',
  'first-run-over',
  'grant-invalid',
  'grant-not-allowed',
  'host-unknown',
  'household-already',
  'household-full',
  'identity-other',
  'identity-taken',
  'identity-unknown',
  'invitation-invalid',
  'invitation-not-yours',
  'key-invalid',
  'key-proof-wrong',
  'key-taken',
  'last-way-in',
  'link-expired',
  'link-over',
  'link-too-hasty',
  'live-links-exceeded',
  'mail-token-invalid',
  'member-may-not',
  'member-name-invalid',
  'not-found',
  'not-signed-in-to-it',
  'passkey-over',
  'passkey-stopped',
  'passkey-taken',
  'passkey-unverified',
  'passkey-wrong',
  'passkeys-full',
  'passkeys-off',
  'password-breaks-rule',
  'password-missing',
  'profile-pin-changed',
  'profile-pin-common',
  'profile-pin-invalid',
  'profile-pin-wrong',
  'proof-required',
  'redirect-uri-invalid',
  'scope-invalid',
  'service-busy',
  'sign-in-over',
  'sign-up-closed',
  'store-unavailable',
  'target-invalid',
  'token-expired',
  'token-invalid',
  'too-many',
  'upstream-declined',
  'upstream-not-fresh',
  'upstream-refused',
  'upstream-stale',
  'upstream-unavailable',
] as const;

export type DomainErrorCode = (typeof domainErrorCodes)[number];

export interface RefusalDetail {
  /** A plain sentence for the caller; never a secret, never the caller's own bytes. */
  readonly publicDetail?: string;
  /** How long the caller should wait before it tries again. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** A refusal in domain words. It carries no status and no protocol word: doors translate. */
export class DomainError extends Error {
  readonly code: DomainErrorCode;
  readonly publicDetail: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: DomainErrorCode, detail: RefusalDetail = {}) {
    super(detail.publicDetail ? `${code}: ${detail.publicDetail}` : code, { cause: detail.cause });
    this.name = 'DomainError';
    this.code = code;
    this.publicDetail = detail.publicDetail;
    this.retryAfterSeconds = detail.retryAfterSeconds;
  }
}

export function isRefusal(error: unknown, code?: DomainErrorCode): error is DomainError {
  return error instanceof DomainError && (code === undefined || error.code === code);
}

/** True for the fault a store throws when it cannot answer now; nothing may be concluded from it. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof Error && error.name === 'StoreUnavailable';
}
