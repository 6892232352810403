// Signing in with a password over HTTP: where old tools put their credentials, what they are answered in either format, and
// that answers which must not differ do not differ by a byte (PIN-API 4.2, 4.6; CHECKLIST 3.8).
import { request as startRequest, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { totpCode } from '../../src/crypto/totp.js';
import { createVisitor } from '../support/visitor.js';
import {
  expectOlderRefusal,
  expectRefusal,
  jsonOf,
  JSON_ONLY,
  startPinHouse,
  toolHeaders,
  xmlOf,
  type PinHouse,
} from './pins-house.js';

const PASSWORD = 'quartz lantern bicycle 42';
const ORIGIN = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 't' };
const SIGN_IN = '/api/v2/users/signin';
const OLDER = '/users/sign_in';

let house: PinHouse;
let secret: string;
beforeAll(async () => {
  house = await startPinHouse({ limits: { 'sign-in-by-network': { limit: 1000 } } });
  secret = await newPerson('carol');
});
afterAll(() => house.close());

/** Somebody with two-factor; gives the secret of the authenticator. */
async function newPerson(name: string): Promise<string> {
  const { accountId } = await house.newAccount(name);
  return (await house.house.proofs.addAuthenticator(accountId, name, ORIGIN)).secret;
}

/** A code that has not been used. */
async function freshCode(of = secret): Promise<string> {
  house.clock.advance(60);
  return totpCode(of, house.clock.now());
}

type Typed = Readonly<Record<string, string>>;
const signIn = (typed: Typed, headers: Typed = {}, path = SIGN_IN) =>
  house.request.post(path).set(toolHeaders(headers)).type('form').send(typed);
const basic = (login: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${login}:${password}`).toString('base64')}`,
});

describe('POST /api/v2/users/signin', () => {
  it('answers 201 with the user and a token that works at once (PIN-API 4.2)', async () => {
    const typed = {
      login: 'carol',
      password: PASSWORD + (await freshCode()),
      rememberMe: 'True',
      noGuest: 'true',
    };
    const user = jsonOf(await signIn(typed, JSON_ONLY).expect(201));
    expect(user).toMatchObject({ username: 'carol', twoFactorEnabled: true });
    expect(user['rememberExpiresAt']).toBe(Math.floor(house.clock.now().getTime() / 1000) + 14 * 86_400);
    const seen = await house.request
      .get('/api/v2/user')
      .set({ ...toolHeaders(), ...JSON_ONLY, 'X-Plex-Token': String(user['authToken']) });
    expect(jsonOf(seen)).toMatchObject({ username: 'carol', authToken: user['authToken'] });
  });

  it('answers XML unless JSON is asked for', async () => {
    const { name, attributes } = xmlOf(
      await signIn({ login: 'carol', password: PASSWORD, verificationCode: await freshCode() }).expect(201),
    );
    expect([name, attributes['username']]).toEqual(['user', 'carol']);
    expect(attributes['authToken']).toMatch(/^ey/);
  });

  it.each(['.json', '.xml'])('knows the ending %s', async (ending) => {
    const typed = { login: 'carol', password: PASSWORD + (await freshCode()) };
    const response = await signIn(typed, {}, SIGN_IN + ending).expect(201);
    expect(response.headers['content-type']).toContain(ending.slice(1));
  });

  it('takes the values of the tool from the form as well', async () => {
    const typed = {
      ...{ login: 'carol', password: PASSWORD + (await freshCode()) },
      ...{ 'X-Plex-Client-Identifier': 'in-the-form', 'X-Plex-Product': 'A player' },
    };
    const response = await house.request.post(SIGN_IN).set(JSON_ONLY).type('form').send(typed);
    expect(response.status).toBe(201);
    const { accountId } = (await house.house.accounts.findByLogin('carol'))!;
    const [tool] = await house.house.linkedTools.listLinkedTools(accountId);
    expect(tool).toMatchObject({ clientId: 'pin:in-the-form', name: 'A player', bornWith: 'code' });
  });

  it('takes a JSON object too', async () => {
    const typed = { login: 'carol', password: PASSWORD, verificationCode: await freshCode() };
    await house.request.post(SIGN_IN).set(toolHeaders(JSON_ONLY)).send(typed).expect(201);
  });

  it('needs to be told who the tool is: 400/1000', async () => {
    const typed = { login: 'carol', password: PASSWORD + (await freshCode()) };
    expectRefusal(await signIn(typed, { 'X-Plex-Client-Identifier': '' }), 400, 1000);
  });

  it('reads no password in an address', async () => {
    const query = new URLSearchParams({ login: 'carol', password: PASSWORD + (await freshCode()) });
    const response = await house.request.post(`${SIGN_IN}?${query.toString()}`).set(toolHeaders());
    expectRefusal(response, 401, 1001);
  });

  it('refuses a field that stands twice: 400/1004', async () => {
    const body = `login=carol&login=anna&password=${encodeURIComponent(PASSWORD)}`;
    expectRefusal(await house.request.post(SIGN_IN).set(toolHeaders()).type('form').send(body), 400, 1004);
  });

  it('says 1029 to the right password alone, and 1028 to a wrong code beside it', async () => {
    const missing = await signIn({ login: 'carol', password: PASSWORD }, JSON_ONLY);
    expect([missing.status, missing.text]).toEqual([
      401,
      '{"errors":[{"code":1029,"message":"Please enter the verification code","status":401}]}',
    ]);
    expectRefusal(await signIn({ login: 'carol', password: PASSWORD }), 401, 1029);
    const typed = { login: 'carol', password: PASSWORD, verificationCode: '12345' };
    expect((await signIn(typed, JSON_ONLY)).text).toContain(
      '"code":1028,"message":"Invalid verification code"',
    );
    expectRefusal(await signIn(typed), 401, 1028);
  });

  it('is closed to scripts of other sites, and to other methods', async () => {
    const typed = { login: 'carol', password: PASSWORD + (await freshCode()) };
    const response = await signIn(typed, { Origin: 'https://elsewhere.example' });
    expect(response.headers).not.toHaveProperty('access-control-allow-origin');
    expectRefusal(await house.request.options(SIGN_IN).set(toolHeaders()), 405, 1005);
    expectRefusal(await house.request.get(SIGN_IN).set(toolHeaders()), 405, 1005);
  });
});

