// Who is asking, and the decision (RFC 8628 §3.3, §5.4): the facts as the server knows them, Decline first. Whether a
// decision still counts is decided in domain/links; a visit decides nothing.
import { isRefusal, type LinkId, type SubjectId } from '../../domain/vocabulary.js';
import { readQuery } from '../request.js';
import type { LinkReview } from '../../domain/links-person.js';
import type { PagesDependencies } from './dependencies.js';
import { explain } from './errors.js';
import { hostOf } from './forward-address.js';
import { addressOf, type Journeys } from './journey.js';
import type { Language } from './language.js';
import { isLongCode, type PendingCodes } from './pending-code.js';
import { faultOf, type Renderer } from './render.js';
import { hostWords, presentWhom, scopeWords } from './review-words.js';
import { deviceWords, versionWords } from './tool-words.js';
import { leadTo, formOf, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<
  PagesDependencies,
  'links' | 'proofs' | 'sessions' | 'signIn' | 'guards' | 'settings'
> {
  readonly pendingCodes: PendingCodes;
  readonly journeys: Journeys;
  readonly renderer: Renderer;
}

export function createReviewPages(dependencies: Dependencies) {
  const { links, proofs, sessions, signIn, guards, settings, pendingCodes, journeys, renderer } =
    dependencies;

  function askerOf(ctx: PageContext) {
    return { session: signedIn(ctx).session, origin: visitorOf(ctx).origin };
  }

  async function findReview(ctx: PageContext, named: string | undefined): Promise<LinkReview | undefined> {
    const asker = askerOf(ctx);
    const find = async (linkId: LinkId | undefined) =>
      linkId ? links.findForReview({ ...asker, linkId }) : undefined;
    if (named !== undefined) return find(named as LinkId);
    // The code that was entered last, and only without one the newest link that this browser holds.
    const entered = await find(pendingCodes.find(ctx)?.linkId);
    return entered?.state === 'reserved' ? entered : find(await links.findReservedBy(asker.session));
  }

  const doneAddress = ({ linkId }: Pick<LinkReview, 'linkId'>) =>
    `/link/done?${new URLSearchParams({ link: linkId }).toString()}`;

  /** What must be done before approving: add a second factor, or prove oneself anew (DESIGN 6); undefined for nothing. */
  async function findStepBefore(ctx: PageContext): Promise<string | undefined> {
    const { session, account } = signedIn(ctx);
    const hasFactor = await proofs.hasSecondFactor(account.accountId);
    if (!hasFactor && settings.twoFactor === 'required') return `${addressOf('two-factor')}?next=review`;
    const kind = hasFactor ? 'second-factor' : 'any';
    return sessions.hasFreshProof(session, { kind }) ? undefined : '/step-up?next=review';
  }

  /** What approving lets the tool do, in plain words: first that it signs in, and for how long. */
  function powersOf({ door, isKeyed, scopes, services }: LinkReview, language: Language): string[] {
    const { t, count } = language;
    const words = scopes.map((scope) => scopeWords(scope, language));
    const uses = services.map((service) => t('review.may.use-service', { service }));
    const opens = hostWords(scopes, settings.toolHosts, language);
    if (door === 'oauth') return [t('review.may.sign-in'), ...uses, ...words, ...opens];
    const signsIn = isKeyed
      ? t('review.may.sign-in-keyed')
      : count('review.may.sign-in-days', settings.lastingTokenDays);
    return [signsIn, ...words, t('review.may.see-tools')];
  }

  function showReview(
    ctx: PageContext,
    review: LinkReview,
    { chosen, ...extra }: { readonly chosen?: string | undefined; readonly [name: string]: unknown } = {},
  ): void {
    const { language } = visitorOf(ctx);
    const toolName = review.toolName || language.t('review.nameless');
    const pending = pendingCodes.find(ctx);
    // A code beside another link's facts would vouch for that link.
    const isPending = pending?.linkId === review.linkId;
    const reminder = isPending ? journeys.reminder(ctx) : undefined;
    renderer.show(ctx, 'link/review', {
      title: language.t('review.title'),
      width: 'middle',
      review: { ...review, toolName },
      reminder,
      isLongCode: isLongCode(reminder?.userCode),
      // Typed codes often come from elsewhere: a phone beside the TV is on its own network. An address that was made on another
      // network and opened here is how strangers ask (RFC 8628 §5.4).
      isForeign: review.arrival === 'link' && !review.isSameNetwork,
      device: deviceWords(review.tool, toolName),
      version: versionWords(review.tool),
      backTo: review.forwardAddress && hostOf(review.forwardAddress),
      isBackRefused: isPending && pending.isForwardRefused,
      powers: powersOf(review, language),
      forWhom: presentWhom(review, language, chosen),
      ...extra,
    });
  }

  function showOver(ctx: PageContext, status: number): void {
    pendingCodes.forget(ctx);
    renderer.show(ctx, 'link/over', { title: visitorOf(ctx).language.t('over.title'), status });
  }

  async function decide(
    ctx: PageContext,
    review: LinkReview,
    decision: 'approve' | 'decline',
  ): Promise<void> {
    const form = formOf(ctx);
    const asked = { ...askerOf(ctx), linkId: review.linkId, page: form.get('page') ?? '' };
    const subjectId = form.get('for') as SubjectId | undefined;
    if (decision === 'decline') {
      await links.denyLink(asked);
    } else {
      const before = await findStepBefore(ctx);
      // Whoever was chosen is still so when they come back.
      if (before)
        return leadTo(ctx, subjectId ? `${before}&${new URLSearchParams({ member: subjectId })}` : before);
      await links.approveLink({ ...asked, ...(subjectId ? { subjectId } : {}) });
    }
    pendingCodes.forget(ctx);
    leadTo(ctx, doneAddress(review));
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const review = await findReview(ctx, readQuery(ctx).get('link'));
      if (!review) return leadTo(ctx, addressOf('link'));
      if (review.state === 'expired') return showOver(ctx, 200);
      if (review.state !== 'reserved') return leadTo(ctx, doneAddress(review));
      const before = await findStepBefore(ctx);
      if (before) return leadTo(ctx, before);
      showReview(ctx, review, { chosen: readQuery(ctx).get('for') });
    },

    async decide(ctx: PageContext): Promise<void> {
      const { language } = visitorOf(ctx);
      const form = formOf(ctx);
      const decision = form.get('decision');
      const review = await findReview(ctx, form.get('link'));
      if (!review) return showOver(ctx, 410);
      if (decision !== 'approve' && decision !== 'decline') return leadTo(ctx, addressOf('review'));
      try {
        await decide(ctx, review, decision);
      } catch (error) {
        if (isRefusal(error, 'link-over') || isRefusal(error, 'link-expired')) return showOver(ctx, 410);
        if (!isRefusal(error, 'link-too-hasty')) throw error;
        const chosen = form.get('for');
        const again = { faults: [faultOf(language, error)], status: explain(error).status, chosen };
        showReview(ctx, review, again);
      }
    },

    /** "Use another account": gives the code free, signs out, and keeps the code for whoever signs in next. */
    async useAnotherAccount(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const review = await findReview(ctx, form.get('link'));
      if (!review) return showOver(ctx, 410);
      try {
        await links.releaseLink({ ...askerOf(ctx), linkId: review.linkId });
      } catch (error) {
        if (isRefusal(error, 'link-over') || isRefusal(error, 'link-expired')) return showOver(ctx, 410);
        throw error;
      }
      const { session, origin } = askerOf(ctx);
      await signIn.signOut(session, origin);
      guards.forgetSession(ctx);
      leadTo(ctx, '/sign-in?next=link');
    },

    async showDone(ctx: PageContext): Promise<void> {
      const { language } = visitorOf(ctx);
      const { account } = signedIn(ctx);
      const review = await findReview(ctx, readQuery(ctx).get('link') ?? '');
      if (!review) return leadTo(ctx, addressOf('link'));
      if (review.state === 'reserved') return leadTo(ctx, addressOf('review'));
      if (review.state === 'expired') return showOver(ctx, 200);
      const isDenied = review.state === 'denied';
      const { forwardAddress } = review;
      renderer.show(ctx, isDenied ? 'link/declined' : 'link/done', {
        title: language.t(isDenied ? 'declined.title' : 'done.title'),
        toolName: review.toolName || language.t('review.nameless'),
        back: forwardAddress && { address: forwardAddress, host: hostOf(forwardAddress) },
        inviteSecondFactor: !isDenied && !(await proofs.hasSecondFactor(account.accountId)),
      });
    },
  };
}
