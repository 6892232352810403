// Editing a household with a token: members without an account, invitations, profile PINs, and who goes. Each takes a token of
// the account itself that is no older than ten minutes; what it may do then is the household's business. PIN-API 6, "Decided".
import type { RequestContext } from '../guards.js';
import { MessageFault, originOf } from '../request.js';
import { answer, type Endpoint } from './answers.js';
import { DoorRefusal, presentResponse, refusals } from './errors.js';
import { createFindHomeMember, isThemself } from './home-member.js';
import { flagOf, readMessage, wasSent, wordOf, type Message } from './message.js';
import { presentInvited, presentMember, presentOlderMember } from './present-home.js';
import type { FindBearer } from './token-bearer.js';
import type { Editor } from '../../domain/household-editor.js';
import type { HouseholdInvitations } from '../../domain/household-invitations.js';
import { refuseBadPin } from '../../domain/household-pin-rule.js';
import type { ProfilePins } from '../../domain/household-pins.js';
import { RESTRICTIONS, type Member, type Restriction } from '../../domain/household-records.js';
import type { Households } from '../../domain/household.js';
import { isRefusal } from '../../domain/vocabulary.js';
import type { LastingStanding } from '../../domain/tokens-lasting.js';

export interface HomeEditsDependencies {
  readonly findBearer: FindBearer;
  readonly household: Pick<
    Households,
    'addManaged' | 'describePerson' | 'editManaged' | 'editorOfToken' | 'findMember' | 'removeMember'
  >;
  readonly householdInvitations: Pick<HouseholdInvitations, 'inviteToHousehold'>;
  readonly profilePins: Pick<ProfilePins, 'changeOwnPin' | 'setManagedPin'>;
}

/** Throws MessageFault `missing`. */
function requireWord(message: Message, name: string): string {
  const word = wordOf(message, name);
  if (word === undefined) throw new MessageFault('missing', `The parameter ${name} is missing.`, name);
  return word;
}

/** `little_kid`, `older_kid`, `teen`, or `none`. Throws MessageFault `malformed` for any other. */
function readRestriction(message: Message): { readonly restriction?: Restriction } {
  const word = wordOf(message, 'restrictionProfile');
  if (word === undefined) return {};
  const restriction = RESTRICTIONS.find((known) => known.replace('-', '_') === word);
  if (restriction === undefined)
    throw new MessageFault('malformed', 'There is no such restriction profile.', 'restrictionProfile');
  return { restriction };
}

/** The PIN to set, or that it is to be removed; undefined where it is to stay. Refuses both at once, and what is no PIN. */
function readPinChange(message: Message): { readonly pin: string | undefined } | undefined {
  const pin = wordOf(message, 'pin');
  const isRemoved = flagOf(message, 'removePin');
  if (pin !== undefined && isRemoved)
    throw new MessageFault('malformed', 'A PIN is either set or removed.', 'removePin');
  if (pin !== undefined) refuseBadPin(pin);
  return pin === undefined && !isRemoved ? undefined : { pin };
}

