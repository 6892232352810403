// The device authorization endpoint: who may start a link, and what a tool is given.
import { keyOfDeviceCode } from '../../src/domain/links.js';
import { sha256 } from '../../src/crypto/secrets.js';
import { USER_CODE_ALPHABET } from '../../src/domain/user-code.js';
import type { ClientId } from '../../src/domain/vocabulary.js';
import {
  basic,
  expectNoStore,
  expectRefusal,
  startOAuthHouse,
  type OAuthHouse,
  bodyOf,
  like,
} from './oauth-house.js';

const PATH = '/oauth/device_authorization';
let house: OAuthHouse;
let clientId: string;

beforeAll(async () => {
  house = await startOAuthHouse();
  clientId = await house.register();
});
afterAll(() => house.close());

const countLinks = () => house.database.stores.links.countLive(house.clock.now());
const findLink = (deviceCode: string) => house.database.stores.links.find(keyOfDeviceCode(deviceCode).linkId);

describe('a started link', () => {
  it('gives device code, user code, address, life and interval as JSON that nobody keeps (RFC 8628 §3.2)', async () => {
    const response = await house.post(PATH, { client_id: clientId });
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toMatch(/^application\/json/);
    expectNoStore(response);
    expect(response.body).toEqual({
      device_code: like(/^[\da-f-]{36}\.[\w-]{43}$/),
      user_code: like(new RegExp(`^[${USER_CODE_ALPHABET}]{4}-[${USER_CODE_ALPHABET}]{4}$`)),
      verification_uri: `${house.issuer}/link`,
      verification_uri_complete: like(new RegExp(`^${house.issuer}/link\\?user_code=`)),
      expires_in: 600,
      interval: 5,
    });
  });

  it('has codes of its own each time, and the complete address holds the same user code (RFC 8628 §3.2)', async () => {
    const started = await Promise.all(Array.from({ length: 20 }, () => house.start(clientId)));
    expect(new Set(started.map((link) => link.device_code)).size).toBe(20);
    expect(new Set(started.map((link) => link.user_code)).size).toBe(20);
    const body = bodyOf(await house.post(PATH, { client_id: clientId }));
    const link = body as { user_code: string; verification_uri_complete: string };
    expect(new URL(link.verification_uri_complete).searchParams.get('user_code')).toBe(link.user_code);
  });

  it('sends an interval of at least 5 seconds, since 5 is what its absence means (RFC 8628 §3.2)', async () => {
    expect((await house.start(clientId)).interval).toBeGreaterThanOrEqual(5);
  });

  it('has a verification address that is short to type and holds no code (RFC 8628 §3.3)', async () => {
    const body = bodyOf(await house.post(PATH, { client_id: clientId }));
    const { verification_uri, user_code } = body as { verification_uri: string; user_code: string };
    expect(new URL(verification_uri).pathname.length).toBeLessThanOrEqual(30);
    expect(verification_uri).not.toContain(user_code);
  });

  it('keeps only a hash of a device code of 256 bits (RFC 8628 §5.2)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    expect(Buffer.from(device_code.split('.')[1]!, 'base64url')).toHaveLength(32);
    const kept = JSON.stringify(await findLink(device_code));
    expect(kept).toContain(sha256(device_code));
    expect(kept).not.toContain(device_code);
    expect(kept).not.toContain(user_code.replace('-', ''));
  });

  it('remembers the network address, the user agent and the web origin of the tool (DESIGN, ceremony to come)', async () => {
    const headers = { Origin: 'https://tv.example', 'User-Agent': 'TV/1.0' };
    const body = bodyOf(await house.post(PATH, { client_id: clientId }, headers));
    expect(await findLink((body as { device_code: string }).device_code)).toMatchObject({
      networkAddress: '127.0.0.1',
      webOrigin: 'https://tv.example',
      userAgent: 'TV/1.0',
    });
  });

  it('writes its addresses from the issuer, whatever Host and X-Forwarded-Host say (RFC 8414 §3.3)', async () => {
    const headers = {
      Host: 'evil.example',
      'X-Forwarded-Host': 'evil.example',
      'X-Forwarded-Proto': 'https',
    };
    const body = bodyOf(await house.post(PATH, { client_id: clientId }, headers));
    expect(JSON.stringify(body)).not.toContain('evil.example');
    expect(body).toMatchObject({ verification_uri: `${house.issuer}/link` });
  });

  it('never shows the device code in a log line (RFC 8628 §3.3)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.poll(clientId, device_code);
    const log = house.lines.join('');
    expect(log).not.toContain(device_code);
    expect(log).not.toContain(user_code);
  });
});

describe('the scope of a link', () => {
  it.each(['openid', 'openid profile email offline_access', 'email openid'])(
    'is what was asked for: %s (RFC 6749 §3.3)',
    async (scope) => {
      const { device_code } = await house.start(clientId, { scope });
      expect(await findLink(device_code)).toMatchObject({ scope });
    },
  );

  it('is empty where none, or an empty one, was asked for (RFC 8628 §3.1)', async () => {
    for (const fields of [{}, { scope: '' }]) {
      const { device_code } = await house.start(clientId, fields);
      expect(await findLink(device_code)).toMatchObject({ scope: '' });
    }
  });

  it.each(['admin', 'openid admin', 'OPENID', 'openid\tprofile', 'öpenid', '"openid"'])(
    'cannot be %p (RFC 6749 §3.3, §5.2)',
    async (scope) => {
      const before = await countLinks();
      expectRefusal(await house.post(PATH, { client_id: clientId, scope }), 400, 'invalid_scope');
      expect(await countLinks()).toBe(before);
    },
  );
});

