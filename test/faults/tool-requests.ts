// How a tool asks the OAuth door, with its key where it has one, and what it does with its tokens there. What the answers mean is
// the same whichever way the tool was linked. RFC 6749 §5.2, §6; RFC 7009 §2.2; RFC 9449 §4, §7, §8.
import { createProofKey, type ProofKey } from '../support/proofs.js';
import { ask, type Answer, type Asked } from './asking.js';
import { ISSUER } from './fleet.js';
import type { History, Op, Outcome, Said, Tokens } from './history.js';

export interface Where {
  readonly story: string;
  readonly replica: number;
  /** The network address of the tool. */
  readonly from: string;
}

export type Answered = Answer & { readonly kind: 'answer' };

const WORDS: Readonly<Record<string, Said>> = {
  authorization_pending: 'pending',
  slow_down: 'pending',
  access_denied: 'denied',
  expired_token: 'expired',
  invalid_grant: 'spent',
};

/** What may be said of any answer, whatever was asked; undefined for one that its asker must judge. */
export function commonOutcome(answer: Answer): Outcome | undefined {
  if (answer.kind !== 'answer') return { said: answer.kind, detail: answer.why };
  const { status, headers, text } = answer;
  if (status === 503) {
    // CHECKLIST 4: whoever is sent away is told when to come again.
    const isRight = /^[1-9]\d*$/.test(headers['retry-after'] ?? '');
    return isRight ? { said: 'unavailable' } : { said: 'wrong', detail: '503 without Retry-After' };
  }
  if (status >= 500) return { said: 'wrong', detail: `${status} ${text.slice(0, 120)}` };
  return undefined;
}

export const wrong = (answer: Answered): Outcome => ({
  said: 'wrong',
  detail: `${answer.status} ${answer.text.slice(0, 120)}`,
});

/** What is said of an answer once it is there, by whoever asked for it. */
export const judged = (answer: Answer, judge: (answer: Answered) => Outcome): Outcome =>
  commonOutcome(answer) ?? judge(answer as Answered);

export function jsonOf(answer: Answered): Record<string, string> {
  try {
    return JSON.parse(answer.text) as Record<string, string>;
  } catch {
    return {};
  }
}

/** The name of an access token among all others. */
export const jtiOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }).jti;

function tokensOf(answer: Answered): Tokens | undefined {
  const { access_token: access, refresh_token: refresh } = jsonOf(answer);
  if (answer.status !== 200 || access === undefined || refresh === undefined) return undefined;
  return { access, refresh, jti: jtiOf(access) };
}

export const tokenOutcome = (answer: Answer): Outcome =>
  judged(answer, (answered) => {
    const got = tokensOf(answered);
    if (got) return { said: 'done', got };
    const said = answered.status === 400 ? WORDS[jsonOf(answered)['error'] ?? ''] : undefined;
    return said ? { said } : wrong(answered);
  });

/** For what nobody may succeed with: any refusal is right, and what the right one is, is said elsewhere. */
export const misuseOutcome = (answer: Answer): Outcome =>
  judged(answer, ({ status }) => ({ said: status < 400 ? 'done' : 'refused' }));

export const pick = ({ story, replica }: Where) => ({ story, replica });

export interface ToolRequestsDependencies {
  readonly history: History;
  readonly clientId: string;
  readonly portOf: (replica: number) => number;
  /** What its tokens are bound to. */
  readonly key?: ProofKey | undefined;
}

export type ToolRequests = ReturnType<typeof createToolRequests>;

