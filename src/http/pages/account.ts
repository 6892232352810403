// The account as its owner sees it: who they are, their address, their language, and what stands guard over it.
import { FEW_CODES } from '../../domain/recovery-codes.js';
import type { PagesDependencies } from './dependencies.js';
import type { IdentityPages } from './identities.js';
import { isLanguageTag, languageNames } from './language.js';
import type { OldToolsPages } from './old-tools.js';
import { formFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<
  PagesDependencies,
  'accounts' | 'proofs' | 'passkeys' | 'ownPasskeys' | 'settings'
> {
  readonly oldTools: Pick<OldToolsPages, 'describeSwitches'>;
  readonly identities: Pick<IdentityPages, 'describe'>;
  readonly renderer: Renderer;
}

export function createAccountPages(dependencies: Dependencies) {
  const { accounts, proofs, passkeys, ownPasskeys, settings, oldTools, identities, renderer } = dependencies;

  function showAccount(ctx: PageContext, extra: object = {}): void {
    const { language } = visitorOf(ctx);
    const { account } = signedIn(ctx);
    renderer.show(ctx, 'account/account', {
      title: language.t('account.title'),
      account,
      languages: languageNames,
      chosen: language.tag,
      maySendMail: settings.maySendMail,
      ...extra,
    });
  }

  return {
    show: (ctx: PageContext) => showAccount(ctx),

    async changeLanguage(ctx: PageContext): Promise<void> {
      const tag = formOf(ctx).get('language');
      if (!isLanguageTag(tag)) {
        const fault = formFault(visitorOf(ctx).language, 'language', 'language-unknown');
        return showAccount(ctx, { faults: [fault] });
      }
      await accounts.changeLanguage(signedIn(ctx).account.accountId, tag);
      leadTo(ctx, '/account?notice=language-saved');
    },

    async showSecurity(ctx: PageContext): Promise<void> {
      const { account } = signedIn(ctx);
      const hasSecondFactor = await proofs.hasSecondFactor(account.accountId);
      const codesLeft = hasSecondFactor ? await proofs.countRecoveryCodes(account.accountId) : 0;
      renderer.show(ctx, 'account/security', {
        title: visitorOf(ctx).language.t('security.title'),
        hasSecondFactor,
        hasAuthenticator: await proofs.hasAuthenticator(account.accountId),
        passkeys: await ownPasskeys.listPasskeys(account.accountId),
        hindrance: passkeys.hindrance,
        codesLeft,
        areCodesFew: hasSecondFactor && codesLeft <= FEW_CODES,
        isRequired: settings.twoFactor === 'required',
        oldTools: await oldTools.describeSwitches(ctx),
        connected: await identities.describe(ctx),
      });
    },
  };
}
