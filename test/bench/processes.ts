// Starts the servers under measurement, each in a process of its own on core 0, and gives them orders. The load runs
// here, on core 1. Where `taskset` is missing or there is one core only, nothing is pinned and the table says so.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import {
  OPTIONS_VARIABLE,
  type OrderName,
  type Orders,
  type Ready,
  type Report,
  type ServerOptions,
} from './contract.js';

const SOURCES = resolve('test/bench');
const BUILT = resolve('node_modules/.cache/bench');
const SERVER_CORE = '0';
const LOAD_CORE = '1';
const ALL_CORES = `${SERVER_CORE},${LOAD_CORE}`;

/** The servers that can be measured, and the file each is. */
export const SERVERS = {
  'node:http': 'servers/node-http',
  koa: 'servers/koa',
  'oidc-provider': 'servers/oidc-provider',
  'oidc-provider on Redis': 'servers/oidc-provider-redis',
  linchpin: 'linchpin-server',
} as const;
export type ServerName = keyof typeof SERVERS;

/** In what a server differs from the usual one: no interval, on the servers' core. */
export type Setting = Partial<Omit<ServerOptions, 'port' | 'folder'>> & {
  /** It may use the load's core too. */
  areAllCoresIts?: boolean;
};

/** A started server. */
export interface Server {
  name: ServerName;
  port: number;
  ready: Ready;
  /** Gives an order and waits until it has been carried out. */
  order<N extends OrderName>(name: N, ask: Orders[N]['ask']): Promise<Orders[N]['reply']>;
  stop(): Promise<void>;
}

let isPinned = false;
/** Of servers that have not been stopped. */
const folders = new Set<string>();
process.once('exit', () => folders.forEach(removeFolder));

function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

/** Puts this process on its core; false where that cannot be done. */
export function pinThisProcess(): boolean {
  const done =
    availableParallelism() > 1 && spawnSync('taskset', ['-acp', LOAD_CORE, String(process.pid)]).status === 0;
  isPinned = done;
  return done;
}

/** The servers whose source is there. */
export function availableServers(): ServerName[] {
  return (Object.keys(SERVERS) as ServerName[]).filter((name) =>
    existsSync(join(SOURCES, `${SERVERS[name]}.ts`)),
  );
}

/** Bundles the servers, so that they run without a loader; packages stay where they are. */
export async function buildServers(names: ServerName[]): Promise<void> {
  await build({
    entryPoints: names.map((name) => join(SOURCES, `${SERVERS[name]}.ts`)),
    outbase: SOURCES,
    outdir: BUILT,
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
  });
}

/** The command line that runs node on the servers' core, or others. */
export function nodeCommand(args: string[], cores = SERVER_CORE): [string, string[]] {
  return isPinned ? ['taskset', ['-c', cores, process.execPath, ...args]] : [process.execPath, args];
}

/** Makes a temporary folder for one server. */
export function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'linchpin-bench-'));
}

/** A port of 127.0.0.1 that nobody uses. */
export async function findFreePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}

/** Starts one server and waits until it is ready. Refuses with what the server wrote, if it ends instead. */
export async function startServer(name: ServerName, setting: Setting = {}): Promise<Server> {
  const { areAllCoresIts, ...given } = setting;
  const folder = await makeFolder();
  folders.add(folder);
  const options: ServerOptions = { port: await findFreePort(), intervalSeconds: 0, ...given, folder };
  const file = join(BUILT, `${SERVERS[name]}.js`);
  const [command, args] = nodeCommand(
    ['--expose-gc', '--max-old-space-size=8192', file],
    areAllCoresIts ? ALL_CORES : SERVER_CORE,
  );
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Not as an argument: every user of the machine can read those, and there are passwords among them.
    env: { ...process.env, NODE_ENV: 'production', [OPTIONS_VARIABLE]: JSON.stringify(options) },
  });
  const channel = openChannel(name, child);
  const stop = async (): Promise<void> => {
    const ended = new Promise((done) => child.once('exit', done));
    if (child.exitCode === null && child.signalCode === null && child.kill()) await ended;
    removeFolder(folder);
  };
  try {
    return { name, port: options.port, ready: await channel.ready, order: channel.order, stop };
  } catch (fault) {
    await stop();
    throw fault;
  }
}

function openChannel(
  name: ServerName,
  child: ChildProcess,
): Pick<Server, 'order'> & { ready: Promise<Ready> } {
  const waiting = new Map<number, { done: (reply: unknown) => void; failed: (fault: Error) => void }>();
  let lastId = 0;
  let ended: Error | undefined;
  let written = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (written = (written + chunk.toString()).slice(-4000)));
  }
  const ready = new Promise<Ready>((done, failed) => {
    child.on('message', (report: Report) => {
      if ('ready' in report) return done(report.ready);
      const asked = waiting.get(report.id);
      waiting.delete(report.id);
      if ('fault' in report) asked?.failed(new Error(`${name}: ${report.fault}`));
      else asked?.done(report.reply);
    });
    child.once('exit', (code, signal) => {
      ended = new Error(`${name} ended (${code ?? signal}):\n${written}`);
      failed(ended);
      for (const asked of waiting.values()) asked.failed(ended);
    });
  });
  return {
    ready,
    order: <N extends OrderName>(order: N, ask: Orders[N]['ask']) =>
      new Promise<Orders[N]['reply']>((done, failed) => {
        if (ended) return failed(ended);
        const id = ++lastId;
        waiting.set(id, { done: done as (reply: unknown) => void, failed });
        child.send({ id, do: order, ...ask }, () => undefined);
      }),
  };
}
