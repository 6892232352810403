// The line to Redis that everything here shares: an answer comes within 50 ms or counts for nothing, and a Redis that fails again
// and again is not asked any more until it has taken a write again. Nobody waits for a Redis that is gone (CHECKLIST 4).
import { openRedisClient, type RedisAddress, type RedisClient } from './redis-client.js';

const BUDGET_MS = 50;
/** After so many failures in a row the line is open: whoever asks is refused at once. */
const MOST_FAILURES = 3;
/** How often it is looked whether Redis takes a write. */
const BEAT_MS = 1000;
const FIRST_ANSWER_MS = 1000;

export interface RedisLineDependencies {
  readonly address: RedisAddress;
  /** The start of every key and channel: houses that share a Redis share nothing in it. */
  readonly prefix: string;
  /** Redis is not asked any more, for this reason. */
  readonly onAway: (cause: unknown) => void;
  /** It is asked again. */
  readonly onBack: () => void;
  /** Milliseconds that an answer may take; 50 for everybody but tests. */
  readonly budgetMs?: number;
}

export type RedisLine = ReturnType<typeof createRedisLine>;

/** The answer, where it comes within the time. What has arrived while this process was busy counts as in time. */
function within<Answer>(milliseconds: number, work: Promise<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new Error(`Redis did not answer within ${milliseconds} ms`));
    const timer = setTimeout(() => setImmediate(late), milliseconds);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

export function createRedisLine({
  address,
  prefix,
  onAway,
  onBack,
  budgetMs = BUDGET_MS,
}: RedisLineDependencies) {
  let client: RedisClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let failures = 0;
  let isAway = true;
  let lastError: unknown;

  function fail(cause: unknown): void {
    failures += 1;
    if (isAway || failures < MOST_FAILURES) return;
    isAway = true;
    onAway(lastError ?? cause);
  }

  async function ask<Answer>(work: (client: RedisClient) => Promise<Answer>): Promise<Answer> {
    if (!client) throw new Error('the line to Redis is closed');
    try {
      const answer = await within(budgetMs, work(client));
      failures = 0;
      return answer;
    } catch (error) {
      fail(error);
      throw error;
    }
  }

  /** A write, as everything that matters here is one: a server that is full or reads only does not count as there. */
  async function beat(): Promise<void> {
    const isBack = await ask((open) => open.set(`${prefix}{beat}`, '1', 'PX', 10 * BEAT_MS)).then(
      () => true,
      () => false,
    );
    if (!isBack || !isAway || !client) return;
    isAway = false;
    lastError = undefined;
    onBack();
  }

  return {
    address,
    prefix,

    /** Resolves once Redis has answered, or after a second without it. */
    async open(): Promise<void> {
      const made = openRedisClient(address);
      client = made;
      made.on('error', (error: unknown) => (lastError = error));
      // Who was connected, and is not: nobody has to find out by waiting.
      made.on('close', () => {
        if (made !== client || isAway) return;
        failures = MOST_FAILURES;
        fail(new Error('Redis has closed the connection'));
      });
      await within(FIRST_ANSWER_MS, new Promise((resolve) => made.once('ready', resolve))).catch(
        () => undefined,
      );
      await beat();
      if (isAway) onAway(lastError);
      timer = setInterval(() => void beat(), BEAT_MS).unref();
    },

    /** Resolves to Redis's answer; rejects where there is none within 50 ms, and at once while Redis is away. */
    async run<Answer>(work: (client: RedisClient) => Promise<Answer>): Promise<Answer> {
      if (isAway) throw new Error('Redis is away');
      return ask(work);
    },

    isAway: (): boolean => isAway,

    close(): void {
      clearInterval(timer);
      const open = client;
      client = undefined;
      isAway = true;
      open?.disconnect();
    },
  };
}
