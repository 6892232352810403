// The first page: what this is, and the two ways on. Until the operator's account exists it says so, and how to make it.
import type { PagesDependencies } from './dependencies.js';
import type { Renderer } from './render.js';
import { leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accounts' | 'settings'> {
  readonly renderer: Renderer;
}

export function createHomePage({ accounts, settings, renderer }: Dependencies) {
  return {
    async show(ctx: PageContext): Promise<void> {
      // Whoever acts for a member sees that member's own page, and no ways that are not open to them.
      if (visitorOf(ctx).switched) return leadTo(ctx, '/household');
      const isFirstRun = await accounts.isFirstRun();
      renderer.show(ctx, isFirstRun ? 'home-first-run' : 'home', {
        title: visitorOf(ctx).language.t(isFirstRun ? 'home.first-run.title' : 'home.title'),
        maySignUp: settings.signUp === 'open',
        hasDemo: settings.demo !== undefined,
      });
    },
  };
}
