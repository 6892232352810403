// What every store of second factors must do (domain/proofs.ts): steps, recovery codes and attempts are used up exactly once,
// and the counters hold however many attempts come at once.
import { createProofStore } from '../../../src/stores/sql/proofs.js';
import type { Authenticator } from '../../../src/domain/proofs.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_700_000_000_000 + second * 1000);
const account = (name: string) => name as AccountId;

const authenticator = (name: string, owner: string): Authenticator => ({
  authenticatorId: name,
  accountId: account(owner),
  sealedSecret: `sealed secret of ${name}`,
  lastStep: 0,
  createdAt: at(0),
});

describeOnBackends('a store of second factors', ({ open }) => {
  const database = open((sql) => ({ proofs: createProofStore(sql) }));
  const { inTransaction } = database;
  const { proofs: reading } = database.stores;
  afterAll(() => database.close());

  const putInert = (kept: Authenticator) => inTransaction(({ proofs }) => proofs.putInert(kept));
  const activate = (kept: Authenticator, step = 7, madeAfter = at(-1)) =>
    inTransaction(({ proofs }) => proofs.activate(kept, step, madeAfter));

  describe('authenticators', () => {
    it('keeps one inert authenticator for an account: a later one takes its place', async () => {
      await putInert(authenticator('i1', 'inert'));
      await putInert(authenticator('i2', 'inert'));
      expect(await reading.findAuthenticator(account('inert'), 'inert')).toEqual(
        authenticator('i2', 'inert'),
      );
      expect(await reading.findAuthenticator(account('inert'), 'active')).toBeUndefined();
      expect(await activate(authenticator('i1', 'inert'))).toBe(false);
    });

    it('charges a try at an inert one up to the given number, and starts again with a new one', async () => {
      await putInert(authenticator('t1', 'tries'));
      const charge = (name: string) => inTransaction(({ proofs }) => proofs.chargeInert(name, 3));
      const charges = await Promise.all(Array.from({ length: 5 }, () => charge('t1')));
      expect(charges.sort()).toEqual([false, false, true, true, true]);
      await putInert(authenticator('t2', 'tries'));
      expect(await charge('t1')).toBe(false);
      expect(await charge('t2')).toBe(true);
      await activate(authenticator('t2', 'tries'));
      expect(await charge('t2')).toBe(false);
    });

    it('turns an inert one on once, with the step that proved it', async () => {
      const made = authenticator('on', 'once');
      await putInert(made);
      const turnedOn = await Promise.all([activate(made, 41), activate(made, 41)]);
      expect(turnedOn.sort()).toEqual([false, true]);
      expect(await reading.findAuthenticator(account('once'), 'inert')).toBeUndefined();
      expect(await reading.findAuthenticator(account('once'), 'active')).toEqual({ ...made, lastStep: 41 });
    });

    it('turns nothing on that was made too long ago', async () => {
      await putInert(authenticator('old', 'old'));
      expect(await activate(authenticator('old', 'old'), 7, at(0))).toBe(false);
    });

    it('turns no second one on, and keeps the first as it was', async () => {
      await putInert(authenticator('first', 'two'));
      await activate(authenticator('first', 'two'));
      await putInert(authenticator('second', 'two'));
      expect(await activate(authenticator('second', 'two'))).toBe(false);
      expect((await reading.findAuthenticator(account('two'), 'active'))?.authenticatorId).toBe('first');
    });

    it('takes one off, and makes room for the one that was set up beside it', async () => {
      await putInert(authenticator('before', 'swap'));
      await activate(authenticator('before', 'swap'));
      await putInert(authenticator('after', 'swap'));
      const removeActive = () => inTransaction(({ proofs }) => proofs.removeActive(account('swap')));
      expect((await Promise.all([removeActive(), removeActive()])).sort()).toEqual([false, true]);
      expect(await activate(authenticator('after', 'swap'))).toBe(true);
      expect((await reading.findAuthenticator(account('swap'), 'active'))?.authenticatorId).toBe('after');
    });

    it('forgets what was being set up, and leaves the one that is on', async () => {
      await putInert(authenticator('stays on', 'forget'));
      await activate(authenticator('stays on', 'forget'));
      await putInert(authenticator('forgotten', 'forget'));
      await inTransaction(({ proofs }) => proofs.removeInert(account('forget')));
      expect(await reading.findAuthenticator(account('forget'), 'inert')).toBeUndefined();
      expect(await reading.findAuthenticator(account('forget'), 'active')).toBeDefined();
    });

    it('burns a step once, and no earlier one after it (RFC 6238 §5.2)', async () => {
      const made = authenticator('steps', 'steps');
      await putInert(made);
      const burn = (step: number) => inTransaction(({ proofs }) => proofs.burnStep('steps', step));
      expect(await burn(8)).toBe(false);
      await activate(made, 7);
      expect((await Promise.all([burn(9), burn(9)])).sort()).toEqual([false, true]);
      expect([await burn(8), await burn(7)]).toEqual([false, false]);
      expect(await burn(10)).toBe(true);
    });
  });

  describe('recovery codes', () => {
    const setOf = (setId: string, hashes: Record<string, string>) => ({
      setId,
      codes: Object.entries(hashes).map(([selector, codeHash]) => ({ selector, codeHash })),
    });
    const replaceCodes = (owner: string, hashes: Record<string, string>, setId = 'a set') =>
      inTransaction(({ proofs }) => proofs.putRecoverySet(account(owner), setOf(setId, hashes)));
    const spend = (owner: string, selector: string, codeHash: string) =>
      inTransaction(({ proofs }) => proofs.spendRecoveryCode(account(owner), { selector, codeHash }, at(1)));

    it('finds an unused code by its selector, of its own account only', async () => {
      await replaceCodes('r', { AA: 'hash 1', BB: 'hash 2' });
      expect(await reading.findRecoveryCode(account('r'), 'AA')).toEqual({
        selector: 'AA',
        codeHash: 'hash 1',
      });
      expect(await reading.findRecoveryCode(account('r'), 'CC')).toBeUndefined();
      expect(await reading.findRecoveryCode(account('s'), 'AA')).toBeUndefined();
      expect(await reading.countRecoveryCodes(account('r'))).toBe(2);
    });

    it('spends a code once, and counts it no more', async () => {
      await replaceCodes('spent', { AA: 'hash 1', BB: 'hash 2' });
      const both = [spend('spent', 'AA', 'hash 1'), spend('spent', 'AA', 'hash 1')];
      expect((await Promise.all(both)).sort()).toEqual([false, true]);
      expect(await reading.findRecoveryCode(account('spent'), 'AA')).toBeUndefined();
      expect(await reading.countRecoveryCodes(account('spent'))).toBe(1);
    });

    it('kills the old set with the new one: what was checked against it spends nothing', async () => {
      await replaceCodes('new', { AA: 'hash 1', BB: 'hash 2' });
      await spend('new', 'BB', 'hash 2');
      await replaceCodes('new', { AA: 'hash 3', BB: 'hash 4', CC: 'hash 5' });
      expect(await spend('new', 'AA', 'hash 1')).toBe(false);
      expect(await reading.countRecoveryCodes(account('new'))).toBe(3);
      expect(await reading.countRecoveryCodes(account('r'))).toBe(2);
    });

    it('puts a set in the place of the very one that was seen: of two at once, one', async () => {
      await replaceCodes('windows', { AA: 'hash 1', BB: 'hash 2' }, 'seen');
      await spend('windows', 'BB', 'hash 2');
      const renew = (setId: string, hashes: Record<string, string>) =>
        inTransaction(({ proofs }) =>
          proofs.replaceRecoverySet(account('windows'), 'seen', setOf(setId, hashes)),
        );
      const hashes = { one: { AA: 'hash 3', CC: 'hash 4' }, two: { AA: 'hash 5', CC: 'hash 6' } };
      const [isOne, isTwo] = await Promise.all([renew('one', hashes.one), renew('two', hashes.two)]);
      expect(isOne).toBe(!isTwo);
      const winner = isOne ? 'one' : 'two';
      expect(await reading.findRecoverySet(account('windows'))).toBe(winner);
      const codeHash = hashes[winner].AA;
      expect(await reading.findRecoveryCode(account('windows'), 'AA')).toMatchObject({ codeHash });
      expect(await reading.countRecoveryCodes(account('windows'))).toBe(2);
    });

    it('takes a whole set off, of its own account only', async () => {
      await replaceCodes('off', { AA: 'hash 1' });
      await replaceCodes('stays', { AA: 'hash 1' });
      await inTransaction(({ proofs }) => proofs.removeRecoverySet(account('off')));
      expect(await reading.findRecoverySet(account('off'))).toBeUndefined();
      expect(await reading.countRecoveryCodes(account('off'))).toBe(0);
      expect(await reading.countRecoveryCodes(account('stays'))).toBe(1);
    });
  });

  describe('counters of failures', () => {
    const charge = (owner: string, day: number, most = { consecutive: 100, today: 20 }) =>
      inTransaction(({ proofs }) =>
        proofs.charge({ accountId: account(owner), kind: 'totp', day, at: at(day) }, most),
      );
    const forgive = (owner: string) => inTransaction(({ proofs }) => proofs.forgive(account(owner), 'totp'));

    it('are cleared for one kind of one account, and say whether there was anything', async () => {
      await charge('cleared', 1);
      await charge('other', 1);
      const clear = () => inTransaction(({ proofs }) => proofs.clearFailures(account('cleared'), 'totp'));
      expect([await clear(), await clear()]).toEqual([true, false]);
      expect(await charge('cleared', 1)).toEqual({ consecutive: 1, today: 1 });
      expect(await charge('other', 1)).toEqual({ consecutive: 2, today: 2 });
    });

    it('charges exactly the cap, however many attempts come at once', async () => {
      const charges = await Promise.all(Array.from({ length: 50 }, () => charge('many', 1)));
      const counted = charges.flatMap((charged) => (charged ? [charged.consecutive] : []));
      expect(counted.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    });

    it('starts a new count on a later day, and none on an earlier one', async () => {
      await charge('days', 5);
      expect(await charge('days', 6)).toEqual({ consecutive: 2, today: 1 });
      expect(await charge('days', 5)).toEqual({ consecutive: 3, today: 2 });
      expect(await charge('days', 6)).toEqual({ consecutive: 4, today: 3 });
    });

    it('stays shut on the following days when the consecutive cap is reached', async () => {
      const most = { consecutive: 3, today: 2 };
      expect(await charge('shut', 1, most)).toBeDefined();
      expect(await charge('shut', 1, most)).toBeDefined();
      expect(await charge('shut', 1, most)).toBeUndefined();
      expect(await charge('shut', 2, most)).toEqual({ consecutive: 3, today: 1 });
      expect(await charge('shut', 3, most)).toBeUndefined();
    });

    it('forgives the consecutive ones, and gives one attempt back to the day', async () => {
      for (let i = 0; i < 4; i++) await charge('forgiven', 1);
      await forgive('forgiven');
      expect(await charge('forgiven', 1)).toEqual({ consecutive: 1, today: 4 });
    });

    it('forgives without giving back what was not charged', async () => {
      for (let i = 0; i < 4; i++) await charge('uncharged', 1);
      await inTransaction(({ proofs }) => proofs.forgive(account('uncharged'), 'totp', { isCharged: false }));
      expect(await charge('uncharged', 1)).toEqual({ consecutive: 1, today: 5 });
    });

    it('counts each known browser apart, and clears them with the account', async () => {
      const inBrowser = (browserId: string) =>
        inTransaction(({ proofs }) =>
          proofs.charge(
            { accountId: account('at home'), kind: 'totp', browserId, day: 1, at: at(1) },
            { consecutive: 50, today: 2 },
          ),
        );
      expect(await inBrowser('b1')).toEqual({ consecutive: 1, today: 1 });
      expect(await inBrowser('b1')).toEqual({ consecutive: 2, today: 2 });
      expect(await inBrowser('b1')).toBeUndefined();
      expect(await inBrowser('b2')).toEqual({ consecutive: 1, today: 1 });
      expect(await charge('at home', 1)).toEqual({ consecutive: 1, today: 1 });
      await inTransaction(({ proofs }) =>
        proofs.forgive(account('at home'), 'totp', { browserId: 'b1', isCharged: true }),
      );
      expect(await inBrowser('b1')).toEqual({ consecutive: 1, today: 2 });
      expect(await charge('at home', 1)).toEqual({ consecutive: 2, today: 2 });
      await inTransaction(({ proofs }) => proofs.clearFailures(account('at home'), 'totp'));
      expect(await inBrowser('b1')).toEqual({ consecutive: 1, today: 1 });
    });

    it('counts each account and each kind apart', async () => {
      await charge('apart', 1);
      expect(await charge('apart2', 1)).toEqual({ consecutive: 1, today: 1 });
      const other = await inTransaction(({ proofs }) =>
        proofs.charge(
          { accountId: account('apart'), kind: 'recovery', day: 1, at: at(1) },
          { consecutive: 100, today: 20 },
        ),
      );
      expect(other).toEqual({ consecutive: 1, today: 1 });
    });
  });
});
