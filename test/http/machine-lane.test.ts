// What a machine door's context promises, around a door of its own: Koa's meanings, without Koa.
import { createServer } from 'node:http';
import request from 'supertest';
import type { RequestContext } from '../../src/http/guards.js';
import { createMachineLane } from '../../src/http/machine-lane.js';
import { createCounters, createLog, createObserve } from '../../src/http/observe.js';
import { createOriginReader } from '../../src/http/request-origin.js';

function serve(answer: (ctx: RequestContext) => void) {
  const log = createLog({ level: 'fatal' });
  const originOf = createOriginReader({ trustedProxies: [] });
  const { observe } = createObserve({ log, counters: createCounters(), originOf });
  const middleware = (ctx: RequestContext) => Promise.resolve(answer(ctx));
  const door = { owns: (path: string) => path === '/door', middleware };
  return request(
    createServer(createMachineLane({ doors: [door], observe, next: (_, res) => res.writeHead(204).end() })),
  );
}

describe('a machine door', () => {
  it('sends JSON with its length and the headers that were set, under the request’s id', async () => {
    const { status, text, headers } = await serve((ctx) => {
      ctx.set({ 'Cache-Control': 'no-store', 'X-One': '1' });
      ctx.body = { name: 'Müller', left: undefined };
    }).get('/door?x=1');
    expect([status, text]).toEqual([200, '{"name":"Müller"}']);
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength('{"name":"Müller"}')),
      'cache-control': 'no-store',
      'x-one': '1',
      'x-content-type-options': 'nosniff',
    });
    expect(headers['x-request-id']).toMatch(/^[\da-f-]{13}$/);
    expect(headers).not.toHaveProperty('transfer-encoding');
  });

  it('has one header of a name, however it is spelt, and none that was removed (RFC 9110 §5.1)', async () => {
    const { headers } = await serve((ctx) => {
      ctx.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' });
      ctx.set('cache-control', 'public');
      ctx.remove('PRAGMA');
      ctx.remove('X-Never-Set');
      ctx.body = {};
    }).get('/door');
    expect(headers['cache-control']).toBe('public');
    expect(headers).not.toHaveProperty('pragma');
    expect(headers).toHaveProperty('x-request-id');
  });

  it('answers HEAD with the length and no body (RFC 9110 §9.3.2)', async () => {
    const { status, text, headers } = await serve((ctx) => void (ctx.body = { a: 1 })).head('/door');
    expect([status, text, headers['content-length']]).toEqual([200, undefined, '7']);
  });

  it('sends no length with 204, and says 404 where its door said nothing (RFC 9110 §8.6)', async () => {
    const { headers } = await serve((ctx) => void (ctx.status = 204))
      .get('/door')
      .expect(204);
    expect(headers).not.toHaveProperty('content-length');
    const nothing = await serve(() => undefined)
      .get('/door')
      .expect(404);
    expect(nothing.headers['content-length']).toBe('0');
  });

  it('turns a fault into a 500 that says nothing but the id, and keeps no header against it', async () => {
    const { status, text, headers } = await serve((ctx) => {
      ctx.set('Cache-Control', 'public, max-age=900');
      throw new Error('of ours');
    }).get('/door');
    expect(status).toBe(500);
    expect(text).toContain(headers['x-request-id']);
    expect(headers).toMatchObject({
      'cache-control': 'no-store',
      'content-type': 'text/plain; charset=utf-8',
    });
  });

  it('lets no header be smuggled into its answer: a value with a line break is never sent (RFC 9110 §5.5)', async () => {
    const attempt = serve((ctx) => {
      ctx.set('X-One', '1\r\nX-Two: 2');
      ctx.body = {};
    }).get('/door');
    await expect(attempt).rejects.toThrow('socket hang up');
  });

  it('leaves every other address to the next', async () => {
    await serve(() => undefined)
      .get('/elsewhere')
      .expect(204);
  });
});
