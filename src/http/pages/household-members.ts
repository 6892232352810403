// Members without an account on their pages: added, changed and removed by the owner of the household, who also sets their
// profile PIN and lets it be tried again. Of a member with an account the owner may change nothing, and can only end that
// they are one. What is decided stands in domain/household and domain/household-pins.
import { COLOURS, PICTURES, RESTRICTIONS, type MemberLook } from '../../domain/household-records.js';
import { isRefusal, type MemberKind } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import type { HouseholdEditing } from './household-editing.js';
import {
  COLOUR_WORDS,
  PICTURE_WORDS,
  presentMember,
  RESTRICTION_WORDS,
  type ShownMember,
} from './household-words.js';
import { addressAbout, addressOf } from './journey.js';
import type { Language, MessageKey } from './language.js';
import { pinFaultOf, readVersion } from './pin-form.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'household' | 'profilePins'> {
  readonly editing: HouseholdEditing;
  readonly renderer: Renderer;
}

const HOUSEHOLD = addressOf('household');
const LONGEST_NAME = 40;

/** What it means for them to be removed. */
const REMOVAL_WORDS = {
  owner: 'member.remove-full',
  full: 'member.remove-full',
  managed: 'member.remove-managed',
  guest: 'member.remove-guest',
} as const satisfies Record<MemberKind, MessageKey>;

/** What was chosen of a closed list; anything else is as if nothing had been. */
function choiceOf<Choice extends string>(
  form: Form,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const given = form.get(name);
  return choices.find((choice) => choice === given);
}

function readLook(form: Form): Partial<MemberLook> {
  const picture = choiceOf(form, 'picture', PICTURES);
  const colour = choiceOf(form, 'colour', COLOURS);
  const restriction = choiceOf(form, 'restriction', RESTRICTIONS);
  return {
    ...(picture ? { picture } : {}),
    ...(colour ? { colour } : {}),
    ...(restriction ? { restriction } : {}),
  };
}

/** The choices of the form, with the words for each. */
function choicesOf({ t }: Language) {
  return {
    pictures: PICTURES.map((picture) => ({ picture, words: t(PICTURE_WORDS[picture]) })),
    colours: COLOURS.map((colour) => ({ colour, words: t(COLOUR_WORDS[colour]) })),
    restrictions: RESTRICTIONS.map((restriction) => ({
      restriction,
      words: t(RESTRICTION_WORDS[restriction]),
    })),
    longestName: LONGEST_NAME,
  };
}

/** A refusal of the name or of another member, beside the form. */
function lookFault(ctx: PageContext, error: unknown): PageFault | undefined {
  const { language } = visitorOf(ctx);
  if (isRefusal(error, 'member-name-invalid')) return faultOf(language, error, 'name');
  const isShown = isRefusal(error, 'household-full') || isRefusal(error, 'too-many');
  return isShown ? faultOf(language, error) : undefined;
}

