// The columns of the tables of clients and of the services that tokens are for; tables.ts lists every table. migrations.ts
// makes them; the two change together.

export interface ClientsTable {
  client_id: string;
  kind: string;
  name: string;
  secret_hash: string | null;
  audience: string | null;
  metadata: string;
  registered_by: string;
  created_at: number;
  last_used_at: number | null;
}

export interface ServicesTable {
  audience: string;
  /** The client that asks about the tokens that it is shown. */
  client_id: string;
  name: string;
  scopes: string;
  /** 1 or 0: whether only clients that the operator made may have tokens for it. */
  restricted: number;
  created_at: number;
}
