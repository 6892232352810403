// The order in which a request meets the house: the poll lane, then observation and health, then the machine doors, then the
// pages, which also answer for every address that nobody else knows. Each door's own table is its `routes.ts`.
import Koa, { type Middleware } from 'koa';
import type { RequestListener } from 'node:http';
import { createPollLane, type PollLaneDependencies } from './http/poll-lane.js';
import type { Health, Observe } from './http/observe.js';

export interface AppDependencies {
  readonly observe: Observe;
  readonly health: Health;
  readonly oauth: { readonly middleware: Middleware };
  readonly pages: { readonly middleware: Middleware };
  readonly pollLane: Omit<PollLaneDependencies, 'next'>;
}

/** Makes the handler of every request. */
export function createApp({ observe, health, oauth, pages, pollLane }: AppDependencies): RequestListener {
  const koa = new Koa();
  koa.on('error', (error: unknown, ctx?: Koa.Context) => {
    // A caller who hung up broke the connection, and nothing of ours.
    if (ctx && error !== ctx.req.socket.errored) observe.reportFault(ctx, error);
  });
  koa.use(observe.observe);
  koa.use(health.health);
  koa.use(oauth.middleware);
  koa.use(pages.middleware);
  const answer = koa.callback();
  return createPollLane({ ...pollLane, next: (req, res) => void answer(req, res) });
}
