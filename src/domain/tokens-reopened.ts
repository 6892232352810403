// The first tokens of a linked tool once more, for a tool that has proved its key: the answer that they came in was lost. Nothing
// new is made: the access token has the same jti, the refresh token is the same. When they were first made, and how long after
// they may be had again, is for those who redeem a link or a code. DESIGN 3.
import type { Client } from './clients.js';
import { refreshTokenKey } from './tokens-derived.js';
import type { Issue, LinkedTool, Tokens, TokenStores } from './tokens.js';
import type { LinkId } from './vocabulary.js';

export interface Reopening {
  readonly linkId: LinkId;
  readonly client: Client;
  /** The secret that the tool was opened with. */
  readonly presented: string;
  /** The key that was proved with this request. */
  readonly keyThumbprint: string;
  /** What the first token opened, where no refresh token beside it says so. */
  readonly tokenScope: (tool: LinkedTool) => Promise<string>;
}

/** Undefined for another key, another client, another secret, and once the tool has ended or its refresh token was used. */
export async function reopenLinkedTool(
  stores: TokenStores,
  { deriveRefreshToken }: Pick<Tokens, 'deriveRefreshToken'>,
  { linkId, client, presented, keyThumbprint, tokenScope }: Reopening,
): Promise<Issue | undefined> {
  const tool = await stores.tokens.findToolOfLink(linkId);
  const isOurs = tool?.clientId === client.clientId && tool.keyThumbprint === keyThumbprint;
  if (!tool || tool.endedAt || !isOurs) return undefined;
  const first = await stores.tokens.findGeneration(tool.linkedToolId, 0);
  if (first?.usedAt) return undefined;
  const issue = { tool, client, access: tool.firstAccess, keyThumbprint };
  if (!first) return { ...issue, scope: await tokenScope(tool), refreshToken: undefined };
  const made = { presented, family: tool.linkedToolId, generation: 0, at: first.createdAt };
  const refreshToken = deriveRefreshToken(first.keyId, made);
  if (refreshTokenKey(refreshToken) !== first.tokenHash) return undefined;
  return { ...issue, scope: first.scope, refreshToken };
}
