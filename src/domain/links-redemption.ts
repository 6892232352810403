// How an approved link becomes tokens, once; and, for a tool that proves its key, the same tokens again where the answer was lost.
// Who may poll, and how links stand, is in `links-tool`; what a token is for, in `services`. RFC 8628 §3.5, RFC 8707.
import type { Audit } from './audit.js';
import type { Client } from './clients.js';
import type {
  ApprovedLink,
  DeviceCodeKey,
  LinkCheckpoint,
  LinkRedeemer,
  LinkStanding,
  LinkStores,
} from './links.js';
import { recordWithdrawn } from './links-withdrawn.js';
import { spendProofWithin, type Proof } from './dpop.js';
import type { Services, Target } from './services.js';
import { reopenLinkedTool } from './tokens-reopened.js';
import type { Issue, LinkedTool, NewLinkedTool, Tokens } from './tokens.js';
import type { AccountId, Clock, InBatch, InTransaction, LinkId, Origin } from './vocabulary.js';

export interface RedemptionDependencies<Stores extends LinkStores> {
  /** For reading what has been committed. */
  readonly stores: Stores;
  readonly inTransaction: InTransaction<Stores>;
  readonly inBatch: InBatch<Stores>;
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
  const { stores, inTransaction, inBatch, tokens, services, audit, now } = dependencies;
  const { mayReceiveToken, checkpoint } = dependencies;

  const redeemerOf = ({ client, proof }: Redeemer): LinkRedeemer => ({
    clientId: client.clientId,
    keyThumbprint: proof?.thumbprint,
    now: now(),
  });

  /** Undefined where no service is in play: the token is for this provider, and for all that was granted. */
  async function targetOf(
    stores: Stores,
    granted: Pick<ApprovedLink, 'scope' | 'resources'>,
    asked: readonly string[] = [],
  ): Promise<Target | undefined> {
    if (!granted.resources && asked.length === 0) return undefined;
    return services.pickTarget(stores, granted, { asked });
  }

  /** What a link gives that can be redeemed now: nothing of it counts before it is kept. */
  async function open(
    link: ApprovedLink,
    { deviceCode, client, origin, proof, resources }: Redeemer,
  ): Promise<NewLinkedTool> {
    const { approval } = link;
    const isPlain = !link.resources && !resources;
    const target = isPlain ? undefined : await targetOf(stores, link, resources);
    return tokens.makeLinkedTool({
      linkId: link.linkId,
      door: link.door,
      scope: link.scope,
      keyThumbprint: proof?.thumbprint ?? link.keyThumbprint,
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
  }

  /**
   * One transaction: the state, the proof, the linked tool, the claims, the refresh token and the audit row, all or nothing.
   * What was looked at before still holds, or has moved the link: whoever closes an account, or takes it over, withdraws its
   * links in the same transaction. A lock that falls in between comes as if it had fallen after.
   */
  async function keep(key: DeviceCodeKey, opened: NewLinkedTool, asked: Redeemer): Promise<boolean> {
    const { client, origin, proof } = asked;
    const { tool } = opened.issue;
    return inBatch((inside) => [
      inside.links.redeem(key, redeemerOf(asked)),
      ...(proof ? [spendProofWithin(inside, proof)] : []),
      ...tokens.writesOf(opened).map((write) => write(inside)),
      audit.record(inside, {
        event: 'link-redeemed',
        accountId: tool.accountId,
        actor: client.clientId,
        origin,
        details: { tool: tool.name, linkedTool: tool.linkedToolId },
      }),
    ]);
  }

  /** What was approved by an account that may have no token any more. */
  async function withdraw(key: DeviceCodeKey, { clientId }: Client, origin: Origin): Promise<void> {
    await inTransaction(async (stores) => {
      const link = await stores.links.withdraw(key, now());
      if (link) await recordWithdrawn(stores, audit, [link], { actor: clientId, origin });
    });
  }

  return {
    /**
     * `lost` where the link is in no state to be redeemed, by this client, with this key; or its account in none. Refuses
     * `dpop-proof-invalid` for a proof that was used before.
     */
    async redeem(
      key: DeviceCodeKey,
      asked: Redeemer,
    ): Promise<{ issue: Issue; link: ApprovedLink } | 'lost'> {
      const link = await stores.links.findRedeemable(key, redeemerOf(asked));
      checkpoint('redeem:found');
      if (!link) return 'lost';
      // Looked at again here: an account that was locked or closed since the approval gets no token (CHECKLIST 5).
      if (!(await mayReceiveToken(stores, link.approval.accountId))) {
        await withdraw(key, asked.client, asked.origin);
        return 'lost';
      }
      const opened = await open(link, asked);
      if (await keep(key, opened, asked)) return { issue: opened.issue, link };
      // The link or the proof, one of them was used up by somebody else; for a proof this refuses.
      const { proof } = asked;
      if (proof && (await stores.links.findRedeemable(key, redeemerOf(asked))))
        await inTransaction((inside) => spendProofWithin(inside, proof));
      return 'lost';
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
