// What a tool does with an authorization: begin it, by the browser's way or by pushing it first, and exchange the code, once.
// The states and their moves are in `authorizations`. RFC 6749 §4.1.3, RFC 7636 §4.6, RFC 9126, RFC 9700 §4.5.
import { sha256 } from '../crypto/secrets.js';
import type { Audit, AuditStore } from './audit.js';
import type {
  ApprovedAuthorization,
  AuthorizationAsked,
  AuthorizationRequest,
  AuthorizationStore,
  CodeShown,
} from './authorizations.js';
import type { Client, ClientStore } from './clients.js';
import type { ForWhomDependencies } from './links-for-whom.js';
import type { Throttle } from './throttle.js';
import { isSwitched } from './tokens-claims.js';
import { endToolWithin } from './tokens-ending.js';
import type { Issue, IssuedTokens, LinkedTool, Tokens, TokenStore, TokenStores } from './tokens.js';
import {
  DomainError,
  isRefusal,
  type AccountId,
  type AuthorizationId,
  type ClientId,
  type Clock,
  type InTransaction,
  type LinkId,
  type Origin,
} from './vocabulary.js';

export interface AuthorizationStores extends TokenStores {
  readonly authorizations: AuthorizationStore;
  readonly clients: Pick<ClientStore, 'markUsed'>;
  readonly audit: AuditStore;
}

/** Moments at which a fault test may end the process. */
export type AuthorizationCheckpoint = (
  moment: 'code:before' | 'code:updated' | 'code:opened' | 'code:committed',
) => void;

export interface AuthorizationsForToolDependencies<Stores extends AuthorizationStores> extends Pick<
  ForWhomDependencies<Stores>,
  'findApproved'
> {
  readonly inTransaction: InTransaction<Stores>;
  readonly tokens: Pick<Tokens, 'openLinkedTool' | 'signIssue'>;
  readonly throttle: Pick<Throttle, 'spend' | 'giveBack'>;
  readonly audit: Audit;
  readonly now: Clock;
  readonly newId: () => string;
  readonly newSecret: () => string;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  readonly checkpoint?: AuthorizationCheckpoint;
}

/** How long a person has, from the tool's redirect to their decision. */
const ASKED_SECONDS = 600;
/** How long a pushed request waits for its browser. RFC 9126 §2.2. */
export const PUSHED_SECONDS = 90;
/** What was begun and never finished is forgotten soon; a spent code stays known for a day, to be noticed again. */
const UNFINISHED_KEPT_SECONDS = 3600;
const REDEEMED_KEPT_SECONDS = 86_400;
const USE_NOTED_EVERY_SECONDS = 86_400;
const LONGEST_USER_AGENT = 300;
/** RFC 7636 §4.1. */
const VERIFIER = /^[\w.~-]{43,128}$/;

/** What a tool shows for its code. */
export interface Redeeming {
  readonly code: string;
  readonly client: Client;
  readonly redirectUri: string;
  readonly verifier: string;
  /** Of the key whose proof came along. */
  readonly keyThumbprint?: string | undefined;
  readonly origin: Origin;
}

export type AuthorizationsForTool = ReturnType<typeof createAuthorizationsForTool>;

