// The public keys: each that may have signed a token, and not a word of their private halves.
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { bodyOf, partsOf, startOAuthHouse, type OAuthHouse } from './oauth-house.js';

const PATH = '/.well-known/jwks.json';
const DAY = 86_400;
let house: OAuthHouse;

beforeAll(async () => {
  house = await startOAuthHouse();
});
afterAll(() => house.close());

const fetchKeys = async () => bodyOf(await house.request.get(PATH)) as JSONWebKeySet;
const kidsOf = async () => (await fetchKeys()).keys.map(({ kid }) => kid);

it('holds a signing key for each algorithm, RS256 among them (RFC 7517 §4, RFC 9068 §2.1)', async () => {
  const response = await house.request.get(PATH);
  expect(response.status).toBe(200);
  expect(response.headers['content-type']).toMatch(/^application\/json/);
  const { keys } = bodyOf(response) as JSONWebKeySet;
  expect(keys.map(({ alg }) => alg).sort()).toEqual(['ES256', 'EdDSA', 'RS256']);
  expect(new Set(keys.map(({ kid }) => kid)).size).toBe(3);
  for (const key of keys) expect(key.use).toBe('sig');
});

it('holds no private part (RFC 7517 §9.2)', async () => {
  for (const key of (await fetchKeys()).keys) {
    for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])
      expect(key).not.toHaveProperty(member);
  }
});

it('may be kept for far less than the day that a key is published before it signs (CHECKLIST 4, key rotation)', async () => {
  const { headers } = await house.request.get(PATH);
  const maxAge = Number(/max-age=(\d+)/.exec(headers['cache-control'] ?? '')?.[1]);
  expect(maxAge).toBeGreaterThan(0);
  expect(maxAge).toBeLessThanOrEqual(3600);
});

it('publishes the next key a day before it signs, and the old one until its last token has expired (CHECKLIST 4, key rotation)', async () => {
  const before = await kidsOf();
  await house.keys.tend();
  const both = await kidsOf();
  expect(both).toHaveLength(6);
  house.clock.advance(91 * DAY);
  const { access_token: lastOfOld } = await house.link();
  expect(before).toContain(partsOf(lastOfOld).header['kid']);
  await house.keys.tend();
  const { access_token: firstOfNew } = await house.link();
  expect(before).not.toContain(partsOf(firstOfNew).header['kid']);
  const cachedBefore = createLocalJWKSet({
    keys: (await fetchKeys()).keys.filter(({ kid }) => both.includes(kid)),
  });
  for (const token of [lastOfOld, firstOfNew])
    await jwtVerify(token, cachedBefore, { currentDate: house.clock.now() });
  house.clock.advance(3600);
  await house.keys.tend();
  for (const kid of before) expect(await kidsOf()).not.toContain(kid);
});

it('loses a key at once where another process has withdrawn it (CHECKLIST 4, key rotation)', async () => {
  const { access_token } = await house.link();
  const kid = partsOf(access_token).header['kid'] as string;
  await house.inTransaction(async ({ keys }) => {
    await keys.changeState(kid, 'active', 'retiring', house.clock.now());
    await keys.removeRetiring(kid, house.clock.now());
  });
  await house.keys.refresh();
  expect(await kidsOf()).not.toContain(kid);
  await house.request.get('/oauth/userinfo').set('Authorization', `Bearer ${access_token}`).expect(401);
});
