// Tokens from the redeemed link on: what is signed, what follows what, what still counts, and what ends it.
import fc from 'fast-check';
import { createLinkedTools } from '../../src/domain/linked-tools.js';
import { createAudit } from '../../src/domain/audit.js';
import { sha256 } from '../../src/crypto/secrets.js';
import type { Client } from '../../src/domain/clients.js';
import { refreshTokenKey } from '../../src/domain/tokens-derived.js';
import type { IssuedTokens } from '../../src/domain/tokens.js';
import { untilNone, type AccountId, type LinkedToolId } from '../../src/domain/vocabulary.js';
import { ISSUER, openLinkRooms, originFrom, type LinkRooms } from '../support/link-rooms.js';

const origin = originFrom();
let rooms: LinkRooms;
let linkedTools: ReturnType<typeof createLinkedTools>;
let client: Client;

beforeAll(async () => {
  rooms = await openLinkRooms({ limits: { 'live-links-by-network': { limit: 100_000 } } });
  const { stores, inTransaction } = rooms.database;
  linkedTools = createLinkedTools({
    store: stores.tokens,
    inTransaction,
    audit: createAudit(rooms.clock),
    now: rooms.clock.now,
  });
  client = await rooms.newClient();
});
afterAll(() => rooms.close());

/** A link from start to tokens. */
async function link({ scope = 'openid profile', account = 'a', of = client } = {}) {
  const { deviceCode, userCode } = await rooms.tool.startLink({ client: of, scope, origin });
  const session = rooms.sessionOf(account);
  const { linkId } = await rooms.person.reserveLink({ userCode, session, arrival: 'typed', origin });
  await rooms.person.approveLink({ linkId, session, page: await rooms.pageOf(linkId, session), origin });
  const redeemed = await rooms.tool.redeemLink({ deviceCode, client: of, origin });
  if (redeemed.outcome !== 'issued') throw new Error(redeemed.outcome);
  return { deviceCode, ...redeemed.tokens, refreshToken: redeemed.tokens.refreshToken! };
}

const refresh = (presented: string, scope?: string, by = client): Promise<IssuedTokens> =>
  rooms.tokensRefresh.refresh({ presented, client: by, origin, ...(scope === undefined ? {} : { scope }) });
const claimsOf = (token: string) => rooms.keys.verify(token, { typ: 'at+jwt', ignoreExpiry: true });
const toolOf = async (token: string) => (await claimsOf(token))!['linked_tool'] as LinkedToolId;
const isUsable = (token: string) =>
  rooms.tokensStanding.useAccessToken(token, origin).then(
    () => true,
    () => false,
  );
const refused = (promise: Promise<unknown>, code: string) => expect(promise).rejects.toMatchObject({ code });

describe('the first tokens', () => {
  it('carry the claims that were stored in the redeeming transaction (RFC 9068 §2.2)', async () => {
    const { accessToken } = await link();
    const claims = (await claimsOf(accessToken))!;
    const tool = (await rooms.database.stores.tokens.findLinkedTool(await toolOf(accessToken)))!;
    expect(claims).toMatchObject({
      iss: ISSUER,
      aud: ISSUER,
      sub: tool.subjectId,
      client_id: client.clientId,
      jti: tool.firstAccess.jti,
      iat: tool.firstAccess.issuedAt.getTime() / 1000,
      exp: tool.firstAccess.expiresAt.getTime() / 1000,
      scope: 'openid profile',
    });
  });

  it('are kept nowhere: the database holds a hash, and none of the tokens (DESIGN 7)', async () => {
    const { accessToken, refreshToken, idToken, deviceCode } = await link({ account: 'kept' });
    const { tokens } = rooms.database.stores;
    const kept = JSON.stringify([
      await tokens.findRefreshToken(refreshTokenKey(refreshToken)),
      await tokens.findLinkedTools('kept' as AccountId),
    ]);
    expect(kept).toContain(sha256(refreshToken));
    for (const secret of [accessToken, refreshToken, idToken!, deviceCode])
      expect(kept).not.toContain(secret);
  });

  it('have whole seconds in them, whatever the clock says (RFC 7519 §2)', async () => {
    rooms.clock.advance(0.7);
    const { accessToken } = await link();
    const { iat, exp } = (await claimsOf(accessToken)) as unknown as { iat: number; exp: number };
    expect(Number.isInteger(iat)).toBe(true);
    expect(exp - iat).toBe(900);
    expect(iat).toBeLessThanOrEqual(rooms.clock.now().getTime() / 1000);
    rooms.clock.advance(0.3);
  });

  it('cannot be derived from the database and the device code without the key (DESIGN 7)', async () => {
    const { deviceCode, refreshToken, accessToken } = await link();
    const other = await openLinkRooms({ secret: 'another secret that is long enough, and not ours' });
    const at = new Date(parseInt(refreshToken.slice(0, 9), 36));
    const made = { presented: deviceCode, family: await toolOf(accessToken), generation: 0, at };
    expect(rooms.tokens.deriveRefreshToken(rooms.keyring.currentId, made)).toBe(refreshToken);
    const guess = other.tokens.deriveRefreshToken(other.keyring.currentId, made);
    expect(guess).not.toBe(refreshToken);
    await refused(refresh(guess), 'grant-invalid');
    await other.close();
  });

  it('hold a 256-bit refresh token (RFC 6749 §10.10)', async () => {
    const [, secret = ''] = (await link()).refreshToken.split('.');
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
  });

  it('are kept in the order in which they were made', async () => {
    const keys: string[] = [];
    for (let made = 0; made < 5; made++) {
      const { refreshToken } = await link();
      rooms.clock.advance(1);
      const next = await refresh(refreshToken);
      rooms.clock.advance(1);
      keys.push(refreshTokenKey(refreshToken), refreshTokenKey(next.refreshToken!));
    }
    expect([...keys].sort()).toEqual(keys);
  });

  it('are still taken in the form of before, that begins with no moment', async () => {
    const { refreshToken } = await link();
    const { stores, inTransaction } = rooms.database;
    const row = (await stores.tokens.findRefreshToken(refreshTokenKey(refreshToken)))!;
    const bare = 'x'.repeat(43);
    const older = { ...row, tokenHash: sha256(bare), generation: 7 };
    await inTransaction(({ tokens }) => tokens.insertRefreshToken(older));
    const next = await refresh(bare);
    expect(next.refreshToken).toMatch(/^[\da-z]{9}\.[\w-]{43}$/);
    expect((await refresh(bare)).refreshToken).toBe(next.refreshToken);
  });
});

