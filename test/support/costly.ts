// What takes a processor long and is the same for every house: the thread that estimates passwords, and RSA keys. Each is made
// once for all tests of a file, the first time that one asks for it.
import { generateSigningKey, type SigningKey } from '../../src/crypto/jwt.js';
import type { NewSigningKey } from '../../src/domain/keys.js';
import { DomainError } from '../../src/domain/vocabulary.js';
import { createPasswordStrength } from '../../src/outside/password-strength.js';

const strength = createPasswordStrength({
  busy: () => new DomainError('service-busy', { retryAfterSeconds: 5 }),
});
// Outside of a test run, the thread ends with the process: while it waits, it keeps none alive.
if ('afterAll' in globalThis) afterAll(() => strength.close());

export const estimateStrength = strength.estimate;

const made: Promise<SigningKey>[] = [];

/** Makes the keys of one house: never the same one twice, but those of RSA may be in other houses, too. */
export function createKeyRack(): NewSigningKey {
  let taken = 0;
  return (alg) => (alg === 'RS256' ? (made[taken++] ??= generateSigningKey(alg)) : generateSigningKey(alg));
}
