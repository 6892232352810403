// Tools with keys of their own: a link that gives its token for a proof only, keys that are registered with a token, tokens for
// proofs; and who gets nothing. PIN-API 5.
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify, type JSONWebKeySet } from 'jose';
import { thumbprint } from '../../src/crypto/jwt.js';
import type { AccountId } from '../../src/domain/vocabulary.js';
import { createLinkedTools } from '../../src/domain/linked-tools.js';
import { ISSUER } from '../support/link-rooms.js';
import {
  createToolKey,
  ELSEWHERE,
  FIXED_NAME,
  HOME,
  IDENTIFIER,
  openNumberedRooms,
  type NumberedRooms,
} from '../support/numbered-rooms.js';

const DAY = 86_400;
const ANNA = 'anna' as AccountId;
let rooms: NumberedRooms;
beforeEach(async () => {
  rooms = await openNumberedRooms();
});
afterEach(() => rooms.close());

const seconds = () => Math.floor(rooms.clock.now().getTime() / 1000);
const use = (token: string) => rooms.lasting.useLastingToken(token, HOME);
const refused = (promise: Promise<unknown>, code: string) => expect(promise).rejects.toMatchObject({ code });
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
type ToolKey = ReturnType<typeof createToolKey>;
const keys = (): JSONWebKeySet => ({ keys: [...rooms.deviceKeys.publishedKeys()] });

/** A keyed link that was approved. */
async function linkWith(key: ToolKey, account = 'anna') {
  const link = await rooms.start({ deviceKey: key.jwk, isStrong: true });
  await rooms.approve(link.userCode, account);
  return link;
}
const register = async (token: string, jwk: unknown, identifier = IDENTIFIER) =>
  rooms.deviceKeys.register({ standing: await use(token), identifier, jwk, origin: HOME });
const nonce = (identifier = IDENTIFIER) => rooms.deviceKeys.newNonce(identifier);
const exchange = (jwt: string, identifier?: string) =>
  rooms.deviceKeys.exchange({ jwt, origin: HOME, ...(identifier === undefined ? {} : { identifier }) });
const renew = (key: ToolKey) => exchange(key.prove({ nonce: nonce() }));

