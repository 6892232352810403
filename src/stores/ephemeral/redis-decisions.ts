// Carries "this link was decided" between processes by pub/sub. A message may be lost: a process hears its own heart beat on the
// same connection each second, and one that did not hear it for a while is told that it may have missed decisions.
// It carries keys of links and nothing else; what is decided stands in the database. https://redis.io/docs/latest/develop/pubsub/
import { randomBytes } from 'node:crypto';
import { openRedisClient, type RedisClient } from './redis-client.js';
import type { RedisLine } from './redis-line.js';

const BEAT_MS = 1000;
/** So long without a beat, and the connection counts as deaf; it is opened anew where Redis is there otherwise. */
const DEAF_MS = 3500;
const FIRST_BEAT_MS = 1000;

export interface RedisDecisionsDependencies {
  readonly line: RedisLine;
  /** A link was decided, here or in another process: whoever waits for that key may look. */
  readonly onDecision: (key: string) => void;
  /** It hears, and did not before: what was decided in between was not heard. */
  readonly onGap: () => void;
}

export function createRedisDecisions({ line, onDecision, onGap }: RedisDecisionsDependencies) {
  const channel = `${line.prefix}decisions`;
  const ownChannel = `${line.prefix}beat:${randomBytes(9).toString('base64url')}`;
  let hearing: RedisClient | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isHearing = false;
  let heardAt = 0;
  let onFirstBeat: () => void = () => undefined;

  function hearBeat(): void {
    heardAt = performance.now();
    if (isHearing) return;
    isHearing = true;
    onGap();
    onFirstBeat();
  }

  const sendBeat = (): Promise<unknown> =>
    line.run((client) => client.publish(ownChannel, '')).catch(() => undefined);

  function tend(): void {
    const isDeaf = performance.now() - heardAt > DEAF_MS;
    if (isDeaf) isHearing = false;
    // Redis answers, and only this connection is silent: it may be dead without knowing.
    if (isDeaf && !line.isAway() && hearing?.status === 'ready') {
      heardAt = performance.now();
      hearing.disconnect(true);
    }
    void sendBeat();
  }

  function openHearing(): RedisClient {
    const made = openRedisClient(line.address);
    made.on('error', () => undefined);
    made.on('close', () => (isHearing = false));
    made.on('ready', () => void made.subscribe(channel, ownChannel).then(sendBeat, () => undefined));
    made.on('message', (where: string, text: string) => (where === channel ? onDecision(text) : hearBeat()));
    return made;
  }

  return {
    /** Resolves once it hears, or after a second; it goes on trying. */
    async open(): Promise<void> {
      heardAt = performance.now();
      const heard = new Promise<void>((resolve) => (onFirstBeat = resolve));
      hearing = openHearing();
      timer = setInterval(tend, BEAT_MS).unref();
      let wait: NodeJS.Timeout | undefined;
      await Promise.race([heard, new Promise((resolve) => (wait = setTimeout(resolve, FIRST_BEAT_MS)))]);
      clearTimeout(wait);
    },

    /** Tells the other processes. It is not waited for, and may be lost. */
    tell(key: string): void {
      line.run((client) => client.publish(channel, key)).catch(() => undefined);
    },

    isListening: (): boolean => isHearing,

    async close(): Promise<void> {
      clearInterval(timer);
      isHearing = false;
      hearing?.removeAllListeners('close');
      hearing?.disconnect();
      hearing = undefined;
    },
  };
}
