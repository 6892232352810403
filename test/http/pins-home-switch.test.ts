// Switching a tool to somebody else of the household at the PIN door: the shapes of both ages, one answer for whatever PIN is not
// right and one for whoever is not there, how often, and what becomes of the token (PIN-API 6; DESIGN 8; CHECKLIST 3.7).
import { partsOf } from './oauth-house.js';
import {
  attributesIn,
  bytesOf,
  OTHER_PIN,
  PIN,
  startHomeHouse,
  type HomeHouse,
  type HomeUser,
} from './pins-home-house.js';
import { expectOlderRefusal, expectRefusal, jsonOf, xmlOf } from './pins-house.js';

const PIN_NEEDED = 'A valid PIN is required to perform this action';
const NOT_FOUND = 'The requested resource or endpoint could not be found';
const asXml = { Accept: '*/*' };

let house: HomeHouse;
let owner: string;
let nils: HomeUser;
let mia: HomeUser;

beforeAll(async () => {
  house = await startHomeHouse();
  owner = await house.freshToken('anna');
  nils = await house.addMember(owner, 'Nils');
  mia = await house.addMember(owner, 'Mia');
  await house.setPin(owner, mia, PIN);
});
afterAll(() => house.close());

/** A household of its own, with one member who has a PIN. */
async function newHome(name: string) {
  const token = await house.freshToken(name);
  const member = await house.addMember(token, 'Kim');
  await house.setPin(token, member, PIN);
  return { token, member };
}

describe('POST /api/v2/home/users/{uuid|id}/switch (PIN-API 6)', () => {
  it.each<[string, () => string | number]>([
    ['the number', () => mia.id],
    ['the short UUID', () => mia.uuid],
    ['the short UUID in capitals', () => mia.uuid.toUpperCase()],
  ])('answers 201 with the account object of the member, named by %s', async (_, which) => {
    const response = await house.switchTo(owner, which(), PIN).expect(201);
    const user = jsonOf(response);
    expect(user).toMatchObject({
      id: mia.id,
      uuid: mia.uuid,
      title: 'Mia',
      restricted: true,
      homeAdmin: false,
    });
    const token = user['authToken'] as string;
    expect(token).not.toBe(owner);
    expect(await house.readUser(token)).toEqual(user);
  });

  it('answers in XML with the same, and the token as an attribute', async () => {
    const query = `?pin=${PIN}&includeSubscriptions=1&includeProviders=1&includeSettings=1&includeSharedSettings=1`;
    const response = await house.send('post', `/api/v2/home/users/${mia.id}/switch${query}`, owner, asXml);
    expect(response.status).toBe(201);
    expect(attributesIn(response, 'user')).toMatchObject({ title: 'Mia', restricted: '1', home: '1' });
    expect(attributesIn(response, 'user')['authToken']).toBeTruthy();
  });

  it('gives a token that says that nobody was authenticated (DESIGN 8)', async () => {
    const { claims } = partsOf(await house.switched(owner, mia.id, PIN));
    expect(claims).toMatchObject({ amr: ['profile'], scope: 'profile', member_kind: 'managed' });
    expect(String(claims['sub']).replaceAll('-', '')).toContain(mia.uuid);
    for (const claim of ['auth_time', 'acr', 'email']) expect(claims).not.toHaveProperty(claim);
    expect(claims['exp']).toBeLessThanOrEqual(Number(partsOf(owner).claims['exp']));
  });

  it('gives the same token again, and another for each member', async () => {
    const first = await house.switched(owner, mia.id, PIN);
    expect(await house.switched(owner, mia.id, PIN)).toBe(first);
    expect(await house.switched(owner, nils.id)).not.toBe(first);
  });

  it('takes the PIN from a form as well, and from JSON', async () => {
    const path = `/api/v2/home/users/${mia.id}/switch`;
    await house.send('post', path, owner).type('form').send({ pin: PIN }).expect(201);
    await house.send('post', path, owner).send({ pin: PIN }).expect(201);
    expectRefusal(await house.send('post', path, owner).send({ pin: Number(PIN) }), 400, 1004);
    expectRefusal(await house.send('post', `${path}?pin=${PIN}&pin=${PIN}`, owner), 400, 1004);
  });

  it('switches without a PIN to a managed member who has none, whatever comes', async () => {
    await house.switchTo(owner, nils.id).expect(201);
    await house.switchTo(owner, nils.id, '').expect(201);
    await house.switchTo(owner, nils.id, '0000').expect(201);
  });

  it('switches on from a token that was switched, and back to the owner by their PIN alone', async () => {
    const token = await house.freshToken('olga');
    const { id } = await house.readUser(token);
    const [one, two] = [await house.addMember(token, 'One'), await house.addMember(token, 'Two')];
    const first = await house.switched(token, one.id);
    const second = await house.switched(first, two.id);
    expect((await house.readUser(second)).title).toBe('Two');
    expectRefusal(await house.switchTo(second, id), 403, 1041);
    await house.setOwnPin(token, OTHER_PIN);
    expectRefusal(await house.switchTo(second, id, PIN), 403, 1041);
    const back = await house.readUser(await house.switched(second, id, OTHER_PIN));
    expect(back).toMatchObject({ username: 'olga', homeAdmin: false });
    expect(await house.readUser(token)).toMatchObject({ username: 'olga', homeAdmin: true });
  });
});

