// What a tool does with its token: the account in both formats and eras, ping, signing out, the list of devices, and the lists
// that stay empty; and every token that does not count (PIN-API 2, 4; issue 3, bad input).
import { expectNoStore, partsOf, type Fields } from './oauth-house.js';
import {
  expectOlderRefusal,
  expectRefusal,
  IDENTIFIER,
  JSON_ONLY,
  jsonOf,
  startPinHouse,
  xmlOf,
  type PinHouse,
} from './pins-house.js';

let house: PinHouse;
let token: string;
beforeAll(async () => {
  house = await startPinHouse();
  token = await house.linkTool();
});
afterAll(() => house.close());

const get = (path: string, headers: Fields = {}) => house.request.get(path).set(headers);
const findAnna = async () => (await house.accounts.findAccount(await house.accountOf('anna')))!;

describe('GET /api/v2/user', () => {
  it('has every member that strict parsers insist on, in JSON (PIN-API 4.1, 7.7, 7.8)', async () => {
    const response = await get('/api/v2/user', house.withToken(token, JSON_ONLY)).expect(200);
    expectNoStore(response);
    const { accountId, publicNumber, createdAt } = await findAnna();
    expect(jsonOf(response)).toEqual({
      id: publicNumber,
      uuid: accountId.replaceAll('-', '').slice(0, 16),
      username: 'anna',
      title: 'anna',
      email: 'anna@example.com',
      friendlyName: 'anna',
      locale: null,
      confirmed: true,
      joinedAt: Math.floor(createdAt.getTime() / 1000),
      emailOnlyAuth: false,
      hasPassword: true,
      protected: false,
      thumb: '',
      authToken: token,
      mailingListStatus: 'removed',
      mailingListActive: false,
      scrobbleTypes: '',
      country: '',
      subscription: {
        ...{ active: false, subscribedAt: null, status: 'Inactive' },
        ...{ paymentService: null, plan: null, features: [] },
      },
      subscriptionDescription: null,
      restricted: false,
      anonymous: null,
      home: false,
      guest: false,
      homeSize: 1,
      homeAdmin: false,
      maxHomeSize: 15,
      rememberExpiresAt: partsOf(token).claims['exp'],
      profile: expect.objectContaining({
        autoSelectAudio: true,
        autoSelectSubtitle: 0,
        defaultAudioLanguage: null,
        defaultSubtitleLanguage: null,
        defaultSubtitleAccessibility: 0,
        defaultSubtitleForced: 0,
      }) as unknown,
      ...{ entitlements: [], roles: [], services: [], subscriptions: [], pastSubscriptions: [], trials: [] },
      ...{ adsConsent: null, adsConsentSetAt: null, adsConsentReminderAt: null },
      experimentalFeatures: false,
      twoFactorEnabled: false,
      backupCodesCreated: false,
      ...{ pin: null, attributionPartner: null, cloudSyncDevice: null, queueEmail: null, queueUid: null },
    });
  });

  it('has what its parsers look for in XML, and no boolean that is empty (PIN-API 1.6, 4.1)', async () => {
    const user = xmlOf(await get('/api/v2/user', house.withToken(token)).expect(200));
    expect(user.name).toBe('user');
    expect(user.attributes).toMatchObject({
      authToken: token,
      scrobbleTypes: '',
      username: 'anna',
      locale: '',
    });
    for (const name of [
      'home',
      'guest',
      'restricted',
      'anonymous',
      'adsConsent',
      'protected',
      'homeAdmin',
      'emailOnlyAuth',
    ])
      expect([name, user.attributes[name]]).toEqual([name, '0']);
    const children = Object.fromEntries(user.children.map((child) => [child.name, child]));
    expect(children['subscription']!.attributes).toMatchObject({
      active: '0',
      subscribedAt: '',
      status: 'Inactive',
    });
    expect(children['profile']!.attributes).toMatchObject({ autoSelectAudio: '1' });
    for (const name of ['entitlements', 'roles', 'services']) expect(children[name]!.children).toEqual([]);
  });

  it('says whether a second factor is on', async () => {
    const { accountId } = await house.newAccount('tova');
    const { secret } = await house.proofs.beginAuthenticator(accountId, 'tova');
    const mine = await house.linkTool({ name: 'tova-two', headers: {} });
    expect(secret).toBeTruthy();
    expect(jsonOf(await get('/api/v2/user', house.withToken(mine, JSON_ONLY)))['twoFactorEnabled']).toBe(
      false,
    );
  });

  it('gives nobody an address that was not proved: services take two with one address for one person', async () => {
    const names = { email: 'bertha@example.com', username: 'bertha', password: 'quartz lantern bicycle 42' };
    const account = await house.accounts.createAccount({ ...names, role: 'person', isEmailVerified: false });
    const { session } = await house.signIn.startSessionFor(account.accountId, ORIGIN);
    const pin = await house.createPin();
    const about = { session, origin: ORIGIN };
    const { linkId } = await house.linksForPerson.reserveLink({
      userCode: pin.code,
      arrival: 'typed',
      ...about,
    });
    const { page } = (await house.linksForPerson.findForReview({ linkId, ...about }))!;
    house.clock.advance(2);
    await house.linksForPerson.approveLink({ linkId, page, ...about });
    const { authToken } = jsonOf(await house.poll(pin.id)) as { authToken: string };
    const user = jsonOf(await get('/api/v2/user', house.withToken(authToken, JSON_ONLY)).expect(200));
    expect(user).toMatchObject({ email: `${account.publicNumber}@unverified.invalid`, confirmed: false });
  });

  const ORIGIN = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'r' };

  it.each<[string, () => ReturnType<typeof get>]>([
    ['X-Plex-Token in the header', () => get('/api/v2/user', { 'X-Plex-Token': token })],
    ['X-Plex-Token in the query', () => get(`/api/v2/user?X-Plex-Token=${token}`)],
    [
      'X-Plex-Token in a form sent with the GET',
      () => get('/api/v2/user').type('form').send({ 'X-Plex-Token': token }),
    ],
    ['Authorization: Bearer', () => get('/api/v2/user', { Authorization: `Bearer ${token}` })],
    ['a header beside an empty query', () => get('/api/v2/user?X-Plex-Token=', { 'X-Plex-Token': token })],
    [
      'a query beside an empty header',
      () => get(`/api/v2/user?X-Plex-Token=${token}`, { 'X-Plex-Token': '' }),
    ],
  ])('takes the token as %s (issue 3, tokens; PIN-API 1.3)', async (_, send) => {
    expect(xmlOf(await send().expect(200)).attributes['authToken']).toBe(token);
  });

  it.each(['another', ''])(
    'takes it whatever client identifier comes with it: %j (PIN-API Decided)',
    async (identifier) => {
      const headers = house.withToken(token, { 'X-Plex-Client-Identifier': identifier });
      await get('/api/v2/user', headers).expect(200);
    },
  );
});

