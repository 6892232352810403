// What is logged and what is held back, around a small Koa app of its own.
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import Koa from 'koa';
import request from 'supertest';
import { DomainError } from '../../src/domain/vocabulary.js';
import type { RequestState } from '../../src/http/guards.js';
import {
  countOnly,
  createCounters,
  createHealth,
  createLog,
  createObserve,
  noteUnavailable,
  withoutSecrets,
} from '../../src/http/observe.js';
import { createOriginReader } from '../../src/http/request-origin.js';

type Line = Record<string, unknown> & { err?: Record<string, unknown> };

function createRecord() {
  const lines: Line[] = [];
  const log = createLog({
    level: 'info',
    destination: { write: (text) => void lines.push(JSON.parse(text) as Line) },
  });
  return { lines, log };
}

function serve(handler: Koa.Middleware<RequestState & { countedAs?: string }>) {
  const { lines, log } = createRecord();
  const counters = createCounters();
  const originOf = createOriginReader({ trustedProxies: ['127.0.0.1', '::1'] });
  const { observe } = createObserve({ log, counters, originOf });
  const app = new Koa<RequestState & { countedAs?: string }>();
  app.use(observe).use(handler);
  return { app, agent: request(app.callback()), lines, counters };
}

const TOKEN = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6';
const JWT = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.c2ln';

describe('a request that no store could answer', () => {
  const unavailable = (message: string, cause?: Error) =>
    Object.assign(new Error(message, { cause }), { name: 'StoreUnavailable' });
  const whyOf = async (error: unknown) => {
    const { agent, lines } = serve((ctx) => {
      noteUnavailable(ctx, error);
      ctx.status = 503;
    });
    await agent.get('/');
    return lines[0]!['why'];
  };

  it('says why on its line, without secrets, and in a few words (ASVS 16.2.5)', async () => {
    const fault = unavailable('PostgreSQL answered driver', new Error(`no route, ${TOKEN}`));
    expect(await whyOf(fault)).toBe('PostgreSQL answered driver: no route, [removed]');
    expect(await whyOf(new DomainError('store-unavailable', { cause: unavailable('gone') }))).toBe('gone');
    expect(await whyOf(unavailable('long '.repeat(200)))).toHaveLength(300);
  });

  it('says nothing of what was refused for another reason', async () => {
    expect(await whyOf(new DomainError('too-many'))).toBeUndefined();
    expect(await whyOf(new DomainError('store-unavailable'))).toBeUndefined();
    expect(await whyOf(new Error('of ours'))).toBeUndefined();
  });
});

describe('a request', () => {
  it('gets an answer whose type no browser guesses, a fault of ours included (ASVS 3.4.4)', async () => {
    const { agent } = serve(() => {
      throw new Error('of ours');
    });
    const { status, headers } = await agent.get('/');
    expect({ status, type: headers['x-content-type-options'] }).toEqual({ status: 500, type: 'nosniff' });
  });

  it('gets an id of ours, whatever the caller sends, and one line (ASVS 16.2.1)', async () => {
    const { agent, lines } = serve((ctx) => {
      ctx.body = ctx.state.origin;
    });
    const answer = await agent
      .get('/link?user_code=BCDF-GHJK')
      .set('X-Request-Id', 'forged')
      .set('X-Forwarded-For', '198.51.100.7')
      .set('Cookie', `linchpin=${TOKEN}`)
      .set('Authorization', `Bearer ${TOKEN}`);
    const id = answer.headers['x-request-id'];
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}$/);
    expect(answer.body).toMatchObject({ requestId: id, networkAddress: '198.51.100.7' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({
      level: 'info',
      msg: 'request',
      requestId: id,
      method: 'GET',
      path: '/link',
      status: 200,
      from: '198.51.100.7',
    });
    expect(JSON.stringify(lines)).not.toMatch(/BCDF|Zm9v|forged/);
  });

  it('is only counted when it is a poll', async () => {
    const { agent, lines, counters } = serve((ctx) => {
      countOnly(ctx, 'polls_pending');
      ctx.status = 400;
    });
    await agent.post('/oauth/token');
    await agent.post('/oauth/token');
    expect(lines).toEqual([]);
    expect(counters.snapshot()).toEqual({ answers_4xx: 2, polls_pending: 2 });
  });

  it('that fails is a 500 with the id, the cause logged, and nothing leaked (DESIGN 9)', async () => {
    const { agent, lines } = serve((ctx) => {
      ctx.set('Content-Type', 'text/html');
      throw new TypeError('no table accounts', { cause: new Error(`held ${TOKEN}`) });
    });
    const answer = await agent.get('/account');
    const id = answer.headers['x-request-id'];
    expect(answer.status).toBe(500);
    expect(answer.text).toBe(`Something went wrong on our side. Request ${id}\n`);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
    });
    const [fault, line] = lines;
    expect(fault).toMatchObject({
      level: 'error',
      msg: 'fault',
      requestId: id,
      method: 'GET',
      path: '/account',
    });
    expect(fault?.err).toMatchObject({
      type: 'TypeError',
      message: 'no table accounts',
      cause: { message: 'held [removed]' },
    });
    expect(line).toMatchObject({ level: 'warn', status: 500 });
  });

  it('is logged once, as cut, when the caller goes away before the answer', async () => {
    let leave = (): void => undefined;
    const gone = new Promise<void>((resolve) => (leave = resolve));
    const { app, lines } = serve(async (ctx) => {
      ctx.res.once('close', leave);
      caller.destroy();
      await gone;
    });
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const caller = connect((server.address() as AddressInfo).port, '127.0.0.1');
    caller.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await gone;
    server.close();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ path: '/slow', isCut: true });
  });
});

