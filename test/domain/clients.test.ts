// Tools and services: what each may ask for, and how it proves who it is.
import { sha256 } from '../../src/crypto/secrets.js';
import {
  cleanClientName,
  DEVICE_CODE_GRANT,
  STANDARD_SCOPES,
  type ClientMetadata,
} from '../../src/domain/clients.js';
import { ISSUER, openLinkRooms, originFrom, type LinkRooms } from '../support/link-rooms.js';

const metadata: ClientMetadata = { grantTypes: [DEVICE_CODE_GRANT], scopes: ['openid', 'email'] };
const origin = originFrom();
const DAY = 86_400;
let rooms: LinkRooms;

beforeEach(async () => {
  rooms = await openLinkRooms();
});
afterEach(() => rooms.close());

const register = (name = 'TV') => rooms.clients.registerClient({ name, metadata }, origin);
const makeService = async () => {
  const { client, secret = '' } = await rooms.clients.createByOperator({ name: 'API', isConfidential: true });
  return { clientId: client.clientId as string, client, secret };
};
const rowsOf = async () => rooms.database.stores.clients.findAll();

describe('a name that somebody else chose', () => {
  it.each([
    ['A television', 'A television'],
    ['  a   b\n\tc  ', 'a b c'],
    ['a\u202eb\u200fc\u0000d', 'a b c d'],
    ['\u2028\u2029', ''],
    ['e\u0301', '\u00e9'],
    ['x'.repeat(200), 'x'.repeat(80)],
    ['\u{1f4fa}'.repeat(100), '\u{1f4fa}'.repeat(80)],
  ])('%j is shown as %j (RFC 7591 §5)', (name, shown) => expect(cleanClientName(name)).toBe(shown));
});

describe('a tool that registers itself', () => {
  it('is public, has no secret and no audience, and is marked as unverified (RFC 7591 §5, RFC 8628 §5.6)', async () => {
    const client = await register();
    expect(client).toMatchObject({
      kind: 'public',
      secretHash: undefined,
      audience: undefined,
      registeredBy: 'itself',
    });
    expect(await rooms.clients.findClient(client.clientId)).toEqual(client);
  });

  it('gets a name where it has none (RFC 7591 §2)', async () => {
    expect((await register('\u200f \n')).name).toBe('A tool without a name');
  });

  it('spends a budget of its network and one of the house (RFC 7591 §3)', async () => {
    const small = await openLinkRooms({ limits: { 'registration-by-network': { limit: 1 } } });
    await small.clients.registerClient({ name: 'a', metadata }, origin);
    const again = small.clients.registerClient({ name: 'b', metadata }, origin);
    await expect(again).rejects.toMatchObject({ code: 'too-many' });
    await small.clients.registerClient({ name: 'c', metadata }, originFrom('198.51.100.1'));
    await small.close();
  });

  it('is forgotten after a week without a link; a used one and one of the operator stay (DESIGN 5)', async () => {
    const [idle, used] = [await register(), await register()];
    const { client: made } = await makeService();
    await rooms.tool.startLink({ client: used, scope: '', origin });
    rooms.clock.advance(7 * DAY);
    expect(await rooms.clients.removeUnused()).toBe(0);
    rooms.clock.advance(1);
    expect(await rooms.clients.removeUnused()).toBe(1);
    expect(await rooms.clients.findClient(idle.clientId)).toBeUndefined();
    expect(await rooms.clients.findClient(used.clientId)).toBeDefined();
    expect(await rooms.clients.findClient(made.clientId)).toBeDefined();
  });
});

