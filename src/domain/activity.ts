// What happened to an account, for its owner to read: page by page, the newest first. What is remembered is audit.ts's; the
// words for it are the pages'. Specification: issue "Sessions and activity", OWASP ASVS 6.3.5, 16.3.1.
import type { AuditRow, AuditStore } from './audit.js';
import type { AccountId } from './vocabulary.js';

const ROWS_A_PAGE = 25;

export type Activity = ReturnType<typeof createActivity>;

export function createActivity({ store }: { readonly store: Pick<AuditStore, 'findPage'> }) {
  return {
    /**
     * A page of at most 25 rows of this account; `before`: `older` of the page before it. Without `older` it is the last.
     * A `before` that is nobody's place shows what is older than where it would stand.
     */
    async listActivity(
      accountId: AccountId,
      before?: string,
    ): Promise<{ readonly rows: readonly AuditRow[]; readonly older: string | undefined }> {
      const found = await store.findPage(accountId, before, ROWS_A_PAGE + 1);
      const rows = found.slice(0, ROWS_A_PAGE);
      return { rows, older: found.length > ROWS_A_PAGE ? rows.at(-1)?.auditId : undefined };
    },
  };
}
