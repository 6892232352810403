// A word about a new password that old tools with nothing but a password box would read as something else: its last six digits as
// the code, or all of it as an app password. It warns and forbids nothing, and it says so on the answer itself: an address would
// keep it. CHECKLIST 3.8.2 and 3.8.9.
import { readAppPassword } from '../../domain/app-password-records.js';
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
    const { t } = visitorOf(ctx).language;
    if (settings.fallbackDoor === 'off') return leadTo(ctx, destination);
    if (endsInSixDigits(password)) {
      return renderer.show(ctx, 'password-digits', {
        title: t('password-digits.title'),
        leadsTo: destination,
      });
    }
    if (readAppPassword(password) === undefined) return leadTo(ctx, destination);
    renderer.show(ctx, 'password-letters', { title: t('password-letters.title'), leadsTo: destination });
  };
}
