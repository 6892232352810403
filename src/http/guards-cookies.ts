// The house's cookies: their names, what keeps others from planting one, and reading and writing them. What each holds is its
// own page's; the session's is guards.ts's. RFC 6265bis (cookies and their prefixes).
import type { Context } from 'koa';

type CookieContext = Pick<Context, 'get' | 'res'>;

export type Cookies = ReturnType<typeof createCookies>;

/**
 * Reads and writes the house's cookies: `linchpin`, `linchpin-<name>`. Over https they are Secure and carry the
 * `__Host-` prefix, so that no other host, a subdomain least of all, can plant one.
 */
export function createCookies({ isHttps }: { isHttps: boolean }) {
  const base = isHttps ? '__Host-linchpin' : 'linchpin';
  const attributes = `; Path=/; HttpOnly; SameSite=Lax${isHttps ? '; Secure' : ''}`;
  const nameOf = (name: CookieName): string => (name === 'session' ? base : `${base}-${name}`);

  function put(
    { res }: CookieContext,
    name: CookieName,
    value: string,
    maxAgeSeconds: number | undefined,
  ): void {
    const full = nameOf(name);
    const before = [res.getHeader('Set-Cookie') ?? []].flat().map(String);
    const age = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`;
    res.setHeader('Set-Cookie', [
      ...before.filter((cookie) => !cookie.startsWith(`${full}=`)),
      `${full}=${value}${attributes}${age}`,
    ]);
  }

  return {
    /** The value the browser sent; undefined for none, for garbage, and for two (one of them was planted). */
    read(ctx: CookieContext, name: CookieName): string | undefined {
      const start = `${nameOf(name)}=`;
      const found = ctx
        .get('Cookie')
        .split(';')
        .map((pair) => pair.trim())
        .filter((pair) => pair.startsWith(start));
      const value = found.length === 1 ? found[0]!.slice(start.length) : '';
      return COOKIE_VALUE.test(value) ? value : undefined;
    },

    /** Without `maxAgeSeconds` the cookie ends with the browser. The value is letters, digits and `-_.~`, at most 3584. */
    write(ctx: CookieContext, name: CookieName, value: string, maxAgeSeconds?: number): void {
      if (!COOKIE_VALUE.test(value)) throw new RangeError(`not a cookie value, for ${name}`);
      put(ctx, name, value, maxAgeSeconds);
    },

    clear(ctx: CookieContext, name: CookieName): void {
      put(ctx, name, '', 0);
    },
  };
}

/** A browser keeps 4096 bytes of name and value; the pending code brings an address of 2048 along, sealed. */
const COOKIE_VALUE = /^[\w.~-]{1,3584}$/;

/**
 * The session; what a browser is known by, signed in or not; a half-done sign-in; the code that survives every detour; the request
 * of a tool that does; a browser before it is signed in; a language; at a host behind a proxy, what the browser is signed in with
 * there, and what it has set out from there with; a browser that is on its way to another provider and back; whom it brought.
 */
export type CookieName =
  | 'session'
  | 'known'
  | 'sign-in'
  | 'pending'
  | 'request'
  | 'browser'
  | 'language'
  | 'host'
  | 'visit'
  | 'round-trip'
  | 'arrival';
