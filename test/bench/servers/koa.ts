// A bare Koa with @koa/router, the form body read by hand, and the same constants as the bare `node:http` server.
import type { IncomingMessage } from 'node:http';
import Router from '@koa/router';
import Koa from 'koa';
import { obeyOrders, readOptions } from '../contract.js';
import { abilities, ISSUED, PENDING, READY, REDEEMED, USER } from './canned-answers.js';

const app = new Koa();
const router = new Router();

for (const [path, status, body] of [
  [READY.pollPath, 400, PENDING],
  [READY.issuePath, 200, ISSUED],
  [READY.redeemPath, 200, REDEEMED],
] as const) {
  router.post(path, async (ctx) => {
    const form = await readBody(ctx.req);
    if (!form) return ctx.throw(400);
    ctx.status = status;
    ctx.set('Cache-Control', 'no-store');
    ctx.body = body;
  });
}
router.get('/user', (ctx) => {
  ctx.set('Cache-Control', 'no-store');
  ctx.body = USER;
});
app.use(router.routes());

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((done, failed) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => done(Buffer.concat(chunks).toString()));
    request.on('error', failed);
  });
}

app.listen(readOptions().port, '127.0.0.1', () => obeyOrders(READY, abilities));
