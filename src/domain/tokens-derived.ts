// Refresh tokens as texts: how one is derived from what was presented for it, and what it is kept under. Each begins with the
// moment at which it was made, and so does what it is kept under: an index grows at its end then, where bare hashes would land
// all over it, each on a page of its own to be written. What is kept, and when it is spent: `tokens`, `tokens-refresh`.
// DESIGN 7, RFC 6749 §10.10.
import { hmac, sha256 } from '../crypto/secrets.js';
import { DomainError } from './vocabulary.js';

/** Keys that derive refresh tokens, by id, so that a changed root secret does not end families in use. */
export interface DerivingKeys {
  readonly currentId: string;
  key(keyId: string): Buffer | undefined;
}

/** Enough for milliseconds until the year 5188. */
const MOMENT_CHARACTERS = 9;
const MADE_AT = new RegExp(`^[\\da-z]{${MOMENT_CHARACTERS}}\\.`);

export interface Derivation {
  /** What the tool showed for it: a device code, a code, or the refresh token before. */
  readonly presented: string;
  /** The linked tool. */
  readonly family: string;
  readonly generation: number;
  /** To the millisecond, as its row has it: the same token can be made again from that. */
  readonly at: Date;
}

/** What a refresh token is kept under: its moment, which is no secret, and its hash. Those of before have none: the hash alone. */
export const refreshTokenKey = (token: string): string => (MADE_AT.exec(token)?.[0] ?? '') + sha256(token);

/** `next = HMAC(K, presented ‖ family ‖ generation)`: whoever holds the database cannot make the next one. */
export function createDerivation(derivingKeys: DerivingKeys) {
  /** Refuses `grant-invalid` where the key is gone. */
  return (keyId: string, { presented, family, generation, at }: Derivation): string => {
    const key = derivingKeys.key(keyId);
    if (!key)
      throw new DomainError('grant-invalid', { publicDetail: 'the key of this token family is gone' });
    const moment = at.getTime().toString(36).padStart(MOMENT_CHARACTERS, '0');
    return `${moment}.${hmac(key, presented, family, generation).toString('base64url')}`;
  };
}
