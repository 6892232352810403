// How a household looks to the tools of this door, and each of its members: all that clients list of them, and nobody's e-mail
// address but the asker's own. What a token may see of its own account is in user.ts. PIN-API 6, 4.10.
import { presentEpoch, type Answer } from './answers.js';
import { addressOf, FILTERS, shortIdOf, titleOf } from './user.js';
import type { Household, Member } from '../../domain/household-records.js';
import type { Person } from '../../domain/household.js';

/** A household as somebody in it may see it; undefined where they are in none. */
export interface SeenHome {
  readonly viewer: Person;
  readonly household: Household | undefined;
}

type Shown = Pick<
  Member,
  'subjectId' | 'publicNumber' | 'kind' | 'name' | 'username' | 'restriction' | 'isPinRequired' | 'changedAt'
>;

/** Whoever is in no household is alone in one of their own. */
const alone = (viewer: Person): Shown => ({
  subjectId: viewer.subjectId,
  publicNumber: viewer.publicNumber,
  kind: 'owner',
  name: viewer.name,
  username: viewer.username,
  restriction: 'none',
  isPinRequired: false,
  changedAt: viewer.createdAt,
});

const membersOf = ({ viewer, household }: SeenHome): readonly Shown[] =>
  household?.members ?? [alone(viewer)];

const guestOf = ({ household }: SeenHome): Member | undefined =>
  household?.members.find(({ kind }) => kind === 'guest');

function standingOf({ kind, restriction, isPinRequired }: Shown) {
  const isManaged = kind === 'managed' || kind === 'guest';
  return {
    hasPassword: !isManaged,
    restricted: isManaged,
    restrictionProfile: restriction === 'none' ? null : restriction.replace('-', '_'),
    admin: kind === 'owner',
    guest: kind === 'guest',
    protected: isPinRequired,
  };
}

/** `viewer`: who asks; undefined where it is known that they ask about somebody else. */
function memberOf(member: Shown, viewer?: Person) {
  const isOwn = viewer?.account !== undefined && viewer.subjectId === member.subjectId;
  return {
    id: member.publicNumber,
    uuid: shortIdOf(member),
    title: titleOf(member),
    username: member.username,
    email: isOwn ? addressOf(viewer) : '',
    friendlyName: titleOf(member),
    thumb: '',
    ...standingOf(member),
    updatedAt: presentEpoch(member.changedAt),
  };
}

/** One member, as they are after a change. */
export const presentMember = (member: Member): Answer => ({
  json: () => memberOf(member),
  xml: () => ({ name: 'user', attributes: memberOf(member) }),
});

/** For older clients, which read the number of whom they have made. */
export const presentOlderMember = (member: Member): Answer => ({
  json: () => ({ User: memberOf(member) }),
  xml: () => ({ name: 'User', attributes: memberOf(member) }),
});

/** Somebody who is invited is nobody's number yet, and may never be. */
export function presentInvited(email: string): Answer {
  const invited = { id: null, uuid: '', title: email, username: '', email, thumb: '' };
  return { json: () => ({ User: invited }), xml: () => ({ name: 'User', attributes: invited }) };
}

export function presentHome(home: SeenHome): Answer {
  const members = membersOf(home);
  const owner = members[0]!;
  const guest = guestOf(home);
  const about = {
    // There is one for each owner.
    id: owner.publicNumber,
    name: titleOf(owner),
    guestUserID: guest?.publicNumber ?? null,
    guestUserUUID: guest ? shortIdOf(guest) : null,
    guestEnabled: guest !== undefined,
    subscription: false,
  };
  const users = members.map((member) => memberOf(member, home.viewer));
  return {
    json: () => ({ ...about, users }),
    xml: () => ({
      name: 'home',
      attributes: about,
      children: [{ name: 'users', children: users.map((attributes) => ({ name: 'user', attributes })) }],
    }),
  };
}

function presentContainer(
  attributes: Readonly<Record<string, string | number | null>>,
  users: readonly ReturnType<typeof memberOf>[],
): Answer {
  const about = { identifier: '', machineIdentifier: '', ...attributes };
  const counted = { ...about, totalSize: users.length, size: users.length };
  return {
    json: () => ({ MediaContainer: { ...counted, User: users } }),
    xml: () => ({
      name: 'MediaContainer',
      attributes: counted,
      children: users.map((user) => ({ name: 'User', attributes: user })),
    }),
  };
}

export const presentOlderHome = (home: SeenHome, friendlyName: string): Answer =>
  presentContainer(
    { friendlyName, guestUserID: guestOf(home)?.publicNumber ?? null },
    membersOf(home).map((member) => memberOf(member, home.viewer)),
  );

/** The list in which libraries look a name up; nobody is in it who is in no household. */
export const presentMembers = ({ viewer, household }: SeenHome, friendlyName: string): Answer =>
  presentContainer(
    { friendlyName },
    (household?.members ?? []).map((member) => ({ ...memberOf(member, viewer), home: true, ...FILTERS })),
  );
