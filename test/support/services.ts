// Starts a Redis and a PostgreSQL of the test run's own, on free loopback ports, with their data in temporary folders.
// It ends only what it started: by `stop`, when this process exits, and by the kernel where this process is killed.
// Both ask for a password: on a shared machine a database superuser without one lends its system user to everybody.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { equipment, findProgram } from './equipment.js';

export interface Service {
  /** With user and password. */
  readonly url: string;
  readonly stop: () => Promise<void>;
  /** For suites that make it hang (SIGSTOP), go on, or die. */
  readonly signal: (name: NodeJS.Signals) => void;
}

const START_SECONDS = 30;
const STOP_SECONDS = 5;

export interface RedisAsked {
  /** The address of one that was stopped; else a free port and a password of its own. */
  readonly at?: string;
  readonly password?: string;
  /** Further settings. */
  readonly lines?: readonly string[];
  readonly isSentinel?: boolean;
}

/** Starts an empty Redis that keeps nothing on disk, or a Sentinel. Refuses where it is not installed or does not come up. */
export async function startRedis({
  at,
  lines = [],
  isSentinel,
  ...asked
}: RedisAsked = {}): Promise<Service> {
  const program = found('redis');
  const { folder, prefix } = ownFolder('redis');
  const before = at === undefined ? undefined : new URL(at);
  const port = before?.port ?? (await freePort());
  const password = before?.password ?? asked.password ?? randomBytes(16).toString('hex');
  // A Sentinel has no data, and knows no settings about them.
  const keeping = isSentinel ? [] : ['save ""', 'appendonly no'];
  const settings = ['bind 127.0.0.1', `port ${port}`, `requirepass ${password}`, `dir ${folder}`];
  const text = `${[...settings, ...keeping, ...lines].join('\n')}\n`;
  // The settings go in by a file or by standard input: arguments can be read by every user of the machine.
  const file = join(folder, 'redis.conf');
  if (isSentinel) {
    writeFileSync(file, text, { mode: 0o600 });
    giveAway(file);
  }
  const child = launch([...prefix, program, ...(isSentinel ? [file, '--sentinel'] : ['-'])], folder);
  child.stdin?.end(isSentinel ? '' : text);
  return whenReady(child, () => removeFolder(folder), `redis://default:${password}@127.0.0.1:${port}`);
}

/** Starts an empty PostgreSQL that never flushes to disk. Refuses where it is not installed or does not come up. */
export function startPostgres(): Promise<Service> {
  return startPostgresWith({ synchronous_commit: 'off', full_page_writes: 'off' });
}

/** As a service would be run: what it has acknowledged is on the disk. */
export function startDurablePostgres(): Promise<Service> {
  return startPostgresWith({ fsync: 'on' });
}

async function startPostgresWith(settings: Record<string, string>): Promise<Service> {
  const { command, folder, url } = await makePostgres(settings);
  return whenReady(launch(command, folder), () => removeFolder(folder), url);
}

export interface LastingPostgres extends Service {
  /**
   * Ends the server, and resolves when it has ended. `fast`: it cuts its clients off, and ends in order; `immediate`: it drops
   * everything, and recovers at the next start.
   */
  readonly halt: (how: 'fast' | 'immediate') => Promise<void>;
  /** Starts it again on the same data, at the same address. */
  readonly resume: () => Promise<void>;
}

