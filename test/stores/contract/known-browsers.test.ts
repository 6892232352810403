// What every store of known browsers must do (domain/known-browsers.ts): one account apart from another, failures counted exactly,
// and no more browsers kept than asked for.
import type { KnownBrowser } from '../../../src/domain/known-browsers.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { createKnownBrowserStore } from '../../../src/stores/sql/known-browsers.js';
import { createProofStore } from '../../../src/stores/sql/proofs.js';
import { describeOnBackends } from '../../support/databases.js';

const at = (second: number) => new Date(1_700_000_000_000 + second * 1000);
const account = (name: string) => name as AccountId;
const browser = (name: string, owner: string, second = 0): KnownBrowser => ({
  browserId: `${owner} ${name}`,
  accountId: account(owner),
  browserMac: name,
  failures: 0,
  failedAt: at(0),
  createdAt: at(second),
  lastUsedAt: at(second),
});

describeOnBackends('a store of known browsers', ({ open }) => {
  const database = open((sql) => ({
    known: createKnownBrowserStore(sql),
    proofs: createProofStore(sql),
  }));
  const { known } = database.stores;
  const { inTransaction } = database;
  afterAll(() => database.close());
  const insert = (kept: KnownBrowser) => inTransaction((s) => s.known.insertKnownBrowser(kept));

  it('gives a browser back as it was kept, to its own account only', async () => {
    await insert(browser('m', 'ada'));
    expect(await known.findKnownBrowser(account('ada'), 'm')).toEqual(browser('m', 'ada'));
    expect(await known.findKnownBrowser(account('bob'), 'm')).toBeUndefined();
    expect(await known.findKnownBrowser(account('ada'), 'M')).toBeUndefined();
  });

  it('moves a hash on for every account that knows the browser, and the old one is dead', async () => {
    await insert(browser('old', 'ada'));
    await insert(browser('old', 'bob'));
    await inTransaction((s) => s.known.replaceBrowserMac('old', 'new'));
    for (const owner of ['ada', 'bob']) {
      expect(await known.findKnownBrowser(account(owner), 'old')).toBeUndefined();
      expect(await known.findKnownBrowser(account(owner), 'new')).toMatchObject({
        browserId: `${owner} old`,
      });
    }
  });

  it('counts a failure once for each count that was seen, and gives back and forgives', async () => {
    await insert(browser('c', 'cleo'));
    const charge = (seen: number, second: number) =>
      inTransaction((s) => s.known.chargeKnownBrowser('cleo c', seen, at(second)));
    const found = () => known.findKnownBrowser(account('cleo'), 'c');
    expect((await Promise.all([charge(0, 5), charge(0, 5)])).sort()).toEqual([false, true]);
    expect(await charge(1, 7)).toBe(true);
    expect(await found()).toMatchObject({ failures: 2, failedAt: at(7) });
    await inTransaction((s) => s.known.giveBrowserFailureBack('cleo c'));
    expect((await found())?.failures).toBe(1);
    await inTransaction((s) => s.known.forgiveKnownBrowser('cleo c'));
    await inTransaction((s) => s.known.giveBrowserFailureBack('cleo c'));
    expect((await found())?.failures).toBe(0);
    await charge(0, 8);
    await inTransaction((s) => s.known.markBrowserUsed('cleo c', at(9)));
    expect(await found()).toMatchObject({ failures: 0, lastUsedAt: at(9) });
  });

  it('keeps those that were used last, and of another account all', async () => {
    for (const second of [3, 1, 2]) await insert(browser(`d${second}`, 'dan', second));
    await insert(browser('d0', 'eve', 0));
    await inTransaction((s) => s.known.removeOldestBrowsers(account('dan'), 2));
    expect(await known.countKnownBrowsers(account('dan'))).toBe(2);
    expect(await known.findKnownBrowser(account('dan'), 'd1')).toBeUndefined();
    await inTransaction((s) => s.known.removeKnownBrowsers(account('dan')));
    expect(await known.countKnownBrowsers(account('dan'))).toBe(0);
    expect(await known.countKnownBrowsers(account('eve'))).toBe(1);
  });

  it('forgets the codes that were counted in a browser with the browser, and no others', async () => {
    const charge = (browserId?: string) =>
      inTransaction(({ proofs }) =>
        proofs.charge(
          { accountId: account('finn'), kind: 'totp', ...(browserId && { browserId }), day: 1, at: at(1) },
          { consecutive: 9, today: 9 },
        ),
      );
    for (const second of [1, 2]) await insert(browser(`f${second}`, 'finn', second));
    for (const browserId of ['finn f1', 'finn f2', undefined]) await charge(browserId);
    await inTransaction((s) => s.known.removeOldestBrowsers(account('finn'), 1));
    expect((await charge('finn f1'))?.today).toBe(1);
    expect((await charge('finn f2'))?.today).toBe(2);
    await inTransaction((s) => s.known.removeKnownBrowsers(account('finn')));
    expect((await charge('finn f2'))?.today).toBe(1);
    expect((await charge())?.today).toBe(2);
  });
});
