// Who is in a household, as the lists of the PIN door tell it in both formats; and what a member's or a switched token is told
// of whom it speaks for: their names, and nothing that only the account itself may know (PIN-API 4.1, 4.10, 6; DESIGN 8).
import { createHash } from 'node:crypto';
import { expectNoStore } from './oauth-house.js';
import {
  attributesIn,
  OTHER_PIN,
  PIN,
  startHomeHouse,
  type HomeHouse,
  type HomeUser,
} from './pins-home-house.js';
import { expectOlderRefusal, expectRefusal, jsonOf, xmlOf } from './pins-house.js';

let house: HomeHouse;
/** Of the owner, of a full member, of somebody who is in no household. */
let anna: string;
let ben: string;
let lone: string;
let mia: HomeUser;

beforeAll(async () => {
  house = await startHomeHouse();
  anna = await house.freshToken('anna');
  mia = await house.addMember(anna, 'Mia', { restrictionProfile: 'little_kid' });
  await house.setPin(anna, mia, PIN);
  await house.join(anna, 'ben');
  ben = await house.freshToken('ben');
  await house.setOwnPin(ben, OTHER_PIN);
  lone = await house.freshToken('lone');
});
afterAll(() => house.close());

const asXml = { Accept: '*/*' };
const get = (path: string, token: string, headers = {}) => house.send('get', path, token, headers);
const shortIdOf = (accountId: string): string => accountId.replaceAll('-', '').slice(0, 16);

describe.each(['/api/v2/home', '/api/v2/home/users'])('GET %s (PIN-API 6)', (path) => {
  it('is the household, with every member of each member, in JSON', async () => {
    const response = await get(path, anna).expect(200);
    expectNoStore(response);
    const account = (await house.accounts.findAccount(await house.accountOf('anna')))!;
    const { users, ...home } = jsonOf(response);
    expect(home).toEqual({
      id: account.publicNumber,
      name: 'anna',
      guestUserID: null,
      guestUserUUID: null,
      guestEnabled: false,
      subscription: false,
    });
    const seconds = expect.any(Number) as number;
    const [owner, full, managed, ...others] = users as HomeUser[];
    expect(others).toEqual([]);
    expect(owner).toEqual({
      ...{ id: account.publicNumber, uuid: shortIdOf(account.accountId), thumb: '', updatedAt: seconds },
      ...{ title: 'anna', username: 'anna', friendlyName: 'anna', email: 'anna@example.com' },
      ...{ hasPassword: true, restricted: false, restrictionProfile: null },
      ...{ admin: true, guest: false, protected: false },
    });
    expect(full).toMatchObject({ username: 'ben', title: 'ben', email: '', admin: false, protected: true });
    expect(managed).toEqual({
      ...{ id: mia.id, uuid: mia.uuid, thumb: '', updatedAt: seconds },
      ...{ title: 'Mia', username: '', friendlyName: 'Mia', email: '' },
      ...{ hasPassword: false, restricted: true, restrictionProfile: 'little_kid' },
      ...{ admin: false, guest: false, protected: true },
    });
  });

  it('has the same in XML, with 0 and 1, and empty for what is not known', async () => {
    const home = xmlOf(await get(path, anna, asXml).expect(200));
    expect(home.name).toBe('home');
    expect(home.attributes).toMatchObject({
      ...{ name: 'anna', guestUserID: '', guestUserUUID: '', guestEnabled: '0', subscription: '0' },
    });
    expect(home.children.map(({ name }) => name)).toEqual(['users']);
    const users = home.children[0]!.children;
    expect(users.map(({ name, attributes }) => [name, attributes['title']])).toEqual([
      ['user', 'anna'],
      ['user', 'ben'],
      ['user', 'Mia'],
    ]);
    expect(users[2]!.attributes).toMatchObject({
      ...{ id: String(mia.id), uuid: mia.uuid, username: '', email: '', thumb: '' },
      ...{ hasPassword: '0', restricted: '1', restrictionProfile: 'little_kid', protected: '1' },
      ...{ admin: '0', guest: '0', updatedAt: expect.stringMatching(/^\d+$/) as unknown },
    });
  });

  it('is one alone where there is no household', async () => {
    const { users } = jsonOf(await get(path, lone).expect(200));
    expect(users).toEqual([expect.objectContaining({ username: 'lone', admin: true, restricted: false })]);
  });
});

