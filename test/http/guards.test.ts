// The guards around a small Koa app of their own, with real sessions in a real database.
import Koa from 'koa';
import request from 'supertest';
import { createKeyring, randomSecret, sha256 } from '../../src/crypto/secrets.js';
import { createAudit } from '../../src/domain/audit.js';
import { createSessions } from '../../src/domain/sessions.js';
import { createSwitchedSessions } from '../../src/domain/sessions-switched.js';
import type { AccountId, HouseholdId, Origin, SessionHash, SubjectId } from '../../src/domain/vocabulary.js';
import {
  ForgeryRefusal,
  createGuards,
  noStore,
  onlyMethods,
  openToScripts,
  type Guards,
  type RequestState,
} from '../../src/http/guards.js';
import { createCookies } from '../../src/http/guards-cookies.js';
import { MessageFault } from '../../src/http/request.js';
import { createAuditStore } from '../../src/stores/sql/audit.js';
import { createSessionStore } from '../../src/stores/sql/sessions.js';
import { createSwitchedSessionStore } from '../../src/stores/sql/switched-sessions.js';
import { createTestClock } from '../support/clock.js';
import { openTestDatabase } from '../support/databases.js';

const origin: Origin = { networkAddress: '192.0.2.1', network: '192.0.2.1', requestId: 'r-1' };
const accountId = 'f0a4bb0c-6a4f-4c8e-9d61-2d7f0c1b9a11' as AccountId;
const memberId = '0b7d5c1e-3a52-4a8e-8f5b-6d1f0a9c2e44' as SubjectId;

function serve(...middleware: Koa.Middleware<RequestState>[]) {
  const app = new Koa<RequestState>();
  app.silent = true;
  for (const each of middleware) app.use(each);
  return request(app.callback());
}

describe('machine doors', () => {
  const answer: Koa.Middleware<RequestState> = (ctx) => {
    ctx.body = { done: true };
  };
  const refuse = (ctx: Koa.ParameterizedContext<RequestState>) => {
    ctx.body = { error: 'invalid_request' };
  };

  it("answers any other method 405 with Allow and the door's own body (RFC 9110 §15.5.6)", async () => {
    const door = serve(onlyMethods(['POST'], refuse), answer);
    const refused = await door.get('/');
    expect(refused.status).toBe(405);
    expect(refused.headers['allow']).toBe('POST');
    expect(refused.body).toEqual({ error: 'invalid_request' });
    expect((await door.post('/')).body).toEqual({ done: true });
  });

  it('lets HEAD go where GET goes (RFC 9110 §9.3.2)', async () => {
    const door = serve(onlyMethods(['GET'], refuse), answer);
    expect((await door.head('/')).status).toBe(200);
    expect((await door.put('/')).headers['allow']).toBe('GET, HEAD');
  });

  it('forbids to keep an answer (RFC 6749 §5.1)', async () => {
    const { headers } = await serve(noStore, answer).get('/');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['pragma']).toBe('no-cache');
  });

  it('answers the preflight of any site without credentials (Fetch §3.3.2)', async () => {
    const door = serve(openToScripts(['POST']), onlyMethods(['POST'], refuse), answer);
    const preflight = await door
      .options('/')
      .set('Origin', 'https://tv.example')
      .set('Access-Control-Request-Method', 'POST')
      .set('Access-Control-Request-Headers', 'prefer,content-type');
    expect(preflight.status).toBe(204);
    expect(preflight.headers['access-control-allow-origin']).toBe('*');
    expect(preflight.headers['access-control-allow-methods']).toBe('POST, OPTIONS');
    expect(preflight.headers['access-control-allow-headers']).toMatch(
      /Authorization, Content-Type, DPoP, Prefer/,
    );
    expect(preflight.headers['access-control-max-age']).toBe('86400');
    expect(preflight.headers).not.toHaveProperty('access-control-allow-credentials');
  });

  it('opens refusals to scripts as well, and answers a plain OPTIONS', async () => {
    const door = serve(openToScripts(['GET']), onlyMethods(['GET'], refuse), answer);
    const refused = await door.post('/');
    expect(refused.status).toBe(405);
    expect(refused.headers['access-control-allow-origin']).toBe('*');
    expect(refused.headers['access-control-expose-headers']).toContain('Preference-Applied');
    const plain = await door.options('/');
    expect(plain.status).toBe(204);
    expect(plain.headers['allow']).toBe('GET, HEAD, OPTIONS');
    expect(plain.headers).not.toHaveProperty('access-control-allow-methods');
  });
});

