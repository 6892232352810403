// Nonces for the proofs of tools with a key of their own: each is made without being kept, known again by its keyed hash, and
// remembered only once it was used, until it would have expired. PIN-API 5; RFC 9562 §5.8 (the shape of a UUID).
import { equal, randomSecret } from '../crypto/secrets.js';
import type { Clock } from './vocabulary.js';

const NONCE_SECONDS = 300;
/** Another process's clock may be a little ahead. */
const SKEW_SECONDS = 10;

/**
 * 8 digits of time, 7 at random, 15 of a keyed hash over these and the identifier: 60 bits, which nobody guesses online, and
 * a right guess would only let a tool sign with its own key what it could have asked for.
 */
const SHAPE = /^([0-9a-f]{8})-([0-9a-f]{4})-8([0-9a-f]{3})-a([0-9a-f]{3})-([0-9a-f]{12})$/;

export function createNonces({
  now,
  nonceMacs,
}: {
  readonly now: Clock;
  readonly nonceMacs: (...parts: string[]) => string[];
}) {
  /** What a right nonce of this time and chance ends in, by the current key first. */
  const endings = (time: string, chance: string, identifier: string): string[] =>
    nonceMacs('nonce', time, chance, identifier).map((mac) =>
      Buffer.from(mac.slice(mac.indexOf('.') + 1), 'base64url')
        .toString('hex')
        .slice(0, 15),
    );

  return {
    /** A new nonce for the tool of that identifier, good for five minutes. */
    make(identifier: string): string {
      const time = Math.floor(now().getTime() / 1000)
        .toString(16)
        .padStart(8, '0');
      const chance = Buffer.from(randomSecret(8), 'base64url').toString('hex').slice(0, 7);
      const ending = endings(time, chance, identifier)[0]!;
      const parts = [time, chance.slice(0, 4), `8${chance.slice(4)}`];
      return [...parts, `a${ending.slice(0, 3)}`, ending.slice(3)].join('-');
    },

    /** When a nonce of ours ends; undefined when it has, is not ours, or is another tool's. Whether it was used, SQL knows. */
    endOf(nonce: string, identifier: string): Date | undefined {
      const [, time = '', first = '', second = '', third = '', rest = ''] = SHAPE.exec(nonce) ?? [];
      if (time === '') return undefined;
      const madeAt = Number.parseInt(time, 16);
      const age = now().getTime() / 1000 - madeAt;
      if (age < -SKEW_SECONDS || age >= NONCE_SECONDS) return undefined;
      const isOurs = endings(time, first + second, identifier).some((ending) => equal(ending, third + rest));
      return isOurs ? new Date((madeAt + NONCE_SECONDS) * 1000) : undefined;
    },
  };
}
