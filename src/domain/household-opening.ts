// The frame of every change of a household: a fresh editor who owns it, the household held so that changes come one after
// another, and made where there is none yet. What is changed is the business of the files that ask. DESIGN 8.
import type { AccountStore } from './account-records.js';
import type { Audit, AuditEvent, AuditStore } from './audit.js';
import type { Recipient } from './factor-locks.js';
import { actorOf, refuseStale, type Editor } from './household-editor.js';
import { COLOURS, type Member } from './household-records.js';
import { ownSubject, type RemovalStores } from './household-removal.js';
import { whereAndWhen, type HouseholdChange, type Notices, type OutboxStore } from './notices.js';
import {
  DomainError,
  type AccountId,
  type Clock,
  type HouseholdId,
  type InTransaction,
} from './vocabulary.js';

export interface HouseholdStores extends RemovalStores {
  readonly accounts: Pick<AccountStore, 'find'>;
  readonly audit: AuditStore;
  readonly outbox: OutboxStore;
}

export interface OpeningDependencies<Stores extends HouseholdStores> {
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly now: Clock;
  readonly newId: () => string;
  readonly notices: Notices;
  /** Whether the account is open, proved where that is due, and not locked; asked inside the transaction. */
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
}

/** Where somebody is told, in the caller's transaction: at an address that they have proved, or not at all. */
export async function findTold(
  { accounts }: Pick<HouseholdStores, 'accounts'>,
  accountId: AccountId,
): Promise<(Recipient & { readonly accountId: AccountId }) | undefined> {
  const record = await accounts.find(accountId);
  if (record?.emailVerifiedAt === undefined) return undefined;
  const { email, username, language = 'en' } = record;
  return { email, username, language, accountId };
}

export type Opening<Stores extends HouseholdStores> = ReturnType<typeof createOpening<Stores>>;

export function createOpening<Stores extends HouseholdStores>(dependencies: OpeningDependencies<Stores>) {
  const { inTransaction, audit, notices, now, newId, mayReceiveToken } = dependencies;

  async function found(stores: Stores, ownerId: AccountId): Promise<HouseholdId> {
    const householdId = newId() as HouseholdId;
    const at = now();
    const isMade = await stores.households.insertHousehold({ householdId, ownerId }, at);
    const owner = {
      ...{ householdId, accountId: ownerId, subjectId: ownSubject(ownerId), kind: 'owner' as const },
      ...{ publicNumber: 0, name: '', colour: COLOURS[0], picture: 'letter' as const },
      ...{ restriction: 'none' as const, joinedAt: at },
    };
    if (isMade && (await stores.households.insertMember(owner))) return householdId;
    throw new DomainError('service-busy', { retryAfterSeconds: 1 });
  }

  /** Their own membership, made with a household of their own where they are in none. */
  async function ownMember(stores: Stores, accountId: AccountId): Promise<Member> {
    const own = await stores.households.findMember(ownSubject(accountId));
    if (own) return own;
    await found(stores, accountId);
    return (await stores.households.findMember(ownSubject(accountId)))!;
  }

  return {
    ownMember,

    /**
     * Changes the editor's own household in one transaction. `isNew`: it may be the first thing in it. Refuses
     * `proof-required`, `account-closed`, `member-may-not` (they are in somebody else's), and `not-found` without one.
     */
    async change<Result>(
      editor: Editor,
      work: (stores: Stores, household: { householdId: HouseholdId; owner: Member }) => Promise<Result>,
      { isNew = false } = {},
    ): Promise<Result> {
      refuseStale(editor);
      const { accountId } = editor;
      return inTransaction(async (stores) => {
        if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('account-closed');
        const known = await stores.households.findMember(ownSubject(accountId));
        if (known && known.kind !== 'owner') throw new DomainError('member-may-not');
        if (!known && !isNew) throw new DomainError('not-found');
        const owner = known ?? (await ownMember(stores, accountId));
        const { householdId } = owner;
        if (!(await stores.households.hold(householdId, now()))) throw new DomainError('not-found');
        return work(stores, { householdId, owner });
      });
    },

    /** Remembers what was changed, with the name of whom it is about, or none. */
    record(
      stores: Stores,
      editor: Editor,
      event: AuditEvent,
      member: Pick<Member, 'name' | 'kind'> | undefined,
    ): Promise<void> {
      const { accountId, origin } = editor;
      const details = member ? { member: member.name, kind: member.kind } : {};
      return audit.record(stores, { event, accountId, actor: actorOf(editor), origin, details });
    },

    /** Tells the owner by mail what a tool has changed in their household; what they change themselves they know. */
    async tellOfTool(stores: Stores, editor: Editor, what: HouseholdChange, member: string): Promise<void> {
      const { accountId, tool, origin } = editor;
      const to = tool && (await findTold(stores, accountId));
      if (!to) return;
      const details = { username: to.username, tool: tool.name, what, member };
      const changed = { ...details, ...whereAndWhen(origin, now()) };
      await notices.tell(stores, 'household-changed-by-tool', to, changed);
    },
  };
}
