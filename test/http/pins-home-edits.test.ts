// Editing a household with a token at the PIN door: members made, changed and removed, people invited, PINs set and removed, in
// the shapes of both ages; who may, and what changes nothing (PIN-API 6 and "Decided"; DESIGN 8; CHECKLIST 3.7).
import type { Test } from 'supertest';
import type { Fields } from './oauth-house.js';
import {
  attributesIn,
  bytesOf,
  OTHER_PIN,
  PIN,
  startHomeHouse,
  type HomeHouse,
  type HomeUser,
  type Method,
} from './pins-home-house.js';
import { expectOlderRefusal, expectRefusal, jsonOf, xmlOf } from './pins-house.js';

const NOT_FOUND = 'The requested resource or endpoint could not be found';
const NEEDS_PASSWORD = 'A valid password is required to perform this action';
const asXml = { Accept: '*/*' };
const seconds = expect.any(Number) as number;

let house: HomeHouse;
beforeAll(async () => {
  house = await startHomeHouse();
});
afterAll(() => house.close());

let people = 0;

/** Somebody with an account who owns a household with one member, and a token that may edit it. */
async function newHome({ pin }: { readonly pin?: string } = {}) {
  const name = `owner${(people += 1)}`;
  const token = await house.freshToken(name);
  const member = await house.addMember(token, 'Mia');
  if (pin !== undefined) await house.setPin(token, member, pin);
  return { name, token, member };
}

/** Whatever an edit could have changed. */
const stateOf = async (token: string) => ({
  users: await house.listUsers(token),
  own: await house.readUser(token),
});

describe('POST /api/v2/home/users/restricted (PIN-API 6)', () => {
  const PATH = '/api/v2/home/users/restricted';

  it.each(['little_kid', 'older_kid', 'teen'])(
    'makes a member without an account, of the profile %s',
    async (profile) => {
      const { token } = await newHome();
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
    const { token } = await newHome();
    const response = await house.send('post', `${PATH}?friendlyName=Nils`, token, asXml).expect(201);
    expect(xmlOf(response).name).toBe('user');
    expect(attributesIn(response, 'user')).toMatchObject({
      ...{ title: 'Nils', username: '', email: '', friendlyName: 'Nils', restrictionProfile: '' },
      ...{ hasPassword: '0', restricted: '1', admin: '0', guest: '0', protected: '0' },
    });
  });

  it('takes the values from a form as well', async () => {
    const { token } = await newHome();
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
    const { token } = await newHome();
    expectRefusal(await house.send('post', PATH + query, token), 400, 1004);
    expect(await house.listUsers(token)).toHaveLength(2);
  });

  it('refuses the sixteenth with 422/1008, and counts no guest (DESIGN 8; PIN-API 6)', async () => {
    const { token, name } = await newHome();
    await house.turnGuest(name, true);
    for (let more = 0; more < 14; more++) await house.addMember(token, `Kid ${more}`);
    expectRefusal(await house.send('post', `${PATH}?friendlyName=One+more`, token), 422, 1008);
    expect(await house.listUsers(token)).toHaveLength(17);
  });
});

describe('POST /api/home/users?title= (PIN-API 6)', () => {
  it('makes one too, and says their number, XML whatever Accept says', async () => {
    const { token } = await newHome();
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
    const { token } = await newHome();
    expect((await house.send('post', `/api/home/users${query}`, token)).status).toBe(400);
    expect(await house.listUsers(token)).toHaveLength(2);
  });
});

describe('POST /api/home/users?invitedEmail= (PIN-API 6)', () => {
  it('invites, and answers alike whether or not anybody has that address', async () => {
    const { token } = await newHome();
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
    const { token } = await newHome();
    await house.join(token, 'carl');
    expect((await house.listUsers(token)).map(({ username }) => username)).toContain('carl');
  });

  it('refuses what is no address with 422', async () => {
    const { token } = await newHome();
    const refused = await house.send('post', '/api/home/users?invitedEmail=carla', token);
    expectOlderRefusal(refused, 422, 'The email address is not valid');
  });
});

