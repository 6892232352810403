// The machine doors ahead of Koa: their endpoints need a request, its headers and a plain answer, and none of what Koa makes
// for pages. A door is written as Koa middleware all the same; this is the smallest context that carries it. What stands
// before a door (observe) stands before it here too. The first door that owns an address answers for it.
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
  readonly doors: readonly MachineDoor[];
  readonly observe: Observe['observe'];
  /** Where every other request goes. */
  readonly next: Handler;
}

/** Case does not count (RFC 9110 §5.1). Nearly all names differ in length already, and need no lowering. */
const isSameName = (one: string, other: string): boolean =>
  one.length === other.length && one.toLowerCase() === other.toLowerCase();

/**
 * The headers of an answer, name after name and value: written at once with the status, they cost a fraction of what they
 * do when an answer is given them one by one.
 */
function createHeaders() {
  const list: string[] = [];
  function placeOf(name: string): number {
    for (let at = 0; at < list.length; at += 2) if (isSameName(list[at]!, name)) return at;
    return list.length;
  }
  return {
    list,
    set(name: string, value: string): void {
      const at = placeOf(name);
      list[at] = name;
      list[at + 1] = value;
    },
    remove: (name: string): void => void list.splice(placeOf(name), 2),
  };
}

/** The part of Koa's context that machine doors use, with Koa's meanings. */
function createContext(req: IncomingMessage, res: ServerResponse, path: string) {
  const headers = createHeaders();
  return {
    req,
    res,
    path,
    headers: headers.list,
    method: req.method ?? 'GET',
    state: {} as RequestState,
    status: 0,
    body: undefined as unknown,
    get(name: string): string {
      const value = req.headers[name.toLowerCase()];
      return typeof value === 'string' ? value : (value?.join(', ') ?? '');
    },
    set(field: string | Readonly<Record<string, string>>, value = ''): void {
      if (typeof field === 'string') headers.set(field, value);
      else for (const name in field) headers.set(name, field[name]!);
    },
    remove: headers.remove,
  };
}

type MachineContext = ReturnType<typeof createContext>;

/** Sends what the door left: an object as JSON, text and bytes as they are; 200 where there is a body and nobody said otherwise. */
function respond(ctx: MachineContext): void {
  const { req, res, body, headers } = ctx;
  if (res.headersSent || res.destroyed) return;
  const status = ctx.status || (body === undefined ? 404 : 200);
  if (status === 204) return void res.writeHead(status, headers).end();
  const isJson = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
  const text = isJson ? JSON.stringify(body) : (body ?? '');
  if (isJson) ctx.set('Content-Type', 'application/json; charset=utf-8');
  ctx.set('Content-Length', String(Buffer.byteLength(text)));
  res.writeHead(status, headers).end(req.method === 'HEAD' ? undefined : text);
}

/** The path without its query. The request line may hold a whole address (RFC 9112 §3.2.2); its host is not looked at. */
function pathOf(url: string): string {
  if (!url.startsWith('/')) return URL.canParse(url) ? new URL(url).pathname : url;
  const end = url.indexOf('?');
  return end === -1 ? url : url.slice(0, end);
}

const nowhere = async (): Promise<void> => undefined;

/** Makes a request handler that answers for the doors' addresses and hands every other request on. */
export function createMachineLane({ doors, observe, next }: MachineLaneDependencies): Handler {
  return (req, res) => {
    const path = pathOf(req.url ?? '/');
    const door = doors.find(({ owns }) => owns(path));
    if (!door) return next(req, res);
    const ctx = createContext(req, res, path);
    observe(ctx, () => door.middleware(ctx as unknown as RequestContext, nowhere))
      .then(() => respond(ctx))
      // `observe` answers for whatever fails behind it; what fails beside it has no answer, and must not end the process.
      .catch(() => void res.destroy());
  };
}
