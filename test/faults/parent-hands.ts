// What a tool does that came in with password and code: it links another one in the next room with its token, and is signed out;
// and what somebody would do with such a token who may not. PIN-API 3.3 and "Decided", 4.3.
import { ask, type Answer, type Asked } from './asking.js';
import type { About, History, Op, Outcome } from './history.js';
import { signedOut, signingOut } from './tool-hands-number.js';
import { judged, misuseOutcome, wrong, type Answered } from './tool-requests.js';

export interface ParentHandsDependencies {
  readonly history: History;
  readonly portOf: (replica: number) => number;
  readonly token: string;
  /** Of another tool of the same person, which was signed out. */
  readonly endedToken: string;
  /** Its network address: that of the tool that it links. */
  readonly from: string;
  /** Another network. */
  readonly away: string;
}

type Place = Pick<About, 'story' | 'replica'>;
export type ParentHands = ReturnType<typeof createParentHands>;

function linkOutcome(answer: Answered): Outcome {
  if (answer.status === 204) return { said: 'done' };
  // It is not pending: decided, reserved, over.
  if (answer.status === 404) return { said: 'over' };
  // The token counts no more, or did not when it was looked at again.
  return answer.status === 401 || answer.status === 403 ? { said: 'refused' } : wrong(answer);
}

export function createParentHands(dependencies: ParentHandsDependencies) {
  const { history, portOf, token, endedToken, from, away } = dependencies;
  const by = 'a tool of the owner';

  const send = (replica: number, asked: Asked): Promise<Answer> =>
    ask(portOf(replica), {
      ...asked,
      headers: { Accept: 'application/json', 'X-Plex-Client-Identifier': 'remote', ...asked.headers },
    });
  const link = (replica: number, code: string, shown: string, there: string): Promise<Answer> =>
    send(replica, {
      ...{ method: 'PUT', path: '/api/v2/pins/link', form: { code }, from: there },
      headers: { 'X-Plex-Token': shown },
    });

  return {
    approve: (place: Place, code: string): Promise<Op> =>
      history.record({ act: 'approve', ...place, by }, async () =>
        judged(await link(place.replica, code, token, from), linkOutcome),
      ),

    end: (place: Place): Promise<Op> =>
      history.record({ act: 'end-parent', ...place, by }, async () =>
        judged(await send(place.replica, { ...signingOut(token), from }), signedOut),
      ),

    /** From another network, or with the token of a tool that has ended. */
    misuse: (place: Place, code: string, isAway: boolean): Promise<Op> =>
      history.record(
        { act: 'misuse', ...place, how: isAway ? 'from another network' : 'with the token of an ended tool' },
        async () =>
          misuseOutcome(await link(place.replica, code, isAway ? token : endedToken, isAway ? away : from)),
      ),
  };
}
