// What a person came for, carried through the steps in between: a place of ours to go on to, and the code of a tool.
// An address only ever names a place from the list below, so nobody can be sent elsewhere (RFC 9700 §4.11).
import type { Form } from '../request.js';
import type { Clock } from '../../domain/vocabulary.js';
import type { Guards } from '../guards.js';
import { readUserCode } from '../../domain/user-code.js';
import { codeGroups, isSameCode, typedCode, type PendingCodes } from './pending-code.js';
import type { PageContext } from './visitor.js';

const PLACES = {
  account: '/account',
  link: '/link',
  review: '/link/review',
  authorize: '/authorize/review',
  continue: '/continue/on',
  security: '/account/security',
  sessions: '/account/sessions',
  activity: '/account/activity',
  tools: '/account/tools',
  'two-factor': '/account/security/two-factor',
  replace: '/account/security/two-factor/replace',
  off: '/account/security/two-factor/off',
  codes: '/account/security/recovery-codes',
  password: '/account/password',
  'app-passwords': '/account/security/app-passwords',
  identities: '/account/security/identities',
  connect: '/federated/connect',
  passkeys: '/account/security/passkeys',
  'new-passkey': '/account/security/passkeys/new',
  email: '/account/email',
  'not-me': '/not-me',
  household: '/account/household',
  'new-member': '/account/household/new',
  member: '/account/household/member',
  invite: '/account/household/invite',
  'own-pin': '/account/household/pin',
  'pin-reset': '/pin-reset',
  switch: '/household/switch',
  invitation: '/household/invitation',
} as const;

export type Place = keyof typeof PLACES;

/** What needs a recent sign-in: a browser that is only remembered proves everything once more, and comes back. */
export const RECENT_PLACES: ReadonlySet<Place> = new Set<Place>([
  'security',
  'two-factor',
  'replace',
  'off',
  'codes',
  'sessions',
  'activity',
  'password',
  'app-passwords',
  'identities',
  'connect',
  'passkeys',
  'new-passkey',
  'email',
]);

export interface Journey {
  readonly place?: Place;
  /** A code that the address of the page carried. */
  readonly broughtCode?: string;
  /** What the address in a mail carried, for the page that the mail leads to. */
  readonly mailToken?: string;
  /** Whom of the household the page is about. */
  readonly member?: string;
  /** What names the request of a tool that has sent them here. */
  readonly request?: string;
  /** That tool asks that they sign in anew, even where they are signed in. */
  readonly isAnew?: boolean;
  /** Who that tool believes them to be. */
  readonly login?: string;
  /** The address of a page behind a proxy, and what names the browser that set out from there. */
  readonly to?: string;
  readonly visit?: string;
}

const MAIL_TOKEN = /^[\w.-]{20,200}$/;
/** Where the address in a mail leads. */
const MAIL_PLACES: ReadonlySet<string | undefined> = new Set(['not-me', 'invitation'] satisfies Place[]);
/** What is about somebody of the household: their page, and the tool that was to be for them. */
const MEMBER_PLACES: ReadonlySet<string | undefined> = new Set(['member', 'review'] satisfies Place[]);
const MEMBER = /^[\da-f-]{36}$/;
/** What is about somebody who is the one at the door: the request of a tool that has sent them here. */
const REQUEST = /^[\w-]{43}$/;
/** What is about a page behind a proxy; whether we lead to its host is looked up where it is used. */
export const VISIT = /^[\w-]{43}$/;
const TO = /^https?:\/\/[\x21-\x7e]{1,2040}$/;
const LOGIN = /^[^\s\p{C}]{1,254}$/u;

/** What a page shows of the code that waits: its groups, and the minutes left where they are known. */
export interface Reminder {
  readonly userCode: string;
  readonly groups: readonly string[];
  readonly expiresAt: Date | undefined;
  readonly minutesLeft: number | undefined;
  readonly isOver: boolean;
}

const isPlace = (text: string | undefined): text is Place =>
  text !== undefined && Object.hasOwn(PLACES, text);

/** The fields of a query or a form: `next`, and the code as `user_code`, `code` or `pin`. */
export function readJourney(fields: Form, codeNames: readonly string[] = ['user_code']): Journey {
  const next = fields.get('next');
  // Only what can be a code is shown: an address must not put words of its own on a page of ours.
  const isCode = (found: string | undefined) => found !== undefined && readUserCode(found) !== undefined;
  const code = codeNames.map((name) => typedCode(fields.get(name))).find(isCode);
  const token = fields.get('token');
  const member = fields.get('member');
  return {
    ...(isPlace(next) ? { place: next } : {}),
    ...(code ? { broughtCode: code } : {}),
    ...(MAIL_PLACES.has(next) && token && MAIL_TOKEN.test(token) ? { mailToken: token } : {}),
    ...(MEMBER_PLACES.has(next) && member && MEMBER.test(member) ? { member } : {}),
    ...(next === 'authorize' ? readRequest(fields) : {}),
    ...(next === 'continue' ? readOnward(fields) : {}),
  };
}

function readRequest(fields: Form): Pick<Journey, 'request' | 'isAnew' | 'login'> {
  const request = fields.get('request');
  if (request === undefined || !REQUEST.test(request)) return {};
  const login = fields.get('login_hint');
  return {
    request,
    ...(fields.has('anew') ? { isAnew: true } : {}),
    ...(login && LOGIN.test(login) ? { login } : {}),
  };
}

