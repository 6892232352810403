// Links that are taken back before their tool has collected them: because of what became of the account, or of whom it was for.
// Who takes them back does so in a transaction of their own; here is what is remembered of it. Specification: ASVS 16.3.1.
import type { Audit, AuditStore } from './audit.js';
import type { Link } from './links.js';
import type { EndedBy } from './tokens-ending.js';

/** A row for each, in the transaction that has withdrawn them, for the account that had entered the code. */
export async function recordWithdrawn(
  stores: { readonly audit: AuditStore },
  audit: Audit,
  links: readonly Link[],
  { actor, origin }: EndedBy,
): Promise<void> {
  const by = origin ? { actor, origin } : { actor };
  for (const link of links) {
    if (!('holder' in link) || !link.holder) continue;
    const { accountId } = link.holder;
    const details = { link: link.linkId, client: link.clientId, from: link.networkAddress };
    await audit.record(stores, { event: 'link-withdrawn', accountId, ...by, details });
  }
}
