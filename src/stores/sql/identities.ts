// Keeps federated identities, and who is on the way to a provider and back (domain/identities-records.ts).
import { statement, type Sql } from './statement.js';
import type { ArrivalsTable, IdentitiesTable, RoundTripsTable } from './tables-identities.js';
import type { Identity, IdentityStore, RoundTripStore } from '../../domain/identities-records.js';
import type { AccountId } from '../../domain/vocabulary.js';

type IdentityRow = { [Column in keyof IdentitiesTable]: IdentitiesTable[Column] };
type TripRow = { [Column in keyof RoundTripsTable]: RoundTripsTable[Column] };
type ArrivalRow = { [Column in keyof ArrivalsTable]: ArrivalsTable[Column] };

const selectOne = statement<{ issuer: string; subject: string }>()((db, p) =>
  db
    .selectFrom('identities')
    .selectAll()
    .where('issuer', '=', p('issuer'))
    .where('subject', '=', p('subject')),
);

const selectByAccount = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('identities')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .orderBy('connected_at')
    .orderBy('identity_id'),
);

const insertRow = statement<IdentityRow>()((db, p) =>
  db
    .insertInto('identities')
    .values({
      identity_id: p('identity_id'),
      account_id: p('account_id'),
      upstream: p('upstream'),
      issuer: p('issuer'),
      subject: p('subject'),
      shown_as: p('shown_as'),
      connected_at: p('connected_at'),
      last_used_at: p('last_used_at'),
    })
    .onConflict((conflict) => conflict.doNothing()),
);

const updateUsed = statement<{ identity_id: string; at: number; shown_as: string }>()((db, p) =>
  db
    .updateTable('identities')
    .set({ last_used_at: p('at'), shown_as: p('shown_as') })
    .where('identity_id', '=', p('identity_id')),
);

const deleteRow = statement<{ identity_id: string; account_id: string }>()((db, p) =>
  db
    .deleteFrom('identities')
    .where('identity_id', '=', p('identity_id'))
    .where('account_id', '=', p('account_id')),
);

const insertTripRow = statement<TripRow>()((db, p) =>
  db.insertInto('round_trips').values({
    state_hash: p('state_hash'),
    browser_hash: p('browser_hash'),
    upstream: p('upstream'),
    account_id: p('account_id'),
    sealed_details: p('sealed_details'),
    expires_at: p('expires_at'),
  }),
);

const takeTripRow = statement<{
  state_hash: string;
  browser_hash: string;
  upstream: string;
  now: number;
}>()((db, p) =>
  db
    .deleteFrom('round_trips')
    .where('state_hash', '=', p('state_hash'))
    .where('browser_hash', '=', p('browser_hash'))
    .where('upstream', '=', p('upstream'))
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

const insertArrivalRow = statement<ArrivalRow>()((db, p) =>
  db.insertInto('arrivals').values({
    arrival_hash: p('arrival_hash'),
    sealed_details: p('sealed_details'),
    expires_at: p('expires_at'),
  }),
);

const selectArrival = statement<{ arrival_hash: string; now: number }>()((db, p) =>
  db
    .selectFrom('arrivals')
    .selectAll()
    .where('arrival_hash', '=', p('arrival_hash'))
    .where('expires_at', '>', p('now')),
);

const takeArrivalRow = statement<{ arrival_hash: string; now: number }>()((db, p) =>
  db.deleteFrom('arrivals').where('arrival_hash', '=', p('arrival_hash')).where('expires_at', '>', p('now')),
);

const deleteTrips = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('round_trips').where('expires_at', '<=', p('now')),
);

const deleteArrivals = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('arrivals').where('expires_at', '<=', p('now')),
);

export function createIdentityStore(sql: Sql): IdentityStore {
  return {
    async find(issuer, subject) {
      const row = await sql.one(selectOne, { issuer, subject });
      return row && toIdentity(row);
    },
    async findByAccount(accountId) {
      return (await sql.all(selectByAccount, { account_id: accountId })).map(toIdentity);
    },
    async insert(identity) {
      const row = {
        identity_id: identity.identityId,
        account_id: identity.accountId,
        upstream: identity.upstream,
        issuer: identity.issuer,
        subject: identity.subject,
        shown_as: identity.shownAs,
        connected_at: identity.connectedAt.getTime(),
        last_used_at: identity.lastUsedAt.getTime(),
      };
      return (await sql.change(insertRow, row)) === 1;
    },
    async markUsed(identityId, { at, shownAs }) {
      const used = { identity_id: identityId, at: at.getTime(), shown_as: shownAs };
      return (await sql.change(updateUsed, used)) === 1;
    },
    async remove(identityId, accountId) {
      return (await sql.change(deleteRow, { identity_id: identityId, account_id: accountId })) === 1;
    },
  };
}

export function createRoundTripStore(sql: Sql): RoundTripStore {
  return {
    async insertTrip(trip) {
      await sql.change(insertTripRow, {
        state_hash: trip.stateHash,
        browser_hash: trip.browserHash,
        upstream: trip.upstream,
        account_id: trip.accountId ?? null,
        sealed_details: trip.sealedDetails,
        expires_at: trip.expiresAt.getTime(),
      });
    },
    async takeTrip({ stateHash, browserHash, upstream }, now) {
      const asked = { state_hash: stateHash, browser_hash: browserHash, upstream, now: now.getTime() };
      const row = await sql.one(takeTripRow, asked);
      return (
        row && {
          stateHash: row.state_hash,
          browserHash: row.browser_hash,
          upstream: row.upstream,
          accountId: (row.account_id ?? undefined) as AccountId | undefined,
          sealedDetails: row.sealed_details,
          expiresAt: new Date(row.expires_at),
        }
      );
    },
    async insertArrival({ arrivalHash, sealedDetails, expiresAt }) {
      const row = { arrival_hash: arrivalHash, sealed_details: sealedDetails };
      await sql.change(insertArrivalRow, { ...row, expires_at: expiresAt.getTime() });
    },
    async findArrival(arrivalHash, now) {
      const row = await sql.one(selectArrival, { arrival_hash: arrivalHash, now: now.getTime() });
      if (!row) return undefined;
      const { sealed_details: sealedDetails, expires_at: expiresAt } = row;
      return { arrivalHash, sealedDetails, expiresAt: new Date(expiresAt) };
    },
    async takeArrival(arrivalHash, now) {
      return (await sql.change(takeArrivalRow, { arrival_hash: arrivalHash, now: now.getTime() })) === 1;
    },
    async removeExpired(now) {
      const at = { now: now.getTime() };
      return (await sql.change(deleteTrips, at)) + (await sql.change(deleteArrivals, at));
    },
  };
}

function toIdentity(row: IdentityRow): Identity {
  return {
    identityId: row.identity_id,
    accountId: row.account_id as AccountId,
    upstream: row.upstream,
    issuer: row.issuer,
    subject: row.subject,
    shownAs: row.shown_as,
    connectedAt: new Date(row.connected_at),
    lastUsedAt: new Date(row.last_used_at),
  };
}