describe('cookies', () => {
  const writing = (
    isHttps: boolean,
    act: (ctx: Koa.Context, cookies: ReturnType<typeof createCookies>) => void,
  ) =>
    serve((ctx) => {
      act(ctx, createCookies({ isHttps }));
      ctx.body = 'done';
    });

  it('are Secure and of this host alone over https (RFC 6265bis §4.1.3.2)', async () => {
    const { headers } = await writing(true, (ctx, cookies) => cookies.write(ctx, 'session', 'abc')).get('/');
    expect(headers['set-cookie']).toEqual(['__Host-linchpin=abc; Path=/; HttpOnly; SameSite=Lax; Secure']);
  });

  it('have a plain name over http, and an age where one is given', async () => {
    const { headers } = await writing(false, (ctx, cookies) => {
      cookies.write(ctx, 'sign-in', 'abc', 600);
      cookies.write(ctx, 'pending', 'x');
      cookies.clear(ctx, 'pending');
    }).get('/');
    expect(headers['set-cookie']).toEqual([
      'linchpin-sign-in=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=600',
      'linchpin-pending=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
    ]);
  });

  it('are read by their whole name, and neither garbage nor a planted second one is read', async () => {
    const reading = serve((ctx) => {
      ctx.body = { read: createCookies({ isHttps: false }).read(ctx, 'session') ?? null };
    });
    const read = async (cookie: string) => (await reading.get('/').set('Cookie', cookie)).body as unknown;
    expect(await read('other=1; linchpin=abc; linchpin-pending=z')).toEqual({ read: 'abc' });
    for (const cookie of [
      'linchpin=a; linchpin=b',
      'linchpin=a b',
      'linchpin="a"',
      'linchpin=',
      'xlinchpin=a',
      `linchpin=${'x'.repeat(3585)}`,
    ]) {
      expect(await read(cookie)).toEqual({ read: null });
    }
  });

  it('cannot be given a value that would add attributes', () => {
    const res = { getHeader: () => undefined } as unknown as Koa.Context['res'];
    const ctx = { get: () => '', res } as unknown as Koa.Context;
    expect(() => createCookies({ isHttps: true }).write(ctx, 'pending', 'a; Domain=example')).toThrow(
      RangeError,
    );
  });
});

