// What a tool does to a replica that polls its link by a number, at the PIN door: there is one token, which it may read again, and
// nothing to refresh. PIN-API 3.1, 3.2, 4.1, 4.4.
import { ask, type Answer } from './asking.js';
import type { History, Outcome } from './history.js';
import { reviewOf, type StartedLink, type ToolHands } from './tool-hands.js';
import { jsonOf, jtiOf, judged, pick, wrong, type Answered, type Where } from './tool-requests.js';

export interface NumberHandsDependencies {
  readonly history: History;
  readonly portOf: (replica: number) => number;
  readonly identifier: string;
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

export function createNumberHands({ history, portOf, identifier, findLink }: NumberHandsDependencies) {
  const send = (
    { replica, from }: Where,
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    headers: Record<string, string>,
  ): Promise<Answer> =>
    ask(portOf(replica), { method, path, from, headers: { Accept: 'application/json', ...headers } });

  const named = { 'X-Plex-Client-Identifier': identifier, 'X-Plex-Product': 'A television' };
  const bearing = (token: string) => ({ ...named, 'X-Plex-Token': token });

  async function start(where: Where) {
    const held: { number?: number; userCode?: string } = {};
    const op = await history.record({ act: 'start', ...pick(where) }, async () =>
      judged(await send(where, 'POST', '/api/v2/pins', named), (answer) => {
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

  const hands: ToolHands = {
    start,

    poll: (where, { secret }, waitSeconds = 0) =>
      history.record({ act: 'poll', ...pick(where), isHeld: waitSeconds > 0 }, async () => {
        const headers = { ...named, ...(waitSeconds > 0 ? { Prefer: `wait=${waitSeconds}` } : {}) };
        return judged(await send(where, 'GET', `/api/v2/pins/${secret}`, headers), pinOutcome);
      }),

    use: (where, token) =>
      history.record({ act: 'use', ...pick(where), shown: token }, async () =>
        judged(await send(where, 'GET', '/api/v2/user', bearing(token)), (answer) => {
          if (answer.status === 200) return { said: 'done' };
          return answer.status === 401 ? { said: 'refused' } : wrong(answer);
        }),
      ),

    revoke: (where, { access }) =>
      history.record({ act: 'revoke', ...pick(where), shown: access }, async () =>
        judged(
          await send(where, 'DELETE', '/api/v2/users/signout', bearing(access)),
          ({ status, ...answer }) => {
            // Given back before, by a request whose answer was lost: it counts no more, which is what was asked for.
            return status < 300 || status === 401 ? { said: 'done' } : wrong({ status, ...answer });
          },
        ),
      ),

    /** Another tool, in the same network, that has seen the number. */
    misuse: (where, { secret }) =>
      history.record({ act: 'misuse', ...pick(where) }, async () => {
        const other = { ...named, 'X-Plex-Client-Identifier': `${identifier} of somebody else` };
        const answer = await send(where, 'GET', `/api/v2/pins/${secret}`, other);
        return judged(answer, ({ status }) => ({ said: status < 400 ? 'done' : 'refused' }));
      }),
  };
  return hands;
}
