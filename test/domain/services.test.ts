// Services as the operator makes them: what an audience may be, which scopes are a service's, and what goes when it does.
import type { Client } from '../../src/domain/clients.js';
import { ISSUER, openLinkRooms, type LinkRooms } from '../support/link-rooms.js';
import { createProofKey } from '../support/proofs.js';

let rooms: LinkRooms;
beforeEach(async () => {
  rooms = await openLinkRooms();
});
afterEach(() => rooms.close());

const AUDIENCE = 'https://photos.example';
const make = (more: Partial<Parameters<LinkRooms['services']['createService']>[0]> = {}) =>
  rooms.services.createService({
    ...{ name: 'Photos', audience: AUDIENCE, scopes: ['photos:read'], isRestricted: false },
    ...more,
  });
const refused = (made: Promise<unknown>, code: string) => expect(made).rejects.toMatchObject({ code });

it('gets a client that only asks, whose secret is told once and kept as a hash (RFC 7662 §2.1)', async () => {
  const { service, client, secret } = await make();
  expect(service).toMatchObject({ audience: AUDIENCE, name: 'Photos', clientId: client.clientId });
  expect(client).toMatchObject({ kind: 'confidential', audience: AUDIENCE, metadata: { grantTypes: [] } });
  const kept = await rooms.database.stores.clients.find(client.clientId);
  expect(JSON.stringify(kept)).not.toContain(secret);
  expect(await rooms.services.listServices()).toEqual([service]);
  const [row] = await rooms.database.stores.services.findAll();
  expect(row).toEqual(service);
});

it('may prove itself with a key, and then nobody is told a secret (RFC 7523)', async () => {
  const made = await make({ jwks: { keys: [createProofKey('EdDSA').jwk] } });
  expect(made).not.toHaveProperty('secret');
  expect(made.client.metadata).toMatchObject({ authMethod: 'private_key_jwt' });
});

it.each([
  ['no address', 'photos'],
  ['a path', '/photos'],
  ['an address with a fragment', `${AUDIENCE}#a`],
  ['an address with a space', `${AUDIENCE}/a b`],
  ['an endless one', `${AUDIENCE}/${'a'.repeat(500)}`],
  ['the issuer', ISSUER],
  ['the audience of the PIN door, whose tokens live for a year', `${ISSUER}/api/v2`],
])('is not made for %s (RFC 8707 §2, DESIGN 7)', async (_, audience) => {
  await refused(make({ audience }), 'target-invalid');
  expect(await rooms.database.stores.clients.findAll()).toEqual([]);
});

it('is not made twice for one audience, and leaves no client behind (RFC 8707 §2)', async () => {
  await make();
  await refused(make({ name: 'Another' }), 'target-invalid');
  expect(await rooms.database.stores.clients.findAll()).toHaveLength(1);
});

it.each([
  ['openid', ['openid']],
  ['a space', ['a b']],
  ['a quotation mark', ['a"']],
  ['nothing', ['']],
])('knows no scope that is %s (RFC 6749 §3.3)', (_, scopes) => refused(make({ scopes }), 'scope-invalid'));

it.each([
  ['nothing', undefined, 'client-metadata-invalid'],
  ['an empty set', { keys: [] }, 'client-metadata-invalid'],
  ['a private key', { keys: [{ ...createProofKey().privateJwk }] }, 'client-metadata-invalid'],
  ['a symmetric key', { keys: [{ kty: 'oct', k: 'AAAA' }] }, 'client-metadata-invalid'],
  [
    'nine keys',
    { keys: Array.from({ length: 9 }, () => createProofKey('EdDSA').jwk) },
    'client-metadata-invalid',
  ],
])('a client with %s for its keys is not made (RFC 7591 §2)', async (_, jwks, code) => {
  const keyed = { name: 'Keyed', isConfidential: true, authMethod: 'private_key_jwt', jwks } as const;
  await refused(rooms.clients.createByOperator(keyed), code);
});

it('is removed with its client, at once for this process (RFC 7662 §2.1)', async () => {
  const { client } = await make();
  expect(await rooms.clients.findClient(client.clientId)).toBeDefined();
  await rooms.services.removeService(AUDIENCE);
  expect(await rooms.clients.findClient(client.clientId)).toBeUndefined();
  expect(await rooms.services.listServices()).toEqual([]);
  await refused(rooms.services.removeService(AUDIENCE), 'not-found');
});

describe('what a tool may ask for', () => {
  let tool: Client;
  beforeEach(async () => {
    tool = await rooms.newClient();
    await make();
  });
  const grant = (scope: string | undefined, ...resources: string[]) =>
    rooms.services.grant(tool, { scope, resources });

  it('is the service with its scopes and the standard ones, each once (RFC 8707 §2)', async () => {
    expect(await grant('openid photos:read openid', AUDIENCE, AUDIENCE)).toEqual({
      scope: 'openid photos:read',
      resources: [AUDIENCE],
    });
    expect(await grant(undefined, AUDIENCE)).toEqual({ scope: '', resources: [AUDIENCE] });
  });

  it('is this provider, by its name or by none, as it always was (DESIGN 7)', async () => {
    expect(await grant('openid', ISSUER)).toEqual({ scope: 'openid' });
    expect(await grant('openid')).toEqual({ scope: 'openid' });
  });

  it('are eight services at most', async () => {
    const many = Array.from({ length: 9 }, (_, at) => `https://service-${at}.example`);
    await refused(grant('openid', ...many), 'target-invalid');
  });
});
