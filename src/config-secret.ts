// Makes the root secret at the first start and keeps it in DATA_DIR, for whoever gave none. What it is the root of: crypto/secrets.ts.
// It is made once: a second secret beside an existing database would make every password and authenticator worthless.
// DESIGN 4 (kept with mode 600), CHECKLIST 2 (keys outside the database).
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { ConfigError, type Config, type LoadedConfig } from './config.js';

const SECRET_TEXT = /^[\w-]{43}$/;
const TRIES = 50;
const PAUSE_MS = 20;

/**
 * The config with a secret: the one given, else the one in `DATA_DIR/secret`, else a new one (256 bits), which is on the
 * disk before this returns. Two processes that start together end up with the same one. Throws ConfigError when the file is
 * damaged, open to other users, or missing although there is a database already.
 */
export function withSecret(loaded: LoadedConfig): Config {
  if (loaded.secret !== undefined) return { ...loaded, secret: loaded.secret };
  const file = join(loaded.dataDir, 'secret');
  try {
    return Object.freeze({ ...loaded, secret: existsSync(file) ? readKept(file) : makeSecret(loaded, file) });
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw fault(
      `cannot be read or made at ${file} (${(error as NodeJS.ErrnoException).code ?? 'unknown fault'})`,
    );
  }
}

const fault = (problem: string): ConfigError => new ConfigError([{ name: 'LINCHPIN_SECRET', problem }]);

function makeSecret({ dataDir, databaseFile }: LoadedConfig, file: string): string {
  if (existsSync(databaseFile)) {
    throw fault(
      `is needed: ${databaseFile} exists, but ${file} does not. Set the secret that the database was made with, or put the file back`,
    );
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const secret = randomBytes(32).toString('base64url');
  let handle: number;
  try {
    // 'wx' fails where another process was faster: its secret is the one, then.
    handle = openSync(file, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return readKept(file);
    throw error;
  }
  try {
    writeSync(handle, `${secret}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  keepName(dataDir);
  return secret;
}

/** A new file survives a power cut only once its folder is on the disk as well. */
function keepName(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function readKept(file: string): string {
  if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
  if ((statSync(file).mode & 0o077) !== 0) {
    throw fault(`is in ${file}, which other users can read: make it mode 600, or set the secret otherwise`);
  }
  for (let tries = 0; tries < TRIES; tries += 1) {
    const secret = readFileSync(file, 'utf8').trimEnd();
    if (SECRET_TEXT.test(secret)) return secret;
    // Another process may stand between making the file and writing it.
    if (secret === '') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
    else break;
  }
  throw fault(
    `cannot be read: ${file} is damaged. Put it back from where you keep it; without a database beside it, remove it`,
  );
}
