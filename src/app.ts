// The order in which a request meets the house: the poll lanes, then the machine doors, then health and the pages, which also
// answer for every address that nobody else knows; all but the poll lanes under observation. Each door's own table is its `routes.ts`.
import Koa, { type Middleware } from 'koa';
import type { RequestListener } from 'node:http';
import { createMachineLane, type MachineDoor } from './http/machine-lane.js';
import { createPollLane, type PollLaneDependencies } from './http/poll-lane.js';
import { createNumberPollLane, type NumberPollLaneDependencies } from './http/poll-lane-numbers.js';
import type { Health, Observe } from './http/observe.js';

export interface AppDependencies {
  readonly observe: Observe;
  readonly health: Health;
  readonly doors: readonly MachineDoor[];
  readonly pages: { readonly middleware: Middleware };
  readonly pollLane: Omit<PollLaneDependencies, 'next'>;
  readonly numberPollLane: Omit<NumberPollLaneDependencies, 'next'>;
}

/** Makes the handler of every request. */
export function createApp(dependencies: AppDependencies): RequestListener {
  const { observe, health, doors, pages, pollLane, numberPollLane } = dependencies;
  const koa = new Koa();
  koa.on('error', (error: unknown, ctx?: Koa.Context) => {
    // A caller who hung up broke the connection, and nothing of ours.
    if (ctx && error !== ctx.req.socket.errored) observe.reportFault(ctx, error);
  });
  koa.use(observe.observe);
  koa.use(health.health);
  koa.use(pages.middleware);
  const answer = koa.callback();
  const machines = createMachineLane({
    doors,
    observe: observe.observe,
    next: (req, res) => void answer(req, res),
  });
  return createPollLane({ ...pollLane, next: createNumberPollLane({ ...numberPollLane, next: machines }) });
}
