// What every store of passkeys must do (domain/passkeys-records.ts): a credential is one account's, a count only grows, and a
// challenge is handed out once, to whom it was made for.
import { createPasskeyStore } from '../../../src/stores/sql/passkeys.js';
import { createProofStore } from '../../../src/stores/sql/proofs.js';
import type { Passkey, PasskeyChallenge, PasskeyId } from '../../../src/domain/passkeys-records.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000);

let made = 0;
const newAccount = () => `account ${++made}` as AccountId;
const newPasskey = (accountId: AccountId, more: Partial<Passkey> = {}): Passkey => ({
  passkeyId: `passkey ${++made}` as PasskeyId,
  accountId,
  credentialId: `credential ${made}`,
  publicKey: 'a key',
  signCount: 5,
  isBackupEligible: true,
  isBackedUp: false,
  isAlone: false,
  transports: ['internal', 'hybrid'],
  name: `Key ${made}`,
  createdAt: at(made),
  lastUsed: undefined,
  stoppedAt: undefined,
  ...more,
});
const newChallenge = (more: Partial<PasskeyChallenge> = {}): PasskeyChallenge => ({
  challengeHash: `hash ${++made}`,
  purpose: 'sign-in',
  holderHash: 'a browser',
  accountId: undefined,
  methods: [],
  createdAt: at(0),
  expiresAt: at(600),
  ...more,
});

