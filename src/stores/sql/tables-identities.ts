// The columns of federated identities, as migrations-identities.ts makes them: who is known elsewhere as whom, who is on the way
// there and back, and who has come back and has no account yet.

export interface IdentitiesTable {
  identity_id: string;
  account_id: string;
  /** The name of the provider in the settings. */
  upstream: string;
  issuer: string;
  subject: string;
  /** What the provider called it when it was last used; for its owner to tell several apart. */
  shown_as: string;
  connected_at: number;
  last_used_at: number;
}

export interface RoundTripsTable {
  state_hash: string;
  /** Of what the browser holds that began it. */
  browser_hash: string;
  upstream: string;
  /** Whose it is, where somebody signed in began it. */
  account_id: string | null;
  sealed_details: string;
  expires_at: number;
}

export interface ArrivalsTable {
  arrival_hash: string;
  sealed_details: string;
  expires_at: number;
}