describe('a link with a key', () => {
  const key = createToolKey();

  it('gives its token for a proof only, and the same bytes at every reading (PIN-API "Decided")', async () => {
    const link = await linkWith(key);
    expect(link.isKeyed).toBe(true);
    expect((await rooms.poll(link.number)).outcome).toBe('pending');
    const token = await rooms.collect(link.number, { deviceProof: key.prove() });
    expect(await rooms.collect(link.number, { deviceProof: key.prove({ iat: seconds() }) })).toBe(token);
    expect((await rooms.poll(link.number)).outcome).toBe('pending');
    expect(await rooms.database.stores.tokens.findLinkedTools(ANNA)).toHaveLength(1);
  });

  it('stays pending for every proof that is not one, and redeems nothing', async () => {
    const link = await linkWith(key);
    const wrong = {
      'another key': createToolKey(key.jwk.kid).prove(),
      'another name of the key': key.signed({ iss: IDENTIFIER, aud: FIXED_NAME }, { kid: 'x' }),
      'another issuer': key.prove({ iss: 'tool-2' }),
      'another audience': key.prove({ aud: ISSUER }),
      'no audience': key.prove({ aud: undefined }),
      'an end long ago': key.prove({ exp: seconds() - 2 * DAY }),
      'a beginning long ago': key.prove({ iat: seconds() - 2 * DAY }),
      'a beginning in the future': key.prove({ iat: seconds() + 2 * DAY }),
      'an end that is no number': key.prove({ exp: 'never' }),
      'no signature': key.prove().replace(/[^.]*$/, ''),
      nothing: '',
    };
    for (const deviceProof of Object.values(wrong))
      expect((await rooms.poll(link.number, { deviceProof })).outcome).toBe('pending');
    expect(await rooms.database.stores.tokens.findLinkedTools(ANNA)).toEqual([]);
    expect(
      await rooms.collect(link.number, { deviceProof: key.prove({ aud: ['x', FIXED_NAME] }) }),
    ).toBeTruthy();
  });

  it('takes a proof whose clock is a few hours off, and one without times or nonce (PIN-API 5)', async () => {
    for (const claims of [{ exp: seconds() - 3600 }, { iat: seconds() + 3600 }, {}, { nonce: 'anything' }]) {
      const link = await linkWith(key);
      expect(await rooms.collect(link.number, { deviceProof: key.prove(claims) })).toBeTruthy();
    }
  });

  it.each([
    ['a key without an id', { kid: undefined }],
    ['an id that is no text', { kid: 7 }],
    ['an id of 129 characters', { kid: 'k'.repeat(129) }],
    ['an id with a line break', { kid: 'a\nb' }],
    ['a key with its private half', createToolKey().privateJwk],
  ])('is not started with %s', async (_, change) => {
    await refused(rooms.start({ deviceKey: { ...key.jwk, ...change } }), 'key-invalid');
    await refused(rooms.start({ deviceKey: 'x' }), 'key-invalid');
  });

  it('ends the tool that had the same key before: whoever holds it has linked anew', async () => {
    const first = await linkWith(key);
    const token = await rooms.collect(first.number, { deviceProof: key.prove() });
    const second = await linkWith(key, 'boris');
    const newer = await rooms.collect(second.number, { deviceProof: key.prove() });
    await refused(use(token), 'token-invalid');
    expect((await use(newer)).tool.accountId).toBe('boris');
    expect(claimsOf(await renew(key))['user']).toMatchObject({ id: 77 });
    expect((await use(await renew(key))).tool.accountId).toBe('boris');
    expect((await rooms.poll(first.number, { deviceProof: key.prove() })).outcome).toBe('unknown');
  });

  it('leaves another tool of the same identifier and the same name of its key alone', async () => {
    const [mine, others] = [createToolKey('same'), createToolKey('same')];
    const tokens = [];
    for (const [one, account] of [[mine, 'anna'] as const, [others, 'boris'] as const]) {
      const link = await linkWith(one, account);
      tokens.push(await rooms.collect(link.number, { deviceProof: one.prove() }));
    }
    for (const token of tokens) await use(token);
    expect((await use(await renew(mine))).tool.accountId).toBe('anna');
    expect((await use(await renew(others))).tool.accountId).toBe('boris');
  });
});