/** One that can be ended and started again. What it has acknowledged survives that, but not a machine that loses power. */
export async function startLastingPostgres(): Promise<LastingPostgres> {
  const { command, folder, url } = await makePostgres({ synchronous_commit: 'on' });
  const start = () => whenReady(launch(command, folder), () => undefined, url);
  const remove = (): void => removeFolder(folder);
  process.once('exit', remove);
  let running = await start();
  return {
    url,
    signal: (name) => running.signal(name),
    async halt(how) {
      running.signal(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
      await running.ended;
    },
    async resume() {
      running = await start();
    },
    async stop() {
      await running.stop();
      process.off('exit', remove);
      remove();
    },
  };
}

/** An empty cluster of databases, and the command that serves it. */
async function makePostgres(settings: Record<string, string>) {
  const initdb = found('postgres');
  const { folder, prefix } = ownFolder('postgres');
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  const password = randomBytes(16).toString('hex');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  giveAway(passwordFile);
  try {
    await runToEnd([
      ...[...prefix, initdb, '-D', data, '-U', 'linchpin'],
      ...['--auth=scram-sha-256', `--pwfile=${passwordFile}`],
      ...['--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'],
    ]);
  } catch (error) {
    removeFolder(folder);
    throw error;
  }
  const port = await freePort();
  const all = {
    ...{ listen_addresses: '127.0.0.1', port, unix_socket_directories: folder, fsync: 'off' },
    ...settings,
  };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = [...prefix, join(dirname(initdb), 'postgres'), '-D', data, ...options];
  return { command, folder, url: `postgres://linchpin:${password}@127.0.0.1:${port}/postgres` };
}

const removeFolder = (folder: string): void => rmSync(folder, { recursive: true, force: true });

function found(name: 'redis' | 'postgres'): string {
  const program = equipment[name].find();
  if (!program) throw new Error(`${equipment[name].package} is not installed`);
  return program;
}

/** A folder that only the service can read, and what stands before its command to run it as its user. */
function ownFolder(name: string): { folder: string; prefix: string[] } {
  const folder = mkdtempSync(join(tmpdir(), `linchpin-test-${name}-`));
  giveAway(folder);
  const setpriv = findProgram('setpriv');
  if (!setpriv) return { folder, prefix: [] };
  const user = serviceUser();
  const asUser = user ? [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'] : [];
  return { folder, prefix: [setpriv, '--pdeathsig', 'INT', ...asUser, '--'] };
}

function giveAway(path: string): void {
  const user = serviceUser();
  if (user) chownSync(path, user.uid, user.gid);
}

/** As root: the user of Debian's PostgreSQL package, or nobody. PostgreSQL refuses to run as root. */
function serviceUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const line = ['postgres:', 'nobody:']
    .map((start) => lines.find((one) => one.startsWith(start)))
    .find(Boolean);
  const [, , uid, gid] = line?.split(':') ?? [];
  return { uid: Number(uid ?? 65534), gid: Number(gid ?? 65534) };
}

/** Below those that the system gives to outgoing connections: one that was freed for a restart is free still. */
const PORTS = { first: 12_000, last: 32_000 };

/** `--port 0` is not offered by either program: a port that was free a moment ago is. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = PORTS.first + randomInt(PORTS.last - PORTS.first);
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function runToEnd([program = '', ...parts]: string[]): Promise<void> {
  await promisify(execFile)(program, parts, { cwd: '/', env: bareEnvironment() });
}

function launch([program = '', ...parts]: string[], folder: string): ChildProcess {
  return spawn(program, parts, { cwd: folder, env: bareEnvironment(), stdio: 'pipe' });
}

function bareEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH ?? '', LC_ALL: 'C' };
}

/** Waits for the line in which the programs say that they take connections. */
async function whenReady(
  child: ChildProcess,
  remove: () => void,
  url: string,
): Promise<Service & { readonly ended: Promise<void> }> {
  const endNow = (): void => {
    child.kill('SIGKILL');
    remove();
  };
  process.once('exit', endNow);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve())).finally(() =>
    process.off('exit', endNow),
  );
  const stop = async (): Promise<void> => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS * 1000);
    // PostgreSQL takes it as its fast shutdown; TERM would wait for its clients.
    child.kill('SIGINT');
    child.kill('SIGCONT');
    await ended;
    clearTimeout(timer);
    remove();
  };
  try {
    await readyLine(child);
    return { url, stop, ended, signal: (name) => void child.kill(name) };
  } catch (error) {
    if (child.exitCode === null && child.pid !== undefined) await stop();
    else endNow();
    throw error;
  }
}

function readyLine(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (what: string): void =>
      reject(new Error(`${child.spawnargs.join(' ')} ${what}:\n${output}`));
    const timer = setTimeout(() => fail(`was not ready after ${START_SECONDS} s`), START_SECONDS * 1000);
    const read = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4000);
      if (!/ready to accept connections|Sentinel ID is/i.test(output)) return;
      clearTimeout(timer);
      resolve();
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.stdin?.on('error', () => undefined);
    child.once('error', (error) => {
      clearTimeout(timer);
      fail(`did not start (${error.message})`);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      fail(`ended with ${code}`);
    });
  });
}
