// User codes at the PIN door: their QR codes, what tool a code is of, and linking one with a token (PIN-API 3.3, 3.4, 3.5, Decided).
import { expectRefusal, JSON_ONLY, jsonOf, startPinHouse, xmlOf, type PinHouse } from './pins-house.js';
import { createCookies } from '../../src/http/guards-cookies.js';
import type { Fields } from './oauth-house.js';

let house: PinHouse;
beforeAll(async () => {
  house = await startPinHouse();
});
afterAll(() => house.close());

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

describe('GET /api/v2/pins/qr/{code}', () => {
  const draw = (code: string) =>
    house.request
      .get(`/api/v2/pins/qr/${code}`)
      .buffer(true)
      .parse((response, done) => {
        const chunks: Buffer[] = [];
        response
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => done(null, Buffer.concat(chunks)));
      });

  it('is a PNG for any well-formed code, whether or not there is one (PIN-API 3.4, Decided)', async () => {
    const { code } = await house.createPin();
    const strong = await house.createPin('?strong=true');
    for (const drawn of [code, 'BCDFGHJK', 'bcdf-ghjk', strong.code]) {
      const response = await draw(drawn).expect(200);
      expect(response.headers['content-type']).toBe('image/png');
      expect((response.body as Buffer).subarray(0, 8)).toEqual(PNG);
      expect(response.headers['content-length']).toBe(String((response.body as Buffer).length));
    }
  });

  it('is the address that the PIN names (PIN-API 3.1)', async () => {
    const { qr, code } = await house.createPin();
    expect(qr).toBe(`${house.issuer}/api/v2/pins/qr/${code}`);
    await house.request.get(new URL(qr).pathname).expect(200);
  });

  it.each(['A', 'AAAAAAAA', '12345678', 'x'.repeat(65), '%3Cscript%3E', 'BCDFGHJK%2F..', 'BCDFGHJK%00'])(
    'draws nothing that is no code: %s',
    async (code) => expectRefusal(await house.request.get(`/api/v2/pins/qr/${code}`), 404, 1020),
  );
});

