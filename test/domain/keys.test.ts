// Signing keys over the years: made, published ahead, signing, retiring, gone.
import { decodeProtectedHeader } from 'jose';
import type { SigningAlg } from '../../src/crypto/jwt.js';
import { createKeyring } from '../../src/crypto/secrets.js';
import { createAudit } from '../../src/domain/audit.js';
import { createKeys, PUBLISHED_AHEAD_SECONDS, ROTATED_AFTER_SECONDS } from '../../src/domain/keys.js';
import { createAuditStore } from '../../src/stores/sql/audit.js';
import { createKeyStore } from '../../src/stores/sql/keys.js';
import { createTestClock } from '../support/clock.js';
import { openTestDatabase } from '../support/databases.js';

const ISSUER = 'https://linchpin.example';
const LONGEST_TOKEN = 900;
const ALGS: readonly SigningAlg[] = ['EdDSA', 'ES256'];

const clock = createTestClock();
const database = openTestDatabase((sql) => ({ audit: createAuditStore(sql), keys: createKeyStore(sql) }));
afterAll(() => database.close());
beforeEach(() =>
  database.inTransaction(async ({ keys }) => {
    for (const { kid, state } of await keys.findAll()) {
      if (state !== 'retiring') await keys.changeState(kid, state, 'retiring', clock.now());
      await keys.removeRetiring(kid, clock.now());
    }
  }),
);

/** One process of the house. */
async function openProcess(secret = 's'.repeat(40), algs = ALGS) {
  const keyring = createKeyring({ secret });
  const keys = createKeys({
    store: database.stores.keys,
    inTransaction: database.inTransaction,
    audit: createAudit(clock),
    sealer: {
      seal: (text, context) => keyring.seal('signing-key', text, context),
      open: (text, context) => keyring.open('signing-key', text, context),
    },
    now: clock.now,
    issuer: ISSUER,
    algs,
    longestTokenSeconds: LONGEST_TOKEN,
  });
  await keys.open();
  return keys;
}

type Keys = Awaited<ReturnType<typeof openProcess>>;

const sign = (keys: Keys, alg?: SigningAlg) =>
  keys.sign(alg, { typ: 'at+jwt' }, { iss: ISSUER, exp: clock.now().getTime() / 1000 + LONGEST_TOKEN });
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const statesOf = async (keys: Keys) =>
  (await keys.listKeys()).map(({ alg, state }) => `${alg} ${state}`).sort();
const kids = (keys: Keys) => keys.published().map(({ kid }) => kid);

it('makes one signing key for each algorithm, once, however many processes open (RFC 9068 §2.1)', async () => {
  const [one, other] = await Promise.all([openProcess(), openProcess()]);
  expect(await statesOf(one)).toEqual(['ES256 active', 'EdDSA active']);
  const again = await openProcess();
  expect(kids(again).sort()).toEqual(kids(one).sort());
  await other.refresh();
  expect(await again.verify(await sign(other), { typ: 'at+jwt' })).toBeDefined();
});

it('keeps private halves sealed: a copy of the database signs nothing (ASVS 13.3.1)', async () => {
  await openProcess();
  const rows = await database.stores.keys.findAll();
  for (const { sealedPrivateJwk, publicJwk } of rows) {
    expect(sealedPrivateJwk).not.toContain('"d"');
    expect(publicJwk).not.toHaveProperty('d');
  }
  await expect(openProcess('x'.repeat(40))).rejects.toThrow();
});

it('lists keys without either half of them', async () => {
  const listed = await (await openProcess()).listKeys();
  for (const key of listed)
    expect(Object.keys(key).sort()).toEqual(['alg', 'changedAt', 'createdAt', 'kid', 'state']);
});

it('signs with the algorithm asked for, and with the first one otherwise (DESIGN 7)', async () => {
  const keys = await openProcess();
  expect(decodeProtectedHeader(await sign(keys, 'ES256')).alg).toBe('ES256');
  expect(decodeProtectedHeader(await sign(keys)).alg).toBe('EdDSA');
  expect(decodeProtectedHeader(await sign(keys, 'RS256')).alg).toBe('EdDSA');
});