describe.each(['/api/home/users', '/api/home/users/'])('GET %s (PIN-API 6)', (path) => {
  it('is a container of them, XML whatever Accept says', async () => {
    const list = xmlOf(await get(path, ben).expect(200));
    expect(list.name).toBe('MediaContainer');
    expect(list.attributes).toEqual({
      ...{ friendlyName: 'Linchpin', identifier: '', machineIdentifier: '', guestUserID: '' },
      ...{ totalSize: '3', size: '3' },
    });
    expect(
      list.children.map(({ name, attributes }) => [name, attributes['title'], attributes['email']]),
    ).toEqual([
      ['User', 'anna', ''],
      ['User', 'ben', 'ben@example.com'],
      ['User', 'Mia', ''],
    ]);
    expect(list.children[0]!.attributes).toMatchObject({ admin: '1', restricted: '0', protected: '0' });
  });
});

it('has the older list in JSON where the address asks for it (PIN-API 6, 1.2)', async () => {
  const { MediaContainer } = jsonOf(await get('/api/home/users.json', anna).expect(200));
  expect(MediaContainer).toMatchObject({
    size: 3,
    User: [{ title: 'anna' }, { title: 'ben' }, { title: 'Mia' }],
  });
});

describe.each(['/api/users', '/api/users/'])('GET %s (PIN-API 4.10, Decided)', (path) => {
  it('lists the members, in whom libraries look a name up', async () => {
    const list = xmlOf(await get(path, anna).expect(200));
    expect(list.attributes).toMatchObject({ friendlyName: 'Linchpin', totalSize: '3', size: '3' });
    const [, , managed] = list.children;
    expect(managed!.name).toBe('User');
    expect(managed!.attributes).toMatchObject({
      ...{
        id: String(mia.id),
        title: 'Mia',
        username: '',
        email: '',
        home: '1',
        restricted: '1',
        protected: '1',
      },
      ...{ filterAll: '', filterMovies: '', filterMusic: '', filterPhotos: '', filterTelevision: '' },
    });
  });

  it('is empty for who is in no household', async () => {
    expect(xmlOf(await get(path, lone).expect(200))).toMatchObject({
      attributes: { size: '0' },
      children: [],
    });
  });
});

describe('the guest', () => {
  it('is listed while there is one, another one every time (DESIGN 8)', async () => {
    const seen: unknown[] = [];
    for (let time = 0; time < 2; time++) {
      await house.turnGuest('anna', true);
      const home = jsonOf(await get('/api/v2/home', anna).expect(200));
      const guest = (home['users'] as HomeUser[]).at(-1)!;
      expect(guest).toMatchObject({ title: 'Guest', guest: true, restricted: true, hasPassword: false });
      expect(home).toMatchObject({ guestEnabled: true, guestUserID: guest.id, guestUserUUID: guest.uuid });
      const container = attributesIn(await get('/api/home/users', anna), 'MediaContainer');
      expect(container['guestUserID']).toBe(String(guest.id));
      seen.push(guest.id);
      const told = await house.readUser(await house.switched(anna, guest.id));
      expect(told).toMatchObject({ title: 'Guest', guest: true, restricted: true, home: true });
      await house.turnGuest('anna', false);
    }
    expect(new Set(seen).size).toBe(2);
    expect(jsonOf(await get('/api/v2/home', anna))).toMatchObject({ guestEnabled: false, guestUserID: null });
  });
});

