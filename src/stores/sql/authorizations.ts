// Keeps authorizations (domain/authorizations.ts). Every move is one UPDATE that names the state it leaves and the time, so that
// of two who try, one wins; redeeming names all that the code is bound to.
import { sql, type ExpressionBuilder } from 'kysely';
import { toAuthorization, toNewRow, type NewRow } from './authorizations-rows.js';
import { createSpentToolRemoval } from './authorizations-spent.js';
import { statement, type Parameter, type Sql } from './statement.js';
import { SWEPT_AT_ONCE } from './sweep.js';
import type { Tables } from './tables.js';
import type { ApprovedAuthorization, AuthorizationStore, CodeShown } from '../../domain/authorizations.js';
import type { AuthorizationId } from '../../domain/vocabulary.js';

const insertRow = statement<{ [Column in keyof NewRow]: NewRow[Column] }>()((db, p) =>
  db.insertInto('authorizations').values({
    authorization_id: p('authorization_id'),
    handle_hash: p('handle_hash'),
    state: p('state'),
    client_id: p('client_id'),
    redirect_uri: p('redirect_uri'),
    scope: p('scope'),
    code_challenge: p('code_challenge'),
    key_thumbprint: p('key_thumbprint'),
    asked: p('asked'),
    network_address: p('network_address'),
    network: p('network'),
    user_agent: p('user_agent'),
    created_at: p('created_at'),
    expires_at: p('expires_at'),
    remembered: 0,
  }),
);

const selectByHandle = statement<{ handle_hash: string }>()((db, p) =>
  db.selectFrom('authorizations').selectAll().where('handle_hash', '=', p('handle_hash')),
);

const updateBegun = statement<{
  pushed_hash: string;
  client_id: string;
  handle_hash: string;
  network_address: string;
  user_agent: string;
  now: number;
  expires_at: number;
}>()((db, p) =>
  db
    .updateTable('authorizations')
    .set({
      state: 'asked',
      handle_hash: p('handle_hash'),
      network_address: p('network_address'),
      user_agent: p('user_agent'),
      created_at: p('now'),
      expires_at: p('expires_at'),
    })
    .where('handle_hash', '=', p('pushed_hash'))
    .where('state', '=', 'pushed')
    .where('client_id', '=', p('client_id'))
    .where('expires_at', '>', p('now'))
    .returning('authorization_id'),
);

type Held = { authorization_id: string; account_id: string; ticket: string; now: number };

const updateApproved = statement<
  Held & {
    subject_id: string;
    household_id: string | null;
    member_kind: string | null;
    methods: string;
    authenticated_at: number;
    scope: string | null;
    remembered: number;
    code_hash: string;
    expires_at: number;
  }
>()((db, p) =>
  db
    .updateTable('authorizations')
    .set((row) => ({
      state: 'approved',
      account_id: p('account_id'),
      subject_id: p('subject_id'),
      ticket: p('ticket'),
      household_id: p('household_id'),
      member_kind: p('member_kind'),
      methods: p('methods'),
      authenticated_at: p('authenticated_at'),
      scope: row.fn.coalesce(row.val(p('scope')), row.ref('scope')),
      remembered: p('remembered'),
      code_hash: p('code_hash'),
      decided_at: p('now'),
      expires_at: p('expires_at'),
    }))
    .where('authorization_id', '=', p('authorization_id'))
    .where('state', '=', 'asked')
    .where('authorizations.expires_at', '>', p('now'))
    .returningAll(),
);

