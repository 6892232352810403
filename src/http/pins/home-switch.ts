// Switching a tool to somebody else of the household: the account object of that member, with a token that speaks for them. Who
// may be switched to, by what PIN and how often, is in `household-switch`. PIN-API 6.
import { originOf } from '../request.js';
import { answer, type Answer, type Endpoint } from './answers.js';
import { createFindHomeMember } from './home-member.js';
import { readMessage, wordOf } from './message.js';
import type { FindBearer, FindUser } from './token-bearer.js';
import { presentOlderUser, presentUser, type PresentedUser } from './user.js';
import type { ProfileSwitch } from '../../domain/household-switch.js';
import type { Households } from '../../domain/household.js';

export interface HomeSwitchDependencies {
  readonly findBearer: FindBearer;
  readonly findUser: FindUser;
  readonly household: Pick<Households, 'findMember'>;
  readonly profileSwitch: Pick<ProfileSwitch, 'switchToken'>;
}

export function createHomeSwitch(dependencies: HomeSwitchDependencies) {
  const { findBearer, findUser, profileSwitch } = dependencies;
  const findMember = createFindHomeMember(dependencies);

  const switchAs =
    (present: (user: PresentedUser) => Answer): Endpoint =>
    async (ctx, call) => {
      const message = await readMessage(ctx);
      const standing = await findBearer(ctx, message);
      const { subjectId } = await findMember(standing.tool.subjectId, call.parameter);
      const to = { subjectId, pin: wordOf(message, 'pin') };
      const switched = await profileSwitch.switchToken(standing, to, originOf(ctx));
      answer(ctx, call, 201, present(await findUser(switched)));
    };

  return { switchMember: switchAs(presentUser), switchOlder: switchAs(presentOlderUser) };
}
