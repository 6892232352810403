// Entering a tool's code (RFC 8628 §3.3): sign in first, then the box, then the code is reserved for this browser.
// A visit never enters a code: whatever the address carries only fills the box (RFC 8628 §3.3.1).
import { DomainError, isRefusal } from '../../domain/vocabulary.js';
import { readUserCode } from '../../domain/user-code.js';
import { readQuery } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { journeyQuery, readJourney, type Journeys } from './journey.js';
import { typedCode, type PendingCode, type PendingCodes } from './pending-code.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'links' | 'now'> {
  readonly pendingCodes: PendingCodes;
  readonly journeys: Journeys;
  readonly renderer: Renderer;
}

/** Tools of either door write the code into the address under their own name for it. */
const CODE_NAMES = ['user_code', 'code', 'pin'];

export function createLinkPages({ links, now, pendingCodes, journeys, renderer }: Dependencies) {
  function showBox(ctx: PageContext, extra: object = {}): void {
    renderer.show(ctx, 'link/code', { title: visitorOf(ctx).language.t('link.title'), ...extra });
  }

  function expiredFault(ctx: PageContext): PageFault {
    return formFault(visitorOf(ctx).language, 'user_code', 'code-over');
  }

  const isOver = ({ expiresAt }: PendingCode) => expiresAt !== undefined && expiresAt <= now();

  /** Reserves the link for this browser and keeps its end, so that every step on the way can tell the minutes left. */
  async function reserve(ctx: PageContext, code: PendingCode): Promise<void> {
    const { origin } = visitorOf(ctx);
    const { session } = signedIn(ctx);
    const { userCode, arrival } = code;
    const { linkId } = await links.reserveLink({ userCode, session, arrival, origin });
    const review = await links.findForReview({ linkId, session, origin });
    if (!review) throw new DomainError('link-over');
    pendingCodes.keep(ctx, { userCode, arrival, expiresAt: review.expiresAt });
  }

  return {
    show(ctx: PageContext): void {
      const journey = readJourney(readQuery(ctx), CODE_NAMES);
      if (!visitorOf(ctx).session) {
        return leadTo(ctx, `/sign-in${journeyQuery({ ...journey, place: 'link' })}`);
      }
      const reminder = journeys.reminder(ctx, journey);
      if (reminder?.isOver) return showBox(ctx, { faults: [expiredFault(ctx)], status: 200 });
      const brought = journey.broughtCode ?? '';
      showBox(ctx, { typed: reminder?.groups.join('-'), brought, reminder });
    },

    async submit(ctx: PageContext): Promise<void> {
      const { language, session, account } = visitorOf(ctx);
      const form = formOf(ctx);
      const userCode = typedCode(form.get('user_code'));
      const brought = form.get('brought') ?? '';
      if (userCode === undefined) {
        return showBox(ctx, { faults: [formFault(language, 'user_code', 'user-code-missing')], brought });
      }
      const pending = pendingCodes.find(ctx);
      const isSame = (other: string | undefined) =>
        other !== undefined && (readUserCode(other) ?? other) === (readUserCode(userCode) ?? userCode);
      const cameByLink = isSame(brought) || (isSame(pending?.userCode) && pending?.arrival === 'link');
      const code: PendingCode = { userCode, arrival: cameByLink ? 'link' : 'typed' };
      if (!session || account?.mayOnlyVerify) {
        pendingCodes.keep(ctx, code);
        return leadTo(ctx, session ? '/verify-email' : '/sign-in?next=link');
      }
      try {
        await reserve(ctx, code);
        leadTo(ctx, '/link/review');
      } catch (error) {
        if (!isRefusal(error, 'code-unknown') && !isRefusal(error, 'too-many')) throw error;
        const wasOver = pending && isSame(pending.userCode) && isOver(pending);
        const { status, retryAfterSeconds } = explain(error);
        if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds));
        pendingCodes.forget(ctx);
        const fault = wasOver ? expiredFault(ctx) : faultOf(language, error, 'user_code');
        showBox(ctx, { faults: [fault], status, typed: userCode, brought });
      }
    },
  };
}
