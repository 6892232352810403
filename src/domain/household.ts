// The members of a household: who is in it, and how they come, change and go. Invitations of people with an account, profile
// PINs and switching are in the files beside this one; who may change anything is `household-editor`. DESIGN 8, CHECKLIST 3.7.
import { randomSecret } from '../crypto/secrets.js';
import type { Account } from './account-records.js';
import { cleanClientName } from './clients.js';
import { createEditors, endedBy, type Editor, type EditorsDependencies } from './household-editor.js';
import {
  createOpening,
  findTold,
  type HouseholdStores,
  type OpeningDependencies,
} from './household-opening.js';
import {
  COLOURS,
  type Household,
  type HouseholdStore,
  type Member,
  type MemberLook,
} from './household-records.js';
import { createRemoval, findHouseholdOf, ownSubject } from './household-removal.js';
import { narrowScope } from './household-scopes.js';
import type { Link } from './links.js';
import { whereAndWhen } from './notices.js';
import type { Session } from './sessions.js';
import type { Throttle } from './throttle.js';
import { isSwitched } from './tokens-claims.js';
import { endToolWithin, recordToolsEnded, type EndedBy } from './tokens-ending.js';
import type { LinkedTool, TokenStore } from './tokens.js';
import { DomainError, type AccountId, type Origin, type SubjectId } from './vocabulary.js';

export interface HouseholdRoomStores extends HouseholdStores {
  readonly tokens: TokenStore;
}

export interface HouseholdDependencies<Stores extends HouseholdRoomStores>
  extends OpeningDependencies<Stores>, EditorsDependencies {
  readonly store: HouseholdStore;
  readonly throttle: Pick<Throttle, 'spend'>;
  readonly findAccount: (accountId: AccountId) => Promise<Account | undefined>;
  /** Whoever waits for these links need not wait any more. */
  readonly announce: (links: readonly Link[]) => void;
  /** A new id that does not tell when it was made: the `sub` of tokens. */
  readonly newSubjectId: () => string;
}

/** Beside the owner; the guest does not count. */
export const MOST_MEMBERS = 15;
const LONGEST_NAME = 40;
const MOST_DRAWS = 5;

/** Whom a tool speaks for. */
export interface Person {
  readonly subjectId: SubjectId;
  readonly publicNumber: number;
  readonly createdAt: Date;
  readonly name: string;
  readonly username: string;
  /** The account itself linked this tool for itself: only then may the tool be told what only the account knows. */
  readonly isOwn: boolean;
  readonly isSwitched: boolean;
  /** Only where it is the account's own. */
  readonly account: Account | undefined;
  readonly member: Member | undefined;
}

export interface NewManaged extends Partial<Omit<MemberLook, 'name'>> {
  readonly name: string;
}

export type Households = ReturnType<typeof createHousehold>;

/** Refuses `member-name-invalid`: nothing to read, or more than forty characters. */
function cleanName(name: string): string {
  const cleaned = cleanClientName(name);
  if (cleaned === '' || [...cleaned].length > LONGEST_NAME) throw new DomainError('member-name-invalid');
  return cleaned;
}

/** Members and pending guests of the household who take one of its places. */
export const countPlaces = (members: readonly Member[]): number =>
  members.filter(({ kind }) => kind === 'managed' || kind === 'full').length;

