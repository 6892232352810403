// The columns of hosts behind a proxy, as migrations-protected-hosts.ts makes them: who is on the way to one, and who is signed in there.

export interface HostEntriesTable {
  handle_hash: string;
  account_id: string;
  /** Of the session that it hangs on; so below. */
  ticket: string;
  /** Scheme and host. */
  site: string;
  visit_hash: string;
  created_at: number;
  expires_at: number;
}

export interface HostSessionsTable {
  token_hash: string;
  account_id: string;
  ticket: string;
  site: string;
  created_at: number;
}
