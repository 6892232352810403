// "Is it still you?": a fresh proof in a session, before something that matters; all of it where the sign-in was long ago.
// Which proof is due, and what it is worth, is decided in domain/sign-in.
import type { Offer } from '../../domain/identities.js';
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { journeyQuery, readJourney, type Journey, type Journeys } from './journey.js';
import { proofFault, readProof, type AskedProof, type AskProof } from './proof-form.js';
import { faultOf, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'signIn' | 'sessions' | 'accountIdentities'> {
  readonly asking: AskProof;
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

const LEADS = {
  nothing: 'step-up.lead-password',
  code: 'step-up.lead-code',
  recovery: 'step-up.lead-code',
  passkey: 'step-up.lead-passkey',
} as const;

export function createStepUpPages(dependencies: Dependencies) {
  const { signIn, sessions, accountIdentities, asking, journeys, enter, renderer } = dependencies;

  /** In a session that is not recent, everything that a sign-in takes; else the second factor, or the password. */
  async function findAskedFor(ctx: PageContext): Promise<AskedProof> {
    const asks = await asking.askedOf(ctx);
    const isLongAgo = !sessions.isRecent(signedIn(ctx).session);
    return isLongAgo || asks.factor === 'nothing' ? asks : { ...asks, password: false };
  }

  /** A sign-in through another provider proves as much as a password, and as much as signing in again. */
  async function findOffers(ctx: PageContext, { factor }: AskedProof): Promise<readonly Offer[]> {
    const { session, account } = signedIn(ctx);
    const isLongAgo = !sessions.isRecent(session);
    if (factor !== 'nothing' && !isLongAgo) return [];
    const offers = await accountIdentities.offersTo(account.accountId);
    // One that never dates a sign-in shows that somebody has signed in, and not that they have just proved it.
    return offers.filter(({ tellsFreshness }) => tellsFreshness || isLongAgo);
  }

  async function showQuestion(ctx: PageContext, journey: Journey, extra: object = {}): Promise<void> {
    const asks = await findAskedFor(ctx);
    const isLongAgo = !sessions.isRecent(signedIn(ctx).session);
    // An account that is signed in to by other ways only has nothing to type.
    const hasForm = asks.password || asks.factor !== 'nothing' || asks.mayUsePasskey;
    const lead = hasForm ? LEADS[asks.factor] : 'step-up.lead-elsewhere';
    const { hasPassword } = signedIn(ctx).account;
    renderer.show(ctx, 'step-up', {
      title: visitorOf(ctx).language.t('step-up.title'),
      asks,
      hasForm,
      offers: await findOffers(ctx, asks),
      passwordAddress: hasPassword ? undefined : `/account/password${journeyQuery(journey)}`,
      lead: isLongAgo ? 'step-up.lead-long-ago' : lead,
      isLongAgo,
      journey,
      query: journeyQuery(journey),
      reminder: journeys.reminder(ctx),
      ...extra,
    });
  }

  function faultBeside(ctx: PageContext, error: unknown, asks: AskedProof): PageFault | undefined {
    if (!isRefusal(error, 'too-many')) return proofFault(ctx, error, asks);
    return faultOf(visitorOf(ctx).language, error, asks.factor === 'code' ? 'code' : 'password');
  }

  return {
    show: (ctx: PageContext) => showQuestion(ctx, readJourney(readQuery(ctx))),

    async submit(ctx: PageContext): Promise<void> {
      const { session } = signedIn(ctx);
      const journey = readJourney(formOf(ctx));
      const asks = await findAskedFor(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showQuestion(ctx, journey, { faults });
      try {
        enter(ctx, await signIn.stepUp(session, proof, visitorOf(ctx).origin));
        leadTo(ctx, journeys.destination(ctx, journey, { isBack: true }));
      } catch (error) {
        const fault = faultBeside(ctx, error, asks);
        if (!fault) throw error;
        await showQuestion(ctx, journey, { faults: [fault], status: explain(error).status });
      }
    },
  };
}