describe('the older account', () => {
  it('is XML with either name for the token, whatever Accept says (PIN-API 4.5, Decided)', async () => {
    for (const path of ['/users/account', '/users/account.xml']) {
      const response = await get(path, house.withToken(token, JSON_ONLY)).expect(200);
      expectNoStore(response);
      const user = xmlOf(response);
      expect(user.name).toBe('user');
      const { publicNumber } = await findAnna();
      expect(user.attributes).toMatchObject({
        ...{
          id: String(publicNumber),
          username: 'anna',
          title: 'anna',
          email: 'anna@example.com',
          thumb: '',
        },
        ...{ home: '0', restricted: '0', authToken: token, authenticationToken: token, filterMovies: '' },
      });
      const subscription = user.children.find(({ name }) => name === 'subscription');
      expect(subscription!.attributes['active']).toBe('0');
      for (const name of ['roles', 'entitlements'])
        expect(user.children.some((child) => child.name === name)).toBe(true);
    }
  });

  it('is nested in JSON (PIN-API 4.5, 7.14)', async () => {
    const { user } = jsonOf(await get('/users/account.json', house.withToken(token)).expect(200));
    const { publicNumber, accountId, createdAt } = await findAnna();
    expect(user).toEqual({
      id: publicNumber,
      uuid: accountId.replaceAll('-', '').slice(0, 16),
      email: 'anna@example.com',
      joined_at: createdAt.toISOString(),
      username: 'anna',
      title: 'anna',
      thumb: '',
      hasPassword: true,
      authToken: token,
      authentication_token: token,
      subscription: { active: false, status: 'Inactive', plan: null, features: [] },
      roles: { roles: [] },
      entitlements: [],
    });
  });
});

