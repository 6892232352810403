// The fallback door's decision: a login and a password, with a one-time code where the account has one, become the token of
// a linked tool, for old tools that have nothing but a password box. How the input is read: fallback-grammar; a password that
// the tool has for itself: fallback-app-password; what the token is: tokens-lasting. Specification: CHECKLIST 3.8, DESIGN 5.
import { presentAccount, type Account, type AccountRecord } from './account-records.js';
import type { Accounts, EmailVerificationMode } from './accounts.js';
import { readAppPassword } from './app-password-records.js';
import type { AppPasswords } from './app-passwords.js';
import type { Audit } from './audit.js';
import { createAppPasswordSignIn } from './fallback-app-password.js';
import { readCredentials, type ReadCredentials } from './fallback-grammar.js';
import {
  wordsOf,
  type FallbackMode,
  type FallbackRequest,
  type FallbackStores,
  type LastingTokens,
} from './fallback-request.js';
import { cleanDescription } from './links-numbered.js';
import type { NoticeDetails, Notices } from './notices.js';
import { NOBODY, type PasswordTry } from './password-check.js';
import type { Authenticator, Proofs } from './proofs.js';
import { createRefusedSignIns } from './sign-in-refused.js';
import type { Throttle } from './throttle.js';
import type { LinkedTool } from './tokens.js';
import type { Clock, InTransaction } from './vocabulary.js';

export type { FallbackMode, FallbackRequest, FallbackStores } from './fallback-request.js';

export interface FallbackDependencies {
  readonly inTransaction: InTransaction<FallbackStores>;
  readonly accounts: Pick<
    Accounts,
    | 'findPasswordRecord'
    | 'tryPassword'
    | 'recordWrongPassword'
    | 'takeChargeBack'
    | 'forgiveFailures'
    | 'rehash'
    | 'mayReceiveToken'
  >;
  readonly proofs: Pick<Proofs, 'findAuthenticator' | 'matchCode' | 'settleCode'>;
  readonly appPasswords: Pick<AppPasswords, 'findAppPassword' | 'useAppPassword'>;
  readonly tokensLasting: LastingTokens;
  readonly throttle: Pick<Throttle, 'spendAhead' | 'spendWithin' | 'isSpent'>;
  readonly audit: Audit;
  readonly notices: Notices;
  readonly now: Clock;
  readonly settings: {
    readonly mode: FallbackMode;
    readonly publicUrl: string;
    readonly emailVerification: EmailVerificationMode;
  };
}

/** What lets nobody in. The last two say that the password was right. */
type Missed = 'refused' | 'code-missing' | 'code-wrong';
type Issued = { readonly account: Account; readonly tool: LinkedTool; readonly hasSecondFactor: boolean };
type Settled = ({ readonly outcome: 'issued' } & Issued) | { readonly outcome: Missed };

/** Everything that was looked up and computed, before anything is decided. */
interface Attempt {
  readonly record: AccountRecord | undefined;
  readonly tried: PasswordTry;
  readonly authenticator: Authenticator | undefined;
  readonly step: number | undefined;
  readonly read: ReadCredentials;
}

/** An appended code that is wrong is not told from a wrong password: the whole string was typed as one. */
const MISSED_CODE = {
  beside: 'code-wrong',
  appended: 'refused',
  'not-at-all': 'code-missing',
} as const satisfies Record<ReadCredentials['codeCame'], Missed>;

export type Fallback = ReturnType<typeof createFallback>;

