// Signing keys: for each algorithm one that signs (active), one already published that will (next), and old ones that stay
// published until the last token they signed has expired (retiring). Private halves are sealed before they are kept.
// It signs and verifies; what a token says is the business of `tokens`. RFC 7517, RFC 9068 §2.1.
import { createSigner, createVerifier, generateSigningKey } from '../crypto/jwt.js';
import type { PublicJwk, Signer, SigningAlg, SigningKey, Verifier } from '../crypto/jwt.js';
import type { Audit, AuditStore } from './audit.js';
import type { Sealer } from './notices.js';
import { DomainError, type Clock, type InTransaction } from './vocabulary.js';

export type SigningKeyState = 'next' | 'active' | 'retiring';

export interface SigningKeyRow {
  readonly kid: string;
  readonly alg: SigningAlg;
  readonly state: SigningKeyState;
  readonly publicJwk: PublicJwk;
  readonly sealedPrivateJwk: string;
  readonly createdAt: Date;
  /** When it came into its present state. */
  readonly changedAt: Date;
}

export interface KeyStore {
  findAll(): Promise<SigningKeyRow[]>;
  /** False when its algorithm already has a key in that state: another process was faster. */
  insert(row: SigningKeyRow): Promise<boolean>;
  /** False when the key was not in the state `from`. */
  changeState(kid: string, from: SigningKeyState, to: SigningKeyState, at: Date): Promise<boolean>;
  /** False when it is not retiring, and while a long-lived token that names it counts after `tokensUntil`. */
  removeRetiring(kid: string, tokensUntil: Date): Promise<boolean>;
}

/** Makes a key of its own for one algorithm. */
export type NewSigningKey = (alg: SigningAlg) => Promise<SigningKey>;

interface KeyStores {
  readonly keys: KeyStore;
  readonly audit: AuditStore;
}

export interface KeysDependencies {
  readonly store: KeyStore;
  readonly inTransaction: InTransaction<KeyStores>;
  readonly audit: Audit;
  readonly sealer: Sealer;
  readonly now: Clock;
  readonly issuer: string;
  /** The first signs access tokens unless a client registered another. */
  readonly algs: readonly SigningAlg[];
  /** The longest that a token signed here can live, in seconds; those that live longer name their key in the store. */
  readonly longestTokenSeconds: number;
  readonly newSigningKey?: NewSigningKey | undefined;
}

/** A key is published this long before it signs: longer than any verifier keeps the JWKS. */
export const PUBLISHED_AHEAD_SECONDS = 24 * 3600;
export const ROTATED_AFTER_SECONDS = 90 * 24 * 3600;
/** How far a verifier's clock, or another process's view of the keys, may be behind. */
const SKEW_SECONDS = 120;

export type Keys = ReturnType<typeof createKeys>;

/** The keys as this process saw them last: what it signs with, and what it shows. */
function createLoadedKeys({ store, sealer, algs }: Pick<KeysDependencies, 'store' | 'sealer' | 'algs'>) {
  let published: readonly PublicJwk[] = [];
  let signers = new Map<SigningAlg, Signer>();
  let signingKids = new Map<SigningAlg, string>();
  let kept = new Map<string, SigningKeyRow>();
  const keptSigners = new Map<string, Signer>();

  const algFor = (alg: SigningAlg | undefined): SigningAlg =>
    alg !== undefined && signers.has(alg) ? alg : algs[0]!;

  return {
    /** The algorithm that `sign` uses for the one asked for: the first where that has no key. */
    algFor,

    /** The public keys, as the JWKS shows them (RFC 7517 §5). */
    published: (): readonly PublicJwk[] => published,

    /** Looks at the keys again: another process, or the CLI, may have changed them. */
    async refresh(): Promise<void> {
      const rows = await store.findAll();
      const active = rows.filter(({ alg, state }) => state === 'active' && algs.includes(alg));
      const known = signingKids;
      signers = new Map(
        active.map((row) => {
          const same = known.get(row.alg) === row.kid ? signers.get(row.alg) : undefined;
          return [
            row.alg,
            same ?? createSigner({ ...row, privateJwk: sealer.open(row.sealedPrivateJwk, row.kid) }),
          ];
        }),
      );
      signingKids = new Map(active.map(({ alg, kid }) => [alg, kid]));
      published = rows.map(({ publicJwk }) => publicJwk);
      kept = new Map(rows.map((row) => [row.kid, row]));
    },

    /** The id of the key that `sign` uses for the algorithm, for tokens that must be signed again with the same key. */
    kidFor: (alg: SigningAlg): string | undefined => signingKids.get(alg),

    /**
     * Signs with the key of that id, which may be retiring: with EdDSA the same claims give the same bytes. Undefined once
     * the key is gone.
     */
    signWith(kid: string, header: { typ: string }, payload: object): Promise<string> | undefined {
      const row = kept.get(kid);
      if (!row || row.state === 'next') return undefined;
      const signer =
        keptSigners.get(kid) ??
        createSigner({ ...row, privateJwk: sealer.open(row.sealedPrivateJwk, row.kid) });
      keptSigners.set(kid, signer);
      return signer(header, payload);
    },

    /** Signs a JWT with the active key of the algorithm, or of the first one where that has none. */
    async sign(alg: SigningAlg | undefined, header: { typ: string }, payload: object): Promise<string> {
      const signer = signers.get(algFor(alg));
      if (!signer)
        throw new DomainError('store-unavailable', { publicDetail: 'no signing key is loaded yet' });
      return signer(header, payload);
    },
  };
}

