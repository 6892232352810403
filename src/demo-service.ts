// The service that the demo runs: its environment, its account, and the child process from start to end.
// It owns the children and leaves none behind. What they do is in main.ts and admin.ts, which it only runs as programs.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DemoFault } from './demo-place.js';
import type { Place } from './demo-place.js';

export const EMAIL = 'demo@example.com';
const START_MS = 30_000;
const STOP_MS = 10_000;
const KEPT_LINES = 20;

export interface DemoAccount {
  password: string;
  totpSecret: string;
}

export interface Service {
  /** The last lines that it has written, for the case that it fails. */
  lastLines: () => string;
  /** Settles when the process has ended, however that came about. */
  ended: Promise<unknown>;
  hasEnded: () => boolean;
  stop: () => Promise<void>;
}

/** The child's whole environment: nothing of the caller's own settings may lead the demo to a real database. */
export function settingsFor(caller: NodeJS.ProcessEnv, folder: string, place: Place): NodeJS.ProcessEnv {
  const passedOn = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ', 'SystemRoot'];
  return {
    ...Object.fromEntries(passedOn.flatMap((name) => (caller[name] ? [[name, caller[name]]] : []))),
    DATA_DIR: folder,
    HOST: place.host,
    PORT: String(place.port),
    PUBLIC_URL: place.publicUrl,
    DEMO_PAGE: 'on',
    SIGN_UP: 'open',
    ...(place.isLan ? { ALLOW_HTTP: 'on' } : {}),
  };
}

/** Starts one of the built programs beside this file; the folder as working directory keeps a stray .env out. */
function run(program: string, args: string[], settings: NodeJS.ProcessEnv, folder: string): ChildProcess {
  const file = join(dirname(fileURLToPath(import.meta.url)), program);
  return spawn(process.execPath, ['--enable-source-maps', file, ...args], { env: settings, cwd: folder });
}

/** Makes the demo account with the admin program: a random password, and an authenticator. */
export async function createAccount(settings: NodeJS.ProcessEnv, folder: string): Promise<DemoAccount> {
  const password = readablePassword();
  const args = ['account', 'create', '--email', EMAIL, '--username', 'demo', '--password-stdin', '--totp'];
  const child = run('admin.js', args, settings, folder);
  const printed = { out: '', err: '' };
  child.stdout?.on('data', (chunk: Buffer) => (printed.out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (printed.err += chunk.toString()));
  child.stdin?.on('error', () => undefined); // a child that fails at once closes its input; its exit code tells
  child.stdin?.end(password);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new DemoFault(`The demo account could not be made:\n${printed.err.trim()}`);
  const { totp } = JSON.parse(printed.out) as { totp: { secret: string } };
  return { password, totpSecret: totp.secret };
}

/** Three pronounceable pieces and four digits, such as `tavo-reki-muno-5837`: some 50 bits, new at every run. */
function readablePassword(): string {
  const pick = (letters: string) => letters.charAt(randomInt(letters.length));
  const piece = () => [1, 2].map(() => pick('bdfghjklmnprstvz') + pick('aeiou')).join('');
  return `${piece()}-${piece()}-${piece()}-${String(randomInt(10_000)).padStart(4, '0')}`;
}

/** Starts the service; what it writes is kept for the case that it fails. */
export function startService(settings: NodeJS.ProcessEnv, folder: string): Service {
  const child = run('main.js', [], settings, folder);
  let lines: string[] = [];
  const keep = (chunk: Buffer) => {
    lines = [...lines, ...chunk.toString().split('\n').filter(Boolean)].slice(-KEPT_LINES);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = once(child, 'close').catch(() => undefined);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill); // should the demo itself fall over
  return {
    lastLines: () => lines.join('\n'),
    ended,
    hasEnded,
    stop: async () => {
      if (!hasEnded()) {
        child.kill('SIGTERM');
        const late = setTimeout(kill, STOP_MS);
        await ended;
        clearTimeout(late);
      }
      process.removeListener('exit', kill);
    },
  };
}

/** Resolves once the service says that it is ready. Throws a `DemoFault` where it ends or takes half a minute. */
export async function untilReady(service: Service, place: Place, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && !service.hasEnded()) {
    const wait = AbortSignal.any([signal, AbortSignal.timeout(1000)]);
    const answer = await fetch(`http://127.0.0.1:${place.port}/readyz`, { signal: wait }).catch(
      () => undefined,
    );
    if (answer?.ok) return;
    await pause(100, undefined, { signal });
  }
  throw new DemoFault(`The service did not start. Its last lines:\n${service.lastLines()}`);
}

/** What to say when the service ended by itself. */
export const crashReport = (service: Service): string =>
  `The service has ended unexpectedly. Its last lines:\n${service.lastLines()}`;
