// What is kept of a household: its members, invitations and profile PINs, and what a member has by being one. What may be done
// with them is in the other files named after the household. DESIGN 8, CHECKLIST 3.7.
import type { Link } from './links.js';
import type { LinkedTool } from './tokens.js';
import type {
  AccountId,
  HouseholdId,
  HouseholdStanding,
  LinkedToolId,
  MemberKind,
  SubjectId,
} from './vocabulary.js';

export const COLOURS = ['red', 'orange', 'yellow', 'green', 'teal', 'blue', 'purple', 'pink'] as const;
export type Colour = (typeof COLOURS)[number];

/** What stands for a member: a drawing, or the first letter of their name. */
export const PICTURES = [
  'letter',
  'fox',
  'owl',
  'whale',
  'cactus',
  'rocket',
  'tulip',
  'moon',
  'kite',
] as const;
export type Picture = (typeof PICTURES)[number];

export const RESTRICTIONS = ['none', 'little-kid', 'older-kid', 'teen'] as const;
export type Restriction = (typeof RESTRICTIONS)[number];

/** A person in a household, as everybody in it may know them. */
export interface Member {
  readonly subjectId: SubjectId;
  readonly householdId: HouseholdId;
  /** Who answers for them: the owner for managed members and the guest, else they themselves. */
  readonly accountId: AccountId;
  readonly kind: MemberKind;
  readonly publicNumber: number;
  /** Empty for the guest, for whom each page has a word. */
  readonly name: string;
  /** Empty for those without an account. */
  readonly username: string;
  readonly colour: Colour;
  readonly picture: Picture;
  readonly restriction: Restriction;
  readonly isPinRequired: boolean;
  /** Counts the changes of the profile PIN. */
  readonly pinVersion: number;
  readonly joinedAt: Date;
  readonly changedAt: Date;
}

export interface Household {
  readonly householdId: HouseholdId;
  readonly ownerId: AccountId;
  /** The owner, then the others in the order in which they came, the guest last. */
  readonly members: readonly Member[];
}

/** A member who is to be kept. */
export type NewMember = Omit<Member, 'username' | 'isPinRequired' | 'pinVersion' | 'changedAt'>;

export type MemberLook = Pick<Member, 'name' | 'colour' | 'picture' | 'restriction'>;

export interface HouseholdStore {
  /** False when this account owns a household. */
  insertHousehold(household: Omit<Household, 'members'>, at: Date): Promise<boolean>;
  /**
   * Holds it until the caller's transaction ends: whoever else changes its members comes after. False when it is no more.
   */
  hold(householdId: HouseholdId, at: Date): Promise<boolean>;
  findMember(subjectId: SubjectId): Promise<Member | undefined>;
  /** In the order in which they came. */
  findMembers(householdId: HouseholdId): Promise<Member[]>;
  /** Only what tokens say; undefined for who is in no household. */
  findStanding(subjectId: SubjectId): Promise<HouseholdStanding | undefined>;
  /** Somebody without an account. False when the public number belongs to somebody: draw another. */
  insertPerson(member: NewMember): Promise<boolean>;
  /** Somebody with an account. False when they are in a household. */
  insertMember(member: NewMember): Promise<boolean>;
  /** A member who comes from their own, empty household, with their profile PIN. */
  moveMember(member: NewMember): Promise<boolean>;
  changeLook(member: Pick<Member, 'subjectId' | 'householdId'>, look: MemberLook, at: Date): Promise<boolean>;
  removeMember(member: Pick<Member, 'subjectId' | 'householdId'>): Promise<boolean>;
  /** With all who are still in it, and every invitation to it. */
  removeHousehold(householdId: HouseholdId): Promise<void>;
}

/** The four digits of a member, and how they were tried. */
export interface ProfilePin {
  readonly hash: string | undefined;
  readonly version: number;
  /** Wrong ones in a row. */
  readonly failures: number;
  readonly failedAt: Date;
}

export interface ProfilePinStore {
  findPin(subjectId: SubjectId): Promise<ProfilePin | undefined>;
  /** Counts one wrong try more; false when the count is not `seen` any more. */
  chargePin(subjectId: SubjectId, seen: number, at: Date): Promise<boolean>;
  /** As much work as a charge, and counts nothing. */
  notePinTry(subjectId: SubjectId, at: Date): Promise<void>;
  /** Takes one charge back: nothing was looked at. */
  givePinBack(subjectId: SubjectId): Promise<void>;
  /** None of the wrong ones counts any more. False when none did. */
  forgivePin(subjectId: SubjectId): Promise<boolean>;
  /** Another PIN, or none, in the place of the one of that version; none of the wrong ones counts any more. */
  replacePin(subjectId: SubjectId, version: number, hash: string | undefined, at: Date): Promise<boolean>;
  /** The same PIN under a newer key. */
  rehashPin(subjectId: SubjectId, from: string, to: string): Promise<boolean>;
  /** Those of a household with so many wrong ones in a row. */
  findWithFailures(householdId: HouseholdId, failures: number): Promise<SubjectId[]>;
}

/** An invitation, as the owner sees it. */
export interface Invitation {
  readonly invitationId: string;
  /** As the owner wrote it. */
  readonly email: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface InvitationRow extends Invitation {
  readonly tokenMac: string;
  readonly householdId: HouseholdId;
  /** Who invites. */
  readonly ownerId: AccountId;
  readonly foldedEmail: string;
}

export interface InvitationStore {
  /** In the place of an earlier one of this household to the same address. */
  putInvitation(invitation: InvitationRow): Promise<void>;
  findInvitation(tokenMac: string, now: Date): Promise<InvitationRow | undefined>;
  /** Of an owner, the newest first. */
  findInvitations(ownerId: AccountId, now: Date): Promise<InvitationRow[]>;
  /** False when it was gone, or another owner's. */
  removeInvitation(invitationId: string, ownerId: AccountId): Promise<boolean>;
  removeExpiredInvitations(now: Date): Promise<number>;
}

/** What somebody has as a member of a household, and its end. */
export interface MemberAccessStore {
  /** Approved to denied, whatever was approved for this member and not collected. */
  withdrawLinks(member: MemberOfAccount, now: Date): Promise<Link[]>;
  /** Ends tools that were linked for this member in this household, and those that their tools have switched to others. */
  endTools(member: MemberOfAccount, at: Date): Promise<LinkedTool[]>;
  /** Ends tools that were switched to this member. */
  endSwitchedTools(member: MemberOfAccount, at: Date): Promise<LinkedTool[]>;
  /** The live tool that this one was switched to for a member. */
  findSwitchedTool(parentToolId: LinkedToolId, subjectId: SubjectId): Promise<LinkedTool | undefined>;
  /** Tools say nothing of a household that is no more. */
  forgetHousehold(householdId: HouseholdId): Promise<void>;
}

export type MemberOfAccount = Pick<Member, 'accountId' | 'subjectId' | 'householdId'>;

export interface HouseholdRecordStores {
  readonly households: HouseholdStore & ProfilePinStore;
  readonly memberAccess: MemberAccessStore;
}