export function createHousehold<Stores extends HouseholdRoomStores>(
  dependencies: HouseholdDependencies<Stores>,
) {
  const { store, inTransaction, throttle, findAccount, announce } = dependencies;
  const { audit, notices, now, newSubjectId } = dependencies;
  const { editorOf, editorOfToken } = createEditors(dependencies);
  const { change, record, tellOfTool } = createOpening(dependencies);
  const removal = createRemoval(dependencies);

  /** A subject of its own, with a number that nobody has. */
  async function insertPerson(
    stores: Stores,
    member: Pick<Member, 'householdId' | 'accountId' | 'kind'> & MemberLook,
  ): Promise<Member> {
    const subjectId = newSubjectId() as SubjectId;
    for (let draw = 0; draw < MOST_DRAWS; draw++) {
      const publicNumber = Buffer.from(randomSecret(8), 'base64url').readUInt32BE(0) >>> 1;
      const row = { ...member, subjectId, publicNumber, joinedAt: now() };
      if (publicNumber > 0 && (await stores.households.insertPerson(row)))
        return (await stores.households.findMember(subjectId))!;
    }
    throw new DomainError('service-busy', { retryAfterSeconds: 1 });
  }

  /** Somebody of the household whom its owner manages. Refuses `not-found`. */
  async function findManaged(stores: Stores, { householdId }: Member, subjectId: SubjectId): Promise<Member> {
    const member = await stores.households.findMember(subjectId);
    const isManaged = member?.kind === 'managed' && member.householdId === householdId;
    if (!isManaged) throw new DomainError('not-found');
    return member;
  }

  /** Tools that have more than the member may have from now on end, and so does what was approved and not collected. */
  async function endWiderTools(stores: Stores, member: Member, by: EndedBy): Promise<Link[]> {
    const why = 'member-restricted';
    for (const tool of await stores.tokens.findLinkedTools(member.accountId)) {
      const isWider = tool.subjectId === member.subjectId && narrowScope(member, tool.scope) !== tool.scope;
      if (!isWider) continue;
      const { linkedToolId } = tool;
      if (await endToolWithin(stores, { audit, now }, { linkedToolId, why, ...by }))
        await recordToolsEnded(stores, audit, [tool], { ...by, why });
    }
    return removal.withdrawLinks(stores, member, by);
  }

  async function tellRemoved(stores: Stores, member: Member, owner: Member, origin: Origin): Promise<void> {
    const { accountId, name } = member;
    const entry = { event: 'household-member-removed', accountId, actor: owner.accountId, origin } as const;
    await audit.record(stores, { ...entry, details: { member: name, kind: member.kind } });
    const to = await findTold(stores, accountId);
    if (!to) return;
    const details = { username: to.username, owner: owner.name, ...whereAndWhen(origin, now()) };
    await notices.tell(stores, 'household-removed', to, details);
  }

  /** In a transaction that holds the household. */
  async function remove(stores: Stores, editor: Editor, member: Member, owner: Member): Promise<Link[]> {
    const links = await removal.removeMember(stores, member, endedBy(editor));
    if (!links) throw new DomainError('not-found');
    const isGuest = member.kind === 'guest';
    await record(stores, editor, isGuest ? 'household-guest-off' : 'household-member-removed', member);
    await tellOfTool(stores, editor, isGuest ? 'guest-off' : 'member-removed', member.name);
    if (member.kind === 'full') await tellRemoved(stores, member, owner, editor.origin);
    return links;
  }

  async function findHousehold(subjectId: SubjectId): Promise<Household | undefined> {
    const found = await findHouseholdOf(store, subjectId);
    if (!found) return undefined;
    const of = (kind: Member['kind']) => found.members.filter((member) => member.kind === kind);
    const members = [...of('owner'), ...of('full'), ...of('managed'), ...of('guest')];
    return { householdId: found.own.householdId, ownerId: members[0]!.accountId, members };
  }

  return {
    editorOf,
    editorOfToken,
    findHousehold,

    /**
     * Somebody of the viewer's own household, by their subject (whole, or its first sixteen digits) or their number. Refuses
     * `not-found`: nobody, and somebody of another household, alike.
     */
    async findMember(
      viewer: SubjectId,
      which: { readonly subjectId: string } | { readonly publicNumber: number },
    ): Promise<Member> {
      const members = (await findHousehold(viewer))?.members ?? [];
      const isMeant = (member: Member): boolean =>
        'publicNumber' in which
          ? member.publicNumber === which.publicNumber
          : [member.subjectId, member.subjectId.replaceAll('-', '').slice(0, 16)].includes(which.subjectId);
      const found = members.filter(isMeant);
      if (found.length !== 1) throw new DomainError('not-found');
      return found[0]!;
    },

    /** Adds somebody without an account. Refuses `member-name-invalid`, `household-full`, `too-many`, and as `change` does. */
    async addManaged(editor: Editor, { name, ...look }: NewManaged): Promise<Member> {
      const cleaned = cleanName(name);
      await throttle.spend('household-member-by-account', editor.accountId);
      return change(
        editor,
        async (stores, { householdId, owner }) => {
          const places = countPlaces(await stores.households.findMembers(householdId));
          if (places >= MOST_MEMBERS) throw new DomainError('household-full');
          const member = await insertPerson(stores, {
            ...{ householdId, accountId: owner.accountId, kind: 'managed', name: cleaned },
            colour: look.colour ?? COLOURS[(places + 1) % COLOURS.length]!,
            picture: look.picture ?? 'letter',
            restriction: look.restriction ?? 'none',
          });
          await record(stores, editor, 'household-member-added', member);
          await tellOfTool(stores, editor, 'member-added', member.name);
          return member;
        },
        { isNew: true },
      );
    },

    /** Refuses `not-found` (nobody whom the owner manages), `member-name-invalid`, and as `change` does. */
    async editManaged(editor: Editor, subjectId: SubjectId, look: Partial<MemberLook>): Promise<Member> {
      const name = look.name === undefined ? {} : { name: cleanName(look.name) };
      const { member, links } = await change(editor, async (stores, { owner }) => {
        const before = await findManaged(stores, owner, subjectId);
        const after: Member = { ...before, ...look, ...name };
        await stores.households.changeLook(before, after, now());
        const isTighter = after.restriction !== before.restriction;
        const withdrawn = isTighter ? await endWiderTools(stores, after, endedBy(editor)) : [];
        await record(stores, editor, 'household-member-changed', after);
        await tellOfTool(stores, editor, 'member-changed', after.name);
        return { member: (await stores.households.findMember(subjectId))!, links: withdrawn };
      });
      announce(links);
      return member;
    },

    /** Removes anybody but the owner: all that they had as a member ends. Refuses `not-found`, and as `change` does. */
    async removeMember(editor: Editor, subjectId: SubjectId): Promise<void> {
      const links = await change(editor, async (stores, { householdId, owner }) => {
        const member = await stores.households.findMember(subjectId);
        const isOther = member?.householdId === householdId && member.kind !== 'owner';
        if (!isOther) throw new DomainError('not-found');
        return remove(stores, editor, member, owner);
      });
      announce(links);
    },

    /** Lets a guest in, another one every time, or ends the one that there is. Twice is fine. */
    async turnGuest(editor: Editor, isOn: boolean): Promise<void> {
      if (isOn) await throttle.spend('household-member-by-account', editor.accountId);
      const links = await change(
        editor,
        async (stores, { householdId, owner }) => {
          const members = await stores.households.findMembers(householdId);
          const guest = members.find(({ kind }) => kind === 'guest');
          if (isOn === (guest !== undefined)) return [];
          if (guest) return remove(stores, editor, guest, owner);
          const look = { name: '', colour: 'teal', picture: 'letter', restriction: 'none' } as const;
          const of = { householdId, accountId: owner.accountId, kind: 'guest' } as const;
          const added = await insertPerson(stores, { ...of, ...look });
          await record(stores, editor, 'household-guest-on', added);
          await tellOfTool(stores, editor, 'guest-on', '');
          return [];
        },
        { isNew: isOn },
      );
      announce(links);
    },

    /** A full member goes, with all that they had as one. Refuses `not-found` for an owner, and for who is in no household. */
    async leaveHousehold({ accountId }: Session, origin: Origin): Promise<void> {
      const links = await inTransaction(async (stores) => {
        const member = await stores.households.findMember(ownSubject(accountId));
        if (member?.kind !== 'full') throw new DomainError('not-found');
        await stores.households.hold(member.householdId, now());
        const withdrawn = await removal.removeMember(stores, member, { actor: accountId, origin });
        if (!withdrawn) throw new DomainError('not-found');
        const members = await stores.households.findMembers(member.householdId);
        const owner = members.find(({ kind }) => kind === 'owner');
        const entry = { event: 'household-member-left', actor: accountId, origin } as const;
        const details = { member: member.name, kind: member.kind };
        await audit.record(stores, { ...entry, accountId, details });
        if (!owner) return withdrawn;
        await audit.record(stores, { ...entry, accountId: owner.accountId, details });
        const to = await findTold(stores, owner.accountId);
        const told = { member: member.name, ...whereAndWhen(origin, now()) };
        if (to) await notices.tell(stores, 'household-left', to, { username: to.username, ...told });
        return withdrawn;
      });
      announce(links);
    },

    /** Whom a tool speaks for; undefined once they are nobody any more. */
    async describePerson(
      tool: Pick<LinkedTool, 'accountId' | 'subjectId' | 'methods'>,
    ): Promise<Person | undefined> {
      const { accountId, subjectId } = tool;
      const member = await store.findMember(subjectId);
      const isAccount = ownSubject(accountId) === subjectId;
      const account = isAccount ? await findAccount(accountId) : undefined;
      const known = account
        ? { publicNumber: account.publicNumber, createdAt: account.createdAt, name: account.displayName }
        : member && { publicNumber: member.publicNumber, createdAt: member.joinedAt, name: member.name };
      if (!known) return undefined;
      const isOwn = account !== undefined && !isSwitched(tool);
      return {
        ...known,
        ...{ subjectId, username: account?.username ?? '', isOwn, isSwitched: isSwitched(tool), member },
        account: isOwn ? account : undefined,
      };
    },
  };
}
