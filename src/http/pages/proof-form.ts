// The proof that stands beside a change: the password, and a code, a recovery code or a passkey where the account has a second
// factor; or a passkey instead of it all. Read from the form of the change itself; what it is worth is decided in domain/sign-in.
import type { ChangeProof } from '../../domain/sign-in-fresh-proof.js';
import { isRefusal, type AccountId } from '../../domain/vocabulary.js';
import type { PagesDependencies } from './dependencies.js';
import type { Language } from './language.js';
import { faultOf, formFault, type PageFault } from './render.js';
import { formOf, signedIn, visitorOf, type PageContext } from './visitor.js';

/** What the form asks for beside the password. `passkey`: the account has no other second factor. */
export type AskedFactor = 'nothing' | 'code' | 'recovery' | 'passkey';

/** What a form asks for; `views/parts/proof.ejs` shows it. */
export interface AskedProof {
  /** False where there is none, or where it has been given. */
  readonly password: boolean;
  readonly factor: AskedFactor;
  /** Whether one of the account's passkeys may take the place of all that. */
  readonly mayUsePasskey: boolean;
}

export type AskProof = ReturnType<typeof createAskedProofs>;

/** The fields of a second factor that is typed. */
const FIELDS = { code: 'code', recovery: 'recovery_code', passkey: 'passkey' } as const;

/** What is locked, in the words of a form that stands beside the other ways. */
const LOCKED = {
  nothing: 'code-locked',
  code: 'code-locked',
  recovery: 'recovery-locked',
  passkey: 'passkey-locked',
} as const;

/** The refusals of a passkey that stand beside the form. */
const PASSKEY_REFUSALS = ['passkey-wrong', 'passkey-over', 'passkey-stopped', 'passkey-unverified'] as const;

export function createAskedProofs({ proofs, passkeys }: Pick<PagesDependencies, 'proofs' | 'passkeys'>) {
  /** Which second factor an account is asked for: what is typed before what is held to a reader. */
  async function factorsOf(accountId: AccountId): Promise<Omit<AskedProof, 'password'>> {
    const mayUsePasskey = passkeys.hindrance === undefined && (await passkeys.hasPasskey(accountId));
    if (await proofs.hasAuthenticator(accountId)) return { factor: 'code', mayUsePasskey };
    return { factor: (await proofs.hasSecondFactor(accountId)) ? 'passkey' : 'nothing', mayUsePasskey };
  }

  return {
    factorsOf,

    /** What a change by whoever is signed in asks for. `withRecovery`: a recovery code stands in, for what is lost. */
    async askedOf(ctx: PageContext, { withRecovery = false } = {}): Promise<AskedProof> {
      const { accountId, hasPassword } = signedIn(ctx).account;
      const { factor, mayUsePasskey } = await factorsOf(accountId);
      const isStoodIn = withRecovery && factor !== 'nothing';
      return { password: hasPassword, factor: isStoodIn ? 'recovery' : factor, mayUsePasskey };
    },
  };
}

/** What the browser sent of a passkey; undefined for none. */
export const passkeyOf = (ctx: PageContext): string | undefined => formOf(ctx).get('passkey');

/** What was typed; without a proof, `faults` says what is missing. */
export function readProof(
  ctx: PageContext,
  { password: asksPassword, factor: asks }: Pick<AskedProof, 'password' | 'factor'>,
): { readonly proof?: ChangeProof; readonly faults: readonly PageFault[] } {
  const { language } = visitorOf(ctx);
  const form = formOf(ctx);
  const password = form.get('password');
  const response = passkeyOf(ctx);
  // The challenge was made for this very form.
  if (response !== undefined)
    return { proof: { password, passkey: { response, purpose: ctx.path } }, faults: [] };
  const field = asks === 'nothing' ? undefined : FIELDS[asks];
  const factor = field && form.get(field);
  const isPasswordMissing = asksPassword && password === undefined;
  const isFactorMissing = field !== undefined && factor === undefined;
  if (!isPasswordMissing && !isFactorMissing) {
    const proved = asks === 'recovery' ? { recoveryCode: factor } : { code: factor };
    return { proof: { password, ...proved }, faults: [] };
  }
  const missing = asks === 'passkey' ? 'passkey-missing' : 'code-missing';
  return {
    faults: [
      ...(isPasswordMissing ? [formFault(language, 'password', 'password-missing')] : []),
      ...(isFactorMissing ? [formFault(language, field, missing)] : []),
    ],
  };
}

/** A wrong code at its field: for the next six digits one waits, and of recovery codes one takes another. */
export function codeFault(language: Language, error: unknown, field: string): PageFault {
  const isRecovery = field === FIELDS.recovery && isRefusal(error, 'code-wrong');
  return isRecovery ? formFault(language, field, 'recovery-wrong') : faultOf(language, error, field);
}

/** A refusal of a passkey, at its button or at what is missing beside it; undefined for what is none. */
export function passkeyFault(ctx: PageContext, error: unknown): PageFault | undefined {
  const { language } = visitorOf(ctx);
  if (!PASSKEY_REFUSALS.some((code) => isRefusal(error, code))) return undefined;
  return isRefusal(error, 'passkey-unverified')
    ? formFault(language, 'password', 'passkey-unverified')
    : faultOf(language, error, 'passkey');
}

/** A refusal of the proof, at its field; undefined for what is none. */
export function proofFault(
  ctx: PageContext,
  error: unknown,
  { factor: asks }: Pick<AskedProof, 'factor'>,
): PageFault | undefined {
  const { language } = visitorOf(ctx);
  const shown = passkeyOf(ctx) === undefined ? asks : 'passkey';
  const field = shown === 'nothing' ? 'password' : FIELDS[shown];
  if (isRefusal(error, 'credentials-wrong')) return formFault(language, 'password', 'password-wrong');
  if (isRefusal(error, 'service-busy')) return faultOf(language, error, 'password');
  if (isRefusal(error, 'code-wrong')) return codeFault(language, error, field);
  if (isRefusal(error, 'factor-locked')) return formFault(language, field, LOCKED[shown]);
  return passkeyFault(ctx, error);
}
