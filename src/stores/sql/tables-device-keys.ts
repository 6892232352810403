// The columns of the tables of tools' own keys; tables.ts lists every table. migrations.ts makes them; the two change together.

/** Keys that tools have of their own: public halves only. */
export interface DeviceKeysTable {
  thumbprint: string;
  client_id: string;
  kid: string;
  alg: string;
  public_jwk: string;
  linked_tool_id: string;
  account_id: string;
  claims: string;
  created_at: number;
  approved_at: number;
}

export interface UsedNoncesTable {
  nonce: string;
  expires_at: number;
}
