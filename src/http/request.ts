// Reads requests strictly: bodies up to a cap, urlencoded forms, JSON objects. Nothing here trusts a byte that came in.
// Where a request came from is worked out in request-origin.ts, what may stop it in guards.ts; how a fault looks is each door's own.
// RFC 6749 §3.1 and §3.2 (no repeats, empty is absent), WHATWG URL (urlencoded), RFC 8259 (JSON), CHECKLIST 4 (weird bodies).
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Origin } from '../domain/vocabulary.js';

export const LARGEST_BODY = 16_384;
const MOST_FIELDS = 64;
const MOST_JSON_KEYS = 256;
const DEEPEST_JSON = 8;

export type MessageFaultKind = 'missing' | 'repeated' | 'malformed' | 'too-large' | 'unsupported-type';

/** A fault of the message itself (DESIGN 9.3). Its text may be shown: it never holds the caller's own bytes. */
export class MessageFault extends Error {
  readonly kind: MessageFaultKind;
  /** The parameter at fault, where its name is plain enough to be repeated in an answer. */
  readonly parameter: string | undefined;

  constructor(kind: MessageFaultKind, message: string, parameter?: string) {
    super(message);
    this.name = 'MessageFault';
    this.kind = kind;
    this.parameter = parameter !== undefined && /^[\w.-]{1,64}$/.test(parameter) ? parameter : undefined;
  }
}

/** Koa's context is one, and a plain node handler makes one with `{ req }`. */
export interface Incoming {
  readonly req: IncomingMessage;
}

/** Where the request came from; `observe` has worked it out before any door is reached (request-origin.ts). */
export function originOf(ctx: { readonly state: { readonly origin?: Origin } }): Origin {
  if (ctx.state.origin === undefined) throw new Error('no origin: this request did not pass observe');
  return ctx.state.origin;
}

// --- Bodies ---------------------------------------------------------------------------------------------------------

const kept = Symbol('body');
type WithBody = IncomingMessage & { [kept]?: Buffer };

/** Leaves a body that was read already for whoever reads this request next. */
export function handOnBody(req: IncomingMessage, body: Buffer): void {
  (req as WithBody)[kept] = body;
}

const tooLarge = (maxBytes: number): MessageFault =>
  new MessageFault('too-large', `The body is larger than ${maxBytes} bytes.`);

/** What the headers alone already say against reading the body; undefined when nothing does. */
export function bodyFault(headers: IncomingHttpHeaders, maxBytes: number): MessageFault | undefined {
  const encoding = headers['content-encoding'];
  // A packed body could unpack to any size, so none is unpacked.
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return new MessageFault('unsupported-type', 'The body must not be compressed.');
  }
  const length = headers['content-length'];
  return length !== undefined && Number(length) > maxBytes ? tooLarge(maxBytes) : undefined;
}

/**
 * Gathers the body and calls back once: with a fault, or with the bytes. It never holds more than `maxBytes`; the rest
 * of a larger body flows into nothing, so that the sender still reads its answer, until the server's request timeout.
 */
