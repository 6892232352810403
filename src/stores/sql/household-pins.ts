// Keeps the profile PINs of members and how often they were tried wrongly (domain/household-records.ts). A charge names the
// count that it was made for, and a change the version, so that of two who come at once one loses.
import { statement, type Sql } from './statement.js';
import type { ProfilePinStore } from '../../domain/household-records.js';
import type { SubjectId } from '../../domain/vocabulary.js';

type OfMember = { subject_id: string };

const selectPin = statement<OfMember>()((db, p) =>
  db
    .selectFrom('members')
    .select(['pin_hash', 'pin_version', 'pin_failures', 'pin_failed_at'])
    .where('subject_id', '=', p('subject_id')),
);

const updateCharged = statement<OfMember & { seen: number; at: number }>()((db, p) =>
  db
    .updateTable('members')
    .set((member) => ({
      pin_failures: member('pin_failures', '+', 1),
      pin_failed_at: p('at'),
      pin_tried_at: p('at'),
    }))
    .where('subject_id', '=', p('subject_id'))
    .where('pin_failures', '=', p('seen')),
);

const updateTried = statement<OfMember & { at: number }>()((db, p) =>
  db
    .updateTable('members')
    .set({ pin_tried_at: p('at') })
    .where('subject_id', '=', p('subject_id')),
);

const updateGivenBack = statement<OfMember>()((db, p) =>
  db
    .updateTable('members')
    .set((member) => ({ pin_failures: member('pin_failures', '-', 1) }))
    .where('subject_id', '=', p('subject_id'))
    .where('pin_failures', '>', 0),
);

const updateForgiven = statement<OfMember>()((db, p) =>
  db
    .updateTable('members')
    .set({ pin_failures: 0 })
    .where('subject_id', '=', p('subject_id'))
    .where('pin_failures', '>', 0),
);

const updateReplaced = statement<OfMember & { version: number; hash: string | null; at: number }>()((db, p) =>
  db
    .updateTable('members')
    .set((member) => ({
      pin_hash: p('hash'),
      pin_version: member('pin_version', '+', 1),
      pin_failures: 0,
      changed_at: p('at'),
    }))
    .where('subject_id', '=', p('subject_id'))
    .where('pin_version', '=', p('version')),
);

const updateRehashed = statement<OfMember & { from: string; to: string }>()((db, p) =>
  db
    .updateTable('members')
    .set({ pin_hash: p('to') })
    .where('subject_id', '=', p('subject_id'))
    .where('pin_hash', '=', p('from')),
);

const selectFailed = statement<{ household_id: string; failures: number }>()((db, p) =>
  db
    .selectFrom('members')
    .select('subject_id')
    .where('household_id', '=', p('household_id'))
    .where('pin_failures', '>=', p('failures'))
    .orderBy('subject_id'),
);

export function createProfilePinStore(sql: Sql): ProfilePinStore {
  return {
    async findPin(subjectId) {
      const row = await sql.one(selectPin, { subject_id: subjectId });
      if (!row) return undefined;
      return {
        hash: row.pin_hash ?? undefined,
        version: row.pin_version,
        failures: row.pin_failures,
        failedAt: new Date(row.pin_failed_at),
      };
    },
    async chargePin(subjectId, seen, at) {
      return (await sql.change(updateCharged, { subject_id: subjectId, seen, at: at.getTime() })) === 1;
    },
    async notePinTry(subjectId, at) {
      await sql.change(updateTried, { subject_id: subjectId, at: at.getTime() });
    },
    async givePinBack(subjectId) {
      await sql.change(updateGivenBack, { subject_id: subjectId });
    },
    async forgivePin(subjectId) {
      return (await sql.change(updateForgiven, { subject_id: subjectId })) === 1;
    },
    async replacePin(subjectId, version, hash, at) {
      const values = { subject_id: subjectId, version, hash: hash ?? null, at: at.getTime() };
      return (await sql.change(updateReplaced, values)) === 1;
    },
    async rehashPin(subjectId, from, to) {
      return (await sql.change(updateRehashed, { subject_id: subjectId, from, to })) === 1;
    },
    async findWithFailures(householdId, failures) {
      const rows = await sql.all(selectFailed, { household_id: householdId, failures });
      return rows.map((row) => row.subject_id as SubjectId);
    },
  };
}
