// Signing in and out: login and password, then the six digits or a recovery code, one question a page.
// What a right answer is worth is decided in domain/sign-in; between the two steps there is no session.
import { FEW_CODES } from '../../domain/recovery-codes.js';
import { DomainError, isRefusal, type DomainErrorCode } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { IssuedSession } from '../../domain/sessions.js';
import type { CodeEntry } from './code-entry.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import {
  isForOneThing,
  journeyQuery,
  readJourney,
  withRecovery,
  type Journey,
  type Journeys,
} from './journey.js';
import { codeFault, passkeyFault, passkeyOf, type AskProof } from './proof-form.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

const HALF_DONE_SECONDS = 600;

export type SignInPages = ReturnType<typeof createSignInPages>;

interface Dependencies extends Pick<
  PagesDependencies,
  | 'signIn'
  | 'proofs'
  | 'passkeys'
  | 'sessions'
  | 'switchedSessions'
  | 'settings'
  | 'accounts'
  | 'accountIdentities'
  | 'guards'
> {
  readonly asking: AskProof;
  readonly codeEntry: CodeEntry;
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

/** The refusals that a form shows beside itself; any other becomes an error page. */
function isAnyOf(error: unknown, codes: readonly DomainErrorCode[]): boolean {
  return codes.some((code) => isRefusal(error, code));
}

export function createSignInPages(dependencies: Dependencies) {
  const { signIn, proofs, sessions, switchedSessions, settings, accounts, guards } = dependencies;
  const { codeEntry, journeys, enter, renderer, asking, passkeys, accountIdentities } = dependencies;
  const { cookies } = guards;

  function showSignIn(ctx: PageContext, journey: Journey, extra: object = {}): void {
    renderer.show(ctx, 'sign-in/password', {
      title: visitorOf(ctx).language.t('sign-in.title'),
      journey,
      query: journeyQuery(journey),
      reminder: journeys.reminder(ctx, journey),
      maySignUp: settings.signUp === 'open',
      rememberDays: sessions.rememberDays,
      offers: accountIdentities.offers,
      mayUsePasskeys: passkeys.hindrance === undefined,
      ...extra,
    });
  }

  async function showSecondStep(
    ctx: PageContext,
    view: 'code' | 'recovery',
    journey: Journey,
    extra: object = {},
  ): Promise<void> {
    const { language } = visitorOf(ctx);
    const halfDone = await signIn.findSignIn(cookies.read(ctx, 'sign-in') ?? '');
    if (!halfDone) return showOver(ctx, journey);
    const { factor, mayUsePasskey } = await asking.factorsOf(halfDone.accountId);
    const codeTitle = factor === 'passkey' ? 'sign-in-code.title-passkey' : 'sign-in-code.title';
    renderer.show(ctx, `sign-in/${view}`, {
      title: language.t(view === 'code' ? codeTitle : 'sign-in-recovery.title'),
      username: halfDone.username,
      hasCodes: factor === 'code',
      mayUsePasskey,
      journey,
      query: journeyQuery(journey),
      ...extra,
    });
  }

  /** The half-done sign-in has ended: the way on is to start again. */
  function showOver(
    ctx: PageContext,
    journey: Journey,
    error: unknown = new DomainError('sign-in-over'),
  ): void {
    cookies.clear(ctx, 'sign-in');
    showSignIn(ctx, journey, { faults: [faultOf(visitorOf(ctx).language, error)], status: 403 });
  }

  /** Whatever the browser is signed in to, or acts for, is over. */
  async function endPresent(ctx: PageContext): Promise<void> {
    const { session, switched, origin } = visitorOf(ctx);
    if (session) await signIn.signOut(session, origin);
    if (switched) await switchedSessions.endSwitched(switched.session, origin);
  }

  /** After a second factor: whether it is time to make new recovery codes. */
  async function areCodesFew({ session }: IssuedSession): Promise<boolean> {
    const { proofMethods } = session;
    const isWithFactor = proofMethods.includes('otp') || proofMethods.includes('pop');
    return isWithFactor && (await proofs.countRecoveryCodes(session.accountId)) <= FEW_CODES;
  }

  async function finish(
    ctx: PageContext,
    issued: IssuedSession,
    journey: Journey,
    address?: string,
  ): Promise<void> {
    cookies.clear(ctx, 'sign-in');
    // The browser holds one session: nobody could end one that it has forgotten.
    await endPresent(ctx);
    enter(ctx, issued, await accounts.findAccount(issued.session.accountId));
    journeys.settle(ctx, journey);
    if (address !== undefined) return leadTo(ctx, address);
    const mayGoOn = journey.broughtCode === undefined && !isForOneThing(journey);
    const goesOn = mayGoOn && (await codeEntry.resume(ctx));
    const goingOn: Journey = goesOn ? { ...journey, place: 'review' } : journey;
    if (await areCodesFew(issued)) return leadTo(ctx, `/sign-in/few-codes${journeyQuery(goingOn)}`);
    leadTo(ctx, journeys.destination(ctx, goingOn));
  }

  /** After a right first proof that is not enough; a closed account: its owner may keep it there, and nothing else. */
  function goToSecondStep(
    ctx: PageContext,
    begun: { readonly next: 'second-factor' | 'keep-account'; readonly signInToken: string },
    journey: Journey,
  ): void {
    cookies.write(ctx, 'sign-in', begun.signInToken, HALF_DONE_SECONDS);
    journeys.settle(ctx, journey);
    const step = begun.next === 'keep-account' ? '/keep-account' : '/sign-in/code';
    leadTo(ctx, `${step}${journeyQuery(journey)}`);
  }

  function missingFields(ctx: PageContext, form: Form): PageFault[] {
    const { language } = visitorOf(ctx);
    return ['login', 'password']
      .filter((name) => form.get(name) === undefined)
      .map((name) => formFault(language, name, `${name}-missing`));
  }

  async function submitSecondStep(
    ctx: PageContext,
    view: 'code' | 'recovery',
    field: 'code' | 'recovery_code' | 'passkey',
    prove: (token: string, typed: string, journey: Journey) => Promise<void>,
  ): Promise<void> {
    const { language } = visitorOf(ctx);
    const form = formOf(ctx);
    const journey = readJourney(form);
    const typed = form.get(field);
    if (typed === undefined) {
      return showSecondStep(ctx, view, journey, { faults: [formFault(language, field, 'code-missing')] });
    }
    try {
      await prove(cookies.read(ctx, 'sign-in') ?? '', typed, journey);
    } catch (error) {
      // A lock ends the half-done sign-in too: the way on is a new one, with the other factor.
      if (isAnyOf(error, ['sign-in-over', 'factor-locked'])) return showOver(ctx, journey, error);
      const isOfCode = isAnyOf(error, ['code-wrong', 'too-many']);
      const fault = isOfCode ? codeFault(language, error, field) : passkeyFault(ctx, error);
      if (!fault) throw error;
      await showSecondStep(ctx, view, journey, {
        faults: [fault],
        status: explain(error).status,
      });
    }
  }

  return {
    finish,
    goToSecondStep,

    /** The sign-in page, with what went wrong on another way in. */
    showFault(ctx: PageContext, journey: Journey, error: unknown): void {
      const faults = [faultOf(visitorOf(ctx).language, error)];
      showSignIn(ctx, journey, { faults, status: explain(error).status });
    },

    async show(ctx: PageContext): Promise<void> {
      const journey = readJourney(readQuery(ctx));
      // A tool may ask for a sign-in of now; who is signed in meanwhile stays so.
      if (visitorOf(ctx).session && !journey.isAnew) {
        const address = journeys.destination(ctx, journey);
        return leadTo(ctx, address.includes('?') ? address : `${address}${journeyQuery(journey)}`);
      }
      showSignIn(ctx, journey, { login: journey.login });
    },

    async submit(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const login = form.get('login');
      const remember = form.get('remember') !== undefined;
      const faults = missingFields(ctx, form);
      if (faults.length > 0) return showSignIn(ctx, journey, { faults, login, remember });
      try {
        const password = form.get('password') ?? '';
        const credentials = { login: login ?? '', password, isRemembered: remember };
        const begun = await signIn.startSignIn(credentials, origin);
        if (begun.next === 'done') return await finish(ctx, begun, journey);
        goToSecondStep(ctx, begun, journey);
      } catch (error) {
        if (!isAnyOf(error, ['credentials-wrong', 'too-many', 'service-busy'])) throw error;
        const faults = [faultOf(language, error)];
        showSignIn(ctx, journey, { faults, status: explain(error).status, login, remember });
      }
    },

    showCode: (ctx: PageContext) => showSecondStep(ctx, 'code', readJourney(readQuery(ctx))),

    submitCode(ctx: PageContext): Promise<void> {
      const field = passkeyOf(ctx) === undefined ? 'code' : 'passkey';
      const end = field === 'code' ? signIn.finishWithCode : signIn.finishWithPasskey;
      return submitSecondStep(ctx, 'code', field, async (token, given, journey) => {
        await finish(ctx, await end(token, given, visitorOf(ctx).origin), journey);
      });
    },

    showRecovery: (ctx: PageContext) => showSecondStep(ctx, 'recovery', readJourney(readQuery(ctx))),

    submitRecovery: (ctx: PageContext) =>
      submitSecondStep(ctx, 'recovery', 'recovery_code', async (token, typed, journey) => {
        const issued = await signIn.finishWithRecoveryCode(token, typed, visitorOf(ctx).origin);
        await finish(ctx, issued, journey, `/sign-in/recovered${journeyQuery(journey)}`);
      }),

    /**
     * The first page after a recovery code: how many are left, and the two ways to be rid of a lost phone. After the last
     * one, the password alone is enough to add another authenticator, while the sign-in is fresh.
     */
    async showRecovered(ctx: PageContext): Promise<void> {
      const { account, session } = signedIn(ctx);
      const journey = readJourney(readQuery(ctx));
      renderer.show(ctx, 'sign-in/recovered', {
        title: visitorOf(ctx).language.t('recovered.title'),
        codesLeft: await proofs.countRecoveryCodes(account.accountId),
        isFromLastCode: await signIn.isFromLastCode(session),
        ...(await asking.factorsOf(account.accountId)),
        query: journeyQuery(journey),
        queryForRecovery: withRecovery(journeyQuery(journey)),
        goOn: journeys.destination(ctx, journey),
      });
    },

    /** After a sign-in with a code, when few recovery codes are left. */
    async showFewCodes(ctx: PageContext): Promise<void> {
      const { account } = signedIn(ctx);
      renderer.show(ctx, 'sign-in/few-codes', {
        title: visitorOf(ctx).language.t('few-codes.title'),
        codesLeft: await proofs.countRecoveryCodes(account.accountId),
        goOn: journeys.destination(ctx, readJourney(readQuery(ctx))),
      });
    },

    async signOut(ctx: PageContext): Promise<void> {
      await endPresent(ctx);
      guards.forgetSession(ctx);
      cookies.clear(ctx, 'pending');
      cookies.clear(ctx, 'request');
      // Whoever comes next at this browser must not take up what its last visitor began elsewhere.
      cookies.clear(ctx, 'arrival');
      cookies.clear(ctx, 'round-trip');
      leadTo(ctx, '/');
    },
  };
}