describe('the older POST /users/sign_in', () => {
  it.each([
    ['Basic', (code: string) => ({ headers: basic('carol', PASSWORD + code), body: '' })],
    [
      'user[login] and user[password]',
      (code: string) => ({
        headers: {},
        body: new URLSearchParams({ 'user[login]': 'carol', 'user[password]': PASSWORD + code }).toString(),
      }),
    ],
    [
      'login and password',
      (code: string) => ({
        headers: {},
        body: new URLSearchParams({ login: 'carol', password: PASSWORD, verificationCode: code }).toString(),
      }),
    ],
  ])('takes %s (PIN-API 4.6)', async (_, make) => {
    for (const ending of ['.json', '.xml']) {
      const { headers, body } = make(await freshCode());
      const response = await house.request
        .post(OLDER + ending)
        .set(toolHeaders(headers))
        .type('form')
        .send(body)
        .expect(201);
      if (ending === '.json') {
        expect(jsonOf(response)).toMatchObject({
          user: { username: 'carol', authToken: expect.any(String) as unknown },
        });
      } else {
        expect(xmlOf(response).attributes['authenticationToken']).toMatch(/^ey/);
      }
    }
  });

  it('takes Basic with an empty JSON body (PIN-API 1.5)', async () => {
    for (const body of ['', '""']) {
      await house.request
        .post(`${OLDER}.json`)
        .set(
          toolHeaders({
            ...basic('carol', PASSWORD + (await freshCode())),
            'Content-Type': 'application/json',
          }),
        )
        .send(body)
        .expect(201);
    }
  });

  it('gives a tool that says nothing of itself an identifier of its own', async () => {
    const { accountId } = (await house.house.accounts.findByLogin('carol'))!;
    const found = new Set<string>();
    for (let times = 0; times < 2; times++) {
      await house.request
        .post(`${OLDER}.xml`)
        .set(basic('carol', PASSWORD + (await freshCode())))
        .expect(201);
      const [tool] = await house.house.linkedTools.listLinkedTools(accountId);
      expect(tool).toMatchObject({ name: 'A tool with your password' });
      found.add(tool!.clientId);
    }
    expect(found.size).toBe(2);
    for (const clientId of found) expect(clientId).toMatch(/^pin:[\da-f-]{36}$/);
  });

  it('refuses in words alone', async () => {
    const wrong = await house.request.post(`${OLDER}.json`).set(basic('carol', 'wrong'));
    expectOlderRefusal(wrong, 401, 'User could not be authenticated');
    const alone = await house.request.post(`${OLDER}.xml`).set(basic('carol', PASSWORD));
    expectOlderRefusal(alone, 401, 'Please enter the verification code');
  });
});

