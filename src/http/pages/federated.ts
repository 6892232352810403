// Signing in through another provider: sending a browser there, and what becomes of it when it comes back. What the answer is
// worth is decided in domain/identities-trips and domain/sign-in-federated; who is new here goes on to federated-arrivals.ts.
// OpenID Connect Core 1.0 §3.1.2.6, OAuth 2.0 Form Post Response Mode, RFC 9700 §4.12 (no credentials in a redirected post).
import { isRefusal, type DomainErrorCode, DomainError } from '../../domain/vocabulary.js';
import { ARRIVAL_SECONDS } from '../../domain/identities.js';
import { TRIP_SECONDS, type Trip, type TripEnd } from '../../domain/identities-trips.js';
import { parseForm, readQuery, refuseRepeats, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { refusalAnswers } from './errors.js';
import { journeyQuery, readJourney, RECENT_PLACES, type Journey, type Journeys } from './journey.js';
import type { Renderer } from './render.js';
import type { SignInPages } from './sign-in.js';
import { formOf, leadTo, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<
  PagesDependencies,
  'trips' | 'federatedSignIn' | 'accountIdentities' | 'sessions' | 'guards'
> {
  readonly signInPages: Pick<SignInPages, 'finish' | 'goToSecondStep' | 'showFault'>;
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

type Known = Extract<TripEnd, { readonly outcome: 'known' }>;

const FAULTS = {
  declined: 'upstream-declined',
  refused: 'upstream-refused',
  unavailable: 'upstream-unavailable',
} as const satisfies Record<string, DomainErrorCode>;

export type FederatedPages = ReturnType<typeof createFederatedPages>;

/** The journey as it travels with a round trip, and back. */
export const packJourney = (journey: Journey): string => journeyQuery(journey).slice(1);
export const unpackJourney = (packed: string): Journey => readJourney(parseForm(packed));

/** The fields of a provider's answer. Refuses a repeated one (RFC 6749 §3.1). */
function fieldsOf(form: Form): ReadonlyMap<string, string> {
  refuseRepeats(form);
  return new Map(form.names().map((name) => [name, form.get(name) ?? '']));
}

export function createFederatedPages(dependencies: Dependencies) {
  const { trips, federatedSignIn, accountIdentities, sessions, guards } = dependencies;
  const { signInPages, journeys, enter, renderer } = dependencies;
  const { cookies } = guards;

  /**
   * Sends the browser on by a page of its own. A redirect would answer a form, and a browser holds every address that follows
   * to the form's `form-action`: a provider that hands on to a third one would end there.
   */
  function sendOn(
    ctx: PageContext,
    upstream: string,
    { address, browserSecret }: { readonly address: string; readonly browserSecret: string },
  ): void {
    const offer = accountIdentities.offers.find(({ name }) => name === upstream);
    cookies.write(ctx, 'round-trip', browserSecret, TRIP_SECONDS);
    ctx.set('Refresh', `0; url=${address}`);
    const title = visitorOf(ctx).language.t('federated.going.title', { provider: offer?.label ?? upstream });
    renderer.show(ctx, 'federated/going', { title, address });
  }

  /** Where somebody signed in goes after a round trip that brought nothing. */
  function showFault(ctx: PageContext, trip: Trip, journey: Journey, error: DomainError): void {
    if (trip.purpose === 'sign-in') return signInPages.showFault(ctx, journey, error);
    renderer.showAnswer(ctx, { ...refusalAnswers[error.code], leadsTo: '/account/security/identities' });
  }

  async function finishSignIn(ctx: PageContext, end: Known, journey: Journey): Promise<void> {
    const { origin } = visitorOf(ctx);
    const arrived = { ...end, journey: end.trip.journey };
    const done = await federatedSignIn.finishSignIn(arrived, origin);
    if (done.next === 'done') return signInPages.finish(ctx, done, journey);
    if ('signInToken' in done) return signInPages.goToSecondStep(ctx, done, journey);
    cookies.write(ctx, 'arrival', done.arrivalToken, ARRIVAL_SECONDS);
    leadTo(ctx, done.next === 'new' ? '/federated/new' : '/federated/known');
  }

  async function finishProof(ctx: PageContext, end: Known, journey: Journey): Promise<void> {
    const { session, account, origin } = visitorOf(ctx);
    if (!session) throw new DomainError('upstream-stale');
    const wasRecent = sessions.isRecent(session);
    const proved = await federatedSignIn.prove(session, end, origin);
    enter(ctx, proved);
    const { place } = journey;
    // To be recent again takes a sign-in, and that was one; for anything more it has to be a fresh one.
    const isEnough = proved.isFresh || (!wasRecent && place !== undefined && RECENT_PLACES.has(place));
    if (isEnough || place === 'password') {
      return leadTo(ctx, journeys.destination(ctx, journey, { isBack: true }));
    }
    const next = account?.hasPassword ? '/account/security' : `/account/password${journeyQuery(journey)}`;
    renderer.showAnswer(ctx, { ...refusalAnswers['upstream-not-fresh'], leadsTo: next });
  }

  async function finishConnecting(ctx: PageContext, end: Known): Promise<void> {
    const { session, origin } = visitorOf(ctx);
    if (!session) throw new DomainError('upstream-stale');
    await accountIdentities.finishConnecting(session, end, origin);
    leadTo(ctx, '/account/security/identities?notice=identity-connected');
  }

  async function finish(ctx: PageContext, end: Known, journey: Journey): Promise<void> {
    if (end.trip.purpose === 'connect') return finishConnecting(ctx, end);
    if (end.trip.purpose === 'prove') return finishProof(ctx, end, journey);
    try {
      await finishSignIn(ctx, end, journey);
    } catch (error) {
      const isShown = (['identity-unknown', 'account-locked'] as const).some((code) =>
        isRefusal(error, code),
      );
      if (!isShown || !isRefusal(error)) throw error;
      signInPages.showFault(ctx, journey, error);
    }
  }

  async function end(ctx: PageContext, upstream: string, answer: Form): Promise<void> {
    const { session, origin } = visitorOf(ctx);
    const browserSecret = cookies.read(ctx, 'round-trip');
    const ended = await trips.endTrip({ upstream, fields: fieldsOf(answer), browserSecret, session }, origin);
    const journey = unpackJourney(ended.trip.journey);
    if (ended.outcome === 'known') return finish(ctx, ended, journey);
    showFault(ctx, ended.trip, journey, new DomainError(FAULTS[ended.outcome]));
  }

  return {
    sendOn,

    /** The buttons of the sign-in page, and those that prove anew who somebody is. */
    async start(ctx: PageContext): Promise<void> {
      const { session, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const upstream = form.get('upstream') ?? '';
      const purpose = form.get('purpose') === 'prove' && session ? 'prove' : 'sign-in';
      const isFresh = journey.isAnew === true;
      const browserSecret = cookies.read(ctx, 'round-trip');
      const asked = {
        upstream,
        purpose,
        journey: packJourney(journey),
        session,
        browserSecret,
        isFresh,
      } as const;
      try {
        const trip = await trips.startTrip(asked, origin);
        journeys.settle(ctx, journey);
        sendOn(ctx, upstream, trip);
      } catch (error) {
        const isShown = isRefusal(error, 'upstream-unavailable') || isRefusal(error, 'too-many');
        if (!isShown) throw error;
        showFault(ctx, { purpose, journey: '' }, journey, error);
      }
    },

    /** Comes with a visit, as most providers have it. A look at the address alone uses nothing up. */
    comeBack:
      (upstream: string) =>
      async (ctx: PageContext): Promise<void> => {
        if (ctx.method === 'HEAD') ctx.status = 200;
        else await end(ctx, upstream, readQuery(ctx));
      },

    /**
     * Comes with a post from the provider's page (form_post). Our cookies did not come with it, and stay as they are: it is
     * handed on once, by a page of ours, and then they do.
     */
    handOn:
      (upstream: string) =>
      (ctx: PageContext): void => {
        const fields = [...fieldsOf(formOf(ctx))].map(([name, value]) => ({ name, value }));
        const title = visitorOf(ctx).language.t('federated.again.title');
        renderer.show(ctx, 'federated/again', { title, action: `/federated/${upstream}/return`, fields });
      },

    /** The same answer, handed on by our page. */
    comeBackByForm: (upstream: string) => (ctx: PageContext) => end(ctx, upstream, formOf(ctx)),
  };
}
