// Who is in the household of whoever asks, in each of the lists that clients know. Any token of somebody in it may read them,
// one that was switched too; edits are in home-edits.ts, switching is in home-switch.ts. PIN-API 6, 4.10 and "Decided".
import type { RequestContext } from '../guards.js';
import { MessageFault } from '../request.js';
import { answer, type Endpoint } from './answers.js';
import { readMessage, wasSent, type Message } from './message.js';
import { presentHome, presentMembers, presentOlderHome, type SeenHome } from './present-home.js';
import type { FindBearer } from './token-bearer.js';
import { readIdentifier, requireIdentifier } from './tool-values.js';
import type { Households } from '../../domain/household.js';
import { DomainError } from '../../domain/vocabulary.js';

export interface HomeDependencies {
  readonly findBearer: FindBearer;
  readonly household: Pick<Households, 'describePerson' | 'findHousehold'>;
  readonly serviceName: string;
}

/** Nothing is read with a PIN: one that comes all the same is in an address that others may have kept. */
function refusePin(message: Message): void {
  const name = ['pin', 'currentPin'].find((pin) => wasSent(message, pin));
  if (name !== undefined) throw new MessageFault('malformed', `There is no ${name} in this request.`, name);
}

export function createHome({ findBearer, household, serviceName }: HomeDependencies) {
  async function findHome(ctx: RequestContext, known?: Message): Promise<SeenHome> {
    const message = known ?? (await readMessage(ctx));
    refusePin(message);
    const { tool } = await findBearer(ctx, message);
    const viewer = await household.describePerson(tool);
    if (!viewer) throw new DomainError('token-invalid');
    return { viewer, household: viewer.member && (await household.findHousehold(viewer.subjectId)) };
  }

  const readHome: Endpoint = async (ctx, call) => answer(ctx, call, 200, presentHome(await findHome(ctx)));

  const listUsers: Endpoint = async (ctx, call) => {
    const message = await readMessage(ctx);
    requireIdentifier({ identifier: readIdentifier(ctx, message) });
    answer(ctx, call, 200, presentHome(await findHome(ctx, message)));
  };

  const listOlderUsers: Endpoint = async (ctx, call) =>
    answer(ctx, call, 200, presentOlderHome(await findHome(ctx), serviceName));

  const listMembers: Endpoint = async (ctx, call) =>
    answer(ctx, call, 200, presentMembers(await findHome(ctx), serviceName));

  return { readHome, listUsers, listOlderUsers, listMembers };
}