export function createFallback(dependencies: FallbackDependencies) {
  const { inTransaction, accounts, proofs, tokensLasting, throttle, audit, notices, now, settings } =
    dependencies;
  const { tryFromNetwork } = createRefusedSignIns(dependencies);
  const { signInWithAppPassword } = createAppPasswordSignIn(dependencies);

  /** One argon2id verification and one check of a code, whatever was sent and whoever was named (CHECKLIST 3.8.7). */
  async function attempt(asked: FallbackRequest): Promise<Attempt> {
    const record = await accounts.findPasswordRecord(asked.login);
    const authenticator = await proofs.findAuthenticator(record?.accountId ?? NOBODY);
    const hasAuthenticator = record === undefined || authenticator !== undefined;
    const read = readCredentials({ hasAuthenticator }, asked);
    const step = await proofs.matchCode(authenticator, read.code);
    const tried = await accounts.tryPassword(record, read.password);
    return { record, tried, authenticator, step, read };
  }

  /**
   * Why a right password is no good here, asked in the transaction that would issue: the operator's setting, the owner's
   * switch, the standing of the account, or that its proofs are not those any more that were looked at.
   */
  async function findHindrance(
    stores: FallbackStores,
    { accountId, passwordHash }: AccountRecord,
    seen: Authenticator | undefined,
  ): Promise<string | undefined> {
    const kept = await stores.proofs.findAuthenticator(accountId, 'active');
    const isOn = (await stores.switches.findSwitches(accountId))?.fallback === true;
    const mayReceive = await accounts.mayReceiveToken(stores, accountId);
    const hash = (await stores.accounts.find(accountId))?.passwordHash;
    if (settings.mode === 'off') return 'door-off';
    if (!kept && settings.mode !== 'all') return 'no-second-factor';
    // No code can stand behind the password where the second factor is a passkey: the password alone opens nothing.
    if (!kept && (await stores.proofs.hasSecondFactor(accountId))) return 'second-factor-is-no-code';
    if (!isOn) return 'switched-off';
    if (!mayReceive) return 'account-not-in-standing';
    const isAsSeen = kept?.authenticatorId === seen?.authenticatorId && hash === passwordHash;
    return isAsSeen ? undefined : 'proofs-changed';
  }

  /** Tells the owner at the address that they proved; at any other, somebody else would read it. */
  async function tell<Name extends 'fallback-used' | 'fallback-wrong-code'>(
    stores: FallbackStores,
    notice: Name,
    { accountId, email, username, language, emailVerifiedAt }: AccountRecord,
    { tool, origin }: FallbackRequest,
    more: Omit<NoticeDetails[Name], keyof NoticeDetails['fallback-used' | 'fallback-wrong-code']>,
  ): Promise<void> {
    if (emailVerifiedAt === undefined) return;
    const common = {
      username,
      tool: wordsOf(tool),
      from: origin.networkAddress,
      at: `${now().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
      helpAddress: `${settings.publicUrl}/help/old-tools`,
    };
    const to = { email, language: language ?? 'en', accountId };
    await notices.tell(stores, notice, to, { ...common, ...more } as NoticeDetails[Name]);
  }

  /** The password was right, and the code was not, or was missing: it counts as a wrong code, and resets nothing. */
  async function missCode(
    stores: FallbackStores,
    record: AccountRecord,
    { read }: Attempt,
    asked: FallbackRequest,
    outcome: 'wrong' | 'locked',
  ): Promise<Settled> {
    // At every door a lock ends what is half done (Keycloak #26180).
    if (outcome === 'locked') await stores.signIns.removeFromStrangers(record.accountId);
    if (await throttle.spendWithin(stores, 'wrong-code-mail-by-account', record.accountId)) {
      const securityAddress = `${settings.publicUrl}/account/security`;
      await tell(stores, 'fallback-wrong-code', record, asked, { securityAddress });
    }
    return { outcome: MISSED_CODE[read.codeCame] };
  }

  async function admit(
    stores: FallbackStores,
    record: AccountRecord,
    isWithCode: boolean,
    asked: FallbackRequest,
  ): Promise<Settled> {
    const { accountId } = record;
    const { identifier, tool: described, origin } = asked;
    const account = presentAccount(record, settings.emailVerification);
    await accounts.forgiveFailures(stores, accountId);
    const household = await stores.households.findStanding(account.subjectId);
    const opened = { account, identifier, tool: cleanDescription(described), isWithCode, household, origin };
    const tool = await tokensLasting.openForFallback(stores, opened);
    const details = { linkedTool: tool.linkedToolId, name: tool.name, isWithCode };
    await audit.record(stores, { event: 'fallback-sign-in', accountId, actor: accountId, origin, details });
    const unlinkAddress = `${settings.publicUrl}/account/tools`;
    await tell(stores, 'fallback-used', record, asked, { unlinkAddress, factors: isWithCode ? 2 : 1 });
    return { outcome: 'issued', account, tool, hasSecondFactor: isWithCode };
  }

  /** One transaction, whatever came of it: what the attempt costs, or all that it gives. */
  async function settle(stores: FallbackStores, made: Attempt, asked: FallbackRequest): Promise<Settled> {
    const { record, tried, authenticator, step } = made;
    const { origin } = asked;
    if (!record || !tried.isRight) {
      // A code beside a wrong password is neither counted nor used up: nothing is said of it.
      await accounts.recordWrongPassword(stores, tried, origin);
      return { outcome: 'refused' };
    }
    await accounts.takeChargeBack(stores, tried);
    const why = await findHindrance(stores, record, authenticator);
    if (why !== undefined) {
      const { accountId } = record;
      const entry = { event: 'fallback-refused', accountId, actor: 'anyone', origin } as const;
      await audit.record(stores, { ...entry, details: { why } });
      return { outcome: 'refused' };
    }
    if (!authenticator) return admit(stores, record, false, asked);
    const recipient = record.emailVerifiedAt && { ...record, language: record.language ?? 'en' };
    const outcome = await proofs.settleCode(stores, authenticator, step, { origin, recipient });
    return outcome === 'right'
      ? admit(stores, record, true, asked)
      : missCode(stores, record, made, asked, outcome);
  }

  /** Settles an attempt; where the store cannot, a right password is not charged. */
  async function settleOnce(made: Attempt, asked: FallbackRequest): Promise<Settled> {
    try {
      return await inTransaction((stores) => settle(stores, made, asked));
    } catch (error) {
      if (made.tried.isRight) {
        await inTransaction((stores) => accounts.takeChargeBack(stores, made.tried)).catch(() => undefined);
      }
      throw error;
    }
  }

  return {
    /** Whether the door is there at all. */
    isOpen: settings.mode !== 'off',

    /**
     * Signs a tool in with what was typed into its password box. `issued`: the token of a new linked tool, for 14 days, and
     * its owner has been told. `code-missing`: the whole password is right, and there was nothing to read as a code.
     * `code-wrong`: the password is right, and the code that came beside it is not. `refused`: everything else, locked and
     * unknown accounts and wrong appended codes among it, after the same work.
     * Refuses `too-many` (this network has failed too often), `service-busy` (then nothing was counted).
     */
    async signInAtFallback(
      asked: FallbackRequest,
    ): Promise<
      ({ readonly outcome: 'issued'; readonly token: string } & Issued) | { readonly outcome: Missed }
    > {
      const signInOnce = async () => {
        // By its form, before anything is split or looked up: what looks like one is never read as anything else.
        const letters = readAppPassword(asked.password);
        const made = letters === undefined ? await attempt(asked) : undefined;
        const settled = made ? await settleOnce(made, asked) : await signInWithAppPassword(asked, letters!);
        if (settled.outcome !== 'issued') return settled;
        const token = await tokensLasting.signLasting(settled.tool);
        if (made) await accounts.rehash(made.tried, made.read.password);
        return { ...settled, token };
      };
      return tryFromNetwork(asked, signInOnce, ({ outcome }) => outcome !== 'issued');
    },
  };
}