it('signs no more with an algorithm that was taken out of the setting, and lets its keys retire (DESIGN 7)', async () => {
  const before = await openProcess();
  await before.tend();
  const token = await sign(before, 'ES256');
  const after = await openProcess(undefined, ['EdDSA']);
  expect(decodeProtectedHeader(await sign(after, 'ES256')).alg).toBe('EdDSA');
  expect(after.algFor('ES256')).toBe('EdDSA');
  await after.tend();
  expect(await after.verify(token, { typ: 'at+jwt' })).toBeDefined();
  clock.advance(LONGEST_TOKEN + 120);
  await after.tend();
  expect(await statesOf(after)).toEqual(['EdDSA active', 'EdDSA next']);
});

describe('rotation', () => {
  it('publishes the next key long before it signs (CHECKLIST 4)', async () => {
    const keys = await openProcess();
    const first = kidOf(await sign(keys));
    await keys.tend();
    expect(await statesOf(keys)).toEqual(['ES256 active', 'ES256 next', 'EdDSA active', 'EdDSA next']);
    expect(keys.published()).toHaveLength(4);
    expect(kidOf(await sign(keys))).toBe(first);
  });

  it('changes nothing before its time, however often it looks', async () => {
    const keys = await openProcess();
    await keys.tend();
    const before = await keys.listKeys();
    clock.advance(ROTATED_AFTER_SECONDS - 1);
    await keys.tend();
    await keys.tend();
    expect(await keys.listKeys()).toEqual(before);
  });

  it('lets the next key sign, and keeps the old one until its last token has expired (CHECKLIST 4)', async () => {
    const keys = await openProcess();
    await keys.tend();
    clock.advance(ROTATED_AFTER_SECONDS);
    const last = await sign(keys);
    await keys.tend();
    expect(kidOf(await sign(keys))).not.toBe(kidOf(last));
    clock.advance(LONGEST_TOKEN - 1);
    await keys.tend();
    expect(await keys.verify(last, { typ: 'at+jwt' })).toBeDefined();
    clock.advance(300);
    await keys.tend();
    expect(kids(keys)).not.toContain(kidOf(last));
    expect(await keys.verify(last, { typ: 'at+jwt', ignoreExpiry: true })).toBeUndefined();
  });

  it('never lets a key sign that was published for less than a day (CHECKLIST 4)', async () => {
    const keys = await openProcess();
    clock.advance(ROTATED_AFTER_SECONDS);
    const first = kidOf(await sign(keys));
    await keys.tend();
    await keys.tend();
    expect(kidOf(await sign(keys))).toBe(first);
    clock.advance(PUBLISHED_AHEAD_SECONDS);
    await keys.tend();
    expect(kidOf(await sign(keys))).not.toBe(first);
  });

  it('happens once where two processes do it at the same moment', async () => {
    const [one, other] = [await openProcess(), await openProcess()];
    await one.tend();
    clock.advance(ROTATED_AFTER_SECONDS);
    await Promise.all([one.tend(), other.tend()]);
    await one.refresh();
    await other.refresh();
    expect(kidOf(await sign(one))).toBe(kidOf(await sign(other)));
    expect((await statesOf(one)).filter((state) => state.endsWith('active'))).toEqual([
      'ES256 active',
      'EdDSA active',
    ]);
  });

  it('by the operator waits until verifiers can know the next key, unless it must be at once', async () => {
    const keys = await openProcess();
    const first = kidOf(await sign(keys));
    await expect(keys.rotate({ immediately: false })).rejects.toMatchObject({ code: 'not-found' });
    expect(kidOf(await sign(keys))).toBe(first);
    clock.advance(PUBLISHED_AHEAD_SECONDS);
    await keys.rotate({ immediately: false });
    const second = kidOf(await sign(keys));
    expect(second).not.toBe(first);
    await keys.rotate({ immediately: true });
    expect(kidOf(await sign(keys))).not.toBe(second);
    expect(await keys.verify(await sign(keys), { typ: 'at+jwt' })).toBeDefined();
  });

  it('is seen by another process when it looks again', async () => {
    const [one, other] = [await openProcess(), await openProcess()];
    await one.rotate({ immediately: true });
    const token = await sign(one);
    expect(await other.verify(token, { typ: 'at+jwt' })).toBeUndefined();
    await other.refresh();
    expect(await other.verify(token, { typ: 'at+jwt' })).toBeDefined();
  });
});
