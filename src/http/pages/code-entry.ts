// Entering a code for a signed-in person: it is reserved for this browser, and kept with its end. The code box does it,
// and so does a sign-in that a code entered before it was waiting for. What a code is worth is decided in domain/links.
import { DomainError, isRefusal } from '../../domain/vocabulary.js';
import type { PagesDependencies } from './dependencies.js';
import type { PendingCode, PendingCodes } from './pending-code.js';
import { signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'links'> {
  readonly pendingCodes: PendingCodes;
}

export type CodeEntry = ReturnType<typeof createCodeEntry>;

export function createCodeEntry({ links, pendingCodes }: Dependencies) {
  /**
   * Reserves the link, and keeps its end, so that every step on the way can tell the minutes left, and which link it is: a
   * browser may hold another one, whose review must not stand beside this code.
   */
  async function reserve(ctx: PageContext, code: PendingCode): Promise<void> {
    const { origin } = visitorOf(ctx);
    const { session } = signedIn(ctx);
    const { userCode, arrival, forwardAddress, isForwardRefused } = code;
    const asked = { userCode, session, arrival, origin };
    const { linkId } = await links.reserveLink({ ...asked, ...(forwardAddress ? { forwardAddress } : {}) });
    const review = await links.findForReview({ linkId, session, origin });
    if (!review) throw new DomainError('link-over');
    const { expiresAt } = review;
    pendingCodes.keep(ctx, { userCode, arrival, expiresAt, linkId, forwardAddress, isForwardRefused });
  }

  return {
    reserve,

    /**
     * Goes on with the code that this person entered before they signed in, so that they are not asked for it twice.
     * Resolves to false where there is none, or where it is not good: then its box says what is wrong, and a
     * code that no tool waits with has cost one try, not two.
     */
    async resume(ctx: PageContext): Promise<boolean> {
      const pending = pendingCodes.find(ctx);
      if (!pending?.isEntered || signedIn(ctx).account.mayOnlyVerify) return false;
      try {
        await reserve(ctx, pending);
        return true;
      } catch (error) {
        const isUnknown = isRefusal(error, 'code-unknown');
        if (!isUnknown && !isRefusal(error, 'too-many')) throw error;
        pendingCodes.keep(ctx, { ...pending, isEntered: false, isUnknown });
        return false;
      }
    },
  };
}