describe('the token of a tool with a key', () => {
  const key = createToolKey('hex of my own: 00ff');

  it('is what its clients check: issuer, both audiences, thumbprint, nonce, user, a week (PIN-API 5)', async () => {
    const link = await linkWith(key);
    const deviceProof = key.prove({ nonce: 'n-1', scope: 'username, email friendly_name,unheard-of' });
    const token = await rooms.collect(link.number, { deviceProof });
    const verified = await jwtVerify(token, createLocalJWKSet(keys()), {
      issuer: FIXED_NAME,
      audience: IDENTIFIER,
      currentDate: rooms.clock.now(),
    });
    expect(verified.protectedHeader).toMatchObject({ alg: 'EdDSA', kid: expect.any(String) as string });
    expect(verified.payload).toEqual({
      iss: FIXED_NAME,
      aud: [FIXED_NAME, IDENTIFIER],
      iat: seconds(),
      exp: seconds() + 7 * DAY,
      jti: expect.any(String) as string,
      thumbprint: 'hex of my own: 00ff',
      nonce: 'n-1',
      user: {
        id: 77,
        uuid: '00112233445566ff',
        username: 'anna',
        email: 'anna@example.com',
        friendly_name: 'The anna',
      },
      linked_tool: expect.any(String) as string,
    });
  });

  it('tells nothing of the person that was not asked for', async () => {
    const link = await linkWith(key);
    const token = await rooms.collect(link.number, { deviceProof: key.prove() });
    expect(claimsOf(token)).not.toHaveProperty('nonce');
    expect(claimsOf(token)['user']).toEqual({ id: 77, uuid: '00112233445566ff' });
  });

  it('is signed by a key that signs nothing else: no JWKS of the issuer has it (DESIGN 5)', async () => {
    const link = await linkWith(key);
    const token = await rooms.collect(link.number, { deviceProof: key.prove() });
    const { kid } = decodeProtectedHeader(token);
    expect(rooms.deviceKeys.publishedKeys().map((one) => one.kid)).toContain(kid);
    expect(rooms.keys.published().map((one) => one.kid)).not.toContain(kid);
    for (const one of rooms.deviceKeys.publishedKeys()) expect(one).not.toHaveProperty('d');
    await refused(rooms.tokensStanding.useAccessToken(token, HOME), 'token-invalid');
    expect(await rooms.keys.verify(token, { typ: 'JWT' })).toBeUndefined();
  });

  it('counts for a week and is then only expired, not unknown, as long as its tool is linked (PIN-API 2: 498)', async () => {
    const link = await linkWith(key);
    const token = await rooms.collect(link.number, { deviceProof: key.prove() });
    expect(await use(token)).toMatchObject({ kind: 'device-key', tool: { accountId: 'anna' } });
    rooms.clock.advance(7 * DAY);
    await refused(use(token), 'token-expired');
    const newer = await renew(key);
    await use(newer);
    await rooms.lasting.endLastingToken(await use(newer), HOME);
    await refused(use(token), 'token-invalid');
    await refused(use(newer), 'token-invalid');
    await refused(renew(key), 'key-proof-wrong');
  });

  it('signs the same bytes after the keys of its ring were rotated', async () => {
    const link = await linkWith(key);
    const token = await rooms.collect(link.number, { deviceProof: key.prove() });
    await rooms.ring.rotate({ immediately: true });
    expect(await rooms.collect(link.number, { deviceProof: key.prove() })).toBe(token);
    await use(token);
    expect(decodeProtectedHeader(await renew(key)).kid).not.toBe(decodeProtectedHeader(token).kid);
  });

  it('is told of to services whose audience is the door, and to no others (RFC 7662 §4)', async () => {
    const link = await linkWith(key);
    const token = await rooms.collect(link.number, { deviceProof: key.prove() });
    const service = async (audience: string) =>
      (await rooms.clients.createByOperator({ name: 'A service', isConfidential: true, audience })).client;
    const ours = await service(`${ISSUER}/api/v2`);
    expect(await rooms.tokensStanding.introspect(token, ours)).toMatchObject({
      claims: { aud: `${ISSUER}/api/v2`, sub: 'anna', client_id: `pin:${IDENTIFIER}` },
    });
    for (const audience of [ISSUER, FIXED_NAME, IDENTIFIER])
      expect(await rooms.tokensStanding.introspect(token, await service(audience))).toBeUndefined();
    rooms.clock.advance(7 * DAY);
    expect(await rooms.tokensStanding.introspect(token, ours)).toBeUndefined();
  });

  it('is not had by an account that lost its standing', async () => {
    const link = await linkWith(key);
    const token = await rooms.collect(link.number, { deviceProof: key.prove() });
    rooms.standing.barred.add('anna');
    await refused(use(token), 'token-invalid');
    await refused(renew(key), 'key-proof-wrong');
    expect((await rooms.poll(link.number, { deviceProof: key.prove() })).outcome).toBe('unknown');
  });
});

