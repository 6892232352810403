// Editing a household with a token at the PIN door: members made and removed, and people invited, in the shapes of both ages; who
// may, and what changes nothing. Changes of members and PINs are in pins-home-pins (PIN-API 6 and "Decided"; DESIGN 8).
import type { Test } from 'supertest';
import {
  attributesIn,
  bytesOf,
  PIN,
  startHomeHouse,
  type HomeHouse,
  type HomeUser,
  type Method,
} from './pins-home-house.js';
import { expectOlderRefusal, expectRefusal, jsonOf, xmlOf } from './pins-house.js';

const NEEDS_PASSWORD = 'A valid password is required to perform this action';
const asXml = { Accept: '*/*' };
const seconds = expect.any(Number) as number;

let house: HomeHouse;
beforeAll(async () => {
  house = await startHomeHouse();
});
afterAll(() => house.close());

describe('POST /api/v2/home/users/restricted (PIN-API 6)', () => {
  const PATH = '/api/v2/home/users/restricted';

  it.each(['little_kid', 'older_kid', 'teen'])(
    'makes a member without an account, of the profile %s',
    async (profile) => {
      const { token } = await house.newHome();
      const query = `?friendlyName=J%C3%BCrgen+%26+Co&restrictionProfile=${profile}&sharingSettings%5BallowSync%5D=0`;
      const made = jsonOf(await house.send('post', PATH + query, token).expect(201)) as unknown as HomeUser;
      expect(made).toEqual({
        ...{
          id: seconds,
          uuid: expect.stringMatching(/^[\da-f]{16}$/) as unknown,
          thumb: '',
          updatedAt: seconds,
        },
        ...{ title: 'Jürgen & Co', username: '', email: '', friendlyName: 'Jürgen & Co' },
        ...{ hasPassword: false, restricted: true, restrictionProfile: profile },
        ...{ admin: false, guest: false, protected: false },
      });
      expect(made.id).toBeGreaterThan(0);
      expect(made.id).toBeLessThan(2 ** 31);
      expect(await house.listUsers(token)).toContainEqual(made);
    },
  );

  it('is an element in XML', async () => {
    const { token } = await house.newHome();
    const response = await house.send('post', `${PATH}?friendlyName=Nils`, token, asXml).expect(201);
    expect(xmlOf(response).name).toBe('user');
    expect(attributesIn(response, 'user')).toMatchObject({
      ...{ title: 'Nils', username: '', email: '', friendlyName: 'Nils', restrictionProfile: '' },
      ...{ hasPassword: '0', restricted: '1', admin: '0', guest: '0', protected: '0' },
    });
  });

  it('takes the values from a form as well', async () => {
    const { token } = await house.newHome();
    const form = { friendlyName: 'Ole', restrictionProfile: 'teen' };
    const response = await house.send('post', PATH, token).type('form').send(form).expect(201);
    expect(jsonOf(response)).toMatchObject({ title: 'Ole', restrictionProfile: 'teen' });
  });

  it.each([
    ['no name', ''],
    ['an empty name', '?friendlyName='],
    ['a name of nothing to read', '?friendlyName=%20%E2%80%8B'],
    ['a name that is too long', `?friendlyName=${'a'.repeat(41)}`],
    ['two names', '?friendlyName=a&friendlyName=b'],
    ['a profile that there is not', '?friendlyName=a&restrictionProfile=baby'],
  ])('refuses %s with 400/1004, and makes nobody', async (_, query) => {
    const { token } = await house.newHome();
    expectRefusal(await house.send('post', PATH + query, token), 400, 1004);
    expect(await house.listUsers(token)).toHaveLength(2);
  });

  it('refuses the sixteenth with 422/1008, and counts no guest (DESIGN 8; PIN-API 6)', async () => {
    const { token, name } = await house.newHome();
    await house.turnGuest(name, true);
    for (let more = 0; more < 14; more++) await house.addMember(token, `Kid ${more}`);
    expectRefusal(await house.send('post', `${PATH}?friendlyName=One+more`, token), 422, 1008);
    expect(await house.listUsers(token)).toHaveLength(17);
  });
});

