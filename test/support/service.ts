// The service as it is shipped: `src/main.ts` built as `npm run build` builds it, and run as a process of its own.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** Below the project, so that the packages are found from it. */
const CACHE = join('node_modules', '.cache', 'linchpin-tests');

export interface StartedService {
  readonly url: string;
  readonly port: number;
  readonly child: ChildProcess;
  /** All that it has written so far: to people, and to the record. */
  readonly written: () => { readonly out: string; readonly err: string };
  /** Resolves when the output or the record holds the text; rejects when the process ends without it. */
  readonly until: (text: RegExp) => Promise<RegExpExecArray>;
  /** Resolves to the exit code and the signal that ended it. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export interface BuiltService {
  /** Starts it with these settings and nothing else of the environment, in a data folder of its own. */
  start(env?: Record<string, string>, command?: readonly string[]): Promise<StartedService>;
  /** A data folder that `remove` takes away. */
  newFolder(): string;
  /** Ends what still runs and removes every folder. */
  remove(): Promise<void>;
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function watch(child: ChildProcess) {
  const written = { out: '', err: '' };
  const ended = once(child, 'close').then(([code, signal]: (number | string | null)[]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  child.stdout?.on('data', (chunk: Buffer) => (written.out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (written.err += chunk.toString()));

  const until = (text: RegExp): Promise<RegExpExecArray> =>
    new Promise((done, fail) => {
      const look = (): void => {
        const found = text.exec(written.out) ?? text.exec(written.err);
        if (found) done(found);
      };
      look();
      child.stdout?.on('data', look);
      child.stderr?.on('data', look);
      void ended.then(() => fail(new Error(`it ended without ${text}:\n${written.out}${written.err}`)));
    });
  return { written: () => ({ ...written }), until, ended };
}

export interface BuildAsked {
  /** What changes the sources on the way, for tests that must notice. */
  readonly plugins?: Plugin[];
  /** A file that runs in the process before the service does. The process then has a channel to this one. */
  readonly preload?: string;
}

export async function buildService({ plugins = [], preload }: BuildAsked = {}): Promise<BuiltService> {
  mkdirSync(CACHE, { recursive: true });
  const home = mkdtempSync(join(CACHE, 'service-'));
  // The views stand beside the folder of the built files.
  symlinkSync(resolve('views'), join(home, 'views'));
  await build({
    entryPoints: { main: join('src', 'main.ts'), ...(preload === undefined ? {} : { preload }) },
    outdir: join(home, 'dist'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
    plugins,
  });
  const main = resolve(home, 'dist', 'main.mjs');
  const early = preload === undefined ? [] : ['--import', resolve(home, 'dist', 'preload.mjs')];
  const folders: string[] = [home];
  const running = new Map<ChildProcess, Promise<unknown>>();

  const newFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'linchpin-service-'));
    folders.push(folder);
    return folder;
  };

  return {
    newFolder,

    async start(env = {}, [command, ...before] = [process.execPath]) {
      const folder = newFolder();
      const port = env['PORT'] === undefined ? await findFreePort() : Number(env['PORT']);
      const { PATH = '' } = process.env;
      const child = spawn(command!, [...before, ...early, main], {
        cwd: folder,
        env: { PATH, DATA_DIR: join(folder, 'data'), PORT: String(port), ...env },
        stdio: ['ignore', 'pipe', 'pipe', ...(preload === undefined ? [] : ['ipc' as const])],
      });
      const watched = watch(child);
      running.set(child, watched.ended);
      void watched.ended.then(() => running.delete(child));
      return { url: `http://localhost:${port}`, port, child, ...watched };
    },

    async remove() {
      for (const child of running.keys()) child.kill('SIGKILL');
      await Promise.all(running.values());
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
    },
  };
}
