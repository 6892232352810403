// Keeps passkeys and the challenges that wait for an answer (domain/passkeys-records.ts). An answer is taken over, and a
// challenge handed out, by one conditional statement each: of two that come at once only the first counts.
import { statement, type Sql } from './statement.js';
import type { PasskeyChallengesTable, PasskeysTable } from './tables-passkeys.js';
import type { Passkey, PasskeyChallenge, PasskeyId, PasskeyStore } from '../../domain/passkeys-records.js';
import type { AccountId, AuthenticationMethod } from '../../domain/vocabulary.js';

type Row = { [Column in keyof PasskeysTable]: PasskeysTable[Column] };
type ChallengeRow = { [Column in keyof PasskeyChallengesTable]: PasskeyChallengesTable[Column] };
type Own = { account_id: string; passkey_id: string };

const insertRow = statement<Row>()((db, p) =>
  db
    .insertInto('passkeys')
    .values({
      passkey_id: p('passkey_id'),
      account_id: p('account_id'),
      credential_id: p('credential_id'),
      public_key: p('public_key'),
      sign_count: p('sign_count'),
      backup_eligible: p('backup_eligible'),
      backed_up: p('backed_up'),
      alone: p('alone'),
      transports: p('transports'),
      name: p('name'),
      created_at: p('created_at'),
      last_used_at: p('last_used_at'),
      last_used_from: p('last_used_from'),
      stopped_at: p('stopped_at'),
    })
    .onConflict((conflict) => conflict.column('credential_id').doNothing()),
);

const selectByCredential = statement<{ credential_id: string }>()((db, p) =>
  db.selectFrom('passkeys').selectAll().where('credential_id', '=', p('credential_id')),
);

const selectByAccount = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('passkeys')
    .selectAll()
    .where('account_id', '=', p('account_id'))
    .orderBy('created_at')
    .orderBy('passkey_id'),
);

const updateUsed = statement<{
  passkey_id: string;
  sign_count: number;
  backed_up: number;
  at: number;
  from: string;
}>()((db, p) =>
  db
    .updateTable('passkeys')
    .set({
      sign_count: p('sign_count'),
      backed_up: p('backed_up'),
      last_used_at: p('at'),
      last_used_from: p('from'),
    })
    .where('passkey_id', '=', p('passkey_id'))
    .where('stopped_at', 'is', null)
    .where((eb) =>
      eb.or([
        eb('sign_count', '<', p('sign_count')),
        // Many authenticators do not count at all.
        eb.and([eb('sign_count', '=', 0), eb('sign_count', '=', p('sign_count'))]),
      ]),
    ),
);

const updateAlone = statement<{ passkey_id: string }>()((db, p) =>
  db.updateTable('passkeys').set({ alone: 1 }).where('passkey_id', '=', p('passkey_id')),
);

const selectAlone = statement<{ account_id: string }>()((db, p) =>
  db
    .selectFrom('passkeys')
    .select('passkey_id')
    .where('account_id', '=', p('account_id'))
    .where('alone', '=', 1)
    .where('stopped_at', 'is', null),
);

const updateStopped = statement<{ passkey_id: string; at: number }>()((db, p) =>
  db
    .updateTable('passkeys')
    .set({ stopped_at: p('at') })
    .where('passkey_id', '=', p('passkey_id'))
    .where('stopped_at', 'is', null),
);

const updateName = statement<Own & { name: string }>()((db, p) =>
  db
    .updateTable('passkeys')
    .set({ name: p('name') })
    .where('account_id', '=', p('account_id'))
    .where('passkey_id', '=', p('passkey_id')),
);

const deleteRow = statement<Own>()((db, p) =>
  db
    .deleteFrom('passkeys')
    .where('account_id', '=', p('account_id'))
    .where('passkey_id', '=', p('passkey_id')),
);

const deleteByAccount = statement<{ account_id: string }>()((db, p) =>
  db.deleteFrom('passkeys').where('account_id', '=', p('account_id')),
);

const insertChallengeRow = statement<ChallengeRow>()((db, p) =>
  db.insertInto('passkey_challenges').values({
    challenge_hash: p('challenge_hash'),
    purpose: p('purpose'),
    holder_hash: p('holder_hash'),
    account_id: p('account_id'),
    methods: p('methods'),
    created_at: p('created_at'),
    expires_at: p('expires_at'),
  }),
);

const takeChallengeRow = statement<{
  challenge_hash: string;
  purpose: string;
  holder_hash: string;
  now: number;
}>()((db, p) =>
  db
    .deleteFrom('passkey_challenges')
    .where('challenge_hash', '=', p('challenge_hash'))
    .where('purpose', '=', p('purpose'))
    .where('holder_hash', '=', p('holder_hash'))
    .where('expires_at', '>', p('now'))
    .returningAll(),
);

