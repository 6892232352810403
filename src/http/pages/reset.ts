// A forgotten password: asking for a link by mail, one page whoever asks; and choosing a new one with it. A visit to the link
// changes nothing, because mail scanners open every address. What a link is worth is decided in domain/account-reset.
import { isRefusal } from '../../domain/vocabulary.js';
import { readUserCode } from '../../domain/user-code.js';
import { readQuery, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, refusalAnswers } from './errors.js';
import { journeyQuery, readJourney, type Journey, type Journeys } from './journey.js';
import { newPasswordFault } from './password-fault.js';
import type { LeadOnWithPassword } from './password-digits.js';
import type { PendingCodes } from './pending-code.js';
import { passkeyFault, passkeyOf, type AskProof } from './proof-form.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accountReset' | 'settings'> {
  readonly asking: AskProof;
  readonly pendingCodes: PendingCodes;
  readonly journeys: Journeys;
  readonly leadOn: LeadOnWithPassword;
  readonly renderer: Renderer;
}

/** `recovery`: in the place of the six digits. */
type With = 'code' | 'recovery';
const FIELDS = { code: 'code', recovery: 'recovery_code', passkey: 'passkey' } as const;
const LOCKED = { code: 'code-locked', recovery: 'recovery-locked', passkey: 'passkey-locked' } as const;

interface ResetForm {
  readonly token: string;
  readonly kind: With;
  /** Where to go on after signing in with the new password. */
  readonly journey: Journey;
}

/** From the address in the mail, or from the form that it led to. */
function readResetForm(fields: Form): ResetForm {
  const { place } = readJourney(fields);
  const kind = fields.get('with') === 'recovery' ? 'recovery' : 'code';
  return { token: fields.get('token') ?? '', kind, journey: place === 'pin-reset' ? { place } : {} };
}

export function createResetPages(dependencies: Dependencies) {
  const { accountReset, settings, asking, pendingCodes, journeys, leadOn, renderer } = dependencies;

  function showForgot(ctx: PageContext, journey: Journey, extra: object = {}): void {
    renderer.show(ctx, 'forgot-password', {
      title: visitorOf(ctx).language.t('forgot.title'),
      journey,
      query: journeyQuery(journey),
      reminder: journeys.reminder(ctx, journey),
      maySendMail: settings.maySendMail,
      ...extra,
    });
  }

  /** The form for the new password; for a link that is good for nothing, the page that says so. */
  async function showReset(
    ctx: PageContext,
    { token, kind, journey }: ResetForm,
    extra: object = {},
  ): Promise<void> {
    const found = await accountReset.findReset(token);
    if (!found) return renderer.showAnswer(ctx, { ...refusalAnswers['mail-token-invalid'], ...RESET_OVER });
    const { factor, mayUsePasskey } = await asking.factorsOf(found.accountId);
    renderer.show(ctx, 'reset-password', {
      title: visitorOf(ctx).language.t('reset.title'),
      ...found,
      token,
      journey,
      query: journeyQuery(journey).replace('?', '&'),
      asks: kind === 'recovery' && factor !== 'nothing' ? kind : factor,
      mayUsePasskey,
      ...extra,
    });
  }

  /** The refusals that stand beside the form, each at its field. */
  function refused(
    ctx: PageContext,
    error: unknown,
    kind: keyof typeof FIELDS,
    hasFactor: boolean,
  ): PageFault | undefined {
    const { language } = visitorOf(ctx);
    if (isRefusal(error, 'service-busy')) return faultOf(language, error, 'new_password');
    if (isRefusal(error, 'code-wrong') || isRefusal(error, 'too-many')) {
      return faultOf(language, error, FIELDS[kind]);
    }
    if (isRefusal(error, 'factor-locked')) return formFault(language, FIELDS[kind], LOCKED[kind]);
    return passkeyFault(ctx, error) ?? newPasswordFault(language, error, hasFactor);
  }

  /** Goes on to the sign-in, with the code that waited where the mail was asked for. */
  function leadToSignIn(
    ctx: PageContext,
    { accountId, userCode }: Awaited<ReturnType<typeof accountReset.resetPassword>>,
    newPassword: string,
    journey: Journey,
  ): void {
    const isCode = userCode !== undefined && readUserCode(userCode) !== undefined;
    if (isCode && !pendingCodes.find(ctx)) pendingCodes.keep(ctx, { userCode, arrival: 'link', accountId });
    const query = new URLSearchParams({
      notice: 'password-reset',
      ...(journey.place ? { next: journey.place } : {}),
    });
    leadOn(ctx, newPassword, `/sign-in?${query.toString()}`);
  }

  return {
    showForgot: (ctx: PageContext) => showForgot(ctx, readJourney(readQuery(ctx))),

    async ask(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const login = form.get('login');
      if (login === undefined) {
        return showForgot(ctx, journey, { faults: [formFault(language, 'login', 'login-missing')] });
      }
      journeys.settle(ctx, journey);
      const userCode = journey.broughtCode ?? pendingCodes.find(ctx)?.userCode;
      try {
        const leadsOnTo = journey.place === 'pin-reset' ? journey.place : undefined;
        await accountReset.askReset(login, { userCode, leadsOnTo }, origin);
      } catch (error) {
        if (!isRefusal(error, 'too-many')) throw error;
        const faults = [faultOf(language, error, 'login')];
        return showForgot(ctx, journey, { faults, status: explain(error).status, login });
      }
      leadTo(ctx, `/forgot-password/sent${journeyQuery(journey)}`);
    },

    /** The same page whoever was asked for. */
    showSent(ctx: PageContext): void {
      const journey = readJourney(readQuery(ctx));
      renderer.show(ctx, 'forgot-password-sent', {
        title: visitorOf(ctx).language.t('forgot-sent.title'),
        query: journeyQuery(journey),
        reminder: journeys.reminder(ctx, journey),
        maySendMail: settings.maySendMail,
      });
    },

    async show(ctx: PageContext): Promise<void> {
      const query = readQuery(ctx);
      await showReset(ctx, readResetForm(query));
    },

    async reset(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const asked = readResetForm(form);
      const { token, journey } = asked;
      const kind = passkeyOf(ctx) === undefined ? asked.kind : 'passkey';
      const newPassword = form.get('new_password');
      const typed = form.get(FIELDS[kind]);
      const found = await accountReset.findReset(token);
      const faults = [
        ...(newPassword === undefined ? [formFault(language, 'new_password', 'new-password-missing')] : []),
        ...(found?.hasSecondFactor && typed === undefined
          ? [formFault(language, FIELDS[kind], 'code-missing')]
          : []),
      ];
      if (!found || newPassword === undefined || faults.length > 0) {
        return showReset(ctx, asked, { faults });
      }
      try {
        const factors = {
          code: { code: typed },
          recovery: { recoveryCode: typed },
          passkey: { passkey: typed },
        };
        const factor = factors[kind];
        const done = await accountReset.resetPassword({ token, newPassword, ...factor }, origin);
        leadToSignIn(ctx, done, newPassword, journey);
      } catch (error) {
        if (isRefusal(error, 'mail-token-invalid')) return showReset(ctx, { ...asked, token: '' });
        const fault = refused(ctx, error, kind, found.hasSecondFactor);
        if (!fault) throw error;
        await showReset(ctx, asked, { faults: [fault], status: explain(error).status });
      }
    },
  };
}

/** One page for a link that was used, superseded, has expired or never was: what to do, and where. */
const RESET_OVER = { words: 'reset-link-over', leadsTo: '/forgot-password' } as const;
