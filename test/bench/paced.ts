// The load at a pace of its own: so many requests a second, whether the answers keep up or not, as tools that do not know of each
// other poll. How fast a server can be at most is the business of `load.ts`.
import { setTimeout as delay } from 'node:timers/promises';
import { openConnection, type Connection, type Traffic } from './load.js';

const TICK_MS = 1;
const CONNECTIONS = 64;

export interface PacedLoad {
  /** Sends requests until it is told to end, and gives the milliseconds that each took. */
  run: (perSecond: number, isOver: () => boolean) => Promise<number[]>;
  close: () => void;
}

interface Lane {
  connection: Connection;
  sentAt: number;
}

/**
 * Opens the connections. A request that finds none free waits for one, and its time counts from when it should have been sent.
 * Refuses with the answer itself, if one is wrong.
 */
export async function openPacedLoad(port: number, { next, isRight }: Traffic): Promise<PacedLoad> {
  const free: Lane[] = [];
  const waiting: number[] = [];
  let taken: number[] = [];
  let inFlight = 0;
  let fault: Error | undefined;

  function send(lane: Lane, at: number): void {
    const request = next();
    if (request === undefined) throw new Error('There is no request left to send.');
    lane.sentAt = at;
    lane.connection.send(request);
  }

  async function open(): Promise<Lane> {
    const onFault = (broken: Error): void => void (fault ??= broken);
    const connection = await openConnection(
      port,
      (answer) => {
        if (!isRight(answer)) return onFault(new Error(`A wrong answer, ${answer.status}:\n${answer.body}`));
        taken.push(performance.now() - lane.sentAt);
        inFlight--;
        const at = waiting.shift();
        if (at === undefined) free.push(lane);
        else send(lane, at);
      },
      onFault,
    );
    const lane: Lane = { connection, sentAt: 0 };
    return lane;
  }

  const lanes = await Promise.all(Array.from({ length: CONNECTIONS }, open));
  free.push(...lanes);
  return {
    async run(perSecond, isOver) {
      taken = [];
      const start = performance.now();
      for (let asked = 0; !isOver() && !fault; await delay(TICK_MS)) {
        const now = performance.now();
        for (; asked < ((now - start) / 1000) * perSecond; asked++) {
          inFlight++;
          // In turn, so that none is silent for long.
          const lane = free.shift();
          if (lane) send(lane, now);
          else waiting.push(now);
        }
      }
      while (inFlight > 0 && !fault) await delay(TICK_MS);
      if (fault) throw fault;
      return taken;
    },
    close: () => lanes.forEach(({ connection }) => connection.close()),
  };
}
