// The last two steps that every change of an authenticator shares: the QR code with its text and six digits, and then the ten
// recovery codes, shown once. The pages that lead here are two-factor.ts (enabling) and two-factor-changes.ts.
import QRCode from 'qrcode';
import type { IssuedSession, Session } from '../../domain/sessions.js';
import type { NewCodes } from '../../domain/two-factor-change.js';
import { isRefusal, type Origin } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { readJourney, type Journey, type Journeys } from './journey.js';
import type { MessageKey } from './language.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'proofs' | 'sessions' | 'sealer'> {
  readonly journeys: Journeys;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

/** What the second step shows; it travels sealed in the form, so that a wrong code shows the same picture again. */
export interface Setup {
  readonly secret: string;
  readonly address: string;
}

/** What the steps are taken for: each has words of its own, and one form is never taken for the other's. */
type Purpose = 'enable' | 'replace' | 'renew' | 'passkey';
type CodePurpose = Extract<Purpose, 'enable' | 'replace'>;

const CODE_WORDS = {
  enable: {
    title: 'two-factor-code.title',
    heading: 'two-factor-code.heading',
    submit: 'two-factor-code.submit',
  },
  replace: {
    title: 'two-factor-replace-code.title',
    heading: 'two-factor-replace-code.title',
    submit: 'two-factor-replace-code.submit',
  },
} as const satisfies Record<CodePurpose, Record<string, MessageKey>>;

const ACTIONS = {
  enable: '/account/security/two-factor/confirm',
  replace: '/account/security/two-factor/replace/confirm',
} as const;

const CODES_HEADINGS = {
  enable: 'two-factor-codes.heading',
  replace: 'two-factor-codes.heading-replaced',
  renew: 'two-factor-codes.heading-renewed',
  passkey: 'two-factor-codes.heading-passkey',
} as const satisfies Record<Purpose, MessageKey>;

/** What the security page says afterwards. */
const NOTICES = {
  enable: 'two-factor-on',
  replace: 'authenticator-replaced',
  renew: 'codes-renewed',
  passkey: 'passkey-added',
} as const;

const OVERTAKEN = '/account/security?notice=codes-overtaken';

const isPurpose = (text: string | undefined): text is Purpose =>
  text !== undefined && Object.hasOwn(NOTICES, text);

export type TwoFactorSteps = ReturnType<typeof createTwoFactorSteps>;