export function collectBody(
  req: IncomingMessage,
  maxBytes: number,
  done: (fault: MessageFault | undefined, body: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  const finish = (fault?: MessageFault): void => {
    req.off('data', take).off('end', end).off('close', cut).off('error', cut);
    done(fault, chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
  };
  const take = (chunk: Buffer): void => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else finish(tooLarge(maxBytes));
  };
  const end = (): void => finish();
  const cut = (): void => finish(new MessageFault('malformed', 'The body ended too early.'));
  // Gone before it was listened to: no event would come any more.
  if (req.destroyed) cut();
  else req.on('data', take).on('end', end).on('close', cut).on('error', cut);
}

/**
 * Calls back with a body of the `length` that the headers name, at least one byte, as soon as the last of it is there; never
 * where it breaks off. Node has checked that nothing comes behind it, and ends a request that takes too long.
 */
export function awaitBody(req: IncomingMessage, length: number, done: (body: Buffer) => void): void {
  let body: Buffer | undefined;
  req.on('data', (chunk: Buffer) => {
    body = body ? Buffer.concat([body, chunk]) : chunk;
    if (body.length === length) done(body);
  });
}

/**
 * The whole body, at most `maxBytes`; it may be read again. Throws MessageFault `too-large` (at once, where
 * Content-Length says so), `unsupported-type` for a compressed one, `malformed` for one that breaks off.
 */
export async function readBody({ req }: Incoming, { maxBytes = LARGEST_BODY } = {}): Promise<Buffer> {
  const early = bodyFault(req.headers, maxBytes);
  if (early) throw early;
  const known = (req as WithBody)[kept];
  if (known && known.length > maxBytes) throw tooLarge(maxBytes);
  if (known) return known;
  const body = await new Promise<Buffer>((resolve, reject) => {
    collectBody(req, maxBytes, (fault, bytes) => (fault ? reject(fault) : resolve(bytes)));
  });
  handOnBody(req, body);
  return body;
}

/** The text of a body that must be UTF-8. Throws MessageFault `malformed`. */
export function textOf(body: Buffer): string {
  if (!isUtf8(body)) throw new MessageFault('malformed', 'The body is not UTF-8.');
  return body.toString('utf8');
}

/** Whether a Content-Type names this media type, in UTF-8 if it names a charset at all. */
function isType(header: string | undefined, mediaType: string): boolean {
  if (header === mediaType) return true;
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  if (type.trim() !== mediaType) return false;
  const charset = parameters.map((part) => part.trim()).find((part) => part.startsWith('charset='));
  return charset === undefined || charset === 'charset=utf-8' || charset === 'charset="utf-8"';
}

// --- Forms ----------------------------------------------------------------------------------------------------------

export interface Form {
  /** The value; undefined where it is absent, empty (RFC 6749 §3.2) or sent more than once. */
  get(name: string): string | undefined;
  has(name: string): boolean;
  /** Every non-empty value sent under this name, for the few parameters that may repeat (RFC 8707 §2). */
  getAll(name: string): readonly string[];
  /** The names that were sent more than once, even if empty. */
  readonly repeated: readonly string[];
  /** Every name that was sent, once each, in the order of arrival. */
  names(): readonly string[];
}

const NONE: readonly string[] = [];

const FORM = 'application/x-www-form-urlencoded';

/** Whether the Content-Type is that of an urlencoded form in UTF-8. */
export const isForm = (headers: IncomingHttpHeaders): boolean => isType(headers['content-type'], FORM);

/** Whether the Content-Type is that of JSON in UTF-8. */
export const isJson = (headers: IncomingHttpHeaders): boolean =>
  isType(headers['content-type'], 'application/json');

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    // Refuses a malformed % sequence, and bytes that are not UTF-8.
    return decodeURIComponent(spaced);
  } catch {
    throw new MessageFault('malformed', 'The form is not well encoded.');
  }
}

/**
 * Reads urlencoded text: a form's body, or a query. Throws MessageFault `malformed` for a bad % sequence, bytes that
 * are not UTF-8, NUL, or more than 64 fields. A field named `__proto__` is a name like any other.
 */
export function parseForm(text: string): Form {
  if (text.includes('%00') || text.includes('\0')) throw new MessageFault('malformed', 'The form holds NUL.');
  const values = new Map<string, string>();
  let more: Map<string, string[]> | undefined;
  let fields = 0;
  for (let start = 0; start < text.length;) {
    const next = text.indexOf('&', start);
    const end = next === -1 ? text.length : next;
    if (end > start) {
      fields += 1;
      if (fields > MOST_FIELDS)
        throw new MessageFault('malformed', `The form has more than ${MOST_FIELDS} fields.`);
      const equals = text.indexOf('=', start);
      const split = equals === -1 || equals > end ? end : equals;
      const name = decode(text.slice(start, split));
      const value = decode(text.slice(split + 1, end));
      const first = values.get(name);
      if (first === undefined) values.set(name, value);
      else {
        more ??= new Map<string, string[]>();
        const all = more.get(name);
        if (all) all.push(value);
        else more.set(name, [first, value]);
      }
    }
    start = end + 1;
  }
  return presentForm(values, more);
}

function presentForm(values: Map<string, string>, more: Map<string, string[]> | undefined): Form {
  const get = (name: string): string | undefined =>
    more?.has(name) ? undefined : values.get(name) || undefined;
  return {
    get,
    has: (name) => get(name) !== undefined,
    getAll: (name) => (more?.get(name) ?? [values.get(name) ?? '']).filter((value) => value !== ''),
    repeated: more ? [...more.keys()] : NONE,
    names: () => [...values.keys()],
  };
}