describeOnBackends('a store of passkeys', ({ open }) => {
  const database = open((sql) => ({ passkeys: createPasskeyStore(sql), proofs: createProofStore(sql) }));
  const { inTransaction, stores } = database;
  afterAll(() => database.close());

  async function insert(accountId: AccountId, more: Partial<Passkey> = {}): Promise<Passkey> {
    const passkey = newPasskey(accountId, more);
    expect(await inTransaction(({ passkeys }) => passkeys.insert(passkey))).toBe(true);
    return passkey;
  }
  const use = (passkey: Passkey, signCount: number) =>
    inTransaction(({ passkeys }) =>
      passkeys.recordUse(passkey.passkeyId, {
        ...{ signCount, isBackedUp: true, at: at(60), from: '203.0.113.7' },
      }),
    );

  it('gives back what was put in, by its credential and by its account, the oldest first', async () => {
    const anna = newAccount();
    const first = await insert(anna);
    const used = { at: at(9), from: '203.0.113.9' };
    const second = await insert(anna, { lastUsed: used, stoppedAt: at(10), isAlone: true, transports: [] });
    await insert(newAccount());
    expect(await stores.passkeys.findByCredential(first.credentialId)).toEqual(first);
    expect(await stores.passkeys.findByCredential('no such credential')).toBeUndefined();
    expect(await stores.passkeys.findByAccount(anna)).toEqual([first, second]);
  });

  it('keeps a count of 32 bits without a sign (WebAuthn Level 3 §6.1)', async () => {
    const passkey = await insert(newAccount(), { signCount: 2 ** 32 - 2 });
    expect(await use(passkey, 2 ** 32 - 1)).toBe(true);
    expect((await stores.passkeys.findByCredential(passkey.credentialId))?.signCount).toBe(2 ** 32 - 1);
  });

  it('refuses a credential that is somebody’s already, and leaves it theirs', async () => {
    const passkey = await insert(newAccount());
    const twin = newPasskey(newAccount(), { credentialId: passkey.credentialId });
    expect(await inTransaction(({ passkeys }) => passkeys.insert(twin))).toBe(false);
    expect(await stores.passkeys.findByCredential(passkey.credentialId)).toEqual(passkey);
  });

  it('takes an answer over only where it has counted on, or never counts', async () => {
    const counting = await insert(newAccount());
    expect(await use(counting, 5)).toBe(false);
    expect(await use(counting, 4)).toBe(false);
    expect(await use(counting, 0)).toBe(false);
    expect(await use(counting, 6)).toBe(true);
    expect(await stores.passkeys.findByCredential(counting.credentialId)).toEqual({
      ...{ ...counting, signCount: 6, isBackedUp: true },
      lastUsed: { at: at(60), from: '203.0.113.7' },
    });
    const still = await insert(newAccount(), { signCount: 0 });
    expect(await use(still, 0)).toBe(true);
    expect(await use(still, 0)).toBe(true);
    expect(await use(still, 1)).toBe(true);
    expect(await use(still, 0)).toBe(false);
  });

  it('takes no answer of one that was stopped, and stops it once', async () => {
    const passkey = await insert(newAccount(), { isAlone: true });
    const stop = () => inTransaction(({ passkeys }) => passkeys.stop(passkey.passkeyId, at(70)));
    expect(await stop()).toBe(true);
    expect(await stop()).toBe(false);
    expect(await use(passkey, 9)).toBe(false);
    expect(await stores.passkeys.countByAccount(passkey.accountId)).toBe(0);
    expect(await stores.proofs.hasSecondFactor(passkey.accountId)).toBe(true);
  });

  it('counts those that can sign in by themselves', async () => {
    const anna = newAccount();
    const passkey = await insert(anna);
    expect(await stores.passkeys.countByAccount(anna)).toBe(0);
    await inTransaction(({ passkeys }) => passkeys.markAlone(passkey.passkeyId));
    expect(await stores.passkeys.countByAccount(anna)).toBe(1);
  });

  it('names and removes one for its own account only, and with it the second factor', async () => {
    const [anna, bert] = [newAccount(), newAccount()];
    const { passkeyId, credentialId } = await insert(anna);
    const rename = (who: AccountId) =>
      inTransaction(({ passkeys }) => passkeys.rename(who, passkeyId, 'Blue'));
    expect([await rename(bert), await rename(anna)]).toEqual([false, true]);
    expect((await stores.passkeys.findByCredential(credentialId))?.name).toBe('Blue');
    expect(await stores.proofs.hasSecondFactor(anna)).toBe(true);
    const remove = (who: AccountId) => inTransaction(({ passkeys }) => passkeys.remove(who, passkeyId));
    expect([await remove(bert), await remove(anna), await remove(anna)]).toEqual([false, true, false]);
    expect(await stores.proofs.hasSecondFactor(anna)).toBe(false);
  });

  it('removes all of an account', async () => {
    const anna = newAccount();
    await insert(anna);
    await insert(anna);
    expect(await inTransaction(({ passkeys }) => passkeys.removeByAccount(anna))).toBe(2);
    expect(await stores.passkeys.findByAccount(anna)).toEqual([]);
  });

  it('hands a challenge out once, for its purpose, to its holder, in time (WebAuthn Level 3 §13.4.3)', async () => {
    const challenge = newChallenge({ accountId: newAccount(), methods: ['pwd', 'otp'] });
    await inTransaction(({ passkeys }) => passkeys.insertChallenge(challenge));
    const take = (more: Partial<PasskeyChallenge> = {}, now = at(1)) =>
      inTransaction(({ passkeys }) => passkeys.takeChallenge({ ...challenge, ...more }, now));
    expect(await take({ purpose: 'register' })).toBeUndefined();
    expect(await take({ holderHash: 'another browser' })).toBeUndefined();
    expect(await take({ challengeHash: 'another' })).toBeUndefined();
    expect(await take({}, at(600))).toBeUndefined();
    expect(await take()).toEqual(challenge);
    expect(await take()).toBeUndefined();
  });

  it('hands it to one of two at once', async () => {
    const challenge = newChallenge();
    await inTransaction(({ passkeys }) => passkeys.insertChallenge(challenge));
    const take = () => inTransaction(({ passkeys }) => passkeys.takeChallenge(challenge, at(1)));
    const taken = await Promise.all([take(), take(), take()]);
    expect(taken.filter((each) => each !== undefined)).toHaveLength(1);
  });

  it('forgets challenges of an account, and those that are over', async () => {
    const anna = newAccount();
    const [own, over, good] = [
      newChallenge({ accountId: anna }),
      newChallenge({ expiresAt: at(30) }),
      newChallenge(),
    ];
    for (const each of [own, over, good])
      await inTransaction(({ passkeys }) => passkeys.insertChallenge(each));
    await inTransaction(({ passkeys }) => passkeys.removeChallenges(anna));
    await inTransaction(({ passkeys }) => passkeys.removeExpired(at(30)));
    const take = (each: PasskeyChallenge) =>
      inTransaction(({ passkeys }) => passkeys.takeChallenge(each, at(0)));
    expect([await take(own), await take(over), await take(good)]).toEqual([undefined, undefined, good]);
  });
});
