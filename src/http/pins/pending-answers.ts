// The answers to polls of pending links, rendered once and kept for the next second: of such a link nothing changes but how
// long it still lives. Bounded, and only in memory; who may read one is decided before it is looked for.
import type { Format } from './answers.js';
import { PENDING_END, presentPending, secondsLeft } from './present-link.js';
import type { NumberedLink } from '../../domain/links-by-number.js';
import type { Clock } from '../../domain/vocabulary.js';

/** Flat and small: one for each link that is started, and the garbage collector carries them all. */
interface Kept {
  /** With the number, these say which link it is, and as which it was rendered. */
  readonly userCode: string;
  readonly expiresAt: number;
  /** The answer but for its end, with 0 for the seconds that are left. */
  readonly text: string;
  /** Where that 0 is. */
  readonly secondsAt: number;
  /** Of the answer without the seconds, in UTF-8. */
  readonly bytes: number;
}

export interface PendingBody {
  readonly body: string;
  /** Its length in UTF-8. */
  readonly bytes: number;
}

export interface PendingAnswersDependencies {
  readonly publicUrl: string;
  readonly now: Clock;
  /** In each format. */
  readonly most?: number;
}

/** In a value, the quotation mark would be escaped: each stands in an answer exactly once. */
const SECONDS = { json: '"expiresIn":0', xml: ' expiresIn="0' } as const satisfies Record<Format, string>;

export type PendingAnswers = ReturnType<typeof createPendingAnswers>;

export function createPendingAnswers(dependencies: PendingAnswersDependencies) {
  const shelves = { json: createShelf('json', dependencies), xml: createShelf('xml', dependencies) };
  return {
    /** The answer for a pending link, which is kept; the oldest link makes room. */
    present: (link: NumberedLink, format: Format): PendingBody => shelves[format].present(link),

    /** The answer that was kept; undefined where there is none in this format, or once the number may be another link's. */
    find: (number: number, format: Format): PendingBody | undefined => shelves[format].find(number),
  };
}

function createShelf(format: Format, { publicUrl, now, most = 20_000 }: PendingAnswersDependencies) {
  const kept = new Map<number, Kept>();
  /** Goes through them as they came. A new one each time would have to pass over all that has left. */
  const oldest = kept.keys();
  const end = PENDING_END[format];
  const endBytes = Buffer.byteLength(end);

  function render(link: NumberedLink): Kept {
    const text = presentPending(link, { secondsLeft: 0, publicUrl, format });
    return {
      userCode: link.userCode,
      expiresAt: link.expiresAt.getTime(),
      text,
      secondsAt: text.indexOf(SECONDS[format]) + SECONDS[format].length - 1,
      bytes: Buffer.byteLength(text) - 1 + endBytes,
    };
  }

  function fill({ expiresAt, text, secondsAt, bytes }: Kept): PendingBody {
    const seconds = String(secondsLeft({ expiresAt: new Date(expiresAt) }, now()));
    const body = text.slice(0, secondsAt) + seconds + text.slice(secondsAt + 1) + end;
    return { body, bytes: bytes + seconds.length };
  }

  return {
    present(link: NumberedLink): PendingBody {
      const { number, userCode, expiresAt } = link;
      const known = kept.get(number);
      if (known?.userCode === userCode && known.expiresAt === expiresAt.getTime()) return fill(known);
      const made = render(link);
      kept.set(number, made);
      if (kept.size > most) kept.delete(oldest.next().value!);
      return fill(made);
    },

    find(number: number): PendingBody | undefined {
      const known = kept.get(number);
      return known && known.expiresAt > now().getTime() ? fill(known) : undefined;
    },
  };
}