describe('GET /api/v2/user (PIN-API 4.1)', () => {
  it('tells the owner and a full member of their place, and of themselves', async () => {
    expect(await house.readUser(anna)).toMatchObject({
      ...{ username: 'anna', email: 'anna@example.com', confirmed: true, hasPassword: true },
      ...{ home: true, homeAdmin: true, homeSize: 3, restricted: false, guest: false, protected: false },
    });
    expect(await house.readUser(ben)).toMatchObject({
      ...{ username: 'ben', email: 'ben@example.com', home: true, homeAdmin: false, homeSize: 3 },
      ...{ restricted: false, protected: true },
    });
    expect(await house.readUser(lone)).toMatchObject({ home: false, homeAdmin: false, homeSize: 1 });
  });

  it('tells a token that was switched to a managed member of that member alone', async () => {
    const token = await house.switched(anna, mia.id, PIN);
    const user = await house.readUser(token);
    expect(user).toMatchObject({
      ...{ id: mia.id, uuid: mia.uuid, title: 'Mia', friendlyName: 'Mia', username: '', authToken: token },
      // No address is known of them, and an empty one is that of everybody.
      ...{ email: `${mia.id}@unverified.invalid`, confirmed: false, locale: null },
      ...{ restricted: true, home: true, guest: false, homeSize: 3, homeAdmin: false, maxHomeSize: 15 },
      ...{ hasPassword: false, protected: true, pin: null },
      ...{ twoFactorEnabled: false, backupCodesCreated: false },
    });
    expect(JSON.stringify(user)).not.toContain('anna');
    const attributes = attributesIn(await get('/users/account', token).expect(200), 'user');
    expect(attributes).toMatchObject({
      title: 'Mia',
      restricted: '1',
      home: '1',
      authenticationToken: token,
    });
    expect(JSON.stringify(attributes)).not.toContain('anna');
  });

  it('tells nothing but names to a token that was switched to somebody with an account (DESIGN 8)', async () => {
    const accountId = await house.accountOf('ben');
    await house.proofs.addAuthenticator(accountId, 'ben', house.origin);
    const own = await house.readUser(ben);
    expect(own).toMatchObject({ twoFactorEnabled: true, email: 'ben@example.com' });
    const token = await house.switched(anna, own.id, OTHER_PIN);
    const told = await house.readUser(token);
    expect(told).toMatchObject({
      ...{ id: own.id, uuid: own.uuid, username: 'ben', title: 'ben', email: `${own.id}@unverified.invalid` },
      ...{ confirmed: false, twoFactorEnabled: false, backupCodesCreated: false, homeAdmin: false },
      ...{ restricted: false, hasPassword: true },
    });
    for (const path of ['/api/v2/home/users', '/api/home/users', '/api/users', '/users/account.json'])
      expect((await get(path, token).expect(200)).text).not.toContain('@example.com');
  });

  it('says that an owner who was switched to is no administrator: their token edits nothing', async () => {
    const owner = await house.freshToken('otto');
    await house.addMember(owner, 'Pia');
    await house.setOwnPin(owner, PIN);
    const { id } = await house.readUser(owner);
    expect(await house.readUser(await house.switched(owner, id, PIN))).toMatchObject({
      ...{ username: 'otto', homeAdmin: false, home: true, email: `${id}@unverified.invalid` },
    });
  });
});

describe('the devices', () => {
  it('are, for a switched token, itself alone; and for the account never a switched one (PIN-API 4.7, Decided)', async () => {
    const owner = await house.freshToken('dora');
    const { id } = await house.addMember(owner, 'Nils');
    const token = await house.switched(owner, id);
    const devices = async (shown: string) =>
      xmlOf(await get('/devices.xml', shown).expect(200)).children.map(
        ({ attributes }) => attributes['token'],
      );
    expect(await devices(token)).toEqual([token]);
    expect(await devices(owner)).toEqual([owner]);
  });
});

describe('reading', () => {
  const PATHS = ['/api/v2/home', '/api/v2/home/users', '/api/home/users', '/api/home/users/', '/api/users'];

  it.each(PATHS)('of %s asks for a token that counts (PIN-API 2)', async (path) => {
    for (const [token, text] of [
      ['', 'Please sign in.'],
      ['garbage', 'Invalid authentication token.'],
    ] as const) {
      const response = await get(path, token);
      if (path.startsWith('/api/v2/')) expectRefusal(response, 401, 1001);
      else expectOlderRefusal(response, 401, text);
    }
  });

  it('of the users by number asks who asks, and no other call of the household does (PIN-API 6, Decided)', async () => {
    const nameless = { 'X-Plex-Client-Identifier': '' };
    expectRefusal(await get('/api/v2/home/users', anna, nameless), 400, 1000);
    for (const path of PATHS.filter((known) => known !== '/api/v2/home/users'))
      await get(path, anna, nameless).expect(200);
    await house.send('post', `/api/v2/home/users/${mia.id}/switch?pin=${PIN}`, anna, nameless).expect(201);
  });

  it.each(PATHS)('of %s is refused with a PIN in its address (issue 5, bad input)', async (path) => {
    house.lines.length = 0;
    for (const name of ['pin', 'currentPin']) {
      const response = await get(`${path}?${name}=${PIN}`, anna);
      expect(response.status).toBe(400);
      expect(response.text).not.toContain(PIN);
    }
    expect(house.lines.join('')).toContain(path);
    expect(house.lines.join('')).not.toMatch(/pin=/i);
  });

  it.each(['/api/v2/home/users/{}/switch', '/api/home/users/{}/switch'])(
    'never switches: GET %s is 405, and its PIN is not logged',
    async (path) => {
      house.lines.length = 0;
      await get(`${path.replace('{}', String(mia.id))}?pin=${PIN}`, anna).expect(405);
      expect(house.lines.join('')).toContain('/switch');
      expect(house.lines.join('')).not.toMatch(/pin=/i);
    },
  );

  it('tells nobody a PIN, or what is kept of it', async () => {
    const digest = createHash('sha256').update(PIN).digest('hex');
    for (const path of [...PATHS, '/api/v2/user', '/users/account.json']) {
      const { text } = await get(path, anna).expect(200);
      for (const secret of [`"${PIN}"`, digest, 'argon2']) expect(text).not.toContain(secret);
    }
  });
});
