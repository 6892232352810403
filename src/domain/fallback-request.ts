// What the fallback door is asked, and what it asks of the rooms that it stands on. What it decides: fallback, for a password;
// fallback-app-password, for a password that a tool has for itself.
import type { Account } from './account-records.js';
import type { AccountsStore } from './accounts.js';
import type { SwitchStore } from './account-switches.js';
import type { AppPassword, AppPasswordStore } from './app-password-records.js';
import type { AuditStore } from './audit.js';
import { cleanClientName } from './clients.js';
import type { TypedCredentials } from './fallback-grammar.js';
import type { HouseholdStore } from './household-records.js';
import type { OutboxStore } from './notices.js';
import type { ProofStore } from './proofs.js';
import type { SignInStore } from './sign-in-half-done.js';
import type { BudgetStore } from './throttle.js';
import type { LinkedTool, TokenStore, ToolDescription } from './tokens.js';
import type { HouseholdStanding, Origin } from './vocabulary.js';

/** FALLBACK_DOOR: for accounts with a second factor, for all, or for nobody. */
export type FallbackMode = 'with-code' | 'all' | 'off';

export interface FallbackStores {
  readonly accounts: AccountsStore;
  readonly appPasswords: AppPasswordStore;
  readonly audit: AuditStore;
  readonly budgets: BudgetStore;
  readonly households: Pick<HouseholdStore, 'findStanding'>;
  readonly outbox: OutboxStore;
  readonly proofs: ProofStore;
  readonly signIns: SignInStore;
  readonly switches: SwitchStore;
  readonly tokens: TokenStore;
}

/** What this door asks of the tokens that it hands out. */
export interface LastingTokens {
  openForFallback(
    stores: FallbackStores,
    asked: {
      readonly account: Account;
      readonly identifier: string;
      readonly tool: ToolDescription;
      readonly isWithCode: boolean;
      readonly appPassword?: Pick<AppPassword, 'appPasswordId' | 'name'>;
      readonly household?: HouseholdStanding | undefined;
      readonly origin: Origin;
    },
  ): Promise<LinkedTool>;
  /** After the commit. */
  signLasting(tool: LinkedTool): Promise<string>;
}

export interface FallbackRequest extends TypedCredentials {
  /** E-mail address or user name. */
  readonly login: string;
  readonly identifier: string;
  /** The identifier was made up here: the tool sent none. */
  readonly isNameless?: boolean;
  readonly tool: ToolDescription;
  readonly origin: Origin;
}

/** The tool in its own words, for the owner to recognise; empty where it has none. */
export function wordsOf({ product, deviceName }: ToolDescription): string {
  const [name = '', place] = [...new Set([product, deviceName].map(cleanClientName).filter(Boolean))];
  return place === undefined ? name : `${name} (${place})`;
}
