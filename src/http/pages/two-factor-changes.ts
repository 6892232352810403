// Two-factor once it is on: new recovery codes, another phone in the place of the one that is on, and off. Each change takes
// its proof in its own form; a lost phone is stood in for by a recovery code. What a proof is worth: domain/two-factor.
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { journeyQuery, readJourney, withRecovery, type Journeys } from './journey.js';
import { proofFault, readProof, type AskedProof, type AskProof } from './proof-form.js';
import { formFault, type PageFault, type Renderer } from './render.js';
import type { TwoFactorSteps } from './two-factor-steps.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<
  PagesDependencies,
  'proofs' | 'passkeys' | 'signIn' | 'twoFactor' | 'settings'
> {
  readonly asking: AskProof;
  readonly journeys: Journeys;
  readonly steps: TwoFactorSteps;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

const SECURITY = '/account/security';

/** Where the form for new codes leads when it was too late, with the set that it saw. */
const renewSeen = (form: Form): string =>
  `/account/security/recovery-codes?${new URLSearchParams({ set: form.get('set') ?? 'none' }).toString()}`;

/** The fields of an address or a form, whichever the request has. */
const fieldsOf = (ctx: PageContext) => (ctx.state.form ? formOf(ctx) : readQuery(ctx));

export function createTwoFactorChangePages(dependencies: Dependencies) {
  const { proofs, passkeys, signIn, twoFactor, settings, asking } = dependencies;
  const { journeys, steps, enter, renderer } = dependencies;

  /** Where there is nothing to change, the way leads to where two-factor is turned on. */
  async function isOn(ctx: PageContext, what: 'hasAuthenticator' | 'hasSecondFactor'): Promise<boolean> {
    if (await proofs[what](signedIn(ctx).account.accountId)) return true;
    leadTo(ctx, SECURITY);
    return false;
  }

  const asked = (ctx: PageContext): Promise<AskedProof> =>
    asking.askedOf(ctx, { withRecovery: fieldsOf(ctx).get('with') === 'recovery' });

  /** The same, and nothing beside the password where the last recovery code has just been used. */
  async function askedForReplacing(ctx: PageContext): Promise<AskedProof> {
    const { session } = signedIn(ctx);
    const asks = await asked(ctx);
    return (await signIn.isFromLastCode(session)) ? { ...asks, factor: 'nothing' } : asks;
  }

  async function showRenew(ctx: PageContext, extra: object = {}): Promise<void> {
    const { account } = signedIn(ctx);
    renderer.show(ctx, 'account/recovery-codes', {
      title: visitorOf(ctx).language.t('recovery-codes.title'),
      codesLeft: await proofs.countRecoveryCodes(account.accountId),
      setId: await proofs.findRecoverySet(account.accountId),
      asks: await asking.askedOf(ctx),
      ...extra,
    });
  }

  async function showOff(ctx: PageContext, isLongerDue: boolean, extra: object = {}): Promise<void> {
    renderer.show(ctx, 'account/two-factor-off', {
      title: visitorOf(ctx).language.t('two-factor-off.title'),
      asks: await asked(ctx),
      staysOn: await passkeys.hasPasskey(signedIn(ctx).account.accountId),
      isLongerDue,
      isRequired: settings.twoFactor === 'required',
      ...extra,
    });
  }

  function showReplace(ctx: PageContext, asks: AskedProof, extra: object = {}): void {
    const journey = readJourney(fieldsOf(ctx));
    renderer.show(ctx, 'account/two-factor-replace', {
      title: visitorOf(ctx).language.t('two-factor-replace.title'),
      step: 1,
      asks,
      journey,
      query: journeyQuery(journey),
      queryForRecovery: withRecovery(journeyQuery(journey)),
      reminder: journeys.reminder(ctx),
      ...extra,
    });
  }

  /** What keeps a longer password from being taken, at its field. */
  function newPasswordFault(ctx: PageContext, error: unknown): PageFault | undefined {
    if (!isRefusal(error, 'password-breaks-rule')) return undefined;
    return formFault(
      visitorOf(ctx).language,
      'new_password',
      `password-${error.publicDetail ?? 'too-short'}`,
    );
  }

  return {
    /** `set` in the address: what a window saw whose form was too late; the page says whether it was overtaken. */
    async showRenew(ctx: PageContext): Promise<void> {
      if (!(await isOn(ctx, 'hasSecondFactor'))) return;
      const { language } = visitorOf(ctx);
      const seen = readQuery(ctx).get('set');
      if (seen === undefined) return showRenew(ctx);
      const isOvertaken = seen !== (await proofs.findRecoverySet(signedIn(ctx).account.accountId));
      const stems = isOvertaken ? 'fault.codes-overtaken' : 'refusal.stale-form';
      const fault = { title: language.t(`${stems}.title`), text: language.t(`${stems}.text`) };
      await showRenew(ctx, { faults: [fault], status: 409 });
    },

    renewSeen,

    async renew(ctx: PageContext): Promise<void> {
      if (!(await isOn(ctx, 'hasSecondFactor'))) return;
      const { origin } = visitorOf(ctx);
      const asks = await asking.askedOf(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showRenew(ctx, { faults });
      try {
        const form = formOf(ctx);
        const from = form.get('set') ?? '';
        const renewed = await twoFactor.renewRecoveryCodes(signedIn(ctx).session, { ...proof, from }, origin);
        if (renewed) return await steps.showRecoveryCodes(ctx, 'renew', {}, renewed);
        // Another window may have this browser's new session already: the page is made anew with it.
        leadTo(ctx, renewSeen(form));
      } catch (error) {
        const fault = proofFault(ctx, error, asks);
        if (!fault) throw error;
        await showRenew(ctx, { faults: [fault], status: explain(error).status });
      }
    },

    async showOff(ctx: PageContext): Promise<void> {
      if (!(await isOn(ctx, 'hasAuthenticator'))) return;
      await showOff(ctx, await twoFactor.isLongerPasswordDue(signedIn(ctx).account.accountId));
    },

    async turnOff(ctx: PageContext): Promise<void> {
      if (!(await isOn(ctx, 'hasAuthenticator'))) return;
      const { language, origin } = visitorOf(ctx);
      const { session, account } = signedIn(ctx);
      const isLongerDue = await twoFactor.isLongerPasswordDue(account.accountId);
      const asks = await asked(ctx);
      const newPassword = formOf(ctx).get('new_password');
      const { proof, faults } = readProof(ctx, asks);
      const missing = [
        ...faults,
        ...(isLongerDue && newPassword === undefined
          ? [formFault(language, 'new_password', 'new-password-missing')]
          : []),
      ];
      if (!proof || missing.length > 0) return showOff(ctx, isLongerDue, { faults: missing });
      try {
        enter(ctx, await twoFactor.turnOff(session, { ...proof, newPassword }, origin));
        const isOff = !(await proofs.hasSecondFactor(account.accountId));
        leadTo(ctx, `${SECURITY}?notice=${isOff ? 'two-factor-off' : 'authenticator-off'}`);
      } catch (error) {
        const fault = newPasswordFault(ctx, error) ?? proofFault(ctx, error, asks);
        if (!fault) throw error;
        await showOff(ctx, isLongerDue, { faults: [fault], status: explain(error).status });
      }
    },

    async showReplace(ctx: PageContext): Promise<void> {
      if (await isOn(ctx, 'hasAuthenticator')) showReplace(ctx, await askedForReplacing(ctx));
    },

    async beginReplacing(ctx: PageContext): Promise<void> {
      if (!(await isOn(ctx, 'hasAuthenticator'))) return;
      const { session, account } = signedIn(ctx);
      const asks = await askedForReplacing(ctx);
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showReplace(ctx, asks, { faults });
      try {
        const setup = await twoFactor.beginReplacement(session, account, proof, visitorOf(ctx).origin);
        await steps.showCode(ctx, 'replace', readJourney(formOf(ctx)), setup);
      } catch (error) {
        const fault = proofFault(ctx, error, asks);
        if (!fault) throw error;
        showReplace(ctx, asks, { faults: [fault], status: explain(error).status });
      }
    },

    async confirmReplacing(ctx: PageContext): Promise<void> {
      if (!(await isOn(ctx, 'hasAuthenticator'))) return;
      const asks = await askedForReplacing(ctx);
      await steps.confirm(ctx, 'replace', twoFactor.finishReplacement, (_journey, faults) =>
        showReplace(ctx, asks, { faults, status: 403 }),
      );
    },
  };
}
