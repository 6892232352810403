// Long reading: what two-factor is for, what to do when a phone or the codes are gone, and how old tools sign in.
import type { PagesDependencies } from './dependencies.js';
import type { Renderer } from './render.js';
import { visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'settings'> {
  readonly renderer: Renderer;
}

export function createHelpPages({ settings, renderer }: Dependencies) {
  return {
    showTwoFactor(ctx: PageContext): void {
      renderer.show(ctx, 'help-two-factor', {
        title: visitorOf(ctx).language.t('help-two-factor.title'),
        width: 'wide',
      });
    },

    /** For the owner of an account, and for the author of a tool to whom the owner sends the address. */
    showOldTools(ctx: PageContext): void {
      renderer.show(ctx, 'help-old-tools', {
        title: visitorOf(ctx).language.t('help-old-tools.title'),
        width: 'wide',
        metadataAddress: `${settings.publicUrl}/.well-known/oauth-authorization-server`,
        pinsAddress: `${settings.publicUrl}/api/v2/pins`,
      });
    },
  };
}