export function createKeys({
  store,
  inTransaction,
  audit,
  sealer,
  now,
  issuer,
  algs,
  longestTokenSeconds,
  newSigningKey = generateSigningKey,
}: KeysDependencies) {
  const loaded = createLoadedKeys({ store, sealer, algs });
  const { refresh, published } = loaded;
  const verify: Verifier = createVerifier({ keys: published, issuer, now });

  const ageSeconds = (since: Date): number => (now().getTime() - since.getTime()) / 1000;

  /** Slow for RSA: never inside a transaction. */
  async function makeKey(alg: SigningAlg, state: SigningKeyState): Promise<void> {
    const { kid, publicJwk, privateJwk } = await newSigningKey(alg);
    const at = now();
    const sealedPrivateJwk = sealer.seal(privateJwk, kid);
    await inTransaction(async (stores) => {
      const isFirst = await stores.keys.insert({
        kid,
        alg,
        state,
        publicJwk,
        sealedPrivateJwk,
        createdAt: at,
        changedAt: at,
      });
      if (isFirst)
        await audit.record(stores, { event: 'signing-key-made', actor: 'job', details: { kid, alg, state } });
    });
  }

  /** Active becomes retiring and next becomes active, both or neither. */
  async function activateNext(next: SigningKeyRow, active: SigningKeyRow): Promise<void> {
    const at = now();
    await inTransaction(async (stores) => {
      if (!(await stores.keys.changeState(active.kid, 'active', 'retiring', at))) return;
      if (!(await stores.keys.changeState(next.kid, 'next', 'active', at)))
        throw new Error('the next key is gone');
      await audit.record(stores, {
        event: 'signing-key-activated',
        actor: 'job',
        details: { kid: next.kid, alg: next.alg, retiring: active.kid },
      });
    });
  }

  async function removeRetired(row: SigningKeyRow): Promise<void> {
    await inTransaction(async (stores) => {
      const tokensUntil = new Date(now().getTime() - SKEW_SECONDS * 1000);
      if (!(await stores.keys.removeRetiring(row.kid, tokensUntil))) return;
      await audit.record(stores, {
        event: 'signing-key-removed',
        actor: 'job',
        details: { kid: row.kid, alg: row.alg },
      });
    });
  }

  async function retire(row: SigningKeyRow): Promise<void> {
    // Its algorithm was taken out of the setting: what it signed counts to its end, and it signs nothing more.
    await inTransaction(({ keys }) => keys.changeState(row.kid, row.state, 'retiring', now()));
  }

  function pairOf(rows: readonly SigningKeyRow[], alg: SigningAlg) {
    const inState = (state: SigningKeyState) => rows.find((row) => row.alg === alg && row.state === state);
    return { active: inState('active'), next: inState('next') };
  }

  return {
    ...loaded,
    verify,

    /** Makes the keys that sign, where there are none yet, and loads them. Call once at start. */
    async open(): Promise<void> {
      const rows = await store.findAll();
      for (const alg of algs) if (!pairOf(rows, alg).active) await makeKey(alg, 'active');
      await refresh();
    },

    /** What time does to keys: publishes the next one, lets it take over when its turn has come, drops what has retired. */
    async tend(): Promise<void> {
      const rows = await store.findAll();
      for (const alg of algs) {
        const { active, next } = pairOf(rows, alg);
        if (!next) await makeKey(alg, 'next');
        const isDue = active && ageSeconds(active.changedAt) >= ROTATED_AFTER_SECONDS;
        if (isDue && next && ageSeconds(next.createdAt) >= PUBLISHED_AHEAD_SECONDS)
          await activateNext(next, active);
      }
      for (const row of rows) {
        if (row.state !== 'retiring' && !algs.includes(row.alg)) await retire(row);
        const isPast = ageSeconds(row.changedAt) >= longestTokenSeconds + SKEW_SECONDS;
        if (row.state === 'retiring' && isPast) await removeRetired(row);
      }
      await refresh();
    },

    /**
     * Rotates every algorithm's key now. Refuses (`not-found`) while a next key has been published for less than a day,
     * because verifiers may not know it yet, unless `immediately`.
     */
    async rotate({ immediately }: { immediately: boolean }): Promise<void> {
      for (const alg of algs) if (!pairOf(await store.findAll(), alg).next) await makeKey(alg, 'next');
      const rows = await store.findAll();
      for (const alg of algs) {
        const { active, next } = pairOf(rows, alg);
        if (!active || !next) throw new DomainError('not-found', { publicDetail: `no key for ${alg} yet` });
        if (!immediately && ageSeconds(next.createdAt) < PUBLISHED_AHEAD_SECONDS) {
          throw new DomainError('not-found', {
            publicDetail: `The next ${alg} key has been published for less than a day: verifiers may not know it yet. Try again tomorrow, or rotate it now all the same (--now).`,
          });
        }
      }
      for (const alg of algs) {
        const { active, next } = pairOf(rows, alg);
        await activateNext(next!, active!);
        await makeKey(alg, 'next');
      }
      await refresh();
    },

    /** Every key with its state, without private halves. */
    async listKeys(): Promise<Pick<SigningKeyRow, 'kid' | 'alg' | 'state' | 'createdAt' | 'changedAt'>[]> {
      const rows = await store.findAll();
      return rows.map(({ kid, alg, state, createdAt, changedAt }) => ({
        kid,
        alg,
        state,
        createdAt,
        changedAt,
      }));
    },

    defaultAlg: algs[0]!,
    algs,
  };
}
