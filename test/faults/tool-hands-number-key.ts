// The key of a tool that polls by a number: what it signs, right and wrong, and the new tokens that it gets for that. A proof that
// names a nonce counts once; one that collects a token may be shown at every poll. PIN-API 5.
import { createProofKey } from '../support/proofs.js';
import { ISSUER } from './fleet.js';
import type { History, Op } from './history.js';
import { jsonOf, jtiOf, judged, pick, wrong, type Answered, type Where } from './tool-requests.js';
import type { Answer, Asked } from './asking.js';

export type NumberKey = ReturnType<typeof createNumberKey>;

const LIFE_SECONDS = 300;

/** Of the tool of that identifier; whoever else makes one has another under the same name. */
export function createNumberKey(identifier: string) {
  const key = createProofKey('EdDSA');
  const named = { alg: 'EdDSA', kid: `key of ${identifier}` };
  return {
    jwk: { ...key.jwk, ...named, use: 'sig' },

    prove(claims: { readonly nonce?: string; readonly scope?: string } = {}): string {
      const iat = Math.floor(Date.now() / 1000);
      return key.signed(named, { aud: ISSUER, iss: identifier, iat, exp: iat + LIFE_SECONDS, ...claims });
    },
  };
}

export interface RenewalDependencies {
  readonly history: History;
  readonly key: NumberKey;
  readonly send: (where: Where, asked: Omit<Asked, 'from'>) => Promise<Answer>;
}

function renewalOutcome(answer: Answered) {
  // Whatever is wrong with it, and a tool that has ended, are one answer.
  if (answer.status === 422) return { said: 'refused' } as const;
  const { auth_token: access } = jsonOf(answer);
  if (answer.status !== 200 || access === undefined) return wrong(answer);
  return { said: 'done', got: { access, jti: jtiOf(access) } } as const;
}

export function createRenewal({ history, key, send }: RenewalDependencies) {
  /** Undefined where it was not to be had. */
  async function askNonce(where: Where): Promise<string | undefined> {
    const held: { nonce?: string } = {};
    await history.record({ act: 'look', ...pick(where) }, async () =>
      judged(await send(where, { method: 'GET', path: '/api/v2/auth/nonce' }), (answer) => {
        const { nonce } = jsonOf(answer);
        if (answer.status !== 200 || nonce === undefined) return wrong(answer);
        held.nonce = nonce;
        return { said: 'done' };
      }),
    );
    return held.nonce;
  }

  /** Shows one proof to each of these replicas at once. None where there was no nonce to sign. */
  return async (where: Where, replicas: readonly number[]): Promise<Op[]> => {
    const nonce = await askNonce(where);
    if (nonce === undefined) return [];
    const jwt = key.prove({ nonce });
    const show = (replica: number): Promise<Op> =>
      history.record({ act: 'renew', story: where.story, replica, shown: jwt }, async () =>
        judged(
          await send({ ...where, replica }, { path: '/api/v2/auth/token', form: { jwt } }),
          renewalOutcome,
        ),
      );
    return Promise.all(replicas.map(show));
  };
}
