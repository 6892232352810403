// For whom a link may be approved, as the rooms of links need to know it; who that is, is decided in `household-approvals`.
import type { AccountId, HouseholdStanding, MemberKind, SubjectId } from './vocabulary.js';

/** Somebody whom the tool could speak for, and what it would then have of what it asks for. */
export interface ForWhom {
  readonly subjectId: SubjectId;
  /** Undefined for who is in no household. */
  readonly kind: MemberKind | undefined;
  /** Empty for the guest. */
  readonly name: string;
  readonly isSelf: boolean;
  readonly scopes: readonly string[];
}

/** Whom it is approved for. `narrow`: the part of a scope that they may have, where that is not all. */
export interface ApprovedFor {
  readonly subjectId: SubjectId;
  readonly household: HouseholdStanding | undefined;
  readonly narrow: ((scope: string) => string) | undefined;
}

export interface ForWhomDependencies<Stores> {
  /** The person themself first. */
  readonly listForWhom: (accountId: AccountId, scope: string) => Promise<readonly ForWhom[]>;
  /** Refuses `not-found`; undefined means the person themself. */
  readonly findApproved: (
    stores: Stores,
    accountId: AccountId,
    subjectId: SubjectId | undefined,
  ) => Promise<ApprovedFor>;
}
