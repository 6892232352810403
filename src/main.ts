// Starts the service: config, wiring, listening; and ends it: no new requests, held polls answered, ten seconds at most.
// What it serves is put together in wiring.ts. Its record goes to the standard error, what a person should read to the output.
// CHECKLIST 4 (slow clients, draining on SIGTERM).
import cluster from 'node:cluster';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { ConfigError, loadConfig, type Config } from './config.js';
import { withSecret } from './config-secret.js';
import { tuneEngine } from './engine.js';
import { createLog } from './http/observe.js';
import { wire, type House } from './wiring.js';
import { isEnd, runWorkers } from './workers.js';

const DRAIN_MS = 9_000;
const END_MS = 10_000;
const LOOK_MS = 50;
const LAST_LINES_MS = 500;
/** Files that are not connections: the database, the log, the programs' own. */
const SPARE_FILES = 256;
const COMFORTABLE_FILES = 10_000;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

function openServer(app: RequestListener): Server {
  const server = createServer(
    {
      headersTimeout: 10_000,
      // Covers the receiving of a request only: a held poll, received long ago, may wait its 30 seconds.
      requestTimeout: 20_000,
      connectionsCheckingInterval: 5_000,
      // Far above the interval of polls, so that a tool polls on one connection.
      keepAliveTimeout: 65_000,
      maxHeaderSize: 16_384,
    },
    app,
  );
  // Whoever takes nothing of an answer for so long does not want it; a held poll is silent for 30 seconds at most.
  server.timeout = 120_000;
  return server;
}

/** How many files this process may have open; undefined where the system does not say. */
function openFilesLimit(): number | undefined {
  try {
    const [, limit] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}

/** Each held poll is a connection, and each connection a file: beyond the limit not even the database can be opened. */
function boundConnections(server: Server, { log }: House): void {
  const limit = openFilesLimit();
  if (limit === undefined) return;
  server.maxConnections = Math.max(64, limit - SPARE_FILES);
  if (limit < COMFORTABLE_FILES) {
    log.warn(
      { openFiles: limit },
      'few open files are allowed, so few requests can be held: raise `ulimit -n`',
    );
  }
}

async function listen(server: Server, { port, host }: Config): Promise<void> {
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problems: Record<string, string> = {
      EADDRINUSE: `is taken by another program: end it, or set another PORT`,
      EACCES: `may not be opened by this user: set a PORT from 1024 on`,
      EADDRNOTAVAIL: `is not on this machine: set HOST to one of its addresses`,
      ENOTFOUND: `is not on this machine: set HOST to one of its addresses`,
    };
    const problem = problems[code ?? ''];
    if (problem === undefined) throw error;
    const name = code === 'EADDRINUSE' || code === 'EACCES' ? 'PORT' : 'HOST';
    throw new ConfigError([{ name, problem: `${host}:${port} ${problem}` }]);
  }
}

/** Says where to go. The address of the first run works once, and only until there is an account. */
async function greet({ accounts }: House, { publicUrl }: Config): Promise<void> {
  const token = await accounts.firstRunToken();
  say(`\n  Linchpin is ready at  ${publicUrl}\n`);
  if (token === undefined) return;
  say('  There is no account yet. Make the operator’s here, at an address that works once:');
  say(`  ${publicUrl}/first-run?token=${token}\n`);
}

/** Resolves when every connection has ended, or when its time is up and it was cut. */
async function closeServer(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connection that is kept alive turns idle with its last answer, and is closed then.
  const sweep = setInterval(() => server.closeIdleConnections(), LOOK_MS);
  const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}

/** Answers held polls, takes nothing new, and closes the house when the last request has ended. */
async function drain(house: House, server: Server): Promise<void> {
  // A task that hangs must not keep the process: what it left undone is done at the next start.
  setTimeout(() => process.exit(0), END_MS).unref();
  house.drain();
  const jobsEnded = house.jobs.stop();
  await closeServer(server);
  await jobsEnded;
  await house.close();
}

/**
 * Ends the process when its last lines are written, or when it is known that nobody reads them any more: what is left at the
 * exit itself the library would try to hand over for ever.
 */
function leave({ log }: House, code: number): void {
  setTimeout(() => process.exit(code), LAST_LINES_MS);
  log.flush(() => process.exit(code));
}

/** Ends the service once, whichever signal comes first; a second signal ends the process at once. */
function endOnSignal(house: House, server: Server): void {
  let isEnding = false;
  const fail = (error: unknown): void => {
    house.log.fatal({ err: error }, 'the process cannot go on');
    leave(house, 1);
  };
  const end = (signal: string): void => {
    if (isEnding && !cluster.isWorker) process.exit(1);
    if (isEnding) return;
    isEnding = true;
    house.log.info({ signal, held: house.waiting.count() }, 'ending');
    drain(house, server).then(() => {
      house.log.info({ counters: house.counters.snapshot() }, 'ended');
      leave(house, 0);
    }, fail);
  };
  if (cluster.isWorker) {
    // The process that started this one says when; signals to the whole group are its own to take.
    process.on('SIGTERM', () => undefined).on('SIGINT', () => undefined);
    process.on('message', (message) => isEnd(message) && end('end'));
    process.on('disconnect', () => end('disconnect'));
  } else process.on('SIGTERM', end).on('SIGINT', end);
  // After a fault that nobody caught nothing is known for sure; the database keeps what was acknowledged.
  process.on('uncaughtException', fail);
}

async function start(): Promise<void> {
  // Whatever this process writes is for its owner alone.
  process.umask(0o077);
  tuneEngine();
  const config = withSecret(loadConfig(process.env));
  if (config.workers > 1 && cluster.isPrimary) {
    const log = createLog({ level: config.logLevel });
    process.exit(await runWorkers({ count: config.workers, log }));
  }
  const house = await wire(config);
  const server = openServer(house.app);
  boundConnections(server, house);
  try {
    await listen(server, config);
  } catch (error) {
    await house.close();
    throw error;
  }
  endOnSignal(house, server);
  house.jobs.start();
  house.log.info({ address: config.publicUrl, host: config.host, port: config.port }, 'ready');
  // Each would make a new address for the first run, and the one before would be over.
  if (cluster.isPrimary || cluster.worker?.id === 1) await greet(house, config);
}

start().catch((error: unknown) => {
  // A setting is the operator's to mend: a message is enough. Anything else is ours: the whole of it.
  const text =
    error instanceof ConfigError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
  // The channel to the process that started this one would keep it, and nobody would hear that it does not serve.
  if (cluster.isWorker) process.exit();
});
