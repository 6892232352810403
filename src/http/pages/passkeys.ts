// An account's passkeys on their pages: the list, a new one in two steps, another name, and the end of one. Each change takes its
// proof in its own form; the browser's part is static/passkeys.js. What a proof is worth: domain/two-factor-passkeys.
import { readUserAgent } from '../../domain/user-agent.js';
import { MOST_PASSKEYS } from '../../domain/two-factor-passkeys.js';
import { isRefusal } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import {
  addressOf,
  journeyQuery,
  readJourney,
  withRecovery,
  type Journey,
  type Journeys,
} from './journey.js';
import { newPasswordFault } from './password-fault.js';
import { proofFault, readProof, type AskedProof, type AskProof } from './proof-form.js';
import { faultOf, formFault, type Renderer } from './render.js';
import type { TwoFactorSteps } from './two-factor-steps.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'passkeys' | 'ownPasskeys' | 'signIn' | 'settings'> {
  readonly asking: AskProof;
  readonly journeys: Journeys;
  readonly steps: TwoFactorSteps;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

const LIST = addressOf('passkeys');
const LONGEST_NAME = 60;

const fieldsOf = (ctx: PageContext) => (ctx.state.form ? formOf(ctx) : readQuery(ctx));

/** What a new passkey is called until its owner calls it something else: after the browser that makes it. */
function nameFrom(ctx: PageContext): string {
  const { language, origin } = visitorOf(ctx);
  const { browser = '', system = '' } = readUserAgent(origin.userAgent ?? '');
  if (browser && system) return language.t('passkeys.name-of', { browser, system });
  return browser || system || language.t('passkeys.name');
}