describe('pages', () => {
  const clock = createTestClock();
  const open = () =>
    openTestDatabase((sql) => ({
      sessions: createSessionStore(sql),
      switchedSessions: createSwitchedSessionStore(sql),
      audit: createAuditStore(sql),
    }));
  let database: ReturnType<typeof open>;
  let sessions: ReturnType<typeof createSessions>;
  let switchedSessions: ReturnType<typeof createSwitchedSessions>;
  let keyring = createKeyring({ secret: randomSecret() });

  beforeEach(() => {
    database = open();
    keyring = createKeyring({ secret: randomSecret() });
    const given = {
      inTransaction: database.inTransaction,
      audit: createAudit(clock),
      now: clock.now,
      newSecret: randomSecret,
      hash: sha256,
    };
    sessions = createSessions({ ...given, store: database.stores.sessions });
    switchedSessions = createSwitchedSessions({ ...given, store: database.stores.switchedSessions });
  });

  afterEach(() => database.close());

  function guardsOf(publicUrl = 'http://localhost:8484'): Guards {
    return createGuards({
      sessions,
      switchedSessions,
      publicUrl,
      mac: (...parts) => keyring.mac('csrf', ...parts),
      macs: (...parts) => keyring.macs('csrf', ...parts),
      newSecret: randomSecret,
    });
  }

  const newSession = () =>
    database.inTransaction((stores) =>
      sessions.startSession(stores, {
        accountId,
        subjectId: accountId as string as SubjectId,
        methods: ['pwd'],
        origin,
      }),
    );

  /** An app with one page: GET shows who is there and the form's field, POST says what was sent. */
  function page(guards = guardsOf()) {
    return serve(
      async (ctx, next) => {
        try {
          await next();
        } catch (error) {
          if (!(error instanceof ForgeryRefusal || error instanceof MessageFault)) throw error;
          ctx.status = error instanceof ForgeryRefusal ? 403 : 400;
          ctx.body = { refused: error instanceof ForgeryRefusal ? error.reason : error.kind };
        }
      },
      guards.loadSession,
      guards.refuseForgery,
      (ctx) => {
        const who = ctx.state.session?.accountId ?? ctx.state.switched?.subjectId ?? null;
        ctx.body =
          ctx.method === 'GET'
            ? { who, csrf: guards.csrfToken(ctx), again: guards.csrfToken(ctx) }
            : { who, name: ctx.state.form?.get('name') ?? null };
      },
    );
  }

  const fieldOf = (answer: request.Response) => (answer.body as { csrf: string }).csrf;
  const browserOf = (answer: request.Response) => String(answer.headers['set-cookie']).split(';')[0]!;

  it('know the person of a live session, and take every other cookie for nobody (CVE-2026-25748)', async () => {
    const { token } = await newSession();
    const who = async (cookie: string) =>
      ((await page().get('/').set('Cookie', cookie)).body as { who: unknown }).who;
    expect(await who(`linchpin=${token}`)).toBe(accountId);
    expect(await who(`linchpin=${token}x`)).toBeNull();
    expect(await who(`linchpin=${randomSecret()}`)).toBeNull();
    expect(await who('linchpin=%00%ff')).toBeNull();
    expect(await who(`__Host-linchpin=${token}`)).toBeNull();
    clock.advance(3601);
    expect(await who(`linchpin=${token}`)).toBeNull();
  });

  /** The session is over, and its browser acts for a member of a household. */
  async function newSwitched(token: string) {
    const session = (await sessions.findSession(token))!;
    const member = { accountId, subjectId: memberId, householdId: 'a household' as HouseholdId };
    return database.inTransaction((stores) =>
      switchedSessions.startSwitched(stores, session, member, origin),
    );
  }

  it('know whom a switched browser acts for, and that its session is over', async () => {
    const { token } = await newSession();
    const switched = await newSwitched(token);
    const who = async (cookie: string) =>
      ((await page().get('/').set('Cookie', cookie)).body as { who: unknown }).who;
    expect(await who(`linchpin=${switched.token}`)).toBe(memberId);
    expect(await who(`linchpin=${token}`)).toBeNull();
    clock.advance(3601);
    expect(await who(`linchpin=${switched.token}`)).toBeNull();
  });

  it('take from a switched browser the forms that it was given since, and none from before', async () => {
    const guarded = page();
    const { token } = await newSession();
    const before = fieldOf(await guarded.get('/').set('Cookie', `linchpin=${token}`));
    const cookie = `linchpin=${(await newSwitched(token)).token}`;
    const shown = await guarded.get('/').set('Cookie', cookie);
    expect(shown.headers).not.toHaveProperty('set-cookie');
    const post = (_csrf: string) => guarded.post('/').set('Cookie', cookie).type('form').send({ _csrf });
    expect((await post(fieldOf(shown))).body).toMatchObject({ who: memberId });
    expect((await post(before)).body).toEqual({ refused: 'stale-form' });
  });

  it('over https read only the cookie that no other host can plant', async () => {
    const { token } = await newSession();
    const guarded = page(guardsOf('https://login.example'));
    expect((await guarded.get('/').set('Cookie', `linchpin=${token}`)).body).toMatchObject({ who: null });
    expect((await guarded.get('/').set('Cookie', `__Host-linchpin=${token}`)).body).toMatchObject({
      who: accountId,
    });
  });

  it('take the form that they gave to this session', async () => {
    const guarded = page();
    const cookie = `linchpin=${(await newSession()).token}`;
    const shown = await guarded.get('/').set('Cookie', cookie);
    expect(shown.headers).not.toHaveProperty('set-cookie');
    const posted = await guarded
      .post('/')
      .set('Cookie', cookie)
      .type('form')
      .send({ _csrf: fieldOf(shown), name: 'TV' });
    expect(posted.body).toEqual({ who: accountId, name: 'TV' });
  });

  it('take the form that they gave to a browser which is not signed in', async () => {
    const guarded = page();
    const shown = await guarded.get('/');
    expect(shown.headers['set-cookie']).toHaveLength(1);
    const send = (field: string) =>
      guarded.post('/').set('Cookie', browserOf(shown)).type('form').send({ _csrf: field });
    expect((await send(fieldOf(shown))).status).toBe(200);
    expect((await send((shown.body as { again: string }).again)).status).toBe(200);
    const again = await guarded.get('/').set('Cookie', browserOf(shown));
    expect(again.headers).not.toHaveProperty('set-cookie');
    expect(fieldOf(again)).not.toBe(fieldOf(shown));
    expect((await send(fieldOf(again))).status).toBe(200);
  });

  it('refuse a form without the field, with a foreign one, or with one of another session', async () => {
    const guarded = page();
    const [mine, other] = [await newSession(), await newSession()];
    const field = async (cookie: string) => fieldOf(await guarded.get('/').set('Cookie', cookie));
    const cookie = `linchpin=${mine.token}`;
    const good = await field(cookie);
    const [nonce = '', ...rest] = good.split('.');
    const bad = [
      '',
      'x',
      '.',
      nonce,
      `${nonce}.`,
      `${randomSecret(12)}.${rest.join('.')}`,
      `${good}x`,
      await field(`linchpin=${other.token}`),
      fieldOf(await guarded.get('/')),
    ];
    for (const _csrf of bad) {
      const answer = await guarded.post('/').set('Cookie', cookie).type('form').send({ _csrf });
      expect([answer.status, answer.body]).toEqual([403, { refused: 'stale-form' }]);
    }
    expect((await guarded.post('/').type('form').send({ _csrf: good })).status).toBe(403);
  });

  it('refuse the form of a session that was rotated or has ended', async () => {
    const guarded = page();
    const first = await newSession();
    const good = fieldOf(await guarded.get('/').set('Cookie', `linchpin=${first.token}`));
    const second = await database.inTransaction((stores) =>
      sessions.rotateSession(stores, first.session, { provedWith: ['otp'], origin }),
    );
    for (const token of [first.token, second.token]) {
      const answer = await guarded
        .post('/')
        .set('Cookie', `linchpin=${token}`)
        .type('form')
        .send({ _csrf: good });
      expect(answer.status).toBe(403);
    }
  });

  it('take a form made before the root secret was changed', async () => {
    const secret = randomSecret();
    keyring = createKeyring({ secret });
    const guarded = page();
    const shown = await guarded.get('/');
    keyring = createKeyring({ secret: randomSecret(), previous: secret });
    const posted = await guarded
      .post('/')
      .set('Cookie', browserOf(shown))
      .type('form')
      .send({ _csrf: fieldOf(shown) });
    expect(posted.status).toBe(200);
  });

  it.each([
    [{ 'Sec-Fetch-Site': 'same-origin', Origin: 'http://localhost:8484' }, 200],
    [{ 'Sec-Fetch-Site': 'same-origin', Origin: 'null' }, 200],
    [{ 'Sec-Fetch-Site': 'none' }, 200],
    [{ Origin: 'http://localhost:8484' }, 200],
    [{ 'Sec-Fetch-Site': 'cross-site' }, 403],
    [{ 'Sec-Fetch-Site': 'same-site', Origin: 'http://localhost:8484' }, 403],
    [{ 'Sec-Fetch-Site': 'garbage' }, 403],
    [{ Origin: 'https://evil.example' }, 403],
    [{ Origin: 'http://localhost:8485' }, 403],
    [{ Origin: 'http://localhost:8484.evil.example' }, 403],
    [{ Origin: 'null' }, 403],
    [{ 'Sec-Fetch-Site': 'none', Origin: 'null' }, 403],
    [{ 'Sec-Fetch-Site': 'same-origin', Origin: 'http://127.0.0.1:8484' }, 403],
  ])('judge where a post with the right field comes from: %j gives %d', async (headers, status) => {
    const guarded = page();
    const shown = await guarded.get('/');
    const posted = await guarded
      .post('/')
      .set(headers)
      .set('Cookie', browserOf(shown))
      .set('Host', 'evil.example')
      .type('form')
      .send({ _csrf: fieldOf(shown) });
    expect(posted.status).toBe(status);
    if (status === 403) expect(posted.body).toEqual({ refused: 'foreign-site' });
  });

  it('check every method but GET and HEAD, and read the form strictly', async () => {
    const guarded = page();
    for (const method of ['put', 'patch', 'delete'] as const) {
      expect((await guarded[method]('/').type('form').send({})).status).toBe(403);
    }
    expect((await guarded.head('/')).status).toBe(200);
    expect((await guarded.post('/').send({ _csrf: 'json' })).body).toEqual({ refused: 'unsupported-type' });
    const shown = await guarded.get('/');
    const twice = `_csrf=${fieldOf(shown)}&_csrf=${fieldOf(shown)}`;
    expect((await guarded.post('/').set('Cookie', browserOf(shown)).type('form').send(twice)).status).toBe(
      403,
    );
  });

  it('sign a browser in and out within one request', async () => {
    const issued = await newSession();
    const guards = guardsOf();
    const turn = serve(guards.loadSession, (ctx) => {
      const before = guards.csrfToken(ctx);
      guards.beginSession(ctx, issued);
      const during = ctx.state.session?.sessionHash;
      const field = guards.csrfToken(ctx);
      if (ctx.path === '/out') guards.forgetSession(ctx);
      ctx.body = { before, during, field, after: ctx.state.session?.sessionHash ?? null };
    });
    const signedIn = await turn.get('/');
    const hash: SessionHash = issued.session.sessionHash;
    expect(signedIn.body).toMatchObject({ during: hash, after: hash });
    expect(signedIn.headers['set-cookie']).toContainEqual(
      `linchpin=${issued.token}; Path=/; HttpOnly; SameSite=Lax`,
    );
    const { field } = signedIn.body as { field: string };
    const posted = await page(guards)
      .post('/')
      .set('Cookie', `linchpin=${issued.token}`)
      .type('form')
      .send({ _csrf: field });
    expect(posted.body).toMatchObject({ who: accountId });
    const signedOut = await turn.get('/out');
    expect(signedOut.body).toMatchObject({ after: null });
    expect(signedOut.headers['set-cookie']).toContainEqual(
      'linchpin=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0',
    );
  });
});