describe('POST /api/v2/home/users/restricted/{id} (PIN-API 6)', () => {
  const edit = (token: string, which: string | number, query: string, headers: Fields = {}): Test =>
    house.send('post', `/api/v2/home/users/restricted/${which}${query}`, token, headers);

  it('sets, changes and removes a PIN without knowing it, and answers 201 with the member (DESIGN 8)', async () => {
    const { token, member } = await newHome();
    expect(jsonOf(await edit(token, member.id, `?pin=${PIN}`).expect(201))).toMatchObject({
      id: member.id,
      protected: true,
    });
    await house.switchTo(token, member.id, PIN).expect(201);
    await edit(token, member.uuid, `?pin=${OTHER_PIN}`).expect(201);
    expectRefusal(await house.switchTo(token, member.id, PIN), 403, 1041);
    await house.switchTo(token, member.id, OTHER_PIN).expect(201);
    const removed = await edit(token, member.id, '?removePin=1', asXml).expect(201);
    expect(attributesIn(removed, 'user')).toMatchObject({ id: String(member.id), protected: '0' });
    await house.switchTo(token, member.id).expect(201);
  });

  it('changes name and profile, alone and with a PIN', async () => {
    const { token, member } = await newHome();
    const renamed = jsonOf(
      await edit(token, member.id, '?friendlyName=Maria&restrictionProfile=older_kid').expect(201),
    );
    expect(renamed).toMatchObject({ title: 'Maria', friendlyName: 'Maria', restrictionProfile: 'older_kid' });
    const both = jsonOf(await edit(token, member.id, `?restrictionProfile=none&pin=${PIN}`).expect(201));
    expect(both).toMatchObject({ title: 'Maria', restrictionProfile: null, protected: true });
  });

  it.each([
    ['three digits', '830'],
    ['five digits', '83055'],
    ['letters', 'abcd'],
    ['a space', '83 5'],
    ['digits that are not ASCII', '８３０５'],
    ['Arabic digits', '٨٣٠٥'],
  ])('refuses %s with 422/1038, and changes nothing (issue 5, bad input)', async (_, pin) => {
    const { token, member } = await newHome({ pin: PIN });
    const before = await stateOf(token);
    for (const headers of [{}, asXml]) {
      const refused = await edit(
        token,
        member.id,
        `?friendlyName=Other&pin=${encodeURIComponent(pin)}`,
        headers,
      );
      expectRefusal(refused, 422, 1038);
      expect(refused.text).toContain('PIN must be 4 digits');
    }
    expect(await stateOf(token)).toEqual(before);
    await house.switchTo(token, member.id, PIN).expect(201);
  });

  it.each(['1234', '0000', '1984', '2580'])(
    'refuses %s, which everybody tries first, with the reason',
    async (pin) => {
      const { token, member } = await newHome();
      const refused = await edit(token, member.id, `?pin=${pin}`);
      expectRefusal(refused, 422, 1038);
      expect(refused.text).toContain('easy to guess');
    },
  );

  it.each([
    ['nothing to change', ''],
    ['an empty PIN, which is none', '?pin='],
    ['a PIN that is set and removed', `?pin=${OTHER_PIN}&removePin=1`],
    ['two PINs', `?pin=${OTHER_PIN}&pin=${PIN}`],
    ['a PIN that stays', '?removePin=0'],
    ['a profile that there is not', '?restrictionProfile=baby'],
    ['a name that is too long', `?friendlyName=${'a'.repeat(41)}&pin=${OTHER_PIN}`],
  ])('refuses %s with 400/1004, and changes nothing', async (_, query) => {
    const { token, member } = await newHome({ pin: PIN });
    const before = await stateOf(token);
    expectRefusal(await edit(token, member.id, query), 400, 1004);
    expect(await stateOf(token)).toEqual(before);
    await house.switchTo(token, member.id, PIN).expect(201);
  });

  it('knows nobody of another household, and cannot touch a PIN of somebody with an account (DESIGN 8)', async () => {
    const { token } = await newHome();
    await house.join(token, 'hans');
    const hans = await house.freshToken('hans');
    await house.setOwnPin(hans, PIN);
    const { id } = await house.readUser(hans);
    const { member: foreign } = await newHome();
    const unknown = bytesOf(await edit(token, 7, `?pin=${OTHER_PIN}`));
    expect(unknown.status).toBe(404);
    expect(bytesOf(await edit(token, foreign.id, `?pin=${OTHER_PIN}`))).toEqual(unknown);
    expect(bytesOf(await edit(token, foreign.uuid, '?friendlyName=Mine'))).toEqual(unknown);
    for (const query of [`?pin=${OTHER_PIN}`, '?removePin=1'])
      expectRefusal(await edit(token, id, query), 403, 1009);
    expectRefusal(await edit(token, id, '?friendlyName=Hansi'), 404, 1002);
    expect(await house.readUser(hans)).toMatchObject({ title: 'hans', protected: true });
    await house.switchTo(token, id, PIN).expect(201);
  });
});

