// What a tool does with a link: start it, ask how it stands, redeem it once. The states and their moves are in `links`.
// A pending poll is answered by the gate alone, without the store. RFC 8628 §3.1, §3.2, §3.4, §3.5.
import { drawCode, sha256 } from '../crypto/secrets.js';
import type { Audit } from './audit.js';
import type { Client } from './clients.js';
import { keyOfDeviceCode, stateOf } from './links.js';
import type {
  DeviceCodeKey,
  LinkCheckpoint,
  LinkRequest,
  LinkStore,
  LinkStores,
  PollGate,
  PollOutcome,
} from './links.js';
import { createFindOwn, type Poller } from './links-own.js';
import { createRedemption, mayBeAnsweredAgain, type Redeemer } from './links-redemption.js';
import type { Services } from './services.js';
import { spendOn, type Throttle } from './throttle.js';
import type { IssuedTokens, Tokens } from './tokens.js';
import { presentUserCode, USER_CODE_ALPHABET, userCodeLength } from './user-code.js';
import {
  DomainError,
  untilNone,
  type AccountId,
  type Clock,
  type InBatch,
  type InTransaction,
  type LinkId,
  type Origin,
} from './vocabulary.js';
import type { Caller, HoldAnswer, Waiting } from './waiting.js';

export type RedeemOutcome =
  { readonly outcome: 'issued'; readonly tokens: IssuedTokens } | { readonly outcome: PollOutcome };

/** What a tool asks for, and what it shows of itself. */
interface LinkAsked {
  readonly client: Client;
  readonly scope: string;
  readonly origin: Origin;
  /** The key that it is bound to from the start. */
  readonly keyThumbprint?: string | undefined;
  /** The services that its tokens may be for. */
  readonly resources?: readonly string[] | undefined;
}

interface StartedLink {
  readonly deviceCode: string;
  readonly userCode: string;
  readonly expiresInSeconds: number;
  readonly intervalSeconds: number;
}

export interface LinksForToolDependencies<Stores extends LinkStores> {
  /** For reading what has been committed. */
  readonly stores: Stores;
  readonly inTransaction: InTransaction<Stores>;
  readonly inBatch: InBatch<Stores>;
  readonly tokens: Tokens;
  readonly services: Pick<Services, 'pickTarget'>;
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
  let counting: Promise<void> | undefined;

  async function countAnew(): Promise<void> {
    const at = now();
    const before = startedSince;
    counted = await store.countLive(at);
    countedAt = at.getTime();
    startedSince -= before;
  }

  return {
    /** Nobody goes by what was counted long ago: whoever comes meanwhile waits too. Rejects where it cannot be counted. */
    async count(): Promise<number> {
      const isOld = Math.abs(now().getTime() - countedAt) > LIVE_COUNTED_EVERY_MS;
      if (isOld) await (counting ??= countAnew().finally(() => (counting = undefined)));
      return counted + startedSince;
    },
    started: (): void => void startedSince++,
  };
}

/** Whom the gate knows a client as: the name alone is never enough for one that has a secret, or needs a proof. */
function gateName({ kind, clientId, metadata }: Client): string {
  if (metadata.isDpopBound) return `bound ${clientId}`;
  return kind === 'public' ? clientId : `secret ${clientId}`;
}

