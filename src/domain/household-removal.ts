// The end of somebody's place in a household, in one transaction: their tools and tokens, what was approved for them, the
// browsers that act for them, and those that they have switched. Who may end it is in `household`. DESIGN 8.
import type { Audit, AuditStore } from './audit.js';
import type {
  Household,
  HouseholdRecordStores,
  HouseholdStore,
  Member,
  MemberOfAccount,
} from './household-records.js';
import type { Link } from './links.js';
import { recordWithdrawn } from './links-withdrawn.js';
import type { SwitchedSessionStore } from './sessions-switched.js';
import { recordToolsEnded, type EndedBy } from './tokens-ending.js';
import type { AccountId, Clock, SubjectId } from './vocabulary.js';

export interface RemovalStores extends HouseholdRecordStores {
  readonly switchedSessions: SwitchedSessionStore;
  readonly audit: AuditStore;
}

export interface RemovalDependencies {
  readonly audit: Audit;
  readonly now: Clock;
}

export type Removal = ReturnType<typeof createRemoval>;

export function createRemoval({ audit, now }: RemovalDependencies) {
  /** Whatever was approved for them and not collected. Resolves to the links for which nobody needs to wait any more. */
  async function withdrawLinks(stores: RemovalStores, member: MemberOfAccount, by: EndedBy): Promise<Link[]> {
    const links = await stores.memberAccess.withdrawLinks(member, now());
    await recordWithdrawn(stores, audit, links, by);
    return links;
  }

  /** What they have as a member ends; they are still one. Resolves to links for which nobody needs to wait any more. */
  async function endAccess(stores: RemovalStores, member: MemberOfAccount, by: EndedBy): Promise<Link[]> {
    // First what is not collected yet: whatever a tool collects meanwhile ends with the others.
    const links = await withdrawLinks(stores, member, by);
    const ended = await stores.memberAccess.endTools(member, now());
    await recordToolsEnded(stores, audit, ended, { ...by, why: 'member-removed' });
    await stores.switchedSessions.removeBySubject(member.subjectId);
    return links;
  }

  /** Browsers and tools that were switched to this member by their PIN, or without one: that was another one. */
  async function endSwitched(stores: RemovalStores, member: MemberOfAccount, by: EndedBy): Promise<void> {
    const ended = await stores.memberAccess.endSwitchedTools(member, now());
    await recordToolsEnded(stores, audit, ended, { ...by, why: 'pin-changed' });
    await stores.switchedSessions.removeBySubject(member.subjectId);
  }

  async function removeMember(
    stores: RemovalStores,
    member: Member,
    by: EndedBy,
  ): Promise<Link[] | undefined> {
    if (!(await stores.households.removeMember(member))) return undefined;
    const links = await endAccess(stores, member, by);
    const hasAccount = member.kind === 'full';
    if (hasAccount) await stores.switchedSessions.removeBegunIn(member.accountId, member.householdId);
    return links;
  }

  return {
    withdrawLinks,
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
