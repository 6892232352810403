// The first password of an account that is signed in to by other ways: what it is good for, the proof that it takes, and on to
// whatever asked for it. What counts as a proof here is decided in domain/account-password.
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { journeyQuery, readJourney, type Journey, type Journeys } from './journey.js';
import type { LeadOnWithPassword } from './password-digits.js';
import { newPasswordFault } from './password-fault.js';
import { proofFault, readProof, type AskProof } from './proof-form.js';
import { faultOf, formFault, type Renderer } from './render.js';
import { formOf, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accountPassword' | 'accountIdentities' | 'sessions'> {
  readonly asking: AskProof;
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly leadOn: LeadOnWithPassword;
  readonly renderer: Renderer;
}

export type FirstPasswordPages = ReturnType<typeof createFirstPasswordPages>;

export function createFirstPasswordPages(dependencies: Dependencies) {
  const { accountPassword, accountIdentities, sessions } = dependencies;
  const { asking, journeys, enter, leadOn, renderer } = dependencies;

  /**
   * Whether what stands in for the password has been proved; without it, the page asks for a round trip first, and comes back to
   * itself. A passkey needs none of that.
   */
  async function isProved(ctx: PageContext): Promise<boolean> {
    const { session } = signedIn(ctx);
    const isFresh = session.proofMethods.includes('fed') && sessions.hasFreshProof(session);
    return isFresh || accountPassword.isAllThatCanBeProved(session);
  }

  async function showForm(ctx: PageContext, journey: Journey, extra: object = {}): Promise<void> {
    const { account } = signedIn(ctx);
    renderer.show(ctx, 'account/password-first', {
      title: visitorOf(ctx).language.t('password-first.title'),
      isForTwoFactor: journey.place === 'two-factor',
      isProved: await isProved(ctx),
      offers: await accountIdentities.offersTo(account.accountId),
      asks: await asking.askedOf(ctx),
      journey,
      leave: journey.place === undefined ? '/account' : '/account/security',
      reminder: journeys.reminder(ctx, journey),
      ...extra,
    });
  }

  return {
    show: (ctx: PageContext) => showForm(ctx, readJourney(readQuery(ctx))),

    async set(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { session, account } = signedIn(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const newPassword = form.get('new_password');
      const asks = await asking.askedOf(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof || newPassword === undefined) {
        const missing =
          newPassword === undefined ? [formFault(language, 'new_password', 'new-password-missing')] : [];
        return showForm(ctx, journey, { faults: [...missing, ...faults] });
      }
      try {
        const issued = await accountPassword.setPassword(session, { ...proof, newPassword }, origin);
        enter(ctx, issued, { ...account, hasPassword: true });
      } catch (error) {
        const hasSecondFactor = asks.factor !== 'nothing';
        const fault = isRefusal(error, 'proof-required')
          ? faultOf(language, error)
          : (newPasswordFault(language, error, hasSecondFactor) ?? proofFault(ctx, error, asks));
        if (!fault) throw error;
        return showForm(ctx, journey, { faults: [fault], status: explain(error).status });
      }
      const isBound = journeyQuery(journey) !== '' || journeys.reminder(ctx) !== undefined;
      const onwards = isBound
        ? journeys.destination(ctx, journey, { isBack: true })
        : '/account?notice=password-set';
      leadOn(ctx, newPassword, onwards);
    },
  };
}