export function createHomeEdits(dependencies: HomeEditsDependencies) {
  const { findBearer, household, householdInvitations, profilePins } = dependencies;
  const findMember = createFindHomeMember(dependencies);

  /** Whatever token may not edit is told the same: one that is too old, was switched, or speaks for a member. */
  function editorOf(ctx: RequestContext, standing: LastingStanding): Editor {
    try {
      return household.editorOfToken(standing, originOf(ctx));
    } catch (error) {
      throw isRefusal(error, 'member-may-not') ? new DoorRefusal(refusals.passwordNeeded) : error;
    }
  }

  const addRestricted: Endpoint = async (ctx, call) => {
    const message = await readMessage(ctx);
    const editor = editorOf(ctx, await findBearer(ctx, message));
    const look = { name: requireWord(message, 'friendlyName'), ...readRestriction(message) };
    answer(ctx, call, 201, presentMember(await household.addManaged(editor, look)));
  };

  async function edit(editor: Editor, { subjectId }: Member, message: Message): Promise<void> {
    const name = wordOf(message, 'friendlyName');
    const look = { ...(name === undefined ? {} : { name }), ...readRestriction(message) };
    const change = readPinChange(message);
    const isLookChanged = Object.keys(look).length > 0;
    if (!isLookChanged && !change) throw new MessageFault('missing', 'There is nothing to change.');
    if (isLookChanged) await household.editManaged(editor, subjectId, look);
    if (change) await profilePins.setManagedPin(editor, subjectId, change);
  }

  const editRestricted: Endpoint = async (ctx, call) => {
    const message = await readMessage(ctx);
    const standing = await findBearer(ctx, message);
    const editor = editorOf(ctx, standing);
    const { subjectId } = standing.tool;
    await edit(editor, await findMember(subjectId, call.parameter), message);
    answer(ctx, call, 201, presentMember(await findMember(subjectId, call.parameter)));
  };

  /** Somebody with an account is invited, and anybody else is made. */
  const addOlder: Endpoint = async (ctx, call) => {
    const message = await readMessage(ctx);
    const editor = editorOf(ctx, await findBearer(ctx, message));
    const [invited, name] = [wordOf(message, 'invitedEmail'), wordOf(message, 'title')];
    if (invited !== undefined && name !== undefined)
      throw new MessageFault('malformed', 'One person is either invited or made.', 'title');
    if (invited !== undefined) {
      const { email } = await householdInvitations.inviteToHousehold(editor, invited);
      return answer(ctx, call, 201, presentInvited(email));
    }
    const look = { name: requireWord(message, 'title'), ...readRestriction(message) };
    answer(ctx, call, 201, presentOlderMember(await household.addManaged(editor, look)));
  };

  /** The one call that changes one's own. Anybody else's who is known is not for this call; others are not there. */
  async function refuseOthers({ tool }: LastingStanding, parameter: string): Promise<void> {
    const person = await household.describePerson(tool);
    if (person && isThemself(person, parameter)) return;
    await findMember(tool.subjectId, parameter);
    throw new DoorRefusal(refusals.notForThisUser);
  }

  const changeOwnPin: Endpoint = async (ctx, call) => {
    const message = await readMessage(ctx);
    const standing = await findBearer(ctx, message).catch((error: unknown) => {
      throw isRefusal(error, 'token-invalid') ? new DoorRefusal(refusals.editTokenWrong) : error;
    });
    const editor = editorOf(ctx, standing);
    await refuseOthers(standing, call.parameter);
    // Sent empty, it removes the PIN; only without it there is nothing to do.
    if (!wasSent(message, 'pin')) throw new MessageFault('missing', 'The parameter pin is missing.', 'pin');
    const change = { pin: wordOf(message, 'pin'), current: wordOf(message, 'currentPin') };
    await profilePins.changeOwnPin(editor, change).catch((error: unknown) => {
      throw isRefusal(error, 'profile-pin-wrong') ? new DoorRefusal(refusals.ownPinWrong) : error;
    });
    answer(ctx, call, 200, presentResponse(0, 'Updated user'));
  };

  async function remove(ctx: RequestContext, parameter: string): Promise<void> {
    const standing = await findBearer(ctx);
    const editor = editorOf(ctx, standing);
    const { subjectId } = await findMember(standing.tool.subjectId, parameter);
    await household.removeMember(editor, subjectId);
  }

  const removeMember: Endpoint = async (ctx, { parameter }) => {
    await remove(ctx, parameter);
    ctx.status = 204;
  };

  const removeOlder: Endpoint = async (ctx, call) => {
    await remove(ctx, call.parameter);
    answer(ctx, call, 200, presentResponse(0, 'Removed user'));
  };

  return { addRestricted, editRestricted, addOlder, changeOwnPin, removeMember, removeOlder };
}
