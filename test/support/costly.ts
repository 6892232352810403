// What takes a processor long and is the same for every house: how hard a password is to guess, and RSA keys. Each is made once
// for a run, the first time that a test asks for it, and kept in the folder of the run for the suites that come after.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateSigningKey, type SigningKey } from '../../src/crypto/jwt.js';
import { sha256 } from '../../src/crypto/secrets.js';
import type { NewSigningKey } from '../../src/domain/keys.js';
import { DomainError } from '../../src/domain/vocabulary.js';
import { createPasswordStrength } from '../../src/outside/password-strength.js';

const strength = createPasswordStrength({
  busy: () => new DomainError('service-busy', { retryAfterSeconds: 5 }),
});
// Outside of a test run, the thread ends with the process: while it waits, it keeps none alive.
if ('afterAll' in globalThis) afterAll(() => strength.close());

/** Several suites may make the same at once: whichever is kept last is as good. */
async function once<Made>(name: string, make: () => Promise<Made>): Promise<Made> {
  const folder = process.env.TEST_FOLDER;
  if (folder === undefined) return make();
  const file = join(folder, name);
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Made;
  } catch {
    const made = await make();
    writeFileSync(`${file}.${process.pid}`, JSON.stringify(made));
    renameSync(`${file}.${process.pid}`, file);
    return made;
  }
}

export const estimateStrength = (text: string, words: readonly string[]): Promise<number> =>
  once(`estimate-${sha256(JSON.stringify([text, words]))}`, () => strength.estimate(text, words));

const made: Promise<SigningKey>[] = [];

/** Makes the keys of one house: never the same one twice, but those of RSA may be in other houses, too. */
export function createKeyRack(): NewSigningKey {
  let taken = 0;
  return (alg) => {
    if (alg !== 'RS256') return generateSigningKey(alg);
    const place = taken++;
    return (made[place] ??= once(`rsa-${place}`, () => generateSigningKey(alg)));
  };
}
