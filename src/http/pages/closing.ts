// Closing an account, and keeping it after all: by the link in the mail, or by a sign-in that leads here and nowhere else.
// What ends when, and who may keep it, is decided in domain/account-closing.
import { GRACE_DAYS } from '../../domain/account-closing.js';
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, refusalAnswers } from './errors.js';
import { proofFault, readProof } from './proof-form.js';
import { faultOf, formFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accountClosing' | 'proofs' | 'guards' | 'settings'> {
  readonly renderer: Renderer;
}

const FIELDS = { code: 'code', recovery: 'recovery_code' } as const;

export function createClosingPages(dependencies: Dependencies) {
  const { accountClosing, proofs, guards, settings, renderer } = dependencies;
  const { cookies } = guards;

  async function asksOf(ctx: PageContext): Promise<'code' | 'nothing'> {
    return (await proofs.hasSecondFactor(signedIn(ctx).account.accountId)) ? 'code' : 'nothing';
  }

  async function showForm(ctx: PageContext, extra: object = {}): Promise<void> {
    const { account } = signedIn(ctx);
    renderer.show(ctx, 'account/close', {
      title: visitorOf(ctx).language.t('close.title'),
      asks: await asksOf(ctx),
      days: GRACE_DAYS,
      isMailed: account.isEmailVerified && settings.maySendMail,
      ...extra,
    });
  }

  const showOver = (ctx: PageContext): void =>
    renderer.showAnswer(ctx, { ...refusalAnswers['mail-token-invalid'], words: 'keep-link-over' });

  /** With the token of the mail, or the half-done sign-in of this browser. */
  async function showKeep(
    ctx: PageContext,
    token: string | undefined,
    kind: 'code' | 'recovery',
    extra: object = {},
  ): Promise<void> {
    const found =
      token === undefined
        ? await accountClosing.findReturning(cookies.read(ctx, 'sign-in') ?? '')
        : await accountClosing.findKeepable(token);
    if (!found) return showOver(ctx);
    const asks = token === undefined && found.hasSecondFactor ? kind : 'nothing';
    const title = visitorOf(ctx).language.t('keep.title');
    renderer.show(ctx, 'keep-account', { title, ...found, token, asks, ...extra });
  }

  async function keepBySignIn(ctx: PageContext, kind: 'code' | 'recovery'): Promise<void> {
    const { language, origin } = visitorOf(ctx);
    const signInToken = cookies.read(ctx, 'sign-in') ?? '';
    const typed = formOf(ctx).get(FIELDS[kind]);
    const found = await accountClosing.findReturning(signInToken);
    if (found?.hasSecondFactor && typed === undefined) {
      return showKeep(ctx, undefined, kind, { faults: [formFault(language, FIELDS[kind], 'code-missing')] });
    }
    try {
      const factor = kind === 'recovery' ? { recoveryCode: typed } : { code: typed };
      await accountClosing.keepBySignIn(signInToken, factor, origin);
    } catch (error) {
      if (isRefusal(error, 'sign-in-over') || isRefusal(error, 'factor-locked')) {
        cookies.clear(ctx, 'sign-in');
        throw error;
      }
      if (!isRefusal(error, 'code-wrong') && !isRefusal(error, 'service-busy')) throw error;
      const faults = [faultOf(language, error, FIELDS[kind])];
      return showKeep(ctx, undefined, kind, { faults, status: explain(error).status });
    }
    cookies.clear(ctx, 'sign-in');
    leadTo(ctx, '/sign-in?notice=account-kept');
  }

  return {
    show: (ctx: PageContext) => showForm(ctx),

    async close(ctx: PageContext): Promise<void> {
      const asks = await asksOf(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showForm(ctx, { faults });
      try {
        await accountClosing.closeAccount(signedIn(ctx).session, proof, visitorOf(ctx).origin);
      } catch (error) {
        const fault = proofFault(ctx, error, asks);
        if (!fault) throw error;
        return showForm(ctx, { faults: [fault], status: explain(error).status });
      }
      guards.forgetSession(ctx);
      cookies.clear(ctx, 'pending');
      leadTo(ctx, '/account/closed');
    },

    /** After it, for whoever looks: it says nothing of any account. */
    showClosed(ctx: PageContext): void {
      const title = visitorOf(ctx).language.t('closed.title');
      renderer.show(ctx, 'account-closed', { title, days: GRACE_DAYS });
    },

    async showKeep(ctx: PageContext): Promise<void> {
      const query = readQuery(ctx);
      await showKeep(ctx, query.get('token'), query.get('with') === 'recovery' ? 'recovery' : 'code');
    },

    async keep(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const token = form.get('token');
      if (token === undefined)
        return keepBySignIn(ctx, form.get('with') === 'recovery' ? 'recovery' : 'code');
      try {
        await accountClosing.keepByMail(token, visitorOf(ctx).origin);
      } catch (error) {
        if (isRefusal(error, 'mail-token-invalid') || isRefusal(error, 'sign-in-over')) return showOver(ctx);
        throw error;
      }
      leadTo(ctx, '/sign-in?notice=account-kept');
    },
  };
}
