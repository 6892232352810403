// How every refusal looks at this door: a status, a number, a sentence whose wording clients look at. No other file here
// writes an error. v2 answers carry numbers, older ones only text; some numbers go without a status inside. PIN-API 2, 4.5.
import { NO_STORE, type RequestContext } from '../guards.js';
import { MessageFault, type MessageFaultKind } from '../request.js';
import { answer, type Answer, type Call } from './answers.js';
import { DPOP_ALGS } from '../../domain/dpop.js';
import { DomainError, isUnavailable, type DomainErrorCode } from '../../domain/vocabulary.js';

export interface RefusalAnswer {
  readonly status: number;
  readonly number: number;
  readonly message: string;
  /** What the older paths say, where it is not the same. */
  readonly older?: {
    readonly status?: number;
    readonly message: string;
    /** With the status beside the text, as only these answers have it. */
    readonly isResponse?: true;
  };
  /** Sent as `Retry-After`, unless the refusal knows better. */
  readonly retryAfterSeconds?: number;
  /** What is wrong with the proof that came with a token (RFC 9449 §7.1). */
  readonly proofFault?: 'invalid_dpop_proof' | 'use_dpop_nonce';
}

/** A refusal that only this door can see. */
export class DoorRefusal extends Error {
  readonly answer: RefusalAnswer;

  constructor(refused: RefusalAnswer) {
    super(refused.message);
    this.name = 'DoorRefusal';
    this.answer = refused;
  }
}

type Words = readonly [status: number, number: number, message: string];
const refusal = ([status, number, message]: Words, more: Partial<RefusalAnswer> = {}): RefusalAnswer => ({
  status,
  number,
  message,
  ...more,
});

const MALFORMED =
  'The request was malformed, missed a required parameter or contained invalid values for them';
const NOT_AUTHENTICATED = 'User could not be authenticated';
const UNAVAILABLE_SECONDS = 5;

export const refusals = {
  identifierMissing: refusal([400, 1000, 'X-Plex-Client-Identifier is missing']),
  notAuthenticated: refusal([401, 1001, NOT_AUTHENTICATED], {
    older: { message: 'Invalid authentication token.' },
  }),
  proofWrong: refusal([401, 1001, NOT_AUTHENTICATED], { proofFault: 'invalid_dpop_proof' }),
  nonceNeeded: refusal([401, 1001, NOT_AUTHENTICATED], { proofFault: 'use_dpop_nonce' }),
  /** The older paths tell a request without any token from one with a bad one. */
  notSignedIn: refusal([401, 1001, NOT_AUTHENTICATED], { older: { message: 'Please sign in.' } }),
  /** The one older path that answers a bad token in a way of its own (PIN-API 4.5). */
  accountTokenWrong: refusal([401, 1001, NOT_AUTHENTICATED], {
    older: { status: 422, message: 'Invalid token' },
  }),
  tokenExpired: refusal([498, 1001, 'The token has expired: renew it with the key of the tool']),
  notFound: refusal([404, 1002, 'The requested resource or endpoint could not be found']),
  tooMany: refusal([429, 1003, 'API rate limit exceeded'], { retryAfterSeconds: 60 }),
  malformed: refusal([400, 1004, MALFORMED]),
  tooLarge: refusal([413, 1004, MALFORMED]),
  methodNotAllowed: refusal([405, 1005, 'The method is not allowed for the requested resource']),
  unavailable: refusal([503, 1007, 'The service cannot answer now: try again'], {
    retryAfterSeconds: UNAVAILABLE_SECONDS,
  }),
  fault: refusal([500, 1007, 'Something went wrong on our side']),
  notPossible: refusal([422, 1008, 'Could not perform the action with the entity provided']),
  alreadyExists: refusal([422, 1014, 'Already Exists']),
  codeUnknown: refusal([404, 1020, 'Code not found or expired']),
  codeWrong: refusal([401, 1028, 'Invalid verification code']),
  codeMissing: refusal([401, 1029, 'Please enter the verification code']),
  /** Wrong, unknown, locked, switched off: of a sign-in with a password nothing more is said (CHECKLIST 3.8). */
  signInRefused: refusal([401, 1001, NOT_AUTHENTICATED]),
  signInThrottled: refusal([
    401,
    1031,
    'User could not be authenticated. This IP appears to be having trouble signing in to an account (detected repeated failures)',
  ]),
  passwordNeeded: refusal([403, 1040, 'A valid password is required to perform this action']),
  memberMayNot: refusal([403, 1009, "Managed users aren't allowed to perform this action"]),
  /** Of a household member's own four digits. */
  pinInvalid: refusal([422, 1038, 'PIN must be 4 digits']),
  pinCommon: refusal([422, 1038, 'PIN must be 4 digits that are not so easy to guess']),
  pinNeeded: refusal([403, 1041, 'A valid PIN is required to perform this action']),
  /** Of one's own, before it is changed (PIN-API 6). */
  ownPinWrong: refusal([401, 1041, 'A valid PIN is required to perform this action'], {
    older: { message: 'Incorrect PIN', isResponse: true },
  }),
  /** The one older path that knows nothing of whoever has no good token (PIN-API 6). */
  editTokenWrong: refusal([401, 1001, NOT_AUTHENTICATED], {
    older: { status: 404, message: 'Invalid authentication token.' },
  }),
  emailInvalid: refusal([422, 1035, 'The email address is not valid']),
  notForThisUser: refusal([403, 1043, 'This action is not available for this user']),
  notForThisTool: refusal([403, 1068, 'This action is not available for this device']),
  /** A nonce is for somebody: without saying who, there is none (PIN-API 5). */
  nonceForNobody: refusal([422, 1000, 'X-Plex-Client-Identifier is missing']),
} as const satisfies Record<string, RefusalAnswer>;

