// What a tool does to a replica that polls its link by a number, at the PIN door: there is one token, which it may read again, and
// nothing to refresh; with a key of its own, it reads with a proof, and renews. PIN-API 3.1, 3.2, 4.1, 4.4, 5.
import { ask, type Answer, type Asked } from './asking.js';
import type { History, Op, Outcome } from './history.js';
import { reviewOf, type StartedLink, type ToolHands } from './tool-hands.js';
import { createNumberKey, createRenewal, type NumberKey } from './tool-hands-number-key.js';
import { jsonOf, jtiOf, judged, pick, wrong, type Answered, type Where } from './tool-requests.js';

export interface NumberHandsDependencies {
  readonly history: History;
  readonly portOf: (replica: number) => number;
  readonly identifier: string;
  readonly key?: NumberKey | undefined;
  /** What no tool knows of its link. Rejects while nobody can be asked. */
  readonly findLink: (number: number) => Promise<string | undefined>;
}

function pinOutcome(answer: Answered): Outcome {
  // Unknown, expired, declined and somebody else's are one answer.
  if (answer.status === 404) return { said: 'gone' };
  const { authToken } = jsonOf(answer) as { authToken?: string | null };
  if (answer.status !== 200 || authToken === undefined) return wrong(answer);
  if (authToken === null) return { said: 'pending' };
  return { said: 'done', got: { access: authToken, jti: jtiOf(authToken) } };
}

/** Signs a tool out that shows its token. */
export const signingOut = (token: string) =>
  ({ method: 'DELETE', path: '/api/v2/users/signout', headers: { 'X-Plex-Token': token } }) as const;

/** Done before, by a request whose answer was lost: it counts no more, which is what was asked for. */
export const signedOut = (answer: Answered): Outcome =>
  answer.status < 300 || answer.status === 401 ? { said: 'done' } : wrong(answer);

/** What stands for a refusal in an answer that is none by its status. */
type Refusal = (answer: Answered) => boolean;
const isPending: Refusal = (answer) => pinOutcome(answer).said === 'pending';

/** With another wish each time: the token that is read again is the first one all the same. */
const SCOPES = ['', 'username', 'username,email'];

export function createNumberHands(dependencies: NumberHandsDependencies): ToolHands {
  const { history, portOf, identifier, key, findLink } = dependencies;
  const named = { 'X-Plex-Client-Identifier': identifier, 'X-Plex-Product': 'A television' };
  const bearing = (token: string) => ({ 'X-Plex-Token': token });
  let polls = 0;

  const send = ({ replica, from }: Where, { headers = {}, ...asked }: Omit<Asked, 'from'>): Promise<Answer> =>
    ask(portOf(replica), { ...asked, from, headers: { Accept: 'application/json', ...named, ...headers } });

  const pinPath = ({ secret }: StartedLink, proof: string | undefined): string =>
    `/api/v2/pins/${secret}${proof === undefined ? '' : `?deviceJWT=${proof}`}`;

  /** Asks as somebody else who has seen the number, and perhaps a proof. */
  const spy = (where: Where, how: string, asked: Omit<Asked, 'from'>, refusal: Refusal): Promise<Op> =>
    history.record({ act: 'misuse', ...pick(where), how }, async () =>
      judged(await send(where, { method: 'GET', ...asked }), (answer) => ({
        said: answer.status >= 400 || refusal(answer) ? 'refused' : 'done',
      })),
    );

  const keyed = key ? { json: { jwk: key.jwk } } : {};
  async function start(where: Where) {
    const held: { number?: number; userCode?: string } = {};
    const op = await history.record({ act: 'start', ...pick(where) }, async () =>
      judged(await send(where, { path: '/api/v2/pins', ...keyed }), (answer) => {
        const { id, code } = jsonOf(answer) as unknown as { id?: number; code?: string };
        if (answer.status !== 201 || !id || !code) return wrong(answer);
        Object.assign(held, { number: id, userCode: code });
        return { said: 'done' };
      }),
    );
    const { number, userCode } = held;
    if (number === undefined || userCode === undefined) return { op, link: undefined };
    const linkId = await findLink(number);
    // It was started, acknowledged, and is not kept.
    if (linkId === undefined) throw new Error(`no link has the number ${number}`);
    const link: StartedLink = { secret: String(number), userCode, linkId, review: reviewOf(linkId) };
    return { op, link };
  }

  return {
    start,
    ...(key ? { renew: createRenewal({ history, key, send }) } : {}),

    poll: (where, link, waitSeconds = 0) =>
      history.record({ act: 'poll', ...pick(where), isHeld: waitSeconds > 0 }, async () => {
        const path = pinPath(link, key?.prove({ scope: SCOPES[polls++ % SCOPES.length]! }));
        const headers = waitSeconds > 0 ? { Prefer: `wait=${waitSeconds}` } : {};
        return judged(await send(where, { method: 'GET', path, headers }), pinOutcome);
      }),

    use: (where, token) =>
      history.record({ act: 'use', ...pick(where), shown: token }, async () =>
        judged(
          await send(where, { method: 'GET', path: '/api/v2/user', headers: bearing(token) }),
          (answer) => {
            if (answer.status === 200) return { said: 'done' };
            return answer.status === 401 ? { said: 'refused' } : wrong(answer);
          },
        ),
      ),

    revoke: (where, { access }) =>
      history.record({ act: 'revoke', ...pick(where), shown: access }, async () =>
        judged(await send(where, signingOut(access)), signedOut),
      ),

    /** Somebody in the same network: another tool, or one that calls itself the same and has not the key. */
    misuse(where, link, { elsewhere }) {
      if (key && where.replica === elsewhere)
        return spy(where, 'without a proof', { path: pinPath(link, undefined) }, isPending);
      const foreign = pinPath(link, createNumberKey(identifier).prove());
      if (key && where.replica < elsewhere)
        return spy(where, "with another key's proof", { path: foreign }, isPending);
      const headers = { 'X-Plex-Client-Identifier': `${identifier} of somebody else` };
      return spy(where, 'as another tool', { path: pinPath(link, key?.prove()), headers }, () => false);
    },
  };
}