describe('POST /api/home/users?title= (PIN-API 6)', () => {
  it('makes one too, and says their number, XML whatever Accept says', async () => {
    const { token } = await house.newHome();
    const root = xmlOf(await house.send('post', '/api/home/users?title=Pia', token).expect(201));
    const made = (await house.listUsers(token)).find(({ title }) => title === 'Pia')!;
    expect(root.name).toBe('User');
    expect(root.attributes).toMatchObject({
      id: String(made.id),
      uuid: made.uuid,
      title: 'Pia',
      restricted: '1',
    });
    const { User } = jsonOf(await house.send('post', '/api/home/users.json?title=Ida', token).expect(201));
    expect(User).toMatchObject({ title: 'Ida', username: '', email: '' });
  });

  it.each([
    ['neither a title nor an address', ''],
    ['both', '?title=Pia&invitedEmail=pia@example.com'],
  ])('refuses %s with 400, and changes nothing', async (_, query) => {
    const { token } = await house.newHome();
    expect((await house.send('post', `/api/home/users${query}`, token)).status).toBe(400);
    expect(await house.listUsers(token)).toHaveLength(2);
  });
});

describe('POST /api/home/users?invitedEmail= (PIN-API 6)', () => {
  it('invites, and answers alike whether or not anybody has that address', async () => {
    const { token } = await house.newHome();
    await house.accountOf('known');
    const invite = async (email: string) =>
      bytesOf(await house.send('post', `/api/home/users?invitedEmail=${encodeURIComponent(email)}`, token));
    const known = await invite('known@example.com');
    const nobody = await invite('nobodyx@example.com');
    expect(known.status).toBe(201);
    expect(known.text).toContain('<User id="" uuid="" title="known@example.com"');
    expect(known.text.replaceAll('known@', 'nobodyx@')).toBe(nobody.text);
    // Nobody joins without accepting.
    expect(await house.listUsers(token)).toHaveLength(2);
  });

  it('lets a full member in once they have accepted', async () => {
    const { token } = await house.newHome();
    await house.join(token, 'carl');
    expect((await house.listUsers(token)).map(({ username }) => username)).toContain('carl');
  });

  it('refuses what is no address with 422', async () => {
    const { token } = await house.newHome();
    const refused = await house.send('post', '/api/home/users?invitedEmail=carla', token);
    expectOlderRefusal(refused, 422, 'The email address is not valid');
  });
});

describe.each([
  ['/api/v2/home/users', 204],
  ['/api/home/users', 200],
] as const)('DELETE %s/{id} (PIN-API 6)', (folder, status) => {
  const remove = (token: string, which: string | number) => house.send('delete', `${folder}/${which}`, token);

  it(`answers ${status}, and the member and all their tokens are gone at once`, async () => {
    const { token, member } = await house.newHome();
    const gone = await house.switched(token, member.id);
    const removed = await remove(token, member.id);
    expect(removed.status).toBe(status);
    if (status === 200)
      expect(attributesIn(removed, 'Response')).toEqual({ code: '0', status: 'Removed user' });
    expect(await house.listUsers(token)).toHaveLength(1);
    expectRefusal(await house.send('get', '/api/v2/user', gone), 401, 1001);
    expect((await remove(token, member.id)).status).toBe(404);
  });

  it('removes a full member, who keeps their account, and nobody of another household', async () => {
    const { token } = await house.newHome();
    const name = `full${status}`;
    await house.join(token, name);
    const full = await house.freshToken(name);
    const { id } = await house.readUser(full);
    const { member: foreign } = await house.newHome();
    const unknown = bytesOf(await remove(token, 7));
    expect(unknown.status).toBe(404);
    expect(bytesOf(await remove(token, foreign.id))).toEqual(unknown);
    const { id: own } = await house.readUser(token);
    expect((await remove(token, own)).status).toBe(404);
    expect((await remove(token, id)).status).toBe(status);
    expect(await house.listUsers(await house.freshToken(name))).toHaveLength(1);
  });
});

