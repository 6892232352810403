// The columns of the table of app passwords; tables.ts lists every table. migrations.ts makes it; the two change together.

/** The passwords that old tools have for themselves. */
export interface AppPasswordsTable {
  app_password_id: string;
  account_id: string;
  secret_mac: string;
  name: string;
  created_at: number;
  /** The tool that it belongs to, and what that calls itself. */
  client_id: string | null;
  tool_name: string | null;
  last_used_at: number | null;
  last_used_from: string | null;
}
