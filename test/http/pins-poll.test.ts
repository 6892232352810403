// GET /api/v2/pins/{id} and its older twin: who may ask, what is answered before and after the decision, what is budgeted, and
// polls that are held (PIN-API 3.2, 3.6; CHECKLIST 3.1; RFC 7240 §4.3).
import { request as sendRequest } from 'node:http';
import { expectNoStore, partsOf } from './oauth-house.js';
import {
  expectOlderRefusal,
  expectRefusal,
  JSON_ONLY,
  jsonOf,
  startPinHouse,
  toolHeaders,
  xmlOf,
  type PinHouse,
} from './pins-house.js';

let house: PinHouse;
beforeAll(async () => {
  house = await startPinHouse();
});
afterAll(() => house.close());

/** A poll that the lane leaves to the door, with the same meaning. */
const byDoor = { Authorization: 'none' };

describe('a pending PIN', () => {
  it('is the same as when it was created, its seconds counting down (PIN-API 3.1, 3.2)', async () => {
    const created = await house.createPin();
    house.clock.advance(24);
    for (const headers of [{}, byDoor]) {
      const response = await house.poll(created.id, headers).expect(200);
      expectNoStore(response);
      expect(jsonOf(response)).toEqual({ ...created, expiresIn: 876 });
    }
  });

  it('is the same in XML (PIN-API 3.2)', async () => {
    const created = xmlOf(await house.request.post('/api/v2/pins').set(toolHeaders()).expect(201));
    for (const headers of [{}, byDoor]) {
      const response = await house.poll(created.attributes['id']!, { Accept: '*/*', ...headers }).expect(200);
      expect(xmlOf(response)).toEqual(created);
    }
  });

  it.each(['.json', '.xml'])(
    'is read with the ending %s, and with its code in the query (PIN-API 3.2, 7.1)',
    async (suffix) => {
      const { id, code } = await house.createPin();
      for (const accept of ['application/json', 'application/xml']) {
        const response = await house.poll(`${id}${suffix}?code=${code}`, { Accept: accept }).expect(200);
        if (suffix === '.json') expect(jsonOf(response)['authToken']).toBeNull();
        else expect(xmlOf(response).attributes['authToken']).toBe('');
      }
    },
  );

  it('stays pending while a person looks at it (DESIGN 3)', async () => {
    const { id, code } = await house.createPin();
    await house.reserve(code);
    expect(jsonOf(await house.poll(id).expect(200))['authToken']).toBeNull();
  });

  it('is found by an identifier in the query, or in a form sent with a GET (PIN-API 1.3)', async () => {
    const { id } = await house.createPin();
    const { 'X-Plex-Client-Identifier': identifier } = toolHeaders();
    const query = `X-Plex-Client-Identifier=${identifier}`;
    await house.request.get(`/api/v2/pins/${id}?${query}`).expect(200);
    await house.request.get(`/api/v2/pins/${id}`).type('form').send(query).expect(200);
  });
});