describe('PUT /api/home/users/{id} (PIN-API 6)', () => {
  const put = (token: string, which: string | number, query: string, headers: Fields = {}): Test =>
    house.send('put', `/api/home/users/${which}${query}`, token, headers);

  it('sets, changes and removes one’s own PIN, with the one before', async () => {
    const { token } = await newHome();
    const { id } = await house.readUser(token);
    const updated = await put(token, id, `?pin=${PIN}`).expect(200);
    expect(attributesIn(updated, 'Response')).toEqual({ code: '0', status: 'Updated user' });
    expect((await house.readUser(token)).protected).toBe(true);
    await put(token, id, `?pin=${OTHER_PIN}&currentPin=${PIN}`).expect(200);
    await house.switchTo(token, id, OTHER_PIN).expect(201);
    await put(token, id, `?pin=&currentPin=${OTHER_PIN}`).expect(200);
    expect((await house.readUser(token)).protected).toBe(false);
  });

  it('is the same for who is in no household yet, and for who is named by UUID', async () => {
    const token = await house.freshToken('alone');
    const { uuid } = await house.readUser(token);
    await put(token, uuid, `?pin=${PIN}`).expect(200);
    expect(await house.readUser(token)).toMatchObject({ protected: true, homeSize: 1 });
  });

  it('says in JSON where the address asks for it', async () => {
    const { token } = await newHome();
    const { id } = await house.readUser(token);
    expect(jsonOf(await put(token, `${id}.json`, `?pin=${PIN}`).expect(200))).toEqual({
      Response: { code: 0, status: 'Updated user' },
    });
    expect(jsonOf(await put(token, `${id}.json`, `?pin=${OTHER_PIN}`).expect(401))).toEqual({
      Response: { code: 401, status: 'Incorrect PIN' },
    });
  });

  it('answers 401 with "Incorrect PIN", the same bytes, to a wrong or missing current one', async () => {
    const { token } = await newHome();
    const { id } = await house.readUser(token);
    await put(token, id, `?pin=${PIN}`).expect(200);
    const tries = ['&currentPin=9999', '', '&currentPin=', '&currentPin=83', '&currentPin=%EF%BC%98305'];
    for (const change of [OTHER_PIN, '']) {
      for (const current of tries) {
        const refused = await put(token, id, `?pin=${change}${current}`);
        expect(refused.status).toBe(401);
        expect(refused.text).toBe(
          '<?xml version="1.0" encoding="UTF-8"?>\n<Response code="401" status="Incorrect PIN"/>',
        );
      }
    }
    await house.switchTo(token, id, PIN).expect(201);
  });

  it('counts what is guessed as current one with all other tries at the profile (CHECKLIST 3.7)', async () => {
    const { token } = await newHome();
    const { id } = await house.readUser(token);
    await put(token, id, `?pin=${PIN}`).expect(200);
    for (let wrong = 0; wrong < 5; wrong++)
      await put(token, id, `?pin=${OTHER_PIN}&currentPin=9999`).expect(401);
    await put(token, id, `?pin=${OTHER_PIN}&currentPin=${PIN}`).expect(401);
    expectRefusal(await house.switchTo(token, id, PIN), 403, 1041);
    house.clock.advance(31);
    await put(token, id, `?pin=${OTHER_PIN}&currentPin=${PIN}`).expect(200);
  });

  it.each(['830', '83055', 'abcd', '８３０５', '٨٣٠٥'])(
    'refuses %s with 422 as no PIN of four digits (issue 5)',
    async (pin) => {
      const { token } = await newHome();
      const { id } = await house.readUser(token);
      const refused = await put(token, id, `?pin=${encodeURIComponent(pin)}`);
      expectOlderRefusal(refused, 422, 'PIN must be 4 digits');
      expect((await house.readUser(token)).protected).toBe(false);
    },
  );

  it('answers 404 to a token that does not count, and 401 to none', async () => {
    const { token } = await newHome();
    const { id } = await house.readUser(token);
    expectOlderRefusal(await put('garbage', id, `?pin=${PIN}`), 404, 'Invalid authentication token.');
    expectOlderRefusal(await put('', id, `?pin=${PIN}`), 401, 'Please sign in.');
  });

  it('is for one’s own alone', async () => {
    const { token, member } = await newHome();
    const { member: foreign } = await newHome();
    expectOlderRefusal(
      await put(token, member.id, `?pin=${PIN}`),
      403,
      'This action is not available for this user',
    );
    for (const which of [7, foreign.id, 'x'])
      expectOlderRefusal(await put(token, which, `?pin=${PIN}`), 404, NOT_FOUND);
    expect((await house.listUsers(token)).map((user) => user.protected)).toEqual([false, false]);
  });

  it('does nothing without a PIN to set', async () => {
    const { token } = await newHome();
    const { id } = await house.readUser(token);
    expect((await put(token, id, '')).status).toBe(400);
    expect((await put(token, id, `?currentPin=${PIN}`)).status).toBe(400);
  });
});

