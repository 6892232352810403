// Owns password hashing: argon2id with a pepper, behind a gate that bounds how many run at once. Recovery codes use it too.
// What a good password is, and what a wrong one costs its account, is decided in the domain; nothing is kept here.
// Specification: RFC 9106 (Argon2), NIST SP 800-63B §3.1.1.2.

import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import argon2 from 'argon2';
import type { Keyring } from './secrets.js';

/** Too many passwords are being checked: the queue is full. Nothing was looked at, so nothing may be counted. */
export class PasswordsBusy extends Error {
  readonly retryAfterSeconds: number;
  constructor(retryAfterSeconds: number) {
    super('too many passwords are being checked');
    this.name = 'PasswordsBusy';
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** `needsRehash` is only ever true beside `ok`: hash the password again and keep that. */
export type PasswordVerdict = { ok: boolean; needsRehash: boolean };

export type Passwords = {
  /**
   * A hash to keep: `<keyId>$argon2id$…`. Throws RangeError for an empty password, one over 1024 bytes or 256 code
   * points, one with NUL or half a surrogate pair; PasswordsBusy when the queue is full.
   */
  hash(password: string): Promise<string>;
  /**
   * Whether the password belongs to the hash. One argon2id run whatever comes in: nothing stored (an unknown account),
   * an unreadable hash or an unusable password costs as much as a wrong one. Throws PasswordsBusy when the queue is full.
   */
  verify(stored: string | undefined, password: string): Promise<PasswordVerdict>;
  /** How many calls stand in the queue. */
  waiting(): number;
  /** How many argon2id runs were started, ever: a metric, and the proof that every answer costs one. */
  runs(): number;
};

type Settings = {
  keyring: Pick<Keyring, 'currentId' | 'key' | 'keyOf'>;
  memoryKib?: number;
  passes?: number;
  parallelism?: number;
  concurrency?: number;
  queueLimit?: number;
};

const MOST_BYTES = 1024;
const MOST_CODE_POINTS = 256;
/** No text longer than this in UTF-16 units can shrink to an accepted one; it is refused before NFC is spent on it. */
const MOST_UNITS = 8 * MOST_BYTES;
const RUNS_PER_CORE_SECOND = 20;

/** The bytes that are hashed: the whole password in NFC, so that one typed on another keyboard is the same; or undefined. */
function usableBytes(password: string): Buffer | undefined {
  if (password === '' || password.length > MOST_UNITS || password.includes('\0')) return undefined;
  if (/\p{Surrogate}/u.test(password)) return undefined;
  const text = password.normalize('NFC');
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length > MOST_BYTES || Array.from(text).length > MOST_CODE_POINTS) return undefined;
  return bytes;
}

/** Lets `concurrency` calls run at once and `queueLimit` wait, first come, first served; refuses the rest. */
function createGate(concurrency: number, queueLimit: number) {
  const queue: (() => void)[] = [];
  let running = 0;
  const retryAfterSeconds = Math.max(1, Math.ceil(queueLimit / (concurrency * RUNS_PER_CORE_SECOND)));
  return {
    waiting: () => queue.length,
    async pass<T>(work: () => Promise<T>): Promise<T> {
      if (running < concurrency) running += 1;
      else if (queue.length >= queueLimit) throw new PasswordsBusy(retryAfterSeconds);
      else await new Promise<void>((resolve) => queue.push(resolve));
      try {
        return await work();
      } finally {
        // The place is handed to the next in line, so that a newcomer cannot slip in between.
        const next = queue.shift();
        if (next) next();
        else running -= 1;
      }
    },
  };
}

/** A well-formed hash that no password belongs to: checking against it costs what a real one costs. */
function unmatchable(memoryKib: number, passes: number, parallelism: number): string {
  const text = (bytes: number): string => randomBytes(bytes).toString('base64').replace(/=+$/, '');
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${text(16)}$${text(32)}`;
}

/** `<keyId>` and `$argon2id$…` of a stored hash; undefined if it is neither. */
function readStored(stored: string): { keyId: string; digest: string } | undefined {
  const form = /^([\w-]{8})(\$argon2id\$v=19\$m=\d+,(?:t=\d+,p=\d+|p=\d+,t=\d+)\$[\w+/]+\$[\w+/]+)$/;
  const [, keyId, digest] = form.exec(stored) ?? [];
  return keyId === undefined || digest === undefined ? undefined : { keyId, digest };
}

/** The threads of node's pool, unless it is told otherwise (https://nodejs.org/api/cli.html#uv_threadpool_sizesize). */
const POOL_THREADS = 4;
/** One of them is left to whatever else is done there: a signature would wait behind every password. */
const MOST_AT_ONCE = Math.max(1, Math.min(availableParallelism(), POOL_THREADS - 1));

/**
 * Makes the password hasher. Memory in KiB; `concurrency` (default: one for each core, as far as there are threads) argon2id
 * runs at once, each with `memoryKib`; up to `queueLimit` further calls wait. The pepper is the keyring's, so it is never in the database.
 */
export function createPasswords({
  keyring,
  memoryKib = 19_456,
  passes = 2,
  parallelism = 1,
  concurrency = MOST_AT_ONCE,
  queueLimit = 64,
}: Settings): Passwords {
  if (!(concurrency >= 1) || !(queueLimit >= 0)) throw new RangeError('the gate needs at least one place');
  const gate = createGate(concurrency, queueLimit);
  const cost = { memoryCost: memoryKib, timeCost: passes, parallelism, version: 0x13 };
  const dummy = { keyId: keyring.currentId, digest: unmatchable(memoryKib, passes, parallelism) };
  const pepper = (keyId: string): Buffer | undefined => keyring.keyOf(keyId, 'pepper');
  let runs = 0;

  return {
    async hash(password) {
      const bytes = usableBytes(password);
      if (!bytes) throw new RangeError('this password cannot be used');
      return gate.pass(async () => {
        runs += 1;
        const secret = keyring.key('pepper');
        return keyring.currentId + (await argon2.hash(bytes, { ...cost, type: argon2.argon2id, secret }));
      });
    },
    async verify(stored, password) {
      const bytes = usableBytes(password);
      const read = stored === undefined ? undefined : readStored(stored);
      const readSecret = read && pepper(read.keyId);
      const real = read !== undefined && readSecret !== undefined && bytes !== undefined;
      const { keyId, digest } = real ? read : dummy;
      const secret = readSecret ?? keyring.key('pepper');
      const matches = await gate.pass(() => {
        runs += 1;
        return argon2.verify(digest, bytes ?? Buffer.alloc(1), { secret });
      });
      const ok = real && matches;
      return { ok, needsRehash: ok && (keyId !== keyring.currentId || argon2.needsRehash(digest, cost)) };
    },
    waiting: gate.waiting,
    runs: () => runs,
  };
}