describe('ping (PIN-API 4.4)', () => {
  it('answers in both formats', async () => {
    const pong = xmlOf(await get('/api/v2/ping', house.withToken(token)).expect(200));
    expect(pong).toEqual({ name: 'pong', attributes: {}, children: [], text: '1' });
    expect(jsonOf(await get('/api/v2/ping', house.withToken(token, JSON_ONLY)))).toEqual({ pong: true });
  });
});

describe('the devices of an account (PIN-API 4.7)', () => {
  it('are its linked tools, of both doors, and no token but the own', async () => {
    const headers = {
      'X-Plex-Client-Identifier': 'a-radio',
      'X-Plex-Product': 'A radio',
      'X-Plex-Platform': 'Linux',
    };
    const mine = await house.linkTool({ name: 'dora', headers });
    const other = await house.linkTool({ name: 'dora' });
    await house.link({ name: 'dora' });
    const list = xmlOf(await get('/devices.xml', house.withToken(mine)).expect(200));
    expect(list.name).toBe('MediaContainer');
    expect(list.attributes).toEqual({ publicAddress: '', size: '3' });
    const [, , radio] = list.children;
    expect(radio!.attributes).toMatchObject({
      ...{ name: 'A radio', product: 'A radio', platform: 'Linux', clientIdentifier: 'a-radio', token: mine },
      ...{ provides: '', publicAddress: '', vendor: '', screenResolution: '' },
    });
    expect(Number(radio!.attributes['createdAt'])).toBeGreaterThan(0);
    expect(list.children.map(({ attributes }) => attributes['token'])).toEqual(['', '', mine]);
    const asJson = JSON.parse(
      (await get('/devices.json', house.withToken(mine)).expect(200)).text,
    ) as Fields[];
    expect(asJson.map(({ clientIdentifier }) => clientIdentifier)).toEqual([
      expect.any(String),
      IDENTIFIER,
      'a-radio',
    ]);
    expect(JSON.stringify(asJson)).not.toContain(other);
  });

  it('are removed by their number, and their tokens with them, each by itself alone (DESIGN 7)', async () => {
    const [mine, other] = [await house.linkTool({ name: 'emil' }), await house.linkTool({ name: 'emil' })];
    const devices = JSON.parse((await get('/devices.json', house.withToken(mine))).text) as {
      id: number;
      token: string;
    }[];
    const idOf = (isOwn: boolean) => devices.find((device) => (device.token === mine) === isOwn)!.id;
    const remove = (id: number | string, as = mine) =>
      house.request.delete(`/devices/${id}.xml`).set(house.withToken(as));
    expectOlderRefusal(await remove('7'), 404, 'The requested resource or endpoint could not be found');
    expectOlderRefusal(
      await remove(idOf(true), token),
      404,
      'The requested resource or endpoint could not be found',
    );
    expectOlderRefusal(await remove(idOf(false)), 403, 'This action is not available for this device');
    await get('/api/v2/user', house.withToken(other)).expect(200);
    await remove(idOf(true)).expect(204);
    expectRefusal(await get('/api/v2/user', house.withToken(mine)), 401, 1001);
  });
});

describe('lists that stay empty', () => {
  it('are resources: an array, or an element, for whoever says who they are (PIN-API 4.9)', async () => {
    const headers = house.withToken(token, { 'X-Plex-Client-Identifier': 'x' });
    const path = '/api/v2/resources?includeHttps=1&includeRelay=1';
    expect((await get(path, { ...headers, ...JSON_ONLY }).expect(200)).text).toBe('[]');
    expect(xmlOf(await get(path, headers).expect(200))).toMatchObject({ name: 'resources', children: [] });
    expectRefusal(await get(path, house.withToken(token)), 400, 1000);
  });

  it.each(['/api/resources?includeHttps=1', '/api/users', '/api/users/'])(
    'are %s: an empty container, XML whatever Accept says (PIN-API 4.9, 4.10, Decided)',
    async (path) => {
      const list = xmlOf(await get(path, house.withToken(token, JSON_ONLY)).expect(200));
      expect(list).toMatchObject({ name: 'MediaContainer', children: [] });
      expect(list.attributes['size']).toBe('0');
    },
  );

  it('are shares: made with 201, and nothing in them (PIN-API Decided)', async () => {
    const sent = house.request.post('/api/servers/abc/shared_servers').set(house.withToken(token));
    const list = xmlOf(
      await sent.send({ server_id: 'abc', shared_server: { library_section_ids: [] } }).expect(201),
    );
    expect(list).toMatchObject({ name: 'MediaContainer', children: [] });
  });
});

