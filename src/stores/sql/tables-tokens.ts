// The columns of the tables of linked tools and their tokens; tables.ts lists every table. migrations.ts makes them; the two
// change together.

export interface LinkedToolsTable {
  linked_tool_id: string;
  link_id: string;
  door: string;
  account_id: string;
  subject_id: string;
  client_id: string;
  name: string;
  scope: string;
  audience: string;
  authenticated_at: number;
  methods: string;
  key_thumbprint: string | null;
  access_jti: string;
  access_issued_at: number;
  access_expires_at: number;
  linked_at: number;
  linked_from: string;
  last_used_at: number;
  last_used_from: string;
  ended_at: number | null;
  ended_why: string | null;
  /** The key that signs its lasting token, always the same one. */
  access_kid: string | null;
  tool_values: string | null;
  parent_tool_id: string | null;
  /**
   * How a tool with a password came in: `code`, password and second factor; `password`, the password alone; `app-password`,
   * one of its own, which is named below.
   */
  born_with: string | null;
  app_password_id: string | null;
  owner_told: number;
  household_id: string | null;
  member_kind: string | null;
  /** Where the person went back to who linked it by a redirect. */
  redirect_uri: string | null;
  /** The services that its tokens may be for, one at a time; their audiences, between spaces. */
  resources: string | null;
}

export interface RefreshTokensTable {
  token_hash: string;
  linked_tool_id: string;
  client_id: string;
  generation: number;
  key_id: string;
  access_jti: string;
  access_issued_at: number;
  access_expires_at: number;
  scope: string;
  replays: number;
  created_at: number;
  used_at: number | null;
  expires_at: number;
  /** The key that its access token is bound to, and whom that token is for where it is not the tool's audience. */
  key_thumbprint: string | null;
  audience: string | null;
}

export interface RevokedAccessTokensTable {
  jti: string;
  expires_at: number;
}

/** Proofs and assertions that were shown, until they are too old to count: hashes that name them. */
export interface UsedProofsTable {
  proof_hash: string;
  expires_at: number;
}
