// What a proxy is told where it is not simply yes: each refusal of the domain as a status and a plain sentence. A proxy lets nobody in
// on any of these; nginx makes a fault of its own of all but 401 and 403. RFC 6750 §3 (the challenge), RFC 9110 §15.
import { NO_STORE, type RequestContext } from '../guards.js';
import { MessageFault, originOf } from '../request.js';
import { DomainError, isUnavailable, type DomainErrorCode } from '../../domain/vocabulary.js';

export interface VerifyAnswer {
  readonly status: number;
  readonly sentence: string;
  /** What is wrong with the token that was shown, in the words of RFC 6750 §3.1. */
  readonly error?: 'invalid_token' | 'insufficient_scope';
}

const fault: VerifyAnswer = { status: 500, sentence: 'Something went wrong on our side.' };
const unavailable: VerifyAnswer = { status: 503, sentence: 'The service cannot answer now: try again.' };
const tokenRefused: VerifyAnswer = {
  status: 401,
  sentence: 'The access token is wrong, expired or revoked, or meant for another service.',
  error: 'invalid_token',
};
/** RFC 6750 §3: to a request without credentials, not a word about an error. */
export const signInFirst: VerifyAnswer = { status: 401, sentence: 'Sign in first.' };
export const scopeMissing: VerifyAnswer = {
  status: 403,
  sentence: 'The access token lacks the scopes openid and profile.',
  error: 'insufficient_scope',
};
export const notLetIn: VerifyAnswer = {
  status: 403,
  sentence: 'The account behind this token may not be let in.',
};

export const refusalAnswers = {
  'account-closed': fault,
  'account-locked': fault,
  'account-name-invalid': fault,
  'account-name-taken': fault,
  'account-not-verified': fault,
  'authorization-over': fault,
  'client-authentication-failed': fault,
  'client-metadata-invalid': fault,
  'client-unknown': fault,
  'code-unknown': fault,
  'code-wrong': fault,
  'credentials-wrong': fault,
  'dpop-nonce-needed': fault,
  'dpop-proof-invalid': fault,
  'email-invalid': fault,
  'email-taken': fault,
  'factor-already-on': fault,
  'factor-locked': fault,
  'factor-not-on': fault,
  'factor-required': fault,
  'first-run-over': fault,
  'grant-invalid': fault,
  'grant-not-allowed': fault,
  'host-unknown': {
    status: 403,
    sentence: 'This host is not among VERIFY_HOSTS, or is reached without TLS.',
  },
  'household-already': fault,
  'household-full': fault,
  'identity-other': fault,
  'identity-taken': fault,
  'identity-unknown': fault,
  'invitation-invalid': fault,
  'invitation-not-yours': fault,
  'key-invalid': fault,
  'key-proof-wrong': fault,
  'key-taken': fault,
  'last-way-in': fault,
  'link-expired': fault,
  'link-over': fault,
  'link-too-hasty': fault,
  'live-links-exceeded': fault,
  'mail-token-invalid': fault,
  'member-may-not': fault,
  'member-name-invalid': fault,
  'not-found': fault,
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
  'profile-pin-changed': fault,
  'profile-pin-common': fault,
  'profile-pin-invalid': fault,
  'profile-pin-wrong': fault,
  'proof-required': fault,
  'redirect-uri-invalid': fault,
  'scope-invalid': fault,
  'service-busy': unavailable,
  'sign-in-over': fault,
  'sign-up-closed': fault,
  'store-unavailable': unavailable,
  'target-invalid': fault,
  'token-expired': tokenRefused,
  'token-invalid': tokenRefused,
  'too-many': fault,
  'upstream-declined': fault,
  'upstream-not-fresh': fault,
  'upstream-refused': fault,
  'upstream-stale': fault,
  'upstream-unavailable': fault,
} satisfies Record<DomainErrorCode, VerifyAnswer>;

/** The answer for anything that was thrown; undefined for what nobody foresaw. */
export function answerOf(error: unknown): VerifyAnswer | undefined {
  if (error instanceof MessageFault) return { status: 400, sentence: error.message };
  if (isUnavailable(error)) return unavailable;
  const found: VerifyAnswer = error instanceof DomainError ? refusalAnswers[error.code] : fault;
  return found === fault ? undefined : found;
}

const UNAVAILABLE_SECONDS = 5;

/** Writes an answer that lets nobody in. */
export function writeAnswer(ctx: RequestContext, { status, sentence, error }: VerifyAnswer): void {
  if (status === 401 || error) {
    const scope = error === 'insufficient_scope' ? ', scope="openid profile"' : '';
    const what = error ? `, error="${error}"${scope}` : '';
    ctx.set('WWW-Authenticate', `Bearer realm="linchpin"${what}`);
  }
  if (status === 503) ctx.set('Retry-After', String(UNAVAILABLE_SECONDS));
  ctx.set('Content-Type', 'text/plain; charset=utf-8');
  ctx.status = status;
  ctx.body = `${sentence}\n`;
}

/** Writes the answer to an error. A fault of ours tells the request's id and nothing else. */
export function writeError(ctx: RequestContext, error: unknown): void {
  const known = answerOf(error);
  ctx.set(NO_STORE);
  writeAnswer(ctx, known ?? { ...fault, sentence: `${fault.sentence} Request ${originOf(ctx).requestId}` });
}
