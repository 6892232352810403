// What every server under measurement promises: it listens where it is told, says which addresses to call, and obeys
// the orders below over process IPC. The orders do what no tool can do (approve a link, read the CPU clock), so that
// the load itself is nothing but HTTP. Starting and pinning the processes is `processes.ts`.
import { setTimeout as delay } from 'node:timers/promises';

const MOST_COLLECTIONS = 20;
const COLLECTION_PAUSE_MS = 50;

/** The variable that holds its options, as JSON. */
export const OPTIONS_VARIABLE = 'BENCH_SERVER_OPTIONS';

/** How a server is started. */
export interface ServerOptions {
  port: number;
  /** Seconds a tool must leave between two polls; 0 lets it poll without pause. */
  intervalSeconds: number;
  /** An empty folder of its own, for servers that keep something on disk. */
  folder: string;
  /** Whether its tool asks for an ID token too, signed as the access token is. */
  isOpenId?: boolean;
  /** What several servers share that are one to the world, and the address that they have there. */
  shared?: { publicUrl: string; databaseUrl: string; redisUrl: string };
}

/** What the tools that poll by number call themselves. */
export const IDENTIFIER = 'bench-tool-identifier';

/** What every code is exchanged with (RFC 7636 §4.1). */
export const CODE_VERIFIER = 'bench-verifier-that-is-as-long-as-it-has-to-be';
export const REDIRECT_URI = 'https://tool.example/back';

/** Said once, when the server answers requests. Paths are absolute, bodies are forms. */
export interface Ready {
  issuePath: string;
  pollPath: string;
  redeemPath: string;
  clientId: string;
  scope: string;
  /** Where the public keys are; missing where the tokens are only the right size. */
  jwksPath?: string;
  /** The address of the token endpoint as a proof of possession must name it. */
  proofAddress?: string;
  /** Where links are started and polled by number, and the account of a lasting token is read, if they can be. */
  numbersPath?: string;
  userPath?: string;
}

/** The orders: what is asked, and what comes back. */
export interface Orders {
  /** Adds `count` pending links, then gives `sample` of their device codes, picked at random. */
  pending: { ask: { count: number; sample: number }; reply: string[] };
  /** Has a person approve each of these, durably if the server keeps anything durably. */
  approve: { ask: { codes: string[] }; reply: null };
  /** Adds `count` pending links that are polled by number, as `IDENTIFIER`, then gives `sample` of their numbers. */
  pendingNumbers: { ask: { count: number; sample: number }; reply: number[] };
  /** Has a person approve the link with that user code, as the pages would: it takes two seconds. */
  approveUserCode: { ask: { userCode: string }; reply: null };
  /** Makes links that somebody has entered and reviewed, each an account of its own, and gives their device codes. */
  reviewed: { ask: { count: number }; reply: string[] };
  /** Has the people of these approve them, so many a second, as the page does. Ends when all are approved. */
  approveAtPace: { ask: { codes: string[]; perSecond: number }; reply: PacedApprovals };
  /** How many polls are held now. */
  held: { ask: object; reply: number };
  /** Makes authorization codes that nobody has exchanged, each of an account of its own, for `CODE_VERIFIER` and `REDIRECT_URI`. */
  codes: { ask: { count: number }; reply: string[] };
  /** A nonce for proofs of possession; null where none is needed. */
  proofNonce: { ask: object; reply: string | null };
  /** Makes lasting tokens, each of a tool of its own. */
  lastingTokens: { ask: { count: number }; reply: string[] };
  /** Has its clock stand still at that many milliseconds since 1970, until the next such order. */
  setClock: { ask: { at: number }; reply: null };
  /** Does what the house does once a minute: forgets what has expired. Gives how many links, and milliseconds. */
  sweep: { ask: object; reply: { links: number; ms: number } };
  /** Bytes of what lives after a collection: objects and buffers. */
  heap: { ask: object; reply: number };
  /** The most bytes that were ever resident. */
  peak: { ask: object; reply: number };
  /** Resident bytes when all that can be collected has been. */
  rss: { ask: object; reply: number };
  /** CPU time so far, in µs, user and system together. */
  cpu: { ask: object; reply: number };
  /** Signs in `count` times with login and password, twice as many at once as there are cores; gives milliseconds. */
  signIn: { ask: { count: number }; reply: number };
  /** Verifies a password with argon2id alone, `count` times, one on each core; gives milliseconds. */
  verifyPassword: { ask: { count: number }; reply: number };
}

