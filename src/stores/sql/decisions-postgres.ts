// Carries "this link was decided" between processes on one PostgreSQL: NOTIFY in one, LISTEN in the others.
// A message may be lost (the connection breaks, the server ends): then this process is told that it may have missed some.
// It carries keys of links and nothing else; what is decided stands in the database. https://www.postgresql.org/docs/current/sql-notify.html
import pg from 'pg';

const CHANNEL = 'linchpin_decisions';
const CONNECT_MS = 5000;
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

  return {
    /** Resolves once it listens, or has begun to try again and again. */
    open(): Promise<void> {
      isClosed = false;
      return connect();
    },

    /** Tells the other processes. It is not waited for, and may be lost. */
    tell(key: string): void {
      client?.query('select pg_notify($1, $2)', [CHANNEL, key]).catch(onFault);
    },

    isListening: (): boolean => client !== undefined,

    async close(): Promise<void> {
      isClosed = true;
      clearTimeout(timer);
      const open = client;
      client = undefined;
      await open?.end().catch(() => undefined);
    },
  };
}
