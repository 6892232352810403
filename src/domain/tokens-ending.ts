// The end of a linked tool, whoever ends it: the tools that its token linked end with it, and each of them is remembered for the
// owner to read. What ends a tool, and what is remembered of the tool itself, is said where it is ended.
// Specification: PIN-API "Decided" (what a token links dies with it), OWASP ASVS 16.3.1.
import type { Audit, AuditStore } from './audit.js';
import type { EndedWhy, LinkedTool, TokenStores } from './tokens.js';
import type { Clock, LinkedToolId, Origin } from './vocabulary.js';

/** Who ends a tool: an account or client id, `operator`, `job`. */
export interface EndedBy {
  readonly actor: string;
  readonly origin?: Origin | undefined;
}

/** A row for each tool that has just ended in the caller's transaction. */
export async function recordToolsEnded(
  stores: { readonly audit: AuditStore },
  audit: Audit,
  tools: readonly Pick<LinkedTool, 'linkedToolId' | 'accountId' | 'name'>[],
  { actor, origin, why }: EndedBy & { readonly why: EndedWhy },
): Promise<void> {
  const by = origin ? { actor, origin } : { actor };
  for (const { linkedToolId: linkedTool, accountId, name } of tools) {
    const details = { linkedTool, name, why };
    await audit.record(stores, { event: 'tool-unlinked', accountId, ...by, details });
  }
}

/** In the caller's transaction. False when it had ended before; then nothing is written. `actor`: who ends it. */
export async function endToolWithin(
  stores: TokenStores,
  { audit, now }: { readonly audit: Audit; readonly now: Clock },
  ended: EndedBy & { readonly linkedToolId: LinkedToolId; readonly why: EndedWhy },
): Promise<boolean> {
  const { linkedToolId, why, actor, origin } = ended;
  const linkedByIt = await stores.tokens.findLinkedBy(linkedToolId);
  if (!(await stores.tokens.endLinkedTool(linkedToolId, now(), why))) return false;
  await recordToolsEnded(stores, audit, linkedByIt, { actor, origin, why: 'parent-ended' });
  return true;
}