/** By `monotonicMs`. Each was due `1 / perSecond` after the one before it, the first at once. */
export interface PacedApprovals {
  beganAt: number;
  /** When each had been committed and announced, in the order of the codes. */
  approvedAt: number[];
}

export type OrderName = keyof Orders;
export type Message = { [N in OrderName]: { id: number; do: N } & Orders[N]['ask'] }[OrderName];
export type Report = { ready: Ready } | { id: number; reply: unknown } | { id: number; fault: string };

/** What a server must bring; `rss`, `heap`, `peak` and `cpu` are the same everywhere. */
export type Abilities = {
  [N in 'pending' | 'approve']: (ask: Orders[N]['ask']) => Promise<Orders[N]['reply']> | Orders[N]['reply'];
} & {
  [
    N in
      | 'signIn'
      | 'verifyPassword'
      | 'pendingNumbers'
      | 'approveUserCode'
      | 'reviewed'
      | 'approveAtPace'
      | 'held'
      | 'setClock'
      | 'sweep'
      | 'lastingTokens'
      | 'proofNonce'
      | 'codes'
  ]?: (ask: Orders[N]['ask']) => Promise<Orders[N]['reply']>;
};

/** Reads the options a server was started with. */
export function readOptions(): ServerOptions {
  const written = process.env[OPTIONS_VARIABLE];
  if (!written) throw new Error('This file is started by `npm run bench`.');
  return JSON.parse(written) as ServerOptions;
}

/** Says that the server is ready, and obeys orders from then on; ends when the channel closes. */
export function obeyOrders(ready: Ready, abilities: Abilities): void {
  const able = { ...abilities, rss: residentBytes, heap: heapBytes, peak: peakBytes, cpu: cpuMicroseconds };
  const obey = async (message: Message): Promise<unknown> => {
    const ability = able[message.do] as ((ask: Message) => unknown) | undefined;
    if (!ability) throw new Error(`This server cannot do "${message.do}".`);
    return ability(message);
  };
  process.on('message', (message: Message) => {
    obey(message).then(
      (reply) => report({ id: message.id, reply }),
      (fault: unknown) =>
        report({ id: message.id, fault: fault instanceof Error ? String(fault.stack) : String(fault) }),
    );
  });
  process.on('disconnect', () => process.exit());
  report({ ready });
}

/** Milliseconds of a clock that never goes back, and is the same for all processes of this machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Picks `size` of `all` at random, in random order; `all` is left shuffled. */
export function pickAtRandom<T>(all: T[], size: number): T[] {
  const wanted = Math.min(size, all.length);
  for (let i = 0; i < wanted; i++) {
    const other = i + Math.floor(Math.random() * (all.length - i));
    [all[i], all[other]] = [all[other] as T, all[i] as T];
  }
  return all.slice(0, wanted);
}

/** Keeps so many of what it is given, each as likely as any other, however much that is. */
export function createSample<T>(size: number) {
  const kept: T[] = [];
  let given = 0;
  return {
    kept,
    give(item: T): void {
      const place = given < size ? given : Math.floor(Math.random() * (given + 1));
      given++;
      if (place < size) kept[place] = item;
    },
  };
}

function report(said: Report): void {
  process.send?.(said);
}

/** What the engine has freed goes back to the system little by little: it is asked until nothing more comes. */
async function residentBytes(): Promise<number> {
  let least = Infinity;
  for (let unchanged = 0, turn = 0; unchanged < 3 && turn < MOST_COLLECTIONS; turn++) {
    globalThis.gc?.();
    await delay(COLLECTION_PAUSE_MS);
    const bytes = process.memoryUsage.rss();
    unchanged = bytes < least * 0.998 ? 0 : unchanged + 1;
    least = Math.min(least, bytes);
  }
  return least;
}

function heapBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function peakBytes(): number {
  return process.resourceUsage().maxRSS * 1024;
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
