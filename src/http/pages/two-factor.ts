// Enabling two-factor in four steps: password, QR code and text code, six digits, recovery codes. Each step is a page
// that works alone; a script may show the same steps in a dialog. The secret is inert until domain/proofs has a code for it.
import QRCode from 'qrcode';
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { readJourney, type Journey, type Journeys } from './journey.js';
import { faultOf, formFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'proofs' | 'twoFactor' | 'sealer' | 'settings'> {
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

/** What the second step shows; it travels sealed in the form, so that a wrong code shows the same picture again. */
interface Setup {
  readonly secret: string;
  readonly address: string;
}

export function createTwoFactorPages(dependencies: Dependencies) {
  const { proofs, twoFactor, sealer, settings, journeys, enter, renderer } = dependencies;

  const boundTo = (ctx: PageContext) => `two-factor ${signedIn(ctx).account.accountId}`;

  function openSetup(ctx: PageContext, form: Form): Setup | undefined {
    try {
      return JSON.parse(sealer.open(form.get('setup') ?? '', boundTo(ctx))) as Setup;
    } catch {
      return undefined;
    }
  }

  /** After the last step: back to the link that waits, or to where enabling began. */
  const goOn = (ctx: PageContext, journey: Journey) =>
    journeys.destination(ctx, { place: 'security', ...journey });

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

  async function showCode(
    ctx: PageContext,
    journey: Journey,
    setup: Setup,
    extra: object = {},
  ): Promise<void> {
    renderer.show(ctx, 'account/two-factor-code', {
      title: visitorOf(ctx).language.t('two-factor-code.title'),
      step: 2,
      journey,
      secret: setup.secret,
      secretGroups: setup.secret.match(/.{1,4}/g) ?? [],
      address: setup.address,
      qr: await QRCode.toString(setup.address, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 }),
      sealedSetup: sealer.seal(JSON.stringify(setup), boundTo(ctx)),
      reminder: journeys.reminder(ctx),
      ...extra,
    });
  }

  function showRecoveryCodes(ctx: PageContext, journey: Journey, codes: readonly string[]): void {
    const { language } = visitorOf(ctx);
    const { account } = signedIn(ctx);
    const lines = [language.t('two-factor-codes.file', { name: account.username }), '', ...codes, ''];
    renderer.show(ctx, 'account/two-factor-codes', {
      title: language.t('two-factor-codes.title'),
      step: 3,
      journey,
      codes,
      file: `data:text/plain;charset=utf-8,${encodeURIComponent(lines.join('\r\n'))}`,
    });
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const journey = readJourney(readQuery(ctx));
      const { account } = signedIn(ctx);
      if (!(await proofs.hasSecondFactor(account.accountId))) return showPassword(ctx, journey);
      leadTo(ctx, goOn(ctx, journey));
    },

    async begin(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { account } = signedIn(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const password = form.get('password');
      const refuse = (words: string, status: number) =>
        showPassword(ctx, journey, { faults: [formFault(language, 'password', words)], status });
      if (password === undefined) return refuse('password-missing', 400);
      try {
        await showCode(ctx, journey, await twoFactor.begin(account, { password }, origin));
      } catch (error) {
        if (!isRefusal(error, 'credentials-wrong')) throw error;
        refuse('password-wrong', 403);
      }
    },

    async confirm(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { session } = signedIn(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const setup = openSetup(ctx, form);
      const startAgain = () =>
        showPassword(ctx, journey, { faults: [formFault(language, 'password', 'setup-over')], status: 403 });
      if (!setup) return startAgain();
      const code = form.get('code');
      if (code === undefined) {
        return showCode(ctx, journey, setup, { faults: [formFault(language, 'code', 'code-missing')] });
      }
      try {
        const enabled = await twoFactor.enable(session, code, origin);
        enter(ctx, enabled);
        showRecoveryCodes(ctx, journey, enabled.recoveryCodes);
      } catch (error) {
        if (isRefusal(error, 'factor-not-on')) return startAgain();
        if (!isRefusal(error, 'code-wrong')) throw error;
        const faults = [faultOf(language, error, 'code')];
        await showCode(ctx, journey, setup, { faults, status: explain(error).status });
      }
    },

    /** "I have stored them": nothing changes any more, it only leads on. */
    async finish(ctx: PageContext): Promise<void> {
      const journey = readJourney(formOf(ctx));
      const address = goOn(ctx, journey);
      leadTo(ctx, address === '/account/security' ? `${address}?notice=two-factor-on` : address);
    },
  };
}
