// Proofs of possession: what a tool's own key signed for one request counts once, for that request, for a short time. Which
// token or link is bound to the key is for `tokens` and `links`; the form of a proof and its signature are in crypto/dpop.
//
// A proof that gets a token, or shows one, is remembered in the store until it is too old to count: nobody shows it again. One
// that only asks whether a link is decided yet is remembered by this process alone, so that asking costs no write. Where
// another process is shown such a proof again within its time, it gives nothing that a thief could use: the token that it
// could fetch is bound to the key, and its tool gets the same one again (`links-tool`). RFC 9449 §4.3, §8, §11.1.
import { DPOP_ALGS, readDpop, tokenHash, type DpopFault } from '../crypto/dpop.js';
import { sha256 } from '../crypto/secrets.js';
import { createDpopNonces, NONCE_SLOT_SECONDS, type DpopNoncesDependencies } from './dpop-nonces.js';
import type { UsedProofStore } from './used-proofs.js';
import { DomainError, type Clock, type InTransaction } from './vocabulary.js';

export { DPOP_ALGS };

/** A key that somebody has just proved to hold. */
export interface ProvenKey {
  /** RFC 7638. */
  readonly thumbprint: string;
}

/** A right proof, not yet used up. */
export interface Proof extends ProvenKey {
  /** Names the proof among all others. */
  readonly proofHash: string;
  /** From when on its age refuses it. */
  readonly staleAt: Date;
  /** A nonce to use from now on, where the one it has will not do for long. */
  readonly nextNonce: string | undefined;
}

/** The request that a proof came with. */
export interface ProvenRequest {
  readonly method: string;
  /** Its whole address, as this service calls it. */
  readonly address: string;
  /** The token that it shows, where it shows one. */
  readonly accessToken?: string;
}

interface ProofStores {
  readonly usedProofs: UsedProofStore;
}

export interface DpopDependencies extends DpopNoncesDependencies {
  readonly inTransaction: InTransaction<ProofStores>;
  readonly now: Clock;
}

/** How far a tool's clock may be off; when a proof was made, its nonce says better. */
export const PROOF_SECONDS = 300;
const CLOCK_SKEW_SECONDS = 60;
const MOST_REMEMBERED = 100_000;
/** No proof can be shown for longer: its nonce is over by then. */
const GENERATION_MS = 3 * NONCE_SLOT_SECONDS * 1000;

const FAULTS = {
  form: 'the header DPoP must hold one JWT',
  type: 'the typ of the proof must be dpop+jwt',
  algorithm: 'the alg of the proof is not one of dpop_signing_alg_values_supported, or not that of its key',
  'private-key': 'the proof brings its private key along: that key is nobody’s secret any more',
  key: 'the jwk of the proof is no key that is taken here',
  signature: 'the signature of the proof is not right',
  claims: 'the proof needs jti, htm, htu and iat, and no claim that is too long',
} satisfies Record<DpopFault, string>;

const refused = (publicDetail: string): DomainError =>
  new DomainError('dpop-proof-invalid', { publicDetail });

/** Without query and fragment, in the one spelling that addresses have (RFC 9449 §4.3 (9)); undefined for what is none. */
function bareAddress(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const { protocol, username, password, host, pathname } = new URL(address);
  // `https://name@host` and `blob:` would pass for the host that they only mention.
  return username === '' && password === '' ? `${protocol}//${host}${pathname}` : undefined;
}

/**
 * What this process has seen a moment ago, in two generations: one that grows, and the one before it, which is forgotten as a
 * whole. (Taking the oldest out of one set, again and again, leaves it ever slower to walk.)
 */
function createSeen(now: Clock) {
  let [young, old] = [new Set<string>(), new Set<string>()];
  let bornAt = now().getTime();
  return {
    has: (proofHash: string): boolean => young.has(proofHash) || old.has(proofHash),
    add(proofHash: string): void {
      const age = now().getTime() - bornAt;
      if (young.size >= MOST_REMEMBERED / 2 || age >= GENERATION_MS) {
        old = age >= 2 * GENERATION_MS ? new Set() : young;
        young = new Set();
        bornAt += age;
      }
      young.add(proofHash);
    },
  };
}

/**
 * Uses a proof up, everywhere, in the transaction that gives something for it, so that nothing is kept of proofs for nothing.
 * Refuses `dpop-proof-invalid` where it was used before.
 */
export async function spendProofWithin({ usedProofs }: ProofStores, proof: Proof): Promise<ProvenKey> {
  const { proofHash, staleAt, thumbprint } = proof;
  if (!(await usedProofs.use(proofHash, staleAt))) throw refused('the proof was used before');
  return { thumbprint };
}

export type Dpop = ReturnType<typeof createDpop>;

export function createDpop({ inTransaction, nonceMacs, now }: DpopDependencies) {
  const nonces = createDpopNonces({ now, nonceMacs });
  const seen = createSeen(now);

  return {
    /** The nonce to hand to whoever needs one. */
    currentNonce: nonces.current,

    /**
     * The key that a proof shows to be held, for this one request; it is not used up yet. Refuses `dpop-proof-invalid`, and
     * `dpop-nonce-needed` for a proof without a nonce of ours, or with one that is over. RFC 9449 §4.3.
     */
    checkProof(jwt: string, { method, address, accessToken }: ProvenRequest): Proof {
      const read = readDpop(jwt);
      if (read.fault !== undefined) throw refused(FAULTS[read.fault]);
      const { thumbprint, claims } = read;
      if (claims.method !== method) throw refused('the proof was made for another method');
      const made = claims.address === address ? address : bareAddress(claims.address);
      if (made !== address && made !== bareAddress(address))
        throw refused('the proof was made for another address');
      const expected = accessToken === undefined ? undefined : tokenHash(accessToken);
      if (expected !== undefined && claims.tokenHash !== expected)
        throw refused('the proof was made for another token, or for none');
      // RFC 9449 §11.3: once there are nonces, no proof goes without.
      if (claims.nonce === undefined || !nonces.isAccepted(claims.nonce))
        throw new DomainError('dpop-nonce-needed', { publicDetail: 'the proof needs the nonce given here' });
      const age = now().getTime() / 1000 - claims.issuedAt;
      if (Math.abs(age) > PROOF_SECONDS) throw refused('the proof is too old, or from the future');
      const proofHash = sha256(`dpop ${thumbprint} ${claims.jti}`);
      if (seen.has(proofHash)) throw refused('the proof was used before');
      const current = nonces.current();
      return {
        thumbprint,
        proofHash,
        staleAt: new Date((claims.issuedAt + PROOF_SECONDS + CLOCK_SKEW_SECONDS) * 1000),
        nextNonce: claims.nonce === current ? undefined : current,
      };
    },

    /** The same as `spendProofWithin`, for what needs no transaction of its own. */
    spendProof: (proof: Proof): Promise<ProvenKey> =>
      inTransaction((stores) => spendProofWithin(stores, proof)),

    /** Uses a proof up in this process, where nothing is given for it. */
    noteProof: ({ proofHash }: Proof): void => seen.add(proofHash),
  };
}
