// The metadata, as OAuth and OpenID clients find it: everything it names works, and nothing else is named.
import {
  bodyOf,
  DEVICE_CODE_GRANT,
  partsOf,
  startOAuthHouse,
  type Fields,
  type OAuthHouse,
} from './oauth-house.js';
import { createProofKey } from '../support/proofs.js';

const OAUTH = '/.well-known/oauth-authorization-server';
const OPENID = '/.well-known/openid-configuration';

interface Metadata {
  readonly issuer: string;
  readonly authorization_endpoint: string;
  readonly authorization_response_iss_parameter_supported: boolean;
  readonly response_types_supported: string[];
  readonly response_modes_supported: string[];
  readonly code_challenge_methods_supported: string[];
  readonly prompt_values_supported: string[];
  readonly acr_values_supported: string[];
  readonly pushed_authorization_request_endpoint: string;
  readonly require_pushed_authorization_requests: boolean;
  readonly end_session_endpoint: string;
  readonly claims_parameter_supported: boolean;
  readonly request_parameter_supported: boolean;
  readonly request_uri_parameter_supported: boolean;
  readonly device_authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly token_endpoint_auth_methods_supported: string[];
  readonly grant_types_supported: string[];
  readonly revocation_endpoint: string;
  readonly revocation_endpoint_auth_methods_supported: string[];
  readonly introspection_endpoint: string;
  readonly introspection_endpoint_auth_methods_supported: string[];
  readonly token_endpoint_auth_signing_alg_values_supported: string[];
  readonly revocation_endpoint_auth_signing_alg_values_supported: string[];
  readonly introspection_endpoint_auth_signing_alg_values_supported: string[];
  readonly dpop_signing_alg_values_supported: string[];
  readonly userinfo_endpoint: string;
  readonly registration_endpoint: string;
  readonly jwks_uri: string;
  readonly scopes_supported: string[];
  readonly id_token_signing_alg_values_supported: string[];
  readonly claims_supported: string[];
  readonly prefer_wait_seconds_supported: number;
}

let house: OAuthHouse;
let metadata: Metadata;

beforeAll(async () => {
  house = await startOAuthHouse();
  metadata = bodyOf(await house.request.get(OAUTH)) as Metadata;
});
afterAll(() => house.close());

it.each([OAUTH, OPENID])(
  'stands at %s as JSON that may be kept for a while (RFC 8414 §3, §3.2)',
  async (path) => {
    const response = await house.request.get(path);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    const maxAge = Number(/max-age=(\d+)/.exec(response.headers['cache-control'] ?? '')?.[1]);
    expect(maxAge).toBeGreaterThan(0);
    expect(maxAge).toBeLessThanOrEqual(3600);
    expect(response.headers).not.toHaveProperty('pragma');
    expect(response.body).toEqual(metadata);
  },
);

it('names the issuer byte for byte, whatever Host and X-Forwarded-Host say (RFC 8414 §3.3; Koa CVE-2026-27959)', async () => {
  expect(metadata.issuer).toBe(house.issuer);
  for (const headers of [{ Host: 'evil.example' }, { 'X-Forwarded-Host': 'evil.example' }] as Fields[]) {
    expect((await house.request.get(OAUTH).set(headers)).body).toEqual(metadata);
  }
});

it('has an issuer without query and fragment, and every address below it (RFC 8414 §2)', () => {
  const { search, hash } = new URL(metadata.issuer);
  expect([search, hash]).toEqual(['', '']);
  for (const [member, value] of Object.entries(metadata)) {
    if (/_(endpoint|uri)$/.test(member)) expect(value).toMatch(new RegExp(`^${house.issuer}/`));
  }
});