/** Numbers whose error carries no status inside (PIN-API 2). */
const hasNoStatus = (number: number): boolean =>
  [1010, 1011, 1020, 1062, 1063, 1071].includes(number) || (number >= 1030 && number <= 1039);

const { fault } = refusals;

export const domainAnswers = {
  'account-closed': refusals.notAuthenticated,
  'account-locked': fault,
  'account-name-invalid': fault,
  'account-name-taken': fault,
  'account-not-verified': refusals.notAuthenticated,
  'authorization-over': fault,
  'client-authentication-failed': fault,
  'client-metadata-invalid': refusals.malformed,
  'client-unknown': refusals.notAuthenticated,
  'code-unknown': refusals.codeUnknown,
  'code-wrong': fault,
  'credentials-wrong': refusals.notAuthenticated,
  'dpop-nonce-needed': refusals.nonceNeeded,
  'dpop-proof-invalid': refusals.proofWrong,
  'email-invalid': refusals.emailInvalid,
  'email-taken': fault,
  'factor-already-on': fault,
  'factor-locked': fault,
  'factor-not-on': fault,
  'factor-required': refusals.notForThisTool,
  'first-run-over': fault,
  'grant-invalid': refusals.notAuthenticated,
  'grant-not-allowed': refusals.notForThisTool,
  'host-unknown': fault,
  'household-already': refusals.alreadyExists,
  'household-full': refusals.notPossible,
  'identity-other': fault,
  'identity-taken': fault,
  'identity-unknown': fault,
  'invitation-invalid': fault,
  'invitation-not-yours': fault,
  'key-invalid': refusals.malformed,
  'key-proof-wrong': refusal([422, 1008, 'The signature, or what it signs, is not right']),
  'key-taken': refusals.alreadyExists,
  'last-way-in': fault,
  'link-expired': refusals.codeUnknown,
  'link-over': refusals.codeUnknown,
  'link-too-hasty': fault,
  'live-links-exceeded': refusals.tooMany,
  'mail-token-invalid': fault,
  'member-may-not': refusals.memberMayNot,
  'member-name-invalid': refusals.malformed,
  'not-found': refusals.notFound,
  'not-signed-in-to-it': fault,
  'passkey-over': fault,
  'passkey-stopped': fault,
  'passkey-taken': fault,
  'passkey-unverified': fault,
  'passkey-wrong': fault,
  'passkeys-full': fault,
  'passkeys-off': fault,
  'password-breaks-rule': fault,
  'password-missing': fault,
  'profile-pin-changed': refusals.notPossible,
  'profile-pin-common': refusals.pinCommon,
  'profile-pin-invalid': refusals.pinInvalid,
  'profile-pin-wrong': refusals.pinNeeded,
  'proof-required': refusals.passwordNeeded,
  'redirect-uri-invalid': fault,
  'scope-invalid': fault,
  'service-busy': refusals.unavailable,
  'sign-in-over': fault,
  'sign-up-closed': fault,
  'store-unavailable': refusals.unavailable,
  'target-invalid': fault,
  'token-expired': refusals.tokenExpired,
  'token-invalid': refusals.notAuthenticated,
  'too-many': refusals.tooMany,
  'upstream-declined': fault,
  'upstream-not-fresh': fault,
  'upstream-refused': fault,
  'upstream-stale': fault,
  'upstream-unavailable': fault,
} satisfies Record<DomainErrorCode, RefusalAnswer>;