/** What an answer shows but for its own number and time. */
function shownOf({ status, headers, text }: { status: number; headers: IncomingHttpHeaders; text: string }) {
  const { 'x-request-id': id, date, ...rest } = headers;
  expect([id, date]).toEqual([expect.any(String), expect.any(String)]);
  return { status, headers: rest, text };
}

/** A body of any bytes, as no client library would send it. */
function sendBytes(path: string, body: Buffer, headers: Typed) {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
    const { port } = house.server.address() as AddressInfo;
    const asked = startRequest({ port, path, method: 'POST', headers }, (answered) => {
      const chunks: Buffer[] = [];
      answered.on('data', (chunk: Buffer) => chunks.push(chunk));
      answered.on('end', () =>
        resolve({
          status: answered.statusCode ?? 0,
          headers: answered.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

describe('the answer 1001', () => {
  it.each([
    ['JSON', SIGN_IN, JSON_ONLY],
    ['XML', SIGN_IN, {}],
    ['JSON, older', `${OLDER}.json`, {}],
    ['XML, older', `${OLDER}.xml`, {}],
  ])('is the same bytes after the same work for whatever is not right (%s)', async (_, path, accept) => {
    const name = `eve${path.length}${Object.keys(accept).length}`;
    const ofEve = await newPerson(name);
    const { accounts, stores, inTransaction, passwords, accountSwitches } = house.house;
    const people = { locked: '', off: '', plain: '' };
    for (const kind of ['locked', 'off', 'plain'] as const) {
      const { accountId } = await house.newAccount(`${name}-${kind}`);
      if (kind === 'plain') continue;
      people[kind] = (await house.house.proofs.addAuthenticator(accountId, kind, ORIGIN)).secret;
      if (kind === 'off') {
        await inTransaction(({ switches }) => switches.turnSwitch(accountId, 'fallback', false));
        expect((await accountSwitches.findSwitches(accountId)).fallback).toBe(false);
        continue;
      }
      for (let seen = 0; seen < 100; seen++) {
        await inTransaction((given) => given.accounts.chargeFailure(accountId, seen, house.clock.now()));
      }
      expect(await accounts.isActive(stores, accountId)).toBe(false);
    }
    const code = await freshCode(ofEve);
    const typed: Readonly<Record<string, Typed>> = {
      'a wrong password': { login: name, password: `wrong${code}` },
      'a wrong password with a code beside it': { login: name, password: 'wrong', verificationCode: code },
      'a wrong code appended': { login: name, password: `${PASSWORD}000000` },
      'an unknown account': { login: 'nobody', password: PASSWORD + code },
      'an unknown account with a code beside it': {
        login: 'nobody',
        password: PASSWORD,
        verificationCode: code,
      },
      'an unknown account with a password alone': { login: 'nobody', password: PASSWORD },
      'no login': { password: PASSWORD },
      'no password': { login: name },
      nothing: {},
      'an over-long password': { login: name, password: 'x'.repeat(8000) },
      'a locked account': {
        login: `${name}-locked`,
        password: PASSWORD + (await totpCode(people.locked, house.clock.now())),
      },
      'a locked account with a password alone': { login: `${name}-locked`, password: PASSWORD },
      'an account that has it off': {
        login: `${name}-off`,
        password: PASSWORD + (await totpCode(people.off, house.clock.now())),
      },
      'an account that has it off, with a password alone': { login: `${name}-off`, password: PASSWORD },
      'an account without a second factor': { login: `${name}-plain`, password: PASSWORD },
    };
    const answers: [string, unknown][] = [];
    const once = async (what: string, send: () => Promise<Parameters<typeof shownOf>[0]>) => {
      const runs = passwords.runs();
      answers.push([what, shownOf(await send())]);
      expect([what, passwords.runs() - runs]).toEqual([what, 1]);
    };
    for (const [what, fields] of Object.entries(typed)) await once(what, () => signIn(fields, accept, path));
    const headers = {
      Connection: 'close',
      ...toolHeaders(),
      ...accept,
      'Content-Type': 'application/x-www-form-urlencoded',
    };
    const raw: Readonly<Record<string, string>> = {
      'NUL in the password': `login=${name}&password=%00${code}`,
      'bytes that are no UTF-8': `login=${name}&password=%ff%fe${code}`,
      'a broken escape': `login=${name}&password=%zz`,
    };
    for (const [what, body] of Object.entries(raw))
      await once(what, () => sendBytes(path, Buffer.from(body), headers));
    await once('plain bytes that are no UTF-8', () =>
      sendBytes(
        path,
        Buffer.concat([Buffer.from(`login=${name}&password=`), Buffer.from([0xff, 0xfe])]),
        headers,
      ),
    );
    await once('a broken JSON body', () =>
      sendBytes(path, Buffer.from('{"login":'), { ...headers, 'Content-Type': 'application/json' }),
    );
    const badBasic = `Basic ${Buffer.from([0xff, 0x3a, 0xff]).toString('base64')}`;
    await once('Basic that is no UTF-8', () =>
      sendBytes(path, Buffer.alloc(0), { ...headers, Authorization: badBasic }),
    );
    await once('Basic that is no base64', () =>
      sendBytes(path, Buffer.alloc(0), { ...headers, Authorization: 'Basic %%%' }),
    );
    const [[, first] = ['', undefined]] = answers;
    for (const [what, shown] of answers) expect([what, shown]).toEqual([what, first]);
    expect(first).toMatchObject({ status: 401, headers: { 'cache-control': 'no-store' } });
    expect((first as { headers: object }).headers).not.toHaveProperty('retry-after');
  });
});

describe('the answer 1031', () => {
  it('comes by the budget of the network alone, with the time to wait, and nothing is looked at then', async () => {
    const own = await startPinHouse({ limits: { 'sign-in-by-network': { limit: 3 } } });
    try {
      await own.newAccount('dora');
      const attempt = (path: string, headers: Typed = {}) =>
        own.request
          .post(path)
          .set(toolHeaders(headers))
          .type('form')
          .send({ login: 'dora', password: 'wrong' });
      for (let times = 0; times < 3; times++) expectRefusal(await attempt(SIGN_IN), 401, 1001);
      const runs = own.house.passwords.runs();
      const refused = await attempt(SIGN_IN, JSON_ONLY);
      expectRefusal(refused, 401, 1031);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      const older = await attempt(`${OLDER}.xml`);
      expect([older.status, older.headers['retry-after']]).toEqual([401, refused.headers['retry-after']]);
      expect(own.house.passwords.runs()).toBe(runs);
      // The sign-in page counts in the same budget.
      const visitor = createVisitor(own);
      await visitor.signIn('dora', 'wrong');
      expect(visitor.status).toBe(429);
    } finally {
      await own.close();
    }
  });
});

describe('FALLBACK_DOOR', () => {
  it('off: the endpoints are not there, whatever is sent', async () => {
    const own = await startPinHouse({ config: { fallbackDoor: 'off' } });
    try {
      await own.newAccount('dora');
      const runs = own.house.passwords.runs();
      const typed = { login: 'dora', password: PASSWORD };
      expectRefusal(await own.request.post(SIGN_IN).set(toolHeaders()).type('form').send(typed), 404, 1002);
      expectRefusal(await own.request.post(SIGN_IN).set(JSON_ONLY).type('form').send('%zz'), 404, 1002);
      expect((await own.request.post(`${OLDER}.xml`).set(basic('dora', PASSWORD))).status).toBe(404);
      expect(own.house.passwords.runs()).toBe(runs);
    } finally {
      await own.close();
    }
  });

  it('all: a password alone is enough where there is no second factor', async () => {
    const own = await startPinHouse({ config: { fallbackDoor: 'all' } });
    try {
      await own.newAccount('dora');
      const typed = { login: 'dora', password: PASSWORD };
      const response = await own.request.post(SIGN_IN).set(toolHeaders(JSON_ONLY)).type('form').send(typed);
      expect(jsonOf(response)).toMatchObject({ username: 'dora', twoFactorEnabled: false });
    } finally {
      await own.close();
    }
  });
});

describe('one code at two doors at once', () => {
  it('is good once: at the fallback door and at /sign-in/code (better-auth #10387)', async () => {
    for (let times = 0; times < 3; times++) {
      const visitor = createVisitor(house);
      const code = await freshCode();
      await visitor.visit('/sign-in');
      await visitor.submit({ login: 'carol', password: PASSWORD });
      expect(visitor.path).toBe('/sign-in/code');
      const [tool] = await Promise.all([
        signIn({ login: 'carol', password: PASSWORD + code }),
        visitor.submit({ code }),
      ]);
      const isSignedIn = visitor.path !== '/sign-in/code';
      expect([tool.status === 201, isSignedIn].filter(Boolean)).toHaveLength(1);
      expect([201, 401]).toContain(tool.status);
    }
  });
});
