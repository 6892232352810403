// Proofs of possession in the house: what uses one up, where it is remembered and for how long, and nonces that nobody keeps.
import { createKeyring } from '../../src/crypto/secrets.js';
import { createDpop, PROOF_SECONDS } from '../../src/domain/dpop.js';
import { createDpopNonces, NONCE_SLOT_SECONDS } from '../../src/domain/dpop-nonces.js';
import { openLinkRooms, type LinkRooms } from '../support/link-rooms.js';
import { createProofKey } from '../support/proofs.js';

const ADDRESS = 'https://linchpin.example/oauth/token';
const request = { method: 'POST', address: ADDRESS };
const key = createProofKey('EdDSA');
let rooms: LinkRooms;

beforeAll(async () => {
  rooms = await openLinkRooms();
});
afterAll(() => rooms.close());

const now = () => Math.floor(rooms.clock.now().getTime() / 1000);
const proofOf = (claims = {}, nonce = rooms.dpop.currentNonce()): string =>
  key.proof({ htu: ADDRESS, iat: now(), nonce }, { claims });
/** Another process of the same house: the same database and secret, and a memory of its own. */
const openAnother = () =>
  createDpop({
    inTransaction: rooms.database.inTransaction,
    now: rooms.clock.now,
    nonceMacs: (slot) => rooms.keyring.macs('dpop-nonce', slot),
  });

describe('a proof', () => {
  it('is used up once, of any number at the same time, in any process (RFC 9449 §11.1)', async () => {
    const jwt = proofOf();
    const another = openAnother();
    const [one, two] = [rooms.dpop.checkProof(jwt, request), another.checkProof(jwt, request)];
    const spent = await Promise.allSettled([
      rooms.dpop.spendProof(one),
      another.spendProof(two),
      rooms.dpop.spendProof(one),
    ]);
    expect(spent.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of spent)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'dpop-proof-invalid' });
  });

  it('of another key with the same jti is another proof (RFC 9449 §4.2)', async () => {
    const other = createProofKey('EdDSA');
    const claims = { jti: 'the same' };
    const nonce = rooms.dpop.currentNonce();
    for (const by of [key, other]) {
      const jwt = by.proof({ htu: ADDRESS, iat: now(), nonce }, { claims });
      const proven = await rooms.dpop.spendProof(rooms.dpop.checkProof(jwt, request));
      expect(proven).toEqual({ thumbprint: by.thumbprint });
    }
  });

  it('that only asked is remembered by the process that answered, and costs the database nothing (RFC 9449 §11.1)', async () => {
    const jwt = proofOf();
    rooms.dpop.noteProof(rooms.dpop.checkProof(jwt, request));
    expect(() => rooms.dpop.checkProof(jwt, request)).toThrow(/used before/);
    // What another process would take of it is bound to the key all the same: see the comment in `dpop`.
    await expect(openAnother().spendProof(openAnother().checkProof(jwt, request))).resolves.toEqual({
      thumbprint: key.thumbprint,
    });
  });

  it('is remembered until its own age refuses it, and no longer (RFC 9449 §11.1)', async () => {
    const jwt = proofOf({ iat: now() + 200 });
    const { staleAt, proofHash } = rooms.dpop.checkProof(jwt, request);
    rooms.clock.advance(200 + PROOF_SECONDS);
    const nonce = rooms.dpop.currentNonce();
    const redated = key.proof({ htu: ADDRESS, iat: now() - PROOF_SECONDS, nonce });
    expect(rooms.dpop.checkProof(redated, request).thumbprint).toBe(key.thumbprint);
    expect(staleAt.getTime()).toBeGreaterThanOrEqual(rooms.clock.now().getTime());
    const { inTransaction } = rooms.database;
    await inTransaction(({ usedProofs }) => usedProofs.use(proofHash, staleAt));
    await inTransaction(({ usedProofs }) => usedProofs.removeExpired(new Date(staleAt.getTime() - 1)));
    expect(await inTransaction(({ usedProofs }) => usedProofs.use(proofHash, staleAt))).toBe(false);
    await inTransaction(({ usedProofs }) => usedProofs.removeExpired(staleAt));
    expect(await inTransaction(({ usedProofs }) => usedProofs.use(proofHash, staleAt))).toBe(true);
  });

  it('is forgotten by the process too, once it is too old to be shown (RFC 9449 §11.1)', () => {
    const show = () => rooms.dpop.checkProof(proofOf({ jti: 'shown again' }), request);
    rooms.dpop.noteProof(show());
    expect(show).toThrow(/used before/);
    rooms.clock.advance(6 * NONCE_SLOT_SECONDS);
    rooms.dpop.noteProof(rooms.dpop.checkProof(proofOf(), request));
    expect(show).not.toThrow();
  });

  it('is remembered by the process for as long as its nonce is good, whatever comes meanwhile (RFC 9449 §11.1)', () => {
    const nonce = rooms.dpop.currentNonce();
    const show = () => rooms.dpop.checkProof(proofOf({ jti: 'shown early' }, nonce), request);
    const first = show();
    rooms.dpop.noteProof(first);
    const until = now() + 2 * NONCE_SLOT_SECONDS;
    while (now() + 30 < until) {
      rooms.clock.advance(30);
      rooms.dpop.noteProof({ ...first, proofHash: `another at ${now()}` });
      expect(show).toThrow(/used before|needs the nonce/);
    }
  });
});

describe('a nonce', () => {
  const secretOf = (letter: string) => letter.repeat(40);
  const noncesOf = (secret: string, at: Date, previous?: string) => {
    const keyring = createKeyring({ secret, ...(previous === undefined ? {} : { previous }) });
    return createDpopNonces({ now: () => at, nonceMacs: (slot) => keyring.macs('dpop-nonce', slot) });
  };
  const at = (slot: number, seconds = 0) =>
    new Date((11_000_000 * NONCE_SLOT_SECONDS + slot * NONCE_SLOT_SECONDS + seconds) * 1000);

  it('is the same in every process of the house, and in no other house (RFC 9449 §8)', () => {
    const ours = noncesOf(secretOf('a'), at(0)).current();
    expect(noncesOf(secretOf('a'), at(0, 149)).current()).toBe(ours);
    expect(noncesOf(secretOf('b'), at(0)).isAccepted(ours)).toBe(false);
    expect(noncesOf(secretOf('a'), at(1)).current()).not.toBe(ours);
  });

  it('is accepted until the one after it is over, and by a process whose clock is a little behind (RFC 9449 §8.2)', () => {
    const nonce = noncesOf(secretOf('a'), at(5)).current();
    const accepted = [3, 4, 5, 6, 7].map((slot) => noncesOf(secretOf('a'), at(slot)).isAccepted(nonce));
    expect(accepted).toEqual([false, true, true, true, false]);
  });

  it('of the secret before this one is still good (DESIGN 4)', () => {
    const nonce = noncesOf(secretOf('a'), at(0)).current();
    const next = noncesOf(secretOf('b'), at(0), secretOf('a'));
    expect(next.isAccepted(nonce)).toBe(true);
    expect(next.current()).not.toBe(nonce);
  });

  it('tells nothing of the next one: it is keyed, and says no time (RFC 9449 §8)', () => {
    expect(noncesOf(secretOf('a'), at(0)).isAccepted(String(at(0).getTime()))).toBe(false);
    expect(noncesOf(secretOf('a'), at(0)).isAccepted('')).toBe(false);
    expect(noncesOf(secretOf('a'), at(0)).current()).toMatch(/^[\w.-]{50,60}$/);
  });
});
