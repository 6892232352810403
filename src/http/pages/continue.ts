// On to a page behind a proxy, which has sent its visitor here to sign in. Whoever is signed in sees nothing of this, and is led on with
// a handle for that host alone; whoever is not signs in first. Which hosts there are, and what the handle is worth, is said in
// domain/protected-hosts. Specification: RFC 9700 §4.11 (no open redirect), CSP Level 3 §6.4.2 (form-action).
import { OWN_FOLDER, writeAddress, type ProtectedAddress } from '../../domain/protected-hosts-address.js';
import type { Hindrance, ProtectedHosts } from '../../domain/protected-hosts.js';
import { DomainError } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import { journeyQuery, VISIT, type Journey } from './journey.js';
import type { Renderer } from './render.js';
import { leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies {
  readonly protectedHosts: Pick<ProtectedHosts, 'readAddress' | 'findHindrance' | 'startEntry'>;
  readonly renderer: Renderer;
}

/** Where whoever is signed in, and not to be let in yet, can change that. */
const WAYS: Record<Hindrance, string> = {
  'account-closed': '/sign-in',
  'address-not-verified': '/verify-email',
  'second-factor-missing': '/account/security/two-factor',
};

const hostOf = ({ site }: ProtectedAddress): string => new URL(site).host;

export function createContinuePages({ protectedHosts, renderer }: Dependencies) {
  function readAddress(ctx: PageContext): ProtectedAddress {
    const address = protectedHosts.readAddress(readQuery(ctx).get('to'));
    if (!address) throw new DomainError('host-unknown');
    return address;
  }

  /**
   * Leads the browser away: from the entrance by a redirect, and from where forms of ours lead by a page that goes on by itself. Browsers
   * hold a form to its page's `form-action` over all redirects behind it, those of a provider in between included.
   */
  function leave(ctx: PageContext, address: ProtectedAddress, onward: string, isAfterForm: boolean): void {
    if (!isAfterForm) return leadTo(ctx, onward);
    const host = hostOf(address);
    ctx.set('Refresh', `0; url=${onward}`);
    renderer.show(ctx, 'continue/on', {
      title: visitorOf(ctx).language.t('continue.title', { host }),
      host,
      onward,
    });
  }

  async function show(ctx: PageContext, isAfterForm: boolean): Promise<void> {
    const address = readAddress(ctx);
    const visit = readQuery(ctx).get('visit') ?? '';
    if (!VISIT.test(visit)) throw new DomainError('host-unknown');
    const journey: Journey = { place: 'continue', to: writeAddress(address), visit };
    const { session, account } = visitorOf(ctx);
    if (!session || !account) return leadTo(ctx, `/sign-in${journeyQuery(journey)}`);
    const hindrance = await protectedHosts.findHindrance(account);
    if (hindrance) return leadTo(ctx, `${WAYS[hindrance]}${journeyQuery(journey)}`);
    const { handle } = await protectedHosts.startEntry(session, address, visit);
    const arrival = (given: string) =>
      `${address.site}${OWN_FOLDER}arrive?${new URLSearchParams({ handle: given, to: address.path }).toString()}`;
    leave(ctx, address, handle === undefined ? writeAddress(address) : arrival(handle), isAfterForm);
  }

  return {
    /** Where a proxy sends its visitors; no form of ours leads here. */
    enter: (ctx: PageContext) => show(ctx, false),
    /** The same for whoever had something to do on the way. */
    goOn: (ctx: PageContext) => show(ctx, true),

    /** The host's cookie did not come back: without it nobody can be signed in there. */
    showNoCookie(ctx: PageContext): void {
      const address = readAddress(ctx);
      const host = hostOf(address);
      renderer.show(ctx, 'continue/no-cookie', {
        title: visitorOf(ctx).language.t('continue-no-cookie.title', { host }),
        status: 400,
        host,
        onward: writeAddress(address),
      });
    },
  };
}
