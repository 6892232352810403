// What a person does in a browser that is signed in: enters a code, looks at who asks, decides; and what a guesser does.
// Forms are posted as the pages hold them, to any replica: a page of one may be answered by another.
import { formsOf } from '../support/visitor.js';
import { ask, type Answer } from './asking.js';
import type { About, History, Op, Outcome } from './history.js';
import type { ReviewPlace } from './tool-hands.js';
import { broughtBack } from './tool-hands-redirect.js';
import { commonOutcome, wrong } from './tool-requests.js';

/** A page that counts, and the moment at which it was here: nobody decides sooner than a second after it was made. */
export interface Review {
  readonly fields: Readonly<Record<string, string>>;
  readonly seenAt: number;
}

export interface PersonHandsDependencies {
  readonly history: History;
  readonly portOf: (replica: number) => number;
  /** What the browser sends as its session. */
  readonly sessionCookie: string;
  readonly name: string;
  readonly from: string;
}

export type PersonHands = ReturnType<typeof createPersonHands>;

const isAnswer = (answer: Answer): answer is Answer & { kind: 'answer' } => answer.kind === 'answer';
const leadsTo = ({ status, headers }: Answer & { kind: 'answer' }, path: string): boolean =>
  status === 303 && (headers.location ?? '').startsWith(path);

export function createPersonHands(dependencies: PersonHandsDependencies) {
  const { history, portOf, sessionCookie, name, from } = dependencies;
  const cookies = new Map(
    [sessionCookie].map((pair) => [pair.split('=')[0]!, pair.slice(pair.indexOf('=') + 1)]),
  );

  async function send(
    replica: number,
    path: string,
    form?: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const headers = { Cookie: [...cookies].map((pair) => pair.join('=')).join('; '), Accept: 'text/html' };
    const asked = form ? { method: 'POST' as const, form } : { method: 'GET' as const };
    const answer = await ask(portOf(replica), { ...asked, path, headers, from });
    const set = isAnswer(answer) ? (answer.headers['set-cookie'] ?? []) : [];
    for (const cookie of set) {
      const [, key = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/; *Max-Age=0/i.test(cookie)) cookies.delete(key);
      else cookies.set(key, value);
    }
    return answer;
  }

  const record = (
    about: About,
    path: string,
    form: Record<string, string>,
    judge: (answer: Answer & { kind: 'answer' }) => Outcome,
  ): Promise<Op> =>
    history.record({ ...about, by: name }, async () => {
      const answer = await send(about.replica, path, form);
      return commonOutcome(answer) ?? judge(answer as Answer & { kind: 'answer' });
    });

  /** Looks at a page, and answers the fields of one of its forms; undefined where it is not there now. */
  async function look(story: string, replica: number, path: string, action: string) {
    const held: { fields?: Readonly<Record<string, string>> } = {};
    const op = await history.record({ act: 'look', story, replica, by: name }, async () => {
      const answer = await send(replica, path);
      const common = commonOutcome(answer);
      if (common || !isAnswer(answer)) return common!;
      const fields = formsOf(answer.text).find((form) => form.action === action)?.fields;
      if (fields) held.fields = fields;
      // Signed out would be an acknowledged session lost.
      return leadsTo(answer, '/sign-in') ? wrong(answer) : { said: fields ? 'done' : 'over' };
    });
    return { op, fields: held.fields };
  }

  /** A hidden field that says whose forms these are; it holds as long as the session. */
  let csrf: string | undefined;
  async function csrfAt(story: string, replica: number): Promise<string | undefined> {
    csrf ??= (await look(story, replica, '/link', '/link')).fields?.['_csrf'];
    return csrf;
  }

  /** A form that cannot be filled in was not sent. */
  const unsent = (about: About): Promise<Op> =>
    history.record({ ...about, by: name }, async () => ({
      said: 'unsent',
      detail: 'no page to send it from',
    }));

  const enterCode = async (about: About, userCode: string): Promise<Op> => {
    const token = await csrfAt(about.story, about.replica);
    if (token === undefined) return unsent(about);
    return record(about, '/link', { _csrf: token, user_code: userCode }, (answer) => {
      if (leadsTo(answer, '/link/review')) return { said: 'done' };
      if (answer.status === 404) return { said: 'unknown' };
      return answer.status === 429 ? { said: 'too-many' } : wrong(answer);
    });
  };

  return {
    name,
    reserve: (story: string, replica: number, userCode: string) =>
      enterCode({ act: 'reserve', story, replica }, userCode),
    guess: (story: string, replica: number, userCode: string) =>
      enterCode({ act: 'guess', story, replica }, userCode),

    /** What the browser is given for an address. */
    browse: send,

    /** The page with the decision; undefined where it cannot be had now, or there is nothing to decide. */
    async review(story: string, replica: number, { path, action }: ReviewPlace): Promise<Review | undefined> {
      const { fields } = await look(story, replica, path, action);
      return fields && { fields, seenAt: history.elapsed() };
    },

    decide: (
      about: Pick<About, 'story' | 'replica'>,
      act: 'approve' | 'deny',
      place: ReviewPlace,
      { fields }: Review,
    ): Promise<Op> =>
      record(
        { act, ...about },
        place.action,
        { ...fields, decision: act === 'deny' ? 'decline' : act },
        (answer) => {
          if (leadsTo(answer, place.after)) return { said: 'done' };
          // It was decided before, and this is what the tool is told: what was wished for, or not.
          const told = broughtBack(answer);
          if (told) return { said: told.has('code') === (act === 'approve') ? 'done' : 'over' };
          if (answer.status === 410) return { said: 'over' };
          return answer.status === 409 ? { said: 'hasty' } : wrong(answer);
        },
      ),

    /** A wrong second factor, at the page that asks whether it is still the same person. */
    async mistype(story: string, replica: number): Promise<Op> {
      const about = { act: 'wrong-code', story, replica } as const;
      const { fields } = await look(story, replica, '/step-up', '/step-up');
      if (!fields) return unsent(about);
      return record(about, '/step-up', { ...fields, code: '000000' }, (answer) => {
        if (answer.status === 403 && answer.text.includes('name="code"')) return { said: 'unknown' };
        return answer.status === 429 ? { said: 'too-many' } : wrong(answer);
      });
    },
  };
}
