// Lasting tokens: what stands in them, at which doors they count, and everything that ends them.
import { decodeProtectedHeader } from 'jose';
import type { LinkedToolId, AccountId } from '../../src/domain/vocabulary.js';
import { createLinkedTools } from '../../src/domain/linked-tools.js';
import { ROTATED_AFTER_SECONDS } from '../../src/domain/keys.js';
import { ISSUER } from '../support/link-rooms.js';
import {
  ELSEWHERE,
  HOME,
  IDENTIFIER,
  openNumberedRooms,
  TOOL,
  type NumberedRooms,
} from '../support/numbered-rooms.js';

const DAY = 86_400;
const AUDIENCE = `${ISSUER}/api/v2`;
let rooms: NumberedRooms;
beforeEach(async () => {
  rooms = await openNumberedRooms({ algs: ['EdDSA', 'ES256'] });
});
afterEach(() => rooms.close());

const use = (token: string, origin = HOME) => rooms.lasting.useLastingToken(token, origin);
const refused = (promise: Promise<unknown>, code = 'token-invalid') =>
  expect(promise).rejects.toMatchObject({ code });
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as Record<string, unknown>;
const end = (linkedToolId: LinkedToolId) =>
  rooms.database.inTransaction(({ tokens }) =>
    tokens.endLinkedTool(linkedToolId, rooms.clock.now(), 'unlinked'),
  );

describe('a lasting token', () => {
  it('is an access token signed with Ed25519, with the audience of its door and no word of a caller there (DESIGN 7)', async () => {
    const token = await rooms.linkTool();
    const { tool } = await use(token);
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'EdDSA', typ: 'at+jwt' });
    expect(claimsOf(token)).toEqual({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: 'anna',
      client_id: `pin:${IDENTIFIER}`,
      iat: tool.firstAccess.issuedAt.getTime() / 1000,
      exp: tool.firstAccess.issuedAt.getTime() / 1000 + 365 * DAY,
      jti: tool.firstAccess.jti,
      scope: 'profile email',
      auth_time: expect.any(Number) as number,
      amr: ['pwd'],
      acr: 'aal1',
      linked_tool: tool.linkedToolId,
    });
  });

  it('counts as long as the setting says, and fourteen days after a password (PIN-API 4.2)', async () => {
    const short = await openNumberedRooms({ ttlDays: 20 });
    const [linked, withPassword] = [await short.linkTool(), await short.comeInWithPassword()];
    const isAlive = (token: string) =>
      short.lasting.useLastingToken(token, HOME).then(
        () => true,
        () => false,
      );
    short.clock.advance(14 * DAY - 1);
    expect([await isAlive(linked), await isAlive(withPassword.token)]).toEqual([true, true]);
    short.clock.advance(60);
    expect([await isAlive(linked), await isAlive(withPassword.token)]).toEqual([true, false]);
    short.clock.advance(6 * DAY);
    expect(await isAlive(linked)).toBe(false);
    await short.close();
  });

  it('stands for its linked tool, and tells when it was given and until when it counts', async () => {
    const token = await rooms.linkTool();
    const standing = await use(token);
    expect(standing).toMatchObject({
      kind: 'lasting',
      token,
      tool: { accountId: 'anna', name: 'PhotoSync' },
    });
    expect(standing.tool.description).toEqual(TOOL);
    expect(standing.expiresAt).toEqual(standing.tool.firstAccess.expiresAt);
    expect(standing.issuedAt).toEqual(standing.tool.firstAccess.issuedAt);
  });

  it('notes where it was used last, once a minute at most', async () => {
    const token = await rooms.linkTool();
    const usedFrom = async () => (await use(token)).tool.lastUsedFrom;
    rooms.clock.advance(30);
    await use(token, ELSEWHERE);
    expect(await usedFrom()).toBe(HOME.networkAddress);
    rooms.clock.advance(31);
    await use(token, ELSEWHERE);
    expect(await usedFrom()).toBe(ELSEWHERE.networkAddress);
  });

  it('is refused once its tool is unlinked, its account barred, or itself revoked, also where it was seen a moment ago', async () => {
    const [unlinked, barred, revoked] = [
      await rooms.linkTool(),
      await rooms.linkTool({}, 'boris'),
      await rooms.linkTool(),
    ];
    for (const token of [unlinked, barred, revoked]) await use(token);
    await end((await use(unlinked)).tool.linkedToolId);
    rooms.standing.barred.add('boris');
    await rooms.database.inTransaction(async ({ tokens }) =>
      tokens.insertRevokedAccess(String(claimsOf(revoked)['jti']), new Date(8.64e15)),
    );
    for (const token of [unlinked, barred, revoked]) await refused(use(token));
  });

  it('is refused when a letter of it is another one, and when its key has gone, also where it was seen a moment ago', async () => {
    const token = await rooms.linkTool();
    await use(token);
    const [head, body, signature] = token.split('.') as [string, string, string];
    const other = signature.startsWith('A') ? 'B' : 'A';
    await refused(use(`${head}.${body}.${other}${signature.slice(1)}`));
    await refused(use(`${token}=`));
    await refused(use(''));
    await rooms.keys.rotate({ immediately: true });
    await use(token);
    const { kid } = decodeProtectedHeader(token);
    await rooms.database.inTransaction(({ keys }) => keys.removeRetiring(kid!, new Date(8.64e15)));
    await rooms.keys.refresh();
    await refused(use(token));
  });

  it('keeps its key published as long as it counts, over every rotation, and no longer (CHECKLIST 4)', async () => {
    const token = await rooms.linkTool();
    const { kid } = decodeProtectedHeader(token);
    const isPublished = () => rooms.keys.published().some((key) => key.kid === kid);
    for (let turn = 0; turn < 4; turn++) {
      await rooms.keys.tend();
      rooms.clock.advance(ROTATED_AFTER_SECONDS);
      await rooms.keys.tend();
    }
    expect(isPublished()).toBe(true);
    await use(token);
    // Of the other algorithm only the active, the next and perhaps the one before are left.
    expect(rooms.keys.published().filter(({ alg }) => alg === 'ES256').length).toBeLessThanOrEqual(3);
    rooms.clock.advance(6 * DAY);
    await rooms.keys.tend();
    expect(isPublished()).toBe(false);
  });

  it('lets its key go when its tool is unlinked', async () => {
    const token = await rooms.linkTool();
    await rooms.keys.rotate({ immediately: true });
    await end((await use(token)).tool.linkedToolId);
    rooms.clock.advance(3600);
    await rooms.keys.tend();
    expect(rooms.keys.published().map(({ kid }) => kid)).not.toContain(decodeProtectedHeader(token).kid);
  });

  it('ends with its tool when the tool signs out, and with it only what the tool has linked', async () => {
    const [mine, other] = [await rooms.linkTool(), await rooms.linkTool()];
    await rooms.lasting.endLastingToken(await use(mine), HOME);
    await refused(use(mine));
    await use(other);
  });

  it('is no token of the OAuth door, and that one none of this (DESIGN 5)', async () => {
    const lasting = await rooms.linkTool();
    await refused(rooms.tokensStanding.useAccessToken(lasting, HOME));
    const client = await rooms.newClient();
    const { deviceCode, userCode } = await rooms.tool.startLink({ client, scope: 'openid', origin: HOME });
    await rooms.approve(userCode);
    const redeemed = await rooms.tool.redeemLink({ deviceCode, client, origin: HOME });
    if (!('tokens' in redeemed)) throw new Error(redeemed.outcome);
    await rooms.tokensStanding.useAccessToken(redeemed.tokens.accessToken, HOME);
    await refused(use(redeemed.tokens.accessToken));
    await refused(use(redeemed.tokens.idToken!));
  });

  it('is told of to services whose audience is this door, and to no others (RFC 7662 §4)', async () => {
    const token = await rooms.linkTool();
    const service = (audience: string) =>
      rooms.clients.createByOperator({ name: 'A service', isConfidential: true, audience });
    const [ours, other] = [(await service(AUDIENCE)).client, (await service(ISSUER)).client];
    const standing = await rooms.tokensStanding.introspect(token, ours);
    expect(standing).toMatchObject({
      kind: 'access',
      claims: { aud: AUDIENCE, client_id: `pin:${IDENTIFIER}` },
    });
    expect(await rooms.tokensStanding.introspect(token, other)).toBeUndefined();
    await end((await use(token)).tool.linkedToolId);
    expect(await rooms.tokensStanding.introspect(token, ours)).toBeUndefined();
  });

  it('is not revoked by a client that is not its own (RFC 7009 §2.1)', async () => {
    const token = await rooms.linkTool();
    await rooms.tokensStanding.revoke(token, await rooms.newClient(), HOME);
    await use(token);
  });
});

