// How every refusal looks at this door: a status, the OAuth error word, a sentence. No other file here writes an error.
// RFC 6749 §5.2, RFC 8628 §3.5, RFC 6750 §3.1, RFC 7591 §3.2.2. Two words are used a little beyond their RFC, for want of
// any other: `temporarily_unavailable` (RFC 6749 §4.1.2.1) with 429 and 503, and `server_error` with 500.
import { NO_STORE, type RequestContext } from '../guards.js';
import { MessageFault, originOf, type MessageFaultKind } from '../request.js';
import { DPOP_ALGS } from '../../domain/dpop.js';
import type { PollOutcome } from '../../domain/links.js';
import { DomainError, isUnavailable, type DomainErrorCode } from '../../domain/vocabulary.js';

export type OAuthErrorWord =
  | 'access_denied'
  | 'authorization_pending'
  | 'expired_token'
  | 'insufficient_scope'
  | 'invalid_client'
  | 'invalid_client_metadata'
  | 'invalid_dpop_proof'
  | 'invalid_grant'
  | 'invalid_redirect_uri'
  | 'invalid_request'
  | 'invalid_scope'
  | 'invalid_target'
  | 'invalid_token'
  | 'registration_not_supported'
  | 'request_not_supported'
  | 'request_uri_not_supported'
  | 'server_error'
  | 'slow_down'
  | 'temporarily_unavailable'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'use_dpop_nonce';

/** What a 401 or 403 asks for in `WWW-Authenticate`. */
type Challenge = 'Basic' | 'Bearer' | 'DPoP';

export interface OAuthAnswer {
  readonly status: number;
  readonly error: OAuthErrorWord;
  readonly description: string;
  readonly challenge?: Challenge;
  /** Sent as `Retry-After`, unless the refusal knows better. */
  readonly retryAfterSeconds?: number;
}

/** A refusal that only this door can see: a message that breaks the protocol, or a poll that is not yet a token. */
export class OAuthRefusal extends Error {
  readonly answer: OAuthAnswer;

  constructor(answer: OAuthAnswer) {
    super(answer.description);
    this.name = 'OAuthRefusal';
    this.answer = answer;
  }
}

const UNAVAILABLE_SECONDS = 5;

const bad = (error: OAuthErrorWord, description: string): OAuthAnswer => ({
  status: 400,
  error,
  description,
});
const tooMany = (description: string): OAuthAnswer => ({
  status: 429,
  error: 'temporarily_unavailable',
  description,
  retryAfterSeconds: 60,
});
const unavailable: OAuthAnswer = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'The service cannot answer now: try again.',
  retryAfterSeconds: UNAVAILABLE_SECONDS,
};
const fault: OAuthAnswer = {
  status: 500,
  error: 'server_error',
  description: 'Something went wrong on our side.',
};

const tokenRefused: OAuthAnswer = {
  status: 401,
  error: 'invalid_token',
  description: 'The access token is wrong, expired or revoked, or meant for another service.',
  challenge: 'Bearer',
};

/** A token that came with a proof, and one of the two is not right (RFC 9449 §7.1, §9). */
export const proofAnswers = {
  token: { ...tokenRefused, challenge: 'DPoP' },
  proof: {
    status: 401,
    error: 'invalid_dpop_proof',
    description: 'The DPoP proof is not right.',
    challenge: 'DPoP',
  },
  nonce: {
    status: 401,
    error: 'use_dpop_nonce',
    description: 'The DPoP proof needs the nonce that this answer gives.',
    challenge: 'DPoP',
  },
} as const satisfies Record<string, OAuthAnswer>;

/** RFC 6749 §5.2: 401, and with it the challenge that RFC 9110 §15.5.2 asks for. */
export const clientRefused = (description: string): OAuthAnswer => ({
  status: 401,
  error: 'invalid_client',
  description,
  challenge: 'Basic',
});
export const requestRefused = (description: string): OAuthAnswer => bad('invalid_request', description);
export const metadataRefused = (description: string): OAuthAnswer =>
  bad('invalid_client_metadata', description);

