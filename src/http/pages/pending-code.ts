// The user code that a person brought along, kept in their browser while they sign in, sign up, verify an address or
// add a second factor, and with it the address to go back to. Sealed, so that nobody else's text ever becomes a code that a
// page shows as brought along. Whether the code is any good is for domain/links to say.
import type { Sealer } from '../../domain/notices.js';
import { isStrongCode, presentUserCode, readUserCode } from '../../domain/user-code.js';
import type { AccountId, Clock, LinkId } from '../../domain/vocabulary.js';
import type { Guards, RequestContext } from '../guards.js';

export interface PendingCode {
  readonly userCode: string;
  /** Whether a person typed it, or an address that they opened carried it. */
  readonly arrival: 'typed' | 'link';
  /** Known once the link has been reserved, as is which one it is. */
  readonly expiresAt?: Date | undefined;
  readonly linkId?: LinkId | undefined;
  /** Whose mail brought it: whoever signs in as somebody else is not shown a code that a stranger may have sent. */
  readonly accountId?: AccountId | undefined;
  /** Where to go back to after the decision, as `readForwardAddress` let it through. */
  readonly forwardAddress?: string | undefined;
  /** The tool named an address to go back to that must not be followed. */
  readonly isForwardRefused?: boolean | undefined;
  /** This person has pressed the button for it while signed out: signing in goes on with it. */
  readonly isEntered?: boolean | undefined;
  /** It was entered for them, and no tool waits with it: its box says so, and asks nobody again. */
  readonly isUnknown?: boolean | undefined;
}

export type PendingCodes = ReturnType<typeof createPendingCodes>;

interface Kept {
  readonly code: string;
  readonly arrival: 'typed' | 'link';
  readonly expires?: number;
  readonly link?: LinkId;
  readonly account?: AccountId;
  readonly forward?: string;
  readonly isForwardRefused?: boolean;
  readonly isEntered?: boolean;
  readonly isUnknown?: boolean;
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

/** Of a code that nobody types: its line may break anywhere between, and fits a narrow phone. */
const LONG_GROUP = /.{1,5}/g;

/** Whether it is one of those that no person is meant to type. */
export function isLongCode(userCode: string | undefined): boolean {
  const code = readUserCode(userCode ?? '');
  return code !== undefined && isStrongCode(code);
}

/** A code as it is shown, in its groups (`WDJB`, `MJHT`), whatever way it was typed (RFC 8628 §6.1). */
export function codeGroups(userCode: string): string[] {
  const code = readUserCode(userCode);
  if (code === undefined) return [userCode.toUpperCase()];
  return isStrongCode(code) ? code.match(LONG_GROUP)! : presentUserCode(code).split('-');
}

/** Whether two texts mean the same code, or are the same text where they mean none. */
export function isSameCode(one: string | undefined, other: string): boolean {
  return one !== undefined && (readUserCode(one) ?? one) === (readUserCode(other) ?? other);
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
    keep(ctx: RequestContext, pending: PendingCode): void {
      const { userCode, arrival, expiresAt, linkId, accountId, forwardAddress } = pending;
      const kept: Kept = {
        code: userCode,
        arrival,
        forget: now().getTime() + KEPT_SECONDS * 1000,
        ...(expiresAt ? { expires: expiresAt.getTime() } : {}),
        ...(linkId ? { link: linkId } : {}),
        ...(accountId ? { account: accountId } : {}),
        ...(forwardAddress ? { forward: forwardAddress } : {}),
        ...(pending.isForwardRefused ? { isForwardRefused: true } : {}),
        ...(pending.isEntered ? { isEntered: true } : {}),
        ...(pending.isUnknown ? { isUnknown: true } : {}),
      };
      cookies.write(ctx, 'pending', sealer.seal(JSON.stringify(kept), CONTEXT), KEPT_SECONDS);
    },

    find(ctx: RequestContext): PendingCode | undefined {
      const sealed = cookies.read(ctx, 'pending');
      const kept = sealed === undefined ? undefined : open(sealed);
      if (!kept || kept.forget <= now().getTime()) return undefined;
      const { session } = ctx.state;
      if (kept.account && session && session.accountId !== kept.account) return undefined;
      const { code: userCode, arrival, link: linkId, forward: forwardAddress } = kept;
      const { isForwardRefused, isEntered, isUnknown } = kept;
      const expiresAt = kept.expires === undefined ? undefined : new Date(kept.expires);
      const facts = { expiresAt, linkId, forwardAddress, isForwardRefused, isEntered, isUnknown };
      return { userCode, arrival, ...facts };
    },

    forget: (ctx: RequestContext): void => {
      if (cookies.read(ctx, 'pending') !== undefined) cookies.clear(ctx, 'pending');
    },
  };
}
