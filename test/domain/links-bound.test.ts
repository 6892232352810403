// Links that are bound to a key, by any order of polls and decisions: one key at most ever has its tokens, and nobody without it
// learns how it stands. RFC 9449 §5, §10; CHECKLIST 1.7.
import fc from 'fast-check';
import { randomSecret, sha256 } from '../../src/crypto/secrets.js';
import type { Client } from '../../src/domain/clients.js';
import type { Proof } from '../../src/domain/dpop.js';
import type { RedeemOutcome } from '../../src/domain/links-tool.js';
import { openLinkRooms, originFrom, type LinkRooms } from '../support/link-rooms.js';

const origin = originFrom();
let rooms: LinkRooms;
let client: Client;

beforeAll(async () => {
  rooms = await openLinkRooms({ limits: { 'live-links-by-network': { limit: 100_000 } } });
  client = await rooms.newClient();
});
afterAll(() => rooms.close());

type Key = 'ours' | 'theirs' | undefined;
const thumbprintOf = (key: Key) => key && sha256(key);

/** A right proof that was never shown. */
const proofOf = (key: Key): Proof | undefined =>
  key && {
    thumbprint: sha256(key),
    proofHash: sha256(randomSecret()),
    staleAt: new Date(rooms.clock.now().getTime() + 300_000),
    nextNonce: undefined,
  };

/** What the token endpoint does with a poll: ask, and redeem where there is something to be had. */
async function poll(deviceCode: string, key: Key): Promise<RedeemOutcome> {
  const about = { deviceCode, client, keyThumbprint: thumbprintOf(key) };
  const isDecided = rooms.tool.takeDecision(about);
  const outcome = isDecided ? 'approved' : await rooms.tool.pollLink(about);
  if (outcome !== 'approved') return { outcome };
  return rooms.tool.redeemLink({ deviceCode, client, origin, proof: proofOf(key) });
}

async function approve(userCode: string): Promise<void> {
  const session = rooms.sessionOf('anna');
  const { linkId } = await rooms.person.reserveLink({ userCode, session, arrival: 'typed', origin });
  await rooms.person.approveLink({ linkId, session, page: await rooms.pageOf(linkId, session), origin });
}

const claimsOf = async (outcome: RedeemOutcome) =>
  outcome.outcome === 'issued'
    ? (await rooms.keys.verify(outcome.tokens.accessToken, { typ: 'at+jwt', ignoreExpiry: true }))!
    : undefined;

it('gives its tokens to one key at most, and to nobody without it once it is bound, in any order of polls', async () => {
  const key = fc.constantFrom<Key>('ours', 'theirs', undefined);
  const step = fc.oneof(
    fc.record({ poll: key }),
    fc.constant({ approve: true }),
    fc.record({ wait: fc.constantFrom(1, 10, 61) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 12 }), key, async (steps, announced) => {
      const keyThumbprint = thumbprintOf(announced);
      const started = await rooms.tool.startLink({ client, scope: 'openid', origin, keyThumbprint });
      let boundTo: Key = announced;
      let isBound = announced !== undefined;
      let isApproved = false;
      let redeemedAt: number | undefined;
      const given = new Set<unknown>();
      for (const one of steps) {
        if ('wait' in one) rooms.clock.advance(one.wait);
        if ('approve' in one && !isApproved) {
          await approve(started.userCode);
          isApproved = true;
        }
        if (!('poll' in one)) continue;
        const answered = await poll(started.deviceCode, one.poll);
        if (!isBound && one.poll && redeemedAt === undefined) [isBound, boundTo] = [true, one.poll];
        const now = rooms.clock.now().getTime();
        const isRightful = one.poll === boundTo;
        const isAgain = redeemedAt !== undefined && isBound && now - redeemedAt <= 60_000;
        const isDue = isApproved && isRightful && (redeemedAt === undefined || isAgain);
        expect(answered.outcome === 'issued').toBe(isDue);
        if (isBound && !isRightful) expect(answered.outcome).toBe('unknown');
        const claims = await claimsOf(answered);
        if (!claims) continue;
        redeemedAt ??= now;
        given.add(claims['jti']);
        expect(claims['cnf']).toEqual(boundTo ? { jkt: thumbprintOf(boundTo) } : undefined);
      }
      expect(given.size).toBeLessThanOrEqual(1);
    }),
    { numRuns: 60 },
  );
});

it('leaves one linked tool and one token when its key asks twice at once (DESIGN 3)', async () => {
  const { deviceCode, userCode } = await rooms.tool.startLink({ client, scope: 'openid', origin });
  await approve(userCode);
  const before = (await rooms.database.stores.tokens.findLinkedTools('anna' as never)).length;
  const answers = await Promise.all([1, 2, 3].map(() => poll(deviceCode, 'ours')));
  const claims = await Promise.all(answers.map(claimsOf));
  const named = claims.filter((one) => one !== undefined).map((one) => one['jti']);
  expect(named.length).toBeGreaterThan(0);
  expect(new Set(named).size).toBe(1);
  expect(await rooms.database.stores.tokens.findLinkedTools('anna' as never)).toHaveLength(before + 1);
});

it('consumes nothing when the proof was used before: neither the link, nor what comes of it (RFC 9449 §11.1)', async () => {
  const { deviceCode, userCode } = await rooms.tool.startLink({ client, scope: 'openid', origin });
  await approve(userCode);
  const proof = proofOf('ours')!;
  await rooms.dpop.spendProof(proof);
  const redeem = (shown: Proof) => rooms.tool.redeemLink({ deviceCode, client, origin, proof: shown });
  await expect(redeem(proof)).rejects.toMatchObject({ code: 'dpop-proof-invalid' });
  expect((await redeem(proofOf('ours')!)).outcome).toBe('issued');
  await expect(redeem(proof)).rejects.toMatchObject({ code: 'dpop-proof-invalid' });
});
