// Changing the password: the new one, with the current one and a code in the same form; and the page after it, which asks about
// the linked tools. What it takes and what it ends is decided in domain/account-password.
import { isRefusal } from '../../domain/vocabulary.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import type { Language } from './language.js';
import type { LeadOnWithPassword } from './password-digits.js';
import { proofFault, readProof } from './proof-form.js';
import { formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accountPassword' | 'proofs' | 'linkedTools'> {
  readonly enter: Entrance;
  readonly leadOn: LeadOnWithPassword;
  readonly renderer: Renderer;
}

const RULE_WORDS = ['too-long', 'not-text', 'contains-context', 'too-easy'];

/** What is wrong with a new password, at its field; undefined for a refusal of something else. */
export function newPasswordFault(
  language: Language,
  error: unknown,
  hasSecondFactor: boolean,
): PageFault | undefined {
  if (!isRefusal(error, 'password-breaks-rule')) return undefined;
  const reason = error.publicDetail ?? '';
  const short = hasSecondFactor ? 'too-short-beside' : 'too-short';
  return formFault(language, 'new_password', `password-${RULE_WORDS.includes(reason) ? reason : short}`);
}

export function createPasswordPages(dependencies: Dependencies) {
  const { accountPassword, proofs, linkedTools, enter, leadOn, renderer } = dependencies;

  const hasFactor = (ctx: PageContext) => proofs.hasSecondFactor(signedIn(ctx).account.accountId);

  async function showForm(ctx: PageContext, extra: object = {}): Promise<void> {
    renderer.show(ctx, 'account/password', {
      title: visitorOf(ctx).language.t('password.title'),
      asks: (await hasFactor(ctx)) ? 'code' : 'nothing',
      ...extra,
    });
  }

  return {
    show: (ctx: PageContext) => showForm(ctx),

    async change(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { session, account } = signedIn(ctx);
      const hasSecondFactor = await hasFactor(ctx);
      const asks = hasSecondFactor ? 'code' : 'nothing';
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
