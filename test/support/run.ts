// `npm test`: types, lint and format side by side, and the one jest run with every suite. `npm test -- links` runs only
// the suites whose path matches. It finds, installs or misses the programs that those suites need, starts the servers among
// them, and stops them on every way out. The last line counts: a failed step counts as one failure.
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { startBrowser } from './browser-server.js';
import { equipment, installLine, isCi, isProgram, type EquipmentName } from './equipment.js';
import { newRunFolder } from './folder.js';
import { installPackages, mayInstall } from './install.js';
import { startPostgres, startRedis, type Service } from './services.js';

interface Step {
  readonly name: string;
  readonly isOk: boolean;
  readonly seconds: number;
}

interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** No step takes this long: one that does hangs, and a run that hangs tells nobody why. A long series of faults may. */
const STEP_MINUTES = 13 + Number(process.env.FAULT_ROUNDS ?? 0) / 10;

const narrowing = process.argv.slice(2);
const steps: Step[] = [];
const services: Pick<Service, 'stop'>[] = [];
const running = new Set<ChildProcess>();
let interruptedBy: 'SIGHUP' | 'SIGINT' | 'SIGTERM' | undefined;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruptedBy ??= signal;
    for (const child of running) end(child, signal);
  });
}

await runAll();

async function runAll(): Promise<void> {
  const folder = newRunFolder();
  const totalsFile = join(folder, 'totals.json');
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  try {
    const checks = narrowing.length === 0 ? ['types', 'lint', 'format:check'] : [];
    if (checks.length === 0) {
      say(`Only suites that match ${narrowing.join(' ')}: types, lint and format are not checked.`);
    }
    const addresses: Record<string, string> = {};
    const needed = await neededEquipment();
    const check = (script: string) => step(script, () => npmRun(script, { isAside: true }));
    // It takes longer than the other checks together, and one processor: the suites do not wait for it.
    const linted = checks.includes('lint') ? check('lint') : undefined;
    await Promise.all([
      ...checks.filter((script) => script !== 'lint').map(check),
      ...(needed.length > 0 ? [step('equipment', () => prepare(needed, addresses))] : []),
    ]);
    const environment = { ...addresses, TEST_TOTALS: totalsFile, TEST_FOLDER: folder };
    await Promise.all([linted, step('jest', () => npmRun('jest', { parts: narrowing, environment }))]);
  } finally {
    await Promise.all(services.map((service) => service.stop()));
  }
  summarize(readTotals(totalsFile));
}

/** Runs and times one step. A step fails by answering false or by throwing; the next ones run all the same. */
async function step(name: string, work: () => Promise<boolean>): Promise<void> {
  if (interruptedBy) return;
  say(`\n▸ ${name}`);
  const startedAt = Date.now();
  let isOk = false;
  try {
    isOk = await work();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  const seconds = (Date.now() - startedAt) / 1000;
  steps.push({ name, isOk, seconds });
  say(`▸ ${name} ${isOk ? 'ok' : 'FAILED'} (${seconds.toFixed(1)} s)`);
}

interface ScriptRun {
  readonly parts?: readonly string[];
  readonly environment?: Record<string, string>;
  /** Beside other steps: what it writes is shown at its end, in one piece. */
  readonly isAside?: boolean;
}

/** Runs a script of package.json with its output in view; answers whether it succeeded. */
function npmRun(
  script: string,
  { parts = [], environment = {}, isAside = false }: ScriptRun,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const output = isAside ? 'pipe' : 'inherit';
    const child = spawn('npm', ['run', '--silent', script, '--', ...parts], {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...environment },
      // A group of its own, so that a signal reaches all of it: npm passes one on to a shell, and the shell to nobody.
      detached: true,
    });
    const timer = setTimeout(() => {
      say(`${script} is still running after ${STEP_MINUTES} minutes and is ended.`);
      end(child, 'SIGTERM');
    }, STEP_MINUTES * 60_000);
    running.add(child);
    const written: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => void written.push(chunk));
    }
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      running.delete(child);
      process.stdout.write(Buffer.concat(written));
      resolve(code === 0);
    });
  });
}

