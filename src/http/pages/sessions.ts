// Where this account is signed in: each browser with its place and times, and ending one, all others, or all of them.
// Ending takes no further proof: it only ever takes away, and whoever finds a stranger on the list shall not lose a minute
// over a code. That nobody else's page can press these buttons is the guards' care.
import type { Member } from '../../domain/household-records.js';
import type { Session } from '../../domain/sessions.js';
import type { SwitchedSession } from '../../domain/sessions-switched.js';
import { browserWords } from './browser-words.js';
import type { PagesDependencies } from './dependencies.js';
import { nameOfMember } from './household-words.js';
import type { Renderer } from './render.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<
  PagesDependencies,
  'sessions' | 'switchedSessions' | 'household' | 'guards'
> {
  readonly renderer: Renderer;
}

export function createSessionPages(dependencies: Dependencies) {
  const { sessions, switchedSessions, household, guards, renderer } = dependencies;

  function presentSession(session: Session, own: Session, ctx: PageContext) {
    const { userAgent, networkAddress, createdAt, lastSeenAt, expiresAt, isRemembered } = session;
    return {
      ...{ networkAddress, createdAt, lastSeenAt },
      name: sessions.nameOf(session),
      browser: browserWords(userAgent, visitorOf(ctx).language),
      isOwn: session.ticket === own.ticket,
      rememberedUntil: isRemembered ? expiresAt : undefined,
    };
  }

  /** One that began with a sign-in to this account, and acts for a member of the household since. */
  function presentSwitched(session: SwitchedSession, members: readonly Member[], ctx: PageContext) {
    const { userAgent, networkAddress, createdAt, lastSeenAt } = session;
    const { language } = visitorOf(ctx);
    const member = members.find(({ subjectId }) => subjectId === session.subjectId);
    return {
      ...{ networkAddress, createdAt, lastSeenAt },
      name: sessions.nameOf(session),
      browser: browserWords(userAgent, language),
      isOwn: false,
      rememberedUntil: undefined,
      actsFor: member ? nameOfMember(member, language) : language.t('tools.for.nobody'),
    };
  }

  /** Ends the one of that name among those that act for members. False where there is none. */
  async function endSwitched(ctx: PageContext, name: string): Promise<boolean> {
    const all = await switchedSessions.listSwitched(signedIn(ctx).account.accountId);
    const named = all.find((session) => sessions.nameOf(session) === name);
    if (named) await switchedSessions.endSwitched(named, visitorOf(ctx).origin);
    return named !== undefined;
  }

  return {
    async show(ctx: PageContext): Promise<void> {
      const { session: own, account } = signedIn(ctx);
      const all = await sessions.listSessions(account.accountId);
      const switched = await switchedSessions.listSwitched(account.accountId);
      const members = (await household.findHousehold(own.subjectId))?.members ?? [];
      const shown = [
        ...all.map((session) => presentSession(session, own, ctx)),
        ...switched.map((session) => presentSwitched(session, members, ctx)),
      ];
      renderer.show(ctx, 'account/sessions', {
        title: visitorOf(ctx).language.t('sessions.title'),
        width: 'wide',
        sessions: [...shown.filter(({ isOwn }) => isOwn), ...shown.filter(({ isOwn }) => !isOwn)],
      });
    },

    /** One that has ended meanwhile is as good as ended now. */
    async end(ctx: PageContext): Promise<void> {
      const { session, account } = signedIn(ctx);
      const name = formOf(ctx).get('session') ?? '';
      const isSwitched = await endSwitched(ctx, name);
      if (!isSwitched) await sessions.endNamed(account.accountId, name, visitorOf(ctx).origin);
      if (name === sessions.nameOf(session)) return leave(ctx, 'signed-out');
      leadTo(ctx, '/account/sessions?notice=session-ended');
    },

    async endOthers(ctx: PageContext): Promise<void> {
      const { session, account } = signedIn(ctx);
      const { origin } = visitorOf(ctx);
      await sessions.endAllSessions(account.accountId, { except: session.sessionHash, origin });
      leadTo(ctx, '/account/sessions?notice=sessions-ended');
    },

    async endAll(ctx: PageContext): Promise<void> {
      await sessions.endAllSessions(signedIn(ctx).account.accountId, { origin: visitorOf(ctx).origin });
      leave(ctx, 'signed-out-everywhere');
    },
  };

  function leave(ctx: PageContext, notice: string): void {
    guards.forgetSession(ctx);
    leadTo(ctx, `/sign-in?notice=${notice}`);
  }
}
