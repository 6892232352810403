// Invitations: the owner names an address, and whoever reads its mail and has proved it as their account's joins, or declines.
// Nobody joins without accepting; an address of another account opens nothing. Whether an address has an account shows in no
// answer. Specification: DESIGN 8, CHECKLIST 2.
import type { Keyring } from '../crypto/secrets.js';
import type { Account } from './account-records.js';
import type { Audit } from './audit.js';
import { refuseStale, type Editor } from './household-editor.js';
import {
  createOpening,
  findTold,
  type HouseholdStores,
  type OpeningDependencies,
} from './household-opening.js';
import {
  COLOURS,
  type Invitation,
  type InvitationRow,
  type InvitationStore,
  type Member,
} from './household-records.js';
import { createRemoval, ownSubject } from './household-removal.js';
import { countPlaces, MOST_MEMBERS } from './household.js';
import { parseEmail } from './login-names.js';
import { whereAndWhen } from './notices.js';
import { sha256 } from '../crypto/secrets.js';
import type { Session } from './sessions.js';
import type { Throttle } from './throttle.js';
import { DomainError, type AccountId, type Origin } from './vocabulary.js';

export interface InvitationStores extends HouseholdStores {
  readonly invitations: InvitationStore;
}

export interface HouseholdInvitationsDependencies<
  Stores extends InvitationStores,
> extends OpeningDependencies<Stores> {
  readonly store: InvitationStore;
  readonly audit: Audit;
  readonly throttle: Pick<Throttle, 'spend' | 'trySpend'>;
  readonly keyring: Pick<Keyring, 'mac' | 'macs'>;
  readonly newSecret: () => string;
  readonly findAccount: (accountId: AccountId) => Promise<Account | undefined>;
  readonly settings: { readonly publicUrl: string };
}

/** Long enough to be read on a weekend. */
const INVITATION_SECONDS = 7 * 86_400;
const LONGEST_TOKEN = 200;
const MAC_CONTEXT = 'household-invitation';

export type HouseholdInvitations = ReturnType<typeof createHouseholdInvitations>;

