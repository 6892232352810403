// The headers that fence in every page: nothing foreign loads, nobody frames it, nothing is kept.
// Specification: CSP Level 3; RFC 9700 §4.16 (clickjacking on device pages too); RFC 6797 (HSTS).
import helmet from 'koa-helmet';
import type { Context, Middleware } from 'koa';

const HALF_A_YEAR_SECONDS = 15_552_000;

/** `isSecure`: whether PUBLIC_URL is https; only then may browsers be told to insist on it. */
export function createPageHeaders({ isSecure }: { isSecure: boolean }): Middleware {
  const fence = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        fontSrc: ["'self'"],
        // The base stylesheet draws its ticks and arrows from data: addresses.
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
    },
    // The ceremony is also opened as a popup, and its opener has to see that it closed.
    crossOriginOpenerPolicy: false,
    crossOriginEmbedderPolicy: false,
    crossOriginResourcePolicy: { policy: 'same-origin' },
    // With `no-referrer`, posts over plain http would say `Origin: null` and look like another site's.
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: isSecure ? { maxAge: HALF_A_YEAR_SECONDS, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
  });
  return async (ctx, next) => {
    ctx.set('Permissions-Policy', 'camera=(), microphone=(), geolocation=(), payment=(), usb=()');
    ctx.set('Cache-Control', 'no-store');
    await fence(ctx, next);
  };
}

/** Lets the forms of this one page go to one other origin, and nowhere else. */
export function allowFormsTo(ctx: Pick<Context, 'response' | 'set'>, origin: string): void {
  const policy = ctx.response.get('Content-Security-Policy');
  ctx.set('Content-Security-Policy', policy.replace("form-action 'self'", `form-action ${origin}`));
}
