// The memory of what happened only ever grows: rows leave it when AUDIT_DAYS have passed, and no statement of the house
// rewrites what one says. OWASP ASVS 16.4.2.
import { readSources } from '../support/sources.js';

/** What writes to the table, in the words of the query builder or in plain SQL. */
const writes =
  /\b(updateTable|deleteFrom|replaceInto|mergeInto)\(\s*'audit'|\b(update|delete\s+from)\s+"?audit"?\b/gi;

const writesOf = (text: string) => [...text.matchAll(writes)].map(([found]) => found.replace(/\s+/g, ''));

describe('what is remembered', () => {
  const found = readSources('src')
    .flatMap(({ path, text }) => writesOf(text).map((write) => `${path} ${write}`))
    // Where an account has ended for good, who it was is blanked; that it happened stays.
    .filter((write) => write !== "src/stores/sql/audit.ts updateTable('audit'");

  it('is never changed, and leaves by its age alone', () => {
    expect(found).toEqual(["src/stores/sql/audit.ts deleteFrom('audit'"]);
  });

  it('would be found where it was', () => {
    expect(writesOf("db\n.updateTable(\n'audit')")).toHaveLength(1);
    expect(writesOf('sql`delete from audit where 1`')).toHaveLength(1);
    expect(writesOf("db.insertInto('audit')")).toEqual([]);
  });
});