describe('a request that starts nothing', () => {
  const refused = async (
    fields: Record<string, string> | string,
    status: number,
    error: string,
    headers = {},
  ) => {
    const before = await countLinks();
    const response = await house.post(PATH, fields, headers);
    expectRefusal(response, status, error);
    expect(await countLinks()).toBe(before);
    return response;
  };

  it('because client_id is missing or empty, which names the registration address (RFC 8628 §3.1)', async () => {
    for (const fields of [
      {},
      { client_id: '' },
      { 'client_id[]': clientId },
      { client_id: '', scope: 'openid' },
    ]) {
      const body = bodyOf(await refused(fields, 400, 'invalid_request'));
      expect((body as { error_description: string }).error_description).toContain(
        `${house.issuer}/oauth/register`,
      );
    }
  });

  it('because the client is unknown (RFC 6749 §5.2)', async () => {
    const response = await refused({ client_id: 'nobody' }, 401, 'invalid_client');
    expect(response.headers['www-authenticate']).toMatch(/^Basic /);
  });

  it('because client_id, scope or any other parameter came twice (RFC 8628 §3.1)', async () => {
    const named = `client_id=${clientId}`;
    for (const form of [
      `${named}&${named}`,
      `${named}&client_id=other`,
      `${named}&scope=openid&scope=profile`,
      `${named}&scope=openid&scope=`,
      `${named}&foo=1&foo=2`,
    ]) {
      await refused(form, 400, 'invalid_request');
    }
  });

  it('because the body is JSON (RFC 8628 §3.1)', async () => {
    const before = await countLinks();
    expectRefusal(await house.request.post(PATH).send({ client_id: clientId }), 400, 'invalid_request');
    expect(await countLinks()).toBe(before);
  });

  it('because it is a GET (RFC 8628 §3.1)', async () => {
    const response = await house.request.get(`${PATH}?client_id=${clientId}`);
    expectRefusal(response, 405, 'invalid_request');
    expect(response.headers['allow']).toContain('POST');
  });

  it('because the client_id stands in the address, where parameters do not count (RFC 6749 §2.3.1)', async () => {
    expectRefusal(await house.post(`${PATH}?client_id=${clientId}`, {}), 400, 'invalid_request');
  });

  it('because the resource is not served here (RFC 8707 §2)', async () => {
    await refused({ client_id: clientId, resource: 'https://other.example' }, 400, 'invalid_target');
    expect((await house.post(PATH, { client_id: clientId, resource: house.issuer })).status).toBe(200);
  });

  it('because the client is not registered for the device grant (RFC 6749 §5.2)', async () => {
    const bare = await house.clients.findClient(clientId);
    await house.inTransaction((stores) =>
      stores.clients.insert({
        ...bare!,
        clientId: 'refresh-only' as ClientId,
        metadata: { ...bare!.metadata, grantTypes: ['refresh_token'] },
      }),
    );
    await refused({ client_id: 'refresh-only' }, 400, 'unauthorized_client');
  });
});

it('ignores parameters that it does not know (RFC 8628 §3.1)', async () => {
  const response = await house.post(PATH, {
    client_id: clientId,
    foo: 'bar',
    code_challenge: 'x',
    __proto__x: '1',
  });
  expect(response.status).toBe(200);
});

describe('a confidential client', () => {
  it('starts a link with its secret, in the header or in the body (RFC 8628 §3.1)', async () => {
    const service = await house.makeService();
    expect((await house.post(PATH, {}, service.header)).status).toBe(200);
    const fields = { client_id: service.clientId, client_secret: service.secret };
    expect((await house.post(PATH, fields)).status).toBe(200);
  });

  it('starts none with a wrong secret or none (RFC 8628 §3.1, RFC 6749 §3.2.1)', async () => {
    const { clientId: id } = await house.makeService();
    const before = await countLinks();
    expectRefusal(await house.post(PATH, { client_id: id }), 401, 'invalid_client');
    expectRefusal(await house.post(PATH, { client_id: id, client_secret: 'wrong' }), 401, 'invalid_client');
    expectRefusal(await house.post(PATH, {}, { Authorization: basic(id, 'wrong') }), 401, 'invalid_client');
    expectRefusal(await house.post(PATH, {}, { Authorization: basic(id, '') }), 401, 'invalid_client');
    expect(await countLinks()).toBe(before);
  });
});

describe('limits', () => {
  it('lets one network have only so many live links, and says when to come again (RFC 8628 §5.1)', async () => {
    const small = await startOAuthHouse({ config: { liveLinksPerNetwork: 2 } });
    const id = await small.register();
    await small.start(id);
    await small.start(id);
    const response = await small.post(PATH, { client_id: id });
    expectRefusal(response, 429, 'temporarily_unavailable');
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    await small.close();
  });

  it('answers 503 with Retry-After when the link cannot be kept (CHECKLIST 4, disk full)', async () => {
    const small = await startOAuthHouse({ maxPages: 200, config: { liveLinksPerNetwork: 60 } });
    const id = await small.register();
    await small.disk.fill();
    let response = await small.post(PATH, { client_id: id });
    // The last page of the table still has room for a few.
    for (let more = 0; more < 50 && response.status === 200; more++) {
      response = await small.post(PATH, { client_id: id });
    }
    expectRefusal(response, 503, 'temporarily_unavailable');
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
    // Whatever was asked for in vain does not count as live.
    for (let more = 0; more < 60; more++)
      expectRefusal(await small.post(PATH, { client_id: id }), 503, 'temporarily_unavailable');
    await small.disk.free();
    expect((await small.post(PATH, { client_id: id })).status).toBe(200);
    await small.close();
  });
});
