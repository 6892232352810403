// What a failed call to a provider, or a check of its answer that failed, comes to. What is said of it for the log is the kind
// of fault alone: an error of the library may carry the whole answer, with tokens in it.
import { AuthorizationResponseError, ResponseBodyError } from 'openid-client';
import type { UpstreamFault } from '../domain/identities-upstream.js';

/** A check of ours that failed: the answer does not fit. */
export class AnswerRefused extends Error {
  override readonly name = 'AnswerRefused';
}

/** The person, or the provider in their name, said no (RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6; the last is Apple's). */
const DECLINED: ReadonlySet<string> = new Set([
  'access_denied',
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'login_required',
  'user_cancelled_authorize',
]);

const UNAVAILABLE: ReadonlySet<string> = new Set(['server_error', 'temporarily_unavailable']);

/** The answer came and could be read, and does not hold what it must, or is not from whom it must be. */
const REFUSED_CODES: ReadonlySet<unknown> = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_INVALID_REQUEST',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_JWT_USERINFO_EXPECTED',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_UNSUPPORTED_OPERATION',
]);

const codeOf = (error: unknown): unknown => (error as { readonly code?: unknown } | undefined)?.code;

/** Printable, and short: part of it is the provider's own word. */
const word = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 60);

/** Where the library says only that something went wrong, the reason stands below it. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown fault';
  const below = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  const code = codeOf(error) ?? codeOf(error.cause);
  return word(`${error.message}${below}`) + (typeof code === 'string' ? ` ${word(code)}` : '');
}

export function faultOf(error: unknown): UpstreamFault {
  if (error instanceof AuthorizationResponseError) {
    const outcome = DECLINED.has(error.error)
      ? 'declined'
      : UNAVAILABLE.has(error.error)
        ? 'unavailable'
        : 'refused';
    return { outcome, why: `it answers ${word(error.error)}` };
  }
  if (error instanceof ResponseBodyError) {
    const outcome = error.status >= 500 || UNAVAILABLE.has(error.error) ? 'unavailable' : 'refused';
    return { outcome, why: `its token endpoint answers ${word(error.error)}` };
  }
  const isRefused = error instanceof AnswerRefused || REFUSED_CODES.has(codeOf(error));
  return { outcome: isRefused ? 'refused' : 'unavailable', why: reasonOf(error) };
}