export function createPasskeyPages(dependencies: Dependencies) {
  const { passkeys, ownPasskeys, signIn, settings, asking, journeys, steps, enter, renderer } = dependencies;

  const titleOf = (ctx: PageContext, key: Parameters<ReturnType<typeof visitorOf>['language']['t']>[0]) =>
    visitorOf(ctx).language.t(key);

  /** What is lost may be stood in for by a recovery code, or, where the last one was used a moment ago, by nothing more. */
  async function askedFor(ctx: PageContext, { isNew = false } = {}): Promise<AskedProof> {
    const asks = await asking.askedOf(ctx, { withRecovery: fieldsOf(ctx).get('with') === 'recovery' });
    const isStoodIn = isNew && (await signIn.isFromLastCode(signedIn(ctx).session));
    return isStoodIn ? { ...asks, factor: 'nothing' } : asks;
  }

  async function showNew(ctx: PageContext, journey: Journey, extra: object = {}): Promise<void> {
    renderer.show(ctx, 'account/passkey-new', {
      title: titleOf(ctx, 'passkey-new.title'),
      asks: await askedFor(ctx, { isNew: true }),
      hindrance: passkeys.hindrance,
      journey,
      query: journeyQuery(journey),
      queryForRecovery: withRecovery(journeyQuery(journey)),
      reminder: journeys.reminder(ctx),
      ...extra,
    });
  }

  async function showRename(ctx: PageContext, extra: object = {}): Promise<void> {
    const { accountId } = signedIn(ctx).account;
    const passkey = await ownPasskeys.findPasskey(accountId, fieldsOf(ctx).get('passkey_id') ?? '');
    renderer.show(ctx, 'account/passkey-rename', {
      title: titleOf(ctx, 'passkey-rename.title'),
      passkey,
      longestName: LONGEST_NAME,
      asks: await asking.askedOf(ctx),
      ...extra,
    });
  }

  async function showRemove(ctx: PageContext, extra: object = {}): Promise<void> {
    const { accountId } = signedIn(ctx).account;
    const found = await ownPasskeys.describeRemoval(accountId, fieldsOf(ctx).get('passkey_id') ?? '');
    renderer.show(ctx, 'account/passkey-remove', {
      title: titleOf(ctx, 'passkey-remove.title'),
      ...found,
      asks: await askedFor(ctx),
      isRequired: settings.twoFactor === 'required',
      ...extra,
    });
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const own = await ownPasskeys.listPasskeys(signedIn(ctx).account.accountId);
      renderer.show(ctx, 'account/passkeys', {
        title: titleOf(ctx, 'passkeys.title'),
        width: 'wide',
        passkeys: own,
        hindrance: passkeys.hindrance,
        isFull: own.length >= MOST_PASSKEYS,
        most: MOST_PASSKEYS,
      });
    },

    showNew: (ctx: PageContext) => showNew(ctx, readJourney(readQuery(ctx))),

    /** The first step: who is there, and then what the browser is to ask its authenticators for. */
    async begin(ctx: PageContext): Promise<void> {
      const { session, account } = signedIn(ctx);
      const journey = readJourney(formOf(ctx));
      const asks = await askedFor(ctx, { isNew: true });
      const { proof, faults } = readProof(ctx, asks);
      if (!proof) return showNew(ctx, journey, { faults });
      try {
        const options = await ownPasskeys.beginPasskey(session, account, proof, visitorOf(ctx).origin);
        renderer.show(ctx, 'account/passkey-make', {
          title: titleOf(ctx, 'passkey-make.title'),
          options: JSON.stringify(options),
          name: nameFrom(ctx),
          longestName: LONGEST_NAME,
          journey,
          reminder: journeys.reminder(ctx),
        });
      } catch (error) {
        const isAbout = isRefusal(error, 'passkeys-full') || isRefusal(error, 'too-many');
        const fault = isAbout ? faultOf(visitorOf(ctx).language, error) : proofFault(ctx, error, asks);
        if (!fault) throw error;
        await showNew(ctx, journey, { faults: [fault], status: explain(error).status });
      }
    },

    /** The second step: what the browser sent. Whatever is wrong with it, the way on is to begin again. */
    async finish(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const journey = readJourney(form);
      const made = { response: form.get('passkey') ?? '', name: form.get('name') ?? '' };
      try {
        const added = await ownPasskeys.addPasskey(signedIn(ctx).session, made, origin);
        await steps.showMade(ctx, 'passkey', journey, added);
      } catch (error) {
        const codes = [
          'passkey-over',
          'passkey-wrong',
          'passkey-taken',
          'passkeys-full',
          'code-wrong',
        ] as const;
        if (!codes.some((code) => isRefusal(error, code))) throw error;
        const isAbout = isRefusal(error, 'code-wrong') || isRefusal(error, 'passkey-wrong');
        const fault = isAbout
          ? formFault(language, 'password', 'passkey-not-made')
          : faultOf(language, error, 'password');
        await showNew(ctx, journey, { faults: [fault], status: explain(error).status });
      }
    },

    showRename: (ctx: PageContext) => showRename(ctx),

    async rename(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const form = formOf(ctx);
      const name = form.get('name')?.trim() ?? '';
      const asks = await asking.askedOf(ctx);
      const { proof, faults } = readProof(ctx, asks);
      const isNamed = name !== '' && name.length <= LONGEST_NAME;
      const missing = [...(isNamed ? [] : [formFault(language, 'name', 'passkey-name-invalid')]), ...faults];
      if (!proof || missing.length > 0) return showRename(ctx, { faults: missing, typedName: name });
      try {
        const passkeyId = form.get('passkey_id') ?? '';
        enter(
          ctx,
          await ownPasskeys.renamePasskey(signedIn(ctx).session, { ...proof, passkeyId, name }, origin),
        );
        leadTo(ctx, `${LIST}?notice=passkey-renamed`);
      } catch (error) {
        const fault = proofFault(ctx, error, asks);
        if (!fault) throw error;
        const again = { faults: [fault], typedName: name, status: explain(error).status };
        await showRename(ctx, again);
      }
    },

    showRemove: (ctx: PageContext) => showRemove(ctx),

    async remove(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      const { session, account } = signedIn(ctx);
      const form = formOf(ctx);
      const passkeyId = form.get('passkey_id') ?? '';
      const newPassword = form.get('new_password');
      const { isLongerDue } = await ownPasskeys.describeRemoval(account.accountId, passkeyId);
      const asks = await askedFor(ctx);
      const { proof, faults } = readProof(ctx, asks);
      const isPasswordMissing = isLongerDue && newPassword === undefined;
      const missing = [
        ...faults,
        ...(isPasswordMissing ? [formFault(language, 'new_password', 'new-password-missing')] : []),
      ];
      if (!proof || missing.length > 0) return showRemove(ctx, { faults: missing });
      try {
        const asked = { ...proof, passkeyId, newPassword };
        enter(ctx, await ownPasskeys.removePasskey(session, asked, origin));
        leadTo(ctx, `${LIST}?notice=passkey-removed`);
      } catch (error) {
        const fault = newPasswordFault(language, error, false) ?? proofFault(ctx, error, asks);
        if (!fault) throw error;
        await showRemove(ctx, { faults: [fault], status: explain(error).status });
      }
    },
  };
}
