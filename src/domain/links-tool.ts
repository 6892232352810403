// What a tool does with a link: start it, ask how it stands, redeem it once. The states and their moves are in `links`.
// A pending poll is answered by the gate alone, without the store. RFC 8628 §3.1, §3.2, §3.4, §3.5.
import { drawCode, sha256 } from '../crypto/secrets.js';
import type { Audit } from './audit.js';
import type { Client } from './clients.js';
import { keyOfDeviceCode, stateOf } from './links.js';
import type {
  ApprovedLink,
  DeviceCodeKey,
  LinkCheckpoint,
  LinkRequest,
  LinkStore,
  LinkStores,
  PollGate,
  PollOutcome,
} from './links.js';
import { recordWithdrawn } from './links-withdrawn.js';
import type { Throttle } from './throttle.js';
import type { IssuedTokens, Issue, Tokens } from './tokens.js';
import { presentUserCode, USER_CODE_ALPHABET, userCodeLength } from './user-code.js';
import {
  DomainError,
  isRefusal,
  type AccountId,
  type Clock,
  type InTransaction,
  type LinkId,
  type Origin,
} from './vocabulary.js';
import type { HoldAnswer, Waiting } from './waiting.js';

export type RedeemOutcome =
  { readonly outcome: 'issued'; readonly tokens: IssuedTokens } | { readonly outcome: PollOutcome };

export interface LinksForToolDependencies<Stores extends LinkStores> {
  readonly store: LinkStore;
  readonly inTransaction: InTransaction<Stores>;
  readonly tokens: Tokens;
  readonly throttle: Throttle;
  readonly audit: Audit;
  readonly gate: PollGate;
  readonly waiting: Waiting;
  readonly now: Clock;
  readonly newId: () => string;
  readonly newSecret: () => string;
  /** The keyed hash under which a user code is kept. */
  readonly userCodeMac: (userCode: string) => string;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  /** A raised interval could not be kept; the poll was answered all the same. */
  readonly onFault: (error: unknown) => void;
  readonly ttlSeconds: number;
  readonly intervalSeconds: number;
  readonly checkpoint?: LinkCheckpoint;
}

/** Codes are not used again for a day, and spent links answer as what they became for as long (RFC 8628 §3.5). */
const KEPT_SECONDS = 24 * 3600;
const USE_NOTED_EVERY_SECONDS = 24 * 3600;
const LIVE_COUNTED_EVERY_MS = 60_000;
const MOST_DRAWS = 5;

export type LinksForTool = ReturnType<typeof createLinksForTool>;

/** How many links are live, near enough to choose the length of a code: counted once a minute, plus what was started since. */
export function createLiveCount(store: Pick<LinkStore, 'countLive'>, now: Clock) {
  let counted = 0;
  let countedAt = -Infinity;
  let startedSince = 0;
  return {
    async count(): Promise<number> {
      const at = now().getTime();
      if (Math.abs(at - countedAt) > LIVE_COUNTED_EVERY_MS) {
        countedAt = at;
        startedSince = 0;
        counted = await store.countLive(now());
      }
      return counted + startedSince;
    },
    started: (): void => void startedSince++,
  };
}

/** Whom the gate knows a client as: the name alone is never enough for one that has a secret. */
const gateName = (client: Client): string =>
  client.kind === 'public' ? client.clientId : `secret ${client.clientId}`;