describe('a tool with a password', () => {
  it('is named after itself, says how it came in, and has no link behind it (DESIGN 5)', async () => {
    const [withCode, without] = [
      await rooms.comeInWithPassword('anna', true),
      await rooms.comeInWithPassword('boris', false),
    ];
    expect(withCode.tool).toMatchObject({ bornWith: 'code', methods: ['pwd', 'otp'], name: 'PhotoSync' });
    expect(without.tool).toMatchObject({ bornWith: 'password', methods: ['pwd'], door: 'pin' });
    expect(claimsOf(withCode.token)).toMatchObject({ acr: 'aal2', aud: AUDIENCE });
    expect((await use(withCode.token)).tool).toEqual(withCode.tool);
    expect(await rooms.database.stores.links.find(withCode.tool.linkId)).toBeUndefined();
  });

  it('has a name also where it gave none', async () => {
    const nobody = { ...TOOL, product: '', deviceName: '' };
    const who = { accountId: 'anna' as never, subjectId: 'anna' as never };
    const tool = await rooms.database.inTransaction((stores) =>
      rooms.lasting.openForFallback(stores, {
        account: who,
        identifier: IDENTIFIER,
        tool: nobody,
        isWithCode: true,
        origin: HOME,
      }),
    );
    expect(tool.name).toBe('A tool with your password');
  });

  it('leaves nothing where its transaction fails', async () => {
    const who = { accountId: 'anna' as never, subjectId: 'anna' as never };
    const asked = { account: who, identifier: IDENTIFIER, tool: TOOL, isWithCode: true, origin: HOME };
    const failing = rooms.database.inTransaction(async (stores) => {
      await rooms.lasting.openForFallback(stores, asked);
      throw new Error('after the tool');
    });
    await expect(failing).rejects.toThrow('after the tool');
    expect(await rooms.database.stores.tokens.findLinkedTools('anna' as AccountId)).toEqual([]);
  });
});

describe('forgetting dead tools', () => {
  it('leaves a tool alone whose token counts, however long it was not used', async () => {
    const token = await rooms.linkTool();
    const { stores, inTransaction } = rooms.database;
    const { removeDead } = createLinkedTools({
      store: stores.tokens,
      inTransaction,
      audit: rooms.audit,
      now: rooms.clock.now,
    });
    rooms.clock.advance(364 * DAY);
    expect(await removeDead()).toBe(0);
    await use(token);
    rooms.clock.advance(40 * DAY);
    expect(await removeDead()).toBe(1);
  });
});
