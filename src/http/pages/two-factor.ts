// Enabling two-factor in four steps: password, QR code and text code, six digits, recovery codes. Each step is a page
// that works alone; a script may show the same steps in a dialog. The secret is inert until domain/proofs has a code for it.
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { journeyQuery, readJourney, type Journey, type Journeys } from './journey.js';
import { proofFault, readProof } from './proof-form.js';
import type { Renderer } from './render.js';
import type { TwoFactorSteps } from './two-factor-steps.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'proofs' | 'twoFactor' | 'settings'> {
  readonly journeys: Journeys;
  readonly steps: TwoFactorSteps;
  readonly renderer: Renderer;
}

export function createTwoFactorPages(dependencies: Dependencies) {
  const { proofs, twoFactor, settings, journeys, steps, renderer } = dependencies;

  function showPassword(ctx: PageContext, journey: Journey, extra: object = {}): void {
    renderer.show(ctx, 'account/two-factor-password', {
      title: visitorOf(ctx).language.t('two-factor.title'),
      step: 1,
      journey,
      reminder: journeys.reminder(ctx),
      isRequired: settings.twoFactor === 'required',
      ...extra,
    });
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const journey = readJourney(readQuery(ctx));
      const { account } = signedIn(ctx);
      // A code stands beside a password: an account without one is asked to set one first.
      if (!account.hasPassword)
        return leadTo(ctx, `/account/password${journeyQuery({ ...journey, place: 'two-factor' })}`);
      if (!(await proofs.hasSecondFactor(account.accountId))) return showPassword(ctx, journey);
      leadTo(ctx, steps.goOn(ctx, journey));
    },

    async begin(ctx: PageContext): Promise<void> {
      const { session, account } = signedIn(ctx);
      const journey = readJourney(formOf(ctx));
      const { proof, faults } = readProof(ctx, 'nothing');
      if (!proof) return showPassword(ctx, journey, { faults });
      try {
        const setup = await twoFactor.begin(session, account, proof, visitorOf(ctx).origin);
        await steps.showCode(ctx, 'enable', journey, setup);
      } catch (error) {
        const fault = proofFault(ctx, error, 'nothing');
        if (!fault) throw error;
        showPassword(ctx, journey, { faults: [fault], status: explain(error).status });
      }
    },

    confirm: (ctx: PageContext) =>
      steps.confirm(ctx, 'enable', twoFactor.enable, (journey, faults) =>
        showPassword(ctx, journey, { faults, status: 403 }),
      ),
  };
}
