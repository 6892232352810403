// Entering a tool's code (RFC 8628 §3.3): sign in first, then the box, then the code is reserved for this browser.
// A visit never enters a code: whatever the address carries only fills the box (RFC 8628 §3.3.1).
import { DomainError, isRefusal } from '../../domain/vocabulary.js';
import { readUserCode } from '../../domain/user-code.js';
import { readQuery, type Form } from '../request.js';
import type { CodeEntry } from './code-entry.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { readForwardAddress } from './forward-address.js';
import { journeyQuery, readJourney, type Journeys } from './journey.js';
import { isLongCode, isSameCode, typedCode, type PendingCode, type PendingCodes } from './pending-code.js';
import { faultOf, formFault, type PageFault, type Renderer } from './render.js';
import { formOf, leadTo, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'now'> {
  readonly codeEntry: CodeEntry;
  readonly pendingCodes: PendingCodes;
  readonly journeys: Journeys;
  readonly renderer: Renderer;
}

/** Tools of either door write the code into the address under their own name for it. */
const CODE_NAMES = ['user_code', 'code', 'pin'];

/** What the form brings: the code, how it came here, and the way back that belongs to it; undefined for an empty box. */
function readEntry(form: Form, pending: PendingCode | undefined): PendingCode | undefined {
  const userCode = typedCode(form.get('user_code'));
  if (userCode === undefined) return undefined;
  const kept = isSameCode(pending?.userCode, userCode) ? pending : undefined;
  const cameByLink = isSameCode(typedCode(form.get('brought')), userCode) || kept?.arrival === 'link';
  const arrival = cameByLink ? 'link' : 'typed';
  const forward = form.get('forward_url');
  if (forward === undefined) {
    const { forwardAddress, isForwardRefused } = kept ?? {};
    return { userCode, arrival, forwardAddress, isForwardRefused };
  }
  const forwardAddress = readForwardAddress(forward);
  return { userCode, arrival, forwardAddress, isForwardRefused: forwardAddress === undefined };
}

export function createLinkPages({ codeEntry, now, pendingCodes, journeys, renderer }: Dependencies) {
  function showBox(ctx: PageContext, extra: object = {}): void {
    renderer.show(ctx, 'link/code', { title: visitorOf(ctx).language.t('link.title'), ...extra });
  }

  function fault(ctx: PageContext, words: string): PageFault {
    return formFault(visitorOf(ctx).language, 'user_code', words);
  }

  const isOver = ({ expiresAt }: PendingCode) => expiresAt !== undefined && expiresAt <= now();

  /** The box again, with what was typed, and why that did not do. */
  function showRefused(
    ctx: PageContext,
    error: unknown,
    { userCode, arrival }: PendingCode,
    status = explain(error).status,
  ): void {
    const pending = pendingCodes.find(ctx);
    const wasOver = pending && isSameCode(pending.userCode, userCode) && isOver(pending);
    const { retryAfterSeconds } = explain(error);
    if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds));
    pendingCodes.forget(ctx);
    const { language } = visitorOf(ctx);
    const faults = [wasOver ? fault(ctx, 'code-over') : faultOf(language, error, 'user_code')];
    showBox(ctx, { faults, status, typed: userCode, brought: arrival === 'link' ? userCode : '' });
  }

  return {
    show(ctx: PageContext): void {
      const journey = readJourney(readQuery(ctx), CODE_NAMES);
      if (!visitorOf(ctx).session) {
        return leadTo(ctx, `/sign-in${journeyQuery({ ...journey, place: 'link' })}`);
      }
      const { broughtCode } = journey;
      const pending = pendingCodes.find(ctx);
      if (pending?.isUnknown && (broughtCode === undefined || isSameCode(broughtCode, pending.userCode)))
        return showRefused(ctx, new DomainError('code-unknown'), pending, 200);
      const reminder = journeys.reminder(ctx, journey);
      if (reminder?.isOver) return showBox(ctx, { faults: [fault(ctx, 'code-over')], status: 200 });
      const brought = journey.broughtCode ?? '';
      const isLong = isLongCode(reminder?.userCode);
      showBox(ctx, {
        typed: reminder?.groups.join(isLong ? '' : '-'),
        brought,
        reminder,
        isLongCode: isLong,
      });
    },

    /** The older address of this page, which tools of the PIN door still print (PIN-API.md 3.6). */
    showOlder(ctx: PageContext): void {
      leadTo(ctx, `/link${journeyQuery(readJourney(readQuery(ctx), CODE_NAMES))}`);
    },

    async submit(ctx: PageContext): Promise<void> {
      const { session, account } = visitorOf(ctx);
      const entry = readEntry(formOf(ctx), pendingCodes.find(ctx));
      if (!entry) return showBox(ctx, { faults: [fault(ctx, 'user-code-missing')] });
      const isCode = readUserCode(entry.userCode) !== undefined;
      // Nobody typed it, so it is not shown either: an address must not put words of its own on a page of ours.
      if (entry.arrival === 'link' && !isCode)
        return showBox(ctx, { faults: [fault(ctx, 'user-code-not-one')] });
      if (!session || account?.mayOnlyVerify) {
        pendingCodes.keep(ctx, { ...entry, isEntered: isCode });
        return leadTo(ctx, session ? '/verify-email' : '/sign-in?next=link');
      }
      try {
        await codeEntry.reserve(ctx, entry);
        leadTo(ctx, '/link/review');
      } catch (error) {
        if (!isRefusal(error, 'code-unknown') && !isRefusal(error, 'too-many')) throw error;
        showRefused(ctx, error, entry);
      }
    },
  };
}
