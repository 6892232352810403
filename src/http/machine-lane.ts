// The machine doors ahead of Koa: their endpoints need a request, its headers and a JSON answer, and none of what Koa makes
// for pages. A door is written as Koa middleware all the same; this is
// the smallest context that carries it. What stands before a door (observe) stands before it here too.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Observe } from './observe.js';
import type { RequestContext, RequestState } from './guards.js';

type Handler = (req: IncomingMessage, res: ServerResponse) => void;

export interface MachineDoor {
  /** Whether an address is this door's to answer. */
  readonly owns: (path: string) => boolean;
  readonly middleware: (ctx: RequestContext, next: () => Promise<void>) => Promise<unknown>;
}

export interface MachineLaneDependencies {
  readonly door: MachineDoor;
  readonly observe: Observe['observe'];
  /** Where every other request goes. */
  readonly next: Handler;
}

type HeaderValue = string | readonly string[];

/** The part of Koa's context that machine doors use, with Koa's meanings. */
function createContext(req: IncomingMessage, res: ServerResponse, path: string) {
  return {
    req,
    res,
    path,
    method: req.method ?? 'GET',
    state: {} as RequestState,
    status: 0,
    body: undefined as unknown,
    get(name: string): string {
      const value = req.headers[name.toLowerCase()];
      return typeof value === 'string' ? value : (value?.join(', ') ?? '');
    },
    set(field: string | Readonly<Record<string, string>>, value: HeaderValue = ''): void {
      if (typeof field === 'string') res.setHeader(field, value);
      else for (const name in field) res.setHeader(name, field[name]!);
    },
    remove: (name: string): void => res.removeHeader(name),
  };
}

type MachineContext = ReturnType<typeof createContext>;

/** Sends what the door left: an object as JSON, a text as it is; 200 where there is a body and nobody said otherwise. */
function respond({ req, res, status, body }: MachineContext): void {
  if (res.headersSent || res.destroyed) return;
  res.statusCode = status || (body === undefined ? 404 : 200);
  if (body === undefined || res.statusCode === 204) return void res.end();
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  if (typeof body !== 'string') res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  res.end(req.method === 'HEAD' ? undefined : text);
}

/** The path without its query. The request line may hold a whole address (RFC 9112 §3.2.2); its host is not looked at. */
function pathOf(url: string): string {
  if (!url.startsWith('/')) return URL.canParse(url) ? new URL(url).pathname : url;
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

const nowhere = async (): Promise<void> => undefined;

/** Makes a request handler that answers for the door's addresses and hands every other request on. */
export function createMachineLane({ door, observe, next }: MachineLaneDependencies): Handler {
  return (req, res) => {
    const path = pathOf(req.url ?? '/');
    if (!door.owns(path)) return next(req, res);
    const ctx = createContext(req, res, path);
    observe(ctx, () => door.middleware(ctx as unknown as RequestContext, nowhere))
      .then(() => respond(ctx))
      // `observe` answers for whatever fails behind it; what fails beside it has no answer, and must not end the process.
      .catch(() => void res.destroy());
  };
}
