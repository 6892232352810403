// The list of linked tools that a person sees, whatever door each came through: name them, unlink them.
// Unlinking ends every token of the tool at once; how that is noticed is in `tokens-standing`. A tool with a password of its own
// would be back at once: the two end together, whichever of them is ended.
import type { AppPassword, AppPasswordStore } from './app-password-records.js';
import { cleanClientName } from './clients.js';
import type { Audit } from './audit.js';
import { endToolWithin } from './tokens-ending.js';
import { isSwitched } from './tokens-claims.js';
import type { LinkedTool, TokenStore, TokenStores } from './tokens.js';
import {
  DomainError,
  type AccountId,
  type Clock,
  type InTransaction,
  type LinkedToolId,
  type Origin,
} from './vocabulary.js';

export interface LinkedToolsStores extends TokenStores {
  readonly appPasswords: Pick<AppPasswordStore, 'findByAccount' | 'remove'>;
}

export interface LinkedToolsDependencies<Stores extends LinkedToolsStores> {
  readonly store: TokenStore;
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly now: Clock;
}

/** A tool that has ended, or whose last token has, is kept for a while: it explains what the activity speaks of. */
const KEPT_SECONDS = 30 * 24 * 3600;
/** A tool with a key of its own renews its tokens for 90 days after its approval, and the last one lives for a week. */
const KEY_LIFE_SECONDS = 97 * 24 * 3600;

interface AboutTool {
  readonly accountId: AccountId;
  readonly linkedToolId: LinkedToolId;
  readonly origin: Origin;
}

export type LinkedTools = ReturnType<typeof createLinkedTools>;

export function createLinkedTools<Stores extends LinkedToolsStores>(
  dependencies: LinkedToolsDependencies<Stores>,
) {
  const { store, inTransaction, audit, now } = dependencies;

  async function endTool(stores: LinkedToolsStores, tool: LinkedTool, origin: Origin): Promise<boolean> {
    const ended = {
      linkedToolId: tool.linkedToolId,
      why: 'unlinked',
      actor: tool.accountId,
      origin,
    } as const;
    if (!(await endToolWithin(stores, { audit, now }, ended))) return false;
    await audit.record(stores, {
      event: 'tool-unlinked',
      accountId: tool.accountId,
      actor: tool.accountId,
      origin,
      details: { linkedTool: tool.linkedToolId, name: tool.name },
    });
    return true;
  }

  /** Ends an app password with the tools that came in with it. False when it is no more. */
  async function revokeWithin(
    stores: LinkedToolsStores,
    { appPasswordId, accountId, name }: Pick<AppPassword, 'appPasswordId' | 'accountId' | 'name'>,
    origin: Origin,
  ): Promise<boolean> {
    if (!(await stores.appPasswords.remove(appPasswordId, accountId))) return false;
    await audit.record(stores, {
      event: 'app-password-revoked',
      accountId,
      actor: accountId,
      origin,
      details: { appPassword: appPasswordId, name },
    });
    for (const tool of await stores.tokens.findLinkedTools(accountId)) {
      if (tool.appPasswordId === appPasswordId) await endTool(stores, tool, origin);
    }
    return true;
  }

  async function end(stores: LinkedToolsStores, tool: LinkedTool, origin: Origin): Promise<boolean> {
    const isEnded = await endTool(stores, tool, origin);
    const made = tool.appPasswordId && (await stores.appPasswords.findByAccount(tool.accountId));
    const own = made && made.find(({ appPasswordId }) => appPasswordId === tool.appPasswordId);
    if (own) await revokeWithin(stores, own, origin);
    return isEnded;
  }

  /** The same as `unlinkAllTools`, in the caller's transaction. */
  async function unlinkAllWithin(
    stores: LinkedToolsStores,
    { accountId, origin }: Omit<AboutTool, 'linkedToolId'>,
  ): Promise<number> {
    let ended = 0;
    for (const tool of await stores.tokens.findLinkedTools(accountId)) {
      if (await end(stores, tool, origin)) ended += 1;
    }
    return ended;
  }

  return {
    unlinkAllWithin,
    revokeWithin,

    /** The live ones, the newest first. */
    listLinkedTools: (accountId: AccountId): Promise<LinkedTool[]> => store.findLinkedTools(accountId),

    /**
     * Those that a tool may know of: all that were linked for whom it speaks for; with a token of the account itself also those
     * for members whom it answers for. One that was switched from another is told to itself only, and knows no other.
     */
    async listForTool(tool: LinkedTool): Promise<LinkedTool[]> {
      const tools = await store.findLinkedTools(tool.accountId);
      if (isSwitched(tool)) return tools.filter(({ linkedToolId }) => linkedToolId === tool.linkedToolId);
      const isOwn = (tool.subjectId as string) === tool.accountId;
      return tools.filter((known) => !isSwitched(known) && (isOwn || known.subjectId === tool.subjectId));
    },

    /** Refuses `not-found` (also for another account's), and `client-metadata-invalid` for a name that says nothing. */
    async renameLinkedTool({
      accountId,
      linkedToolId,
      name,
      origin,
    }: AboutTool & { name: string }): Promise<void> {
      const cleaned = cleanClientName(name);
      if (cleaned === '')
        throw new DomainError('client-metadata-invalid', { publicDetail: 'a tool needs a name' });
      await inTransaction(async (stores) => {
        if (!(await stores.tokens.rename(linkedToolId, accountId, cleaned)))
          throw new DomainError('not-found');
        const details = { linkedTool: linkedToolId, name: cleaned };
        await audit.record(stores, { event: 'tool-renamed', accountId, actor: accountId, origin, details });
      });
    },

    /** Refuses `not-found`, also for another account's. Unlinking twice is fine. Its app password ends with it. */
    async unlinkTool({ accountId, linkedToolId, origin }: AboutTool): Promise<void> {
      await inTransaction(async (stores) => {
        const tool = await stores.tokens.findLinkedTool(linkedToolId);
        if (!tool || tool.accountId !== accountId) throw new DomainError('not-found');
        await end(stores, tool, origin);
      });
    },

    /** Forgets tools a month after they ended, or after the last of their tokens did. Resolves to how many. */
    removeDead: (): Promise<number> =>
      inTransaction(({ tokens }) => {
        const before = (seconds: number): Date => new Date(now().getTime() - seconds * 1000);
        return tokens.removeDead(before(KEPT_SECONDS), before(KEPT_SECONDS + KEY_LIFE_SECONDS));
      }),

    /** Resolves to how many were unlinked. */
    unlinkAllTools: (about: Omit<AboutTool, 'linkedToolId'>): Promise<number> =>
      inTransaction((stores) => unlinkAllWithin(stores, about)),
  };
}
