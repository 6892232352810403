// Where tools of the PIN door send a browser, often in a popup: `/auth#?clientID=…&code=…&forwardUrl=…` (PIN-API.md 3.7).
// All of it stands in the fragment, which no server sees: the script of the page reads it into a form for POST /link.
//
// The form waits for a press of its button. Anybody's page can open this address in a browser that is signed in; if the
// visit alone sent the form, it would spend that person's tries, or put a stranger's link before them that they never asked
// for (RFC 8628 §3.3.1, §5.4). Of the rest only `forwardUrl` is read: what the tool calls itself was said when it
// asked for the code, and an address puts no words of its own on a page of ours.
import type { Renderer } from './render.js';
import { visitorOf, type PageContext } from './visitor.js';

interface Dependencies {
  readonly renderer: Renderer;
}

export function createAuthPage({ renderer }: Dependencies) {
  return {
    show(ctx: PageContext): void {
      renderer.show(ctx, 'link/auth', { title: visitorOf(ctx).language.t('link.title') });
    },
  };
}