export function createToolRequests({ history, clientId, portOf, key }: ToolRequestsDependencies) {
  /** What the service last gave for proofs; one that is over brings the next (RFC 9449 §8). */
  let nonce: string | undefined;

  /** Resolves to the request that was answered too, with its proof. */
  async function proveAs(
    { replica, from }: Where,
    asked: Omit<Asked, 'from'>,
    prover: ProofKey,
    accessToken?: string,
  ): Promise<{ answer: Answer; sent: Asked }> {
    for (let tries = 0; ; tries++) {
      const about = { htm: asked.method ?? 'POST', htu: ISSUER + asked.path, iat: Date.now() / 1000 };
      const proof = prover.proof({
        ...about,
        ...(nonce === undefined ? {} : { nonce }),
        ...(accessToken === undefined ? {} : { accessToken }),
      });
      const sent = { ...asked, from, headers: { ...asked.headers, DPoP: proof } };
      const answer = await ask(portOf(replica), sent);
      if (answer.kind !== 'answer') return { answer, sent };
      nonce = (answer.headers['dpop-nonce'] as string | undefined) ?? nonce;
      if (!answer.text.includes('use_dpop_nonce') || tries > 0) return { answer, sent };
    }
  }

  const prove = async (
    where: Where,
    asked: Omit<Asked, 'from'>,
    prover: ProofKey | undefined,
    accessToken?: string,
  ): Promise<Answer> =>
    prover
      ? (await proveAs(where, asked, prover, accessToken)).answer
      : ask(portOf(where.replica), { ...asked, from: where.from });

  const post = (
    where: Where,
    path: string,
    form: Record<string, string>,
    { headers = {}, prover = key }: { headers?: Record<string, string>; prover?: ProofKey | undefined } = {},
  ): Promise<Answer> => prove(where, { path, headers, form: { ...form, client_id: clientId } }, prover);

  const showing = (token: string, prover: ProofKey | undefined) =>
    ({
      method: 'GET',
      path: '/oauth/userinfo',
      headers: { Authorization: `${prover ? 'DPoP' : 'Bearer'} ${token}` },
    }) as const;
  const show = (where: Where, token: string, prover: ProofKey | undefined): Promise<Answer> =>
    prove(where, showing(token, prover), prover, token);

  /** Shows a bound token with another key's proof, or with none. */
  const showAsThief = (where: Where, token: string, thief: ProofKey | undefined): Promise<Op> =>
    history.record({ act: 'misuse', ...pick(where), shown: token }, async () =>
      misuseOutcome(await show(where, token, thief)),
    );

  /** Shows a request that counted a second time, at another replica (RFC 9449 §11.1). */
  async function showAgain(where: Where, token: string, elsewhere: number): Promise<Op | undefined> {
    const { answer, sent } = await proveAs(where, showing(token, key), key!, token);
    if (answer.kind !== 'answer' || answer.status !== 200) return undefined;
    return history.record({ act: 'misuse', story: where.story, replica: elsewhere, shown: token }, async () =>
      misuseOutcome(await ask(portOf(elsewhere), sent)),
    );
  }

  return {
    post,

    refresh: (where: Where, token: string): Promise<Op> =>
      history.record({ act: 'refresh', ...pick(where), shown: token }, async () =>
        tokenOutcome(
          await post(where, '/oauth/token', { grant_type: 'refresh_token', refresh_token: token }),
        ),
      ),

    revoke: (where: Where, token: string): Promise<Op> =>
      history.record({ act: 'revoke', ...pick(where), shown: token }, async () =>
        judged(await post(where, '/oauth/revoke', { token }), (answer) =>
          answer.status === 200 ? { said: 'done' } : wrong(answer),
        ),
      ),

    use: (where: Where, token: string): Promise<Op> =>
      history.record({ act: 'use', ...pick(where), shown: token }, async () =>
        judged(await show(where, token, key), (answer) => {
          if (answer.status === 200 && jsonOf(answer)['sub'] !== undefined) return { said: 'done' };
          return answer.status === 401 ? { said: 'refused' } : wrong(answer);
        }),
      ),

    /** What somebody would do with a bound token, or with a whole request, that they have seen; undefined without a key. */
    async misuse(where: Where, token: string, elsewhere: number): Promise<Op | undefined> {
      if (!key) return undefined;
      if (where.replica === elsewhere) return showAsThief(where, token, undefined);
      return where.replica < elsewhere
        ? showAgain(where, token, elsewhere)
        : showAsThief(where, token, createProofKey());
    },
  };
}
