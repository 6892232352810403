// "Who is it?": a browser goes over to a member of the household, with their PIN where they have one, and shows from then on
// nothing but the page of that member, until it is switched on or somebody signs in. A PIN comes by the form alone: what an
// address carries is not looked at. Who may be switched to, and what a try costs, is decided in domain/household-switch.
import type { Household } from '../../domain/household-records.js';
import { DomainError, isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { presentMember, type MemberModel } from './household-words.js';
import { addressOf } from './journey.js';
import { faultOf, formFault, type Renderer } from './render.js';
import { formOf, leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'household' | 'profileSwitch' | 'guards'> {
  readonly renderer: Renderer;
}

/** The page of whoever a browser was switched to. */
const START = '/household';
/** Refusals that stand beside the PIN: whatever was wrong with it is one answer. */
const AT_PIN = ['profile-pin-wrong', 'too-many', 'service-busy'] as const;

export function createSwitchPages({ household, profileSwitch, guards, renderer }: Dependencies) {
  /** What the browser has: it is signed in, or acts for a member. */
  function browserOf(ctx: PageContext) {
    const { session, switched } = visitorOf(ctx);
    const browser = switched?.session ?? session;
    if (!browser) throw new DomainError('sign-in-over');
    return browser;
  }

  const findHousehold = (ctx: PageContext): Promise<Household | undefined> =>
    household.findHousehold(browserOf(ctx).subjectId);

  /** Those with an account can be switched to only if they have a PIN. */
  function presentChoices(ctx: PageContext, found: Household | undefined) {
    const { subjectId } = browserOf(ctx);
    return (found?.members ?? []).map((member) => ({
      ...presentMember(member, visitorOf(ctx).language),
      isPresent: member.subjectId === subjectId,
      isOpen: member.isPinRequired || member.kind === 'managed' || member.kind === 'guest',
    }));
  }

  async function showChoices(ctx: PageContext, extra: object = {}): Promise<void> {
    const choices = presentChoices(ctx, await findHousehold(ctx));
    renderer.show(ctx, 'household/switch', {
      title: visitorOf(ctx).language.t('switch.title'),
      width: 'middle',
      choices,
      isAlone: choices.length < 2,
      ...extra,
    });
  }

  function showPin(ctx: PageContext, member: MemberModel, extra: object = {}): void {
    renderer.show(ctx, 'household/pin', {
      title: visitorOf(ctx).language.t('switch-pin.title', { name: member.name }),
      member,
      ...extra,
    });
  }

  /** Refuses `not-found`: nobody, and somebody of another household, alike. */
  async function findMeant(ctx: PageContext, named: string): Promise<MemberModel> {
    const member = await household.findMember(browserOf(ctx).subjectId, { subjectId: named });
    return presentMember(member, visitorOf(ctx).language);
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const named = readQuery(ctx).get('member');
      if (named === undefined) return showChoices(ctx);
      const member = await findMeant(ctx, named);
      if (!member.isPinRequired) return leadTo(ctx, addressOf('switch'));
      showPin(ctx, member);
    },

    async submit(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const member = await findMeant(ctx, form.get('member') ?? '');
      const pin = form.get('pin');
      if (member.isPinRequired && pin === undefined)
        return showPin(ctx, member, { faults: [formFault(language, 'pin', 'pin-missing')] });
      try {
        const to = { subjectId: member.subjectId, ...(pin === undefined ? {} : { pin }) };
        guards.beginSwitched(ctx, await profileSwitch.switchSession(browserOf(ctx), to, origin));
      } catch (error) {
        if (!AT_PIN.some((code) => isRefusal(error, code))) throw error;
        const { status } = explain(error);
        if (member.isPinRequired)
          return showPin(ctx, member, { faults: [faultOf(language, error, 'pin')], status });
        return showChoices(ctx, { faults: [faultOf(language, error)], status });
      }
      leadTo(ctx, START);
    },

    /** The page of the member whom this browser acts for; for anybody else, the way to their own. */
    async showStart(ctx: PageContext): Promise<void> {
      const { switched, session, language } = visitorOf(ctx);
      if (!switched) return leadTo(ctx, session ? addressOf('household') : '/sign-in?next=household');
      const found = await findHousehold(ctx);
      const owner = found?.members[0];
      renderer.show(ctx, 'household/start', {
        title: presentMember(switched.member, language).name,
        member: presentMember(switched.member, language),
        owner: owner && presentMember(owner, language).name,
      });
    },
  };
}
