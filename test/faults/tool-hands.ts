// What a tool can do to a replica, whichever way it is linked; and how one does it that polls with a device code, with a key of its
// own or without. Tools with a number are in tool-hands-number.ts, those that send their person along in tool-hands-redirect.ts.
// RFC 8628 §3.1, §3.4, §3.5; RFC 9449 §5, §10.
import type { Op, Tokens } from './history.js';
import {
  createToolRequests,
  jsonOf,
  judged,
  pick,
  tokenOutcome,
  wrong,
  type ToolRequestsDependencies,
  type Where,
} from './tool-requests.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** Where its person decides, and what comes after. */
export interface ReviewPlace {
  readonly path: string;
  readonly action: string;
  readonly after: string;
}

export interface StartedLink {
  readonly linkId: string;
  /** What a person enters; a tool that sends its person along has none. */
  readonly userCode?: string;
  /** What the tool asks with: a device code, a number, or the name of its request. */
  readonly secret: string;
  readonly review: ReviewPlace;
}

/** What somebody else may have seen of a tool, and the replica that they go to. */
export interface Seen {
  readonly tokens: Tokens | undefined;
  readonly elsewhere: number;
}

export interface ToolHands {
  /** Resolves to the link too, where it was started. `elsewhere`: where its browser may go as well. */
  start(where: Where, elsewhere: number): Promise<{ op: Op; link: StartedLink | undefined }>;
  /** Asks for the token; `waitSeconds`: for so long, if need be. */
  poll(where: Where, link: StartedLink, waitSeconds?: number): Promise<Op>;
  use(where: Where, token: string): Promise<Op>;
  revoke(where: Where, tokens: Tokens): Promise<Op>;
  /** Only where there is something to refresh. */
  refresh?: (where: Where, token: string) => Promise<Op>;
  /** Shows one proof of its own key to each of these replicas at once, for a new token; only where there is such a key. */
  renew?: (where: Where, replicas: readonly number[]) => Promise<readonly Op[]>;
  /** What somebody else would do with what they may have seen of it, which nobody may succeed with. */
  misuse?: (where: Where, link: StartedLink, seen: Seen) => Promise<Op | undefined>;
}

export const reviewOf = (linkId: string): ReviewPlace => ({
  path: `/link/review?link=${encodeURIComponent(linkId)}`,
  action: '/link/review',
  after: '/link/done',
});

export interface DeviceHandsAsked extends ToolRequestsDependencies {
  /** Its key is announced at the start; else the first poll shows it. */
  readonly isBoundFromStart: boolean;
}

export function createDeviceHands(asked: DeviceHandsAsked): ToolHands {
  const { history, key, isBoundFromStart } = asked;
  const requests = createToolRequests(asked);
  const { post, use, refresh } = requests;

  async function start(where: Where) {
    const held: { link?: StartedLink } = {};
    const announced = key && isBoundFromStart ? { dpop_jkt: key.thumbprint } : {};
    const op = await history.record({ act: 'start', ...pick(where) }, async () => {
      const form = { scope: 'openid', ...announced };
      const answer = await post(where, '/oauth/device_authorization', form, { prover: undefined });
      return judged(answer, (answered) => {
        const { device_code: secret, user_code: userCode } = jsonOf(answered);
        if (answered.status !== 200 || !secret || !userCode) return wrong(answered);
        const linkId = secret.slice(0, secret.lastIndexOf('.'));
        held.link = { secret, userCode, linkId, review: reviewOf(linkId) };
        return { said: 'done' };
      });
    });
    return { op, link: held.link };
  }

  return {
    start,
    use,
    refresh,
    revoke: (where, tokens) => requests.revoke(where, tokens.refresh!),

    poll: (where, { secret }, waitSeconds = 0) =>
      history.record({ act: 'poll', ...pick(where), isHeld: waitSeconds > 0 }, async () => {
        const headers = waitSeconds > 0 ? { Prefer: `wait=${waitSeconds}` } : {};
        const form = { grant_type: GRANT, device_code: secret };
        return tokenOutcome(await post(where, '/oauth/token', form, { headers }));
      }),

    misuse: async (where, _link, { tokens, elsewhere }) =>
      tokens && requests.misuse(where, tokens.access, elsewhere),
  };
}
