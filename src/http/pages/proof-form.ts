// The proof that stands beside a change: the password, and a code where the account has a second factor, or a recovery code
// where one may stand in. Read from the form of the change itself; what it is worth is decided in domain/sign-in.
import type { ChangeProof } from '../../domain/sign-in-fresh-proof.js';
import { isRefusal } from '../../domain/vocabulary.js';
import type { Language } from './language.js';
import { faultOf, formFault, type PageFault } from './render.js';
import { formOf, visitorOf, type PageContext } from './visitor.js';

/** What the form asks for beside the password. */
export type AskedFactor = 'nothing' | 'code' | 'recovery';

/** `views/parts/proof.ejs` shows the fields. */
const FIELDS = { code: 'code', recovery: 'recovery_code' } as const;

/** What is locked, in the words of a form that stands beside the other way. */
const LOCKED = { nothing: 'code-locked', code: 'code-locked', recovery: 'recovery-locked' } as const;

/** What was typed; without a proof, `faults` says what is missing. */
export function readProof(
  ctx: PageContext,
  asks: AskedFactor,
): { readonly proof?: ChangeProof; readonly faults: readonly PageFault[] } {
  const { language } = visitorOf(ctx);
  const form = formOf(ctx);
  const password = form.get('password');
  const field = asks === 'nothing' ? undefined : FIELDS[asks];
  const factor = field && form.get(field);
  const isFactorMissing = field !== undefined && factor === undefined;
  if (password !== undefined && !isFactorMissing) {
    const proved = asks === 'recovery' ? { recoveryCode: factor } : { code: factor };
    return { proof: { password, ...proved }, faults: [] };
  }
  return {
    faults: [
      ...(password === undefined ? [formFault(language, 'password', 'password-missing')] : []),
      ...(isFactorMissing ? [formFault(language, field, 'code-missing')] : []),
    ],
  };
}

/** A wrong code at its field: for the next six digits one waits, and of recovery codes one takes another. */
export function codeFault(language: Language, error: unknown, field: string): PageFault {
  const isRecovery = field === FIELDS.recovery && isRefusal(error, 'code-wrong');
  return isRecovery ? formFault(language, field, 'recovery-wrong') : faultOf(language, error, field);
}

/** A refusal of the proof, at its field; undefined for what is none. */
export function proofFault(ctx: PageContext, error: unknown, asks: AskedFactor): PageFault | undefined {
  const { language } = visitorOf(ctx);
  const field = asks === 'nothing' ? 'password' : FIELDS[asks];
  if (isRefusal(error, 'credentials-wrong')) return formFault(language, 'password', 'password-wrong');
  if (isRefusal(error, 'service-busy')) return faultOf(language, error, 'password');
  if (isRefusal(error, 'code-wrong')) return codeFault(language, error, field);
  return isRefusal(error, 'factor-locked') ? formFault(language, field, LOCKED[asks]) : undefined;
}
