// What the script of a page asks for before a browser looks for a passkey: a challenge for that one form, as JSON. It decides
// nothing; which passkeys will do, and who has to answer, is the domain's. Faults are told in the words that pages have for them.
import { DomainError } from '../../domain/vocabulary.js';
import { noteUnavailable } from '../observe.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { faultOf } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

/** A form of ours that takes a passkey of somebody who is signed in: its path is what the challenge is for. */
const FORM = /^\/[a-z][a-z/-]{0,80}$/;

/** What names a browser that is not signed in: the cookie that its forms are bound to, or the member that it acts for. */
export function browserOf(ctx: PageContext, { cookies }: PagesDependencies['guards']): string {
  const { switched } = ctx.state;
  return switched ? `of a member, ${switched.sessionHash}` : (cookies.read(ctx, 'browser') ?? '');
}

export function createPasskeyOptions({
  signIn,
  accountReset,
  guards,
}: Pick<PagesDependencies, 'signIn' | 'accountReset' | 'guards'>) {
  function askFor(ctx: PageContext, form: string): ReturnType<typeof signIn.askAtSignIn> {
    const { origin } = visitorOf(ctx);
    if (form === '/sign-in/passkey') return signIn.askAtSignIn(browserOf(ctx, guards), origin);
    if (form === '/sign-in/code' || form === '/keep-account')
      return signIn.askAtSecondStep(guards.cookies.read(ctx, 'sign-in') ?? '', origin);
    if (form === '/reset-password') return accountReset.askForPasskey(formOf(ctx).get('token') ?? '', origin);
    if (!FORM.test(form)) throw new DomainError('not-found');
    return signIn.askForProof(signedIn(ctx).session, form, origin);
  }

  return {
    /** Nobody comes here but a script. */
    show: (ctx: PageContext): void => leadTo(ctx, '/'),

    async ask(ctx: PageContext): Promise<void> {
      const { language } = visitorOf(ctx);
      try {
        ctx.body = { publicKey: await askFor(ctx, formOf(ctx).get('for') ?? '') };
      } catch (error) {
        const { status, isFault } = explain(error);
        if (isFault) throw error;
        noteUnavailable(ctx, error);
        const { title, text, retryAfterSeconds } = faultOf(language, error);
        if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds));
        ctx.status = status;
        ctx.body = { fault: { title, text } };
      }
    },
  };
}
