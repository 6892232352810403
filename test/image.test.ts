// The image without a container engine: the lines of the Dockerfile, each done in an empty folder as the engine would do it in
// the image, and the service started from what they leave. Two things are not as there: the base image is this machine, and
// the packages of `npm ci` are copied from those that are installed, which is what it would make of the lock file.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findProgram } from './support/equipment.js';
import { freePort } from './support/services.js';

const run = promisify(execFile);
const NOBODY = 65_534;
const READY_MS = 20_000;

interface Line {
  readonly word: string;
  readonly rest: string;
}

/** The lines of one stage, continued ones joined; comments and empty ones are none. */
function stages(): Line[][] {
  const text = readFileSync('Dockerfile', 'utf8')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, ' ');
  const lines = text
    .split('\n')
    .filter(Boolean)
    .map((line): Line => {
      const [, word = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line.trim())!;
      return { word, rest };
    });
  return lines.reduce<Line[][]>((found, line) => {
    if (line.word === 'FROM') return [...found, [line]];
    found.at(-1)!.push(line);
    return found;
  }, []);
}

describe('the image, line by line in an empty folder', () => {
  // On a disk: it is half a gigabyte.
  const root = mkdtempSync(join(tmpdir(), 'linchpin-image-'));
  const environment: Record<string, string> = {};
  let child: ChildProcess | undefined;
  const [building = [], serving = []] = stages();
  const images = { build: join(root, 'build'), final: join(root, 'final') };
  const ignored = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

  // As in an engine, where what is made may be read by all. A process of tests may have been given another one.
  let umask = 0;
  beforeAll(() => {
    umask = process.umask(0o022);
  });
  afterAll(() => {
    process.umask(umask);
    child?.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  });

  /** A path in an image, as a folder here. */
  const inside = (image: string, path: string): string =>
    join(image, path.startsWith('/') ? path : join('app', path));

  async function copy(image: string, rest: string): Promise<void> {
    const [, from, paths = ''] = /^(?:--from=(\w+) )?(.*)$/.exec(rest)!;
    const parts = paths.split(' ');
    const target = parts.pop()!;
    for (const source of parts) {
      // What .dockerignore keeps away is not there to be copied.
      if (from === undefined) expect(ignored).not.toContain(source);
      const real = from === undefined ? source : join(images[from as keyof typeof images], source);
      const place = inside(image, target);
      const isInto = target.endsWith('/');
      await run('cp', ['-a', real, isInto ? join(place, source) : place]);
    }
  }

  async function build(image: string, rest: string): Promise<void> {
    const app = inside(image, '.');
    for (const command of rest.split('&&').map((part) => part.trim())) {
      // What the base image lacks; here is a compiler already, and whoever sets a folder's owner must be root.
      if (/^(apt-get|rm -rf \/var\/lib\/apt)/.test(command)) continue;
      if (command === 'npm ci') await installPackages(app);
      else if (command.startsWith('install -d '))
        mkdirSync(inside(image, command.split(' ').at(-1)!), { mode: 0o700 });
      else {
        expect(command).toMatch(/^npm (run build|prune --omit=dev)$/);
        await run('npm', command.split(' ').slice(1), { cwd: app });
      }
    }
  }

  /** Held to the lock file, so that no other package could have been meant. */
  async function installPackages(app: string): Promise<void> {
    const installed = realpathSync('node_modules');
    const lock = (file: string) =>
      JSON.parse(readFileSync(file, 'utf8')) as {
        packages: Record<string, { version?: string; optional?: boolean }>;
      };
    const hidden = lock(join(installed, '.package-lock.json')).packages;
    for (const [path, { version, optional }] of Object.entries(lock(join(app, 'package-lock.json')).packages))
      if (path !== '' && !optional) expect([path, hidden[path]?.version]).toEqual([path, version]);
    await run('cp', ['-a', installed, join(app, 'node_modules')]);
    rmSync(join(app, 'node_modules', '.cache'), { recursive: true, force: true });
  }

  async function follow(image: string, lines: readonly Line[]): Promise<void> {
    for (const { word, rest } of lines) {
      if (word === 'WORKDIR') mkdirSync(inside(image, rest), { recursive: true });
      if (word === 'COPY') await copy(image, rest);
      if (word === 'RUN') await build(image, rest);
      if (word === 'ENV')
        for (const pair of rest.split(' '))
          environment[pair.split('=')[0]!] = pair.slice(pair.indexOf('=') + 1);
    }
  }

  const commandOf = (word: string): string[] => {
    const { rest } = serving.find((line) => line.word === word)!;
    return JSON.parse(/\[.*\]$/.exec(rest)![0]) as string[];
  };

  /** As the user of the last stage: somebody without rights, where this test may choose. */
  function asUser(command: readonly string[]): [string, ...string[]] {
    const setpriv = process.getuid?.() === 0 ? findProgram('setpriv') : undefined;
    if (setpriv === undefined) return command as [string, ...string[]];
    return [setpriv, `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--', ...command];
  }

  it('builds, and keeps what the service needs and nothing else', async () => {
    await follow(images.build, building);
    await follow(images.final, serving);
    const app = inside(images.final, '.');
    expect(readdirSync(app).sort()).toEqual(['dist', 'node_modules', 'package.json', 'views']);
    expect(readdirSync(join(app, 'dist'))).toContain('main.js');
    const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
      'dependencies' | 'devDependencies',
      Record<string, string>
    >;
    const isThere = (name: string): boolean => existsSync(join(app, 'node_modules', name));
    expect(Object.keys(dependencies).filter((name) => !isThere(name))).toEqual([]);
    for (const name of ['jest', 'eslint', 'playwright-core', 'oidc-provider']) {
      expect(devDependencies).toHaveProperty(name);
      expect(isThere(name)).toBe(false);
    }
  }, 120_000);

  it('serves from it as a user without rights, who may write to /data alone, and its HEALTHCHECK agrees', async () => {
    const app = inside(images.final, '.');
    const data = inside(images.final, environment['DATA_DIR']!);
    for (const folder of [root, images.final]) chmodSync(folder, 0o755);
    if (process.getuid?.() === 0) chownSync(data, NOBODY, NOBODY);
    const port = String(await freePort());
    const env = {
      PATH: process.env['PATH'] ?? '',
      ...environment,
      DATA_DIR: data,
      PORT: port,
      HOST: '127.0.0.1',
    };
    const [program, ...parts] = asUser(commandOf('CMD'));
    child = spawn(program, parts, { cwd: app, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let written = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (written += chunk.toString()));
    for (const end = Date.now() + READY_MS; !written.includes('Linchpin is ready'); await pause(50))
      if (Date.now() > end || child.exitCode !== null) throw new Error(`it is not ready:\n${written}`);

    const [check, ...checkParts] = asUser(commandOf('HEALTHCHECK'));
    await run(check, checkParts, { cwd: app, env });
    expect((await fetch(`http://127.0.0.1:${port}/sign-in`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await once(child, 'close')).toEqual([0, null]);
    // A HEALTHCHECK that always agrees is none.
    await expect(run(check, checkParts, { cwd: app, env })).rejects.toThrow();
  }, 60_000);
});
