// Services that the operator registered, and tokens for one of them: who may ask, what such a token says, and who is told of it.
// RFC 8707, RFC 9068 §3, RFC 7662 §4.
import {
  basic,
  bodyOf,
  expectRefusal,
  partsOf,
  startOAuthHouse,
  type OAuthHouse,
  type Tokens,
} from './oauth-house.js';

const TOKEN = '/oauth/token';
const DEVICE = '/oauth/device_authorization';
const PHOTOS = 'https://photos.example';
const MUSIC = 'https://music.example/api';
let house: OAuthHouse;
let clientId: string;
const secrets = new Map<string, { Authorization: string }>();

beforeAll(async () => {
  house = await startOAuthHouse();
  clientId = await house.register();
  const services = [
    { name: 'Photos', audience: PHOTOS, scopes: ['photos:read', 'photos:write'], isRestricted: false },
    { name: 'Music', audience: MUSIC, scopes: ['music:play', 'photos:read'], isRestricted: false },
    { name: 'Vault', audience: 'https://vault.example', scopes: ['open'], isRestricted: true },
  ];
  for (const asked of services) {
    const { service, secret = '' } = await house.services.createService(asked);
    secrets.set(asked.audience, { Authorization: basic(service.clientId, secret) });
  }
});
afterAll(() => house.close());

/** `resource` may come several times. */
function fieldsOf(fields: Record<string, string>, resources: readonly string[]): string {
  const form = new URLSearchParams(fields);
  for (const resource of resources) form.append('resource', resource);
  return form.toString();
}

const start = (scope: string, resources: readonly string[], fields: Record<string, string> = {}) =>
  house.post(DEVICE, fieldsOf({ client_id: clientId, scope, ...fields }, resources));
