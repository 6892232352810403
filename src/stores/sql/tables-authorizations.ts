// The columns of the table of authorizations; tables.ts lists every table. migrations-authorizations.ts makes it; the two
// change together.

export interface AuthorizationsTable {
  authorization_id: string;
  handle_hash: string;
  state: string;
  client_id: string;
  redirect_uri: string;
  scope: string;
  code_challenge: string;
  key_thumbprint: string | null;
  /** The rest of what the tool asked, as JSON. */
  asked: string;
  network_address: string;
  network: string;
  user_agent: string;
  account_id: string | null;
  subject_id: string | null;
  ticket: string | null;
  household_id: string | null;
  member_kind: string | null;
  methods: string | null;
  /** 1 or 0: whether the person had approved the tool before, and was not asked again. */
  remembered: number;
  code_hash: string | null;
  authenticated_at: number | null;
  created_at: number;
  decided_at: number | null;
  redeemed_at: number | null;
  expires_at: number;
}
