// App passwords on their page: the list, a new one with a fresh proof, shown once, and the end of one after a question. What they
// open is decided in domain/fallback-app-password, whether they open anything is a switch (old-tools.ts).
import type { AppPasswordId } from '../../domain/app-password-records.js';
import { MOST_APP_PASSWORDS } from '../../domain/app-passwords.js';
import { DomainError, isRefusal } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import type { OldToolsPages } from './old-tools.js';
import { proofFault, readProof, type AskProof } from './proof-form.js';
import { formFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type Entrance, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'appPasswords' | 'settings'> {
  readonly asking: AskProof;
  readonly oldTools: Pick<OldToolsPages, 'describeSwitches'>;
  readonly enter: Entrance;
  readonly renderer: Renderer;
}

const LONGEST_NAME = 60;
const PAGE = '/account/security/app-passwords';

export function createAppPasswordPages(dependencies: Dependencies) {
  const { appPasswords, settings, asking, oldTools, enter, renderer } = dependencies;

  async function showList(ctx: PageContext, extra: object = {}): Promise<void> {
    const { language } = visitorOf(ctx);
    const made = await appPasswords.listAppPasswords(signedIn(ctx).account.accountId);
    renderer.show(ctx, 'account/app-passwords', {
      title: language.t('app-passwords.title'),
      width: 'wide',
      appPasswords: made,
      isFull: made.length >= MOST_APP_PASSWORDS,
      most: MOST_APP_PASSWORDS,
      longestName: LONGEST_NAME,
      state: (await oldTools.describeSwitches(ctx)).appPasswords,
      asks: await asking.askedOf(ctx),
      ...extra,
    });
  }

  /** The named one, if it is this account's. Refuses `not-found`. */
  async function findMeant(ctx: PageContext, fields: Form) {
    const named = fields.get('app_password') as AppPasswordId | undefined;
    const made = await appPasswords.listAppPasswords(signedIn(ctx).account.accountId);
    const meant = made.find(({ appPasswordId }) => appPasswordId === named);
    if (!meant) throw new DomainError('not-found');
    return meant;
  }

  return {
    show: (ctx: PageContext) => showList(ctx),

    async make(ctx: PageContext): Promise<void> {
      const { language, origin } = visitorOf(ctx);
      if (settings.fallbackDoor === 'off') return leadTo(ctx, PAGE);
      const asks = await asking.askedOf(ctx);
      const name = formOf(ctx).get('name')?.trim() ?? '';
      const isNamed = name !== '' && name.length <= LONGEST_NAME;
      const nameFault = formFault(language, 'name', 'name-invalid');
      const { proof, faults } = readProof(ctx, asks);
      const missing = [...(isNamed ? [] : [nameFault]), ...faults];
      if (!proof || missing.length > 0) return showList(ctx, { faults: missing, typedName: name });
      try {
        const made = await appPasswords.makeAppPassword(signedIn(ctx).session, { ...proof, name }, origin);
        if (made.outcome === 'full') return await showList(ctx, { status: 409 });
        enter(ctx, made);
        renderer.show(ctx, 'account/app-password-made', {
          title: language.t('app-password-made.title'),
          appPassword: made.appPassword,
          shown: made.shown,
        });
      } catch (error) {
        const isNameless = isRefusal(error, 'client-metadata-invalid');
        const fault = isNameless ? nameFault : proofFault(ctx, error, asks);
        if (!fault) throw error;
        await showList(ctx, { faults: [fault], typedName: name, status: explain(error).status });
      }
    },

    async askRevoke(ctx: PageContext): Promise<void> {
      const appPassword = await findMeant(ctx, readQuery(ctx));
      const title = visitorOf(ctx).language.t('app-password-revoke.title', { name: appPassword.name });
      renderer.show(ctx, 'account/app-password-revoke', { title, appPassword });
    },

    async revoke(ctx: PageContext): Promise<void> {
      const { appPasswordId } = await findMeant(ctx, formOf(ctx));
      const { accountId } = signedIn(ctx).account;
      await appPasswords.revokeAppPassword(accountId, appPasswordId, visitorOf(ctx).origin);
      leadTo(ctx, `${PAGE}?notice=app-password-revoked`);
    },
  };
}