describe('who may edit (PIN-API Decided)', () => {
  type Edit = readonly [what: string, method: Method, path: (id: number, own: number) => string];
  const EDITS: readonly Edit[] = [
    ['making', 'post', () => '/api/v2/home/users/restricted?friendlyName=New'],
    ['changing', 'post', (id) => `/api/v2/home/users/restricted/${id}?friendlyName=Other`],
    ['setting a PIN', 'post', (id) => `/api/v2/home/users/restricted/${id}?pin=${PIN}`],
    ['removing', 'delete', (id) => `/api/v2/home/users/${id}`],
    ['making by the older path', 'post', () => '/api/home/users?title=New'],
    ['inviting', 'post', () => '/api/home/users?invitedEmail=new@example.com'],
    ['changing the own PIN', 'put', (_, own) => `/api/home/users/${own}?pin=${PIN}`],
    ['removing by the older path', 'delete', (id) => `/api/home/users/${id}`],
  ];

  function expectNoEdit(response: Awaited<Test>, path: string): void {
    if (path.startsWith('/api/v2/')) expectRefusal(response, 403, 1040);
    else expectOlderRefusal(response, 403, NEEDS_PASSWORD);
  }

  it.each(EDITS)(
    'not with a token that is older than ten minutes: %s is 403/1040',
    async (_, method, path) => {
      const { name, token, member } = await house.newHome();
      const { id } = await house.readUser(token);
      const before = await house.stateOf(token);
      house.clock.advance(601);
      expectNoEdit(await house.send(method, path(member.id, id), token), path(member.id, id));
      expect(await house.stateOf(token)).toEqual(before);
      expect(
        (await house.send(method, path(member.id, id), await house.freshToken(name))).status,
      ).toBeLessThan(300);
    },
  );

  it.each(EDITS)(
    'not with a token that was switched, to whomever: %s is 403/1040',
    async (_, method, path) => {
      const { token, member } = await house.newHome();
      await house.setOwnPin(token, PIN);
      const { id } = await house.readUser(token);
      const before = await house.stateOf(token);
      const switched = [await house.switched(token, member.id), await house.switched(token, id, PIN)];
      for (const shown of switched)
        for (const own of [member.id, id])
          expectNoEdit(await house.send(method, path(member.id, own), shown), path(member.id, own));
      expect(await house.stateOf(token)).toEqual(before);
    },
  );

  it.each(EDITS.filter(([what]) => what !== 'changing the own PIN'))(
    'not with the token of a full member: %s changes nothing',
    async (_, method, path) => {
      const { name, token, member } = await house.newHome();
      await house.join(token, `full-${name}`);
      const full = await house.freshToken(`full-${name}`);
      const before = await house.listUsers(token);
      const refused = await house.send(method, path(member.id, 0), full);
      expect(refused.status).toBe(403);
      expect(await house.listUsers(token)).toEqual(before);
    },
  );

  it.each(EDITS)('not without a token: %s', async (_, method, path) => {
    const { token, member } = await house.newHome();
    const { id } = await house.readUser(token);
    const before = await house.stateOf(token);
    expect((await house.send(method, path(member.id, id), '')).status).toBe(401);
    expect((await house.send(method, path(member.id, id), 'garbage')).status).toBeGreaterThanOrEqual(401);
    expect(await house.stateOf(token)).toEqual(before);
  });
});

it('tells the owner by mail what a tool has changed, and never a PIN (issue 5)', async () => {
  const { token, member } = await house.newHome();
  await house.sendMail();
  house.mails.length = 0;
  await house.setPin(token, member, PIN);
  await house.sendMail();
  expect(house.mails.map(({ notice }) => notice)).toContain('household-changed-by-tool');
  expect(JSON.stringify(house.mails.map(({ details }) => details))).not.toContain(`"${PIN}"`);
});
