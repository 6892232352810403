// How a process hears that links were decided: of its own decisions at once, and of those of other processes, where there are
// any on the same database, by messages that may get lost.
import type { Config } from './config.js';
import { createMemoryPollGate } from './stores/ephemeral/poll-gate.js';
import { createMemoryWakeUps } from './stores/ephemeral/wake-ups.js';
import { createDecisions } from './stores/sql/decisions-postgres.js';
import type { WakeUps } from './domain/waiting.js';
import type { Ground } from './wiring-ground.js';

/** Where messages may get lost, a pending link is looked up again so often: nobody waits longer for a decision. */
const TRUSTED_SECONDS = 10;

export function openDecisions({ databaseUrl: url }: Config, { now, log }: Ground) {
  const wakeUps = createMemoryWakeUps();
  if (url === undefined) return { gate: createMemoryPollGate({ now }), wakeUps, decisions: undefined };

  const gate = createMemoryPollGate({ now, trustedSeconds: TRUSTED_SECONDS });
  const decisions = createDecisions({
    url,
    onDecision(key) {
      gate.decide(key);
      wakeUps.wake(key);
    },
    onGap() {
      gate.clear();
      wakeUps.wakeAll();
    },
    onFault: (error) => log.warn({ err: error }, 'decisions of other processes cannot be heard'),
  });
  const telling: WakeUps = {
    listen: wakeUps.listen,
    wake(key) {
      wakeUps.wake(key);
      decisions.tell(key);
    },
  };
  return { gate, wakeUps: telling, decisions };
}