const deleteChallenges = statement<{ account_id: string }>()((db, p) =>
  db.deleteFrom('passkey_challenges').where('account_id', '=', p('account_id')),
);

const deleteExpired = statement<{ now: number }>()((db, p) =>
  db.deleteFrom('passkey_challenges').where('expires_at', '<=', p('now')),
);

function toRow(passkey: Passkey): Row {
  return {
    passkey_id: passkey.passkeyId,
    account_id: passkey.accountId,
    credential_id: passkey.credentialId,
    public_key: passkey.publicKey,
    sign_count: passkey.signCount,
    backup_eligible: passkey.isBackupEligible ? 1 : 0,
    backed_up: passkey.isBackedUp ? 1 : 0,
    alone: passkey.isAlone ? 1 : 0,
    transports: passkey.transports.join(' '),
    name: passkey.name,
    created_at: passkey.createdAt.getTime(),
    last_used_at: passkey.lastUsed?.at.getTime() ?? null,
    last_used_from: passkey.lastUsed?.from ?? null,
    stopped_at: passkey.stoppedAt?.getTime() ?? null,
  };
}

const toPasskey = (row: Row): Passkey => ({
  passkeyId: row.passkey_id as PasskeyId,
  accountId: row.account_id as AccountId,
  credentialId: row.credential_id,
  publicKey: row.public_key,
  signCount: row.sign_count,
  isBackupEligible: row.backup_eligible === 1,
  isBackedUp: row.backed_up === 1,
  isAlone: row.alone === 1,
  transports: row.transports.split(' ').filter(Boolean),
  name: row.name,
  createdAt: new Date(row.created_at),
  lastUsed:
    row.last_used_at === null
      ? undefined
      : { at: new Date(row.last_used_at), from: row.last_used_from ?? '' },
  stoppedAt: row.stopped_at === null ? undefined : new Date(row.stopped_at),
});

const toChallenge = (row: ChallengeRow): PasskeyChallenge => ({
  challengeHash: row.challenge_hash,
  purpose: row.purpose,
  holderHash: row.holder_hash,
  accountId: row.account_id === null ? undefined : (row.account_id as AccountId),
  methods: row.methods.split(' ').filter(Boolean) as AuthenticationMethod[],
  createdAt: new Date(row.created_at),
  expiresAt: new Date(row.expires_at),
});

export function createPasskeyStore(sql: Sql): PasskeyStore {
  return {
    insert: async (passkey) => (await sql.change(insertRow, toRow(passkey))) === 1,
    async findByCredential(credentialId) {
      const row = await sql.one(selectByCredential, { credential_id: credentialId });
      return row && toPasskey(row);
    },
    async findByAccount(accountId) {
      return (await sql.all(selectByAccount, { account_id: accountId })).map(toPasskey);
    },
    async recordUse(passkeyId, { signCount, isBackedUp, at, from }) {
      const use = { sign_count: signCount, backed_up: isBackedUp ? 1 : 0, at: at.getTime(), from };
      return (await sql.change(updateUsed, { passkey_id: passkeyId, ...use })) === 1;
    },
    async markAlone(passkeyId) {
      await sql.change(updateAlone, { passkey_id: passkeyId });
    },
    async countByAccount(accountId) {
      return (await sql.all(selectAlone, { account_id: accountId })).length;
    },
    async stop(passkeyId, at) {
      return (await sql.change(updateStopped, { passkey_id: passkeyId, at: at.getTime() })) === 1;
    },
    async rename(accountId, passkeyId, name) {
      return (await sql.change(updateName, { account_id: accountId, passkey_id: passkeyId, name })) === 1;
    },
    async remove(accountId, passkeyId) {
      return (await sql.change(deleteRow, { account_id: accountId, passkey_id: passkeyId })) === 1;
    },
    removeByAccount: (accountId) => sql.change(deleteByAccount, { account_id: accountId }),
    async insertChallenge({ challengeHash, purpose, holderHash, accountId, methods, createdAt, expiresAt }) {
      await sql.change(insertChallengeRow, {
        challenge_hash: challengeHash,
        purpose,
        holder_hash: holderHash,
        account_id: accountId ?? null,
        methods: methods.join(' '),
        created_at: createdAt.getTime(),
        expires_at: expiresAt.getTime(),
      });
    },
    async takeChallenge({ challengeHash, purpose, holderHash }, now) {
      const asked = { challenge_hash: challengeHash, purpose, holder_hash: holderHash, now: now.getTime() };
      const row = await sql.one(takeChallengeRow, asked);
      return row && toChallenge(row);
    },
    async removeChallenges(accountId) {
      await sql.change(deleteChallenges, { account_id: accountId });
    },
    removeExpired: (now) => sql.change(deleteExpired, { now: now.getTime() }),
  };
}