describe('POST /api/home/users/{id}/switch (PIN-API 6)', () => {
  it('answers with the token by its older name, XML whatever Accept says', async () => {
    const response = await house
      .send('post', `/api/home/users/${mia.id}/switch?pin=${PIN}`, owner)
      .expect(201);
    const attributes = attributesIn(response, 'user');
    expect(attributes).toMatchObject({ id: String(mia.id), title: 'Mia', restricted: '1' });
    const token = attributes['authenticationToken']!;
    expect((await house.readUser(token)).title).toBe('Mia');
  });

  it('has the user inside in JSON, where the address asks for it', async () => {
    const { user } = jsonOf(
      await house.send('post', `/api/home/users/${nils.id}/switch.json`, owner, asXml).expect(201),
    );
    expect(user).toMatchObject({ id: nils.id, title: 'Nils', authToken: expect.any(String) as unknown });
  });

  it('says in text what is wrong', async () => {
    const wrong = await house.send('post', `/api/home/users/${mia.id}/switch?pin=${OTHER_PIN}`, owner);
    expectOlderRefusal(wrong, 403, PIN_NEEDED);
    expectOlderRefusal(await house.send('post', '/api/home/users/7/switch', owner), 404, NOT_FOUND);
    const none = await house.send('post', `/api/home/users/${mia.id}/switch?pin=${PIN}`, '');
    expectOlderRefusal(none, 401, 'Please sign in.');
  });
});

describe.each(['/api/v2/home/users', '/api/home/users'])('one answer at %s', (folder) => {
  const send = (token: string, which: string | number, query = '', headers = {}) =>
    house.send('post', `${folder}/${which}/switch${query}`, token, headers);

  it.each([{}, asXml])(
    'for whatever PIN is not right: wrong, missing, no PIN at all, waiting, locked (issue 5; CHECKLIST 3.7) (%#)',
    async (headers) => {
      const { token, member } = await newHome(`rita-${folder.length}-${Object.keys(headers).length}`);
      const { id } = await house.readUser(token);
      const answers = [bytesOf(await send(token, member.id, '?pin=9999', headers))];
      for (const query of ['', '?pin=', '?pin=830', '?pin=83055', `?pin=${encodeURIComponent('８３０５')}`])
        answers.push(bytesOf(await send(token, member.id, query, headers)));
      // The owner has none, so that nobody can be them.
      answers.push(
        bytesOf(await send(token, id, '', headers)),
        bytesOf(await send(token, id, '?pin=1234', headers)),
      );
      for (let time = 0; time < 12; time++) {
        answers.push(bytesOf(await send(token, member.id, '?pin=9999', headers)));
        if (time > 4) house.clock.advance(3600);
      }
      // Locked by now: the right one is not looked at either.
      answers.push(bytesOf(await send(token, member.id, `?pin=${PIN}`, headers)));
      expect(answers[0]!.status).toBe(403);
      expect(answers[0]!.headers).not.toHaveProperty('retry-after');
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    },
  );

  it.each([{}, asXml])(
    'for whoever is not there: nobody, and those of another household (issue 5) (%#)',
    async (headers) => {
      const { token, member } = await newHome(`hugo-${folder.length}-${Object.keys(headers).length}`);
      const stranger = await house.freshToken(`stranger-${folder.length}-${Object.keys(headers).length}`);
      const { id, uuid } = await house.readUser(stranger);
      const which = [
        ...[mia.id, mia.uuid, nils.id, id, uuid, 7, 2147483647, 2147483648, '99999999999', '0', '-1', '07'],
        ...[
          '0123456789abcdef',
          'x',
          '%00',
          '%2e%2e',
          '01234567-89ab-4cde-8f01-23456789abcd',
          `${member.id}x`,
        ],
      ];
      const answers = [];
      for (const other of which) answers.push(bytesOf(await send(token, other, `?pin=${PIN}`, headers)));
      // Who is in no household finds nobody in it, themselves included.
      answers.push(bytesOf(await send(stranger, member.id, `?pin=${PIN}`, headers)));
      answers.push(bytesOf(await send(stranger, id, '', headers)));
      expect(answers[0]!.status).toBe(404);
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    },
  );
});

it('is 403/1041 and 404/1002 in numbers (PIN-API 2, 6)', async () => {
  for (const headers of [{}, asXml]) {
    const path = `/api/v2/home/users/${mia.id}/switch`;
    expectRefusal(await house.send('post', `${path}?pin=9999`, owner, headers), 403, 1041);
    expectRefusal(await house.send('post', path, owner, headers), 403, 1041);
    expectRefusal(await house.send('post', '/api/v2/home/users/7/switch', owner, headers), 404, 1002);
  }
});

