// The end of a linked tool, whoever ends it: the tools that its token linked end with it, and each of them is remembered for the
// owner to read. What ends a tool, and what is remembered of the tool itself, is said where it is ended.
// Specification: PIN-API "Decided" (what a token links dies with it), OWASP ASVS 16.3.1.
import type { Audit } from './audit.js';
import type { EndedWhy, TokenStores } from './tokens.js';
import type { Clock, LinkedToolId, Origin } from './vocabulary.js';

/** In the caller's transaction. False when it had ended before; then nothing is written. `actor`: who ends it. */
export async function endToolWithin(
  stores: TokenStores,
  { audit, now }: { readonly audit: Audit; readonly now: Clock },
  ended: {
    readonly linkedToolId: LinkedToolId;
    readonly why: EndedWhy;
    readonly actor: string;
    readonly origin: Origin;
  },
): Promise<boolean> {
  const { linkedToolId, why, actor, origin } = ended;
  const linkedByIt = await stores.tokens.findLinkedBy(linkedToolId);
  if (!(await stores.tokens.endLinkedTool(linkedToolId, now(), why))) return false;
  for (const { linkedToolId: linkedTool, accountId, name } of linkedByIt) {
    const details = { linkedTool, name, why: 'parent-ended' };
    await audit.record(stores, { event: 'tool-unlinked', accountId, actor, origin, details });
  }
  return true;
}
