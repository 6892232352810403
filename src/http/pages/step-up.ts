// "Is it still you?": a fresh proof in a session, before something that matters. Which proof is due, and what it is worth,
// is decided in domain/sign-in.
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { journeyQuery, readJourney, type Journey, type Journeys } from './journey.js';
import { faultOf, formFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'signIn' | 'proofs'> {
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

export function createStepUpPages({ signIn, proofs, journeys, enter, renderer }: Dependencies) {
  async function showQuestion(ctx: PageContext, journey: Journey, extra: object = {}): Promise<void> {
    const { account } = signedIn(ctx);
    const asksFor = (await proofs.hasSecondFactor(account.accountId)) ? 'code' : 'password';
    renderer.show(ctx, 'step-up', {
      title: visitorOf(ctx).language.t('step-up.title'),
      asksFor,
      journey,
      query: journeyQuery(journey),
      reminder: journeys.reminder(ctx),
      ...extra,
    });
  }

  return {
    show: (ctx: PageContext) => showQuestion(ctx, readJourney(readQuery(ctx))),

    async submit(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { session, account } = signedIn(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const field = (await proofs.hasSecondFactor(account.accountId)) ? 'code' : 'password';
      const typed = form.get(field);
      if (typed === undefined) {
        return showQuestion(ctx, journey, { faults: [formFault(language, field, `${field}-missing`)] });
      }
      try {
        enter(ctx, await signIn.stepUp(session, { [field]: typed }, origin));
        leadTo(ctx, journeys.destination(ctx, journey));
      } catch (error) {
        const isShown = [
          'code-wrong',
          'credentials-wrong',
          'factor-locked',
          'too-many',
          'service-busy',
        ] as const;
        if (!isShown.some((code) => isRefusal(error, code))) throw error;
        const fault = isRefusal(error, 'credentials-wrong')
          ? formFault(language, field, 'password-wrong')
          : faultOf(language, error, field);
        await showQuestion(ctx, journey, { faults: [fault], status: explain(error).status });
      }
    },
  };
}
