// The mark of a page on which somebody decides about a link: a decision carries it back, so that nobody decides on a page that we
// did not make, or sooner than a person can read. RFC 8628 §5.4.
import { equal } from '../crypto/secrets.js';
import { DomainError, type Clock, type LinkId } from './vocabulary.js';

export interface ReviewPagesDependencies {
  readonly now: Clock;
  /** Vouches that a review page was made by us, for this link and browser, at that moment. */
  readonly pageMac: (linkId: LinkId, ticket: string, madeAt: number) => string;
}

interface About {
  readonly linkId: LinkId;
  readonly session: { readonly ticket: string };
}

/** Nobody reads a page and decides sooner; a tricked double-click does. */
const SOONEST_DECISION_MS = 1000;

export function createReviewPages({ now, pageMac }: ReviewPagesDependencies) {
  return {
    makePage(linkId: LinkId, { ticket }: About['session']): string {
      const madeAt = now().getTime();
      return `${madeAt}.${pageMac(linkId, ticket, madeAt)}`;
    },

    /** Refuses a decision that was not posted from our page, or sooner than a person could have read it. */
    refuseIfHasty({ linkId, session }: About, page: string): void {
      const [madeAt = '', ...mac] = page.split('.');
      const isOurs =
        /^\d{1,16}$/.test(madeAt) && equal(mac.join('.'), pageMac(linkId, session.ticket, Number(madeAt)));
      if (!isOurs || now().getTime() - Number(madeAt) < SOONEST_DECISION_MS)
        throw new DomainError('link-too-hasty');
    },
  };
}
