// Changes of members and of profile PINs with a token at the PIN door: those without an account by their owner, who need not know
// the PIN; the own one with the current one; and what is no PIN, or nobody's (PIN-API 6; DESIGN 8; CHECKLIST 3.7).
import type { Test } from 'supertest';
import type { Fields } from './oauth-house.js';
import { attributesIn, bytesOf, OTHER_PIN, PIN, startHomeHouse, type HomeHouse } from './pins-home-house.js';
import { expectOlderRefusal, expectRefusal, jsonOf } from './pins-house.js';

const NOT_FOUND = 'The requested resource or endpoint could not be found';
const asXml = { Accept: '*/*' };

let house: HomeHouse;
beforeAll(async () => {
  house = await startHomeHouse();
});
afterAll(() => house.close());

describe('POST /api/v2/home/users/restricted/{id} (PIN-API 6)', () => {
  const edit = (token: string, which: string | number, query: string, headers: Fields = {}): Test =>
    house.send('post', `/api/v2/home/users/restricted/${which}${query}`, token, headers);

  it('sets, changes and removes a PIN without knowing it, and answers 201 with the member (DESIGN 8)', async () => {
    const { token, member } = await house.newHome();
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
    const { token, member } = await house.newHome();
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
    const { token, member } = await house.newHome({ pin: PIN });
    const before = await house.stateOf(token);
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
    expect(await house.stateOf(token)).toEqual(before);
    await house.switchTo(token, member.id, PIN).expect(201);
  });

  it.each(['1234', '0000', '1984', '2580'])(
    'refuses %s, which everybody tries first, with the reason',
    async (pin) => {
      const { token, member } = await house.newHome();
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
    const { token, member } = await house.newHome({ pin: PIN });
    const before = await house.stateOf(token);
    expectRefusal(await edit(token, member.id, query), 400, 1004);
    expect(await house.stateOf(token)).toEqual(before);
    await house.switchTo(token, member.id, PIN).expect(201);
  });

  it('knows nobody of another household, and cannot touch a PIN of somebody with an account (DESIGN 8)', async () => {
    const { token } = await house.newHome();
    await house.join(token, 'hans');
    const hans = await house.freshToken('hans');
    await house.setOwnPin(hans, PIN);
    const { id } = await house.readUser(hans);
    const { member: foreign } = await house.newHome();
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
    const { token } = await house.newHome();
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
    const { token } = await house.newHome();
    const { id } = await house.readUser(token);
    expect(jsonOf(await put(token, `${id}.json`, `?pin=${PIN}`).expect(200))).toEqual({
      Response: { code: 0, status: 'Updated user' },
    });
    expect(jsonOf(await put(token, `${id}.json`, `?pin=${OTHER_PIN}`).expect(401))).toEqual({
      Response: { code: 401, status: 'Incorrect PIN' },
    });
  });

  it('answers 401 with "Incorrect PIN", the same bytes, to a wrong or missing current one', async () => {
    const { token } = await house.newHome();
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
    const { token } = await house.newHome();
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
      const { token } = await house.newHome();
      const { id } = await house.readUser(token);
      const refused = await put(token, id, `?pin=${encodeURIComponent(pin)}`);
      expectOlderRefusal(refused, 422, 'PIN must be 4 digits');
      expect((await house.readUser(token)).protected).toBe(false);
    },
  );

  it('answers 404 to a token that does not count, and 401 to none', async () => {
    const { token } = await house.newHome();
    const { id } = await house.readUser(token);
    expectOlderRefusal(await put('garbage', id, `?pin=${PIN}`), 404, 'Invalid authentication token.');
    expectOlderRefusal(await put('', id, `?pin=${PIN}`), 401, 'Please sign in.');
  });

  it('is for one’s own alone', async () => {
    const { token, member } = await house.newHome();
    const { member: foreign } = await house.newHome();
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
    const { token } = await house.newHome();
    const { id } = await house.readUser(token);
    expect((await put(token, id, '')).status).toBe(400);
    expect((await put(token, id, `?currentPin=${PIN}`)).status).toBe(400);
  });
});
