// Runs a TypeScript file of the tests as a process of its own: bundled by esbuild into a folder from which the packages
// are found.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build } from 'esbuild';

const CACHE = join('node_modules', '.cache', 'linchpin-tests');

export interface Bundle {
  /** Starts it with one JSON argument. Its standard output is piped, its errors are shown. */
  start(argument: unknown): ChildProcess;
  remove(): void;
}

export async function bundle(entry: string): Promise<Bundle> {
  await mkdir(CACHE, { recursive: true });
  const folder = mkdtempSync(join(CACHE, 'bundle-'));
  const outfile = join(folder, basename(entry).replace(/\.ts$/, '.mjs'));
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'silent',
  });
  return {
    start: (argument) =>
      spawn(process.execPath, [outfile, JSON.stringify(argument)], { stdio: ['ignore', 'pipe', 'inherit'] }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
