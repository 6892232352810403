// Tools that were linked for a member of a household, and what no token of a member may do at the PIN door, however it came to
// speak for them: change anything, link anything, hold a key, or know more than names (DESIGN 7, 8; PIN-API "Decided").
import { generateKeyPairSync } from 'node:crypto';
import { partsOf } from './oauth-house.js';
import { PIN, startHomeHouse, type HomeHouse, type HomeUser } from './pins-home-house.js';
import { expectRefusal, IDENTIFIER, jsonOf, xmlOf } from './pins-house.js';

/** What the owner's tool calls itself, and so does what it was switched to. */
const OWNERS_TOOL = { 'X-Plex-Client-Identifier': `${IDENTIFIER}-of-anna` };

let house: HomeHouse;
let owner: string;
let mia: HomeUser;
let nils: HomeUser;
/** Of a tool that the owner has approved for Mia. */
let linked: string;

beforeAll(async () => {
  house = await startHomeHouse({ config: { pinLink: true } });
  owner = await house.freshToken('anna');
  mia = await house.addMember(owner, 'Mia', { restrictionProfile: 'little_kid' });
  nils = await house.addMember(owner, 'Nils');
  await house.setPin(owner, nils, PIN);
  linked = await house.linkFor('anna', mia.id);
});
afterAll(() => house.close());

describe('a tool that was linked for a managed member', () => {
  it('is told of that member, and of nobody who approved it (DESIGN 8)', async () => {
    const user = await house.readUser(linked);
    expect(user).toMatchObject({
      ...{ id: mia.id, uuid: mia.uuid, title: 'Mia', username: '', authToken: linked },
      ...{ email: `${mia.id}@unverified.invalid`, confirmed: false, twoFactorEnabled: false },
      ...{ home: true, restricted: true, guest: false, homeAdmin: false, hasPassword: false },
    });
    expect(JSON.stringify(user)).not.toContain('anna');
    const { claims } = partsOf(linked);
    expect(claims).toMatchObject({ member_kind: 'managed', household_id: expect.any(String) as string });
    expect(String(claims['sub']).replaceAll('-', '').slice(0, 16)).toBe(mia.uuid);
  });

  it('lists the household and the tools of that member alone; the owner’s tool lists it, without its token', async () => {
    expect((await house.listUsers(linked)).map(({ title, email }) => [title, email])).toEqual([
      ['anna', ''],
      ['Mia', ''],
      ['Nils', ''],
    ]);
    const tokens = async (token: string) =>
      xmlOf(await house.send('get', '/devices.xml', token)).children.map(
        ({ attributes }) => attributes['token'],
      );
    expect(await tokens(linked)).toEqual([linked]);
    expect((await tokens(owner)).toSorted()).toEqual(['', owner].toSorted());
  });

  it('switches to another by their PIN alone, and never to the owner who has none', async () => {
    expectRefusal(await house.switchTo(linked, nils.id), 403, 1041);
    const token = await house.switched(linked, nils.id, PIN);
    expect((await house.readUser(token)).title).toBe('Nils');
    const { id } = await house.readUser(owner);
    for (const pin of [undefined, PIN, '0000'])
      expectRefusal(await house.switchTo(linked, id, pin), 403, 1041);
  });

  it('ends at once when the member is removed, and what it had switched with it (issue 5, bad input)', async () => {
    const kim = await house.addMember(await house.freshToken('anna'), 'Kim');
    const token = await house.linkFor('anna', kim.id);
    const switched = await house.switched(token, nils.id, PIN);
    await house.send('delete', `/api/v2/home/users/${kim.id}`, await house.freshToken('anna')).expect(204);
    for (const over of [token, switched])
      for (const path of ['/api/v2/user', '/api/v2/home/users'])
        expectRefusal(await house.send('get', path, over), 401, 1001);
  });
});

describe('no token of a member', () => {
  /** However it came to speak for them. */
  const TOKENS: readonly (readonly [string, () => Promise<string>])[] = [
    ['one that was switched', async () => house.switched(owner, mia.id)],
    ['one that was linked for them', async () => house.linkFor('anna', mia.id)],
  ];

  it.each(TOKENS)('edits anybody, themselves included: %s (PIN-API Decided)', async (_, make) => {
    const token = await make();
    for (const { id } of await house.listUsers(owner)) {
      for (const query of [`?pin=${PIN}`, '?removePin=1', '?friendlyName=Other'])
        expectRefusal(
          await house.send('post', `/api/v2/home/users/restricted/${id}${query}`, token),
          403,
          1040,
        );
      expectRefusal(await house.send('delete', `/api/v2/home/users/${id}`, token), 403, 1040);
      await house.send('put', `/api/home/users/${id}?pin=${PIN}`, token).expect(403);
    }
    const made = await house.send('post', '/api/v2/home/users/restricted?friendlyName=New', token);
    expectRefusal(made, 403, 1040);
    expect(await house.listUsers(owner)).toHaveLength(3);
  });

  it.each(TOKENS)('links another tool: %s (PIN-API 3.3)', async (_, make) => {
    const token = await make();
    const { code, id } = await house.createPin();
    expectRefusal(await house.send('put', `/api/v2/pins/link?code=${code}`, token), 403, 1068);
    expect(jsonOf(await house.poll(id).expect(200))['authToken']).toBeNull();
  });

  it('that was switched takes a key, and lives on with it (PIN-API 5)', async () => {
    const token = await house.switched(owner, mia.id);
    const { publicKey } = generateKeyPairSync('ed25519');
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'a-key', alg: 'EdDSA' };
    const refused = await house.send('post', '/api/v2/auth/jwk', token, OWNERS_TOOL).send({ jwk });
    expectRefusal(refused, 403, 1068);
    expect((await house.readUser(token)).title).toBe('Mia');
  });

  it('removes another tool: only itself (PIN-API Decided)', async () => {
    const devices = xmlOf(await house.send('get', '/devices.xml', owner).expect(200)).children;
    const token = await house.switched(owner, mia.id);
    for (const { attributes } of devices)
      await house.send('delete', `/devices/${attributes['id']}.xml`, token).expect(404);
    await house.send('get', '/api/v2/user', owner).expect(200);
  });
});

describe('limits of edits', () => {
  it('answer 429/1003 to many new members and many invitations in a day', async () => {
    const limits = {
      'household-member-by-account': { limit: 2 },
      'household-invitation-by-account': { limit: 1 },
    };
    const small = await startHomeHouse({ limits });
    const token = await small.freshToken('anna');
    await small.addMember(token, 'One');
    await small.addMember(token, 'Two');
    const refused = await small.send('post', '/api/v2/home/users/restricted?friendlyName=Three', token);
    expectRefusal(refused, 429, 1003);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    await small.send('post', '/api/home/users?title=Three', token).expect(429);
    await small.send('post', '/api/home/users?invitedEmail=one@example.com', token).expect(201);
    await small.send('post', '/api/home/users?invitedEmail=two@example.com', token).expect(429);
    expect(await small.listUsers(token)).toHaveLength(3);
    await small.close();
  });
});