describe('refreshing', () => {
  it('follows any history of right, repeated and stolen use: one live token at most, and reuse ends all (RFC 9700 §4.14.2)', async () => {
    const step = fc.record({ back: fc.nat({ max: 3 }), wait: fc.constantFrom(1, 20, 61) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const given = [(await link()).refreshToken];
        let usedAt = -Infinity;
        let replays = 0;
        let isEnded = false;
        for (const { back, wait } of steps) {
          rooms.clock.advance(wait);
          const now = rooms.clock.now().getTime() / 1000;
          const index = Math.max(0, given.length - 1 - back);
          const answer = await refresh(given[index]!).catch(() => undefined);
          const isNewest = index === given.length - 1;
          const isReplay = index === given.length - 2 && now - usedAt <= 60 && replays < 3;
          if (isEnded) expect(answer).toBeUndefined();
          else if (isNewest) {
            given.push(answer!.refreshToken!);
            [usedAt, replays] = [now, 0];
          } else if (isReplay) {
            expect(answer!.refreshToken).toBe(given.at(-1));
            replays += 1;
          } else {
            expect(answer).toBeUndefined();
            isEnded = true;
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('gives the successor of a successor again too, when its answer was lost (DESIGN 7)', async () => {
    const first = await link();
    const second = await refresh(first.refreshToken);
    const third = await refresh(second.refreshToken!);
    expect(third.refreshToken).not.toBe(second.refreshToken);
    expect((await refresh(second.refreshToken!)).refreshToken).toBe(third.refreshToken);
  });

  it('refuses a scope that was not granted before it spends anything (RFC 6749 §6)', async () => {
    const { refreshToken } = await link({ scope: 'openid' });
    await refused(refresh(refreshToken, 'openid email'), 'scope-invalid');
    expect((await refresh(refreshToken, 'openid')).scope).toBe('openid');
  });

  it('refuses when the account may get no tokens, and does not spend the token (CHECKLIST 5)', async () => {
    const { refreshToken } = await link({ account: 'barred' });
    rooms.standing.barred.add('barred');
    await refused(refresh(refreshToken), 'grant-invalid');
    rooms.standing.barred.delete('barred');
    expect((await refresh(refreshToken)).accessToken).toBeDefined();
  });

  it('tells the account in the audit when an old token came back (RFC 9700 §4.14.2)', async () => {
    const { refreshToken } = await link({ account: 'robbed' });
    await refresh(refreshToken);
    rooms.clock.advance(61);
    await refused(refresh(refreshToken), 'grant-invalid');
    const rows = await rooms.database.stores.audit.findByAccount('robbed' as AccountId, 5);
    expect(rows[0]).toMatchObject({ event: 'refresh-token-reused', actor: client.clientId });
  });
});

describe('an access token counts', () => {
  it('no longer than it says, but for half a minute of clock skew (RFC 9068 §4)', async () => {
    const { accessToken } = await link();
    rooms.clock.advance(890);
    expect(await isUsable(accessToken)).toBe(true);
    rooms.clock.advance(60);
    expect(await isUsable(accessToken)).toBe(false);
  });

  it('not once it is revoked, also in the half minute of skew after its end (RFC 7009 §2.1)', async () => {
    const { accessToken } = await link();
    await rooms.tokensStanding.revoke(accessToken, client, origin);
    expect(await isUsable(accessToken)).toBe(false);
    for (const seconds of [901, 20]) {
      rooms.clock.advance(seconds);
      await rooms.database.inTransaction(({ tokens }) => tokens.removeExpired(rooms.clock.now()));
      expect(await claimsOf(accessToken)).toBeDefined();
      expect(await isUsable(accessToken)).toBe(false);
    }
  });

  it('not after its linked tool was unlinked, by its owner alone (DESIGN 1)', async () => {
    const { accessToken, refreshToken } = await link({ account: 'owner' });
    const linkedToolId = await toolOf(accessToken);
    await refused(
      linkedTools.unlinkTool({ accountId: 'other' as AccountId, linkedToolId, origin }),
      'not-found',
    );
    expect(await isUsable(accessToken)).toBe(true);
    await linkedTools.unlinkTool({ accountId: 'owner' as AccountId, linkedToolId, origin });
    await linkedTools.unlinkTool({ accountId: 'owner' as AccountId, linkedToolId, origin });
    expect(await isUsable(accessToken)).toBe(false);
    await refused(refresh(refreshToken), 'grant-invalid');
  });

  it('not while its account may use none (CHECKLIST 5)', async () => {
    const { accessToken } = await link({ account: 'closed' });
    rooms.standing.barred.add('closed');
    expect(await isUsable(accessToken)).toBe(false);
    rooms.standing.barred.delete('closed');
  });

  it('not when we signed it for no linked tool at all (RFC 7662 §2.2)', async () => {
    const claims = (await claimsOf((await link()).accessToken))!;
    for (const linked_tool of [undefined, 'nothing', 5, null]) {
      expect(
        await isUsable(await rooms.keys.sign('EdDSA', { typ: 'at+jwt' }, { ...claims, linked_tool })),
      ).toBe(false);
    }
  });
});

describe('the list of linked tools', () => {
  it('holds the live ones of one account, the newest first', async () => {
    const accountId = 'lister' as AccountId;
    const [first, second, third] = [
      await link({ account: 'lister' }),
      await link({ account: 'lister' }),
      await link({ account: 'lister' }),
    ];
    await linkedTools.unlinkTool({ accountId, linkedToolId: await toolOf(second.accessToken), origin });
    const listed = await linkedTools.listLinkedTools(accountId);
    expect(listed.map(({ linkedToolId }) => linkedToolId)).toEqual([
      await toolOf(third.accessToken),
      await toolOf(first.accessToken),
    ]);
    expect(await linkedTools.unlinkAllTools({ accountId, origin })).toBe(2);
    expect(await linkedTools.listLinkedTools(accountId)).toEqual([]);
  });

  it('forgets a tool a month after it ended or its last token did, and none that could come back', async () => {
    const accountId = 'forgetful' as AccountId;
    const { inTransaction } = rooms.database;
    const forget = async () => {
      await untilNone(() => inTransaction(({ tokens }) => tokens.removeExpired(rooms.clock.now())));
      await linkedTools.removeDead();
    };
    const ended = await toolOf((await link({ account: 'forgetful' })).accessToken);
    await linkedTools.unlinkTool({ accountId, linkedToolId: ended, origin });
    const { refreshToken } = await link({ account: 'forgetful' });
    rooms.clock.advance(29 * 86_400);
    await forget();
    const { accessToken } = await refresh(refreshToken);
    rooms.clock.advance(2 * 86_400);
    await forget();
    expect(await rooms.database.stores.tokens.findLinkedTool(ended)).toBeUndefined();
    expect(await rooms.database.stores.tokens.findLinkedTool(await toolOf(accessToken))).toBeDefined();
    rooms.clock.advance(60 * 86_400);
    await forget();
    expect(await linkedTools.listLinkedTools(accountId)).toEqual([]);
  });

  it('takes a name from its owner alone, cleaned like any other (UI, linked tools)', async () => {
    const accountId = 'namer' as AccountId;
    const linkedToolId = await toolOf((await link({ account: 'namer' })).accessToken);
    const rename = (name: string, by = accountId) =>
      linkedTools.renameLinkedTool({ accountId: by, linkedToolId, name, origin });
    await rename('  Living\u202e room ');
    expect((await linkedTools.listLinkedTools(accountId))[0]!.name).toBe('Living room');
    await refused(rename('\u0000'), 'client-metadata-invalid');
    await refused(rename('Mine', 'other' as AccountId), 'not-found');
  });
});