export function createLinksForTool<Stores extends LinkStores>(
  dependencies: LinksForToolDependencies<Stores>,
) {
  const { store, inTransaction, tokens, throttle, audit, gate, waiting, now, newId, newSecret } =
    dependencies;
  const { userCodeMac, mayReceiveToken, onFault, ttlSeconds, intervalSeconds } = dependencies;
  const { checkpoint = () => undefined } = dependencies;
  const live = createLiveCount(store, now);

  async function insertWithFreshCode(
    client: Client,
    requestWith: (userCodeMac: string) => LinkRequest,
  ): Promise<string> {
    const length = userCodeLength(await live.count());
    const isUseDue =
      !client.lastUsedAt || now().getTime() - client.lastUsedAt.getTime() > USE_NOTED_EVERY_SECONDS * 1000;
    for (let draw = 0; draw < MOST_DRAWS; draw++) {
      const userCode = drawCode(USER_CODE_ALPHABET, length);
      const isKept = await inTransaction(async (stores) => {
        if (isUseDue) await stores.clients.markUsed(client.clientId, now());
        return stores.links.insert(requestWith(userCodeMac(userCode)));
      });
      if (isKept) return userCode;
    }
    throw new DomainError('service-busy', { retryAfterSeconds: 5 });
  }

  /** The verdict of the gate; a raised interval is kept in SQL without making the poll wait for it. */
  function askGate(
    { linkId, deviceCodeHash }: DeviceCodeKey,
    name: string,
  ): 'pending' | 'too-soon' | 'unknown' {
    const answer = gate.check(deviceCodeHash, name, now().getTime());
    if (answer.verdict !== 'raised') return answer.verdict;
    inTransaction(({ links }) => links.raiseInterval(linkId, answer.intervalSeconds)).catch(onFault);
    return 'too-soon';
  }

  /** What the store says of a link, and of nobody else's; a pending one is admitted to the gate and counts as a poll there. */
  async function askStore(key: DeviceCodeKey, client: Client): Promise<PollOutcome> {
    const stamp = gate.stamp();
    const link = await store.findByDeviceCode(key);
    // RFC 6749 §5.2: a code of another client is unknown to this one, and asking for it changes nothing.
    if (!link || link.clientId !== client.clientId) return 'unknown';
    const state = stateOf(link, now());
    if (state !== 'pending' && state !== 'reserved') return state;
    const interval = Math.max(intervalSeconds, (await store.findInterval(key.linkId)) ?? 0);
    gate.admit(
      {
        deviceCodeHash: key.deviceCodeHash,
        clientId: gateName(client),
        intervalSeconds: interval,
        expiresAt: link.expiresAt.getTime(),
      },
      stamp,
    );
    const verdict = askGate(key, gateName(client));
    return verdict === 'unknown' ? 'pending' : verdict;
  }

  async function isDecided(key: DeviceCodeKey): Promise<boolean> {
    const link = await store.findByDeviceCode(key);
    const state = link && stateOf(link, now());
    return state !== 'pending' && state !== 'reserved';
  }

  /** One transaction: the state, the linked tool, the claims, the refresh token and the audit row, all or nothing. */
  async function redeemInside(
    stores: Stores,
    key: DeviceCodeKey,
    asked: { deviceCode: string; client: Client; origin: Origin },
  ): Promise<{ issue: Issue; link: ApprovedLink } | 'lost'> {
    const { deviceCode, client, origin } = asked;
    const link = await stores.links.redeem(key, client.clientId, now());
    checkpoint('redeem:updated');
    if (!link) return 'lost';
    const { approval } = link;
    // Looked at again here: an account that was locked or closed since the approval gets no token (CHECKLIST 5).
    if (!(await mayReceiveToken(stores, approval.accountId))) throw new DomainError('account-closed');
    const issue = await tokens.openLinkedTool(stores, {
      linkId: link.linkId,
      door: link.door,
      scope: link.scope,
      keyThumbprint: link.keyThumbprint,
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
    /**
     * Starts a link for a tool (RFC 8628 §3.1, §3.2). The codes are returned once and kept as hashes.
     * Refuses `too-many` where the network has too many links that nobody finished.
     */
    async startLink(asked: {
      client: Client;
      scope: string;
      origin: Origin;
      keyThumbprint?: string;
    }): Promise<{
      deviceCode: string;
      userCode: string;
      expiresInSeconds: number;
      intervalSeconds: number;
    }> {
      const { client, scope, origin, keyThumbprint } = asked;
      await throttle.spend('live-links-by-network', origin.network);
      const linkId = newId() as LinkId;
      const deviceCode = `${linkId}.${newSecret()}`;
      const createdAt = now();
      const expiresAt = new Date(createdAt.getTime() + ttlSeconds * 1000);
      const deviceCodeHash = sha256(deviceCode);
      const userCode = await insertWithFreshCode(client, (mac) => ({
        linkId,
        door: 'oauth',
        clientId: client.clientId,
        deviceCodeHash,
        userCodeMac: mac,
        scope,
        networkAddress: origin.networkAddress,
        network: origin.network,
        webOrigin: origin.webOrigin,
        userAgent: (origin.userAgent ?? '').slice(0, 300),
        keyThumbprint,
        createdAt,
        expiresAt,
      }));
      live.started();
      // Nobody knows the code yet, so nobody can have decided it.
      const stamp = gate.stamp();
      gate.admit(
        { deviceCodeHash, clientId: gateName(client), intervalSeconds, expiresAt: expiresAt.getTime() },
        stamp,
      );
      return {
        deviceCode,
        userCode: presentUserCode(userCode),
        expiresInSeconds: ttlSeconds,
        intervalSeconds,
      };
    },

    /**
     * What the gate alone knows: `pending`, `too-soon`, or `unknown`, which only means: ask `pollLink`. For public clients,
     * whose identifier is all they can show; it touches no store and answers at once.
     */
    pollGate: (deviceCode: string, clientId: string) => askGate(keyOfDeviceCode(deviceCode), clientId),

    /**
     * Whether the link was decided since its client last polled: true once, and then `redeemLink` tells how. False says
     * nothing: ask `pollLink`. So the poll that fetches a token asks the store only the one question that counts.
     */
    takeDecision({ deviceCode, client }: { deviceCode: string; client: Client }): boolean {
      return gate.takeDecision(keyOfDeviceCode(deviceCode).deviceCodeHash, gateName(client), now().getTime());
    },

    /** Where the link stands, for its own client. `unknown` and another client's are the same. */
    async pollLink({ deviceCode, client }: { deviceCode: string; client: Client }): Promise<PollOutcome> {
      const key = keyOfDeviceCode(deviceCode);
      const known = askGate(key, gateName(client));
      return known === 'unknown' ? askStore(key, client) : known;
    },

    /** Waits until the link is decided, but no longer than `seconds`; see `waiting` for the caps and the answers. */
    holdPoll(asked: {
      deviceCode: string;
      seconds: number;
      network: string;
      signal?: AbortSignal;
    }): Promise<HoldAnswer> {
      const key = keyOfDeviceCode(asked.deviceCode);
      const { seconds, network, signal } = asked;
      return waiting.hold({
        key: key.deviceCodeHash,
        seconds,
        network,
        ...(signal ? { signal } : {}),
        check: () => isDecided(key),
      });
    },

    /**
     * Redeems an approved link, once (RFC 8628 §3.5): whoever comes second gets `redeemed`. The tokens are signed after
     * the commit, from what it stored.
     */
    async redeemLink(asked: { deviceCode: string; client: Client; origin: Origin }): Promise<RedeemOutcome> {
      checkpoint('redeem:before');
      const key = keyOfDeviceCode(asked.deviceCode);
      const result = await inTransaction((stores) => redeemInside(stores, key, asked)).catch(
        async (error: unknown) => {
          if (!isRefusal(error, 'account-closed')) throw error;
          await withdraw(key, asked.client, asked.origin);
          return 'lost' as const;
        },
      );
      if (result === 'lost') return { outcome: await askStore(key, asked.client) };
      checkpoint('redeem:committed');
      // Not waited for: it never fails, and where it is lost, nobody is let in.
      void throttle.giveBack('live-links-by-network', result.link.network);
      const signed = tokens.signIssue(result.issue);
      checkpoint('redeem:signed');
      return { outcome: 'issued', tokens: signed };
    },

    /** Forgets links a day after they expired. Resolves to how many. */
    removeExpired: (): Promise<number> =>
      inTransaction(({ links }) => links.removeExpired(new Date(now().getTime() - KEPT_SECONDS * 1000))),
  };
}
