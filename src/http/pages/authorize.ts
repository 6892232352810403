// A tool has sent somebody here: they sign in, see who is asking, and go back with the answer. Which step is due is decided in
// domain/authorizations-person; what the request says was read at the OAuth door. The entrance is where that door leads to: nobody
// has posted a form on the way there, so that it may redirect. RFC 6749 §4.1; OpenID Connect Core 1.0 §3.1.2.6; RFC 8252 §8.6.
import { isRefusal, type SubjectId } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { Handover } from '../request-handover.js';
import { addressWith } from '../request-way-back.js';
import type {
  AuthorizationAnswer,
  AuthorizationReview,
  AuthorizationStep,
} from '../../domain/authorizations-review.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, UNAVAILABLE_SECONDS } from './errors.js';
import { addressOf, journeyQuery, type Journey, type Journeys } from './journey.js';
import { faultOf, type Renderer } from './render.js';
import { hostWords, presentWhom, scopeWords } from './review-words.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';
import { placeOf, type WaysBack } from './way-back.js';

interface Dependencies extends Pick<PagesDependencies, 'authorizations' | 'signIn' | 'guards' | 'settings'> {
  readonly handover: Pick<Handover, 'open'>;
  readonly waysBack: WaysBack;
  readonly journeys: Journeys;
  readonly renderer: Renderer;
}

/** OpenID Connect Core §3.1.2.6, RFC 6749 §4.1.2.1. */
const ERRORS = {
  declined: ['access_denied', 'The person declined.'],
  'sign-in-due': ['login_required', 'The person has to sign in.'],
  'review-due': ['consent_required', 'The person has to approve this client.'],
  'step-due': ['interaction_required', 'The person has a step to take first.'],
} as const satisfies Record<Exclude<AuthorizationAnswer['outcome'], 'approved'>, readonly [string, string]>;

/** What the OAuth door says of requests that it could not take, and with which status. */
const REFUSED = {
  client: [400, 'authorize-refused.client'],
  redirect: [400, 'authorize-refused.redirect'],
  request: [400, 'authorize-refused.request'],
  busy: [503, 'authorize-refused.busy'],
  fault: [500, 'authorize-refused.fault'],
} as const;
const isRefused = (why: string | undefined): why is keyof typeof REFUSED =>
  why !== undefined && Object.hasOwn(REFUSED, why);

