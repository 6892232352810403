// The first page: what this is, and the two ways on. Until the operator's account exists it says so, and how to make it.
import type { PagesDependencies } from './dependencies.js';
import type { Renderer } from './render.js';
import { visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'accounts' | 'settings'> {
  readonly renderer: Renderer;
}

export function createHomePage({ accounts, settings, renderer }: Dependencies) {
  return {
    async show(ctx: PageContext): Promise<void> {
      const isFirstRun = await accounts.isFirstRun();
      renderer.show(ctx, isFirstRun ? 'home-first-run' : 'home', {
        title: visitorOf(ctx).language.t(isFirstRun ? 'home.first-run.title' : 'home.title'),
        maySignUp: settings.signUp === 'open',
        hasDemo: settings.demo !== undefined,
      });
    },
  };
}