describe('a log line', () => {
  it('holds nothing that looks like a token', () => {
    expect(withoutSecrets(`/verify-email/${TOKEN}`)).toBe('/verify-email/[removed]');
    expect(withoutSecrets(`got ${JWT} and ${JWT.replace('eyJzd', 'x')}`)).not.toMatch(/eyJ|c2ln/);
    expect(withoutSecrets('/.well-known/oauth-authorization-server')).toBe(
      '/.well-known/oauth-authorization-server',
    );
  });

  it('shows no field that is named like a secret', () => {
    const { lines, log } = createRecord();
    log.info(
      { password: 'hunter2', body: { device_code: TOKEN, name: 'TV' }, headers: { cookie: 'x' } },
      'told',
    );
    expect(lines[0]).toMatchObject({
      password: '[removed]',
      body: { device_code: '[removed]', name: 'TV' },
      headers: { cookie: '[removed]' },
    });
  });

  it("shows of an error only where and why, never the driver's parameters", () => {
    const { lines, log } = createRecord();
    const error = Object.assign(new Error('constraint failed'), {
      code: 'SQLITE_CONSTRAINT',
      parameters: ['hunter2'],
    });
    log.error({ err: error }, 'fault');
    expect(lines[0]?.err).toMatchObject({ message: 'constraint failed', errorCode: 'SQLITE_CONSTRAINT' });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    log.error({ err: 'text' }, 'fault');
    expect(lines[1]?.err).toMatchObject({ type: 'string' });
  });

  it('ends a chain of causes that goes in a circle', () => {
    const { lines, log } = createRecord();
    const error = new Error('round');
    error.cause = error;
    log.error({ err: error }, 'fault');
    expect(lines).toHaveLength(1);
  });
});

describe('health', () => {
  function healthOf(ping: () => Promise<unknown>, isDegraded = () => false) {
    const health = createHealth({ ping, isDegraded, waitMs: 1 });
    const served = serve((ctx, next) => health.health(ctx, next));
    return { ...served, startDraining: () => health.startDraining() };
  }

  it('says that the process lives, whatever the database does', async () => {
    const { agent, lines } = healthOf(() => Promise.reject(new Error('gone')));
    const answer = await agent.get('/healthz');
    expect([answer.status, answer.body]).toEqual([200, { status: 'alive' }]);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(lines).toEqual([]);
  });

  it('says that it is ready when the database answers', async () => {
    const { agent } = healthOf(() => Promise.resolve());
    expect((await agent.get('/readyz')).body).toEqual({ status: 'ready' });
    expect((await agent.head('/readyz')).status).toBe(200);
    const refused = await agent.post('/readyz');
    expect([refused.status, refused.headers['allow']]).toEqual([405, 'GET, HEAD']);
    expect((await agent.get('/other')).status).toBe(404);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('gone'))],
    ['does not answer', () => new Promise(() => undefined)],
  ])('is 503 when the database %s', async (_how, ping) => {
    const { agent } = healthOf(ping);
    const answer = await agent.get('/readyz');
    expect([answer.status, answer.body]).toEqual([503, { status: 'database-unavailable' }]);
  });

  it('is degraded, and may be sent requests, while something is gone that the service does without', async () => {
    const found = { isDegraded: true };
    const { agent, startDraining } = healthOf(
      () => Promise.resolve(),
      () => found.isDegraded,
    );
    const answer = await agent.get('/readyz');
    expect([answer.status, answer.body]).toEqual([200, { status: 'degraded' }]);
    found.isDegraded = false;
    expect((await agent.get('/readyz')).body).toEqual({ status: 'ready' });
    found.isDegraded = true;
    startDraining();
    expect((await agent.get('/readyz')).status).toBe(503);
  });

  it('is 503 while draining, and still alive', async () => {
    const { agent, startDraining } = healthOf(() => Promise.resolve());
    startDraining();
    expect((await agent.get('/readyz')).body).toEqual({ status: 'draining' });
    expect((await agent.get('/readyz')).status).toBe(503);
    expect((await agent.get('/healthz')).status).toBe(200);
  });
});
