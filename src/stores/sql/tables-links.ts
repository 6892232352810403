// The columns of links, as the migrations make them: the one record of an attempt to connect a tool, whatever its door.

export interface LinksTable {
  link_id: string;
  door: string;
  state: string;
  client_id: string;
  device_code_hash: string | null;
  user_code_mac: string;
  scope: string;
  network_address: string;
  network: string;
  web_origin: string | null;
  user_agent: string;
  key_thumbprint: string | null;
  arrival: string | null;
  account_id: string | null;
  subject_id: string | null;
  ticket: string | null;
  releases: number;
  authenticated_at: number | null;
  methods: string | null;
  created_at: number;
  reserved_at: number | null;
  decided_at: number | null;
  redeemed_at: number | null;
  expires_at: number;
  /** Only of a link that is polled by its number; so are the five below it. */
  public_number: number | null;
  user_code_length: number | null;
  /** What the tool says of itself, as JSON. */
  tool_values: string | null;
  forward_address: string | null;
  /** The public key that its tokens are bound to, as JSON. */
  device_key: string | null;
  /** The linked tool whose token approved it, and with which what it leaves ends. */
  parent_tool_id: string | null;
  /** The household of whom it was approved for, and what they are in it. */
  household_id: string | null;
  member_kind: string | null;
  /** The audiences of the services that it was asked for, between spaces. */
  resources: string | null;
}

/** Poll bookkeeping that must outlive the process: only raised intervals, apart from the links themselves. */
export interface LinkIntervalsTable {
  link_id: string;
  interval_seconds: number;
}