it('has these members and no other, each of which is tried below or where it is used', () => {
  expect(Object.keys(metadata).sort()).toEqual([
    'acr_values_supported',
    'authorization_endpoint',
    'authorization_response_iss_parameter_supported',
    'claims_parameter_supported',
    'claims_supported',
    'code_challenge_methods_supported',
    'device_authorization_endpoint',
    'dpop_signing_alg_values_supported',
    'end_session_endpoint',
    'grant_types_supported',
    'id_token_signing_alg_values_supported',
    'introspection_endpoint',
    'introspection_endpoint_auth_methods_supported',
    'introspection_endpoint_auth_signing_alg_values_supported',
    'issuer',
    'jwks_uri',
    'prefer_wait_seconds_supported',
    'prompt_values_supported',
    'pushed_authorization_request_endpoint',
    'registration_endpoint',
    'request_parameter_supported',
    'request_uri_parameter_supported',
    'require_pushed_authorization_requests',
    'response_modes_supported',
    'response_types_supported',
    'revocation_endpoint',
    'revocation_endpoint_auth_methods_supported',
    'revocation_endpoint_auth_signing_alg_values_supported',
    'scopes_supported',
    'subject_types_supported',
    'token_endpoint',
    'token_endpoint_auth_methods_supported',
    'token_endpoint_auth_signing_alg_values_supported',
    'userinfo_endpoint',
  ]);
});

it('has no empty list (RFC 8414 §3.2)', () => {
  for (const value of Object.values(metadata) as unknown[]) expect(value).not.toEqual([]);
});

it('says what the authorization endpoint takes, and what it does not (RFC 8414 §2, RFC 9126 §5, RFC 9207 §3)', () => {
  expect(metadata).toMatchObject({
    authorization_endpoint: `${house.issuer}/oauth/authorize`,
    authorization_response_iss_parameter_supported: true,
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    code_challenge_methods_supported: ['S256'],
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    acr_values_supported: ['aal1', 'aal2'],
    pushed_authorization_request_endpoint: `${house.issuer}/oauth/par`,
    require_pushed_authorization_requests: false,
    end_session_endpoint: `${house.issuer}/oauth/logout`,
    claims_parameter_supported: false,
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
  });
});

it('names the device grant and its endpoint (RFC 8628 §4)', () => {
  expect(metadata.grant_types_supported).toContain(DEVICE_CODE_GRANT);
  expect(metadata.device_authorization_endpoint).toBe(`${house.issuer}/oauth/device_authorization`);
});

