// Carries "this link was decided" between processes on one PostgreSQL: NOTIFY in one, LISTEN in the others.
// A message may be lost (the connection breaks, the server ends): then this process is told that it may have missed some.
// It carries keys of links and nothing else; what is decided stands in the database. https://www.postgresql.org/docs/current/sql-notify.html
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';

const CHANNEL = 'linchpin_decisions';
const NOTIFY_ALL = 'select pg_notify($1, key) from unnest($2::text[]) as key';
const MOST_AT_ONCE = 1000;
const CONNECT_MS = 5000;
const FAREWELL_MS = 1000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

export interface DecisionsDependencies {
  readonly url: string;
  /** A link was decided, here or in another process: whoever waits for that key may look. */
  readonly onDecision: (key: string) => void;
  /** The connection was gone, and is back: what was decided in between was not heard. */
  readonly onGap: () => void;
  readonly onFault: (error: unknown) => void;
}

export type Decisions = ReturnType<typeof createDecisions>;

export function createDecisions({ url, onDecision, onGap, onFault }: DecisionsDependencies) {
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let pauseMs = FIRST_PAUSE_MS;
  let isClosed = false;
  let telling: Promise<void> | undefined;
  const untold: string[] = [];

  async function connect(): Promise<void> {
    const made = new pg.Client({
      connectionString: url,
      application_name: 'linchpin decisions',
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
    });
    // A connection that breaks may say so several times, and late; only the first counts.
    let isLost = false;
    const lose = (error?: unknown): void => {
      if (isLost || isClosed) return;
      isLost = true;
      if (client === made) client = undefined;
      if (error !== undefined) onFault(error);
      made.end().catch(() => undefined);
      tryLater();
    };
    made.on('notification', ({ payload }) => payload !== undefined && onDecision(payload));
    made.on('error', lose);
    made.on('end', () => lose());
    try {
      await made.connect();
      await made.query(`listen ${CHANNEL}`);
    } catch (error) {
      lose(error);
      return;
    }
    if (isClosed) return void made.end();
    if (isLost) return;
    client = made;
    pauseMs = FIRST_PAUSE_MS;
  }

  /** Again and again, at longer and longer intervals, until it is heard again. */
  function tryLater(): void {
    timer = setTimeout(() => {
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      void connect().then(() => client && onGap());
    }, pauseMs);
  }

  /** One statement at a time; what comes up meanwhile goes with the next. */
  async function tellAll(): Promise<void> {
    while (client && untold.length > 0) {
      const keys = untold.splice(0, MOST_AT_ONCE);
      await client.query(NOTIFY_ALL, [CHANNEL, keys]).catch(onFault);
    }
    untold.length = 0;
    telling = undefined;
  }

  return {
    /** Resolves once it listens, or has begun to try again and again. */
    open(): Promise<void> {
      isClosed = false;
      return connect();
    },

    /** Tells the other processes. It is not waited for, and may be lost. */
    tell(key: string): void {
      if (!client) return;
      untold.push(key);
      telling ??= tellAll();
    },

    isListening: (): boolean => client !== undefined,

    async close(): Promise<void> {
      isClosed = true;
      clearTimeout(timer);
      // What was decided last is still told, unless the server does not answer.
      await Promise.race([telling, pause(FAREWELL_MS, undefined, { ref: false })]);
      const open = client;
      client = undefined;
      await open?.end().catch(() => undefined);
    },
  };
}
