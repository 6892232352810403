// Makes the root secret at the first start and keeps it in DATA_DIR, for whoever gave none. What it is the root of: crypto/secrets.ts.
// It is made once: a second secret beside an existing database would make every password and authenticator worthless.
// DESIGN 4 (kept with mode 600), CHECKLIST 2 (keys outside the database).
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { ConfigError, type Config, type LoadedConfig } from './config.js';

const SECRET_TEXT = /^[\w-]{43}$/;

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
    const { code = 'unknown fault' } = error as NodeJS.ErrnoException;
    throw new ConfigError([
      {
        name: 'DATA_DIR',
        problem: `must be a folder of this user: ${file} cannot be read or made (${code})`,
      },
    ]);
  }
}

const fault = (problem: string): ConfigError => new ConfigError([{ name: 'LINCHPIN_SECRET', problem }]);

function makeSecret({ dataDir, databaseFile }: LoadedConfig, file: string): string {
  const isDatabaseThere = existsSync(databaseFile);
  // Looked for once more: a process that starts beside this one makes its secret before its database.
  if (existsSync(file)) return readKept(file);
  if (isDatabaseThere) {
    throw fault(
      `is needed: ${databaseFile} exists, but ${file} does not. Set the secret that the database was made with, or put the file back`,
    );
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const secret = randomBytes(32).toString('base64url');
  const draft = `${file}.${process.pid}`;
  writeDraft(draft, `${secret}\n`);
  try {
    // The name is given to a file that is whole already; it fails where another process was faster, and its secret is the one.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return readKept(file);
    throw error;
  } finally {
    unlinkSync(draft);
  }
  keepName(dataDir);
  return secret;
}

function writeDraft(draft: string, text: string): void {
  const handle = openSync(draft, 'w', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
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
  const secret = readFileSync(file, 'utf8').trimEnd();
  if (SECRET_TEXT.test(secret)) return secret;
  throw fault(
    `cannot be read: ${file} is damaged. Put it back from where you keep it; without a database beside it, remove it`,
  );
}
