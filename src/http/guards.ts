// What may stop a request before its handler, and what it carries: cookies, the session, proof against forged forms,
// methods, scripts of other sites. The security headers of pages are the pages' own; budgets are spent in the domain.
// RFC 9110 §15.5.6 (405), RFC 6265bis (cookies and their prefixes), OWASP CSRF, the Fetch standard (CORS, Sec-Fetch-Site).
import { timingSafeEqual } from 'node:crypto';
import type { Context, Middleware, ParameterizedContext } from 'koa';
import { createCookies } from './guards-cookies.js';
import type { IssuedSession, Session, Sessions } from '../domain/sessions.js';
import type {
  IssuedSwitchedSession,
  SwitchedSession,
  SwitchedSessions,
} from '../domain/sessions-switched.js';
import type { Origin } from '../domain/vocabulary.js';
import { readForm, type Form } from './request.js';

/** What the middleware leaves in `ctx.state` for the handlers behind it. */
export interface RequestState {
  origin: Origin;
  /** The signed-in browser, where there is one; read by `loadSession`. */
  session?: Session;
  /** A browser that acts for a member of a household; it has no session then. Read by `loadSession`. */
  switched?: SwitchedSession;
  /** The form of a page's post; read by `refuseForgery`. */
  form?: Form;
  /** Names a browser that is not signed in, for the forms it is shown. */
  browserId?: string;
  /** Counted under this name instead of logged; set by `countOnly` (observe.ts). */
  countedAs?: string;
  /** For the line of the request; set by `noteUnavailable` (observe.ts). */
  whyUnavailable?: string;
}

export type RequestContext = ParameterizedContext<RequestState>;
export type Guard = Middleware<RequestState>;

/** A post that a page of ours did not send, as far as can be told. Pages answer it with 403 and a way on. */
export class ForgeryRefusal extends Error {
  /** `foreign-site`: another site sent it, or it came under an address that is not PUBLIC_URL. `stale-form`: its field does not fit this browser and session. */
  readonly reason: 'foreign-site' | 'stale-form';
  /** What a stale form held: good for telling its reader where things stand, and for nothing else. */
  readonly form: Form | undefined;
  constructor(reason: 'foreign-site' | 'stale-form', form?: Form) {
    super(reason);
    this.name = 'ForgeryRefusal';
    this.reason = reason;
    this.form = form;
  }
}

// --- Machine doors --------------------------------------------------------------------------------------------------

export const NO_STORE = { 'Cache-Control': 'no-store', Pragma: 'no-cache' } as const;

/** Nothing that holds a token, a code or a person is kept by a cache (RFC 6749 §5.1). */
export const noStore: Guard = (ctx, next) => {
  ctx.set(NO_STORE);
  return next();
};

/**
 * Lets these methods through; HEAD goes where GET goes. Any other is 405 with `Allow` (RFC 9110 §15.5.6), its body
 * written by the door's own `refuse`.
 */
export function onlyMethods(methods: readonly string[], refuse: (ctx: RequestContext) => void): Guard {
  const allowed = methods.includes('GET') ? [...methods, 'HEAD'] : [...methods];
  return (ctx, next) => {
    if (allowed.includes(ctx.method)) return next();
    refuse(ctx);
    ctx.set('Allow', allowed.join(', '));
    ctx.status = 405;
    return Promise.resolve();
  };
}

/** On every answer of an endpoint that scripts of any site may call. `*` never goes with credentials (Fetch §3.3.5). */
export const OPEN_TO_SCRIPTS = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers':
    'DPoP-Nonce, Preference-Applied, Retry-After, WWW-Authenticate, X-Request-Id',
} as const;

const SCRIPT_HEADERS = 'Accept, Authorization, Content-Type, DPoP, Prefer';

/**
 * Opens an endpoint to scripts of any site, and answers their preflight. Such an endpoint never reads a cookie, so a
 * script gains nothing from the browser that it runs in.
 */
export function openToScripts(methods: readonly string[]): Guard {
  const allow = [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', ');
  return (ctx, next) => {
    ctx.set(OPEN_TO_SCRIPTS);
    if (ctx.method !== 'OPTIONS') return next();
    ctx.status = 204;
    ctx.set('Allow', allow);
    if (ctx.get('Access-Control-Request-Method') === '') return Promise.resolve();
    ctx.set('Access-Control-Allow-Methods', allow);
    ctx.set('Access-Control-Allow-Headers', SCRIPT_HEADERS);
    ctx.set('Access-Control-Max-Age', '86400');
    return Promise.resolve();
  };
}

// --- Sessions and forms ---------------------------------------------------------------------------------------------

export interface GuardsDependencies {
  readonly sessions: Pick<Sessions, 'findSession'>;
  readonly switchedSessions: Pick<SwitchedSessions, 'findSwitched'>;
  /** The issuer, without a trailing slash: the one address whose pages may post to us. */
  readonly publicUrl: string;
  /** Keyed hashes for forms: with the current key, and with every key that is still accepted. */
  readonly mac: (...parts: string[]) => string;
  readonly macs: (...parts: string[]) => string[];
  /** A new 256-bit secret, base64url. */
  readonly newSecret: () => string;
}

/** As long as browsers keep any cookie. */
const KNOWN_SECONDS = 400 * 86_400;

export type Guards = ReturnType<typeof createGuards>;

