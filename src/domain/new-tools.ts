// New linked tools: their owner is told of each by mail, within seconds and exactly once, and the mail leads to a page on which
// a tool that nobody knows is unlinked. That address approves nothing and opens nothing: it names a tool to whoever signs in
// as its owner, and is not kept, but keyed. A redeeming request writes nothing for it: the tool's own row says what is due.
import { equal, type Keyring } from '../crypto/secrets.js';
import type { AccountStore } from './account-records.js';
import type { LinkedTools } from './linked-tools.js';
import { whereAndWhen, type Notices, type OutboxStore } from './notices.js';
import type { LinkedTool, TokenStore } from './tokens.js';
import type { AccountId, Clock, InTransaction, LinkedToolId, Origin } from './vocabulary.js';

/** Long enough to come home to. */
const ADDRESS_SECONDS = 14 * 86_400;
const LONGEST_TOKEN = 200;
const MOST_AT_ONCE = 100;
const MAC_CONTEXT = 'not-me';

interface NewToolsStores {
  readonly tokens: Pick<TokenStore, 'markTold'>;
  readonly accounts: Pick<AccountStore, 'find'>;
  readonly outbox: OutboxStore;
}

export interface NewToolsDependencies {
  readonly store: Pick<TokenStore, 'findLinkedTool' | 'findUntold'>;
  readonly inTransaction: InTransaction<NewToolsStores>;
  readonly linkedTools: Pick<LinkedTools, 'unlinkTool'>;
  readonly notices: Notices;
  readonly keyring: Pick<Keyring, 'mac' | 'macs'>;
  readonly now: Clock;
  readonly settings: { readonly publicUrl: string };
}

export type NewTools = ReturnType<typeof createNewTools>;

export function createNewTools({
  store,
  inTransaction,
  linkedTools,
  notices,
  keyring,
  now,
  settings,
}: NewToolsDependencies) {
  /** `<linked tool>.<seconds since 1970>.<mac>`; the mac has a dot of its own. */
  function addressOf({ linkedToolId }: LinkedTool): string {
    const until = String(Math.floor(now().getTime() / 1000) + ADDRESS_SECONDS);
    const mac = keyring.mac('mail-token', MAC_CONTEXT, linkedToolId, until);
    return `${settings.publicUrl}/not-me?token=${linkedToolId}.${until}.${mac}`;
  }

  /** What a token names; undefined for one that is not ours, or more than 14 days old. */
  function readToken(token: string): LinkedToolId | undefined {
    if (token.length > LONGEST_TOKEN) return undefined;
    const [linkedToolId = '', until = '', ...rest] = token.split('.');
    const expected = keyring.macs('mail-token', MAC_CONTEXT, linkedToolId, until);
    const isOurs = expected.some((mac) => equal(mac, rest.join('.')));
    return isOurs && Number(until) * 1000 > now().getTime() ? (linkedToolId as LinkedToolId) : undefined;
  }

  async function find(accountId: AccountId, token: string): Promise<LinkedTool | undefined> {
    const linkedToolId = readToken(token);
    const tool = linkedToolId && (await store.findLinkedTool(linkedToolId));
    return tool?.accountId === accountId ? tool : undefined;
  }

  /** At an address that the owner has proved. Two processes at once: one of them tells. */
  async function tell(stores: NewToolsStores, tool: LinkedTool): Promise<void> {
    if (!(await stores.tokens.markTold(tool.linkedToolId))) return;
    const account = await stores.accounts.find(tool.accountId);
    if (!account || account.emailVerifiedAt === undefined) return;
    const { accountId, email, username, language } = account;
    const place = whereAndWhen({ networkAddress: tool.linkedFrom }, tool.linkedAt);
    const details = { username, tool: tool.name, address: addressOf(tool), ...place };
    await notices.tell(
      stores,
      'tool-linked',
      { email, language: language ?? 'en', accountId },
      details,
      ADDRESS_SECONDS,
    );
  }

  return {
    /** Tells the owners of tools that were linked since, each in one transaction with the note that it was done. */
    async tellOwners(): Promise<void> {
      for (const tool of await store.findUntold(MOST_AT_ONCE))
        await inTransaction((stores) => tell(stores, tool));
    },

    /** The tool that the address in a mail is about, ended or not; undefined for anybody but its owner. */
    findNewTool: find,

    /** Unlinks it, with its key and what it linked itself. Resolves to false for a token that `findNewTool` does not know. */
    async disownTool(accountId: AccountId, token: string, origin: Origin): Promise<boolean> {
      const tool = await find(accountId, token);
      if (!tool) return false;
      await linkedTools.unlinkTool({ accountId, linkedToolId: tool.linkedToolId, origin });
      return true;
    },
  };
}
