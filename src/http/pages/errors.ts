// What a page says for each refusal of the domain: a status, and the words in the catalogue (what happened, why, what
// to do next). A page that can say it at a field does so itself; everything else becomes an error page.
import { ForgeryRefusal } from '../guards.js';
import { MessageFault, type MessageFaultKind } from '../request.js';
import { DomainError, isUnavailable, type DomainErrorCode } from '../../domain/vocabulary.js';

/** `refusal.<words>.title`, `.text` and `.next` in the catalogues; `next` may lead somewhere. */
export interface PageAnswer {
  readonly status: number;
  readonly words: string;
  readonly leadsTo: string;
}

const answer = (status: number, words: string, leadsTo = '/'): PageAnswer => ({ status, words, leadsTo });

export const refusalAnswers = {
  'account-closed': answer(403, 'account-closed'),
  'account-locked': answer(403, 'account-locked', '/forgot-password'),
  'account-name-invalid': answer(400, 'account-name-invalid', '/sign-up'),
  'account-name-taken': answer(409, 'account-name-taken', '/sign-up'),
  'account-not-verified': answer(403, 'account-not-verified', '/verify-email'),
  'authorization-over': answer(410, 'authorization-over'),
  'client-authentication-failed': answer(500, 'fault'),
  'client-metadata-invalid': answer(400, 'form-unreadable'),
  'client-unknown': answer(404, 'not-found'),
  'code-unknown': answer(404, 'code-unknown', '/link'),
  'code-wrong': answer(403, 'code-wrong', '/sign-in'),
  'credentials-wrong': answer(403, 'credentials-wrong', '/sign-in'),
  'dpop-nonce-needed': answer(400, 'form-unreadable'),
  'dpop-proof-invalid': answer(400, 'form-unreadable'),
  'email-invalid': answer(400, 'email-invalid', '/sign-up'),
  'email-taken': answer(409, 'email-taken', '/sign-in'),
  'factor-already-on': answer(409, 'factor-already-on', '/account/security'),
  'factor-locked': answer(403, 'factor-locked', '/help/two-factor'),
  'factor-not-on': answer(409, 'factor-not-on', '/account/security'),
  'factor-required': answer(403, 'factor-required', '/account/security/two-factor'),
  'first-run-over': answer(410, 'first-run-over', '/sign-in'),
  'grant-invalid': answer(400, 'link-over', '/link'),
  'grant-not-allowed': answer(403, 'not-allowed'),
  'host-unknown': answer(404, 'host-unknown'),
  'household-already': answer(409, 'household-already', '/account/household'),
  'household-full': answer(409, 'household-full', '/account/household'),
  'identity-other': answer(403, 'identity-other', '/account/security/identities'),
  'identity-taken': answer(409, 'identity-taken', '/account/security/identities'),
  'identity-unknown': answer(403, 'identity-unknown', '/sign-in'),
  'invitation-invalid': answer(410, 'invitation-invalid', '/account'),
  'invitation-not-yours': answer(403, 'invitation-not-yours', '/account'),
  'key-invalid': answer(400, 'form-unreadable'),
  'key-proof-wrong': answer(400, 'form-unreadable'),
  'key-taken': answer(400, 'form-unreadable'),
  'last-way-in': answer(409, 'last-way-in', '/account/security'),
  'link-expired': answer(410, 'link-over', '/link'),
  'link-over': answer(410, 'link-over', '/link'),
  'link-too-hasty': answer(409, 'link-too-hasty', '/link/review'),
  'live-links-exceeded': answer(429, 'too-many'),
  'mail-token-invalid': answer(410, 'mail-token-invalid', '/sign-in'),
  'member-may-not': answer(403, 'member-may-not', '/account/household'),
  'member-name-invalid': answer(400, 'member-name-invalid', '/account/household'),
  'not-found': answer(404, 'not-found'),
  'not-signed-in-to-it': answer(403, 'not-signed-in-to-it', '/sign-in'),
  'passkey-over': answer(403, 'passkey-over', '/sign-in'),
  'passkey-stopped': answer(403, 'passkey-stopped', '/account/security/passkeys'),
  'passkey-taken': answer(409, 'passkey-taken', '/account/security/passkeys'),
  'passkey-unverified': answer(403, 'passkey-unverified', '/sign-in'),
  'passkey-wrong': answer(403, 'passkey-wrong', '/sign-in'),
  'passkeys-full': answer(409, 'passkeys-full', '/account/security/passkeys'),
  'passkeys-off': answer(409, 'passkeys-off', '/account/security'),
  'password-breaks-rule': answer(400, 'password-breaks-rule', '/sign-up'),
  'password-missing': answer(409, 'password-missing', '/account/password'),
  'profile-pin-changed': answer(409, 'profile-pin-changed', '/account/household'),
  'profile-pin-common': answer(400, 'profile-pin-common', '/account/household'),
  'profile-pin-invalid': answer(400, 'profile-pin-invalid', '/account/household'),
  'profile-pin-wrong': answer(403, 'profile-pin-wrong', '/household/switch'),
  'proof-required': answer(403, 'proof-required', '/step-up'),
  'redirect-uri-invalid': answer(400, 'form-unreadable'),
  'scope-invalid': answer(400, 'not-allowed'),
  'service-busy': answer(503, 'service-busy'),
  'sign-in-over': answer(403, 'sign-in-over', '/sign-in'),
  'sign-up-closed': answer(403, 'sign-up-closed', '/sign-in'),
  'store-unavailable': answer(503, 'store-unavailable'),
  'target-invalid': answer(400, 'form-unreadable'),
  'token-expired': answer(403, 'not-allowed'),
  'token-invalid': answer(403, 'not-allowed'),
  'too-many': answer(429, 'too-many'),
  'upstream-declined': answer(403, 'upstream-declined', '/sign-in'),
  'upstream-not-fresh': answer(403, 'upstream-not-fresh', '/account/security'),
  'upstream-refused': answer(403, 'upstream-refused', '/sign-in'),
  'upstream-stale': answer(403, 'upstream-stale', '/sign-in'),
  'upstream-unavailable': answer(503, 'upstream-unavailable', '/sign-in'),
} satisfies Record<DomainErrorCode, PageAnswer>;