export function createHouseholdInvitations<Stores extends InvitationStores>(
  dependencies: HouseholdInvitationsDependencies<Stores>,
) {
  const { store, inTransaction, audit, notices, throttle, keyring, newSecret, newId, now } = dependencies;
  const { findAccount, mayReceiveToken, settings } = dependencies;
  const { change, tellOfTool, record } = createOpening(dependencies);
  const removal = createRemoval(dependencies);

  const present = ({ invitationId, email, createdAt, expiresAt }: InvitationRow): Invitation => ({
    invitationId,
    email,
    createdAt,
    expiresAt,
  });

  async function mail(stores: Stores, owner: Member, shown: string, token: string): Promise<void> {
    const address = `${settings.publicUrl}/household/invitation?token=${token}`;
    const language = (await stores.accounts.find(owner.accountId))?.language ?? 'en';
    const details = { owner: owner.name, address, days: INVITATION_SECONDS / 86_400 };
    await notices.tell(stores, MAC_CONTEXT, { email: shown, language }, details, INVITATION_SECONDS);
  }

  async function findRow(token: string): Promise<InvitationRow | undefined> {
    if (token.length > LONGEST_TOKEN) return undefined;
    for (const tokenMac of keyring.macs('mail-token', MAC_CONTEXT, token)) {
      const row = await store.findInvitation(tokenMac, now());
      if (row) return row;
    }
    return undefined;
  }

  /** The invitation, if it is to the address of this account, and its account. */
  async function findOwn({ accountId }: Session, token: string) {
    const row = await findRow(token);
    if (!row) throw new DomainError('invitation-invalid');
    const account = await findAccount(accountId);
    if (!account || account.isClosed) throw new DomainError('account-closed');
    if (parseEmail(account.email).folded !== row.foldedEmail) throw new DomainError('invitation-not-yours');
    // Whoever signed up with somebody's address is not who was invited.
    if (!account.isEmailVerified) throw new DomainError('account-not-verified');
    return { row, account };
  }

  /** Uses it up, in a transaction. Refuses `invitation-invalid`: used, withdrawn, or its owner's account has closed. */
  async function take(stores: Stores, { invitationId, ownerId, householdId }: InvitationRow): Promise<void> {
    const isTaken = await stores.invitations.removeInvitation(invitationId, ownerId);
    const isOpen = isTaken && (await mayReceiveToken(stores, ownerId));
    if (!isOpen || !(await stores.households.hold(householdId, now())))
      throw new DomainError('invitation-invalid');
  }

  /** From no household, or from one of their own in which nobody else is. */
  async function moveIn(stores: Stores, member: Parameters<Stores['households']['insertMember']>[0]) {
    const own = await stores.households.findMember(member.subjectId);
    if (!own) return stores.households.insertMember(member);
    const others = (await stores.households.findMembers(own.householdId)).length - 1;
    if (own.kind !== 'owner' || others > 0) return false;
    if (!(await stores.households.moveMember(member))) return false;
    await removal.dissolveEmpty(stores, own);
    return true;
  }

  async function join(stores: Stores, row: InvitationRow, account: Account, origin: Origin): Promise<Member> {
    const { accountId } = account;
    await take(stores, row);
    if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('account-closed');
    const members = await stores.households.findMembers(row.householdId);
    const places = countPlaces(members);
    const isMoved = await moveIn(stores, {
      ...{ householdId: row.householdId, accountId, subjectId: ownSubject(accountId), kind: 'full' },
      ...{ publicNumber: account.publicNumber, name: '', picture: 'letter', restriction: 'none' },
      ...{ colour: COLOURS[(places + 1) % COLOURS.length]!, joinedAt: now() },
    });
    if (!isMoved) throw new DomainError('household-already');
    if (places >= MOST_MEMBERS) throw new DomainError('household-full');
    const details = { member: account.displayName, kind: 'full' };
    const entry = { event: 'household-joined', actor: accountId, origin, details } as const;
    await audit.record(stores, { ...entry, accountId });
    await audit.record(stores, { ...entry, accountId: row.ownerId });
    const to = await findTold(stores, row.ownerId);
    const told = { member: account.displayName, ...whereAndWhen(origin, now()) };
    if (to) await notices.tell(stores, 'household-joined', to, { username: to.username, ...told });
    return (await stores.households.findMember(ownSubject(accountId)))!;
  }

  return {
    /**
     * Invites whoever reads the mail to an address; an earlier invitation to it is over. The same comes of it for an address
     * that nobody has, and for one that has had its share of mails. Refuses `email-invalid`, `household-full`, `too-many`,
     * and what every change by the owner refuses.
     */
    async inviteToHousehold(editor: Editor, email: string): Promise<Invitation> {
      refuseStale(editor);
      const { folded, shown } = parseEmail(email);
      await throttle.spend('household-invitation-by-account', editor.accountId);
      const isMailDue = await throttle.trySpend('mail-by-address', sha256(folded));
      const token = newSecret();
      return change(
        editor,
        async (stores, { householdId, owner }) => {
          const members = await stores.households.findMembers(householdId);
          if (countPlaces(members) >= MOST_MEMBERS) throw new DomainError('household-full');
          const row: InvitationRow = {
            ...{ invitationId: newId(), householdId, ownerId: owner.accountId, createdAt: now() },
            tokenMac: keyring.mac('mail-token', MAC_CONTEXT, token),
            foldedEmail: folded,
            email: shown,
            expiresAt: new Date(now().getTime() + INVITATION_SECONDS * 1000),
          };
          await stores.invitations.putInvitation(row);
          if (isMailDue) await mail(stores, owner, shown, token);
          await record(stores, editor, 'household-invited', undefined);
          await tellOfTool(stores, editor, 'member-invited', shown);
          return present(row);
        },
        { isNew: true },
      );
    },

    /** The open ones to the household of this owner, the newest first. */
    async listInvitations(accountId: AccountId): Promise<Invitation[]> {
      return (await store.findInvitations(accountId, now())).map(present);
    },

    /** Refuses `not-found`, and what every change by the owner refuses. */
    async withdrawInvitation(editor: Editor, invitationId: string): Promise<void> {
      await change(editor, async (stores, { owner }) => {
        if (!(await stores.invitations.removeInvitation(invitationId, owner.accountId)))
          throw new DomainError('not-found');
        await record(stores, editor, 'household-invitation-withdrawn', undefined);
      });
    },

    /**
     * Who invites this account, without deciding. Refuses `invitation-invalid` (unknown, used, withdrawn, seven days old),
     * `invitation-not-yours` (it went to another address), and `account-not-verified`.
     */
    async findInvitation(session: Session, token: string): Promise<{ ownerName: string; expiresAt: Date }> {
      const { row } = await findOwn(session, token);
      const owner = await findAccount(row.ownerId);
      if (!owner || owner.isClosed) throw new DomainError('invitation-invalid');
      return { ownerName: owner.displayName, expiresAt: row.expiresAt };
    },

    /**
     * Joins, once. Refuses as `findInvitation`, `household-already` (a member elsewhere, or others are in this account's own
     * household), and `household-full`; the invitation stays good then.
     */
    async acceptInvitation(session: Session, token: string, origin: Origin): Promise<Member> {
      const { row, account } = await findOwn(session, token);
      return inTransaction((stores) => join(stores, row, account, origin));
    },

    /** Uses the invitation up for nothing. Refuses as `findInvitation`. */
    async declineInvitation(session: Session, token: string, origin: Origin): Promise<void> {
      const { row, account } = await findOwn(session, token);
      await inTransaction(async (stores) => {
        await take(stores, row);
        const { accountId } = account;
        const entry = { event: 'household-invitation-declined', actor: accountId, origin } as const;
        await audit.record(stores, { ...entry, accountId });
        await audit.record(stores, { ...entry, accountId: row.ownerId });
      });
    },
  };
}
