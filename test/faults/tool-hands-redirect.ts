// What a tool does that sends its person to a replica and gets a code back: the request, in the address or pushed ahead, the code as
// the person's browser brings it, and what it redeems it for; with a key of its own or without. RFC 6749 §4.1; RFC 7636 §4;
// RFC 9126; RFC 9449 §5.
import { randomBytes } from 'node:crypto';
import type { Answer } from './asking.js';
import type { Op, Outcome } from './history.js';
import type { StartedLink, ToolHands } from './tool-hands.js';
import { createBeginning } from './tool-hands-redirect-begin.js';
import {
  createToolRequests,
  judged,
  misuseOutcome,
  pick,
  tokenOutcome,
  wrong,
  type Answered,
  type ToolRequestsDependencies,
  type Where,
} from './tool-requests.js';

export interface RedirectHandsDependencies extends ToolRequestsDependencies {
  readonly redirectUri: string;
  /** Another tool, with the same address. */
  readonly strangerId: string;
  readonly isPushed: boolean;
  /** The browser of its person. */
  readonly browse: (replica: number, path: string) => Promise<Answer>;
  /** By the handle of its request. Rejects while nobody can be asked. */
  readonly findLink: (handle: string) => Promise<string | undefined>;
}

const reviewPath = (handle: string): string => `/authorize/review?request=${encodeURIComponent(handle)}`;

/** What a page leads back to the tool with; undefined for one that leads elsewhere. */
export function broughtBack({ headers }: Pick<Answered, 'headers'>): URLSearchParams | undefined {
  const refresh = headers['refresh'] as string | undefined;
  const address = /^0; url=(\S+)$/.exec(refresh ?? '')?.[1];
  return address === undefined ? undefined : new URL(address).searchParams;
}

/** A code that the browser brings, or why there is none. */
type Brought = { readonly code: string } | { readonly outcome: Outcome };

function codeOf(answer: Answered): Brought {
  const brought = broughtBack(answer);
  const code = brought?.get('code');
  if (code) return { code };
  if (brought?.get('error') === 'access_denied') return { outcome: { said: 'denied' } };
  if (answer.status === 410) return { outcome: { said: 'gone' } };
  const isUndecided = answer.status === 200 && answer.text.includes('action="/authorize/review"');
  return { outcome: isUndecided ? { said: 'pending' } : wrong(answer) };
}

export function createRedirectHands(dependencies: RedirectHandsDependencies): ToolHands {
  const { history, redirectUri, browse, findLink } = dependencies;
  const requests = createToolRequests(dependencies);
  const { post, use, refresh } = requests;
  const verifier = randomBytes(32).toString('base64url');
  /** Once it is here, nobody has to fetch it again. */
  let code: string | undefined;

  const begin = createBeginning({
    ...{ ...dependencies, post, verifier },
    keyThumbprint: dependencies.key?.thumbprint,
  });

  const redeem = (where: Where, shown: string, shownVerifier: string): Promise<Answer> =>
    post(where, '/oauth/token', {
      ...{ grant_type: 'authorization_code', code: shown, redirect_uri: redirectUri },
      code_verifier: shownVerifier,
    });

  async function fetchCode({ replica }: Where, { secret }: StartedLink): Promise<Outcome | undefined> {
    if (code !== undefined) return undefined;
    const found: { code?: string } = {};
    const outcome = judged(await browse(replica, reviewPath(secret)), (answer) => {
      const brought = codeOf(answer);
      if ('outcome' in brought) return brought.outcome;
      found.code = brought.code;
      return { said: 'done' };
    });
    code ??= found.code;
    return outcome.said === 'done' ? undefined : outcome;
  }

  return {
    use,
    refresh,
    revoke: (where, tokens) => requests.revoke(where, tokens.refresh!),

    async start(where: Where, elsewhere: number): Promise<{ op: Op; link: StartedLink | undefined }> {
      const { op, handle: secret } = await begin(where, elsewhere);
      if (secret === undefined) return { op, link: undefined };
      const linkId = await findLink(secret);
      if (linkId === undefined) throw new Error('a request that was begun is not kept');
      const review = { path: reviewPath(secret), action: '/authorize/review', after: '/authorize/review?' };
      return { op, link: { secret, linkId, review } };
    },

    poll: (where, link) =>
      history.record({ act: 'poll', ...pick(where) }, async () => {
        const without = await fetchCode(where, link);
        // Nothing can have come of a code that was not sent.
        if (without) return { ...without, isCodeless: true };
        return tokenOutcome(await redeem(where, code!, verifier));
      }),

    /** Somebody has seen the code, and knows nothing of what it was asked for with. */
    async misuse(where, link, { tokens, elsewhere }) {
      if (tokens) return requests.misuse(where, tokens.access, elsewhere);
      await fetchCode(where, link);
      if (code === undefined) return undefined;
      const stolen = code;
      return history.record({ act: 'misuse', ...pick(where) }, async () =>
        misuseOutcome(await redeem(where, stolen, randomBytes(32).toString('base64url'))),
      );
    },
  };
}
