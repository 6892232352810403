// Proving an e-mail address: the address in the mail shows a button, and only pressing it proves anything, because
// mail scanners open every address. The pending code comes along, also on another device.
import { isRefusal } from '../../domain/vocabulary.js';
import { readUserCode } from '../../domain/user-code.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, refusalAnswers } from './errors.js';
import { readJourney, type Journeys } from './journey.js';
import type { PendingCodes } from './pending-code.js';
import { faultOf, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accounts' | 'settings'> {
  readonly pendingCodes: PendingCodes;
  readonly journeys: Journeys;
  readonly renderer: Renderer;
}

export function createVerifyEmailPages(dependencies: Dependencies) {
  const { accounts, settings, pendingCodes, journeys, renderer } = dependencies;

  function showWaiting(ctx: PageContext, extra: object = {}): void {
    const { language, account } = visitorOf(ctx);
    const journey = readJourney(readQuery(ctx));
    renderer.show(ctx, 'verify-email-waiting', {
      title: language.t(settings.maySendMail ? 'verify-waiting.title' : 'verify.title'),
      email: account?.email,
      maySendMail: settings.maySendMail,
      reminder: journeys.reminder(ctx, journey),
      ...extra,
    });
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const { language, account } = visitorOf(ctx);
      const token = readQuery(ctx).get('token');
      if (token === undefined) {
        if (!account?.isEmailVerified) return showWaiting(ctx);
        return leadTo(ctx, journeys.destination(ctx, {}));
      }
      const found = await accounts.findVerification(token);
      if (!found) return renderer.showAnswer(ctx, refusalAnswers['mail-token-invalid']);
      renderer.show(ctx, 'verify-email', { title: language.t('verify.title'), ...found, token });
    },

    async submit(ctx: PageContext): Promise<void> {
      const { origin, account } = visitorOf(ctx);
      const token = formOf(ctx).get('token') ?? '';
      const { accountId, userCode } = await accounts.verifyEmail(token, origin, account?.accountId);
      // A code that came by mail was not typed from a screen in this browser, and whoever asked for the mail put it there.
      const isCode = userCode !== undefined && readUserCode(userCode) !== undefined;
      if (isCode && !pendingCodes.find(ctx)) pendingCodes.keep(ctx, { userCode, arrival: 'link', accountId });
      leadTo(
        ctx,
        account?.accountId === accountId
          ? journeys.destination(ctx, isCode ? { broughtCode: userCode } : {})
          : '/sign-in?notice=email-verified',
      );
    },

    async sendAgain(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { account } = signedIn(ctx);
      const userCode = pendingCodes.find(ctx)?.userCode;
      try {
        await accounts.sendVerification(account.accountId, userCode ? { userCode } : {}, origin);
        leadTo(ctx, '/verify-email?notice=mail-sent');
      } catch (error) {
        if (!isRefusal(error, 'too-many')) throw error;
        showWaiting(ctx, { faults: [faultOf(language, error)], status: explain(error).status });
      }
    },
  };
}