/** Makes what pages need around their handlers: `loadSession`, then `refuseForgery`, and the functions to sign in and out. */
export function createGuards(dependencies: GuardsDependencies) {
  const { sessions, switchedSessions, publicUrl, mac, macs, newSecret } = dependencies;
  const cookies = createCookies({ isHttps: publicUrl.startsWith('https:') });
  const ownOrigin = new URL(publicUrl).origin;

  /**
   * Leaves the session in `ctx.state.session`, or in `ctx.state.switched` what acts for a member of a household: a browser has
   * one cookie, and one of the two. A garbage, foreign or ended cookie is nobody, never an error.
   */
  const loadSession: Guard = async (ctx, next) => {
    const token = cookies.read(ctx, 'session');
    const session = token === undefined ? undefined : await sessions.findSession(token);
    if (session) ctx.state.session = session;
    const switched = token === undefined || session ? undefined : await switchedSessions.findSwitched(token);
    if (switched) ctx.state.switched = switched;
    await next();
  };

  /**
   * Stops a post that another site made this browser send. The form is read here, strictly, and left in `ctx.state.form`.
   * Throws ForgeryRefusal, or MessageFault for a form that cannot be read. GET and HEAD pass: they change nothing.
   */
  const refuseForgery: Guard = async (ctx, next) => {
    if (ctx.method === 'GET' || ctx.method === 'HEAD') {
      await next();
      return;
    }
    if (!isFromOwnPage(ctx, ownOrigin)) throw new ForgeryRefusal('foreign-site');
    const form = await readForm(ctx);
    const [nonce = '', ...rest] = (form.get('_csrf') ?? '').split('.');
    const binding = bindingOf(ctx.state, cookies.read(ctx, 'browser'));
    const isOurs = binding !== undefined && isAmong(rest.join('.'), macs(nonce, ...binding));
    if (!isOurs) throw new ForgeryRefusal('stale-form', form);
    ctx.state.form = form;
    await next();
  };

  /**
   * Reads the answer of another provider, which comes without a field of ours: from that provider's page, by design, or handed
   * on by a page of ours, and then from nowhere else. What it is good for is bound to this browser by its own state.
   */
  const readAnswer =
    ({ isHandedOn }: { readonly isHandedOn: boolean }): Guard =>
    async (ctx, next) => {
      if (isHandedOn && !isFromOwnPage(ctx, ownOrigin)) throw new ForgeryRefusal('foreign-site');
      ctx.state.form = await readForm(ctx);
      await next();
    };

  return {
    cookies,
    loadSession,
    refuseForgery,
    readAnswer,

    /**
     * The value of the hidden field `_csrf` for this browser and session, another in each page. For a browser that is
     * not signed in it sets a cookie, so call it before the answer is sent.
     */
    csrfToken(ctx: RequestContext): string {
      const isKnown = ctx.state.session || ctx.state.switched;
      if (!isKnown) ctx.state.browserId ??= cookies.read(ctx, 'browser') ?? newBrowser(ctx);
      const nonce = newSecret().slice(0, 16);
      return `${nonce}.${mac(nonce, ...bindingOf(ctx.state, ctx.state.browserId)!)}`;
    },

    /** Signs this browser in: its cookie from now on, and `ctx.state.session` for the rest of this request. */
    beginSession(ctx: RequestContext, { token, session, browserKey }: IssuedSession): void {
      if (browserKey !== undefined) cookies.write(ctx, 'known', browserKey, KNOWN_SECONDS);
      keepToken(ctx, token, session);
      delete ctx.state.switched;
      ctx.state.session = session;
    },

    /** From now on this browser acts for a member of a household; what it had before is over. */
    beginSwitched(ctx: RequestContext, { token, session }: IssuedSwitchedSession): void {
      keepToken(ctx, token, session);
      delete ctx.state.session;
      ctx.state.switched = session;
    },

    /** Forgets the session in the browser. Ending it in the house is the domain's. */
    forgetSession(ctx: RequestContext): void {
      cookies.clear(ctx, 'session');
      delete ctx.state.session;
      delete ctx.state.switched;
    },
  };

  function keepToken(
    ctx: RequestContext,
    token: string,
    { isRemembered, expiresAt, lastSeenAt }: Pick<Session, 'isRemembered' | 'expiresAt' | 'lastSeenAt'>,
  ): void {
    const seconds = Math.floor((expiresAt.getTime() - lastSeenAt.getTime()) / 1000);
    cookies.write(ctx, 'session', token, isRemembered ? seconds : undefined);
  }

  function newBrowser(ctx: RequestContext): string {
    const browserId = newSecret();
    cookies.write(ctx, 'browser', browserId);
    return browserId;
  }
}

/**
 * A form belongs to one session, or to a browser while it acts for one member; before there is either, to one browser. A
 * rotated session leaves its old forms behind, and so does switching.
 */
function bindingOf(
  { session, switched }: RequestState,
  browserId: string | undefined,
): [string, string] | undefined {
  if (session) return ['session', session.sessionHash];
  if (switched) return ['switched', switched.sessionHash];
  return browserId === undefined ? undefined : ['browser', browserId];
}

function isAmong(text: string, expected: readonly string[]): boolean {
  const given = Buffer.from(text);
  return expected
    .map((one) => Buffer.from(one))
    .map((one) => one.length === given.length && timingSafeEqual(one, given))
    .includes(true);
}

/**
 * What the browser says about where a post comes from. Older ones say nothing, and then the form's field alone decides.
 * A page without referrers sends `Origin: null`; only a browser that also says `same-origin` is believed then.
 */
function isFromOwnPage(ctx: Pick<Context, 'get'>, ownOrigin: string): boolean {
  const site = ctx.get('Sec-Fetch-Site');
  if (site !== '' && site !== 'same-origin' && site !== 'none') return false;
  const origin = ctx.get('Origin');
  if (origin === 'null') return site === 'same-origin';
  return origin === '' || origin === ownOrigin;
}
