// Who looks at a page: the language they read, and the account that their browser is signed in to, if it is.
// Reading the session cookie belongs to the guards; what a visitor may see is said in the table of routes.
import type { Account } from '../../domain/accounts.js';
import type { Member } from '../../domain/household-records.js';
import type { IssuedSession, Session } from '../../domain/sessions.js';
import type { SwitchedSession } from '../../domain/sessions-switched.js';
import { DomainError, type Origin } from '../../domain/vocabulary.js';
import type { Guard, Guards, RequestContext, RequestState } from '../guards.js';
import type { Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import type { Language, Languages } from './language.js';

export interface SignedInVisitor {
  readonly session: Session;
  readonly account: Account;
}

/** A browser that acts for a member of a household: it may see the page of that member, switch on and sign out. */
export interface SwitchedVisitor {
  readonly session: SwitchedSession;
  readonly member: Member;
}

export interface Visitor extends Partial<SignedInVisitor> {
  readonly switched?: SwitchedVisitor;
  readonly language: Language;
  readonly origin: Origin;
}

export type PageContext = RequestContext;

const visitors = new WeakMap<RequestState, Visitor>();

export function visitorOf(ctx: PageContext): Visitor {
  const visitor = visitors.get(ctx.state);
  if (!visitor) throw new Error('a page was reached without a visitor');
  return visitor;
}

/** The signed-in visitor; only for pages that the table of routes keeps for them. */
export function signedIn(ctx: PageContext): SignedInVisitor {
  const { session, account } = visitorOf(ctx);
  if (!session || !account) throw new DomainError('proof-required');
  return { session, account };
}

/** The form of this post. The guard has read it, and knows that a page of ours sent it. */
export function formOf(ctx: PageContext): Form {
  const { form } = ctx.state;
  if (!form) throw new Error('a form was reached past the guard');
  return form;
}

/** Answers a form, or a visit to the wrong step, by leading on: always with GET, never 307 (RFC 9700 §4.12). */
export function leadTo(ctx: PageContext, address: string): void {
  ctx.redirect(address);
  ctx.status = 303;
}

/** Someone who has not been looked at yet: what an error page needs, if looking fails. */
export function createArrival(
  languages: Languages,
  { guards, browserMarks }: Pick<PagesDependencies, 'guards' | 'browserMarks'>,
): Guard {
  return async (ctx, next) => {
    const language = languages.choose(undefined, ctx.get('Accept-Language'));
    const key = guards.cookies.read(ctx, 'known');
    const marks = key === undefined ? {} : { browserMarks: browserMarks(key) };
    visitors.set(ctx.state, { language, origin: { ...ctx.state.origin, ...marks } });
    ctx.set('Vary', 'Accept-Language, Cookie');
    await next();
  };
}

/** Finds who it is, after the guards have found the session. A closed account counts as nobody, and so does who is no member. */
export function createRecognition(
  { accounts, household }: Pick<PagesDependencies, 'accounts' | 'household'>,
  languages: Languages,
): Guard {
  async function findSwitched(session: SwitchedSession): Promise<SwitchedVisitor | undefined> {
    const found = await household.findHousehold(session.subjectId);
    const member = found?.members.find(({ subjectId }) => subjectId === session.subjectId);
    const isOfIt = member?.householdId === session.householdId;
    return isOfIt ? { session, member } : undefined;
  }

  return async (ctx, next) => {
    const { session, switched: acting } = ctx.state;
    const { language, origin } = visitorOf(ctx);
    const account = session && (await accounts.findAccount(session.accountId));
    const switched = acting && (await findSwitched(acting));
    delete ctx.state.session;
    delete ctx.state.switched;
    if (switched) {
      ctx.state.switched = switched.session;
      visitors.set(ctx.state, { language, origin, switched });
    } else if (session && account && !account.isClosed) {
      ctx.state.session = session;
      const own = languages.choose(account.language, ctx.get('Accept-Language'));
      visitors.set(ctx.state, { language: own, origin, session, account });
    }
    await next();
  };
}

/** Nobody is signed in from here on, for the rest of this request. */
export function leave(ctx: PageContext): void {
  const { language, origin } = visitorOf(ctx);
  visitors.set(ctx.state, { language, origin });
}

/** Takes a browser into a session: the cookie, and who this request is made by from here on. */
export function createEntrance(guards: Pick<Guards, 'beginSession'>) {
  return (
    ctx: PageContext,
    issued: IssuedSession,
    account: Account | undefined = visitorOf(ctx).account,
  ): void => {
    guards.beginSession(ctx, issued);
    const { language, origin } = visitorOf(ctx);
    visitors.set(ctx.state, { language, origin, session: issued.session, ...(account ? { account } : {}) });
  };
}

export type Entrance = ReturnType<typeof createEntrance>;
