// What a tool does with its token: reads the account that it speaks for, asks whether it still counts, gives it back.
// PIN-API 4.1, 4.3, 4.4, 4.5.
import type { RequestContext } from '../guards.js';
import { originOf } from '../request.js';
import { answer, type Endpoint } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import type { FindBearer } from './token-bearer.js';
import { presentOlderUser, presentUser, type PresentedUser } from './user.js';
import type { Accounts } from '../../domain/accounts.js';
import type { Proofs } from '../../domain/proofs.js';
import type { TokensLasting } from '../../domain/tokens-lasting.js';
import { DomainError, isRefusal } from '../../domain/vocabulary.js';

export interface AccountDependencies {
  readonly findBearer: FindBearer;
  readonly tokensLasting: Pick<TokensLasting, 'endLastingToken'>;
  readonly accounts: Pick<Accounts, 'findAccount'>;
  readonly proofs: Pick<Proofs, 'hasSecondFactor'>;
}

export function createAccount({ findBearer, tokensLasting, accounts, proofs }: AccountDependencies) {
  async function findUser(ctx: RequestContext): Promise<PresentedUser> {
    const { tool, token, expiresAt } = await findBearer(ctx);
    const account = await accounts.findAccount(tool.accountId);
    if (!account) throw new DomainError('token-invalid');
    const hasSecondFactor = await proofs.hasSecondFactor(tool.accountId);
    return { account, token, expiresAt, hasSecondFactor };
  }

  const readUser: Endpoint = async (ctx, call) => answer(ctx, call, 200, presentUser(await findUser(ctx)));

  const readOlderAccount: Endpoint = async (ctx, call) => {
    const user = await findUser(ctx).catch((error: unknown) => {
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