describe('a client that the operator makes', () => {
  it('shows its secret once; a hash of it is kept (RFC 6749 §10.1)', async () => {
    const { client, secret } = await makeService();
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    expect(client.secretHash).toBe(sha256(secret));
    expect(JSON.stringify(await rowsOf())).not.toContain(secret);
  });

  it('may introspect for PUBLIC_URL, or for the audience that it is given (RFC 7662 §4)', async () => {
    expect((await makeService()).client.audience).toBe(ISSUER);
    const { client } = await rooms.clients.createByOperator({
      name: 'a',
      isConfidential: true,
      audience: 'https://api',
    });
    expect(client.audience).toBe('https://api');
  });

  it('can be public, and then has neither secret nor audience', async () => {
    const { client, secret } = await rooms.clients.createByOperator({ name: 'TV', isConfidential: false });
    expect([client.kind, client.audience, secret]).toEqual(['public', undefined, undefined]);
  });

  it('needs a name', async () => {
    const nameless = rooms.clients.createByOperator({ name: '\u0000', isConfidential: false });
    await expect(nameless).rejects.toMatchObject({ code: 'client-metadata-invalid' });
  });

  it('is gone once it is removed, and cannot be removed twice', async () => {
    const { clientId, secret } = await makeService();
    await rooms.clients.removeClient(clientId);
    const asked = rooms.clients.authenticateClient({ clientId, secret }, origin);
    await expect(asked).rejects.toMatchObject({ code: 'client-unknown' });
    await expect(rooms.clients.removeClient(clientId)).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('authentication', () => {
  const authenticate = (clientId: string, secret?: string) =>
    rooms.clients.authenticateClient(secret === undefined ? { clientId } : { clientId, secret }, origin);

  it('asks a public client for nothing, and takes an empty secret for none (RFC 6749 §2.1)', async () => {
    const { clientId } = await register();
    expect((await authenticate(clientId)).clientId).toBe(clientId);
    expect((await authenticate(clientId, '')).clientId).toBe(clientId);
    await expect(authenticate(clientId, 'x')).rejects.toMatchObject({ code: 'client-authentication-failed' });
  });

  it('asks a confidential client for its own secret (RFC 6749 §2.3.1)', async () => {
    const { clientId, secret } = await makeService();
    expect((await authenticate(clientId, secret)).clientId).toBe(clientId);
    for (const wrong of [
      undefined,
      '',
      'x',
      `${secret}x`,
      secret.slice(1),
      sha256(secret),
      (await makeService()).secret,
    ]) {
      await expect(authenticate(clientId, wrong)).rejects.toMatchObject({
        code: 'client-authentication-failed',
      });
    }
  });

  it('knows nobody by a name that is nearly right', async () => {
    const { clientId } = await register();
    for (const name of ['', `${clientId} `, clientId.toUpperCase(), `${clientId}\u0000`, `pin:${clientId}`]) {
      await expect(authenticate(name)).rejects.toMatchObject({ code: 'client-unknown' });
    }
  });

  it('counts wrong secrets by network, and lets the right one through all the same (CHECKLIST 3.2)', async () => {
    const { clientId, secret } = await makeService();
    for (let turn = 0; turn < 60; turn++) await authenticate(clientId, 'x').catch(() => undefined);
    await expect(authenticate(clientId, 'x')).rejects.toMatchObject({ code: 'too-many' });
    expect((await authenticate(clientId, secret)).clientId).toBe(clientId);
  });
});

describe('scopes', () => {
  it('are those that were asked for, once each, in that order (RFC 6749 §3.3)', async () => {
    const client = await register();
    const grant = (asked?: string) => rooms.clients.grantScopes(client, asked);
    expect(grant('email openid')).toBe('email openid');
    expect(grant(' openid  openid ')).toBe('openid');
    expect(grant('')).toBe('');
    expect(grant(undefined)).toBe('');
  });

  it('are never more than the client may have (RFC 6749 §5.2)', async () => {
    const client = await register();
    for (const asked of ['profile', 'openid admin', 'OpenID', 'openid,email', '*']) {
      expect(() => rooms.clients.grantScopes(client, asked)).toThrow(
        expect.objectContaining({ code: 'scope-invalid' }) as Error,
      );
    }
  });

  it('of a client of the operator are the standard ones, and those that it is given', async () => {
    const { client } = await rooms.clients.createByOperator({
      name: 'a',
      isConfidential: true,
      scopes: ['films'],
    });
    expect(rooms.clients.grantScopes(client, [...STANDARD_SCOPES, 'films'].join(' '))).toContain('films');
  });
});