/** Throws MessageFault `repeated` where a parameter came more than once (RFC 6749 §3.2), but for those that may. */
export function refuseRepeats(form: Form, { except = [] }: { except?: readonly string[] } = {}): void {
  const name = form.repeated.find((repeated) => !except.includes(repeated));
  if (name === undefined) return;
  const fault = new MessageFault('repeated', 'A parameter was sent more than once.', name);
  if (fault.parameter !== undefined)
    fault.message = `The parameter ${fault.parameter} was sent more than once.`;
  throw fault;
}

/** The value of a parameter that must be there. Throws MessageFault `repeated` or `missing`. */
export function requireField(form: Form, name: string): string {
  const value = form.get(name);
  if (value !== undefined) return value;
  if (form.repeated.includes(name)) {
    throw new MessageFault('repeated', `The parameter ${name} was sent more than once.`, name);
  }
  throw new MessageFault('missing', `The parameter ${name} is missing.`, name);
}

/**
 * The form in the body (RFC 8628 §3.1: urlencoded, UTF-8). Throws MessageFault: `unsupported-type` for any other
 * content, otherwise as `readBody` and `parseForm` do.
 */
export async function readForm(incoming: Incoming, { maxBytes = LARGEST_BODY } = {}): Promise<Form> {
  if (!isForm(incoming.req.headers)) {
    throw new MessageFault('unsupported-type', `The body must be ${FORM}, in UTF-8.`);
  }
  return parseForm(textOf(await readBody(incoming, { maxBytes })));
}

/** The query of the address, read as strictly as a form. Throws MessageFault as `parseForm` does. */
export function readQuery({ req }: Incoming): Form {
  const url = req.url ?? '';
  const mark = url.indexOf('?');
  return parseForm(mark === -1 ? '' : url.slice(mark + 1));
}

// --- JSON -----------------------------------------------------------------------------------------------------------

/** Refuses repeated keys, deep nesting and many keys in text that is known to be JSON. */
function checkShape(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let keys = 0;
  for (const [token, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?|[[\]{}]/g)) {
    if (token === '}' || token === ']') open.pop();
    else if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set<string>() : undefined);
      if (open.length > DEEPEST_JSON) throw new MessageFault('malformed', 'The JSON is nested too deeply.');
    } else if (colon !== undefined) {
      const key = JSON.parse(token.slice(0, token.length - colon.length)) as string;
      const seen = open.at(-1);
      // Two readers of one document may each take another of two equal keys.
      if (seen?.has(key)) throw new MessageFault('repeated', 'The JSON has a key more than once.', key);
      seen?.add(key);
      keys += 1;
      if (keys > MOST_JSON_KEYS) throw new MessageFault('malformed', 'The JSON has too many keys.');
    }
  }
}

const hasBadCharacter = (text: string): boolean => text.includes('\0') || /\p{Surrogate}/u.test(text);

/**
 * Reads a JSON object. Throws MessageFault: `malformed` for anything but one object, for NUL or half a surrogate pair
 * in a text, more than 8 levels or 256 keys; `repeated` for a key that stands twice. A key `__proto__` is left out.
 */
export function parseJson(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message quotes the body, so it goes no further.
    throw new MessageFault('malformed', 'The body is not JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MessageFault('malformed', 'The body must be a JSON object.');
  }
  checkShape(text);
  return JSON.parse(text, (key, inner: unknown) => {
    if (hasBadCharacter(key) || (typeof inner === 'string' && hasBadCharacter(inner))) {
      throw new MessageFault('malformed', 'The JSON holds a character that is not allowed.');
    }
    return key === '__proto__' ? undefined : inner;
  }) as Record<string, unknown>;
}

/** The JSON object in the body. Throws MessageFault: `unsupported-type` for other content, else as `readBody` and `parseJson`. */
export async function readJson(
  incoming: Incoming,
  { maxBytes = LARGEST_BODY } = {},
): Promise<Record<string, unknown>> {
  if (!isJson(incoming.req.headers)) {
    throw new MessageFault('unsupported-type', 'The body must be application/json, in UTF-8.');
  }
  return parseJson(textOf(await readBody(incoming, { maxBytes })));
}
