// What a tool does to a replica, and what its answers mean. RFC 8628 §3.5, RFC 6749 §5.2, RFC 7009 §2.2.
import { ask, type Answer } from './asking.js';
import type { History, Op, Outcome, Said, Tokens } from './history.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export interface StartedLink {
  readonly linkId: string;
  readonly deviceCode: string;
  readonly userCode: string;
}

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

export const wrong = (answer: Answer & { kind: 'answer' }): Outcome => ({
  said: 'wrong',
  detail: `${answer.status} ${answer.text.slice(0, 120)}`,
});

export interface ToolHandsDependencies {
  readonly history: History;
  readonly clientId: string;
  readonly portOf: (replica: number) => number;
}

export type ToolHands = ReturnType<typeof createToolHands>;

export function createToolHands({ history, clientId, portOf }: ToolHandsDependencies) {
  interface Where {
    readonly story: string;
    readonly replica: number;
    /** The network address of this tool. */
    readonly from: string;
  }

  const post = ({ replica, from }: Where, path: string, form: Record<string, string>, headers = {}) =>
    ask(portOf(replica), { path, from, headers, form: { ...form, client_id: clientId } });

  const jsonOf = (answer: Answer & { kind: 'answer' }): Record<string, string> => {
    try {
      return JSON.parse(answer.text) as Record<string, string>;
    } catch {
      return {};
    }
  };

  function tokensOf(answer: Answer & { kind: 'answer' }): Tokens | undefined {
    const { access_token: access, refresh_token: refresh } = jsonOf(answer);
    if (answer.status !== 200 || access === undefined || refresh === undefined) return undefined;
    const claims = JSON.parse(Buffer.from(access.split('.')[1]!, 'base64url').toString()) as { jti: string };
    return { access, refresh, jti: claims.jti };
  }

  function tokenOutcome(answer: Answer): Outcome {
    const common = commonOutcome(answer);
    if (common || answer.kind !== 'answer') return common!;
    const got = tokensOf(answer);
    if (got) return { said: 'done', got };
    const said = answer.status === 400 ? WORDS[jsonOf(answer)['error'] ?? ''] : undefined;
    return said ? { said } : wrong(answer);
  }

  return {
    /** Resolves to the link too, where it was started. */
    async start(where: Where): Promise<{ op: Op; link: StartedLink | undefined }> {
      const held: { link?: StartedLink } = {};
      const op = await history.record({ act: 'start', ...pick(where) }, async () => {
        const answer = await post(where, '/oauth/device_authorization', { scope: 'openid' });
        const common = commonOutcome(answer);
        if (common || answer.kind !== 'answer') return common!;
        const { device_code: deviceCode, user_code: userCode } = jsonOf(answer);
        if (answer.status !== 200 || !deviceCode || !userCode) return wrong(answer);
        held.link = { deviceCode, userCode, linkId: deviceCode.slice(0, deviceCode.lastIndexOf('.')) };
        return { said: 'done' };
      });
      return { op, link: held.link };
    },

    poll: (where: Where, { deviceCode }: StartedLink, waitSeconds = 0): Promise<Op> =>
      history.record({ act: 'poll', ...pick(where), isHeld: waitSeconds > 0 }, async () => {
        const headers = waitSeconds > 0 ? { Prefer: `wait=${waitSeconds}` } : {};
        return tokenOutcome(
          await post(where, '/oauth/token', { grant_type: GRANT, device_code: deviceCode }, headers),
        );
      }),

    refresh: (where: Where, token: string): Promise<Op> =>
      history.record({ act: 'refresh', ...pick(where), shown: token }, async () =>
        tokenOutcome(
          await post(where, '/oauth/token', { grant_type: 'refresh_token', refresh_token: token }),
        ),
      ),

    revoke: (where: Where, token: string): Promise<Op> =>
      history.record({ act: 'revoke', ...pick(where), shown: token }, async () => {
        const answer = await post(where, '/oauth/revoke', { token });
        const common = commonOutcome(answer);
        if (common || answer.kind !== 'answer') return common!;
        return answer.status === 200 ? { said: 'done' } : wrong(answer);
      }),

    use: (where: Where, token: string): Promise<Op> =>
      history.record({ act: 'use', ...pick(where), shown: token }, async () => {
        const headers = { Authorization: `Bearer ${token}` };
        const { from } = where;
        const answer = await ask(portOf(where.replica), {
          method: 'GET',
          path: '/oauth/userinfo',
          from,
          headers,
        });
        const common = commonOutcome(answer);
        if (common || answer.kind !== 'answer') return common!;
        if (answer.status === 200 && jsonOf(answer)['sub'] !== undefined) return { said: 'done' };
        return answer.status === 401 ? { said: 'refused' } : wrong(answer);
      }),
  };
}

const pick = ({ story, replica }: { story: string; replica: number }) => ({ story, replica });