export function createTwoFactorSteps(dependencies: Dependencies) {
  const { proofs, sessions, sealer, journeys, enter, renderer } = dependencies;

  const boundTo = (ctx: PageContext, purpose: Purpose) =>
    `two-factor ${purpose} ${signedIn(ctx).account.accountId}`;

  /** Whether the codes that were shown, named by their set, have given way to newer ones. */
  async function isOvertaken(ctx: PageContext, fields: Form): Promise<boolean> {
    const shown = fields.get('set');
    return shown !== undefined && shown !== (await proofs.findRecoverySet(signedIn(ctx).account.accountId));
  }

  /** After the last step: back to the link that waits, or to where it began. */
  const goOn = (ctx: PageContext, journey: Journey) =>
    journeys.destination(ctx, { place: 'security', ...journey });

  /** What the form of the second step carries; undefined for none of ours. */
  function openSetup(ctx: PageContext, purpose: Purpose, form: Form): Setup | undefined {
    try {
      return JSON.parse(sealer.open(form.get('setup') ?? '', boundTo(ctx, purpose))) as Setup;
    } catch {
      return undefined;
    }
  }

  async function showCode(
    ctx: PageContext,
    purpose: CodePurpose,
    journey: Journey,
    setup: Setup,
    extra: object = {},
  ): Promise<void> {
    const { language } = visitorOf(ctx);
    const { secret, address } = setup;
    renderer.show(ctx, 'account/two-factor-code', {
      title: language.t(CODE_WORDS[purpose].title),
      heading: language.t(CODE_WORDS[purpose].heading),
      submit: language.t(CODE_WORDS[purpose].submit),
      action: ACTIONS[purpose],
      step: 2,
      journey,
      secret,
      secretGroups: secret.match(/.{1,4}/g) ?? [],
      address,
      qr: await QRCode.toString(address, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 }),
      sealedSetup: sealer.seal(JSON.stringify({ secret, address }), boundTo(ctx, purpose)),
      reminder: journeys.reminder(ctx),
      ...extra,
    });
  }

  /** Takes the browser into its new session, and shows the codes, this once. */
  async function showRecoveryCodes(
    ctx: PageContext,
    purpose: Purpose,
    journey: Journey,
    made: IssuedSession & NewCodes,
  ): Promise<void> {
    enter(ctx, made);
    const { language } = visitorOf(ctx);
    const { account } = signedIn(ctx);
    const codes = made.recoveryCodes;
    const lines = [language.t('two-factor-codes.file', { name: account.username }), '', ...codes, ''];
    const others = (await sessions.listSessions(account.accountId)).length - 1;
    renderer.show(ctx, 'account/two-factor-codes', {
      title: language.t('two-factor-codes.title'),
      heading: language.t(CODES_HEADINGS[purpose]),
      step: purpose === 'renew' || purpose === 'passkey' ? undefined : 3,
      purpose,
      journey,
      codes,
      setId: made.setId,
      otherSessions: others,
      file: `data:text/plain;charset=utf-8,${encodeURIComponent(lines.join('\r\n'))}`,
    });
  }

  /** What the security page says afterwards, or, where something waits, on to that. */
  function leadOn(ctx: PageContext, purpose: Purpose, journey: Journey): void {
    const address = goOn(ctx, journey);
    leadTo(ctx, address === '/account/security' ? `${address}?notice=${NOTICES[purpose]}` : address);
  }

  /** After a factor was added: its codes where they came with it; else the browser goes on in its new session. */
  async function showMade(
    ctx: PageContext,
    purpose: Purpose,
    journey: Journey,
    { recoveryCodes, setId, ...issued }: IssuedSession & Partial<NewCodes>,
  ): Promise<void> {
    if (recoveryCodes && setId !== undefined)
      return showRecoveryCodes(ctx, purpose, journey, { ...issued, recoveryCodes, setId });
    enter(ctx, issued);
    leadOn(ctx, purpose, journey);
  }

  return {
    goOn,
    showCode,
    showRecoveryCodes,
    showMade,

    /**
     * Takes the six digits of the second step: `turnOn` ends what they are for, and the codes are shown. A wrong code shows
     * the same picture again; `startAgain` is shown where the set-up is over, or none of ours.
     */
    async confirm(
      ctx: PageContext,
      purpose: CodePurpose,
      turnOn: (session: Session, code: string, origin: Origin) => Promise<IssuedSession & Partial<NewCodes>>,
      startAgain: (journey: Journey, faults: readonly PageFault[]) => void | Promise<void>,
    ): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const setup = openSetup(ctx, purpose, form);
      const over = () => startAgain(journey, [formFault(language, 'password', 'setup-over')]);
      if (!setup) return over();
      const code = form.get('code');
      if (code === undefined) {
        const faults = [formFault(language, 'code', 'code-missing')];
        return showCode(ctx, purpose, journey, setup, { faults });
      }
      try {
        await showMade(ctx, purpose, journey, await turnOn(signedIn(ctx).session, code, origin));
      } catch (error) {
        if (isRefusal(error, 'factor-not-on')) return over();
        if (!isRefusal(error, 'code-wrong')) throw error;
        const faults = [faultOf(language, error, 'code')];
        await showCode(ctx, purpose, journey, setup, { faults, status: explain(error).status });
      }
    },

    /** The same in a window whose form has become too old meanwhile: nothing changes, and it leads on. */
    async showStored(ctx: PageContext): Promise<void> {
      leadTo(ctx, (await isOvertaken(ctx, readQuery(ctx))) ? OVERTAKEN : '/account/security');
    },

    storedSeen: (form: Form): string =>
      `/account/security/two-factor/stored?${new URLSearchParams({ set: form.get('set') ?? 'none' }).toString()}`,

    /**
     * "I have stored them": leads on, and ends the other sessions if that was asked for. Where another window has made newer
     * codes meanwhile, those that were stored are worth nothing, and the security page says so.
     */
    async finish(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const { session } = signedIn(ctx);
      const { accountId } = session;
      if (form.get('end_others') !== undefined) {
        await sessions.endAllSessions(accountId, {
          except: session.sessionHash,
          origin: visitorOf(ctx).origin,
        });
      }
      if (await isOvertaken(ctx, form)) return leadTo(ctx, OVERTAKEN);
      const purpose = form.get('purpose');
      leadOn(ctx, isPurpose(purpose) ? purpose : 'enable', readJourney(form));
    },
  };
}
