// How a code becomes tokens, once; what its second use ends; and, for a tool that proves its key, the same tokens again where the
// answer was lost. How a code comes to be is in `authorizations-person`. RFC 6749 §4.1.2, §4.1.3; RFC 7636 §4.6; RFC 9700 §4.5;
// RFC 9449 §5; RFC 8707 §2.2.
import { sha256 } from '../crypto/secrets.js';
import type { Audit, AuditStore } from './audit.js';
import type {
  ApprovedAuthorization,
  AuthorizationStore,
  CodeShown,
  RedeemedAuthorization,
} from './authorizations.js';
import type { Client, ClientStore } from './clients.js';
import { spendProofWithin, type Proof } from './dpop.js';
import type { ForWhomDependencies } from './links-for-whom.js';
import type { Granted, Services, ServiceStore, Target } from './services.js';
import type { Throttle } from './throttle.js';
import { isSwitched } from './tokens-claims.js';
import { endToolWithin } from './tokens-ending.js';
import { reopenLinkedTool } from './tokens-reopened.js';
import type { Issue, IssuedTokens, LinkedTool, Tokens, TokenStore, TokenStores } from './tokens.js';
import type { UsedProofStore } from './used-proofs.js';
import {
  DomainError,
  isRefusal,
  type AccountId,
  type AuthorizationId,
  type Clock,
  type InTransaction,
  type LinkId,
  type Origin,
} from './vocabulary.js';

export interface AuthorizationStores extends TokenStores {
  readonly authorizations: AuthorizationStore;
  readonly clients: Pick<ClientStore, 'markUsed'>;
  readonly usedProofs: UsedProofStore;
  readonly services: Pick<ServiceStore, 'find'>;
  readonly audit: AuditStore;
}

/** Moments at which a fault test may end the process. */
export type AuthorizationCheckpoint = (
  moment: 'code:before' | 'code:updated' | 'code:opened' | 'code:committed',
) => void;

export interface CodeRedemptionDependencies<Stores extends AuthorizationStores> extends Pick<
  ForWhomDependencies<Stores>,
  'findApproved'
> {
  readonly inTransaction: InTransaction<Stores>;
  readonly tokens: Pick<Tokens, 'makeLinkedTool' | 'writesOf' | 'deriveRefreshToken' | 'signIssue'>;
  readonly services: Pick<Services, 'pickTarget'>;
  readonly throttle: Pick<Throttle, 'giveBack'>;
  readonly audit: Audit;
  readonly now: Clock;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  readonly checkpoint?: AuthorizationCheckpoint;
}

/** How long a tool that proves its key may have a lost answer again. */
const ANSWERED_AGAIN_SECONDS = 60;
/** RFC 7636 §4.1. */
const VERIFIER = /^[\w.~-]{43,128}$/;

/** What a tool shows for its code. */
export interface Redeeming {
  readonly code: string;
  readonly client: Client;
  readonly redirectUri: string;
  readonly verifier: string;
  /** The proof that came along. */
  readonly proof?: Proof | undefined;
  /** The service that the token shall be for, of those that were granted. */
  readonly resources?: readonly string[] | undefined;
  readonly origin: Origin;
}

/** A code begins with the id of its authorization; what makes it a secret comes behind the first dot. */
function readCode({ code, client, redirectUri, verifier, proof }: Redeeming): CodeShown | undefined {
  const dot = code.indexOf('.');
  if (dot <= 0 || !VERIFIER.test(verifier)) return undefined;
  return {
    authorizationId: code.slice(0, dot) as AuthorizationId,
    codeHash: sha256(code),
    clientId: client.clientId,
    redirectUri,
    codeChallenge: sha256(verifier),
    keyThumbprint: proof?.thumbprint,
  };
}

/** One approval leaves one linked tool, whichever way it came: the schema holds that by this id. */
export const approvalIdOf = (authorizationId: AuthorizationId): LinkId => authorizationId as string as LinkId;

/** The same tool, linked before for the same person by a redirect, the newest first. */
export async function findEarlier(
  store: Pick<TokenStore, 'findLinkedTools'>,
  about: Pick<LinkedTool, 'accountId' | 'subjectId' | 'clientId'>,
): Promise<LinkedTool[]> {
  const linked = await store.findLinkedTools(about.accountId);
  return linked.filter(
    (tool) =>
      tool.clientId === about.clientId &&
      tool.subjectId === about.subjectId &&
      tool.redirectUri !== undefined &&
      !isSwitched(tool),
  );
}

