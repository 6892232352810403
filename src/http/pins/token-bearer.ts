// Who a call with a token speaks for: its linked tool, whatever identifier comes with it, and the person of that. Whether a token
// still counts is in `tokens-lasting`, what it may know of the person in `household`. PIN-API 2 and "Decided".
import type { RequestContext } from '../guards.js';
import { originOf } from '../request.js';
import { createRequestProofs } from '../request-proof.js';
import { DoorRefusal, refusals } from './errors.js';
import { readMessage, type Message } from './message.js';
import { isShownAsBound, readToken } from './tool-values.js';
import type { PresentedUser } from './user.js';
import type { Dpop } from '../../domain/dpop.js';
import type { Households } from '../../domain/household.js';
import type { Proofs } from '../../domain/proofs.js';
import type { LastingStanding, TokensLasting } from '../../domain/tokens-lasting.js';
import { DomainError } from '../../domain/vocabulary.js';

export interface TokenBearerDependencies {
  readonly tokensLasting: Pick<TokensLasting, 'useLastingToken'>;
  readonly dpop: Dpop;
  readonly publicUrl: string;
}

/** Refuses a request without a token; `token-invalid` and `token-expired` as `useLastingToken` does. */
export type FindBearer = (ctx: RequestContext, message?: Message) => Promise<LastingStanding>;

export function createFindBearer(dependencies: TokenBearerDependencies): FindBearer {
  const { tokensLasting, dpop, publicUrl } = dependencies;
  const { withProof } = createRequestProofs({ dpop, issuer: publicUrl });
  return async (ctx, known) => {
    const message = known ?? (await readMessage(ctx));
    const token = readToken(ctx, message);
    if (token === undefined) throw new DoorRefusal(refusals.notSignedIn);
    const origin = originOf(ctx);
    if (!isShownAsBound(ctx)) return tokensLasting.useLastingToken(token, origin);
    return withProof(ctx, token, (key) => tokensLasting.useLastingToken(token, origin, key));
  };
}

export interface UserDependencies {
  readonly household: Pick<Households, 'describePerson' | 'findHousehold'>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor'>;
}

/** Whom a token speaks for, as far as it may know them. Refuses `token-invalid` where they are nobody any more. */
export type FindUser = (
  issued: Pick<LastingStanding, 'tool' | 'token' | 'expiresAt'>,
) => Promise<PresentedUser>;

export function createFindUser({ household, proofs }: UserDependencies): FindUser {
  return async ({ tool, token, expiresAt }) => {
    const person = await household.describePerson(tool);
    if (!person) throw new DomainError('token-invalid');
    const home = person.member && (await household.findHousehold(person.subjectId));
    const hasSecondFactor = person.isOwn && (await proofs.hasSecondFactor(tool.accountId));
    return { person, homeSize: home?.members.length ?? 1, token, expiresAt, hasSecondFactor };
  };
}
