// What is good for one request only, and was shown: proofs of possession, and assertions of clients. Each is named by a hash and
// remembered until its own age refuses it. What makes a right one is in `dpop` and `clients-assertion`. RFC 9449 §11.1, RFC 7523 §3.

export interface UsedProofStore {
  /** False when it was used before. */
  use(proofHash: string, forgottenAt: Date): Promise<boolean>;
  /** A few of them at a time; none, where none are left. */
  removeExpired(now: Date): Promise<number>;
}