describe('an approved PIN', () => {
  it('gives the token, the same bytes at every read until it expires, in both formats (PIN-API 3.2; DESIGN 3)', async () => {
    await house.accountOf('anna');
    house.clock.advance(1);
    const { id, code } = await house.createPin();
    await house.poll(id).expect(200);
    await house.approve(code);
    const first = jsonOf(await house.poll(id).expect(200));
    expect(first['authToken']).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(first['newRegistration']).toBe(false);
    expect(Date.parse(first['expiresAt'] as string)).toBeLessThanOrEqual(
      house.clock.now().getTime() + 120_000,
    );
    house.clock.advance(60);
    const later = jsonOf(await house.poll(id).expect(200));
    expect(later['authToken']).toBe(first['authToken']);
    const { attributes } = xmlOf(await house.poll(id, { Accept: '*/*' }).expect(200));
    expect(attributes).toMatchObject({ authToken: first['authToken'], newRegistration: '0' });
    const older = xmlOf(await house.request.get(`/pins/${id}.xml`).set(toolHeaders()).expect(200));
    const token = older.children.find(({ name }) => name === 'auth_token');
    expect(token!.text).toBe(first['authToken']);
    house.clock.advance(60);
    expectRefusal(await house.poll(id), 404, 1020);
  });

  it('says so where the account was made for it (PIN-API 3.1)', async () => {
    const { id, code } = await house.createPin();
    house.clock.advance(1);
    await house.approve(code, 'newcomer');
    expect(jsonOf(await house.poll(id).expect(200))['newRegistration']).toBe(true);
    const { attributes } = xmlOf(await house.poll(id, { Accept: '*/*' }).expect(200));
    expect(attributes['newRegistration']).toBe('1');
  });

  it('gives a JWT signed with EdDSA, for its identifier and this door alone (DESIGN 7)', async () => {
    const token = await house.linkTool();
    const { header, claims } = partsOf(token);
    expect(header).toMatchObject({ alg: 'EdDSA', typ: 'at+jwt' });
    expect(claims).toMatchObject({
      iss: house.issuer,
      aud: `${house.issuer}/api/v2`,
      client_id: `pin:${toolHeaders()['X-Plex-Client-Identifier']}`,
    });
  });

  it('is over at once when its linked tool is unlinked (DESIGN 3)', async () => {
    const { id, code } = await house.createPin();
    await house.approve(code);
    await house.poll(id).expect(200);
    const accountId = await house.accountOf('anna');
    const { origin } = { origin: { networkAddress: '', network: '', requestId: '' } };
    await house.linkedTools.unlinkAllTools({ accountId, origin });
    expectRefusal(await house.poll(id), 404, 1020);
  });
});

describe('a PIN that is not there is 404/1020 (PIN-API 2, 3.2, 7.4)', () => {
  it('when its number is unknown', async () => {
    for (const id of [
      '1',
      '2147483647',
      '2147483648',
      '99999999999999999999',
      '0',
      '-1',
      '007',
      'x',
      '1.5',
      '%31',
      'a%00b',
    ])
      expectRefusal(await house.poll(id), 404, 1020);
  });

  it('when another identifier asks for it', async () => {
    const { id } = await house.createPin();
    expectRefusal(await house.poll(id, { 'X-Plex-Client-Identifier': 'another' }), 404, 1020);
    await house.poll(id).expect(200);
  });

  it('when it was declined', async () => {
    const { id, code } = await house.createPin();
    await house.deny(code);
    expectRefusal(await house.poll(id), 404, 1020);
    expectRefusal(await house.poll(id, { Accept: '*/*' }), 404, 1020);
  });

  it('when it has expired, approved or not', async () => {
    const [short, strong] = [await house.createPin(), await house.createPin('?strong=true')];
    house.clock.advance(900);
    expectRefusal(await house.poll(short.id), 404, 1020);
    await house.poll(strong.id).expect(200);
    house.clock.advance(900);
    expectRefusal(await house.poll(strong.id), 404, 1020);
  });

  it('when it was started at the OAuth door: there is no number for it (DESIGN 3)', async () => {
    const clientId = await house.register();
    const { user_code } = await house.start(clientId);
    await house.approve(user_code);
    expectRefusal(await house.poll(1), 404, 1020);
  });

  it('and told in text by the older path', async () => {
    for (const suffix of ['', '.xml', '.json']) {
      const response = await house.request.get(`/pins/1${suffix}`).set(toolHeaders());
      expectOlderRefusal(response, 404, 'Code not found or expired');
    }
  });

  it('but 400/1000 where nobody says who asks', async () => {
    const { id } = await house.createPin();
    expectRefusal(await house.request.get(`/api/v2/pins/${id}`), 400, 1000);
    const older = await house.request.get(`/pins/${id}.xml`);
    expectOlderRefusal(older, 400, 'X-Plex-Client-Identifier is missing');
  });
});

