// What a tool does with a link that it polls by its number: start it, ask how it stands, collect its token, which is the same
// at every reading until the link expires. A number is no secret, so whoever asks from elsewhere is budgeted.
// PIN-API 3; CHECKLIST 3.1.
import { randomNumber } from '../crypto/secrets.js';
import { readDeviceKey, type DeviceKeyMaterial, type ProofClaims } from './device-keys-proof.js';
import type { DeviceKeys } from './device-keys.js';
import type { createLinksByToken } from './links-by-token.js';
import { createPending, type DrawUserCode } from './links-number-pending.js';
import { createNumberGuesses, type NumberGuessesDependencies } from './links-number-guesses.js';
import { createRedemption, type RedemptionDependencies } from './links-number-redemption.js';
import {
  cleanDescription,
  HIGHEST_NUMBER,
  keyOfNumber,
  type AboutNumber,
  type NumberedLink,
  type NumberedLinkRequest,
  type NumberedLinkRow,
  type NumberedLinkStore,
  type NumberedLinkStores,
} from './links-numbered.js';
import { createLiveCount } from './links-tool.js';
import { stateOf, type LinkStore, type PollGate } from './links.js';
import { spendOn } from './throttle.js';
import { clientIdOf, identifierOf, LASTING_SCOPE } from './tokens-lasting.js';
import type { ToolDescription } from './tokens.js';
import { alphabetOf, STRONG_CODE_LENGTH, userCodeLength } from './user-code.js';
import { DomainError, type InBatch, type LinkId, type Origin } from './vocabulary.js';
import type { Caller, HoldAnswer, Waiting } from './waiting.js';

export type { NumberedLink } from './links-numbered.js';
export type { ToolDescription } from './tokens.js';

export type NumberedPoll =
  | { readonly outcome: 'pending'; readonly link: NumberedLink }
  | {
      readonly outcome: 'issued';
      readonly link: NumberedLink;
      readonly token: string;
      /** The account was made after the link was started. */
      readonly isNewAccount: boolean;
    }
  | { readonly outcome: 'unknown' };

export interface LinksByNumberDependencies<Stores extends NumberedLinkStores>
  extends Omit<RedemptionDependencies<Stores>, 'store'>, NumberGuessesDependencies {
  readonly store: NumberedLinkStore;
  readonly inBatch: InBatch<Stores>;
  readonly links: Pick<LinkStore, 'countLive'>;
  readonly gate: PollGate;
  readonly waiting: Waiting;
  readonly drawUserCode: DrawUserCode;
  readonly userCodeMac: (userCode: string) => string;
  readonly deviceKeys: DeviceKeys;
}

/** A short code is typed, a strong one goes through a browser: PIN-API "Decided". */
const SHORT_LIFE_SECONDS = 900;
const STRONG_LIFE_SECONDS = 1800;
const MOST_DRAWS = 5;
const UNKNOWN = { outcome: 'unknown' } as const;

