// Signing a tool in at the fallback door with a password of its own. It is told by its form and found by its keyed hash; what is
// wrong with it shows neither in the answer nor in the work: the hash and the one-time code are computed all the same, for
// nobody. It is a credential of its own: a locked password does not lock it, and a wrong one is no wrong password.
// Specification: CHECKLIST 3.8, points 2 and 7.
import { presentAccount, type Account, type AccountRecord } from './account-records.js';
import type { Accounts, EmailVerificationMode } from './accounts.js';
import type { AppPassword } from './app-password-records.js';
import type { AppPasswords } from './app-passwords.js';
import type { Audit } from './audit.js';
import {
  wordsOf,
  type FallbackMode,
  type FallbackRequest,
  type FallbackStores,
  type LastingTokens,
} from './fallback-request.js';
import { cleanDescription } from './links-numbered.js';
import { whereAndWhen, type Notices } from './notices.js';
import { NOBODY, type PasswordTry } from './password-check.js';
import type { Proofs } from './proofs.js';
import type { LinkedTool } from './tokens.js';
import { clientIdOf } from './tokens-lasting.js';
import type { Clock, InTransaction } from './vocabulary.js';

export interface AppPasswordSignInDependencies {
  readonly inTransaction: InTransaction<FallbackStores>;
  readonly accounts: Pick<Accounts, 'findPasswordRecord' | 'tryPassword' | 'takeChargeBack'>;
  readonly proofs: Pick<Proofs, 'matchCode'>;
  readonly appPasswords: Pick<AppPasswords, 'findAppPassword' | 'useAppPassword'>;
  readonly tokensLasting: Pick<LastingTokens, 'openForFallback'>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: Clock;
  readonly settings: {
    readonly mode: FallbackMode;
    readonly publicUrl: string;
    readonly emailVerification: EmailVerificationMode;
  };
}

interface Attempt {
  readonly letters: string;
  /** Whose it is from its first use on: a tool that does not say who it is shares one name with all such tools. */
  readonly clientId: string;
  readonly record: AccountRecord | undefined;
  readonly found: AppPassword | undefined;
  readonly dummy: PasswordTry;
}

type Admitted = { readonly account: Account; readonly tool: LinkedTool; readonly hasSecondFactor: boolean };
type Settled = ({ readonly outcome: 'issued' } & Admitted) | { readonly outcome: 'refused' };

/** No identifier is empty. */
const NAMELESS_CLIENT = 'pin:';

export function createAppPasswordSignIn(dependencies: AppPasswordSignInDependencies) {
  const { inTransaction, accounts, proofs, appPasswords, tokensLasting } = dependencies;
  const { audit, notices, now, settings } = dependencies;

  async function attempt(asked: FallbackRequest, letters: string): Promise<Attempt> {
    const clientId = asked.isNameless ? NAMELESS_CLIENT : clientIdOf(asked.identifier);
    const record = await accounts.findPasswordRecord(asked.login);
    const found = await appPasswords.findAppPassword(record?.accountId ?? NOBODY, letters);
    await proofs.matchCode(undefined, '');
    const dummy = await accounts.tryPassword(undefined, letters);
    return { letters, clientId, record, found, dummy };
  }

  /** Why a right one is no good, asked in the transaction that would issue. */
  async function findHindrance(
    stores: FallbackStores,
    { accountId }: AppPassword,
  ): Promise<string | undefined> {
    const isOn = (await stores.switches.findSwitches(accountId))?.['app-passwords'] === true;
    const standing = await stores.accounts.findStanding(accountId);
    const isVerified = settings.emailVerification === 'optional' || standing?.isEmailVerified === true;
    if (settings.mode === 'off') return 'door-off';
    if (!isOn) return 'switched-off';
    return standing && !standing.isClosed && isVerified ? undefined : 'account-not-in-standing';
  }

  async function tellFirstUse(
    stores: FallbackStores,
    record: AccountRecord,
    { name }: AppPassword,
    tool: LinkedTool,
    { origin }: FallbackRequest,
  ): Promise<void> {
    const { accountId, email, username, language, emailVerifiedAt } = record;
    if (emailVerifiedAt === undefined) return;
    const to = { email, language: language ?? 'en', accountId };
    const details = { username, name, tool: tool.name, ...whereAndWhen(origin, now()) };
    await notices.tell(stores, 'app-password-used', to, details);
  }

  async function admit(
    stores: FallbackStores,
    record: AccountRecord,
    appPassword: AppPassword,
    isFirst: boolean,
    asked: FallbackRequest,
  ): Promise<Settled> {
    const { accountId } = record;
    const { identifier, origin } = asked;
    const tool = cleanDescription(asked.tool);
    const account = presentAccount(record, settings.emailVerification);
    const household = await stores.households.findStanding(account.subjectId);
    const opened = { account, identifier, tool, isWithCode: false, appPassword, household, origin };
    const linked = await tokensLasting.openForFallback(stores, opened);
    const event = isFirst ? 'app-password-bound' : 'app-password-used';
    const { appPasswordId, name } = appPassword;
    const details = { appPassword: appPasswordId, name, linkedTool: linked.linkedToolId, tool: linked.name };
    await audit.record(stores, { event, accountId, actor: linked.clientId, origin, details });
    if (isFirst) await tellFirstUse(stores, record, appPassword, linked, asked);
    const hasSecondFactor = await stores.proofs.hasSecondFactor(accountId);
    return { outcome: 'issued', account, tool: linked, hasSecondFactor };
  }

  async function refuse(
    stores: FallbackStores,
    { appPasswordId, name, accountId }: AppPassword,
    why: string,
    { origin }: FallbackRequest,
  ): Promise<Settled> {
    const details = { appPassword: appPasswordId, name, why };
    await audit.record(stores, {
      event: 'app-password-refused',
      accountId,
      actor: 'anyone',
      origin,
      details,
    });
    return { outcome: 'refused' };
  }

  async function settle(stores: FallbackStores, made: Attempt, asked: FallbackRequest): Promise<Settled> {
    const { record, found, letters, clientId, dummy } = made;
    const { origin } = asked;
    if (!record || !found) {
      // Not charged as a wrong password: a tool that goes on trying after its own was revoked must not lock the owner out.
      const whose = record && { accountId: record.accountId };
      const entry = { event: 'sign-in-failed', ...whose, actor: 'anyone', origin } as const;
      await audit.record(stores, { ...entry, details: { factor: 'app-password' } });
      return { outcome: 'refused' };
    }
    await accounts.takeChargeBack(stores, dummy);
    const why = await findHindrance(stores, found);
    if (why !== undefined) return refuse(stores, found, why, asked);
    const by = { letters, clientId, toolName: wordsOf(asked.tool) };
    const used = await appPasswords.useAppPassword(stores, found, by, origin);
    if (used === 'elsewhere') return refuse(stores, found, 'bound-elsewhere', asked);
    return admit(stores, record, found, used === 'first', asked);
  }

  return {
    /**
     * Tries the letters of what was typed. `refused`: there is no such app password of that account, it belongs to another
     * tool, or may not be used now. Refuses `service-busy`, and `client-metadata-invalid` for an unusable identifier.
     */
    async signInWithAppPassword(asked: FallbackRequest, letters: string): Promise<Settled> {
      const made = await attempt(asked, letters);
      return inTransaction((stores) => settle(stores, made, asked));
    },
  };
}