describe('how often a tool may poll (CHECKLIST 3.1)', () => {
  const from = (address: string) => ({ 'X-Forwarded-For': address });

  it('is not limited from the network that created the PIN: once a second, until it expires (PIN-API 3.2, 7.11)', async () => {
    const { id } = await house.createPin();
    for (let second = 1; second < 900; second++) {
      house.clock.advance(1);
      // The door itself, now and then, beside the lane.
      const headers = second % 50 === 0 ? byDoor : {};
      const response = await house.poll(id, headers);
      if (response.status !== 200) throw new Error(`${response.status} after ${second} seconds`);
    }
    house.clock.advance(1);
    expectRefusal(await house.poll(id), 404, 1020);
  });

  it('is budgeted for unknown and foreign ones from elsewhere: beyond it, even a right one is 404/1020', async () => {
    const limits = { 'link-number-by-network': { limit: 3 } };
    const guarded = await startPinHouse({ config: { trustedProxies: ['127.0.0.0/8', '::1'] }, limits });
    const { id } = await guarded.createPin('', from('198.51.100.7'));
    const elsewhere = from('203.0.113.50');
    for (const number of [1, 2, 3, 4]) expectRefusal(await guarded.poll(number, elsewhere), 404, 1020);
    expectRefusal(await guarded.poll(id, elsewhere), 404, 1020);
    await guarded.poll(id, from('198.51.100.7')).expect(200);
    await guarded.poll(id, from('203.0.113.51')).expect(200);
    await guarded.close();
  });
});

describe('a poll that asks to be held (RFC 7240 §4.3; DESIGN 5)', () => {
  const holdPoll = (id: number, headers = {}) =>
    house.poll(id, { Prefer: 'wait=30', ...headers }).then((response) => response);

  async function untilHeld(count: number): Promise<void> {
    for (let turn = 0; house.waiting.count() !== count; turn++) {
      if (turn > 20_000) throw new Error(`${house.waiting.count()} polls are held, not ${count}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it('is answered with the token as soon as the person has approved', async () => {
    const { id, code } = await house.createPin();
    const held = holdPoll(id);
    await untilHeld(1);
    await house.approve(code);
    const response = await held;
    expect(response.headers['preference-applied']).toBe('wait=30');
    expect(jsonOf(response)['authToken']).toMatch(/^eyJ/);
  });

  it('is answered 404/1020 as soon as the person has declined', async () => {
    const { id, code } = await house.createPin();
    const held = holdPoll(id);
    await untilHeld(1);
    await house.deny(code);
    expectRefusal(await held, 404, 1020);
  });

  it('is pending when its time is over', async () => {
    const { id } = await house.createPin();
    const response = await house.poll(id, { Prefer: 'wait=1' }).expect(200);
    expect(response.headers['preference-applied']).toBe('wait=1');
    expect(jsonOf(response)['authToken']).toBeNull();
  });

  it('leaves the token for the next poll when the tool hangs up', async () => {
    const { id, code } = await house.createPin();
    const { port } = new URL(house.issuer);
    const headers = { ...toolHeaders(), Prefer: 'wait=30' };
    const left = sendRequest({ port, host: '127.0.0.1', path: `/api/v2/pins/${id}`, headers });
    left.on('error', () => undefined);
    left.end();
    await untilHeld(1);
    left.destroy();
    await untilHeld(0);
    await house.approve(code);
    expect(jsonOf(await house.poll(id).expect(200))['authToken']).toMatch(/^eyJ/);
  });

  it('was decided before it came: it is answered at once', async () => {
    const { id, code } = await house.createPin();
    await house.approve(code);
    const response = await holdPoll(id);
    expect(response.headers).not.toHaveProperty('preference-applied');
    expect(jsonOf(response)['authToken']).toMatch(/^eyJ/);
  });

  it('is held at the older path too', async () => {
    const { id, code } = await house.createPin();
    const held = house.request
      .get(`/pins/${id}.json`)
      .set({ ...toolHeaders(), ...JSON_ONLY, Prefer: 'wait=30' })
      .then((response) => response);
    await untilHeld(1);
    await house.approve(code);
    expect(jsonOf(await held)).toMatchObject({
      pin: { auth_token: expect.stringMatching(/^eyJ/) as unknown },
    });
  });
});