describe('registering a key with a token', () => {
  it('ends the token, tells the owner, and lets the tool get tokens for proofs (PIN-API "Decided")', async () => {
    const key = createToolKey();
    const token = await rooms.linkTool();
    const ours = (
      await rooms.clients.createByOperator({
        name: 'A service',
        isConfidential: true,
        audience: `${ISSUER}/api/v2`,
      })
    ).client;
    await register(token, key.jwk);
    expect(rooms.upper.told).toEqual(['key of PhotoSync']);
    await refused(use(token), 'token-invalid');
    expect(await rooms.tokensStanding.introspect(token, ours)).toBeUndefined();
    const renewed = await renew(key);
    expect((await use(renewed)).kind).toBe('device-key');
    expect(await rooms.database.stores.tokens.findLinkedTools(ANNA)).toHaveLength(1);
  });

  it('ends the token for later readings of its link too', async () => {
    const link = await rooms.start();
    await rooms.approve(link.userCode);
    await register(await rooms.collect(link.number), createToolKey().jwk);
    expect((await rooms.poll(link.number)).outcome).toBe('unknown');
  });

  it('is done once for a tool, also by two at once', async () => {
    const token = await rooms.linkTool();
    const standing = await use(token);
    const ends = await Promise.allSettled(
      [createToolKey(), createToolKey()].map(({ jwk }) =>
        rooms.deviceKeys.register({ standing, identifier: IDENTIFIER, jwk, origin: HOME }),
      ),
    );
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('is refused to a token that came from a key already', async () => {
    const key = createToolKey();
    const link = await linkWith(key);
    const token = await rooms.collect(link.number, { deviceProof: key.prove() });
    await refused(register(token, createToolKey().jwk), 'key-taken');
  });

  it('takes no key that another live tool of the same identifier has, and one whose tool has ended', async () => {
    const key = createToolKey();
    await register(await rooms.linkTool(), key.jwk);
    const token = await rooms.linkTool();
    await refused(register(token, key.jwk), 'key-taken');
    const { tool } = await use(token);
    await rooms.lasting.endLastingToken(await use(await renew(key)), HOME);
    await register(token, key.jwk);
    expect((await use(await renew(key))).tool.linkedToolId).toBe(tool.linkedToolId);
  });

  it('takes no key that was another account’s: bringing one proves nothing, and its holder would be in a stranger’s account', async () => {
    const key = createToolKey();
    await register(await rooms.linkTool(), key.jwk);
    await rooms.lasting.endLastingToken(await use(await renew(key)), HOME);
    const token = await rooms.linkTool({}, 'boris');
    await refused(register(token, key.jwk), 'key-taken');
    await refused(renew(key), 'key-proof-wrong');
    // Who proves the key may link with it, whoever approves.
    const link = await rooms.start({ deviceKey: key.jwk });
    await rooms.approve(link.userCode, 'boris');
    const linked = await rooms.collect(link.number, { deviceProof: key.prove() });
    expect((await use(linked)).tool.accountId).toBe('boris');
  });

  it('is only for the tool’s own identifier, and only with a proper key', async () => {
    const token = await rooms.linkTool();
    await refused(register(token, createToolKey().jwk, 'tool-2'), 'token-invalid');
    await refused(register(token, {}), 'key-invalid');
    await use(token);
  });

  it('gives a tool that came in with a password no longer life than its token had', async () => {
    const key = createToolKey();
    const { token } = await rooms.comeInWithPassword();
    await register(token, key.jwk);
    rooms.clock.advance(7 * DAY - 10);
    const last = await renew(key);
    rooms.clock.advance(20);
    await refused(renew(key), 'key-proof-wrong');
    rooms.clock.advance(7 * DAY - 20);
    await refused(use(last), 'token-expired');
  });

  it('is refused when it could renew nothing: the approval is more than 90 days ago', async () => {
    const token = await rooms.linkTool();
    rooms.clock.advance(90 * DAY);
    await refused(register(token, createToolKey().jwk), 'grant-not-allowed');
    await use(token);
  });
});

describe('a proof', () => {
  const key = createToolKey();
  beforeEach(async () => {
    const link = await linkWith(key);
    await rooms.collect(link.number, { deviceProof: key.prove({ scope: 'username' }) });
  });

  it('gets a new token with what it asks for this time (PIN-API 5)', async () => {
    const once = nonce();
    const token = await exchange(key.prove({ nonce: once, scope: 'email' }), IDENTIFIER);
    expect(claimsOf(token)).toMatchObject({
      nonce: once,
      user: { id: 77, uuid: '00112233445566ff', email: 'anna@example.com' },
    });
    expect(claimsOf(token)['user']).not.toHaveProperty('username');
    expect((await use(token)).tool.lastUsedAt).toEqual(rooms.clock.now());
  });

  it('counts once: its nonce is used up, also by ten at once', async () => {
    const jwt = key.prove({ nonce: nonce() });
    const ends = await Promise.allSettled(Array.from({ length: 10 }, () => exchange(jwt)));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await refused(exchange(jwt), 'key-proof-wrong');
  });

  it('needs a nonce of ours, for this tool, not older than five minutes', async () => {
    const stale = nonce();
    rooms.clock.advance(300);
    const fresh = nonce();
    const flipped = fresh.endsWith('0') ? `${fresh.slice(0, -1)}1` : `${fresh.slice(0, -1)}0`;
    for (const wrong of [undefined, '', 'x', stale, nonce('tool-2'), flipped, fresh.toUpperCase(), 7])
      await refused(exchange(key.prove({ nonce: wrong })), 'key-proof-wrong');
    await exchange(key.prove({ nonce: fresh }));
  });

  it('shows a nonce that looks like a UUID, and no two alike', () => {
    const made = Array.from({ length: 100 }, () => nonce());
    expect(new Set(made).size).toBe(100);
    for (const one of made)
      expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it.each([
    ['another key', () => createToolKey(key.jwk.kid).prove({ nonce: nonce() }), undefined],
    [
      'an identifier that has no such key',
      () => key.prove({ iss: 'tool-2', nonce: nonce('tool-2') }),
      undefined,
    ],
    ['an identifier beside it that is not its own', () => key.prove({ nonce: nonce() }), 'tool-2'],
    ['another audience', () => key.prove({ aud: ISSUER, nonce: nonce() }), undefined],
    ['a name of a key that nobody has', () => createToolKey('nobody').prove({ nonce: nonce() }), undefined],
    ['no issuer', () => key.prove({ iss: undefined, nonce: nonce() }), undefined],
    ['an issuer that can be nobody', () => key.prove({ iss: 'x'.repeat(300), nonce: nonce() }), undefined],
    ['no JWT', () => 'x', undefined],
    ['nothing', () => '', undefined],
  ])('is wrong with %s', async (_, jwt, identifier) => {
    await refused(exchange(jwt(), identifier), 'key-proof-wrong');
  });

  it('renews for 90 days after the approval and not a moment longer', async () => {
    rooms.clock.advance(90 * DAY - 1);
    await renew(key);
    rooms.clock.advance(1);
    await refused(renew(key), 'key-proof-wrong');
  });

  it('renews also after months without use: the tool is not forgotten while its key counts', async () => {
    const { stores, inTransaction } = rooms.database;
    const { removeDead } = createLinkedTools({
      store: stores.tokens,
      inTransaction,
      audit: rooms.audit,
      now: rooms.clock.now,
    });
    rooms.clock.advance(85 * DAY);
    expect(await removeDead()).toBe(0);
    await renew(key);
    rooms.clock.advance(60 * DAY);
    expect(await removeDead()).toBe(1);
    expect(await stores.deviceKeys.find(thumbprint(key.jwk), `pin:${IDENTIFIER}`)).toBeUndefined();
  });

  it('works from any network: the key is what counts', async () => {
    const jwt = key.prove({ nonce: nonce() });
    const token = await rooms.deviceKeys.exchange({ jwt, origin: ELSEWHERE });
    expect((await use(token)).tool.lastUsedFrom).toBe(ELSEWHERE.networkAddress);
  });
});

it('an RSA key works too (PIN-API 5)', async () => {
  const key = createToolKey('rsa', 'RS256');
  const link = await linkWith(key);
  await use(await rooms.collect(link.number, { deviceProof: key.prove() }));
  await use(await renew(key));
});