describe.each([
  ['/api/v2/home/users', 204],
  ['/api/home/users', 200],
] as const)('DELETE %s/{id} (PIN-API 6)', (folder, status) => {
  const remove = (token: string, which: string | number) => house.send('delete', `${folder}/${which}`, token);

  it(`answers ${status}, and the member and all their tokens are gone at once`, async () => {
    const { token, member } = await newHome();
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
    const { token } = await newHome();
    const name = `full${status}`;
    await house.join(token, name);
    const full = await house.freshToken(name);
    const { id } = await house.readUser(full);
    const { member: foreign } = await newHome();
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
      const { token, member } = await newHome();
      const { id } = await house.readUser(token);
      const before = await stateOf(token);
      house.clock.advance(601);
      expectNoEdit(await house.send(method, path(member.id, id), token), path(member.id, id));
      expect(await stateOf(token)).toEqual(before);
      expect(
        (await house.send(method, path(member.id, id), await house.freshToken(`owner${people}`))).status,
      ).toBeLessThan(300);
    },
  );

  it.each(EDITS)(
    'not with a token that was switched, to whomever: %s is 403/1040',
    async (_, method, path) => {
      const { token, member } = await newHome();
      await house.setOwnPin(token, PIN);
      const { id } = await house.readUser(token);
      const before = await stateOf(token);
      const switched = [await house.switched(token, member.id), await house.switched(token, id, PIN)];
      for (const shown of switched)
        for (const own of [member.id, id])
          expectNoEdit(await house.send(method, path(member.id, own), shown), path(member.id, own));
      expect(await stateOf(token)).toEqual(before);
    },
  );

  it.each(EDITS.filter(([what]) => what !== 'changing the own PIN'))(
    'not with the token of a full member: %s changes nothing',
    async (_, method, path) => {
      const { token, member } = await newHome();
      const name = `guest${(people += 1)}`;
      await house.join(token, name);
      const full = await house.freshToken(name);
      const before = await house.listUsers(token);
      const refused = await house.send(method, path(member.id, 0), full);
      expect(refused.status).toBe(403);
      expect(await house.listUsers(token)).toEqual(before);
    },
  );

  it.each(EDITS)('not without a token: %s', async (_, method, path) => {
    const { token, member } = await newHome();
    const { id } = await house.readUser(token);
    const before = await stateOf(token);
    expect((await house.send(method, path(member.id, id), '')).status).toBe(401);
    expect((await house.send(method, path(member.id, id), 'garbage')).status).toBeGreaterThanOrEqual(401);
    expect(await stateOf(token)).toEqual(before);
  });
});

it('tells the owner by mail what a tool has changed, and never a PIN (issue 5)', async () => {
  const { token, member } = await newHome();
  await house.sendMail();
  house.mails.length = 0;
  await house.setPin(token, member, PIN);
  await house.sendMail();
  expect(house.mails.map(({ notice }) => notice)).toContain('household-changed-by-tool');
  expect(JSON.stringify(house.mails.map(({ details }) => details))).not.toContain(`"${PIN}"`);
});
