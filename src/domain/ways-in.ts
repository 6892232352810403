// The ways in which somebody can sign in to an account: its password, its passkeys, and the identities of providers that this
// server still knows. The last of them is never taken away. A code, or a recovery code, is no way in by itself.
import type { AccountStore } from './account-records.js';
import type { IdentityStore } from './identities-records.js';
import { DomainError, type AccountId } from './vocabulary.js';

export interface WaysInStores {
  readonly accounts: Pick<AccountStore, 'find'>;
  readonly identities: Pick<IdentityStore, 'findByAccount'>;
  /** Those that can sign in alone. */
  readonly passkeys?: { countByAccount(accountId: AccountId): Promise<number> };
}

export type WaysIn = ReturnType<typeof createWaysIn>;

/** `issuers`: of the providers in the settings. */
export function createWaysIn({ issuers }: { readonly issuers: ReadonlySet<string> }) {
  /** How many there are, in the caller's transaction: transactions run as if one after another, so two cannot take one each. */
  async function countWaysIn(stores: WaysInStores, accountId: AccountId): Promise<number> {
    const record = await stores.accounts.find(accountId);
    const identities = await stores.identities.findByAccount(accountId);
    const usable = identities.filter(({ issuer }) => issuers.has(issuer)).length;
    const passkeys = (await stores.passkeys?.countByAccount(accountId)) ?? 0;
    return (record?.passwordHash ? 1 : 0) + usable + passkeys;
  }

  return {
    countWaysIn,

    /** Whether the account has a way in beside this identity. Refuses `not-found` and `last-way-in`. */
    async requireAnotherWayIn(stores: WaysInStores, accountId: AccountId, identityId: string): Promise<void> {
      const identities = await stores.identities.findByAccount(accountId);
      const found = identities.find((identity) => identity.identityId === identityId);
      if (!found) throw new DomainError('not-found');
      const own = issuers.has(found.issuer) ? 1 : 0;
      if ((await countWaysIn(stores, accountId)) - own <= 0) throw new DomainError('last-way-in');
    },

    /** In the transaction that has taken one away, after it. Refuses `last-way-in`, and the transaction is undone. */
    async requireAWayIn(stores: WaysInStores, accountId: AccountId): Promise<void> {
      if ((await countWaysIn(stores, accountId)) === 0) throw new DomainError('last-way-in');
    },
  };
}
