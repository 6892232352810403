// What becomes of a household when an account ends for good: a full member goes; an owner takes the household along, and the
// others with an account are told. That nobody is left in a closed account is `account-access`. DESIGN 8.
import type { AccountRecord } from './account-records.js';
import type { Audit, AuditStore } from './audit.js';
import { findTold, type HouseholdStores } from './household-opening.js';
import { createRemoval, findHouseholdOf, ownSubject } from './household-removal.js';
import type { Member } from './household-records.js';
import type { Link } from './links.js';
import type { Notices } from './notices.js';
import type { Clock } from './vocabulary.js';

export interface HouseholdEndingDependencies {
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: Clock;
}

/** It is the clock that ends an account. */
const BY = { actor: 'job' } as const;

export type HouseholdEnding = ReturnType<typeof createHouseholdEnding>;

export function createHouseholdEnding(dependencies: HouseholdEndingDependencies) {
  const { audit, notices } = dependencies;
  const removal = createRemoval(dependencies);

  async function tellEnded(
    stores: HouseholdStores & { audit: AuditStore },
    { accountId, name, kind }: Member,
    owner: Pick<AccountRecord, 'displayName'>,
  ): Promise<void> {
    const details = { member: name, kind };
    await audit.record(stores, { event: 'household-member-removed', accountId, actor: 'job', details });
    const to = await findTold(stores, accountId);
    if (to)
      await notices.tell(stores, 'household-ended', to, { username: to.username, owner: owner.displayName });
  }

  return {
    /** In the transaction that has ended the account. Resolves to links for which nobody needs to wait any more. */
    async endHousehold(
      stores: HouseholdStores,
      record: Pick<AccountRecord, 'accountId' | 'displayName'>,
    ): Promise<readonly Link[]> {
      const found = await findHouseholdOf(stores.households, ownSubject(record.accountId));
      if (!found) return [];
      const { own, members } = found;
      if (own.kind !== 'owner') return (await removal.removeMember(stores, own, BY)) ?? [];
      const links: Link[] = [];
      for (const member of members.filter(({ kind }) => kind !== 'owner')) {
        links.push(...((await removal.removeMember(stores, member, BY)) ?? []));
        if (member.kind === 'full') await tellEnded(stores, member, record);
      }
      await removal.dissolveEmpty(stores, own);
      return links;
    },
  };
}
