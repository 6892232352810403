// The columns of the tables of households; tables.ts lists every table. migrations.ts makes them; the two change together.

/** A household is its owner's. `changed_at` moves with every change of its members, which come one after another so. */
export interface HouseholdsTable {
  household_id: string;
  /** Who owns it. */
  account_id: string;
  created_at: number;
  changed_at: number;
}

/** A person in a household: one at a time. */
export interface MembersTable {
  subject_id: string;
  household_id: string;
  /** Who answers for them: the owner for members without an account, else they themselves. */
  account_id: string;
  kind: string;
  /** Empty where an account or the house has the name. */
  name: string;
  colour: string;
  picture: string;
  restriction: string;
  pin_hash: string | null;
  /** How often it was changed: an edit names the state that it was made for. */
  pin_version: number;
  /** Wrong ones in a row, and when the last of them came. */
  pin_failures: number;
  pin_failed_at: number;
  /** The last try, counted or not: one is as much work as the other. */
  pin_tried_at: number;
  joined_at: number;
  changed_at: number;
}

export interface HouseholdInvitationsTable {
  invitation_id: string;
  token_mac: string;
  household_id: string;
  /** Who invites. */
  account_id: string;
  /** Folded, and as it was written. */
  email: string;
  shown_email: string;
  created_at: number;
  expires_at: number;
}

/** Browsers that act for a member, and have no session. */
export interface SwitchedSessionsTable {
  session_hash: string;
  ticket: string;
  /** The account whose sign-in it began with. */
  begun_by: string;
  /** Who answers for the member. */
  account_id: string;
  subject_id: string;
  household_id: string;
  user_agent: string;
  network_address: string;
  remembered: number;
  created_at: number;
  last_seen_at: number;
  expires_at: number;
}