describe('signing out (PIN-API 4.3)', () => {
  it('answers 204 and ends the token, and the linked tool', async () => {
    const mine = await house.linkTool({ name: 'frida' });
    const out = () => house.request.delete('/api/v2/users/signout').set(house.withToken(mine));
    expect((await out().expect(204)).text).toBe('');
    expectRefusal(await out(), 401, 1001);
    expect(await house.linkedTools.listLinkedTools(await house.accountOf('frida'))).toEqual([]);
  });
});

describe('a token that does not count (issue 3, bad input)', () => {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

  const wrong: readonly (readonly [string, () => Promise<string> | string])[] = [
    ['garbage', () => 'garbage'],
    ['markup', () => '<b>"&'],
    ['a huge one', () => 'x'.repeat(8000)],
    ['alg none', () => `${encode({ alg: 'none', typ: 'at+jwt' })}.${token.split('.')[1]}.`],
    ['a broken signature', () => `${token.slice(0, -8)}AAAAAAAA`],
    [
      'other claims under the signature',
      () => {
        const [header, , signature] = token.split('.');
        return `${header}.${encode({ ...partsOf(token).claims, sub: 'x' })}.${signature}`;
      },
    ],
    ['an access token of the OAuth door', async () => (await house.link()).access_token],
    ['an ID token', async () => (await house.link()).id_token],
    [
      'a token of another issuer',
      async () => {
        const other = await startPinHouse();
        const foreign = await other.linkTool();
        await other.close();
        return foreign;
      },
    ],
    [
      'one whose tool was unlinked',
      async () => {
        const mine = await house.linkTool({ name: 'gone' });
        const accountId = await house.accountOf('gone');
        const origin = { networkAddress: '', network: '', requestId: '' };
        await house.linkedTools.unlinkAllTools({ accountId, origin });
        return mine;
      },
    ],
  ];

  it.each(wrong)(
    '%s is 401/1001 at /api/v2, and no account at the older paths (PIN-API 2, 4.5)',
    async (_, make) => {
      const shown = house.withToken(await make());
      for (const path of ['/api/v2/user', '/api/v2/ping']) {
        expectRefusal(await get(path, shown), 401, 1001);
        expectRefusal(await get(path, { ...shown, ...JSON_ONLY }), 401, 1001);
      }
      expectRefusal(await house.request.delete('/api/v2/users/signout').set(shown), 401, 1001);
      expectRefusal(await get('/api/v2/resources', { ...shown, 'X-Plex-Client-Identifier': 'x' }), 401, 1001);
      expectOlderRefusal(await get('/users/account', shown), 422, 'Invalid token');
      expectOlderRefusal(await get('/users/account.json', shown), 422, 'Invalid token');
      for (const path of ['/devices.xml', '/api/resources', '/api/users'])
        expectOlderRefusal(await get(path, shown), 401, 'Invalid authentication token.');
    },
  );

  it('is none at all', async () => {
    expectRefusal(await get('/api/v2/user'), 401, 1001);
    expectRefusal(await get('/api/v2/user', { 'X-Plex-Token': '' }), 401, 1001);
    expectOlderRefusal(await get('/devices.xml'), 401, 'Please sign in.');
    expectOlderRefusal(await get('/users/account'), 401, 'Please sign in.');
  });

  it('has expired', async () => {
    const short = await startPinHouse({ config: { pinTokenTtlDays: 1 } });
    const mine = await short.linkTool();
    const ask = () => short.request.get('/api/v2/user').set(short.withToken(mine));
    await ask().expect(200);
    short.clock.advance(24 * 3600 + 61);
    expectRefusal(await ask(), 401, 1001);
    await short.close();
  });
});
