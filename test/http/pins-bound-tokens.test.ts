// Tokens that are bound to a key, at the PIN door: refused without the proof of that key, at every address that takes a token. None
// of this door's own tokens is bound; one is made here by hand. RFC 9449 §7, DESIGN 7.
import { partsOf, type Fields, type Tokens } from './oauth-house.js';
import { expectRefusal, JSON_ONLY, startPinHouse, type PinHouse } from './pins-house.js';
import { createProofKey } from '../support/proofs.js';

let house: PinHouse;
let plain: string;
let bound: string;
const other = createProofKey('EdDSA');

beforeAll(async () => {
  house = await startPinHouse();
  plain = await house.linkTool();
  const { header, claims } = partsOf(plain);
  const cnf = { jkt: house.key.thumbprint };
  bound = (await house.keys.signWith(header['kid'] as string, { typ: 'at+jwt' }, { ...claims, cnf }))!;
});
afterAll(() => house.close());

/** Every address of this door that takes a token, some with a body or a query of theirs. */
const PLACES: [method: 'get' | 'post' | 'put' | 'delete', path: string][] = [
  ['get', '/api/v2/user'],
  ['get', '/api/v2/ping'],
  ['get', '/users/account.json'],
  ['delete', '/api/v2/users/signout'],
  ['put', '/api/v2/pins/link'],
  ['get', '/devices.json'],
  ['delete', '/devices/1.json'],
  ['get', '/api/v2/resources'],
  ['get', '/api/resources'],
  ['post', '/api/servers/x/shared_servers'],
  ['post', '/api/v2/auth/jwk'],
  ['get', '/api/v2/home'],
  ['get', '/api/v2/home/users'],
];

const ask = (method: (typeof PLACES)[number][0], path: string, headers: Fields) =>
  house.request[method](path).set({ ...JSON_ONLY, 'X-Plex-Client-Identifier': 'a-television-7', ...headers });
const isRefused = (status: number) => [401, 404, 422].includes(status);

it.each(PLACES)(
  '%s %s takes no bound token without a proof, however it is shown (RFC 9449 §7.2)',
  async (method, path) => {
    const proof = house.prove(method.toUpperCase(), path, { accessToken: bound });
    for (const headers of [
      { 'X-Plex-Token': bound },
      { Authorization: `Bearer ${bound}` },
      { Authorization: `DPoP ${bound}` },
      { 'X-Plex-Token': bound, ...proof },
      { Authorization: `Bearer ${bound}`, ...proof },
    ] as Fields[]) {
      const { status } = await ask(method, path, headers);
      expect([path, isRefused(status)]).toEqual([path, true]);
    }
  },
);

it('takes it with the proof of its key, once for each proof (RFC 9449 §7.1)', async () => {
  const authorized = { Authorization: `DPoP ${bound}` };
  const proof = house.prove('GET', '/api/v2/user', { accessToken: bound });
  expect((await ask('get', '/api/v2/user', { ...authorized, ...proof })).status).toBe(200);
  const again = await ask('get', '/api/v2/user', { ...authorized, ...proof });
  expectRefusal(again, 401, 1001);
  expect(again.headers['www-authenticate']).toMatch(/^DPoP .*error="invalid_dpop_proof".*algs="ES256 /);
});

it('refuses the proof of another key, for another token, or for another address (RFC 9449 §4.3 (9), (12))', async () => {
  const authorized = { Authorization: `DPoP ${bound}` };
  for (const proof of [
    house.prove('GET', '/api/v2/user', { accessToken: bound, by: other }),
    house.prove('GET', '/api/v2/user', { accessToken: plain }),
    house.prove('GET', '/api/v2/ping', { accessToken: bound }),
  ])
    expectRefusal(await ask('get', '/api/v2/user', { ...authorized, ...proof }), 401, 1001);
});

it('gives its nonce to a proof without one, and takes the next (RFC 9449 §9)', async () => {
  const authorized = { Authorization: `DPoP ${bound}` };
  const without = house.prove('GET', '/api/v2/user', { accessToken: bound, claims: { nonce: undefined } });
  const refused = await ask('get', '/api/v2/user', { ...authorized, ...without });
  expectRefusal(refused, 401, 1001);
  expect(refused.headers['www-authenticate']).toMatch(/error="use_dpop_nonce"/);
  const nonce = refused.headers['dpop-nonce'] as string;
  const right = house.prove('GET', '/api/v2/user', { accessToken: bound, claims: { nonce } });
  expect((await ask('get', '/api/v2/user', { ...authorized, ...right })).status).toBe(200);
});

it('takes no token that is bound to nothing where it is shown as bound (RFC 9449 §7.1)', async () => {
  const proof = house.prove('GET', '/api/v2/user', { accessToken: plain });
  expectRefusal(await ask('get', '/api/v2/user', { Authorization: `DPoP ${plain}`, ...proof }), 401, 1001);
  expect((await ask('get', '/api/v2/user', { 'X-Plex-Token': plain })).status).toBe(200);
});

it('takes no bound token of the OAuth door, with its proof or without: it is for another audience (RFC 9068 §4)', async () => {
  const clientId = await house.register();
  const { device_code, user_code } = await house.start(clientId);
  await house.approve(user_code);
  // The names of the two doors' polls are the same: this is the OAuth door's.
  const polled = await house.post(
    '/oauth/token',
    { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: clientId, device_code },
    house.prove('POST', '/oauth/token'),
  );
  const { access_token: accessToken } = polled.body as Tokens;
  const proof = house.prove('GET', '/api/v2/user', { accessToken });
  for (const headers of [
    { 'X-Plex-Token': accessToken },
    { Authorization: `Bearer ${accessToken}` },
    { Authorization: `DPoP ${accessToken}`, ...proof },
  ])
    expectRefusal(await ask('get', '/api/v2/user', headers), 401, 1001);
});