const faultAnswers = {
  missing: answer(400, 'form-unreadable'),
  repeated: answer(400, 'form-unreadable'),
  malformed: answer(400, 'form-unreadable'),
  'too-large': answer(413, 'form-too-large'),
  'unsupported-type': answer(415, 'form-unreadable'),
} satisfies Record<MessageFaultKind, PageAnswer>;

const forgeryAnswers = {
  'foreign-site': answer(403, 'foreign-form'),
  'stale-form': answer(403, 'stale-form'),
} satisfies Record<ForgeryRefusal['reason'], PageAnswer>;

/** When to come again. */
export const UNAVAILABLE_SECONDS = 5;

export const notFound = answer(404, 'not-found');
export const methodNotAllowed = answer(405, 'method-not-allowed');

export interface Explained extends PageAnswer {
  readonly retryAfterSeconds?: number | undefined;
  /** True for what nobody foresaw: it is logged with its cause, and the page tells nothing of it. */
  readonly isFault: boolean;
}

/** The answer for anything that was thrown while a page was made. */
export function explain(error: unknown): Explained {
  if (error instanceof DomainError) {
    const found = refusalAnswers[error.code];
    return { ...found, retryAfterSeconds: error.retryAfterSeconds, isFault: found.status === 500 };
  }
  if (error instanceof MessageFault) return { ...faultAnswers[error.kind], isFault: false };
  if (isUnavailable(error)) {
    return { ...refusalAnswers['store-unavailable'], retryAfterSeconds: UNAVAILABLE_SECONDS, isFault: false };
  }
  if (error instanceof ForgeryRefusal) return { ...forgeryAnswers[error.reason], isFault: false };
  return { ...answer(500, 'fault'), isFault: true };
}