/** A link that may be started, before anything was drawn for it. */
interface Started {
  readonly clientId: string;
  readonly tool: ToolDescription;
  readonly isStrong: boolean;
  readonly deviceKey: DeviceKeyMaterial | undefined;
  readonly origin: Origin;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

interface Drawn {
  readonly linkId: LinkId;
  readonly userCodeMac: string;
  readonly userCodeLength: number;
}

/** Field by field: where a spread makes it, the engine keeps what every link left until the next collection of everything. */
function toRequest(
  started: Started,
  { linkId, userCodeMac, userCodeLength: length }: Drawn,
): NumberedLinkRequest {
  const { clientId, tool, deviceKey, origin, createdAt, expiresAt } = started;
  return {
    linkId,
    door: 'pin',
    clientId,
    deviceCodeHash: '',
    userCodeMac,
    scope: LASTING_SCOPE,
    networkAddress: origin.networkAddress,
    network: origin.network,
    webOrigin: origin.webOrigin,
    userAgent: (origin.userAgent ?? '').slice(0, 300),
    keyThumbprint: deviceKey?.thumbprint,
    createdAt,
    expiresAt,
    numbered: {
      number: randomNumber(HIGHEST_NUMBER),
      userCodeLength: length,
      tool,
      deviceKey,
      forwardAddress: undefined,
      parentToolId: undefined,
    },
  };
}

export type LinksByNumber = ReturnType<typeof createLinksByNumber> & ReturnType<typeof createLinksByToken>;

export function createLinksByNumber<Stores extends NumberedLinkStores>(
  dependencies: LinksByNumberDependencies<Stores>,
) {
  const { store, links, inBatch, throttle, gate, waiting, userCodeMac, drawUserCode } = dependencies;
  const { deviceKeys, now, newId } = dependencies;
  const guesses = createNumberGuesses(dependencies);
  const redemption = createRedemption(dependencies);
  const live = createLiveCount(links, now);
  const { present, admit, isPending } = createPending(dependencies);

  async function insertWithFreshCode(
    started: Started,
  ): Promise<{ link: NumberedLinkRequest; userCode: string }> {
    const length = started.isStrong ? STRONG_CODE_LENGTH : userCodeLength(await live.count());
    for (let draw = 0; draw < MOST_DRAWS; draw++) {
      const linkId = newId() as LinkId;
      const userCode = drawUserCode(linkId, { alphabet: alphabetOf(length), length });
      const link = toRequest(started, { linkId, userCodeMac: userCodeMac(userCode), userCodeLength: length });
      if (await inBatch(({ numberedLinks }) => [numberedLinks.insert(link)])) return { link, userCode };
    }
    throw new DomainError('service-busy', { retryAfterSeconds: 5 });
  }

  /** What the tool's own key has proved: nothing to prove, a proof, or none. */
  function proofOf(
    link: NumberedLinkRow,
    deviceProof: string | undefined,
  ): ProofClaims | 'none-needed' | undefined {
    const { deviceKey } = link.numbered;
    if (!deviceKey) return 'none-needed';
    return deviceProof === undefined
      ? undefined
      : deviceKeys.checkProof(deviceProof, deviceKey, identifierOf(link.clientId));
  }

  /**
   * The link of that number, if this tool may know of it: its own, asked for from the network that made it or with a proof of
   * its key, and from elsewhere only within the budgets.
   */
  async function findOwn(
    { number, identifier, deviceProof }: AboutNumber,
    origin: Origin,
  ): Promise<NumberedLinkRow | undefined> {
    const isNumber = Number.isInteger(number) && number > 0 && number <= HIGHEST_NUMBER;
    const link = isNumber ? await store.findByNumber(number) : undefined;
    const clientId = `pin:${identifier}`;
    const own = link?.clientId === clientId ? link : undefined;
    if (link?.network === origin.network) return own;
    if (own?.numbered.deviceKey && proofOf(own, deviceProof)) return own;
    const key = keyOfNumber(number, clientId, origin.network);
    return (await guesses.mayKnow({ key, isRight: own !== undefined }, origin)) ? own : undefined;
  }

  async function answer(
    link: NumberedLinkRow,
    asked: { deviceProof?: string; origin: Origin; stamp: number },
  ): Promise<NumberedPoll> {
    if (link.expiresAt <= now()) return UNKNOWN;
    const { state } = link;
    if (state === 'pending' || state === 'reserved') {
      const isAtHome = link.network === asked.origin.network;
      return { outcome: 'pending', link: isAtHome ? admit(link, asked.stamp) : present(link) };
    }
    if (state === 'denied') return UNKNOWN;
    const proof = proofOf(link, asked.deviceProof);
    if (!proof) return { outcome: 'pending', link: present(link) };
    const collected = await redemption.collect(
      link,
      proof === 'none-needed' ? undefined : proof,
      asked.origin,
    );
    return collected ? { outcome: 'issued', link: present(link), ...collected } : UNKNOWN;
  }

  return {
    /**
     * Starts a link, for 15 minutes, or 30 with a strong code. `deviceKey`: a JWK as the tool sent it; then the link gives no
     * token without its proof. Refuses `too-many` (this network has too many links that nobody finished), `key-invalid`,
     * and `client-metadata-invalid` for an unusable identifier.
     */
    async startNumberedLink(asked: {
      identifier: string;
      tool: ToolDescription;
      isStrong: boolean;
      deviceKey?: unknown;
      origin: Origin;
    }): Promise<NumberedLink> {
      const { isStrong, origin } = asked;
      const clientId = clientIdOf(asked.identifier);
      const deviceKey = asked.deviceKey === undefined ? undefined : readDeviceKey(asked.deviceKey);
      const createdAt = now();
      const seconds = isStrong ? STRONG_LIFE_SECONDS : SHORT_LIFE_SECONDS;
      const expiresAt = new Date(createdAt.getTime() + seconds * 1000);
      const tool = cleanDescription(asked.tool);
      const stamp = gate.stamp();
      const started = { clientId, tool, isStrong, deviceKey, origin, createdAt, expiresAt };
      const { link, userCode } = await spendOn(throttle, 'live-links-by-network', origin.network, () =>
        insertWithFreshCode(started),
      );
      live.started();
      return admit(link, stamp, userCode);
    },

    /**
     * How a link stands, for its own tool: `pending`; `issued` with the token, the same at every reading, for two minutes
     * after the approval; `unknown` for everything else: unknown, expired, declined, another tool's, unlinked, or asked for
     * from another network beyond the budgets. A keyed link stays `pending` without a proof of its key.
     */
    async pollNumberedLink(asked: AboutNumber & { origin: Origin }): Promise<NumberedPoll> {
      const stamp = gate.stamp();
      const link = await findOwn(asked, asked.origin);
      return link ? answer(link, { ...asked, stamp }) : UNKNOWN;
    },

    /**
     * Waits until the link is decided, no longer than `seconds`; see `waiting`. `refused` too for a link that this tool may
     * not know of: asking here is asking as a poll does.
     */
    async holdNumberedLink(
      asked: AboutNumber & { seconds: number; network: string; caller?: Caller },
    ): Promise<HoldAnswer> {
      const { number, seconds, network, caller } = asked;
      const link = await findOwn(asked, { networkAddress: network, network, requestId: '' });
      if (!link) return 'refused';
      return waiting.hold({
        key: keyOfNumber(number, link.clientId, link.network),
        seconds,
        network,
        caller,
        check: async () => {
          const held = await store.findByNumber(number);
          const state = held && stateOf(held, now());
          return state !== 'pending' && state !== 'reserved';
        },
      });
    },

    /**
     * What the gate alone knows, for the lane ahead of the door: `pending` for the tool and the network that made the link,
     * else `unknown`, which only means: ask `pollNumberedLink`. It touches no store and answers at once.
     */
    pollNumberGate: (number: number, identifier: string, network: string): 'pending' | 'unknown' =>
      isPending(keyOfNumber(number, `pin:${identifier}`, network)) ? 'pending' : 'unknown',
  };
}
