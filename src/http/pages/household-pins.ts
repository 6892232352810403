// One's own profile PIN on its pages: the panel that changes or removes it with the one before, and the reset for who has
// forgotten it, who proves all that a sign-in takes and the password once more. What it takes is decided in
// domain/household-pins; a PIN is read from forms only, and no page ever holds one.
import { isRefusal } from '../../domain/vocabulary.js';
import type { Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import type { HouseholdEditing } from './household-editing.js';
import { addressOf } from './journey.js';
import { pinFaultOf, readVersion } from './pin-form.js';
import { proofFault, readProof, type AskedProof, type AskProof } from './proof-form.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'profilePins'> {
  readonly asking: AskProof;
  readonly editing: HouseholdEditing;
  readonly renderer: Renderer;
}

const HOUSEHOLD = addressOf('household');

export function createProfilePinPages({ profilePins, asking, editing, renderer }: Dependencies) {
  async function showOwn(ctx: PageContext, extra: object = {}): Promise<void> {
    const { isPinRequired, pinVersion } = await editing.findOwn(ctx);
    renderer.show(ctx, 'household/own-pin', {
      title: visitorOf(ctx).language.t('own-pin.title'),
      isPinRequired,
      pinVersion,
      ...extra,
    });
  }

  /** The second factor was asked for on the way here; what is left is that it is the owner. */
  const askedForReset = async (ctx: PageContext): Promise<AskedProof> => ({
    ...(await asking.askedOf(ctx)),
    factor: 'nothing',
  });

  async function showReset(ctx: PageContext, extra: object = {}): Promise<void> {
    const { isPinRequired, pinVersion } = await editing.findOwn(ctx);
    renderer.show(ctx, 'household/pin-reset', {
      title: visitorOf(ctx).language.t('pin-reset.title'),
      isPinRequired,
      pinVersion,
      asks: await askedForReset(ctx),
      ...extra,
    });
  }

  /** What is missing of these fields, each with its words. */
  function missingOf(ctx: PageContext, form: Form, fields: Readonly<Record<string, string>>): PageFault[] {
    const { language } = visitorOf(ctx);
    return Object.entries(fields)
      .filter(([field]) => form.get(field) === undefined)
      .map(([field, words]) => formFault(language, field, words));
  }

  /** A refusal that stands beside the panel; undefined for what deserves an error page. */
  function ownFault(ctx: PageContext, error: unknown): PageFault | undefined {
    const { language } = visitorOf(ctx);
    const isAboutCurrent = isRefusal(error, 'profile-pin-wrong') || isRefusal(error, 'too-many');
    if (isAboutCurrent) return faultOf(language, error, 'current_pin');
    return pinFaultOf(language, error, 'new_pin');
  }

  function resetFault(ctx: PageContext, error: unknown): PageFault | undefined {
    const { language } = visitorOf(ctx);
    if (isRefusal(error, 'too-many')) return faultOf(language, error, 'password');
    return proofFault(ctx, error, { factor: 'nothing' }) ?? pinFaultOf(language, error, 'new_pin');
  }

  /** With a PIN, that one is the proof; without one, a fresh one of the account. */
  const editorFor = (ctx: PageContext, { isPinRequired }: { readonly isPinRequired: boolean }) =>
    isPinRequired ? editing.editorOf(ctx) : editing.freshEditor(ctx, { place: 'own-pin' });

  return {
    async showOwn(ctx: PageContext): Promise<void> {
      if (await editorFor(ctx, await editing.findOwn(ctx))) await showOwn(ctx);
    },

    async changeOwn(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const isRemoval = form.get('action') === 'remove';
      const own = await editing.findOwn(ctx);
      const editor = await editorFor(ctx, own);
      if (!editor) return;
      const faults = missingOf(ctx, form, {
        ...(own.isPinRequired ? { current_pin: 'current-pin-missing' } : {}),
        ...(isRemoval ? {} : { new_pin: 'new-pin-missing' }),
      });
      if (faults.length > 0) return showOwn(ctx, { faults });
      try {
        await profilePins.changeOwnPin(editor, {
          pin: isRemoval ? undefined : form.get('new_pin'),
          current: form.get('current_pin'),
          version: readVersion(form),
        });
      } catch (error) {
        const fault = ownFault(ctx, error);
        if (!fault) throw error;
        return showOwn(ctx, { faults: [fault], status: explain(error).status });
      }
      leadTo(ctx, `${HOUSEHOLD}?notice=${isRemoval ? 'own-pin-removed' : 'own-pin-set'}`);
    },

    async showReset(ctx: PageContext): Promise<void> {
      if (await editing.freshEditor(ctx, { place: 'pin-reset' })) await showReset(ctx);
    },

    async reset(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      if (!(await editing.freshEditor(ctx, { place: 'pin-reset' }))) return;
      const form = formOf(ctx);
      const faults = missingOf(ctx, form, {
        new_pin: 'new-pin-missing',
        new_pin_again: 'new-pin-again-missing',
      });
      const read = readProof(ctx, await askedForReset(ctx));
      const missing = [...faults, ...read.faults];
      if (!read.proof || missing.length > 0) return showReset(ctx, { faults: missing });
      const pin = form.get('new_pin') ?? '';
      if (pin !== form.get('new_pin_again'))
        return showReset(ctx, { faults: [formFault(language, 'new_pin_again', 'pins-differ')] });
      try {
        const { password, passkey } = read.proof;
        const given = { pin, password, passkey, version: readVersion(form) };
        await profilePins.resetOwnPin(signedIn(ctx).session, given, origin);
      } catch (error) {
        const fault = resetFault(ctx, error);
        if (!fault) throw error;
        return showReset(ctx, { faults: [fault], status: explain(error).status });
      }
      leadTo(ctx, `${HOUSEHOLD}?notice=own-pin-reset`);
    },
  };
}
