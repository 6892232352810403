// Packages of many small files, each made into one file for tests: every suite loads all that it imports anew, and jest looks for
// each file for itself. The service is built with the packages as they are, and suites that start it run with those.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const PACKAGES = ['@simplewebauthn/server', 'jose', 'kysely', 'zod'];

const fileOf = (name) => name.replace('@', '').replace('/', '-');

/** What stands in some of them for `require`, which a module has not. */
const REQUIRE = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`;

/** Where jest finds these packages; made at the first run with what is installed. */
export async function packagesInOne(rootDir) {
  const installed = createHash('sha256').update(readFileSync(join(rootDir, 'package-lock.json')));
  const name = `packages-${installed.digest('hex').slice(0, 16)}`;
  const folder = join(rootDir, 'node_modules', '.cache', 'linchpin-tests', name);
  if (!existsSync(folder)) await make(folder);
  return Object.fromEntries(PACKAGES.map((each) => [`^${each}$`, join(folder, `${fileOf(each)}.mjs`)]));
}

async function make(folder) {
  mkdirSync(dirname(folder), { recursive: true });
  const unfinished = mkdtempSync(`${folder}-`);
  await build({
    entryPoints: Object.fromEntries(PACKAGES.map((each) => [fileOf(each), each])),
    outdir: unfinished,
    outExtension: { '.js': '.mjs' },
    banner: { js: REQUIRE },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
  try {
    renameSync(unfinished, folder);
  } catch {
    // Another run has made it meanwhile.
    rmSync(unfinished, { recursive: true, force: true });
  }
}
