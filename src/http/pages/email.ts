// Another e-mail address: asked for with a fresh proof, and confirmed from the new mailbox by the account's own owner, signed in.
// A visit to the link in the mail changes nothing. What is decided stands in domain/account-email.
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, refusalAnswers } from './errors.js';
import { proofFault, readProof, type AskProof } from './proof-form.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accountEmail' | 'settings'> {
  readonly asking: AskProof;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

export function createEmailPages({ accountEmail, settings, asking, enter, renderer }: Dependencies) {
  async function showForm(ctx: PageContext, extra: object = {}): Promise<void> {
    renderer.show(ctx, 'account/email', {
      title: visitorOf(ctx).language.t('email.title'),
      account: signedIn(ctx).account,
      asks: await asking.askedOf(ctx),
      maySendMail: settings.maySendMail,
      ...extra,
    });
  }

  function emailFault(ctx: PageContext, error: unknown): PageFault | undefined {
    const { language } = visitorOf(ctx);
    if (isRefusal(error, 'account-name-taken')) return formFault(language, 'email', 'email-unchanged');
    const isAbout = isRefusal(error, 'email-invalid') || isRefusal(error, 'too-many');
    return isAbout ? faultOf(language, error, 'email') : undefined;
  }

  const showOver = (ctx: PageContext): void =>
    renderer.showAnswer(ctx, {
      ...refusalAnswers['mail-token-invalid'],
      words: 'email-link-over',
      leadsTo: '/account/email',
    });

  return {
    show: (ctx: PageContext) => showForm(ctx),

    async ask(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const asks = await asking.askedOf(ctx);
      const email = formOf(ctx).get('email');
      const { proof, faults } = readProof(ctx, asks);
      if (!proof || email === undefined) {
        const missing = email === undefined ? [formFault(language, 'email', 'email-missing')] : [];
        return showForm(ctx, { faults: [...missing, ...faults], email });
      }
      try {
        enter(ctx, await accountEmail.askChange(signedIn(ctx).session, { ...proof, email }, origin));
      } catch (error) {
        const fault = emailFault(ctx, error) ?? proofFault(ctx, error, asks);
        if (!fault) throw error;
        return showForm(ctx, { faults: [fault], status: explain(error).status, email });
      }
      leadTo(ctx, '/account/email/sent');
    },

    /** The same page whoever the address belongs to. */
    showSent(ctx: PageContext): void {
      const title = visitorOf(ctx).language.t('email-sent.title');
      renderer.show(ctx, 'account/email-sent', { title, maySendMail: settings.maySendMail });
    },

    /** From the mail: for the owner, signed in; anybody else is asked to sign in first. */
    async showConfirm(ctx: PageContext): Promise<void> {
      const { language, session } = visitorOf(ctx);
      const token = readQuery(ctx).get('token') ?? '';
      const title = language.t('email-confirm.title');
      if (!session) return renderer.show(ctx, 'account/email-sign-in', { title });
      const email = await accountEmail.findChange(session, token);
      if (email === undefined) return showOver(ctx);
      renderer.show(ctx, 'account/email-confirm', { title, email, token });
    },

    async confirm(ctx: PageContext): Promise<void> {
      const token = formOf(ctx).get('token') ?? '';
      try {
        const { session } = signedIn(ctx);
        enter(ctx, await accountEmail.confirmChange(session, token, visitorOf(ctx).origin));
      } catch (error) {
        if (isRefusal(error, 'mail-token-invalid')) return showOver(ctx);
        throw error;
      }
      leadTo(ctx, '/account?notice=email-changed');
    },
  };
}
