// Keeps which proofs and assertions were shown (domain/used-proofs.ts), until they count no more anyway.
import { statement, type Sql } from './statement.js';
import { SWEPT_AT_ONCE } from './sweep.js';
import type { UsedProofStore } from '../../domain/used-proofs.js';

const insertProof = statement<{ proof_hash: string; expires_at: number }>()((db, p) =>
  db
    .insertInto('used_proofs')
    .values({ proof_hash: p('proof_hash'), expires_at: p('expires_at') })
    .onConflict((conflict) => conflict.doNothing()),
);

const deleteExpired = statement<{ now: number }>()((db, p) =>
  db
    .deleteFrom('used_proofs')
    .where(
      'proof_hash',
      'in',
      db
        .selectFrom('used_proofs')
        .select('proof_hash')
        .where('expires_at', '<=', p('now'))
        .limit(SWEPT_AT_ONCE),
    ),
);

export function createUsedProofStore(sql: Sql): UsedProofStore {
  return {
    async use(proofHash, forgottenAt) {
      const shown = { proof_hash: proofHash, expires_at: forgottenAt.getTime() };
      return (await sql.change(insertProof, shown)) === 1;
    },
    removeExpired: (now) => sql.change(deleteExpired, { now: now.getTime() }),
  };
}
