// The demo: starts the built service on a temporary data folder, with one account, and plays a tool against it.
// It owns the child process and the folder, and leaves neither behind. What a tool does is in tool.ts; what the service does is
// in main.ts and admin.ts, which it only runs as programs. Specification of what is shown: RFC 8628 §3.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { totpCode } from './crypto/totp.js';
import { ENDS, ToolFault, runTool } from './tool.js';
import type { ToolResult } from './tool.js';

const USUAL_PORT = 8484;
const EMAIL = 'demo@example.com';
const STEP_MS = 30_000;
const START_MS = 30_000;
const STOP_MS = 10_000;
const KEPT_LINES = 20;

const HELP = `Starts the service on a temporary folder, with a demo account, and plays a tool that asks for a token.

  npm run demo [-- options]

  --lan    listen in the local network, so that a phone can scan the QR code; anyone in that network can reach it
  --once   stop as soon as the tool has its answer
  --help   this page

Exit codes: 0 token, or stopped with Ctrl-C; 1 declined or expired; 2 the service could not do its part.`;

/** Why the demo cannot go on, in words for the person who started it. */
class DemoFault extends Error {
  override name = 'DemoFault';
}

interface Place {
  host: string;
  port: number;
  publicUrl: string;
  isLan: boolean;
}

interface DemoAccount {
  password: string;
  totpSecret: string;
}

interface Service {
  /** The last lines that it has written, for the case that it fails. */
  lastLines: () => string;
  /** Settles when the process has ended, however that came about. */
  ended: Promise<unknown>;
  hasEnded: () => boolean;
  stop: () => Promise<void>;
}

/** Runs the whole demo; `signal` ends it at any point. Answers with the exit code, after everything has been cleaned away. */
export async function runDemo(args: string[], signal: AbortSignal): Promise<number> {
  const screen = createScreen();
  const folder = mkdtempSync(join(tmpdir(), 'linchpin-demo-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  let service: Service | undefined;
  try {
    const wishes = readArguments(args);
    if (wishes.help) {
      screen.print(HELP);
      return 0;
    }
    const place = await choosePlace(wishes.lan ?? false);
    const settings = settingsFor(folder, place);
    const account = await createAccount(settings, folder);
    service = startService(settings, folder);
    await untilReady(service, place, signal);
    introduce(screen, place, account);
    return await playTool({ screen, service, place, account, signal, isOnce: wishes.once ?? false });
  } catch (fault) {
    if (signal.aborted) return 0;
    if (!(fault instanceof DemoFault || fault instanceof ToolFault)) throw fault;
    screen.print(fault.message);
    if (fault instanceof ToolFault && service?.hasEnded()) screen.print(crashReport(service));
    return 2;
  } finally {
    await service?.stop();
    removeFolder();
    process.removeListener('exit', removeFolder);
  }
}

function readArguments(args: string[]) {
  try {
    const flag = { type: 'boolean' } as const;
    return parseArgs({ args, options: { lan: flag, once: flag, help: { ...flag, short: 'h' } } }).values;
  } catch (fault) {
    throw new DemoFault(`${(fault as Error).message} (--help shows how to call the demo.)`);
  }
}

async function choosePlace(isLan: boolean): Promise<Place> {
  const host = isLan ? '0.0.0.0' : '127.0.0.1';
  const name = isLan ? lanAddress() : 'localhost';
  // "localhost" is the IPv6 loopback to many browsers: a stranger listening there would get the demo's visitors.
  const isFree = (await openPort(USUAL_PORT, host)) && (await openPort(USUAL_PORT, '::1'));
  const port = isFree ? USUAL_PORT : await openPort(0, host);
  if (port === undefined) throw new DemoFault('This machine has no free port to listen on.');
  return { host, port, publicUrl: `http://${name}:${port}`, isLan };
}

/** The port if it can be listened on (0 picks any), else undefined. A machine without that address has it free. */
async function openPort(port: number, host: string): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : undefined;
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code === 'EADDRINUSE' ? undefined : port;
  } finally {
    server.close();
  }
}

