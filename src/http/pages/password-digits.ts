// A word about a new password that ends in six digits: old tools with nothing but a password box would take them for the
// code. It warns and forbids nothing, and it says so on the answer itself: an address would keep it. CHECKLIST 3.8.9.
import { endsInSixDigits } from '../../domain/fallback-grammar.js';
import type { PageSettings } from './dependencies.js';
import type { Renderer } from './render.js';
import { leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies {
  readonly settings: Pick<PageSettings, 'fallbackDoor'>;
  readonly renderer: Renderer;
}

export type LeadOnWithPassword = ReturnType<typeof createDigitsWarning>;

/** Makes what leads on after a password was set: at once, or past the warning. */
export function createDigitsWarning({ settings, renderer }: Dependencies) {
  return (ctx: PageContext, password: string, destination: string): void => {
    if (settings.fallbackDoor === 'off' || !endsInSixDigits(password)) return leadTo(ctx, destination);
    const title = visitorOf(ctx).language.t('password-digits.title');
    renderer.show(ctx, 'password-digits', { title, leadsTo: destination });
  };
}
