// How an approved link becomes tokens, once; and, for a tool that proves its key, the same tokens again where the answer was lost.
// Who may poll, and how links stand, is in `links-tool`; what a token is for, in `services`. RFC 8628 §3.5, RFC 8707.
import type { Audit } from './audit.js';
import type { Client } from './clients.js';
import type { ApprovedLink, DeviceCodeKey, LinkCheckpoint, LinkStanding, LinkStores } from './links.js';
import { recordWithdrawn } from './links-withdrawn.js';
import { spendProofWithin, type Proof } from './dpop.js';
import type { Services, Target } from './services.js';
import { reopenLinkedTool } from './tokens-reopened.js';
import type { Issue, LinkedTool, Tokens } from './tokens.js';
import {
  DomainError,
  isRefusal,
  type AccountId,
  type Clock,
  type InTransaction,
  type LinkId,
  type Origin,
} from './vocabulary.js';

export interface RedemptionDependencies<Stores extends LinkStores> {
  readonly inTransaction: InTransaction<Stores>;
  readonly tokens: Tokens;
  readonly services: Pick<Services, 'pickTarget'>;
  readonly audit: Audit;
  readonly now: Clock;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  readonly checkpoint: LinkCheckpoint;
}

/** Who comes for the tokens of a link. */
export interface Redeemer {
  readonly deviceCode: string;
  readonly client: Client;
  readonly origin: Origin;
  /** The proof that came with this request. */
  readonly proof?: Proof | undefined;
  /** The service that the token shall be for, of those that were granted. */
  readonly resources?: readonly string[] | undefined;
}

/** A tool whose answer was lost may come again, so long after the first time. */
const ANSWERED_AGAIN_SECONDS = 60;

/** Whether a link was redeemed by the holder of this key a moment ago: then its tokens may be had again. */
export function mayBeAnsweredAgain(
  { state, keyThumbprint, redeemedAt }: LinkStanding,
  proven: string | undefined,
  now: Date,
): boolean {
  if (state !== 'redeemed' || !redeemedAt || proven === undefined || keyThumbprint !== proven) return false;
  return now.getTime() - redeemedAt.getTime() <= ANSWERED_AGAIN_SECONDS * 1000;
}

export function createRedemption<Stores extends LinkStores>(dependencies: RedemptionDependencies<Stores>) {
  const { inTransaction, tokens, services, audit, now, mayReceiveToken, checkpoint } = dependencies;

  /** Undefined where no service is in play: the token is for this provider, and for all that was granted. */
  async function targetOf(
    stores: Stores,
    granted: Pick<ApprovedLink, 'scope' | 'resources'>,
    asked: readonly string[] = [],
  ): Promise<Target | undefined> {
    if (!granted.resources && asked.length === 0) return undefined;
    return services.pickTarget(stores, granted, { asked });
  }

  /** One transaction: the state, the linked tool, the claims, the refresh token and the audit row, all or nothing. */
  async function redeemInside(
    stores: Stores,
    key: DeviceCodeKey,
    asked: Redeemer,
  ): Promise<{ issue: Issue; link: ApprovedLink } | 'lost'> {
    const { deviceCode, client, origin, proof, resources } = asked;
    const link = await stores.links.redeem(key, client.clientId, now(), proof?.thumbprint);
    checkpoint('redeem:updated');
    if (!link) return 'lost';
    if (proof) await spendProofWithin(stores, proof);
    const { approval } = link;
    // Looked at again here: an account that was locked or closed since the approval gets no token (CHECKLIST 5).
    if (!(await mayReceiveToken(stores, approval.accountId))) throw new DomainError('account-closed');
    const isPlain = !link.resources && !resources;
    const target = isPlain ? undefined : await targetOf(stores, link, resources);
    const issue = await tokens.openLinkedTool(stores, {
      linkId: link.linkId,
      door: link.door,
      scope: link.scope,
      keyThumbprint: link.keyThumbprint,
      resources: link.resources,
      audience: target?.audience,
      tokenScope: target?.scope,
      accountId: approval.accountId,
      subjectId: approval.subjectId,
      authenticatedAt: approval.authenticatedAt,
      methods: approval.methods,
      household: approval.household,
      client,
      presented: deviceCode,
      origin,
    });
    checkpoint('redeem:opened');
    await audit.record(stores, {
      event: 'link-redeemed',
      accountId: approval.accountId,
      actor: client.clientId,
      origin,
      details: { tool: issue.tool.name, linkedTool: issue.tool.linkedToolId },
    });
    return { issue, link };
  }

  /** What was approved by an account that may have no token any more. */
  async function withdraw(key: DeviceCodeKey, { clientId }: Client, origin: Origin): Promise<void> {
    await inTransaction(async (stores) => {
      const link = await stores.links.withdraw(key, now());
      if (link) await recordWithdrawn(stores, audit, [link], { actor: clientId, origin });
    });
  }

  return {
    /** `lost` where the link is in no state to be redeemed, by this client, with this key; or its account in none. */
    async redeem(
      key: DeviceCodeKey,
      asked: Redeemer,
    ): Promise<{ issue: Issue; link: ApprovedLink } | 'lost'> {
      try {
        return await inTransaction((stores) => redeemInside(stores, key, asked));
      } catch (error) {
        if (!isRefusal(error, 'account-closed')) throw error;
        await withdraw(key, asked.client, asked.origin);
        return 'lost';
      }
    },

    /** What an earlier request redeemed, for a link that `mayBeAnsweredAgain`; undefined where it cannot be had any more. */
    redeemAgain(linkId: LinkId, proof: Proof, asked: Redeemer): Promise<Issue | undefined> {
      const { client, deviceCode } = asked;
      const keyThumbprint = proof.thumbprint;
      return inTransaction(async (stores) => {
        await spendProofWithin(stores, proof);
        const tokenScope = async ({ scope, resources, audience }: LinkedTool): Promise<string> =>
          (await targetOf(stores, { scope, resources }, [audience]))?.scope ?? scope;
        const about = { linkId, client, presented: deviceCode, keyThumbprint, tokenScope };
        const issue = await reopenLinkedTool(stores, tokens, about);
        return issue && (await mayReceiveToken(stores, issue.tool.accountId)) ? issue : undefined;
      });
    },
  };
}
