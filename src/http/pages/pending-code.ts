// The user code that a person brought along, kept in their browser while they sign in, sign up, verify an address or
// add a second factor. Sealed, so that nobody else's text ever becomes a code that a page shows as brought along.
// Whether the code is any good is for domain/links to say.
import type { Sealer } from '../../domain/notices.js';
import { presentUserCode, readUserCode } from '../../domain/user-code.js';
import type { AccountId, Clock } from '../../domain/vocabulary.js';
import type { Guards, RequestContext } from '../guards.js';

export interface PendingCode {
  readonly userCode: string;
  /** Whether a person typed it, or an address that they opened carried it. */
  readonly arrival: 'typed' | 'link';
  /** Known once the link has been reserved. */
  readonly expiresAt?: Date | undefined;
  /** Whose mail brought it: whoever signs in as somebody else is not shown a code that a stranger may have sent. */
  readonly accountId?: AccountId | undefined;
}

export type PendingCodes = ReturnType<typeof createPendingCodes>;

interface Kept {
  readonly code: string;
  readonly arrival: 'typed' | 'link';
  readonly expires?: number;
  readonly account?: AccountId;
  readonly forget: number;
}

/** No link lives longer than this. */
const KEPT_SECONDS = 1800;
const CONTEXT = 'pending-code';
const LONGEST = 64;

/** What a person entered, as it goes to the domain and back into the box; undefined for nothing. */
export function typedCode(typed: string | undefined): string | undefined {
  return typed?.trim().slice(0, LONGEST) || undefined;
}

/** A code as it is shown, in its groups (`WDJB`, `MJHT`), whatever way it was typed (RFC 8628 §6.1). */
export function codeGroups(userCode: string): string[] {
  const code = readUserCode(userCode);
  return code ? presentUserCode(code).split('-') : [userCode.toUpperCase()];
}

export function createPendingCodes(dependencies: { guards: Guards; sealer: Sealer; now: Clock }) {
  const { sealer, now } = dependencies;
  const { cookies } = dependencies.guards;

  function open(sealed: string): Kept | undefined {
    try {
      return JSON.parse(sealer.open(sealed, CONTEXT)) as Kept;
    } catch {
      // A cookie from before a change of secrets, or garbage: nothing is pending.
      return undefined;
    }
  }

  return {
    keep(ctx: RequestContext, { userCode, arrival, expiresAt, accountId }: PendingCode): void {
      const kept: Kept = {
        code: userCode,
        arrival,
        forget: now().getTime() + KEPT_SECONDS * 1000,
        ...(expiresAt ? { expires: expiresAt.getTime() } : {}),
        ...(accountId ? { account: accountId } : {}),
      };
      cookies.write(ctx, 'pending', sealer.seal(JSON.stringify(kept), CONTEXT), KEPT_SECONDS);
    },

    find(ctx: RequestContext): PendingCode | undefined {
      const sealed = cookies.read(ctx, 'pending');
      const kept = sealed === undefined ? undefined : open(sealed);
      if (!kept || kept.forget <= now().getTime()) return undefined;
      const { session } = ctx.state;
      if (kept.account && session && session.accountId !== kept.account) return undefined;
      const expiresAt = kept.expires === undefined ? undefined : new Date(kept.expires);
      return { userCode: kept.code, arrival: kept.arrival, expiresAt };
    },

    forget: (ctx: RequestContext): void => {
      if (cookies.read(ctx, 'pending') !== undefined) cookies.clear(ctx, 'pending');
    },
  };
}
