// Profile PINs: set, changed and removed by whom they guard, with the one before; by the owner for those they manage, without
// knowing it; and set anew by who has forgotten theirs, with all that a sign-in takes. Nobody but a full member can read or
// change a full member's. What is tried and counted is `household-pin-tries`. DESIGN 8, CHECKLIST 3.7.
import {
  actorOf,
  createEditors,
  refuseStale,
  type Editor,
  type EditorsDependencies,
} from './household-editor.js';
import {
  createOpening,
  findTold,
  type HouseholdStores,
  type OpeningDependencies,
} from './household-opening.js';
import { refuseBadPin } from './household-pin-rule.js';
import { createPinTries, MOST_FAILURES, type PinTriesDependencies } from './household-pin-tries.js';
import type { HouseholdStore, Member, ProfilePinStore } from './household-records.js';
import { createRemoval, ownSubject } from './household-removal.js';
import { whereAndWhen } from './notices.js';
import type { PasskeyAnswer } from './passkeys.js';
import type { Session, SessionStore } from './sessions.js';
import { DomainError, type AccountId, type Origin, type SubjectId } from './vocabulary.js';

export interface ProfilePinStores extends HouseholdStores {
  readonly sessions: Pick<SessionStore, 'find'>;
}

export interface ProfilePinsDependencies<Stores extends ProfilePinStores>
  extends OpeningDependencies<Stores>, PinTriesDependencies<Stores>, EditorsDependencies {
  readonly store: HouseholdStore & ProfilePinStore;
  /** Refuses unless it is the owner: by the password, or by a passkey that has made sure of it. */
  readonly proveOwner: (session: Session, proof: OwnerProof, origin: Origin) => Promise<void>;
}

/** `pin`: the new one, undefined for none. `version`: of the PIN that the page was made for. */
export interface PinChange {
  readonly pin: string | undefined;
  readonly version?: number | undefined;
}

/** What proves that it is the owner, beside a session that has asked for more. */
interface OwnerProof {
  readonly password?: string | undefined;
  readonly passkey?: PasskeyAnswer | undefined;
}

type Change = 'set' | 'removed' | 'reset';

export type ProfilePins = ReturnType<typeof createProfilePins>;

