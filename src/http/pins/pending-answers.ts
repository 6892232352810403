// The answers to polls of pending links, rendered once and kept for the next second: of such a link nothing changes but how
// long it still lives. Bounded, and only in memory; who may read one is decided before it is looked for.
import { writeBody, type Format } from './answers.js';
import { presentLink, secondsLeft } from './present-link.js';
import type { NumberedLink } from '../../domain/links-by-number.js';
import type { Clock } from '../../domain/vocabulary.js';

/** The text before and behind the seconds that are left. */
interface Pieces {
  readonly head: string;
  readonly tail: string;
  /** Of both, in UTF-8. */
  readonly bytes: number;
}

interface Kept extends Partial<Record<Format, Pieces>> {
  /** With the number, these say which link it is, and as which it was rendered. */
  readonly userCode: string;
  readonly expiresAt: number;
}

export interface PendingBody {
  readonly body: string;
  /** Its length in UTF-8. */
  readonly bytes: number;
}

export interface PendingAnswersDependencies {
  readonly publicUrl: string;
  readonly now: Clock;
  readonly most?: number;
}

/** In a value, the quotation mark would be escaped: each stands in an answer exactly once. */
const SECONDS = { json: '"expiresIn":0', xml: ' expiresIn="0' } as const satisfies Record<Format, string>;

export type PendingAnswers = ReturnType<typeof createPendingAnswers>;

export function createPendingAnswers({ publicUrl, now, most = 20_000 }: PendingAnswersDependencies) {
  const kept = new Map<number, Kept>();

  function render(link: NumberedLink, format: Format): Pieces {
    const text = writeBody(format, presentLink({ link, secondsLeft: 0 }, publicUrl));
    const end = text.indexOf(SECONDS[format]) + SECONDS[format].length;
    const head = text.slice(0, end - 1);
    const tail = text.slice(end);
    return { head, tail, bytes: Buffer.byteLength(head) + Buffer.byteLength(tail) };
  }

  function fill({ head, tail, bytes }: Pieces, expiresAt: number): PendingBody {
    const seconds = String(secondsLeft({ expiresAt: new Date(expiresAt) }, now()));
    return { body: head + seconds + tail, bytes: bytes + seconds.length };
  }

  return {
    /** The answer for a pending link, which is kept; the oldest link makes room. */
    present(link: NumberedLink, format: Format): PendingBody {
      const { number, userCode } = link;
      const expiresAt = link.expiresAt.getTime();
      const before = kept.get(number);
      const known = before?.userCode === userCode && before.expiresAt === expiresAt ? before : undefined;
      const pieces = known?.[format] ?? render(link, format);
      if (!known?.[format]) {
        kept.set(number, { ...(known ?? { userCode, expiresAt }), [format]: pieces });
        if (kept.size > most) kept.delete(kept.keys().next().value!);
      }
      return fill(pieces, expiresAt);
    },

    /** The answer that was kept; undefined where there is none in this format, or once the number may be another link's. */
    find(number: number, format: Format): PendingBody | undefined {
      const known = kept.get(number);
      const pieces = known?.[format];
      return pieces && known.expiresAt > now().getTime() ? fill(pieces, known.expiresAt) : undefined;
    },
  };
}
