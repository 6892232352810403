// Closing an account, and keeping it after all: by the link in the mail, or by a sign-in that leads here and nowhere else.
// What ends when, and who may keep it, is decided in domain/account-closing.
import { GRACE_DAYS, type Closed } from '../../domain/account-closing.js';
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, refusalAnswers } from './errors.js';
import {
  passkeyFault,
  passkeyOf,
  proofFault,
  readProof,
  type AskedFactor,
  type AskProof,
} from './proof-form.js';
import { faultOf, formFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accountClosing' | 'guards' | 'settings'> {
  readonly asking: AskProof;
  readonly renderer: Renderer;
}

const FIELDS = { code: 'code', recovery: 'recovery_code', passkey: 'passkey' } as const;

type Kind = 'code' | 'recovery';

export function createClosingPages(dependencies: Dependencies) {
  const { accountClosing, asking, guards, settings, renderer } = dependencies;
  const { cookies } = guards;

  async function showForm(ctx: PageContext, extra: object = {}): Promise<void> {
    const { account } = signedIn(ctx);
    renderer.show(ctx, 'account/close', {
      title: visitorOf(ctx).language.t('close.title'),
      asks: await asking.askedOf(ctx),
      days: GRACE_DAYS,
      isMailed: account.isEmailVerified && settings.maySendMail,
      ...extra,
    });
  }

  const showOver = (ctx: PageContext): void =>
    renderer.showAnswer(ctx, { ...refusalAnswers['mail-token-invalid'], words: 'keep-link-over' });

  /** What the second step of a half-done sign-in asks for; by the mail there is none. */
  async function askedFor(
    { accountId, hasSecondFactor }: Closed,
    token: string | undefined,
    kind: Kind,
  ): Promise<{ asks: AskedFactor; mayUsePasskey: boolean }> {
    if (token !== undefined || !hasSecondFactor) return { asks: 'nothing', mayUsePasskey: false };
    const { factor, mayUsePasskey } = await asking.factorsOf(accountId);
    return { asks: kind === 'recovery' ? kind : factor, mayUsePasskey };
  }

  /** With the token of the mail, or the half-done sign-in of this browser. */
  async function showKeep(
    ctx: PageContext,
    token: string | undefined,
    kind: Kind,
    extra: object = {},
  ): Promise<void> {
    const found =
      token === undefined
        ? await accountClosing.findReturning(cookies.read(ctx, 'sign-in') ?? '')
        : await accountClosing.findKeepable(token);
    if (!found) return showOver(ctx);
    const asks = await askedFor(found, token, kind);
    const title = visitorOf(ctx).language.t('keep.title');
    renderer.show(ctx, 'keep-account', { title, ...found, token, ...asks, ...extra });
  }

  async function keepBySignIn(ctx: PageContext, asked: Kind): Promise<void> {
    const { language, origin } = visitorOf(ctx);
    const signInToken = cookies.read(ctx, 'sign-in') ?? '';
    const kind = passkeyOf(ctx) === undefined ? asked : 'passkey';
    const typed = formOf(ctx).get(FIELDS[kind]);
    const found = await accountClosing.findReturning(signInToken);
    if (found?.hasSecondFactor && typed === undefined) {
      return showKeep(ctx, undefined, asked, { faults: [formFault(language, FIELDS[kind], 'code-missing')] });
    }
    try {
      const factors = {
        code: { code: typed },
        recovery: { recoveryCode: typed },
        passkey: { passkey: typed },
      };
      const factor = factors[kind];
      await accountClosing.keepBySignIn(signInToken, factor, origin);
    } catch (error) {
      if (isRefusal(error, 'sign-in-over') || isRefusal(error, 'factor-locked')) {
        cookies.clear(ctx, 'sign-in');
        throw error;
      }
      const isShown = isRefusal(error, 'code-wrong') || isRefusal(error, 'service-busy');
      const fault = isShown ? faultOf(language, error, FIELDS[kind]) : passkeyFault(ctx, error);
      if (!fault) throw error;
      const faults = [fault];
      return showKeep(ctx, undefined, asked, { faults, status: explain(error).status });
    }
    cookies.clear(ctx, 'sign-in');
    leadTo(ctx, '/sign-in?notice=account-kept');
  }

  return {
    show: (ctx: PageContext) => showForm(ctx),

    async close(ctx: PageContext): Promise<void> {
      const asks = await asking.askedOf(ctx);
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
