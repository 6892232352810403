// Making an account: by anyone where sign-up is open, and once by the operator through the address in the log.
// What is taken, and what a password must be, is decided in domain/accounts; a taken e-mail gives the same page.
import { isRefusal, type DomainErrorCode } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, refusalAnswers } from './errors.js';
import { journeyQuery, readJourney, type Journey, type Journeys } from './journey.js';
import type { Language } from './language.js';
import type { LeadOnWithPassword } from './password-digits.js';
import type { PendingCodes } from './pending-code.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<
  PagesDependencies,
  'accounts' | 'signIn' | 'settings' | 'accountIdentities'
> {
  readonly pendingCodes: PendingCodes;
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly leadOn: LeadOnWithPassword;
  readonly renderer: Renderer;
}

/** The refusals that stand beside the form, each at its field. */
const FIELDS: Partial<Record<DomainErrorCode, string>> = {
  'account-name-taken': 'username',
  'account-name-invalid': 'username',
  'email-invalid': 'email',
  'password-breaks-rule': 'new_password',
  'too-many': 'email',
  'service-busy': 'email',
};

const PASSWORD_WORDS = ['too-short', 'too-long', 'not-text', 'contains-context', 'too-easy'];

function missingFields(language: Language, form: Form): PageFault[] {
  return ['email', 'username', 'new_password']
    .filter((name) => form.get(name) === undefined)
    .map((name) => formFault(language, name, `${name.replace('_', '-')}-missing`));
}

/** The fault at its field; undefined for what deserves an error page. */
function refusedField(language: Language, error: unknown): PageFault | undefined {
  if (!isRefusal(error)) return undefined;
  const field = FIELDS[error.code];
  if (field === undefined) return undefined;
  const reason = error.publicDetail ?? '';
  return error.code === 'password-breaks-rule' && PASSWORD_WORDS.includes(reason)
    ? formFault(language, field, `password-${reason}`)
    : faultOf(language, error, field);
}

/** The code that came along is kept in the browser by now. */
function signInAddress({ broughtCode: _kept, ...journey }: Journey): string {
  const query = journeyQuery(journey);
  return `/sign-in${query === '' ? '?' : `${query}&`}notice=account-made`;
}

export function createSignUpPages(dependencies: Dependencies) {
  const { accounts, signIn, settings, pendingCodes, journeys, enter, leadOn, renderer } = dependencies;
  const { offers } = dependencies.accountIdentities;

  /** The form again, with what was typed but the password. */
  function typedOf(form: Form) {
    return { email: form.get('email'), username: form.get('username') };
  }

  function readNewAccount(form: Form, language: Language) {
    return {
      email: form.get('email') ?? '',
      username: form.get('username') ?? '',
      password: form.get('new_password') ?? '',
      language: language.tag,
    };
  }

  function showSignUp(ctx: PageContext, journey: Journey, extra: object = {}): void {
    renderer.show(ctx, 'sign-up', {
      title: visitorOf(ctx).language.t('sign-up.title'),
      journey,
      query: journeyQuery(journey),
      reminder: journeys.reminder(ctx, journey),
      maySendMail: settings.maySendMail,
      offers,
      ...extra,
    });
  }

  function showFirstRun(ctx: PageContext, token: string, extra: object = {}): void {
    renderer.show(ctx, 'first-run', { title: visitorOf(ctx).language.t('first-run.title'), token, ...extra });
  }

  async function refuseClosed(): Promise<boolean> {
    return settings.signUp === 'closed' || (await accounts.isFirstRun());
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      if (await refuseClosed()) return renderer.showAnswer(ctx, refusalAnswers['sign-up-closed']);
      showSignUp(ctx, readJourney(readQuery(ctx)));
    },

    async submit(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const faults = missingFields(language, form);
      if (faults.length > 0) return showSignUp(ctx, journey, { faults, ...typedOf(form) });
      journeys.settle(ctx, journey);
      const userCode = journey.broughtCode ?? pendingCodes.find(ctx)?.userCode;
      try {
        const made = { ...readNewAccount(form, language), ...(userCode ? { userCode } : {}) };
        const { next } = await accounts.signUp(made, origin);
        leadOn(
          ctx,
          made.password,
          next === 'check-mail' ? `/verify-email${journeyQuery(journey)}` : signInAddress(journey),
        );
      } catch (error) {
        const fault = refusedField(language, error);
        if (!fault) throw error;
        showSignUp(ctx, journey, { faults: [fault], status: explain(error).status, ...typedOf(form) });
      }
    },

    async showFirstRun(ctx: PageContext): Promise<void> {
      const token = readQuery(ctx).get('token') ?? '';
      if (!(await accounts.isFirstRunToken(token))) {
        return renderer.showAnswer(ctx, refusalAnswers['first-run-over']);
      }
      showFirstRun(ctx, token);
    },

    async submitFirstRun(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const token = form.get('token') ?? '';
      const faults = missingFields(language, form);
      if (faults.length > 0) return showFirstRun(ctx, token, { faults, ...typedOf(form) });
      try {
        const account = await accounts.createOperator({ ...readNewAccount(form, language), token }, origin);
        enter(ctx, await signIn.startSessionFor(account.accountId, origin), account);
        leadOn(ctx, form.get('new_password') ?? '', '/account/security?notice=operator-made');
      } catch (error) {
        const fault = refusedField(language, error);
        if (!fault) throw error;
        showFirstRun(ctx, token, { faults: [fault], status: explain(error).status, ...typedOf(form) });
      }
    },
  };
}