export function createProfilePins<Stores extends ProfilePinStores>(
  dependencies: ProfilePinsDependencies<Stores>,
) {
  const { store, inTransaction, proveOwner, audit, notices, now, mayReceiveToken } = dependencies;
  const { editorOf } = createEditors(dependencies);
  const { change, ownMember, tellOfTool } = createOpening(dependencies);
  const { tryPin, hashPin, settle } = createPinTries(dependencies);
  const removal = createRemoval(dependencies);

  /** Two pages that edit one PIN: the first is right, and the second is told so, before anything is tried or counted. */
  function refuseOlder({ pinVersion }: Pick<Member, 'pinVersion'>, version: number | undefined): void {
    if (version !== undefined && version !== pinVersion) throw new DomainError('profile-pin-changed');
  }

  const changeOf = (pin: string | undefined): Change => (pin === undefined ? 'removed' : 'set');

  /** In a transaction: the PIN, and an end to whatever was switched with the one before. */
  async function replace(
    stores: Stores,
    member: Member,
    hash: string | undefined,
    by: { readonly as: Change; readonly actor: string; readonly origin: Origin },
  ): Promise<void> {
    const { subjectId, pinVersion, accountId, name, kind } = member;
    if (!(await stores.households.replacePin(subjectId, pinVersion, hash, now())))
      throw new DomainError('profile-pin-changed');
    await removal.endSwitched(stores, member, by);
    const details = { member: name, kind };
    const entry = { event: `profile-pin-${by.as}`, accountId, actor: by.actor } as const;
    await audit.record(stores, { ...entry, origin: by.origin, details });
  }

  /** Who can be switched to by a PIN hears of each change of it. */
  async function tellOwn(stores: Stores, accountId: AccountId, as: Change, origin: Origin): Promise<void> {
    const to = await findTold(stores, accountId);
    if (!to) return;
    const details = { username: to.username, change: as, ...whereAndWhen(origin, now()) };
    await notices.tell(stores, 'profile-pin-changed', to, details);
  }

  /** Their own membership, which a first PIN makes. */
  function openOwn(accountId: AccountId): Promise<Member> {
    return inTransaction(async (stores) => {
      if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('account-closed');
      return ownMember(stores, accountId);
    });
  }

  /** Somebody without an account, in the household that the editor owns. Refuses `not-found`, `member-may-not`. */
  async function findManaged(stores: Stores, owner: Member, subjectId: SubjectId): Promise<Member> {
    const member = await stores.households.findMember(subjectId);
    if (member?.householdId !== owner.householdId) throw new DomainError('not-found');
    if (member.kind !== 'managed' && member.kind !== 'guest') throw new DomainError('member-may-not');
    return member;
  }

  return {
    /**
     * The editor's own PIN. Where there is one, `current` must be it: refuses `profile-pin-wrong`, and counts it; else the
     * editor must be fresh: refuses `proof-required`. Refuses `profile-pin-invalid`, `profile-pin-common`, and
     * `profile-pin-changed` where another page was faster.
     */
    async changeOwnPin(
      editor: Editor,
      { pin, version, current }: PinChange & { readonly current?: string | undefined },
    ): Promise<void> {
      const { accountId, origin } = editor;
      if (pin !== undefined) refuseBadPin(pin);
      const known = await store.findMember(ownSubject(accountId));
      if (known) refuseOlder(known, version);
      if (!known?.isPinRequired) refuseStale(editor);
      if (!known?.isPinRequired && pin === undefined) return;
      const member = known ?? (await openOwn(accountId));
      const tried = member.isPinRequired ? await tryPin(member, current, origin) : undefined;
      const hash = pin === undefined ? undefined : await hashPin(member.subjectId, pin);
      const as = changeOf(pin);
      await inTransaction(async (stores) => {
        if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('account-closed');
        if (tried) await settle(stores, member.subjectId, tried);
        await replace(stores, member, hash, { as, actor: actorOf(editor), origin });
        await tellOwn(stores, accountId, as, origin);
      });
    },

    /**
     * The owner sets or removes the PIN of somebody they manage, without knowing it; a lock ends so. Refuses as
     * `changeOwnPin` does, `not-found`, and `member-may-not` for anybody with an account.
     */
    async setManagedPin(editor: Editor, subjectId: SubjectId, { pin, version }: PinChange): Promise<void> {
      if (pin !== undefined) refuseBadPin(pin);
      refuseStale(editor);
      const hash = pin === undefined ? undefined : await hashPin(subjectId, pin);
      await change(editor, async (stores, { owner }) => {
        const member = await findManaged(stores, owner, subjectId);
        refuseOlder(member, version);
        await replace(stores, member, hash, {
          as: changeOf(pin),
          actor: actorOf(editor),
          origin: editor.origin,
        });
        await tellOfTool(stores, editor, 'pin-changed', member.name);
      });
    },

    /**
     * The owner lets a profile be tried again: their own, or one that they manage. Refuses `member-may-not` for a full
     * member's, who does it by setting a new PIN, `not-found`, and as every change by the owner.
     */
    async unlockPin(editor: Editor, subjectId: SubjectId): Promise<void> {
      await change(editor, async (stores, { owner }) => {
        const isOwn = subjectId === owner.subjectId;
        const member = isOwn ? owner : await findManaged(stores, owner, subjectId);
        if (!(await stores.households.forgivePin(subjectId))) return;
        const { accountId, name, kind } = member;
        const entry = { event: 'profile-pin-unlocked', accountId, actor: actorOf(editor) } as const;
        await audit.record(stores, { ...entry, origin: editor.origin, details: { member: name, kind } });
      });
    },

    /** Whose profile is locked in the household that this account owns. */
    async findLocked(accountId: AccountId): Promise<readonly SubjectId[]> {
      const own = await store.findMember(ownSubject(accountId));
      return own?.kind === 'owner' ? store.findWithFailures(own.householdId, MOST_FAILURES) : [];
    },

    /**
     * A new PIN in the place of a forgotten one: signed in a moment ago, with the second factor, and with the password once
     * more, or a passkey that makes sure who holds it. Takes a lock away. Refuses `profile-pin-invalid`, `profile-pin-common`,
     * `profile-pin-changed`, `proof-required`, what `proveOwner` refuses, and `sign-in-over` when the session has ended meanwhile.
     */
    async resetOwnPin(
      session: Session,
      { pin, version, ...proof }: OwnerProof & { readonly pin: string; readonly version?: number },
      origin: Origin,
    ): Promise<void> {
      const { accountId, sessionHash } = session;
      refuseBadPin(pin);
      refuseStale(await editorOf(session, origin));
      const known = await store.findMember(ownSubject(accountId));
      if (known) refuseOlder(known, version);
      await proveOwner(session, proof, origin);
      const member = known ?? (await openOwn(accountId));
      const hash = await hashPin(member.subjectId, pin);
      await inTransaction(async (stores) => {
        if (!(await stores.sessions.find(sessionHash))) throw new DomainError('sign-in-over');
        await replace(stores, member, hash, { as: 'reset', actor: accountId, origin });
        await tellOwn(stores, accountId, 'reset', origin);
      });
    },
  };
}