function lanAddress(): string {
  const isVirtual = (name: string) => /^(docker|br-|veth|virbr|vmnet|tun|utun)/.test(name);
  const found = Object.entries(networkInterfaces())
    .sort(([one], [other]) => Number(isVirtual(one)) - Number(isVirtual(other)))
    .flatMap(([, addresses]) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (found === undefined) throw new DemoFault('This machine has no address in a local network.');
  return found.address;
}

/** The child's whole environment: nothing of the caller's own settings may lead the demo to a real database. */
function settingsFor(folder: string, place: Place): NodeJS.ProcessEnv {
  const passedOn = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ', 'SystemRoot'];
  return {
    ...Object.fromEntries(passedOn.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
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

async function createAccount(settings: NodeJS.ProcessEnv, folder: string): Promise<DemoAccount> {
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

function startService(settings: NodeJS.ProcessEnv, folder: string): Service {
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

async function untilReady(service: Service, place: Place, signal: AbortSignal): Promise<void> {
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

const crashReport = (service: Service): string =>
  `The service has ended unexpectedly. Its last lines:\n${service.lastLines()}`;

interface Screen {
  print: (text: string) => void;
  /** A last line that stays below all that is printed; `undefined` takes it away. */
  keepBelow: (text: string | undefined) => void;
}

/** In a terminal the kept line is rewritten in place; elsewhere each new one is simply printed. */
function createScreen(): Screen {
  const { stdout } = process;
  let below: string | undefined;
  const clear = () => (stdout.isTTY && below !== undefined ? '\r\x1b[2K' : '');
  return {
    print: (text) => stdout.write(`${clear()}${text}\n${stdout.isTTY ? (below ?? '') : ''}`),
    keepBelow: (text) => {
      stdout.write(`${clear()}${text ?? ''}${text !== undefined && !stdout.isTTY ? '\n' : ''}`);
      below = text;
    },
  };
}

function introduce(screen: Screen, place: Place, account: DemoAccount): void {
  screen.print(
    [
      '',
      `  The service runs at  ${place.publicUrl}`,
      '  Its data lies in a temporary folder and is gone at the end.',
      ...(place.isLan ? ['  Anyone in your local network can reach it while it runs.'] : []),
      '',
      '  Sign in with this account when you approve:',
      `    e-mail    ${EMAIL}`,
      `    password  ${account.password}`,
      '    code      the six digits at the bottom, new every 30 seconds',
      `    (or add this key to your authenticator app: ${account.totpSecret})`,
      '',
      '  Now a tool asks for a token. This is what a person sees:',
    ].join('\n'),
  );
}

interface Play {
  screen: Screen;
  service: Service;
  place: Place;
  account: DemoAccount;
  signal: AbortSignal;
  isOnce: boolean;
}

async function playTool({ screen, service, place, account, signal, isOnce }: Play): Promise<number> {
  const crash = new AbortController();
  void service.ended.then(() => crash.abort());
  const over = AbortSignal.any([signal, crash.signal]);
  const decided = new AbortController();
  const showBelow = () => {
    if (!place.isLan) screen.print('  A phone cannot reach this address. For that: npm run demo -- --lan\n');
    void keepCodeBelow(screen, account.totpSecret, AbortSignal.any([over, decided.signal]));
  };
  let result: ToolResult;
  try {
    result = await runTool({
      issuer: place.publicUrl,
      print: screen.print,
      isTerminal: process.stdout.isTTY,
      signal: over,
      onShown: showBelow,
    });
  } finally {
    decided.abort();
    screen.keepBelow(undefined);
  }
  if (result.outcome === 'token' && !isOnce) {
    screen.print(`\nThe service keeps running at ${place.publicUrl}  Press Ctrl-C to stop.`);
    if (!over.aborted) await once(over, 'abort');
  }
  if (crash.signal.aborted && !signal.aborted) throw new DemoFault(crashReport(service));
  if (result.outcome === 'declined' || result.outcome === 'expired') screen.print(ENDS[result.outcome]);
  return result.outcome === 'token' || result.outcome === 'stopped' ? 0 : 1;
}

async function keepCodeBelow(screen: Screen, secret: string, until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    const now = new Date();
    const code = await totpCode(secret, now);
    if (until.aborted) return;
    // RFC 6238 §5.2: the server takes no code twice.
    screen.keepBelow(`  Code ${code}  (works once; the next one comes within 30 s)`);
    await pause(STEP_MS - (now.getTime() % STEP_MS), undefined, { signal: until }).catch(() => undefined);
  }
}

if (/^demo(\.[jt]s)?$/.test(basename(process.argv[1] ?? ''))) {
  const stop = new AbortController();
  // The first signal asks; the second does not wait for the service, and what listens to "exit" still cleans up.
  const ask = () => (stop.signal.aborted ? process.exit(130) : stop.abort());
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, ask);
  process.exitCode = await runDemo(process.argv.slice(2), stop.signal);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeListener(name, ask);
}