const messageAnswers = {
  missing: refusals.malformed,
  repeated: refusals.malformed,
  malformed: refusals.malformed,
  'too-large': refusals.tooLarge,
  'unsupported-type': refusals.malformed,
} satisfies Record<MessageFaultKind, RefusalAnswer>;

/** The answer for anything that was thrown; undefined for what nobody foresaw. */
export function answerOf(error: unknown): RefusalAnswer | undefined {
  if (error instanceof DoorRefusal) return error.answer;
  if (error instanceof MessageFault) return messageAnswers[error.kind];
  if (isUnavailable(error)) return refusals.unavailable;
  if (!(error instanceof DomainError)) return undefined;
  const found: RefusalAnswer = domainAnswers[error.code];
  if (found === fault) return undefined;
  const { retryAfterSeconds = found.retryAfterSeconds } = error;
  return retryAfterSeconds === undefined ? found : { ...found, retryAfterSeconds };
}

function presentRefusal({ number, message, status }: RefusalAnswer): Answer {
  const error = { code: number, message, ...(hasNoStatus(number) ? {} : { status }) };
  return {
    json: () => ({ errors: [error] }),
    xml: () => ({ name: 'errors', children: [{ name: 'error', attributes: error }] }),
  };
}

function presentOlderRefusal({ message, status, older }: RefusalAnswer): Answer {
  const text = older?.message ?? message;
  if (older?.isResponse) return presentResponse(older.status ?? status, text);
  return {
    json: () => ({ error: text }),
    xml: () => ({ name: 'errors', children: [{ name: 'error', text }] }),
  };
}

/** How the older paths say what came of an edit (PIN-API 6). */
export const presentResponse = (code: number, status: string): Answer => ({
  json: () => ({ Response: { code, status } }),
  xml: () => ({ name: 'Response', attributes: { code, status } }),
});

const challengeOf = ({ proofFault }: RefusalAnswer): string =>
  proofFault === undefined
    ? 'Bearer realm="linchpin"'
    : `DPoP realm="linchpin", error="${proofFault}", algs="${DPOP_ALGS.join(' ')}"`;

/** Writes the answer to an error. A fault of ours tells nothing but that it is ours; its id is in `X-Request-Id`. */
export function writeError(ctx: RequestContext, call: Call, error: unknown): void {
  const found = answerOf(error) ?? fault;
  const isOlder = call.era === 'older';
  const status = (isOlder ? found.older?.status : undefined) ?? found.status;
  ctx.set(NO_STORE);
  // RFC 9110 §15.5.2. Of a kind that makes no browser ask for a password.
  if (status === 401) ctx.set('WWW-Authenticate', challengeOf(found));
  if (found.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(found.retryAfterSeconds));
  answer(ctx, call, status, isOlder ? presentOlderRefusal(found) : presentRefusal(found));
}