describe('everything it names works (RFC 8414 §2)', () => {
  const pathOf = (address: string) => new URL(address).pathname;

  describe('of what the authorization endpoint takes', () => {
    const BACK = 'https://tool.example/back';
    let tool: Fields;

    beforeAll(async () => {
      const about = { name: 'A tool', isConfidential: false, redirectUris: [BACK] };
      const { client } = await house.clients.createByOperator(about);
      tool = {
        client_id: client.clientId,
        redirect_uri: BACK,
        response_type: 'code',
        state: 's',
        scope: 'openid',
      };
      Object.assign(tool, { code_challenge: 'c'.repeat(43), code_challenge_method: 'S256' });
    });

    const leadsTo = async (changes: Fields = {}): Promise<string> => {
      const query = new URLSearchParams({ ...tool, ...changes }).toString();
      const asked = await house.request
        .get(`${pathOf(metadata.authorization_endpoint)}?${query}`)
        .redirects(0);
      return asked.headers['location'] as string;
    };
    const isTaken = async (changes: Fields) => (await leadsTo(changes)).includes('/authorize?request=');

    it.each([
      ['response_types_supported', 'response_type', ['token', 'id_token', 'code id_token', 'none']],
      ['response_modes_supported', 'response_mode', ['fragment', 'jwt', 'query.jwt', 'web_message']],
      ['code_challenge_methods_supported', 'code_challenge_method', ['plain', 's256', 'S512']],
      ['prompt_values_supported', 'prompt', ['create', 'NONE', 'login none']],
      ['scopes_supported', 'scope', ['admin', 'address', 'phone']],
    ] as const)('each of %s as %s, and no other', async (member, parameter, others) => {
      const named = metadata[member];
      expect(await Promise.all(named.map((value) => isTaken({ [parameter]: value })))).toEqual(
        named.map(() => true),
      );
      expect(await Promise.all(others.map((value) => isTaken({ [parameter]: value })))).toEqual(
        others.map(() => false),
      );
    });

    it('who answers, in every answer (RFC 9207 §3)', async () => {
      expect(metadata.authorization_response_iss_parameter_supported).toBe(true);
      const refused = new URL(await leadsTo({ scope: 'admin' })).searchParams;
      expect(refused.get('iss')).toBe(metadata.issuer);
    });

    it('pushed requests, which need not be (RFC 9126 §5)', async () => {
      expect(metadata.require_pushed_authorization_requests).toBe(false);
      const pushed = await house
        .post(pathOf(metadata.pushed_authorization_request_endpoint), tool)
        .expect(201);
      const { request_uri } = bodyOf(pushed) as Fields;
      expect(await leadsTo({ request_uri: request_uri! })).toContain('/authorize?request=');
    });

    it('no request object, no foreign request_uri, and nothing by the parameter claims (OpenID Connect Discovery §3)', async () => {
      const { claims_parameter_supported, request_parameter_supported, request_uri_parameter_supported } =
        metadata;
      expect([
        claims_parameter_supported,
        request_parameter_supported,
        request_uri_parameter_supported,
      ]).toEqual([false, false, false]);
      expect(await leadsTo({ request: 'x' })).toContain('error=request_not_supported');
      expect(await leadsTo({ request_uri: BACK })).toContain('error=request_uri_not_supported');
      expect(await isTaken({ claims: '{"id_token":{"email":null}}' })).toBe(true);
    });

    it('the classes of authentication that tokens tell (OpenID Connect Core §2)', async () => {
      expect(metadata.acr_values_supported).toEqual(['aal1', 'aal2']);
      const { id_token } = await house.link();
      expect(metadata.acr_values_supported).toContain(partsOf(id_token).claims['acr']);
    });

    it('signing out, which a GET and a POST may ask for (OpenID Connect RP-Initiated Logout §2)', async () => {
      const path = pathOf(metadata.end_session_endpoint);
      for (const answer of [
        await house.request.get(path).redirects(0),
        await house.post(path, {}).redirects(0),
      ])
        expect([answer.status, answer.headers['location']]).toEqual([
          303,
          expect.stringContaining('/authorize/sign-out?request=') as string,
        ]);
    });
  });

  it('every endpoint answers', async () => {
    const addresses = Object.entries(metadata).filter(([member]) => /_(endpoint|uri)$/.test(member));
    expect(addresses).toHaveLength(10);
    for (const [, address] of addresses) {
      const [got, posted] = [
        await house.request.get(pathOf(address as string)),
        await house.post(pathOf(address as string), {}),
      ];
      expect([got.status, posted.status]).not.toContain(404);
    }
  });

  it('every grant type: a link, and its refresh', async () => {
    const { clientId, refresh_token } = await house.link();
    const others = ['authorization_code', 'refresh_token'];
    expect(metadata.grant_types_supported.sort()).toEqual([...others, DEVICE_CODE_GRANT]);
    const fields = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
    await house.post(pathOf(metadata.token_endpoint), fields).expect(200);
  });

  it('every way to authenticate, at each endpoint', async () => {
    const service = await house.makeService();
    const keyed = await house.makeKeyedClient();
    const publicId = await house.register();
    const ways: Record<string, () => [Fields, Fields]> = {
      none: () => [{ client_id: publicId }, {}],
      client_secret_basic: () => [{}, service.header],
      client_secret_post: () => [{ client_id: service.clientId, client_secret: service.secret }, {}],
      private_key_jwt: () => [keyed.proveSelf(), {}],
    };
    const fields = { grant_type: DEVICE_CODE_GRANT, device_code: 'x', token: 'x' };
    const send = (address: string, way: string) => {
      const [more, headers] = ways[way]!();
      return house.post(pathOf(address), { ...fields, ...more }, headers);
    };
    const expectAccepted = async (address: string, methods: string[]) => {
      for (const way of methods) expect((await send(address, way)).status).not.toBe(401);
      for (const way of Object.keys(ways).filter((name) => !methods.includes(name))) {
        expect((await send(address, way)).status).toBe(401);
      }
    };
    await expectAccepted(metadata.token_endpoint, metadata.token_endpoint_auth_methods_supported);
    await expectAccepted(metadata.revocation_endpoint, metadata.revocation_endpoint_auth_methods_supported);
    await expectAccepted(
      metadata.introspection_endpoint,
      metadata.introspection_endpoint_auth_methods_supported,
    );
  });

  it('every algorithm of a client that proves itself with a key, at each endpoint (RFC 8414 §2)', async () => {
    const members = ['token', 'revocation', 'introspection'] as const;
    for (const member of members) {
      const algs = metadata[`${member}_endpoint_auth_signing_alg_values_supported`];
      expect([...algs].sort()).toEqual(['ES256', 'Ed25519', 'EdDSA', 'RS256'].sort());
      for (const alg of algs) {
        const keyed = await house.makeKeyedClient(
          createProofKey(alg === 'Ed25519' ? 'EdDSA' : (alg as 'ES256')),
        );
        const fields = { ...keyed.proveSelf({ header: { alg } }), token: 'x', device_code: 'x' };
        const path = pathOf(metadata[`${member}_endpoint`]);
        expect((await house.post(path, { grant_type: DEVICE_CODE_GRANT, ...fields })).status).not.toBe(401);
      }
    }
  });

  it('every algorithm of a DPoP proof (RFC 9449 §5.1)', async () => {
    const clientId = await house.register();
    for (const alg of metadata.dpop_signing_alg_values_supported) {
      const by = createProofKey(alg === 'Ed25519' ? 'EdDSA' : (alg as 'ES256'));
      const { device_code } = await house.start(clientId);
      const proof = house.prove('POST', '/oauth/token', { by, header: { alg } });
      const polled = await house.poll(clientId, device_code, proof);
      expect(polled.body).toMatchObject({ error: 'authorization_pending' });
    }
  });

  it('every scope, and every claim by way of the ID token or userinfo', async () => {
    const { id_token, access_token } = await house.link({ scope: metadata.scopes_supported.join(' ') });
    const userinfo = await house.request
      .get('/oauth/userinfo')
      .set('Authorization', `Bearer ${access_token}`);
    const told = new Set([
      ...Object.keys(partsOf(id_token).claims),
      // Of the tools that send one: oauth-authorize.test.ts.
      'nonce',
      ...Object.keys(bodyOf(userinfo) as object),
    ]);
    expect(metadata.claims_supported.filter((claim) => !told.has(claim))).toEqual([]);
  });

  it('every algorithm for ID tokens, each with a published key; and RS256 is one (OpenID Connect Discovery §3)', async () => {
    expect(metadata.id_token_signing_alg_values_supported).toContain('RS256');
    const jwks = bodyOf(await house.request.get(pathOf(metadata.jwks_uri))) as {
      keys: { kid: string; alg: string }[];
    };
    for (const alg of metadata.id_token_signing_alg_values_supported) {
      const { id_token } = await house.link({ metadata: { id_token_signed_response_alg: alg } });
      const { header } = partsOf(id_token);
      expect(header['alg']).toBe(alg);
      expect(jwks.keys).toContainEqual(expect.objectContaining({ kid: header['kid'], alg }));
    }
  });

  it('the longest wait, which is applied as it is announced (RFC 7240 §3)', async () => {
    const clientId = await house.register();
    const { device_code, user_code } = await house.start(clientId);
    const headers = { Prefer: `wait=${metadata.prefer_wait_seconds_supported + 10}` };
    const held = house.poll(clientId, device_code, headers).then((response) => response);
    for (let turn = 0; house.waiting.count() === 0 && turn < 20_000; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await house.approve(user_code);
    expect((await held).headers['preference-applied']).toBe(`wait=${metadata.prefer_wait_seconds_supported}`);
  });
});

it('names no grant, method or algorithm that is missing (RFC 8414 §2)', async () => {
  const small = await startOAuthHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
  const { body } = (await small.request.get(OPENID)) as { body: Metadata };
  expect(body.id_token_signing_alg_values_supported).toEqual(['EdDSA', 'RS256']);
  await small.request.post('/oauth/register').send({ id_token_signed_response_alg: 'ES256' }).expect(400);
  await small.close();
});

it('stands before the path of an issuer that has one, and OpenID behind it (RFC 8414 §3, OpenID Connect Discovery §4)', async () => {
  const nested = await startOAuthHouse({ config: { publicUrl: 'https://example.org/login' } });
  const { body } = (await nested.request.get(`${OAUTH}/login`).expect(200)) as { body: Metadata };
  expect(body.issuer).toBe('https://example.org/login');
  expect(body.token_endpoint).toBe('https://example.org/login/oauth/token');
  expect((await nested.request.get(`/login${OPENID}`)).body).toEqual(body);
  await nested.request.post('/login/oauth/register').send({}).expect(201);
  await nested.close();
});
