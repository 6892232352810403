// Keeps the browsers that an account knows (domain/known-browsers.ts), each under a keyed hash, with its own count of failures.
import { statement, type Sql } from './statement.js';
import type { KnownBrowsersTable } from './tables-browsers.js';
import type { KnownBrowser, KnownBrowserStore } from '../../domain/known-browsers.js';
import type { AccountId } from '../../domain/vocabulary.js';

type Row = { [Column in keyof KnownBrowsersTable]: KnownBrowsersTable[Column] };
type ById = { browser_id: string };
type ByAccount = { account_id: string };

const insertRow = statement<Row>()((db, p) =>
  db.insertInto('known_browsers').values({
    browser_id: p('browser_id'),
    account_id: p('account_id'),
    browser_mac: p('browser_mac'),
    failures: p('failures'),
    failed_at: p('failed_at'),
    created_at: p('created_at'),
    last_used_at: p('last_used_at'),
  }),
);

const selectOne = statement<ByAccount & { browser_mac: string }>()((db, p) =>
  db
    .selectFrom('known_browsers')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .where('browser_mac', '=', p('browser_mac')),
);

const selectByAccount = statement<ByAccount>()((db, p) =>
  db
    .selectFrom('known_browsers')
    .select('browser_id')
    .where('account_id', '=', p('account_id'))
    .orderBy('last_used_at', 'desc')
    .orderBy('browser_id', 'desc'),
);

const updateMac = statement<{ from: string; to: string }>()((db, p) =>
  db
    .updateTable('known_browsers')
    .set({ browser_mac: p('to') })
    .where('browser_mac', '=', p('from')),
);

const updateUsed = statement<ById & { at: number }>()((db, p) =>
  db
    .updateTable('known_browsers')
    .set({ last_used_at: p('at'), failures: 0 })
    .where('browser_id', '=', p('browser_id')),
);

const addFailure = statement<ById & { seen: number; at: number }>()((db, p) =>
  db
    .updateTable('known_browsers')
    .set((row) => ({ failures: row('failures', '+', 1), failed_at: p('at') }))
    .where('browser_id', '=', p('browser_id'))
    .where('failures', '=', p('seen')),
);

const takeFailureBack = statement<ById>()((db, p) =>
  db
    .updateTable('known_browsers')
    .set((row) => ({ failures: row('failures', '-', 1) }))
    .where('browser_id', '=', p('browser_id'))
    .where('failures', '>', 0),
);

const clearFailures = statement<ById>()((db, p) =>
  db.updateTable('known_browsers').set({ failures: 0 }).where('browser_id', '=', p('browser_id')),
);

const deleteOne = statement<ById>()((db, p) =>
  db.deleteFrom('known_browsers').where('browser_id', '=', p('browser_id')),
);

const deleteByAccount = statement<ByAccount>()((db, p) =>
  db.deleteFrom('known_browsers').where('account_id', '=', p('account_id')),
);

/** What was counted in one of them, or in all (domain/factor-locks.ts; proofs.ts says how it is kept). */
const deleteCounts = statement<ByAccount & { counted_in: string }>()((db, p) =>
  db
    .deleteFrom('factor_failures')
    .where('account_id', '=', p('account_id'))
    .where('kind', 'like', p('counted_in')),
);

export function createKnownBrowserStore(sql: Sql): KnownBrowserStore {
  return {
    async findKnownBrowser(accountId, browserMac) {
      const row = await sql.one(selectOne, { account_id: accountId, browser_mac: browserMac });
      return row && toBrowser(row);
    },
    async countKnownBrowsers(accountId) {
      return (await sql.all(selectByAccount, { account_id: accountId })).length;
    },
    async insertKnownBrowser(browser) {
      await sql.change(insertRow, {
        browser_id: browser.browserId,
        account_id: browser.accountId,
        browser_mac: browser.browserMac,
        failures: browser.failures,
        failed_at: browser.failedAt.getTime(),
        created_at: browser.createdAt.getTime(),
        last_used_at: browser.lastUsedAt.getTime(),
      });
    },
    async replaceBrowserMac(from, to) {
      await sql.change(updateMac, { from, to });
    },
    async markBrowserUsed(browserId, at) {
      await sql.change(updateUsed, { browser_id: browserId, at: at.getTime() });
    },
    async chargeKnownBrowser(browserId, seen, at) {
      return (await sql.change(addFailure, { browser_id: browserId, seen, at: at.getTime() })) === 1;
    },
    async giveBrowserFailureBack(browserId) {
      await sql.change(takeFailureBack, { browser_id: browserId });
    },
    async forgiveKnownBrowser(browserId) {
      await sql.change(clearFailures, { browser_id: browserId });
    },
    async removeOldestBrowsers(accountId, keep) {
      const kept = await sql.all(selectByAccount, { account_id: accountId });
      for (const { browser_id } of kept.slice(keep)) {
        await sql.change(deleteOne, { browser_id });
        await sql.change(deleteCounts, { account_id: accountId, counted_in: `% in ${browser_id}` });
      }
    },
    async removeKnownBrowsers(accountId) {
      await sql.change(deleteByAccount, { account_id: accountId });
      await sql.change(deleteCounts, { account_id: accountId, counted_in: '% in %' });
    },
  };
}

function toBrowser(row: Row): KnownBrowser {
  return {
    browserId: row.browser_id,
    accountId: row.account_id as AccountId,
    browserMac: row.browser_mac,
    failures: row.failures,
    failedAt: new Date(row.failed_at),
    createdAt: new Date(row.created_at),
    lastUsedAt: new Date(row.last_used_at),
  };
}
