// What a tool does with an authorization: begin it, by the browser's way or by pushing it first, and exchange the code, once.
// The states and their moves are in `authorizations`, the exchange in `authorizations-redemption`. RFC 6749 §4.1.1, RFC 9126.
import { sha256 } from '../crypto/secrets.js';
import {
  createCodeRedemption,
  type AuthorizationStores,
  type CodeRedemptionDependencies,
} from './authorizations-redemption.js';
import type { AuthorizationAsked, AuthorizationRequest } from './authorizations.js';
import type { Client } from './clients.js';
import { spendOn, type Throttle } from './throttle.js';
import { untilNone, type AuthorizationId, type ClientId, type Origin } from './vocabulary.js';

export interface AuthorizationsForToolDependencies<
  Stores extends AuthorizationStores,
> extends CodeRedemptionDependencies<Stores> {
  readonly throttle: Pick<Throttle, 'spend' | 'giveBack'>;
  readonly newId: () => string;
  readonly newSecret: () => string;
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

export type AuthorizationsForTool = ReturnType<typeof createAuthorizationsForTool>;

export function createAuthorizationsForTool<Stores extends AuthorizationStores>(
  dependencies: AuthorizationsForToolDependencies<Stores>,
) {
  const { inTransaction, throttle, now, newId, newSecret } = dependencies;
  const inSeconds = (seconds: number): Date => new Date(now().getTime() + seconds * 1000);

  /** What names it, to a browser or to the tool, is told once and kept as a hash. */
  async function insert(
    state: 'pushed' | 'asked',
    { asked, client, origin }: { asked: AuthorizationAsked; client: Client; origin: Origin },
  ): Promise<string> {
    const handle = newSecret();
    const request: AuthorizationRequest = {
      ...asked,
      authorizationId: newId() as AuthorizationId,
      ...arrivedWith(handle, origin),
      network: origin.network,
      ...(state === 'pushed' ? { expiresAt: inSeconds(PUSHED_SECONDS) } : {}),
    };
    const usedAt = client.lastUsedAt?.getTime() ?? 0;
    await spendOn(throttle, 'live-authorizations-by-network', origin.network, () =>
      inTransaction(async (stores) => {
        if (now().getTime() - usedAt > USE_NOTED_EVERY_SECONDS * 1000)
          await stores.clients.markUsed(client.clientId, now());
        await stores.authorizations.insert(request, state);
      }),
    );
    return handle;
  }

  const arrivedWith = (handle: string, origin: Origin) => ({
    handleHash: sha256(handle),
    networkAddress: origin.networkAddress,
    userAgent: (origin.userAgent ?? '').slice(0, LONGEST_USER_AGENT),
    createdAt: now(),
    expiresAt: inSeconds(ASKED_SECONDS),
  });

  return {
    ...createCodeRedemption(dependencies),

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

    /** Forgets what nobody finished, and what was exchanged a day ago. Resolves to how many. */
    removeExpired: (): Promise<number> =>
      untilNone(() =>
        inTransaction(({ authorizations }) =>
          authorizations.removeExpired(
            inSeconds(-UNFINISHED_KEPT_SECONDS),
            inSeconds(-REDEEMED_KEPT_SECONDS),
          ),
        ),
      ),
  };
}
