// Signing in with a passkey alone, from the sign-in page: by its button, or from what the browser offers at the name's field. What
// is right, and that it has made sure who holds it, is decided in domain/sign-in-passkey.
import { isRefusal } from '../../domain/vocabulary.js';
import type { PagesDependencies } from './dependencies.js';
import { readJourney } from './journey.js';
import { browserOf } from './passkey-options.js';
import { passkeyOf } from './proof-form.js';
import type { SignInPages } from './sign-in.js';
import { formOf, leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'signIn' | 'guards'> {
  readonly signInPages: Pick<SignInPages, 'finish' | 'goToSecondStep' | 'showFault'>;
}

/** The refusals that the sign-in page shows: every other way in stands there. */
const SHOWN = [
  ...(['passkey-wrong', 'passkey-over', 'passkey-stopped', 'passkey-unverified'] as const),
  ...(['factor-locked', 'too-many', 'sign-in-over'] as const),
];

export function createPasskeySignInPages({ signIn, guards, signInPages }: Dependencies) {
  return {
    /** A visit, or the Back button. */
    show: (ctx: PageContext): void => leadTo(ctx, '/sign-in'),

    async submit(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const journey = readJourney(form);
      const response = passkeyOf(ctx);
      // The button without its script, or a form that somebody else filled in.
      if (response === undefined) return leadTo(ctx, '/sign-in');
      const isRemembered = form.get('remember') !== undefined;
      const browser = browserOf(ctx, guards);
      try {
        const begun = await signIn.signInWithPasskey(
          { response, browser, isRemembered },
          visitorOf(ctx).origin,
        );
        if (begun.next === 'done') return await signInPages.finish(ctx, begun, journey);
        signInPages.goToSecondStep(ctx, begun, journey);
      } catch (error) {
        if (!SHOWN.some((code) => isRefusal(error, code))) throw error;
        signInPages.showFault(ctx, journey, error);
      }
    },
  };
}