export function createAuthorizePages(dependencies: Dependencies) {
  const { authorizations, signIn, guards, handover, waysBack, journeys, renderer, settings } = dependencies;

  function showOver(ctx: PageContext, status = 410): void {
    journeys.forgetRequest(ctx);
    renderer.show(ctx, 'authorize/over', {
      title: visitorOf(ctx).language.t('authorize-over.title'),
      status,
    });
  }

  function showReview(
    ctx: PageContext,
    handle: string,
    review: AuthorizationReview,
    { chosen, ...extra }: { readonly chosen?: string | undefined; readonly [name: string]: unknown } = {},
  ): void {
    const { language } = visitorOf(ctx);
    const { t } = language;
    renderer.show(ctx, 'authorize/review', {
      title: t('authorize.title'),
      width: 'middle',
      review,
      request: handle,
      place: placeOf(review.redirectUri),
      powers: [
        t('review.may.sign-in'),
        ...review.services.map((service) => t('review.may.use-service', { service })),
        ...review.scopes.map((scope) => scopeWords(scope, language)),
        ...hostWords(review.scopes, settings.toolHosts, language),
      ],
      forWhom: presentWhom(review, language, chosen),
      ...extra,
    });
  }

  function tellTool(ctx: PageContext, answer: AuthorizationAnswer, isAfterForm: boolean): void {
    journeys.forgetRequest(ctx);
    const { clientState: state } = answer;
    const [error, error_description] = answer.outcome === 'approved' ? [] : ERRORS[answer.outcome];
    const sent =
      answer.outcome === 'approved' ? { code: answer.code, state } : { error, error_description, state };
    waysBack.answer(ctx, answer, sent, { isAfterForm });
  }

  const findStep = (ctx: PageContext, handle: string): Promise<AuthorizationStep> => {
    const { session, origin } = visitorOf(ctx);
    return authorizations.findStep({ handle, session, origin });
  };

  /** Leads to the step that is due; `isAfterForm`: not from the entrance. */
  function go(ctx: PageContext, handle: string, found: AuthorizationStep, isAfterForm: boolean): void {
    const journey: Journey = { place: 'authorize', request: handle };
    switch (found.step) {
      case 'over':
        return showOver(ctx);
      case 'answer':
        return tellTool(ctx, found.answer, isAfterForm);
      case 'sign-in': {
        const { isAnew, login } = found;
        const more = { ...(isAnew ? { isAnew } : {}), ...(login === undefined ? {} : { login }) };
        return leadTo(ctx, `/sign-in${journeyQuery({ ...journey, ...more })}`);
      }
      case 'verify':
        return leadTo(ctx, '/verify-email');
      case 'add-second-factor':
        return leadTo(ctx, `${addressOf('two-factor')}${journeyQuery(journey)}`);
      case 'prove':
        return leadTo(ctx, `/step-up${journeyQuery(journey)}`);
      case 'review':
        return isAfterForm
          ? showReview(ctx, handle, found.review, { chosen: readQuery(ctx).get('for') })
          : leadTo(ctx, `${addressOf('authorize')}?${new URLSearchParams({ request: handle }).toString()}`);
    }
  }

  async function decide(ctx: PageContext, handle: string, decision: 'approve' | 'decline'): Promise<void> {
    const form = formOf(ctx);
    const { session } = signedIn(ctx);
    const asked = { handle, session, origin: visitorOf(ctx).origin, page: form.get('page') ?? '' };
    const subjectId = form.get('for') as SubjectId | undefined;
    if (decision === 'decline') await authorizations.denyAuthorization(asked);
    else await authorizations.approveAuthorization({ ...asked, ...(subjectId ? { subjectId } : {}) });
  }

  const isDecision = (text: string | undefined): text is 'approve' | 'decline' =>
    text === 'approve' || text === 'decline';
  const namedIn = (ctx: PageContext): string => readQuery(ctx).get('request') ?? '';

  return {
    /** From the OAuth door: straight on, back to the tool where nothing is to be asked. */
    async enter(ctx: PageContext): Promise<void> {
      const handle = namedIn(ctx);
      go(ctx, handle, await findStep(ctx, handle), false);
    },

    async show(ctx: PageContext): Promise<void> {
      const handle = namedIn(ctx);
      go(ctx, handle, await findStep(ctx, handle), true);
    },

    async decide(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const handle = form.get('request') ?? '';
      const decision = form.get('decision');
      if (isDecision(decision) && visitorOf(ctx).session) {
        try {
          await decide(ctx, handle, decision);
        } catch (error) {
          const isShown = isRefusal(error, 'link-too-hasty');
          const leadsOn = isRefusal(error, 'proof-required') || isRefusal(error, 'authorization-over');
          if (!isShown && !leadsOn) throw error;
          const found = await findStep(ctx, handle);
          if (!isShown || found.step !== 'review') return go(ctx, handle, found, true);
          const faults = [faultOf(visitorOf(ctx).language, error)];
          const again = { faults, status: explain(error).status, chosen: form.get('for') };
          return showReview(ctx, handle, found.review, again);
        }
      }
      // To be seen again by whoever comes Back: the answer is on a page that is read, not posted.
      leadTo(ctx, `${addressOf('authorize')}?${new URLSearchParams({ request: handle }).toString()}`);
    },

    /** "Use another account": signs out, and keeps the request for whoever signs in next. */
    async useAnotherAccount(ctx: PageContext): Promise<void> {
      const { session, origin } = visitorOf(ctx);
      if (session) await signIn.signOut(session, origin);
      guards.forgetSession(ctx);
      const request = formOf(ctx).get('request') ?? '';
      leadTo(ctx, `/sign-in${journeyQuery({ place: 'authorize', request })}`);
    },

    /** What the OAuth door has to tell a tool that takes its answers as a form, or that nobody here knows. */
    showAnswer(ctx: PageContext): void {
      const answer = handover.open('answer', readQuery(ctx).get('answer'));
      if (!answer) return showOver(ctx);
      const { redirectUri, answersBy, sent, strangerName: toolName } = answer;
      if (toolName === undefined) return waysBack.showForm(ctx, redirectUri, sent);
      if (answersBy === 'form_post') return waysBack.showLeave(ctx, redirectUri, { toolName, fields: sent });
      waysBack.showLeave(ctx, addressWith(redirectUri, sent), { toolName });
    },

    /** A request that nobody but the person can be told of. */
    showRefused(ctx: PageContext): void {
      const { language, origin } = visitorOf(ctx);
      const named = readQuery(ctx).get('why');
      const [status, words] = REFUSED[isRefused(named) ? named : 'request'];
      if (status === 503) ctx.set('Retry-After', String(UNAVAILABLE_SECONDS));
      renderer.show(ctx, 'authorize/refused', {
        title: language.t('authorize-refused.title'),
        text: language.t(words),
        status,
        requestId: origin.requestId,
      });
    },
  };
}