const poll = (device_code: string, resources: readonly string[] = [], headers = {}) =>
  house.post(
    TOKEN,
    fieldsOf(
      { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', client_id: clientId, device_code },
      resources,
    ),
    headers,
  );
const refresh = (refresh_token: string, resources: readonly string[] = [], fields = {}) =>
  house.post(
    TOKEN,
    fieldsOf({ grant_type: 'refresh_token', client_id: clientId, refresh_token, ...fields }, resources),
  );

async function approved(scope: string, resources: readonly string[]): Promise<string> {
  const started = bodyOf(await start(scope, resources).expect(200));
  const { device_code, user_code } = started as { device_code: string; user_code: string };
  await house.approve(user_code);
  return device_code;
}

async function linked(
  scope: string,
  resources: readonly string[],
  asked: readonly string[] = [],
): Promise<Tokens> {
  return bodyOf(await poll(await approved(scope, resources), asked).expect(200)) as Tokens;
}

const claimsOf = ({ access_token }: Tokens) => partsOf(access_token).claims;
const issued = async (request: ReturnType<typeof refresh>) => bodyOf(await request.expect(200)) as Tokens;

describe('a token for a service', () => {
  it('names it as its audience, and has its scopes and the standard ones (RFC 8707 §2.2, RFC 9068 §3)', async () => {
    const tokens = await linked('openid photos:read', [PHOTOS]);
    expect(tokens.scope).toBe('openid photos:read');
    expect(claimsOf(tokens)).toMatchObject({ aud: PHOTOS, scope: 'openid photos:read' });
    expect(tokens.expires_in).toBeLessThanOrEqual(3600);
  });

  it('opens nothing at our own endpoints (RFC 9068 §4)', async () => {
    const { access_token } = await linked('openid', [PHOTOS]);
    const authorized = { Authorization: `Bearer ${access_token}` };
    expectRefusal(await house.request.get('/oauth/userinfo').set(authorized), 401, 'invalid_token');
    expect((await house.request.get('/api/v2/user').set(authorized)).status).toBe(401);
  });

  it('keeps its audience when it is refreshed, and may be one for us for the asking (RFC 8707 §2.2)', async () => {
    const first = await linked('openid photos:read', [PHOTOS]);
    const next = await issued(refresh(first.refresh_token));
    expect(claimsOf(next)).toMatchObject({ aud: PHOTOS, scope: 'openid photos:read' });
    const ours = await issued(refresh(next.refresh_token, [house.issuer]));
    expect(claimsOf(ours)).toMatchObject({ aud: house.issuer, scope: 'openid' });
    const authorized = { Authorization: `Bearer ${ours.access_token}` };
    await house.request.get('/oauth/userinfo').set(authorized).expect(200);
  });

  it('is for the first of several that were granted, for another of them when it is named, and for one at a time (RFC 8707 §2.2)', async () => {
    const scope = 'openid photos:read photos:write music:play';
    const first = await linked(scope, [PHOTOS, MUSIC]);
    expect(claimsOf(first)).toMatchObject({ aud: PHOTOS, scope: 'openid photos:read photos:write' });
    const music = await issued(refresh(first.refresh_token, [MUSIC]));
    expect(claimsOf(music)).toMatchObject({ aud: MUSIC, scope: 'openid photos:read music:play' });
    expectRefusal(await refresh(music.refresh_token, [PHOTOS, MUSIC]), 400, 'invalid_target');
    const named = await linked(scope, [PHOTOS, MUSIC], [MUSIC]);
    expect(claimsOf(named)).toMatchObject({ aud: MUSIC });
  });

  it('is given again with the same audience and scope where its answer was lost (RFC 9700 §4.14.2)', async () => {
    const first = await linked('openid photos:read music:play', [PHOTOS, MUSIC]);
    const music = await issued(refresh(first.refresh_token, [MUSIC]));
    const again = await issued(refresh(first.refresh_token));
    expect(claimsOf(again)).toEqual(claimsOf(music));
    const proof = () => house.prove('POST', TOKEN);
    const deviceCode = await approved('openid music:play photos:write', [PHOTOS, MUSIC]);
    const bound = bodyOf(await poll(deviceCode, [MUSIC], proof()).expect(200)) as Tokens;
    const reread = bodyOf(await poll(deviceCode, [], proof()).expect(200)) as Tokens;
    expect(claimsOf(reread)).toEqual(claimsOf(bound));
  });

  it('has no scope of another service, however it is asked for (RFC 9068 §3)', async () => {
    const first = await linked('openid photos:write music:play', [PHOTOS, MUSIC]);
    expectRefusal(
      await refresh(first.refresh_token, [MUSIC], { scope: 'openid photos:write' }),
      400,
      'invalid_scope',
    );
    const narrow = await issued(refresh(first.refresh_token, [MUSIC], { scope: 'music:play' }));
    expect(claimsOf(narrow)).toMatchObject({ aud: MUSIC, scope: 'music:play' });
  });
});

describe('is refused', () => {
  it.each([
    ['a service that nobody registered', 'https://unknown.example'],
    ['another spelling of one', `${PHOTOS}/`],
    ['a part of one', 'https://music.example'],
    ['no address', 'photos'],
    ['the PIN door', '/api/v2'],
  ])('%s, as invalid_target (RFC 8707 §2)', async (_, resource) => {
    const named = resource.startsWith('/') ? house.issuer + resource : resource;
    expectRefusal(await start('openid', [named]), 400, 'invalid_target');
    expectRefusal(await start('openid', [PHOTOS, named]), 400, 'invalid_target');
  });

  it('a scope that the service does not know, and one of a service that is not named (RFC 8707 §2)', async () => {
    expectRefusal(await start('music:play', [PHOTOS]), 400, 'invalid_scope');
    expectRefusal(await start('photos:read', []), 400, 'invalid_scope');
    expectRefusal(await start('photos:read', [house.issuer]), 400, 'invalid_scope');
  });

  it('a standard scope that the client did not register for (RFC 7591 §2)', async () => {
    const small = await house.register({ scope: 'openid' });
    const fields = fieldsOf({ client_id: small, scope: 'openid email' }, [PHOTOS]);
    expectRefusal(await house.post(DEVICE, fields), 400, 'invalid_scope');
  });

  it('a restricted service to a tool that registered itself, and not to one of the operator’s', async () => {
    expectRefusal(await start('open', ['https://vault.example']), 400, 'invalid_target');
    const { client } = await house.clients.createByOperator({ name: 'Ours', isConfidential: false });
    const fields = fieldsOf({ client_id: client.clientId, scope: 'open' }, ['https://vault.example']);
    await house.post(DEVICE, fields).expect(200);
  });

  it('what was not granted, at the code and at the refresh, and nothing is consumed (RFC 8707 §2.2)', async () => {
    const deviceCode = await approved('openid photos:read', [PHOTOS]);
    expectRefusal(await poll(deviceCode, [MUSIC]), 400, 'invalid_target');
    const tokens = bodyOf(await poll(deviceCode, [PHOTOS]).expect(200)) as Tokens;
    expectRefusal(await refresh(tokens.refresh_token, [MUSIC]), 400, 'invalid_target');
    await refresh(tokens.refresh_token).expect(200);
    const plain = await approved('openid', []);
    expectRefusal(await poll(plain, [PHOTOS]), 400, 'invalid_target');
    await poll(plain, [house.issuer]).expect(200);
  });

  it('a service that was removed, from then on (RFC 8707 §2)', async () => {
    const audience = 'https://gone.example';
    const made = { name: 'Gone', audience, scopes: ['stay'], isRestricted: false };
    const { service, secret = '' } = await house.services.createService(made);
    const { access_token, refresh_token } = await linked('stay', [audience]);
    await house.services.removeService(audience);
    expectRefusal(await refresh(refresh_token), 400, 'invalid_target');
    expectRefusal(await start('stay', [audience]), 400, 'invalid_target');
    const header = { Authorization: basic(service.clientId, secret) };
    expectRefusal(
      await house.post('/oauth/introspect', { token: access_token }, header),
      401,
      'invalid_client',
    );
    // What it may have besides, it still gets.
    const ours = await issued(refresh(refresh_token, [house.issuer]));
    expect(claimsOf(ours)['aud']).toBe(house.issuer);
    expect(claimsOf(ours)).not.toHaveProperty('scope');
  });
});

describe('introspection', () => {
  const told = async (token: string, headers: object) =>
    (await house.post('/oauth/introspect', { token }, headers as { Authorization: string })).body as object;

  it('tells the service of a token for it, and no other service (RFC 7662 §4)', async () => {
    const { access_token } = await linked('openid photos:read', [PHOTOS]);
    expect(await told(access_token, secrets.get(PHOTOS)!)).toMatchObject({ active: true, aud: PHOTOS });
    expect(await told(access_token, secrets.get(MUSIC)!)).toEqual({ active: false });
    expect(await told(access_token, (await house.makeService()).header)).toEqual({ active: false });
  });

  it('tells a service nothing of a token for us, and of no refresh token (RFC 7662 §4)', async () => {
    const { access_token, refresh_token } = await house.link();
    for (const token of [access_token, refresh_token])
      expect(await told(token, secrets.get(PHOTOS)!)).toEqual({ active: false });
  });

  it('tells the client that it was issued to, whomever it is for (RFC 7662 §2.1)', async () => {
    const own = await house.makeService();
    const asked = fieldsOf({ scope: 'photos:read' }, [PHOTOS]);
    const started = bodyOf(await house.post(DEVICE, asked, own.header).expect(200));
    const { device_code, user_code } = started as { device_code: string; user_code: string };
    await house.approve(user_code);
    const { access_token } = bodyOf(
      await house.poll(own.clientId, device_code, own.header).expect(200),
    ) as Tokens;
    expect(await told(access_token, own.header)).toMatchObject({ active: true, aud: PHOTOS });
  });
});

it('a service’s own client starts no links: it only asks (RFC 6749 §5.2)', async () => {
  expectRefusal(await house.post(DEVICE, {}, secrets.get(PHOTOS)), 400, 'unauthorized_client');
});

it('the person is shown which services a tool will use, by the names that the operator gave them (RFC 8628 §3.3)', async () => {
  const started = bodyOf(await start('openid photos:read', [PHOTOS, MUSIC]).expect(200));
  const { user_code } = started as { user_code: string };
  const shown = await house.review(user_code);
  expect(shown).toMatchObject({ services: ['Photos', 'Music'], scopes: ['openid', 'photos:read'] });
});
