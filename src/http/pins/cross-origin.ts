// Scripts of other sites at this door: which headers let them in, and the answer to what a browser asks beforehand. Dashboards
// create and poll PINs from the browser; what is open to them never reads a cookie. Fetch §3.3, PIN-API 1.8 and "Decided".
import type { RequestContext } from '../guards.js';

/** On every answer of an endpoint that is open to scripts. `*` never goes with credentials. */
export const OPEN_TO_SCRIPTS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers':
    'Location, Preference-Applied, Retry-After, WWW-Authenticate, X-Request-Id',
} as const;

const METHODS = 'GET, POST, PUT, PATCH, HEAD, DELETE, OPTIONS';
const USUAL_HEADERS = [
  'accept',
  'accept-language',
  'authorization',
  'content-language',
  'content-type',
  'prefer',
];
const MOST_HEADERS = 40;

/** Of the headers a script would send: the usual ones, and any that is named like a tool's value. */
function allowedHeaders(asked: string): string {
  const own = asked
    .toLowerCase()
    .split(',')
    .slice(0, MOST_HEADERS)
    .map((name) => name.trim())
    .filter((name) => /^x-plex-[a-z0-9-]{1,40}$/.test(name));
  return [...new Set([...USUAL_HEADERS, ...own])].join(', ');
}

/** Answers what a browser asks before a script's request. Expects OPEN_TO_SCRIPTS to be set. */
export function answerPreflight(ctx: RequestContext, methods: readonly string[]): void {
  ctx.status = 204;
  ctx.set('Allow', methods.join(', '));
  if (ctx.get('Access-Control-Request-Method') === '') return;
  ctx.set('Access-Control-Allow-Methods', METHODS);
  ctx.set('Access-Control-Allow-Headers', allowedHeaders(ctx.get('Access-Control-Request-Headers')));
  ctx.set('Access-Control-Max-Age', '86400');
}
