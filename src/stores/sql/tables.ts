// The columns of every table, as the stores see them. migrations.ts makes them; the two change together.
// Times are milliseconds since 1970 in UTC. A column named …_hash, …_mac or sealed_… never holds its secret in the clear.
import type { AppPasswordsTable } from './tables-app-passwords.js';
import type { AuthorizationsTable } from './tables-authorizations.js';
import type { KnownBrowsersTable } from './tables-browsers.js';
import type { ClientsTable, ServicesTable } from './tables-clients.js';
import type { DeviceKeysTable, UsedNoncesTable } from './tables-device-keys.js';
import type {
  HouseholdInvitationsTable,
  HouseholdsTable,
  MembersTable,
  SwitchedSessionsTable,
} from './tables-household.js';
import type { LinkIntervalsTable, LinksTable } from './tables-links.js';
import type { ArrivalsTable, IdentitiesTable, RoundTripsTable } from './tables-identities.js';
import type { PasskeyChallengesTable, PasskeysTable } from './tables-passkeys.js';
import type {
  LinkedToolsTable,
  RefreshTokensTable,
  RevokedAccessTokensTable,
  UsedProofsTable,
} from './tables-tokens.js';
import type { HostEntriesTable, HostSessionsTable } from './tables-protected-hosts.js';

export interface SubjectsTable {
  subject_id: string;
  account_id: string;
  public_number: number;
  kind: string;
  created_at: number;
}

export interface AccountsTable {
  account_id: string;
  email: string;
  email_verified_at: number | null;
  username: string;
  display_name: string;
  password_hash: string;
  password_length: number;
  password_changed_at: number;
  language: string | null;
  role: string;
  created_at: number;
  closed_at: number | null;
  /** 1 or 0: whether the owner lets password-only tools in, and lets a fresh token of such a tool link others. */
  fallback_allowed: number;
  link_by_token_allowed: number;
  /** 1 or 0: whether tools may sign in with app passwords. */
  app_passwords_allowed: number;
}

/** E-mails and user names share one case-folded, unique index, so that one can never pass for another's. */
export interface LoginNamesTable {
  folded: string;
  account_id: string;
  kind: string;
  proved: number;
}

export interface MailTokensTable {
  token_mac: string;
  account_id: string;
  purpose: string;
  email: string;
  sealed_user_code: string | null;
  /** An address that is to become the account's, as its owner writes it. */
  shown_email: string | null;
  created_at: number;
  expires_at: number;
}

export interface AuthenticatorsTable {
  authenticator_id: string;
  account_id: string;
  kind: string;
  state: string;
  sealed_secret: string;
  last_step: number;
  set_up_tries: number;
  created_at: number;
}

export interface RecoveryCodesTable {
  account_id: string;
  selector: string;
  code_hash: string;
  used_at: number | null;
  /** Names the ten that were made together. */
  set_id: string;
}

export interface FactorFailuresTable {
  account_id: string;
  /** `totp`, `recovery`, `passkey`; or one of them in a known browser, whose own count it is: `totp in <browser id>`. */
  kind: string;
  consecutive: number;
  day: number;
  day_count: number;
  last_at: number;
}

export interface SignInsTable {
  sign_in_hash: string;
  account_id: string;
  methods: string;
  failures: number;
  created_at: number;
  expires_at: number;
  /** 1 or 0: whether the session that it becomes is remembered. */
  remembered: number;
  /** 1 or 0: whether it was begun in a browser that the account knows. */
  known_browser: number;
}

export interface SessionsTable {
  session_hash: string;
  ticket: string;
  account_id: string;
  subject_id: string;
  methods: string;
  authenticated_at: number;
  proof_methods: string;
  proved_at: number;
  user_agent: string;
  network_address: string;
  created_at: number;
  last_seen_at: number;
  expires_at: number;
  confirmed_at: number;
  recent_until: number;
  remembered: number;
}

export interface SigningKeysTable {
  kid: string;
  alg: string;
  state: string;
  public_jwk: string;
  sealed_private_jwk: string;
  created_at: number;
  changed_at: number;
  /** `tokens`: published in the JWKS; `device-keys`: for the tokens of tools with a key of their own. */
  ring: string;
}

export interface BudgetsTable {
  budget: string;
  spender: string;
  window_starts_at: number;
  spent: number;
  expires_at: number;
}

export interface OutboxTable {
  mail_id: string;
  recipient: string;
  notice: string;
  sealed_details: string;
  language: string;
  attempts: number;
  created_at: number;
  next_attempt_at: number;
  expires_at: number | null;
  sent_at: number | null;
}

export interface AuditTable {
  audit_id: string;
  at: number;
  account_id: string | null;
  actor: string;
  event: string;
  network_address: string;
  user_agent: string;
  request_id: string;
  details: string;
}

/** Single facts about the house itself, such as the hash of the first-run address. */
export interface HouseTable {
  name: string;
  value: string;
  changed_at: number;
}

export interface Tables {
  subjects: SubjectsTable;
  accounts: AccountsTable;
  login_names: LoginNamesTable;
  mail_tokens: MailTokensTable;
  authenticators: AuthenticatorsTable;
  recovery_codes: RecoveryCodesTable;
  factor_failures: FactorFailuresTable;
  sign_ins: SignInsTable;
  sessions: SessionsTable;
  clients: ClientsTable;
  links: LinksTable;
  link_intervals: LinkIntervalsTable;
  linked_tools: LinkedToolsTable;
  refresh_tokens: RefreshTokensTable;
  revoked_access_tokens: RevokedAccessTokensTable;
  signing_keys: SigningKeysTable;
  budgets: BudgetsTable;
  outbox: OutboxTable;
  audit: AuditTable;
  house: HouseTable;
  known_browsers: KnownBrowsersTable;
  device_keys: DeviceKeysTable;
  used_nonces: UsedNoncesTable;
  app_passwords: AppPasswordsTable;
  households: HouseholdsTable;
  members: MembersTable;
  household_invitations: HouseholdInvitationsTable;
  switched_sessions: SwitchedSessionsTable;
  identities: IdentitiesTable;
  round_trips: RoundTripsTable;
  arrivals: ArrivalsTable;
  authorizations: AuthorizationsTable;
  passkeys: PasskeysTable;
  passkey_challenges: PasskeyChallengesTable;
  used_proofs: UsedProofsTable;
  services: ServicesTable;
  host_entries: HostEntriesTable;
  host_sessions: HostSessionsTable;
}
