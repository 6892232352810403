// The door of proxies: before they let somebody through to a page, they ask here who it is. 200 with who it is, else 401, 403, or the
// way to sign in. It reads cookies, as the pages do, and answers before all that pages need, as machine doors do; so it is a door of
// its own, with one endpoint. What is asked for is original-request's, who asks is visitor's.
// Remote-User and its kin as Authelia's users know them; OWASP ASVS 7.2; CHECKLIST 1.9.
import { NO_STORE, onlyMethods, type Guard, type RequestContext } from '../guards.js';
import { createCookies } from '../guards-cookies.js';
import { countOnly, noteUnavailable } from '../observe.js';
import { originOf, parseForm } from '../request.js';
import { answerOf, signInFirst, writeAnswer, writeError } from './errors.js';
import {
  createOriginalRequests,
  type OriginalRequest,
  type OriginalRequestsDependencies,
} from './original-request.js';
import { createVisitors, isAnswer, type Visitor, type VisitorsDependencies } from './visitor.js';
import type { ProtectedHosts } from '../../domain/protected-hosts.js';
import { OWN_FOLDER, writeAddress } from '../../domain/protected-hosts-address.js';

export type VerifyDoorDependencies = Omit<VisitorsDependencies, 'protectedHosts'> &
  Omit<OriginalRequestsDependencies, 'protectedHosts'> & {
    readonly protectedHosts: ProtectedHosts;
    readonly publicUrl: string;
    /** False without VERIFY_HOSTS: then there is no such door. */
    readonly isOpen: boolean;
    readonly newSecret: () => string;
    /** Logs a fault of ours with its cause, under the request's id. */
    readonly reportFault: (ctx: RequestContext, error: unknown) => void;
  };

const PATH = '/verify';

/** Where a browser arrives at a protected host with its handle; the proxy asks about it as about every other address. */
const ARRIVAL = `${OWN_FOLDER}arrive`;

const HEADERS = { ...NO_STORE, 'Referrer-Policy': 'no-referrer' } as const;

/** A header is bytes; these are read as UTF-8 on the other side. Nothing in them may end the line. */
const onWire = (text: string): string =>
  Buffer.from(text.replace(/\p{Cc}/gu, ' '), 'utf8').toString('latin1');

export function createVerifyDoor(dependencies: VerifyDoorDependencies): {
  middleware: Guard;
  owns: (path: string) => boolean;
} {
  const { protectedHosts, publicUrl, isOpen, newSecret, reportFault } = dependencies;
  const readOriginal = createOriginalRequests(dependencies);
  const visitors = createVisitors(dependencies);
  const jars = { https: createCookies({ isHttps: true }), http: createCookies({ isHttps: false }) };
  const cookiesOf = ({ site }: OriginalRequest) => jars[site.startsWith('https:') ? 'https' : 'http'];

  function leadTo(ctx: RequestContext, address: string): void {
    ctx.set('Location', address);
    ctx.status = 302;
  }

  const pageAbout = (path: string, about: Record<string, string>): string =>
    `${publicUrl}${path}?${new URLSearchParams(about).toString()}`;

  /** Where to sign in, for a browser that opens a page; it is given what only it can arrive with. */
  function showWay(ctx: RequestContext, asked: OriginalRequest): void {
    const cookies = cookiesOf(asked);
    const visit = cookies.read(ctx, 'visit') ?? newSecret();
    cookies.write(ctx, 'visit', visit);
    const to = writeAddress({ site: asked.site, path: protectedHosts.readPath(asked.path) });
    leadTo(ctx, pageAbout('/continue', { to, visit: protectedHosts.visitHashOf(visit) }));
  }

  async function arrive(ctx: RequestContext, asked: OriginalRequest): Promise<void> {
    const query = parseForm(asked.path.slice(ARRIVAL.length + 1));
    const { site } = asked;
    const to = writeAddress({ site, path: protectedHosts.readPath(query.get('to')) });
    const cookies = cookiesOf(asked);
    const [handle, visit] = [query.get('handle'), cookies.read(ctx, 'visit')];
    // Without its cookies it would be sent round and round.
    if (visit === undefined) return leadTo(ctx, pageAbout('/continue/no-cookie', { to }));
    const token =
      handle === undefined
        ? undefined
        : await protectedHosts.finishEntry({ handle, visit, site }, originOf(ctx));
    if (token !== undefined) cookies.write(ctx, 'host', token);
    // A handle that is spent or over: the page asks anew, and whoever is signed in notices nothing.
    leadTo(ctx, to);
  }

  async function verify(ctx: RequestContext): Promise<void> {
    const asked = readOriginal(ctx.req);
    const isArrival = asked.path.split('?', 1)[0] === ARRIVAL;
    if (isArrival && asked.isPassedOn && asked.method === 'GET') return arrive(ctx, asked);
    const found = isArrival ? signInFirst : await visitors.find(ctx, cookiesOf(asked), asked.site);
    if (!isAnswer(found)) return present(ctx, found);
    // What names a token is answered as RFC 6750 says; a form that was posted could not be posted again after a sign-in.
    const isPage = found === signInFirst && !isArrival && wantsPage(ctx, asked);
    if (isPage) showWay(ctx, asked);
    if (!isPage || !asked.isPassedOn) writeAnswer(ctx, found);
  }

  async function answer(ctx: RequestContext): Promise<void> {
    try {
      await verify(ctx);
    } catch (error) {
      if (!answerOf(error)) reportFault(ctx, error);
      noteUnavailable(ctx, error);
      writeError(ctx, error);
    }
  }

  const ofMethod = onlyMethods(['GET'], (ctx) =>
    writeAnswer(ctx, { status: 405, sentence: 'A proxy asks here with GET.' }),
  );
  return {
    owns: (path) => isOpen && path === PATH,
    middleware(ctx) {
      countOnly(ctx, 'verify');
      ctx.set(HEADERS);
      return ofMethod(ctx, () => answer(ctx)) as Promise<void>;
    },
  };
}

/** Every header is set or absent on our word alone: a proxy takes what a visitor has sent out of the request. */
function present(ctx: RequestContext, { account, mayTellEmail }: Visitor): void {
  ctx.set('Remote-User', onWire(account.username));
  ctx.set('Remote-Name', onWire(account.displayName));
  ctx.set('Remote-Subject', account.subjectId);
  // An address that nobody has proved may be somebody else's, who is known by it behind the proxy.
  if (mayTellEmail && account.isEmailVerified) ctx.set('Remote-Email', onWire(account.email));
  ctx.status = 200;
  ctx.body = Buffer.alloc(0);
}

/** A browser that opens a page: scripts, tools and posted forms are told 401 and nothing else. */
function wantsPage(ctx: RequestContext, { method }: OriginalRequest): boolean {
  const mode = ctx.get('Sec-Fetch-Mode');
  const isOpening = mode === '' || mode === 'navigate';
  const hasToken = /^(Bearer|DPoP)\b/i.test(ctx.get('Authorization'));
  return (
    ['GET', 'HEAD'].includes(method) && isOpening && !hasToken && /\btext\/html\b/i.test(ctx.get('Accept'))
  );
}