export function createLinksForTool<Stores extends LinkStores>(
  dependencies: LinksForToolDependencies<Stores>,
) {
  const { stores, inTransaction, inBatch, tokens, throttle, gate, waiting, now, newId, newSecret } =
    dependencies;
  const { userCodeMac, onFault, ttlSeconds, intervalSeconds } = dependencies;
  const { checkpoint = () => undefined } = dependencies;
  const store = stores.links;
  const live = createLiveCount(store, now);
  const findOwn = createFindOwn({ ...dependencies, store });
  const redemption = createRedemption({ ...dependencies, checkpoint });

  async function insertWithFreshCode(
    client: Client,
    requestWith: (userCodeMac: string) => LinkRequest,
  ): Promise<string> {
    const length = userCodeLength(await live.count());
    const isUseDue =
      !client.lastUsedAt || now().getTime() - client.lastUsedAt.getTime() > USE_NOTED_EVERY_SECONDS * 1000;
    if (isUseDue) await inTransaction(({ clients }) => clients.markUsed(client.clientId, now()));
    for (let draw = 0; draw < MOST_DRAWS; draw++) {
      const userCode = drawCode(USER_CODE_ALPHABET, length);
      const request = requestWith(userCodeMac(userCode));
      if (await inBatch(({ links }) => [links.insert(request)])) return userCode;
    }
    throw new DomainError('service-busy', { retryAfterSeconds: 5 });
  }

  /** The verdict of the gate; a raised interval is kept in SQL without making the poll wait for it. */
  function askGate(
    { linkId, deviceCodeHash }: DeviceCodeKey,
    name: string,
    keyThumbprint?: string,
  ): 'pending' | 'too-soon' | 'unknown' {
    const answer = gate.check(deviceCodeHash, name, now().getTime(), keyThumbprint);
    if (answer.verdict !== 'raised') return answer.verdict;
    inTransaction(({ links }) => links.raiseInterval(linkId, answer.intervalSeconds)).catch(onFault);
    return 'too-soon';
  }

  /** What the store says of a link, and of nobody else's; a pending one is admitted to the gate and counts as a poll there. */
  async function askStore(key: DeviceCodeKey, asked: Poller): Promise<PollOutcome> {
    const stamp = gate.stamp();
    const link = await findOwn(key, asked);
    if (!link) return 'unknown';
    const [state, { client, keyThumbprint }] = [stateOf(link, now()), asked];
    // There is something to be had: `redeemLink` gives it again.
    if (mayBeAnsweredAgain(link, keyThumbprint, now())) return 'approved';
    if (state !== 'pending' && state !== 'reserved') return state;
    const interval = Math.max(intervalSeconds, link.raisedInterval ?? 0);
    const entry = { ...key, clientId: gateName(client), intervalSeconds: interval, keyThumbprint };
    gate.admit({ ...entry, expiresAt: link.expiresAt.getTime() }, stamp);
    const verdict = askGate(key, gateName(client), keyThumbprint);
    return verdict === 'unknown' ? 'pending' : verdict;
  }

  /** For whom nothing was redeemed: what was a moment ago, again, or how the link stands. */
  async function answerLost(key: DeviceCodeKey, asked: Redeemer): Promise<RedeemOutcome> {
    const { client, proof } = asked;
    const poller = { client, keyThumbprint: proof?.thumbprint };
    const link = proof && (await findOwn(key, poller));
    if (!link || !mayBeAnsweredAgain(link, proof.thumbprint, now()))
      return { outcome: await askStore(key, poller) };
    const issue = await redemption.redeemAgain(key.linkId, proof, asked);
    return issue ? { outcome: 'issued', tokens: await tokens.signIssue(issue) } : { outcome: 'redeemed' };
  }

  return {
    /**
     * Starts a link for a tool (RFC 8628 §3.1, §3.2). The codes are returned once and kept as hashes.
     * Refuses `too-many` where the network has too many links that nobody finished.
     */
    async startLink(asked: LinkAsked): Promise<StartedLink> {
      const { client, scope, origin, keyThumbprint, resources } = asked;
      const linkId = newId() as LinkId;
      const deviceCode = `${linkId}.${newSecret()}`;
      const createdAt = now();
      const expiresAt = new Date(createdAt.getTime() + ttlSeconds * 1000);
      const deviceCodeHash = sha256(deviceCode);
      const requestWith = (mac: string): LinkRequest => ({
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
        resources,
      });
      const userCode = await spendOn(throttle, 'live-links-by-network', origin.network, () =>
        insertWithFreshCode(client, requestWith),
      );
      live.started();
      // Nobody knows the code yet, so nobody can have decided it.
      const stamp = gate.stamp();
      const clientId = gateName(client);
      const until = expiresAt.getTime();
      gate.admit({ deviceCodeHash, clientId, intervalSeconds, expiresAt: until, keyThumbprint }, stamp);
      return {
        deviceCode,
        userCode: presentUserCode(userCode),
        expiresInSeconds: ttlSeconds,
        intervalSeconds,
      };
    },

    /**
     * What the gate alone knows, at once; `unknown` only means: ask `pollLink`. For those whose identifier is all they can show.
     */
    pollGate: (deviceCode: string, clientId: string) => askGate(keyOfDeviceCode(deviceCode), clientId),

    /**
     * Whether it was decided since its client last polled: true once, and then `redeemLink` tells how; false says nothing. So
     * the poll that fetches a token asks the store only the one question that counts.
     */
    takeDecision({ deviceCode, client, keyThumbprint }: Poller & { deviceCode: string }): boolean {
      const { deviceCodeHash } = keyOfDeviceCode(deviceCode);
      return gate.takeDecision(deviceCodeHash, gateName(client), now().getTime(), keyThumbprint);
    },

    /**
     * Where the link stands, for its own client and its own key; the first poll with a proof binds it. `unknown` and another's
     * are the same. `approved` also for a link that was redeemed with that key a moment ago.
     */
    async pollLink({ deviceCode, ...asked }: Poller & { deviceCode: string }): Promise<PollOutcome> {
      const key = keyOfDeviceCode(deviceCode);
      const known = askGate(key, gateName(asked.client), asked.keyThumbprint);
      return known === 'unknown' ? askStore(key, asked) : known;
    },

    /** Waits until it is decided, but no longer than `seconds`; see `waiting` for the caps and the answers. */
    holdPoll(asked: {
      deviceCode: string;
      seconds: number;
      network: string;
      caller?: Caller;
    }): Promise<HoldAnswer> {
      const key = keyOfDeviceCode(asked.deviceCode);
      const { seconds, network, caller } = asked;
      return waiting.hold({
        key: key.deviceCodeHash,
        seconds,
        network,
        caller,
        check: async () => {
          const link = await store.findByDeviceCode(key);
          const state = link && stateOf(link, now());
          return state !== 'pending' && state !== 'reserved';
        },
      });
    },

    /**
     * Redeems an approved link, once (RFC 8628 §3.5): whoever comes second gets `redeemed`, or soon, with the proof of the same
     * key, the same tokens. They are signed after the commit, from what it stored. `target-invalid` consumes nothing.
     */
    async redeemLink(asked: Redeemer): Promise<RedeemOutcome> {
      checkpoint('redeem:before');
      const key = keyOfDeviceCode(asked.deviceCode);
      const result = await redemption.redeem(key, asked);
      if (result === 'lost') return answerLost(key, asked);
      checkpoint('redeem:committed');
      // Not waited for: it never fails, and where it is lost, nobody is let in.
      void throttle.giveBack('live-links-by-network', result.link.network);
      const signed = await tokens.signIssue(result.issue);
      checkpoint('redeem:signed');
      return { outcome: 'issued', tokens: signed };
    },

    /** Forgets links a day after they expired. Resolves to how many. */
    removeExpired: (): Promise<number> =>
      untilNone(async () => {
        const before = new Date(now().getTime() - KEPT_SECONDS * 1000);
        const { linkIds, haveIntervals } = await store.findExpired(before);
        if (linkIds.length === 0) return 0;
        const isDone = await inBatch(({ links }) => [
          links.remove(linkIds),
          ...(haveIntervals ? [links.removeIntervals(linkIds)] : []),
        ]);
        // Another process was faster: it goes on with them.
        return isDone ? linkIds.length : 0;
      }),
  };
}
