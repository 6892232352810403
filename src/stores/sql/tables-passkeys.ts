// The columns of passkeys, and of the challenges that wait for an answer, as the store sees them. A public key is no secret.

export interface PasskeysTable {
  passkey_id: string;
  account_id: string;
  /** As the authenticator names it, base64url. */
  credential_id: string;
  /** A COSE key, base64url. */
  public_key: string;
  sign_count: number;
  /** 1 or 0: whether it may be synced, which never changes, and whether it is. */
  backup_eligible: number;
  backed_up: number;
  /** 1 or 0: whether it can sign in by itself, as far as is known. */
  alone: number;
  /** How its authenticator can be reached, separated by spaces. */
  transports: string;
  name: string;
  created_at: number;
  last_used_at: number | null;
  last_used_from: string | null;
  /** Set when an answer had counted less than one before it: it opens nothing any more. */
  stopped_at: number | null;
}

export interface PasskeyChallengesTable {
  challenge_hash: string;
  /** What the answer is for, and the hash of the session or browser that has to give it. */
  purpose: string;
  holder_hash: string;
  account_id: string | null;
  /** What was proved before a passkey may be made; empty for any other purpose. */
  methods: string;
  created_at: number;
  expires_at: number;
}