export function createCodeRedemption<Stores extends AuthorizationStores>(
  dependencies: CodeRedemptionDependencies<Stores>,
) {
  const { inTransaction, tokens, services, throttle, audit, now, mayReceiveToken } = dependencies;
  const { checkpoint = () => undefined } = dependencies;

  /** The person's standing is asked for again: an account that was closed since, or a member who left, gets no token. */
  async function refuseWithoutStanding(stores: Stores, found: ApprovedAuthorization): Promise<void> {
    const { accountId, subjectId } = found.approval;
    if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('account-closed');
    try {
      await dependencies.findApproved(stores, accountId, subjectId);
    } catch (error) {
      throw isRefusal(error, 'not-found') ? new DomainError('grant-invalid') : error;
    }
  }

  /** The tool in its place on the list: under the name that its owner gave it, without those of it that are spent. */
  async function takePlace(stores: Stores, tool: LinkedTool, isRemembered: boolean): Promise<LinkedTool> {
    const { linkedToolId, accountId } = tool;
    const earlier = (await findEarlier(stores.tokens, tool)).find(
      (known) => known.linkedToolId !== linkedToolId,
    );
    await stores.authorizations.forgetSpent(tool, now());
    // Its owner was told of it when they approved it.
    if (isRemembered) await stores.tokens.markTold(linkedToolId);
    if (!earlier || earlier.name === tool.name) return tool;
    await stores.tokens.rename(linkedToolId, accountId, earlier.name);
    return { ...tool, name: earlier.name };
  }

  async function open(stores: Stores, found: ApprovedAuthorization, asked: Redeeming): Promise<Issue> {
    const { client, code, proof, origin } = asked;
    const { approval } = found;
    const target = await targetOf(stores, found, asked.resources);
    const opened = tokens.makeLinkedTool({
      linkId: approvalIdOf(found.authorizationId),
      door: 'oauth',
      scope: found.scope,
      // Bound by the proof, where the request had named no key (RFC 9449 §5).
      keyThumbprint: proof?.thumbprint,
      resources: found.resources,
      audience: target?.audience,
      tokenScope: target?.scope,
      accountId: approval.accountId,
      subjectId: approval.subjectId,
      authenticatedAt: approval.authenticatedAt,
      methods: approval.methods,
      household: approval.household,
      redirectUri: found.redirectUri,
      client,
      presented: code,
      origin,
    });
    for (const write of tokens.writesOf(opened)) await write(stores);
    const { issue } = opened;
    checkpoint('code:opened');
    const tool = await takePlace(stores, issue.tool, approval.isRemembered);
    await audit.record(stores, {
      event: 'authorization-redeemed',
      accountId: approval.accountId,
      actor: client.clientId,
      origin,
      details: { tool: tool.name, linkedTool: tool.linkedToolId },
    });
    const { access, scope, refreshToken, audience, keyThumbprint } = issue;
    return { tool, client, access, scope, refreshToken, nonce: found.nonce, audience, keyThumbprint };
  }

  /** Undefined where no service is in play: the token is for this provider, and for all that was granted. */
  async function targetOf(
    stores: Stores,
    { scope, resources }: Granted,
    asked: readonly string[] = [],
  ): Promise<Target | undefined> {
    if (!resources && asked.length === 0) return undefined;
    return services.pickTarget(stores, { scope, resources }, { asked });
  }

  /** The same tokens again, for who proves the key that they are bound to, shortly after: the answer was lost. DESIGN 3. */
  async function answerAgain(
    stores: Stores,
    { redeemedAt, nonce, authorizationId }: RedeemedAuthorization,
    { client, code, proof }: Redeeming,
  ): Promise<Issue | undefined> {
    if (!proof || now().getTime() - redeemedAt.getTime() > ANSWERED_AGAIN_SECONDS * 1000) return undefined;
    const tokenScope = async ({ scope, resources, audience }: LinkedTool): Promise<string> =>
      (await targetOf(stores, { scope, resources }, [audience]))?.scope ?? scope;
    const about = { linkId: approvalIdOf(authorizationId), client, presented: code, tokenScope };
    const issue = await reopenLinkedTool(stores, tokens, { ...about, keyThumbprint: proof.thumbprint });
    if (!issue || !(await mayReceiveToken(stores, issue.tool.accountId))) return undefined;
    await spendProofWithin(stores, proof);
    return { ...issue, nonce };
  }

  /** RFC 6749 §4.1.2: whoever comes second, one of the two is a thief; what the first was given ends. */
  async function endReused(stores: Stores, shown: CodeShown, { client, origin }: Redeeming): Promise<void> {
    const tool = await stores.tokens.findToolOfLink(approvalIdOf(shown.authorizationId));
    if (!tool) return;
    const { linkedToolId, accountId, name } = tool;
    const by = { why: 'code-reused', actor: client.clientId, origin } as const;
    if (!(await endToolWithin(stores, { audit, now }, { linkedToolId, ...by }))) return;
    const details = { linkedTool: linkedToolId, name };
    const entry = { event: 'authorization-code-reused', accountId, actor: client.clientId } as const;
    await audit.record(stores, { ...entry, origin, details });
  }

  return {
    /**
     * Exchanges a code for tokens, once, in one transaction (RFC 6749 §4.1.3). Refuses `grant-not-allowed`, `account-closed`,
     * and `grant-invalid`: unknown, over, another tool's, another redirect address, a verifier or a key that does not fit; then
     * nothing is consumed. A code that fits and was used ends what it has given, before the refusal is answered.
     */
    async redeemCode(asked: Redeeming): Promise<IssuedTokens> {
      const { client } = asked;
      if (!client.metadata.grantTypes.includes('authorization_code'))
        throw new DomainError('grant-not-allowed');
      const shown = readCode(asked);
      if (!shown) throw new DomainError('grant-invalid');
      checkpoint('code:before');
      const redeemed = await inTransaction(async (stores) => {
        const found = await stores.authorizations.redeem(shown, now());
        checkpoint('code:updated');
        if (!found) {
          const earlier = await stores.authorizations.findRedeemed(shown);
          const again = earlier && (await answerAgain(stores, earlier, asked));
          if (again) return { issue: again, network: undefined };
          if (earlier) await endReused(stores, shown, asked);
          return undefined;
        }
        if (asked.proof) await spendProofWithin(stores, asked.proof);
        await refuseWithoutStanding(stores, found);
        return { issue: await open(stores, found, asked), network: found.network };
      });
      if (!redeemed) throw new DomainError('grant-invalid');
      checkpoint('code:committed');
      if (redeemed.network !== undefined)
        void throttle.giveBack('live-authorizations-by-network', redeemed.network);
      return tokens.signIssue(redeemed.issue);
    },
  };
}