describe('limits', () => {
  it('answer 429/1003 when many switches are made quickly, and tells when to come back (PIN-API 6)', async () => {
    const small = await startHomeHouse({ limits: { 'profile-switch-by-household': { limit: 3 } } });
    const token = await small.freshToken('anna');
    const { id } = await small.addMember(token, 'Mia');
    for (let time = 0; time < 3; time++) await small.switchTo(token, id).expect(201);
    const refused = await small.switchTo(token, id);
    expectRefusal(refused, 429, 1003);
    const seconds = Number(refused.headers['retry-after']);
    expect(seconds).toBeGreaterThan(0);
    expectRefusal(await small.send('post', `/api/v2/home/users/${id}/switch`, token, asXml), 429, 1003);
    await small.send('get', '/api/v2/home/users', token).expect(200);
    small.clock.advance(seconds);
    await small.switchTo(token, id).expect(201);
    await small.close();
  });

  it('of wrong PINs are the profile’s, whatever tool asks, and the owner lifts the lock with a new PIN (CHECKLIST 3.7)', async () => {
    const { token, member } = await newHome('vera');
    const tools = [token];
    for (let more = 0; more < 4; more++) {
      const headers = { 'X-Plex-Client-Identifier': `television-${more}` };
      tools.push(await house.linkTool({ name: 'vera', headers }));
    }
    for (const tool of tools) expectRefusal(await house.switchTo(tool, member.id, '9999'), 403, 1041);
    // Five in a row, each from another tool: the next has to wait.
    expectRefusal(await house.switchTo(token, member.id, PIN), 403, 1041);
    house.clock.advance(31);
    await house.switchTo(token, member.id, PIN).expect(201);

    for (let wrong = 0; wrong < 10; wrong++) {
      house.clock.advance(3600);
      expectRefusal(await house.switchTo(tools[wrong % 5]!, member.id, '9999'), 403, 1041);
    }
    house.clock.advance(7 * 24 * 3600);
    expectRefusal(await house.switchTo(token, member.id, PIN), 403, 1041);
    await house.setPin(await house.freshToken('vera'), member, OTHER_PIN);
    await house.switchTo(token, member.id, OTHER_PIN).expect(201);
  });
});

describe('a switched token ends', () => {
  const isOver = async (token: string): Promise<void> => {
    for (const path of ['/api/v2/user', '/api/v2/home', '/api/v2/home/users'])
      expectRefusal(await house.send('get', path, token), 401, 1001);
    expectRefusal(await house.switchTo(token, 7), 401, 1001);
  };

  it('at once when its member is removed, and nobody is switched to them any more (issue 5)', async () => {
    const { token, member } = await newHome('emma');
    const gone = await house.switched(token, member.id, PIN);
    await house.send('delete', `/api/v2/home/users/${member.id}`, token).expect(204);
    await isOver(gone);
    expectRefusal(await house.switchTo(token, member.id, PIN), 404, 1002);
  });

  it('at once when the PIN of its member is changed or removed', async () => {
    const { token, member } = await newHome('frieda');
    const first = await house.switched(token, member.id, PIN);
    await house.setPin(token, member, OTHER_PIN);
    await isOver(first);
    const second = await house.switched(token, member.id, OTHER_PIN);
    await house.send('post', `/api/v2/home/users/restricted/${member.id}?removePin=1`, token).expect(201);
    await isOver(second);
  });

  it('with the tool that switched, and by itself when it signs out', async () => {
    const { token, member } = await newHome('gerd');
    const first = await house.switched(token, member.id, PIN);
    await house.send('delete', '/api/v2/users/signout', first).expect(204);
    await isOver(first);
    await house.send('get', '/api/v2/user', token).expect(200);
    const second = await house.switched(token, member.id, PIN);
    await house.send('delete', '/api/v2/users/signout', token).expect(204);
    await isOver(second);
  });

  it('for one who has left: neither they nor the household reach the other (issue 5, bad input)', async () => {
    const { token, member } = await newHome('ida');
    await house.join(token, 'jan');
    const jan = await house.freshToken('jan');
    await house.setOwnPin(jan, OTHER_PIN);
    const { id } = await house.readUser(jan);
    const [asJan, asKim] = [
      await house.switched(token, id, OTHER_PIN),
      await house.switched(jan, member.id, PIN),
    ];
    await house.send('delete', `/api/home/users/${id}`, token).expect(200);
    await isOver(asJan);
    await isOver(asKim);
    const again = await house.freshToken('jan');
    expectRefusal(await house.switchTo(again, member.id, PIN), 404, 1002);
    expectRefusal(await house.switchTo(token, id, OTHER_PIN), 404, 1002);
    expect(xmlOf(await house.send('get', '/api/users', again).expect(200)).children).toEqual([]);
  });
});

it('never logs a PIN or a token (PIN-API Decided)', async () => {
  house.lines.length = 0;
  const token = await house.switched(owner, mia.id, PIN);
  await house.send('post', `/api/home/users/${mia.id}/switch?pin=7492`, owner).expect(403);
  await house.send('put', `/api/home/users/7?pin=7492&currentPin=${PIN}`, owner);
  const logged = house.lines.join('');
  expect(logged).toContain('/switch');
  expect(logged).not.toMatch(/pin=/i);
  for (const secret of [token, owner]) expect(logged).not.toContain(secret);
});