/** A code begins with the id of its authorization; what makes it a secret comes behind the first dot. */
function readCode({ code, client, redirectUri, verifier, keyThumbprint }: Redeeming): CodeShown | undefined {
  const dot = code.indexOf('.');
  if (dot <= 0 || !VERIFIER.test(verifier)) return undefined;
  return {
    authorizationId: code.slice(0, dot) as AuthorizationId,
    codeHash: sha256(code),
    clientId: client.clientId,
    redirectUri,
    codeChallenge: sha256(verifier),
    keyThumbprint,
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

export function createAuthorizationsForTool<Stores extends AuthorizationStores>(
  dependencies: AuthorizationsForToolDependencies<Stores>,
) {
  const { inTransaction, tokens, throttle, audit, now, newId, newSecret, mayReceiveToken } = dependencies;
  const { checkpoint = () => undefined } = dependencies;
  const inSeconds = (seconds: number): Date => new Date(now().getTime() + seconds * 1000);

  /** What names it, to a browser or to the tool, is told once and kept as a hash. */
  async function insert(
    state: 'pushed' | 'asked',
    { asked, client, origin }: { asked: AuthorizationAsked; client: Client; origin: Origin },
  ): Promise<string> {
    await throttle.spend('live-authorizations-by-network', origin.network);
    const handle = newSecret();
    const request: AuthorizationRequest = {
      ...asked,
      authorizationId: newId() as AuthorizationId,
      ...arrivedWith(handle, origin),
      network: origin.network,
      ...(state === 'pushed' ? { expiresAt: inSeconds(PUSHED_SECONDS) } : {}),
    };
    const usedAt = client.lastUsedAt?.getTime() ?? 0;
    await inTransaction(async (stores) => {
      if (now().getTime() - usedAt > USE_NOTED_EVERY_SECONDS * 1000)
        await stores.clients.markUsed(client.clientId, now());
      await stores.authorizations.insert(request, state);
    });
    return handle;
  }

  const arrivedWith = (handle: string, origin: Origin) => ({
    handleHash: sha256(handle),
    networkAddress: origin.networkAddress,
    userAgent: (origin.userAgent ?? '').slice(0, LONGEST_USER_AGENT),
    createdAt: now(),
    expiresAt: inSeconds(ASKED_SECONDS),
  });

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

  async function open(
    stores: Stores,
    found: ApprovedAuthorization,
    { client, code, keyThumbprint, origin }: Redeeming,
  ): Promise<Issue> {
    const { approval } = found;
    const issue = await tokens.openLinkedTool(stores, {
      linkId: approvalIdOf(found.authorizationId),
      door: 'oauth',
      scope: found.scope,
      keyThumbprint,
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
    checkpoint('code:opened');
    const tool = await takePlace(stores, issue.tool, approval.isRemembered);
    await audit.record(stores, {
      event: 'authorization-redeemed',
      accountId: approval.accountId,
      actor: client.clientId,
      origin,
      details: { tool: tool.name, linkedTool: tool.linkedToolId },
    });
    return { ...issue, tool, nonce: found.nonce };
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
    /** A person has come with a request. Resolves to what names it in their browser. Refuses `too-many` by network. */
    startAuthorization: (asked: { asked: AuthorizationAsked; client: Client; origin: Origin }) =>
      insert('asked', asked),

    /** A tool sends its request ahead, and gets what names it, for one use within 90 seconds (RFC 9126 §2.2). */
    pushAuthorization: (asked: { asked: AuthorizationAsked; client: Client; origin: Origin }) =>
      insert('pushed', asked),

    /**
     * A person has come with a request that was pushed: what names it in their browser from now on; undefined for one that is
     * unknown, used, over, or another tool's, which changes nothing (RFC 9126 §2.2, §7.3).
     */
    async beginPushed(reference: string, clientId: ClientId, origin: Origin): Promise<string | undefined> {
      const handle = newSecret();
      const arrived = arrivedWith(handle, origin);
      const begun = await inTransaction(({ authorizations }) =>
        authorizations.begin(sha256(reference), clientId, arrived),
      );
      return begun && handle;
    },

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
          if (await stores.authorizations.isRedeemed(shown)) await endReused(stores, shown, asked);
          return undefined;
        }
        await refuseWithoutStanding(stores, found);
        return { issue: await open(stores, found, asked), network: found.network };
      });
      if (!redeemed) throw new DomainError('grant-invalid');
      checkpoint('code:committed');
      void throttle.giveBack('live-authorizations-by-network', redeemed.network);
      return tokens.signIssue(redeemed.issue);
    },

    /** Forgets what nobody finished, and what was exchanged a day ago. Resolves to how many. */
    removeExpired: (): Promise<number> =>
      inTransaction(({ authorizations }) =>
        authorizations.removeExpired(inSeconds(-UNFINISHED_KEPT_SECONDS), inSeconds(-REDEEMED_KEPT_SECONDS)),
      ),
  };
}