function end(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended in the meantime.
  }
}

/** What the selected suites import, through however many files, says what they need. */
async function neededEquipment(): Promise<EquipmentName[]> {
  const suites = selectedSuites();
  if (suites.length === 0) return [];
  const { metafile } = await build({
    entryPoints: suites,
    outdir: 'dist',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'silent',
    // A suite that does not compile fails in jest, which says where.
  }).catch(() => ({ metafile: { inputs: {} } }));
  return (['chromium', 'nginx', 'redis', 'postgres'] as const).filter(
    (name) => equipment[name].module in metafile.inputs,
  );
}

/** As jest selects: path patterns, in any case of letters. With options among them, every suite. */
function selectedSuites(): string[] {
  const suites = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join('test', path));
  if (narrowing.some((part) => part.startsWith('-'))) return suites;
  const patterns = narrowing.map((part) => new RegExp(part, 'i'));
  return suites.filter((path) => patterns.length === 0 || patterns.some((pattern) => pattern.test(path)));
}

/**
 * Finds or installs what is needed and starts the servers among it; their addresses go into `addresses`. What is missing
 * is said; the suites show it as skipped, and under CI both this step and they fail.
 */
async function prepare(
  needed: readonly EquipmentName[],
  addresses: Record<string, string>,
): Promise<boolean> {
  const findMissing = (): EquipmentName[] => needed.filter((name) => !equipment[name].find());
  if (findMissing().length > 0 && mayInstall()) {
    await installPackages(
      findMissing().map((name) => equipment[name].package),
      say,
    ).catch((error: unknown) => say(String(error)));
  }
  const missing = findMissing();
  if (missing.length > 0) say(`Missing: ${missing.join(', ')}. As root: ${installLine(missing)}`);
  for (const name of needed.filter((one) => !missing.includes(one))) {
    addresses[equipment[name].variable] = await provide(name);
    say(`${name} is ready`);
  }
  if (addresses.TEST_CHROMIUM) await shareBrowser(addresses.TEST_CHROMIUM, addresses);
  return missing.length === 0 || !isCi();
}

async function provide(name: EquipmentName): Promise<string> {
  if (isProgram(name)) return equipment[name].find() ?? '';
  const service = await (name === 'redis' ? startRedis() : startPostgres());
  services.push(service);
  return service.url;
}

/** Without it every suite starts a browser of its own, which says then why it does not start. */
async function shareBrowser(program: string, addresses: Record<string, string>): Promise<void> {
  const server = await startBrowser(program).catch(() => undefined);
  if (!server) return;
  services.push(server);
  addresses.TEST_BROWSER = server.url;
}

/** Totals of the jest run; undefined where it ended before it could count. */
function readTotals(file: string): Totals | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Totals;
  } catch {
    return undefined;
  }
}

function summarize(totals: Totals | undefined): void {
  say('');
  for (const { name, isOk, seconds } of steps) {
    say(`${isOk ? '✓' : '✗'} ${name.padEnd(14)} ${seconds.toFixed(1).padStart(6)} s`);
  }
  const { passed, failed, skipped } = totals ?? { passed: 0, failed: 0, skipped: 0 };
  if (skipped > 0) say(`${skipped} skipped${isCi() ? ', which is a failure under CI' : ''}`);
  if (interruptedBy) say(`interrupted by ${interruptedBy}`);

  const failedSteps = steps.filter((one) => !one.isOk && (one.name !== 'jest' || failed === 0)).length;
  const counted = failed + failedSteps + (isCi() ? skipped : 0);
  const allFailed = interruptedBy ? Math.max(counted, 1) : counted;
  const line = `${passed} passed, ${allFailed} failed`;
  if (process.env.TEST_SUMMARY) writeFileSync(process.env.TEST_SUMMARY, `${line}\n`);
  say(line);
  if (interruptedBy) process.exitCode = 128 + constants.signals[interruptedBy];
  else process.exitCode = allFailed === 0 ? 0 : 1;
}
