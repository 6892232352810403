// The end of somebody's place in a household, in one transaction: their tools and tokens, what was approved for them, the
// browsers that act for them, and those that they have switched. Who may end it is in `household`. DESIGN 8.
import type {
  Household,
  HouseholdRecordStores,
  HouseholdStore,
  Member,
  MemberOfAccount,
} from './household-records.js';
import type { Link } from './links.js';
import type { SwitchedSessionStore } from './sessions-switched.js';
import type { AccountId, Clock, SubjectId } from './vocabulary.js';

export interface RemovalStores extends HouseholdRecordStores {
  readonly switchedSessions: SwitchedSessionStore;
}

export type Removal = ReturnType<typeof createRemoval>;

export function createRemoval({ now }: { readonly now: Clock }) {
  /** What they have as a member ends; they are still one. Resolves to links for which nobody needs to wait any more. */
  async function endAccess(stores: RemovalStores, member: MemberOfAccount): Promise<Link[]> {
    const at = now();
    // First what is not collected yet: whatever a tool collects meanwhile ends with the others.
    const links = await stores.memberAccess.withdrawLinks(member, at);
    await stores.memberAccess.endTools(member, at);
    await stores.switchedSessions.removeBySubject(member.subjectId);
    return links;
  }

  /** Browsers and tools that were switched to this member by their PIN, or without one: that was another one. */
  async function endSwitched(stores: RemovalStores, member: MemberOfAccount): Promise<void> {
    await stores.memberAccess.endSwitchedTools(member, now());
    await stores.switchedSessions.removeBySubject(member.subjectId);
  }

  async function removeMember(stores: RemovalStores, member: Member): Promise<Link[] | undefined> {
    if (!(await stores.households.removeMember(member))) return undefined;
    const links = await endAccess(stores, member);
    const hasAccount = member.kind === 'full';
    if (hasAccount) await stores.switchedSessions.removeBegunIn(member.accountId, member.householdId);
    return links;
  }

  return {
    endAccess,
    endSwitched,

    /** Undefined when they were no member any more. */
    removeMember,

    /** A household in which nobody but its owner is; what their tools say of it is forgotten. */
    async dissolveEmpty(
      stores: RemovalStores,
      { householdId }: Pick<Household, 'householdId'>,
    ): Promise<void> {
      await stores.memberAccess.forgetHousehold(householdId);
      await stores.households.removeHousehold(householdId);
    },
  };
}

export interface FoundHousehold {
  readonly own: Member;
  readonly members: readonly Member[];
}

/** The household that somebody is in, and all who are in it. */
export async function findHouseholdOf(
  households: Pick<HouseholdStore, 'findMember' | 'findMembers'>,
  subjectId: SubjectId,
): Promise<FoundHousehold | undefined> {
  const own = await households.findMember(subjectId);
  return own && { own, members: await households.findMembers(own.householdId) };
}

/** The subject of an account itself. */
export const ownSubject = (accountId: AccountId): SubjectId => accountId as string as SubjectId;
