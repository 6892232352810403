// The columns of what is known of browsers, as its store sees them; one of the tables in tables.ts.

/** Browsers in which an account has been signed in to, under a keyed hash of what each was given then. */
export interface KnownBrowsersTable {
  browser_id: string;
  account_id: string;
  browser_mac: string;
  failures: number;
  failed_at: number;
  created_at: number;
  last_used_at: number;
}
