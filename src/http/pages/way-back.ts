// The way back to a tool that has sent its person here: by a redirect where nobody has posted a form on the way, else by a page that
// goes on by itself and has a link, since browsers hold redirects after a post against the policy of the page that posted. What a
// tool wants as a form is posted by a page of its own, which may post there and nowhere else.
// RFC 6749 §4.1.2; RFC 9207; OAuth 2.0 Form Post Response Mode; CSP Level 3 §6.4.2 (form-action).
import { addressWith, answerFields, type SentBack, type WayBack } from '../request-way-back.js';
import { allowFormsTo } from './headers.js';
import type { Renderer } from './render.js';
import { leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies {
  readonly renderer: Renderer;
  readonly settings: { readonly publicUrl: string };
}

export type WaysBack = ReturnType<typeof createWaysBack>;

/** What people are shown of an address: the host, in ASCII, or the scheme of an app. */
export function placeOf(redirectUri: string): string {
  const { protocol, host } = new URL(redirectUri);
  return host === '' || !/^https?:$/.test(protocol) ? protocol.slice(0, -1) : host;
}

export function createWaysBack({ renderer, settings }: Dependencies) {
  function showGoOn(ctx: PageContext, address: string): void {
    renderer.show(ctx, 'authorize/go-on', {
      title: visitorOf(ctx).language.t('go-on.title'),
      back: { address, place: placeOf(address) },
    });
    // Zero: whoever comes Back past this page is not held by it (WCAG 2.2.1).
    ctx.set('Refresh', `0; url=${address}`);
  }

  function showForm(ctx: PageContext, redirectUri: string, fields: Readonly<Record<string, string>>): void {
    allowFormsTo(ctx, new URL(redirectUri).origin);
    renderer.show(ctx, 'authorize/post', {
      title: visitorOf(ctx).language.t('go-on.title'),
      action: redirectUri,
      place: placeOf(redirectUri),
      fields: Object.entries(fields),
    });
  }

  return {
    showForm,

    /** Asks whether to go where a stranger wants people to be led (RFC 9700 §4.11.2). With fields, they are posted there. */
    showLeave(
      ctx: PageContext,
      address: string,
      { toolName, fields }: { readonly toolName: string; readonly fields?: Readonly<Record<string, string>> },
    ): void {
      if (fields) allowFormsTo(ctx, new URL(address).origin);
      renderer.show(ctx, 'authorize/leave', {
        title: visitorOf(ctx).language.t('leave.title'),
        ...(fields ? { action: address } : { address }),
        place: placeOf(address),
        toolName,
        fields: fields && Object.entries(fields),
      });
    },

    /** Somewhere that was registered for it. `isAfterForm`: somebody may have posted a form of ours on the way here. */
    leadBack(ctx: PageContext, address: string, { isAfterForm }: { readonly isAfterForm: boolean }): void {
      if (isAfterForm) return showGoOn(ctx, address);
      leadTo(ctx, '/');
      // As it was registered: the framework would write some of it differently.
      ctx.set('Location', address);
    },

    /** The tool's answer, by the way that it asked for. */
    answer(
      ctx: PageContext,
      { redirectUri, answersBy }: WayBack,
      sent: SentBack,
      how: { readonly isAfterForm: boolean },
    ): void {
      const fields = answerFields(sent, settings.publicUrl);
      if (answersBy === 'form_post') return showForm(ctx, redirectUri, fields);
      this.leadBack(ctx, addressWith(redirectUri, fields), how);
    },
  };
}
