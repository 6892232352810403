// For whom a person may approve a tool: for themself, or for somebody without an account in the household that they own. The
// answer is asked for again in the transaction that approves. DESIGN 8.
import type { AccountStore } from './account-records.js';
import type { HouseholdStore, Member } from './household-records.js';
import { ownSubject } from './household-removal.js';
import { narrowScope } from './household-scopes.js';
import type { ApprovedFor, ForWhom } from './links-for-whom.js';
import { DomainError, type AccountId, type HouseholdStanding, type SubjectId } from './vocabulary.js';

interface ApprovalStores {
  readonly households: Pick<HouseholdStore, 'findMember'>;
}

export interface ApprovalsDependencies {
  /** For reading what is committed. */
  readonly households: Pick<HouseholdStore, 'findMember' | 'findMembers'>;
  readonly accounts: Pick<AccountStore, 'find'>;
}

const standingOf = ({ householdId, kind }: Member): HouseholdStanding => ({ householdId, memberKind: kind });
const mayBeMeant = ({ kind }: Member): boolean => kind === 'managed' || kind === 'guest';

export function createApprovals({ households, accounts }: ApprovalsDependencies) {
  return {
    /** The person, and whom they manage, each with what a tool that asks for this scope would have. */
    async listForWhom(accountId: AccountId, scope: string): Promise<ForWhom[]> {
      const wordsOf = (text: string): string[] => text.split(' ').filter(Boolean);
      const own = await households.findMember(ownSubject(accountId));
      const self: ForWhom = {
        subjectId: ownSubject(accountId),
        kind: own?.kind,
        name: (await accounts.find(accountId))?.displayName ?? '',
        isSelf: true,
        scopes: wordsOf(scope),
      };
      if (own?.kind !== 'owner') return [self];
      const managed = (await households.findMembers(own.householdId)).filter(mayBeMeant);
      return [
        self,
        ...managed.map((member) => ({
          ...{ subjectId: member.subjectId, kind: member.kind, name: member.name, isSelf: false },
          scopes: wordsOf(narrowScope(member, scope)),
        })),
      ];
    },

    /** In the approving transaction. Refuses `not-found` for anybody but the person and whom they manage. */
    async findApproved(
      stores: ApprovalStores,
      accountId: AccountId,
      subjectId: SubjectId | undefined,
    ): Promise<ApprovedFor> {
      const self = ownSubject(accountId);
      const own = await stores.households.findMember(self);
      if (subjectId === undefined || subjectId === self) {
        return { subjectId: self, household: own && standingOf(own), narrow: undefined };
      }
      const member = own?.kind === 'owner' ? await stores.households.findMember(subjectId) : undefined;
      if (!member || member.householdId !== own?.householdId || !mayBeMeant(member))
        throw new DomainError('not-found');
      return { subjectId, household: standingOf(member), narrow: (scope) => narrowScope(member, scope) };
    },
  };
}
