// "Is it still you?": a fresh proof in a session, before something that matters; all of it where the sign-in was long ago.
// Which proof is due, and what it is worth, is decided in domain/sign-in.
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { journeyQuery, readJourney, type Journey, type Journeys } from './journey.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'signIn' | 'proofs' | 'sessions'> {
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

type ProofField = 'password' | 'code';

export function createStepUpPages(dependencies: Dependencies) {
  const { signIn, proofs, sessions, journeys, enter, renderer } = dependencies;

  /** In a session that is not recent, everything that a sign-in takes; else the second factor, or the password. */
  async function findAskedFor(ctx: PageContext): Promise<ProofField[]> {
    const { session, account } = signedIn(ctx);
    const hasSecondFactor = await proofs.hasSecondFactor(account.accountId);
    if (sessions.isRecent(session)) return [hasSecondFactor ? 'code' : 'password'];
    return hasSecondFactor ? ['password', 'code'] : ['password'];
  }

  function faultOfField(ctx: PageContext, error: unknown, fields: readonly ProofField[]): PageFault {
    const { language } = visitorOf(ctx);
    return isRefusal(error, 'credentials-wrong')
      ? formFault(language, 'password', 'password-wrong')
      : faultOf(language, error, fields.at(-1) ?? 'password');
  }

  async function showQuestion(ctx: PageContext, journey: Journey, extra: object = {}): Promise<void> {
    const asksFor = await findAskedFor(ctx);
    renderer.show(ctx, 'step-up', {
      title: visitorOf(ctx).language.t('step-up.title'),
      asksForPassword: asksFor.includes('password'),
      asksForCode: asksFor.includes('code'),
      isLongAgo: !sessions.isRecent(signedIn(ctx).session),
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
      const { session } = signedIn(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const fields = await findAskedFor(ctx);
      const missing = fields.filter((field) => form.get(field) === undefined);
      const faults = missing.map((field) => formFault(language, field, `${field}-missing`));
      if (faults.length > 0) return showQuestion(ctx, journey, { faults });
      const typed = Object.fromEntries(fields.map((field) => [field, form.get(field) ?? '']));
      try {
        enter(ctx, await signIn.stepUp(session, typed, origin));
        leadTo(ctx, journeys.destination(ctx, journey, { isBack: true }));
      } catch (error) {
        const isShown = [
          'code-wrong',
          'credentials-wrong',
          'factor-locked',
          'too-many',
          'service-busy',
        ] as const;
        if (!isShown.some((code) => isRefusal(error, code))) throw error;
        const fault = faultOfField(ctx, error, fields);
        await showQuestion(ctx, journey, { faults: [fault], status: explain(error).status });
      }
    },
  };
}
