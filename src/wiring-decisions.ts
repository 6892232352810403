// How a process hears that links were decided: of its own decisions at once, and of those of other processes, where there are
// any on the same database, by messages that may get lost.
import type { Config } from './config.js';
import { createWorkerDecisions } from './stores/ephemeral/decisions-workers.js';
import { createMemoryPollGate } from './stores/ephemeral/poll-gate.js';
import { createRedisDecisions } from './stores/ephemeral/redis-decisions.js';
import type { RedisLine } from './stores/ephemeral/redis-line.js';
import { createMemoryWakeUps } from './stores/ephemeral/wake-ups.js';
import { createDecisions } from './stores/sql/decisions-postgres.js';
import type { WakeUps } from './domain/waiting.js';
import type { Ground } from './wiring-ground.js';

/** Where messages may get lost, a pending link is looked up again so often: nobody waits longer for a decision. */
const TRUSTED_SECONDS = 10;

/** By Redis. The line is opened and closed with it: nothing else needs it before, or after. */
function decisionsByRedis(line: RedisLine, on: { onDecision: (key: string) => void; onGap: () => void }) {
  const decisions = createRedisDecisions({ line, ...on });
  return {
    ...decisions,
    async open(): Promise<void> {
      await line.open();
      await decisions.open();
    },
    async close(): Promise<void> {
      await decisions.close();
      line.close();
    },
  };
}

export function openDecisions({ databaseUrl: url, workers }: Config, { now, log, redis }: Ground) {
  const wakeUps = createMemoryWakeUps();
  if (url === undefined && workers === 1)
    return { gate: createMemoryPollGate({ now }), wakeUps, decisions: undefined };

  const gate = createMemoryPollGate({ now, trustedSeconds: TRUSTED_SECONDS });
  const onDecision = (key: string): void => {
    gate.decide(key);
    wakeUps.wake(key);
  };
  const onGap = (): void => {
    gate.clear();
    wakeUps.wakeAll();
  };
  const onFault = (error: unknown): void =>
    log.warn({ err: error }, 'decisions of other processes cannot be heard');
  const decisions = redis
    ? decisionsByRedis(redis, { onDecision, onGap })
    : url === undefined
      ? createWorkerDecisions({ channel: process, onDecision })
      : createDecisions({ url, onDecision, onGap, onFault });
  const telling: WakeUps = {
    listen: wakeUps.listen,
    wake(key) {
      wakeUps.wake(key);
      decisions.tell(key);
    },
  };
  return { gate, wakeUps: telling, decisions };
}
