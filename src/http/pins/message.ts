// Reads what a request says besides its headers: the query, and a body that may be empty, the JSON text "", a JSON object or a
// form, whatever the method. Anything else in a body says nothing here. Which values mean what is in tool-values.ts.
// PIN-API 1.3 and 1.5 (what clients really send), CHECKLIST 4 (weird bodies).
import type { RequestContext } from '../guards.js';
import {
  isForm,
  isJson,
  MessageFault,
  parseForm,
  parseJson,
  readBody,
  readQuery,
  textOf,
  type Form,
} from '../request.js';

export interface Message {
  readonly query: Form;
  /** Empty where the body was no form. */
  readonly form: Form;
  /** Empty where the body was no JSON object. */
  readonly json: Readonly<Record<string, unknown>>;
}

const NO_FORM = parseForm('');
const NO_JSON = {};

/**
 * The query and the body. Throws MessageFault: `too-large` for a body over 16 KiB, `malformed` for JSON or a form that cannot
 * be read, `repeated` for a JSON key that stands twice.
 */
export async function readMessage(ctx: RequestContext): Promise<Message> {
  const { headers, url } = ctx.req;
  const query = url?.includes('?') ? readQuery(ctx) : NO_FORM;
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  if (!hasBody) return { query, form: NO_FORM, json: NO_JSON };
  const body = await readBody(ctx);
  if (isJson(headers) || opensObject(body)) return { query, form: NO_FORM, json: readJsonText(textOf(body)) };
  const mayBeForm = headers['content-type'] === undefined || isForm(headers);
  return { query, form: mayBeForm ? parseForm(textOf(body)) : NO_FORM, json: NO_JSON };
}

/** What is written as an object is one, whatever its type says: a key in it must not be missed (PIN-API "Decided"). */
const opensObject = (body: Buffer): boolean => body.toString('latin1').trimStart().startsWith('{');

/** A client that has nothing to say sends no byte, or the text "" (PIN-API 1.5). */
function readJsonText(text: string): Record<string, unknown> {
  const trimmed = text.trim();
  return trimmed === '' || trimmed === '""' ? NO_JSON : parseJson(trimmed);
}

/** The value in the query, else in the form; undefined where it is absent or empty. Throws MessageFault `repeated`. */
export function fieldOf({ query, form }: Message, name: string): string | undefined {
  return one(query, name) ?? one(form, name);
}

function one(form: Form, name: string): string | undefined {
  if (form === NO_FORM) return undefined;
  // Two readers of one message may each take another of two values.
  if (form.repeated.includes(name)) {
    throw new MessageFault('repeated', `The parameter ${name} was sent more than once.`, name);
  }
  return form.get(name);
}

/** The value wherever it stands, a JSON object included. Throws MessageFault `malformed` for what is no text there, and `repeated`. */
export function wordOf(message: Message, name: string): string | undefined {
  const value = message.json[name] ?? fieldOf(message, name);
  if (value === undefined || typeof value === 'string') return value === '' ? undefined : value;
  throw new MessageFault('malformed', `The parameter ${name} must be text.`, name);
}

/** Whether it was sent at all, even if empty. */
export const wasSent = ({ query, form, json }: Message, name: string): boolean =>
  query.names().includes(name) || form.names().includes(name) || Object.hasOwn(json, name);

/** `true`, `True` and `1` are yes, whether as text or as JSON; any other text is no (PIN-API 1.5). Throws MessageFault `malformed`. */
export function flagOf(message: Message, name: string): boolean {
  const value = message.json[name] ?? fieldOf(message, name) ?? false;
  if (typeof value === 'boolean') return value;
  if (value === 0 || value === 1) return value === 1;
  if (typeof value === 'string') return value === '1' || value.toLowerCase() === 'true';
  throw new MessageFault('malformed', `The parameter ${name} must be true or false.`, name);
}