function readOnward(fields: Form): Pick<Journey, 'to' | 'visit'> {
  const [to = '', visit = ''] = [fields.get('to'), fields.get('visit')];
  return TO.test(to) && VISIT.test(visit) ? { to, visit } : {};
}

/** The same journey as the query of an address; empty for none. */
export function journeyQuery(journey: Journey): string {
  const { place, broughtCode, mailToken, member, request, isAnew, login, to, visit } = journey;
  const query = new URLSearchParams({
    ...(place ? { next: place } : {}),
    ...(broughtCode ? { user_code: broughtCode } : {}),
    ...(mailToken ? { token: mailToken } : {}),
    ...(member ? { member } : {}),
    ...(request ? { request } : {}),
    ...(isAnew ? { anew: 'yes' } : {}),
    ...(login ? { login_hint: login } : {}),
    ...(to && visit ? { to, visit } : {}),
  }).toString();
  return query && `?${query}`;
}

/** The same query on the way to a change, for somebody whose authenticator is lost: a recovery code is asked for. */
export const withRecovery = (query: string): string => `${query === '' ? '?' : `${query}&`}with=recovery`;

export const addressOf = (place: Place): string => PLACES[place];

/** The address of a page that is about one thing, such as what a mail carried. */
export const addressAbout = (place: Place, about: Readonly<Record<string, string>>): string =>
  `${PLACES[place]}?${new URLSearchParams(about).toString()}`;

/** Whether this is the page that a mail leads to: nothing comes before it. */
export const isFromMail = ({ place }: Journey): boolean => MAIL_PLACES.has(place);

/** Whether they came for one thing, so that a code that waits does not come before it. */
export const isForOneThing = (journey: Journey): boolean =>
  isFromMail(journey) || journey.request !== undefined || journey.place === 'connect';

export type Journeys = ReturnType<typeof createJourneys>;

export interface JourneysDependencies {
  readonly pendingCodes: PendingCodes;
  readonly guards: Pick<Guards, 'cookies'>;
  readonly now: Clock;
}

/** No request of a tool is kept longer. */
const REQUEST_SECONDS = 600;

export function createJourneys({ pendingCodes, guards, now }: JourneysDependencies) {
  const { cookies } = guards;

  /** The request that this browser is on its way for, through an address that came by mail, or a page that leads nowhere else. */
  function keptRequest(ctx: PageContext): string | undefined {
    const kept = cookies.read(ctx, 'request');
    return kept !== undefined && REQUEST.test(kept) ? kept : undefined;
  }

  return {
    /** Keeps in this browser what came along, a code or a request: after a form was taken, never on a mere visit. */
    settle(ctx: PageContext, { broughtCode, request }: Journey): void {
      if (request !== undefined) cookies.write(ctx, 'request', request, REQUEST_SECONDS);
      const pending = pendingCodes.find(ctx);
      if (broughtCode === undefined || (pending && isSameCode(pending.userCode, broughtCode))) return;
      pendingCodes.keep(ctx, { userCode: broughtCode, arrival: 'link' });
    },

    /**
     * Where to go once nothing stands in between any more. `isBack`: to a place that was asked for a moment ago, even where a
     * code waits.
     */
    destination(ctx: PageContext, journey: Journey, { isBack = false } = {}): string {
      const { place, broughtCode, mailToken = '', member, request, to, visit } = journey;
      if (place && isFromMail(journey)) return addressAbout(place, { token: mailToken });
      if (place === 'member') return member ? addressAbout(place, { member }) : PLACES.household;
      if (place === 'review') return member ? addressAbout(place, { for: member }) : PLACES.review;
      if (place === 'continue' && to && visit) return addressAbout(place, { to, visit });
      if (place === 'authorize' && request) return addressAbout(place, { request });
      if (place === 'connect' || (place && isBack)) return PLACES[place];
      if (broughtCode !== undefined) return PLACES.link;
      const kept = keptRequest(ctx);
      if (kept) return addressAbout('authorize', { request: kept });
      if (pendingCodes.find(ctx)) return PLACES.link;
      return PLACES[place === undefined || place === 'authorize' ? 'account' : place];
    },

    /** The request is answered, or over. */
    forgetRequest(ctx: PageContext): void {
      if (cookies.read(ctx, 'request') !== undefined) cookies.clear(ctx, 'request');
    },

    reminder(ctx: PageContext, { broughtCode }: Journey = {}): Reminder | undefined {
      const pending = pendingCodes.find(ctx);
      const isPending = pending && (broughtCode === undefined || isSameCode(pending.userCode, broughtCode));
      const userCode = broughtCode ?? pending?.userCode;
      if (userCode === undefined) return undefined;
      const expiresAt = isPending ? pending.expiresAt : undefined;
      const left = expiresAt && expiresAt.getTime() - now().getTime();
      return {
        userCode,
        groups: codeGroups(userCode),
        expiresAt,
        minutesLeft: left === undefined ? undefined : Math.max(0, Math.ceil(left / 60_000)),
        isOver: left !== undefined && left <= 0,
      };
    },
  };
}