export const refusalAnswers = {
  'account-closed': bad('invalid_grant', 'The account that approved this can get no tokens.'),
  'account-locked': fault,
  'account-name-invalid': fault,
  'account-name-taken': fault,
  'account-not-verified': bad('invalid_grant', 'The account that approved this can get no tokens.'),
  'authorization-over': bad('invalid_request', 'The authorization request is over: start again.'),
  'client-authentication-failed': clientRefused('The client did not prove who it is.'),
  'client-metadata-invalid': metadataRefused('The client metadata cannot be accepted.'),
  'client-unknown': clientRefused('The client is not known here: register it first.'),
  'code-unknown': bad('invalid_grant', 'The code is not known.'),
  'code-wrong': fault,
  'credentials-wrong': fault,
  'dpop-nonce-needed': bad('use_dpop_nonce', 'The DPoP proof needs the nonce that this answer gives.'),
  'dpop-proof-invalid': bad('invalid_dpop_proof', 'The DPoP proof is not right.'),
  'email-invalid': fault,
  'email-taken': fault,
  'factor-already-on': fault,
  'factor-locked': fault,
  'factor-not-on': fault,
  'factor-required': fault,
  'first-run-over': fault,
  'grant-invalid': bad('invalid_grant', 'The grant is unknown, expired, revoked, used, or not yours.'),
  'grant-not-allowed': bad('unauthorized_client', 'The client is not registered for this grant type.'),
  'host-unknown': fault,
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
  'link-expired': bad('expired_token', 'The code has expired: start again.'),
  'link-over': bad('invalid_grant', 'The code is not valid any more.'),
  'link-too-hasty': fault,
  'live-links-exceeded': tooMany('Too many links from this network wait for a decision.'),
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
  'redirect-uri-invalid': bad('invalid_redirect_uri', 'A redirect address cannot be accepted.'),
  'scope-invalid': bad('invalid_scope', 'The client may not have this scope.'),
  'service-busy': { ...unavailable, description: 'The service is busy: try again.' },
  'sign-in-over': fault,
  'sign-up-closed': fault,
  'store-unavailable': unavailable,
  'target-invalid': bad('invalid_target', 'No token is made here for this resource.'),
  'token-expired': tokenRefused,
  'token-invalid': tokenRefused,
  'too-many': tooMany('Too many requests: wait before the next one.'),
  'upstream-declined': fault,
  'upstream-not-fresh': fault,
  'upstream-refused': fault,
  'upstream-stale': fault,
  'upstream-unavailable': fault,
} satisfies Record<DomainErrorCode, OAuthAnswer>;

/** A poll that is not yet, or never again, a token (RFC 8628 §3.5). A code that was redeemed before is spent. */
export const pollAnswers = {
  pending: bad('authorization_pending', 'The person has not decided yet.'),
  'too-soon': bad('slow_down', 'Polled too soon: wait 5 seconds longer between polls from now on.'),
  denied: bad('access_denied', 'The person declined.'),
  expired: bad('expired_token', 'The code has expired: start again.'),
  redeemed: bad('invalid_grant', 'The device code has been used.'),
  unknown: bad('invalid_grant', 'The device code is not known.'),
} satisfies Record<Exclude<PollOutcome, 'approved'>, OAuthAnswer>;

const faultAnswers = {
  missing: requestRefused('A parameter is missing.'),
  repeated: requestRefused('A parameter was sent more than once.'),
  malformed: requestRefused('The body cannot be read.'),
  'too-large': { ...requestRefused('The body is too large.'), status: 413 },
  'unsupported-type': requestRefused('The body has the wrong content type.'),
} satisfies Record<MessageFaultKind, OAuthAnswer>;

/** RFC 6749 §5.2: printable ASCII without the quotation mark and the backslash. */
const onWire = (text: string): string => text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, ' ');

interface ErrorBody {
  readonly error: OAuthErrorWord;
  readonly error_description: string;
  readonly request_id?: string;
}

export const presentError = ({ error, description }: OAuthAnswer): ErrorBody => ({
  error,
  error_description: onWire(description),
});

/** The two answers that nearly every poll gets, ready to be written by the lane ahead of this door. */
export const PENDING_BODY = JSON.stringify(presentError(pollAnswers.pending));
export const SLOW_DOWN_BODY = JSON.stringify(presentError(pollAnswers['too-soon']));

/** The answer for anything that was thrown; undefined for what nobody foresaw. */
export function answerOf(error: unknown): OAuthAnswer | undefined {
  if (error instanceof OAuthRefusal) return error.answer;
  if (error instanceof MessageFault) return { ...faultAnswers[error.kind], description: error.message };
  if (isUnavailable(error)) return unavailable;
  if (!(error instanceof DomainError)) return undefined;
  const found: OAuthAnswer = refusalAnswers[error.code];
  if (found === fault) return undefined;
  const { publicDetail, retryAfterSeconds = found.retryAfterSeconds } = error;
  return {
    ...found,
    ...(publicDetail === undefined ? {} : { description: publicDetail }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

function challengeOf({ challenge, error, description }: OAuthAnswer): string {
  if (challenge === 'Basic') return 'Basic realm="linchpin", charset="UTF-8"';
  const scope = error === 'insufficient_scope' ? ', scope="openid"' : '';
  const algs = challenge === 'DPoP' ? `, ${ALGS}` : '';
  return `${challenge} realm="linchpin", error="${error}", error_description="${onWire(description)}"${scope}${algs}`;
}

const ALGS = `algs="${DPOP_ALGS.join(' ')}"`;

/** What a request without any token is told: both kinds, and not a word about an error (RFC 6750 §3.1, RFC 9449 §7.1). */
export const BOTH_CHALLENGES = `Bearer realm="linchpin", DPoP realm="linchpin", ${ALGS}`;

/** Writes the answer to an error. A fault of ours tells the request's id and nothing else. */
export function writeError(ctx: RequestContext, error: unknown): void {
  const known = answerOf(error);
  const answer = known ?? fault;
  ctx.set(NO_STORE);
  if (answer.challenge) ctx.set('WWW-Authenticate', challengeOf(answer));
  if (answer.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(answer.retryAfterSeconds));
  ctx.status = answer.status;
  const body = presentError(answer);
  ctx.body = known ? body : { ...body, request_id: originOf(ctx).requestId };
}
