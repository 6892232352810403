// Who a call with a token speaks for. A token stands for its linked tool, whatever identifier comes with it; whether it
// still counts is in `tokens-lasting`. PIN-API 2 and "Decided".
import type { RequestContext } from '../guards.js';
import { originOf } from '../request.js';
import { DoorRefusal, refusals } from './errors.js';
import { readMessage, type Message } from './message.js';
import { readToken } from './tool-values.js';
import type { LastingStanding, TokensLasting } from '../../domain/tokens-lasting.js';

export interface TokenBearerDependencies {
  readonly tokensLasting: Pick<TokensLasting, 'useLastingToken'>;
}

/** Refuses a request without a token; `token-invalid` and `token-expired` as `useLastingToken` does. */
export type FindBearer = (ctx: RequestContext, message?: Message) => Promise<LastingStanding>;

export function createFindBearer({ tokensLasting }: TokenBearerDependencies): FindBearer {
  return async (ctx, known) => {
    const message = known ?? (await readMessage(ctx));
    const token = readToken(ctx, message);
    if (token === undefined) throw new DoorRefusal(refusals.notSignedIn);
    return tokensLasting.useLastingToken(token, originOf(ctx));
  };
}
