// What the page shows on which somebody decides about a link, and its mark: a decision carries it back, so that nobody decides on a page that we
// did not make, or sooner than a person can read. RFC 8628 §5.4.
import { equal } from '../crypto/secrets.js';
import type { ForWhom } from './links-for-whom.js';
import type { Arrival, Link } from './links.js';
import type { ToolDescription } from './tokens.js';
import { DomainError, type Clock, type LinkId } from './vocabulary.js';

/** Everything the review page shows of a link. */
export interface LinkReview {
  readonly linkId: LinkId;
  readonly state: 'reserved' | 'approved' | 'denied' | 'redeemed' | 'expired';
  /** What the tool calls itself, and whether the operator vouches for it. */
  readonly toolName: string;
  readonly isToolVerified: boolean;
  /** What a tool of the PIN door says of itself. */
  readonly tool: ToolDescription | undefined;
  readonly door: Link['door'];
  /** Whether the tool has a key of its own, and renews its token with it. */
  readonly isKeyed: boolean;
  /** Where the browser may go after the decision; whoever entered the code came with it. */
  readonly forwardAddress: string | undefined;
  readonly userAgent: string;
  readonly networkAddress: string;
  readonly isSameNetwork: boolean;
  readonly webOrigin: string | undefined;
  readonly arrival: Arrival;
  readonly scopes: readonly string[];
  /** The services that it may use in the person's name. */
  readonly services: readonly string[];
  /** For whom it may be approved, the person themself first. */
  readonly forWhom: readonly ForWhom[];
  readonly startedAt: Date;
  readonly expiresAt: Date;
  /** Names this page and when it was made; a decision carries it back. */
  readonly page: string;
}

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