describe('GET /api/v2/pins/info', () => {
  const ask = (code: string, headers: Fields = {}) =>
    house.request.get(`/api/v2/pins/info?code=${code}`).set({ ...JSON_ONLY, ...headers });

  async function signedIn(name = 'anna'): Promise<Fields> {
    const origin = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'r' };
    const { token } = await house.signIn.startSessionFor(await house.accountOf(name), origin);
    const headers: Fields = {};
    const res = {
      getHeader: () => undefined,
      setHeader: (_: string, [cookie]: string[]) => (headers['Cookie'] = cookie!.split(';')[0]!),
    };
    createCookies({ isHttps: false }).write({ get: () => '', res } as never, 'session', token);
    return headers;
  }

  it('says product, device, trust and expiry, and nothing else, to a signed-in session (PIN-API 3.5, Decided)', async () => {
    const { code, expiresAt } = await house.createPin('', { 'X-Plex-Device': 'Living room' });
    const response = await ask(code, await signedIn()).expect(200);
    const told = { product: 'A television', device: 'Living room', trusted: false, expiresAt };
    expect(jsonOf(response)).toEqual(told);
    const asXml = xmlOf(await ask(code, { ...(await signedIn()), Accept: '*/*' }).expect(200));
    expect(asXml.attributes).toMatchObject({ product: 'A television', device: 'Living room', trusted: '0' });
  });

  it('says it to anybody who has a strong code', async () => {
    const { code, expiresAt } = await house.createPin('?strong=true');
    expect(jsonOf(await ask(code).expect(200))).toMatchObject({ product: 'A television', expiresAt });
    expectRefusal(await ask('x'.repeat(25)), 404, 1020);
  });

  it('says nothing of a short code to somebody who is not signed in', async () => {
    const { code } = await house.createPin();
    expectRefusal(await ask(code), 401, 1001);
    expectRefusal(await ask(code, { Cookie: 'linchpin=garbage' }), 401, 1001);
    expectRefusal(await ask(code, house.withToken(await house.linkTool())), 401, 1001);
  });

  it('reads no session of a request that another site had a browser send', async () => {
    const { code } = await house.createPin();
    const headers = { ...(await signedIn()), 'Sec-Fetch-Site': 'cross-site' };
    expectRefusal(await ask(code, headers), 401, 1001);
  });

  it('counts as entering a code: five wrong ones, and then no more (CHECKLIST 3.1)', async () => {
    const headers = await signedIn('guesser');
    for (const letter of 'BCDFG') expectRefusal(await ask(letter.repeat(8), headers), 404, 1020);
    const { code } = await house.createPin();
    const refused = await ask(code, headers);
    expectRefusal(refused, 429, 1003);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('asks for a code', async () => {
    const headers = await signedIn();
    expectRefusal(await house.request.get('/api/v2/pins/info').set(headers), 400, 1004);
    expectRefusal(await ask('', headers), 400, 1004);
  });
});

describe('PUT /api/v2/pins/link', () => {
  const link = (token: string, code: string, suffix = '') =>
    house.request
      .put(`/api/v2/pins/link${suffix}`)
      .set(house.withToken(token, JSON_ONLY))
      .type('form')
      .send({ code });

  it.each(['', '.json', '.xml'])(
    'is off by default: 403/1068, and the PIN stays pending (PIN-API 3.3, Decided) (%j)',
    async (suffix) => {
      const token = await house.linkTool();
      const { id, code } = await house.createPin();
      expectRefusal(await link(token, code, suffix), 403, 1068);
      expect(jsonOf(await house.poll(id))['authToken']).toBeNull();
    },
  );

  it('asks for a token, whatever the code', async () => {
    const { code } = await house.createPin();
    expectRefusal(await link('garbage', code), 401, 1001);
    expectRefusal(await house.request.put('/api/v2/pins/link').type('form').send({ code }), 401, 1001);
  });

  it('takes no token of an approved PIN, though operator and account allow it (PIN-API Decided)', async () => {
    const open = await startPinHouse({ config: { pinLink: true } });
    const token = await open.linkTool();
    const { id, code } = await open.createPin();
    const sent = open.request.put('/api/v2/pins/link').set(open.withToken(token, JSON_ONLY)).type('form');
    expectRefusal(await sent.send({ code }), 403, 1068);
    expect(jsonOf(await open.poll(id))['authToken']).toBeNull();
    await open.close();
  });

  it('answers 204 to a token born of password and code, and the PIN has its token (PIN-API 3.3, Decided)', async () => {
    const open = await startPinHouse({ config: { pinLink: true } });
    const accountId = await open.accountOf('anna');
    const account = (await open.accounts.findAccount(accountId))!;
    const origin = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'r' };
    const nothing = { version: '', platform: '', platformVersion: '', device: '', deviceName: '' };
    const tool = { ...nothing, product: 'A script', deviceVendor: '', model: '' };
    const opened = await open.inTransaction(async (stores) => {
      await stores.switches.turnSwitch(accountId, 'link-by-token', true);
      const asked = { account, identifier: 'a-script', tool, isWithCode: true, origin };
      return open.tokensLasting.openForFallback(stores, asked);
    });
    const headers = open.withToken(await open.tokensLasting.signLasting(opened), JSON_ONLY);
    const send = (code: string) =>
      open.request.put('/api/v2/pins/link.json').set(headers).type('form').send({ code });
    const { id, code } = await open.createPin('?strong=true');
    expectRefusal(await send('BCDFGHJK'), 404, 1020);
    expectRefusal(await send(''), 400, 1004);
    expect((await send(code).expect(204)).text).toBe('');
    expect(jsonOf(await open.poll(id))['authToken']).toMatch(/^eyJ/);
    expectRefusal(await send(code), 404, 1020);
    await open.close();
  });
});