export function createMemberPages({ household, profilePins, editing, renderer }: Dependencies) {
  function showNew(ctx: PageContext, extra: object = {}): void {
    const { language } = visitorOf(ctx);
    renderer.show(ctx, 'household/new', {
      title: language.t('member-new.title'),
      width: 'middle',
      ...choicesOf(language),
      look: { picture: 'letter', restriction: 'none' },
      letter: 'A',
      ...extra,
    });
  }

  function showMember(ctx: PageContext, member: ShownMember, extra: object = {}): void {
    const { language } = visitorOf(ctx);
    const shown = presentMember(member, language);
    renderer.show(ctx, 'household/member', {
      title: shown.name,
      width: 'middle',
      ...choicesOf(language),
      member: shown,
      look: member,
      typedName: member.name,
      letter: shown.look.letter,
      removal: language.t(REMOVAL_WORDS[member.kind], { name: shown.name }),
      ...extra,
    });
  }

  /** Shows the form again where the refusal belongs beside it, and passes on any other. */
  async function orShow(ctx: PageContext, member: ShownMember, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      const isChanged = isRefusal(error, 'profile-pin-changed');
      const fault = lookFault(ctx, error) ?? pinFaultOf(visitorOf(ctx).language, error, 'new_pin');
      if (!fault) throw error;
      // As it stands now: another window was faster.
      const present = isChanged ? await editing.findOther(ctx, member.subjectId) : member;
      const typed = formOf(ctx).has('name') ? { typedName: formOf(ctx).get('name') } : {};
      const look = { ...present, ...readLook(formOf(ctx)) };
      showMember(ctx, present, { faults: [fault], status: explain(error).status, look, ...typed });
    }
  }

  const doneWith = (member: ShownMember, notice: string): string =>
    addressAbout('member', { member: member.subjectId, notice });

  return {
    async showNew(ctx: PageContext): Promise<void> {
      await editing.refuseUnlessOwner(ctx);
      if (await editing.freshEditor(ctx, { place: 'new-member' })) showNew(ctx);
    },

    async add(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const editor = await editing.freshEditor(ctx, { place: 'new-member' });
      if (!editor) return;
      try {
        const look = readLook(form);
        const { subjectId } = await household.addManaged(editor, { ...look, name: form.get('name') ?? '' });
        leadTo(ctx, addressAbout('member', { member: subjectId, notice: 'member-added' }));
      } catch (error) {
        const fault = lookFault(ctx, error);
        if (!fault) throw error;
        const look = { picture: 'letter', restriction: 'none', ...readLook(form) };
        const typed = { look, typedName: form.get('name') };
        showNew(ctx, { faults: [fault], status: explain(error).status, ...typed });
      }
    },

    async show(ctx: PageContext): Promise<void> {
      await editing.refuseUnlessOwner(ctx);
      const member = await editing.findOther(ctx, readQuery(ctx).get('member'));
      const journey = { place: 'member', member: member.subjectId } as const;
      if (await editing.freshEditor(ctx, journey)) showMember(ctx, member);
    },

    async edit(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const member = await editing.findOther(ctx, form.get('member'));
      const { subjectId } = member;
      const editor = await editing.freshEditor(ctx, { place: 'member', member: subjectId });
      if (!editor) return;
      await orShow(ctx, member, async () => {
        const look = { ...readLook(form), name: form.get('name') ?? '' };
        await household.editManaged(editor, subjectId, look);
        leadTo(ctx, doneWith(member, 'member-changed'));
      });
    },

    /** Sets, changes or removes the PIN of somebody without an account, without knowing it. */
    async setPin(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const member = await editing.findOther(ctx, form.get('member'));
      const { subjectId } = member;
      const editor = await editing.freshEditor(ctx, { place: 'member', member: subjectId });
      if (!editor) return;
      const isRemoval = form.get('action') === 'remove';
      const pin = form.get('new_pin');
      if (!isRemoval && pin === undefined) {
        const faults = [formFault(visitorOf(ctx).language, 'new_pin', 'new-pin-missing')];
        return showMember(ctx, member, { faults });
      }
      await orShow(ctx, member, async () => {
        const change = { pin: isRemoval ? undefined : pin, version: readVersion(form) };
        await profilePins.setManagedPin(editor, subjectId, change);
        leadTo(ctx, doneWith(member, isRemoval ? 'pin-removed' : 'pin-set'));
      });
    },

    /** Anybody whose PIN the owner answers for, the owner's own too. */
    async unlock(ctx: PageContext): Promise<void> {
      const { subjectId } = await editing.findAny(ctx, formOf(ctx).get('member'));
      const editor = await editing.freshEditor(ctx, { place: 'household' });
      if (!editor) return;
      await profilePins.unlockPin(editor, subjectId);
      leadTo(ctx, `${HOUSEHOLD}?notice=pin-unlocked`);
    },

    async askRemove(ctx: PageContext): Promise<void> {
      await editing.refuseUnlessOwner(ctx);
      const { language } = visitorOf(ctx);
      const member = await editing.findOther(ctx, readQuery(ctx).get('member'));
      const journey = { place: 'member', member: member.subjectId } as const;
      if (!(await editing.freshEditor(ctx, journey))) return;
      const shown = presentMember(member, language);
      const title = language.t('member-remove.title', { name: shown.name });
      renderer.show(ctx, 'household/remove', { title, member: shown });
    },

    async remove(ctx: PageContext): Promise<void> {
      const { subjectId } = await editing.findOther(ctx, formOf(ctx).get('member'));
      const editor = await editing.freshEditor(ctx, { place: 'member', member: subjectId });
      if (!editor) return;
      await household.removeMember(editor, subjectId);
      leadTo(ctx, `${HOUSEHOLD}?notice=member-removed`);
    },
  };
}
