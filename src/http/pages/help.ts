// Long reading: what two-factor is for, and what to do when a phone or the codes are gone.
import type { Renderer } from './render.js';
import { visitorOf, type PageContext } from './visitor.js';

export function createHelpPages({ renderer }: { readonly renderer: Renderer }) {
  return {
    showTwoFactor(ctx: PageContext): void {
      renderer.show(ctx, 'help-two-factor', {
        title: visitorOf(ctx).language.t('help-two-factor.title'),
        width: 'wide',
      });
    },
  };
}
