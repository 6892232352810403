// Changing the password: the new one, with the current one and a code in the same form; and the page after it, which asks about
// the linked tools. Setting the first one: password-first.ts. What it takes and what it ends is decided in domain/account-password.
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import type { LeadOnWithPassword } from './password-digits.js';
import { newPasswordFault } from './password-fault.js';
import type { FirstPasswordPages } from './password-first.js';
import { proofFault, readProof, type AskProof } from './proof-form.js';
import { formFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accountPassword' | 'linkedTools'> {
  readonly asking: AskProof;
  readonly enter: Entrance;
  readonly leadOn: LeadOnWithPassword;
  readonly first: FirstPasswordPages;
  readonly renderer: Renderer;
}

export function createPasswordPages(dependencies: Dependencies) {
  const { accountPassword, asking, linkedTools, enter, leadOn, first, renderer } = dependencies;

  async function showForm(ctx: PageContext, extra: object = {}): Promise<void> {
    renderer.show(ctx, 'account/password', {
      title: visitorOf(ctx).language.t('password.title'),
      asks: await asking.askedOf(ctx),
      ...extra,
    });
  }

  return {
    show: (ctx: PageContext) => (signedIn(ctx).account.hasPassword ? showForm(ctx) : first.show(ctx)),

    async change(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { session, account } = signedIn(ctx);
      if (!account.hasPassword) return first.set(ctx);
      const asks = await asking.askedOf(ctx);
      const hasSecondFactor = asks.factor !== 'nothing';
      const newPassword = formOf(ctx).get('new_password');
      const { proof, faults } = readProof(ctx, asks);
      if (!proof || newPassword === undefined) {
        const missing =
          newPassword === undefined ? [formFault(language, 'new_password', 'new-password-missing')] : [];
        return showForm(ctx, { faults: [...faults, ...missing] });
      }
      try {
        enter(ctx, await accountPassword.changePassword(session, { ...proof, newPassword }, origin));
      } catch (error) {
        const fault = newPasswordFault(language, error, hasSecondFactor) ?? proofFault(ctx, error, asks);
        if (!fault) throw error;
        return showForm(ctx, { faults: [fault], status: explain(error).status });
      }
      const tools = await linkedTools.listLinkedTools(account.accountId);
      const next = tools.length > 0 ? '/account/password/tools' : '/account?notice=password-changed';
      leadOn(ctx, newPassword, next);
    },

    /** "Unlink the tools too?": they are signed in without the password, and stay so unless their owner says otherwise. */
    async askTools(ctx: PageContext): Promise<void> {
      const tools = await linkedTools.listLinkedTools(signedIn(ctx).account.accountId);
      if (tools.length === 0) return leadTo(ctx, '/account');
      const title = visitorOf(ctx).language.t('password-tools.title');
      renderer.show(ctx, 'account/password-tools', { title, tools });
    },
  };
}