const updateDenied = statement<Held>()((db, p) =>
  db
    .updateTable('authorizations')
    .set({ state: 'denied', account_id: p('account_id'), ticket: p('ticket'), decided_at: p('now') })
    .where('authorization_id', '=', p('authorization_id'))
    .where('state', '=', 'asked')
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

const deleteAsked = statement<{ authorization_id: string }>()((db, p) =>
  db
    .deleteFrom('authorizations')
    .where('authorization_id', '=', p('authorization_id'))
    .where('state', '=', 'asked'),
);

type Shown = {
  authorization_id: string;
  code_hash: string;
  client_id: string;
  redirect_uri: string;
  code_challenge: string;
  /** Empty for none. */
  key_thumbprint: string;
};

/** Everything that the code is bound to fits what came with it (RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9449 §10). */
const fits = (p: Parameter<Shown>) => (row: ExpressionBuilder<Tables, 'authorizations'>) =>
  row.and([
    row('authorization_id', '=', p('authorization_id')),
    row('code_hash', '=', p('code_hash')),
    row('client_id', '=', p('client_id')),
    row('redirect_uri', '=', p('redirect_uri')),
    row('code_challenge', '=', p('code_challenge')),
    row.or([row('key_thumbprint', 'is', null), row('key_thumbprint', '=', p('key_thumbprint'))]),
  ]);

const updateRedeemed = statement<Shown & { now: number }>()((db, p) =>
  db
    .updateTable('authorizations')
    .set({ state: 'redeemed', redeemed_at: p('now') })
    .where(fits(p))
    .where('state', '=', 'approved')
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

const selectRedeemed = statement<Shown>()((db, p) =>
  db.selectFrom('authorizations').selectAll().where(fits(p)).where('state', '=', 'redeemed'),
);

const updateWithdrawn = statement<{ account_id: string; now: number }>()((db, p) =>
  db
    .updateTable('authorizations')
    .set({ state: 'denied', decided_at: p('now') })
    .where('account_id', '=', p('account_id'))
    // Written out: the index for these alone is used only where the text says so.
    .where(sql<boolean>`state = 'approved'`),
);

const deleteExpired = statement<{ expired_before: number; redeemed_before: number }>()((db, p) =>
  db.deleteFrom('authorizations').where(
    'authorization_id',
    'in',
    db
      .selectFrom('authorizations')
      .select('authorization_id')
      .where('expires_at', '<', p('expired_before'))
      .where((row) => row.or([row('state', '<>', 'redeemed'), row('redeemed_at', '<', p('redeemed_before'))]))
      .limit(SWEPT_AT_ONCE),
  ),
);

export function createAuthorizationStore(engine: Sql): AuthorizationStore {
  return {
    ...createSpentToolRemoval(engine),
    async insert(request, state) {
      await engine.change(insertRow, toNewRow(request, state));
    },
    async findByHandle(handleHash) {
      const row = await engine.one(selectByHandle, { handle_hash: handleHash });
      return row && toAuthorization(row);
    },
    async begin(handleHash, clientId, arrived) {
      const row = await engine.one(updateBegun, {
        pushed_hash: handleHash,
        client_id: clientId,
        handle_hash: arrived.handleHash,
        network_address: arrived.networkAddress,
        user_agent: arrived.userAgent,
        now: arrived.createdAt.getTime(),
        expires_at: arrived.expiresAt.getTime(),
      });
      return row?.authorization_id as AuthorizationId | undefined;
    },
    async approve(authorizationId, { accountId, ticket }, { approval, codeHash, expiresAt }, now) {
      const row = await engine.one(updateApproved, {
        authorization_id: authorizationId,
        account_id: accountId,
        ticket,
        now: now.getTime(),
        subject_id: approval.subjectId,
        household_id: approval.household?.householdId ?? null,
        member_kind: approval.household?.memberKind ?? null,
        methods: approval.methods.join(' '),
        authenticated_at: approval.authenticatedAt.getTime(),
        scope: approval.scope ?? null,
        remembered: approval.isRemembered ? 1 : 0,
        code_hash: codeHash,
        expires_at: expiresAt.getTime(),
      });
      return row && toAuthorization(row);
    },
    async deny(authorizationId, { accountId, ticket }, now) {
      const held = { authorization_id: authorizationId, account_id: accountId, ticket, now: now.getTime() };
      const row = await engine.one(updateDenied, held);
      return row && toAuthorization(row);
    },
    async remove(authorizationId) {
      return (await engine.change(deleteAsked, { authorization_id: authorizationId })) === 1;
    },
    async redeem(shown, now) {
      const row = await engine.one(updateRedeemed, { ...toShown(shown), now: now.getTime() });
      return row && (toAuthorization(row) as ApprovedAuthorization);
    },
    async findRedeemed(shown) {
      const row = await engine.one(selectRedeemed, toShown(shown));
      if (!row) return undefined;
      return { ...(toAuthorization(row) as ApprovedAuthorization), redeemedAt: new Date(row.redeemed_at!) };
    },
    withdrawByAccount: (accountId, now) =>
      engine.change(updateWithdrawn, { account_id: accountId, now: now.getTime() }),
    removeExpired: (expiredBefore, redeemedBefore) =>
      engine.change(deleteExpired, {
        expired_before: expiredBefore.getTime(),
        redeemed_before: redeemedBefore.getTime(),
      }),
  };
}

const toShown = (shown: CodeShown): Shown => ({
  authorization_id: shown.authorizationId,
  code_hash: shown.codeHash,
  client_id: shown.clientId,
  redirect_uri: shown.redirectUri,
  code_challenge: shown.codeChallenge,
  key_thumbprint: shown.keyThumbprint ?? '',
});
