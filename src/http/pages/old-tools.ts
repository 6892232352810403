// What the owner of an account allows old tools to do: its section on the security page, and the page that turns each switch
// with a fresh proof. What the switches mean is decided in domain/fallback and domain/links.
import type { AccountSwitches, SwitchName } from '../../domain/account-switches.js';
import type { AccountId } from '../../domain/vocabulary.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import type { MessageKey } from './language.js';
import { proofFault, readProof, type AskProof } from './proof-form.js';
import type { Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'proofs' | 'settings'> {
  readonly accountSwitches: AccountSwitches;
  readonly asking: AskProof;
  readonly renderer: Renderer;
}

/** How a switch looks: the words for how it stands, and where it is turned, if it can be. */
interface SwitchModel {
  readonly text: string;
  readonly isOn: boolean;
  readonly address?: string;
}

const ADDRESSES = {
  fallback: '/account/security/old-tools',
  'link-by-token': '/account/security/old-tools/links',
  'app-passwords': '/account/security/app-passwords/switch',
} as const satisfies Record<SwitchName, string>;

const TITLES = {
  fallback: { on: 'old-tools.turn-on.title', off: 'old-tools.turn-off.title' },
  'link-by-token': { on: 'old-tools-links.turn-on.title', off: 'old-tools-links.turn-off.title' },
  'app-passwords': { on: 'app-passwords.turn-on.title', off: 'app-passwords.turn-off.title' },
} as const satisfies Record<SwitchName, Record<'on' | 'off', MessageKey>>;

const LEADS = {
  fallback: { on: 'old-tools.turn-on.lead', off: 'old-tools.turn-off.lead' },
  'link-by-token': { on: 'old-tools-links.turn-on.lead', off: 'old-tools-links.turn-off.lead' },
  'app-passwords': { on: 'app-passwords.turn-on.lead', off: 'app-passwords.turn-off.lead' },
} as const satisfies Record<SwitchName, Record<'on' | 'off', MessageKey>>;

export type OldToolsPages = ReturnType<typeof createOldToolsPages>;

export function createOldToolsPages({ accountSwitches, proofs, settings, asking, renderer }: Dependencies) {
  /** What stands in the way of a switch, whichever way it is turned; undefined for nothing. */
  async function hindranceOf(
    name: SwitchName,
    accountId: AccountId,
    hasCodes: boolean,
  ): Promise<MessageKey | undefined> {
    if (settings.fallbackDoor === 'off') return 'old-tools.not-here';
    if (name === 'app-passwords' || hasCodes) return undefined;
    // A passkey cannot be typed behind a password, and the password alone opens nothing beside one.
    if (await proofs.hasSecondFactor(accountId)) return 'old-tools.needs-authenticator';
    const takesCode = settings.fallbackDoor === 'with-code' || name === 'link-by-token';
    return takesCode ? 'old-tools.needs-two-factor' : undefined;
  }

  function wordsOf(name: SwitchName, isOn: boolean, hasCodes: boolean): MessageKey {
    if (name === 'link-by-token') return isOn ? 'old-tools-links.on' : 'old-tools-links.off';
    if (name === 'app-passwords') return isOn ? 'app-passwords.on' : 'app-passwords.off';
    if (!isOn) return 'old-tools.off';
    return hasCodes ? 'old-tools.on-code' : 'old-tools.on-password';
  }

  const isThere = (name: SwitchName): boolean => name !== 'link-by-token' || settings.maySwitchLinkByToken;

  async function describe(ctx: PageContext, name: SwitchName): Promise<SwitchModel | undefined> {
    if (!isThere(name)) return undefined;
    const { language } = visitorOf(ctx);
    const { accountId } = signedIn(ctx).account;
    const hasCodes = await proofs.hasAuthenticator(accountId);
    const isOn = (await accountSwitches.findSwitches(accountId))[name];
    const hindrance = await hindranceOf(name, accountId, hasCodes);
    if (hindrance) return { text: language.t(hindrance), isOn: false };
    return { text: language.t(wordsOf(name, isOn, hasCodes)), isOn, address: ADDRESSES[name] };
  }

  async function showQuestion(ctx: PageContext, name: SwitchName, extra: object = {}): Promise<void> {
    const { language } = visitorOf(ctx);
    const described = await describe(ctx, name);
    // Nothing to turn: the security page says why.
    if (!described?.address) return leadTo(ctx, '/account/security');
    const turn = described.isOn ? 'off' : 'on';
    renderer.show(ctx, 'account/switch', {
      title: language.t(TITLES[name][turn]),
      lead: language.t(LEADS[name][turn]),
      address: described.address,
      turn,
      asks: await asking.askedOf(ctx),
      ...extra,
    });
  }

  async function turn(ctx: PageContext, name: SwitchName): Promise<void> {
    const { session } = signedIn(ctx);
    const { address } = (await describe(ctx, name)) ?? {};
    if (!address) return leadTo(ctx, '/account/security');
    const asks = await asking.askedOf(ctx);
    const { proof, faults } = readProof(ctx, asks);
    if (!proof) return showQuestion(ctx, name, { faults });
    // What the form offered is done, and not the opposite of how things stand meanwhile.
    const isOn = formOf(ctx).get('turn') === 'on';
    try {
      await accountSwitches.turnSwitch(session, { name, isOn }, proof, visitorOf(ctx).origin);
    } catch (error) {
      const fault = proofFault(ctx, error, asks);
      if (!fault) throw error;
      return showQuestion(ctx, name, { faults: [fault], status: explain(error).status });
    }
    leadTo(ctx, `/account/security?notice=${isOn ? 'switched-on' : 'switched-off'}`);
  }

  return {
    /** For the security page: how the switches stand; that of links only where the operator lets tools link others. */
    async describeSwitches(ctx: PageContext) {
      return {
        signIn: await describe(ctx, 'fallback'),
        appPasswords: await describe(ctx, 'app-passwords'),
        links: await describe(ctx, 'link-by-token'),
      };
    },

    show: (ctx: PageContext) => showQuestion(ctx, 'fallback'),
    turn: (ctx: PageContext) => turn(ctx, 'fallback'),
    showLinks: (ctx: PageContext) => showQuestion(ctx, 'link-by-token'),
    turnLinks: (ctx: PageContext) => turn(ctx, 'link-by-token'),
    showAppPasswords: (ctx: PageContext) => showQuestion(ctx, 'app-passwords'),
    turnAppPasswords: (ctx: PageContext) => turn(ctx, 'app-passwords'),
  };
}
