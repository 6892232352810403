// "This wasn't me": where the mail about a new linked tool leads. Opening the address changes nothing; whoever signs in as
// the tool's owner may unlink it, and is then offered to sign out everybody else. To anybody else it says only that this
// address does not work for them. What a token is worth is decided in domain/new-tools.
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { journeyQuery } from './journey.js';
import type { Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'newTools'> {
  readonly renderer: Renderer;
}

export function createNotMePages({ newTools, renderer }: Dependencies) {
  function showOver(ctx: PageContext): void {
    const title = visitorOf(ctx).language.t('not-me-over.title');
    renderer.show(ctx, 'account/not-me-over', { title, status: 410 });
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const { session, language } = visitorOf(ctx);
      const token = readQuery(ctx).get('token') ?? '';
      if (!session) return leadTo(ctx, `/sign-in${journeyQuery({ place: 'not-me', mailToken: token })}`);
      const tool = await newTools.findNewTool(signedIn(ctx).account.accountId, token);
      if (!tool) return showOver(ctx);
      const isDone = tool.endedAt !== undefined;
      const title = language.t(isDone ? 'not-me-done.title' : 'not-me.title');
      renderer.show(ctx, isDone ? 'account/not-me-done' : 'account/not-me', { title, tool, token });
    },

    async submit(ctx: PageContext): Promise<void> {
      const { session, origin } = visitorOf(ctx);
      const mailToken = formOf(ctx).get('token') ?? '';
      const query = journeyQuery({ place: 'not-me', mailToken });
      if (!session) return leadTo(ctx, `/sign-in${query}`);
      const isOurs = await newTools.disownTool(signedIn(ctx).account.accountId, mailToken, origin);
      if (!isOurs) return showOver(ctx);
      leadTo(ctx, `/not-me?${new URLSearchParams({ token: mailToken }).toString()}`);
    },
  };
}
