// Collecting the token of an approved link that is polled by its number: once from the link to a linked tool, in one transaction,
// and then the same token again at every reading. No token is kept: each is signed again from what was stored, with the key
// that was stored. DESIGN 3; PIN-API 3.2.
import type { Audit } from './audit.js';
import type { ProofClaims } from './device-keys-proof.js';
import { DEVICE_TOKEN_SECONDS } from './device-keys-tokens.js';
import type { DeviceKeys } from './device-keys.js';
import type { NumberedLinkRow, NumberedLinkStore, NumberedLinkStores } from './links-numbered.js';
import type { LinkCheckpoint } from './links.js';
import { recordWithdrawn } from './links-withdrawn.js';
import type { Throttle } from './throttle.js';
import type { TokensLasting } from './tokens-lasting.js';
import type { TokensStanding } from './tokens-standing.js';
import type { LinkedTool, TokenStore } from './tokens.js';
import {
  DomainError,
  isRefusal,
  type AccountId,
  type Clock,
  type InTransaction,
  type Origin,
} from './vocabulary.js';

export interface RedemptionDependencies<Stores extends NumberedLinkStores> {
  readonly store: NumberedLinkStore;
  readonly tokenStore: TokenStore;
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly throttle: Throttle;
  readonly tokensLasting: Pick<
    TokensLasting,
    'openLasting' | 'signLasting' | 'signingKid' | 'lastingSeconds'
  >;
  readonly standing: Pick<TokensStanding, 'findLiveTool'>;
  readonly deviceKeys: Pick<DeviceKeys, 'bindLinked' | 'signFirst' | 'signingKid' | 'checkProof'>;
  readonly now: Clock;
  readonly newId: () => string;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  readonly describeDecider: (accountId: AccountId) => Promise<{ readonly createdAt: Date } | undefined>;
  readonly checkpoint?: LinkCheckpoint;
}

export function createRedemption<Stores extends NumberedLinkStores>(
  dependencies: RedemptionDependencies<Stores>,
) {
  const { tokenStore, inTransaction, audit, throttle, tokensLasting, standing, deviceKeys, now } =
    dependencies;
  const { mayReceiveToken, describeDecider, checkpoint = () => undefined } = dependencies;

  /**
   * Looked at again here: no token for an account, or through a tool, that has lost its standing since the approval.
   * Resolves to when the token ends that has linked this tool, where one has: then whatever it linked ends too.
   */
  async function findEnd(stores: Stores, { numbered, ...link }: NumberedLinkRow): Promise<Date | undefined> {
    if (!('approval' in link) || !(await mayReceiveToken(stores, link.approval.accountId)))
      throw new DomainError('account-closed');
    if (numbered.parentToolId === undefined) return undefined;
    const parent = await stores.tokens.findLinkedTool(numbered.parentToolId);
    if (!parent || parent.endedAt) throw new DomainError('account-closed');
    return parent.firstAccess.expiresAt;
  }

  /** One transaction: the state, the linked tool with its claims, its key and the audit row, all or nothing. */
  async function redeemInside(
    stores: Stores,
    { numbered: { number }, clientId }: NumberedLinkRow,
    proof: ProofClaims | undefined,
    origin: Origin,
  ): Promise<LinkedTool | undefined> {
    const link = await stores.numberedLinks.redeem(number, clientId, now());
    checkpoint('redeem:updated');
    if (!link || link.state !== 'redeemed') return undefined;
    const endsAt = await findEnd(stores, link);
    const { linkId, scope, approval, numbered } = link;
    const { deviceKey, parentToolId, tool: description } = numbered;
    // The link kept its key; a proof of it was asked for on the way here.
    if (deviceKey && !proof) throw new DomainError('key-proof-wrong');
    const tool = await tokensLasting.openLasting(stores, {
      linkId,
      clientId,
      scope,
      accountId: approval.accountId,
      subjectId: approval.subjectId,
      authenticatedAt: approval.authenticatedAt,
      methods: approval.methods,
      household: approval.household,
      keyThumbprint: deviceKey?.thumbprint,
      parentToolId,
      description,
      seconds: deviceKey ? DEVICE_TOKEN_SECONDS : tokensLasting.lastingSeconds,
      ...(endsAt ? { endsAt } : {}),
      kid: deviceKey ? deviceKeys.signingKid() : tokensLasting.signingKid(),
      origin,
    });
    if (deviceKey && proof)
      await deviceKeys.bindLinked(stores, { tool, key: deviceKey, claims: proof, endsAt, origin });
    checkpoint('redeem:opened');
    await audit.record(stores, {
      event: 'link-redeemed',
      accountId: tool.accountId,
      actor: clientId,
      origin,
      details: { tool: tool.name, linkedTool: tool.linkedToolId },
    });
    return tool;
  }

  /** The linked tool that this poll, or an earlier one, made of the link; undefined where there can be none. */
  async function redeem(
    link: NumberedLinkRow,
    proof: ProofClaims | undefined,
    origin: Origin,
  ): Promise<void> {
    checkpoint('redeem:before');
    try {
      const tool = await inTransaction((stores) => redeemInside(stores, link, proof, origin));
      checkpoint('redeem:committed');
      if (tool) await throttle.giveBack('live-links-by-network', link.network);
    } catch (error) {
      if (!isRefusal(error, 'account-closed')) throw error;
      await inTransaction(async (stores) => {
        const withdrawn = await stores.numberedLinks.withdraw(link.numbered.number, now());
        if (withdrawn) await recordWithdrawn(stores, audit, [withdrawn], { actor: link.clientId, origin });
      });
    }
  }

  /** Signed again from the stored claims, if the tool still counts. */
  async function signAgain(link: NumberedLinkRow): Promise<{ tool: LinkedTool; token: string } | undefined> {
    const left = await tokenStore.findToolOfLink(link.linkId);
    const tool = left && (await standing.findLiveTool(left.linkedToolId));
    if (!tool || (await tokenStore.isAccessRevoked(tool.firstAccess.jti))) return undefined;
    const isKeyed = link.numbered.deviceKey !== undefined;
    // A tool that registered a key afterwards has no token without it any more.
    if (isKeyed !== (tool.keyThumbprint !== undefined)) return undefined;
    try {
      const token = await (isKeyed ? deviceKeys.signFirst(tool) : tokensLasting.signLasting(tool));
      checkpoint('redeem:signed');
      return { tool, token };
    } catch (error) {
      if (isRefusal(error, 'token-invalid')) return undefined;
      throw error;
    }
  }

  return {
    /**
     * The token of a link that is approved or redeemed, and in time: redeems it where nobody has. Undefined when there is
     * none to be had: withdrawn, unlinked, its account not in standing, its key gone.
     */
    async collect(
      link: NumberedLinkRow,
      proof: ProofClaims | undefined,
      origin: Origin,
    ): Promise<{ token: string; isNewAccount: boolean } | undefined> {
      if (link.state === 'approved') await redeem(link, proof, origin);
      const signed = await signAgain(link);
      if (!signed) return undefined;
      const account = await describeDecider(signed.tool.accountId);
      const isNewAccount = account !== undefined && account.createdAt >= link.createdAt;
      return { token: signed.token, isNewAccount };
    },
  };
}
