// What one door hands to another by way of the browser: sealed, for one purpose, and for ten minutes. So the pages may believe
// what stands in such an address, and nobody else can write one.
import type { Sealer } from '../domain/notices.js';
import type { Clock } from '../domain/vocabulary.js';
import type { WayBack } from './request-way-back.js';

const GOOD_FOR_MS = 600_000;
const LONGEST = 12_000;

export interface HandedOver {
  /** An answer for a tool that takes it as a form. */
  readonly answer: WayBack & {
    readonly sent: Readonly<Record<string, string>>;
    /** What the tool calls itself, where people are asked whether to go there. */
    readonly strangerName?: string | undefined;
  };
  /** Somebody was sent here to sign out. */
  readonly 'sign-out': {
    /** Who, as a token of ours says. */
    readonly subjectId?: string | undefined;
    readonly toolName?: string | undefined;
    /** Where to go back to: registered for this, with what the tool wants to have back. */
    readonly to?: string | undefined;
    /** Whether nobody is led there who has not pressed a button of ours. */
    readonly isStrange?: boolean | undefined;
  };
}

export type Handover = ReturnType<typeof createHandover>;

export function createHandover({ sealer, now }: { readonly sealer: Sealer; readonly now: Clock }) {
  return {
    seal<Kind extends keyof HandedOver>(kind: Kind, value: HandedOver[Kind]): string {
      return sealer.seal(JSON.stringify({ value, at: now().getTime() }), kind);
    },

    /** Undefined for what is not ours, or too old. */
    open<Kind extends keyof HandedOver>(
      kind: Kind,
      sealed: string | undefined,
    ): HandedOver[Kind] | undefined {
      if (sealed === undefined || sealed.length > LONGEST) return undefined;
      try {
        const { value, at } = JSON.parse(sealer.open(sealed, kind)) as {
          value: HandedOver[Kind];
          at: number;
        };
        return Math.abs(now().getTime() - at) <= GOOD_FOR_MS ? value : undefined;
      } catch {
        return undefined;
      }
    },
  };
}
