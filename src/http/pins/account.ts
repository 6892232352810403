// What a tool does with its token: reads whom it speaks for, asks whether it still counts, gives it back.
// PIN-API 4.1, 4.3, 4.4, 4.5.
import type { RequestContext } from '../guards.js';
import { originOf } from '../request.js';
import { answer, type Endpoint } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import type { FindBearer, FindUser } from './token-bearer.js';
import { presentOlderUser, presentUser, type PresentedUser } from './user.js';
import type { TokensLasting } from '../../domain/tokens-lasting.js';
import { isRefusal } from '../../domain/vocabulary.js';

export interface AccountDependencies {
  readonly findBearer: FindBearer;
  readonly findUser: FindUser;
  readonly tokensLasting: Pick<TokensLasting, 'endLastingToken'>;
}

export function createAccount({ findBearer, findUser, tokensLasting }: AccountDependencies) {
  const findOwn = async (ctx: RequestContext): Promise<PresentedUser> => findUser(await findBearer(ctx));

  const readUser: Endpoint = async (ctx, call) => answer(ctx, call, 200, presentUser(await findOwn(ctx)));

  const readOlderAccount: Endpoint = async (ctx, call) => {
    const user = await findOwn(ctx).catch((error: unknown) => {
      throw isRefusal(error, 'token-invalid') ? new DoorRefusal(refusals.accountTokenWrong) : error;
    });
    answer(ctx, call, 200, presentOlderUser(user));
  };

  const ping: Endpoint = async (ctx, call) => {
    await findBearer(ctx);
    answer(ctx, call, 200, { json: () => ({ pong: true }), xml: () => ({ name: 'pong', text: '1' }) });
  };

  const signOut: Endpoint = async (ctx) => {
    await tokensLasting.endLastingToken(await findBearer(ctx), originOf(ctx));
    ctx.status = 204;
  };

  return { readUser, readOlderAccount, ping, signOut };
}
