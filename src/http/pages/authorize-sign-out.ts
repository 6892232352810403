// A tool has sent somebody here to sign out. With a token that says who is signed in, it is done at once; else they are asked, as any
// page could have sent them. They go back only to an address that was registered for it.
// OpenID Connect RP-Initiated Logout 1.0 §2, §3.
import { readQuery } from '../request.js';
import type { HandedOver, Handover } from '../request-handover.js';
import type { PagesDependencies } from './dependencies.js';
import type { Renderer } from './render.js';
import { formOf, leave, visitorOf, type PageContext } from './visitor.js';
import { placeOf, type WaysBack } from './way-back.js';

interface Dependencies extends Pick<PagesDependencies, 'signIn' | 'switchedSessions' | 'guards'> {
  readonly handover: Pick<Handover, 'open'>;
  readonly waysBack: WaysBack;
  readonly renderer: Renderer;
}

export function createSignOutPages(dependencies: Dependencies) {
  const { signIn, switchedSessions, guards, handover, waysBack, renderer } = dependencies;

  async function endPresent(ctx: PageContext): Promise<void> {
    const { session, switched, origin } = visitorOf(ctx);
    if (session) await signIn.signOut(session, origin);
    if (switched) await switchedSessions.endSwitched(switched.session, origin);
    guards.forgetSession(ctx);
    guards.cookies.clear(ctx, 'pending');
    leave(ctx);
  }

  function goOn(ctx: PageContext, { to }: HandedOver['sign-out'], isAfterForm: boolean): void {
    if (to !== undefined) return waysBack.leadBack(ctx, to, { isAfterForm });
    renderer.show(ctx, 'authorize/signed-out', { title: visitorOf(ctx).language.t('signed-out.title') });
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const { session, switched, language } = visitorOf(ctx);
      const sealed = readQuery(ctx).get('request');
      const asked = handover.open('sign-out', sealed) ?? {};
      // Anybody could have sent them, with a token of their own: there is nothing to be done here but to lead elsewhere.
      if (!session && !switched && asked.to !== undefined && asked.isStrange)
        return waysBack.showLeave(ctx, asked.to, { toolName: asked.toolName ?? '' });
      if (!session && !switched) return goOn(ctx, asked, false);
      if (session && asked.subjectId === session.subjectId) {
        await endPresent(ctx);
        return goOn(ctx, asked, false);
      }
      renderer.show(ctx, 'authorize/sign-out', {
        title: language.t('sign-out.title'),
        toolName: asked.toolName,
        place: asked.to && placeOf(asked.to),
        request: sealed,
      });
    },

    async submit(ctx: PageContext): Promise<void> {
      const asked = handover.open('sign-out', formOf(ctx).get('request')) ?? {};
      await endPresent(ctx);
      goOn(ctx, asked, true);
    },
  };
}
