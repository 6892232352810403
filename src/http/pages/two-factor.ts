// Enabling two-factor in four steps: password, QR code and text code, six digits, recovery codes. Each step is a page
// that works alone; a script may show the same steps in a dialog. The secret is inert until domain/proofs has a code for it.
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { journeyQuery, readJourney, withRecovery, type Journey, type Journeys } from './journey.js';
import { proofFault, readProof, type AskProof } from './proof-form.js';
import type { Renderer } from './render.js';
import type { TwoFactorSteps } from './two-factor-steps.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'proofs' | 'passkeys' | 'twoFactor' | 'settings'> {
  readonly asking: AskProof;
  readonly journeys: Journeys;
  readonly steps: TwoFactorSteps;
  readonly renderer: Renderer;
}

/** The fields of an address or a form, whichever the request has. */
const fieldsOf = (ctx: PageContext) => (ctx.state.form ? formOf(ctx) : readQuery(ctx));

export function createTwoFactorPages(dependencies: Dependencies) {
  const { proofs, passkeys, twoFactor, settings, asking, journeys, steps, renderer } = dependencies;

  /** Where passkeys are lost, a recovery code stands in for them. */
  const askedOf = (ctx: PageContext) =>
    asking.askedOf(ctx, { withRecovery: fieldsOf(ctx).get('with') === 'recovery' });

  async function showPassword(ctx: PageContext, journey: Journey, extra: object = {}): Promise<void> {
    renderer.show(ctx, 'account/two-factor-password', {
      title: visitorOf(ctx).language.t('two-factor.title'),
      step: 1,
      journey,
      reminder: journeys.reminder(ctx),
      isRequired: settings.twoFactor === 'required',
      asks: await askedOf(ctx),
      mayUsePasskeys: passkeys.hindrance === undefined,
      query: journeyQuery(journey),
      queryForRecovery: withRecovery(journeyQuery(journey)),
      ...extra,
    });
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const journey = readJourney(readQuery(ctx));
      const { account } = signedIn(ctx);
      // Who was led here to have a second factor goes on; who has passkeys only may add an authenticator to them.
      const isDone = journey.place !== undefined && (await proofs.hasSecondFactor(account.accountId));
      if (isDone || (await proofs.hasAuthenticator(account.accountId)))
        return leadTo(ctx, steps.goOn(ctx, journey));
      // A code stands beside a password: an account without one is asked to set one first.
      if (!account.hasPassword)
        return leadTo(ctx, `/account/password${journeyQuery({ ...journey, place: 'two-factor' })}`);
      await showPassword(ctx, journey);
    },

    async begin(ctx: PageContext): Promise<void> {
      const { session, account } = signedIn(ctx);
      const journey = readJourney(formOf(ctx));
      const asks = await askedOf(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showPassword(ctx, journey, { faults });
      try {
        const setup = await twoFactor.begin(session, account, proof, visitorOf(ctx).origin);
        await steps.showCode(ctx, 'enable', journey, setup);
      } catch (error) {
        const fault = proofFault(ctx, error, asks);
        if (!fault) throw error;
        await showPassword(ctx, journey, { faults: [fault], status: explain(error).status });
      }
    },

    confirm: (ctx: PageContext) =>
      steps.confirm(ctx, 'enable', twoFactor.enable, (journey, faults) =>
        showPassword(ctx, journey, { faults, status: 403 }),
      ),
  };
}
