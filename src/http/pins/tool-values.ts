// What a tool says of itself: its X-Plex-* values, from the header, the query or the form, in this order, and the token it
// shows. Empty counts as absent everywhere. What may be shown of it is cleaned in the domain. PIN-API 1.3, 1.4, "Decided".
import { isUtf8 } from 'node:buffer';
import type { RequestContext } from '../guards.js';
import { MessageFault } from '../request.js';
import { DoorRefusal, refusals } from './errors.js';
import { fieldOf, type Message } from './message.js';
import type { ToolDescription } from '../../domain/tokens.js';

export interface ToolValues {
  readonly identifier: string | undefined;
  readonly token: string | undefined;
  readonly tool: ToolDescription;
}

const LONGEST_IDENTIFIER = 255;

/** Node reads header bytes as ISO-8859-1; a client that meant UTF-8 is understood too (PIN-API 1.4). */
function headerOf(ctx: RequestContext, name: string): string | undefined {
  const text = ctx.get(name);
  if (text === '') return undefined;
  if (!/[\x80-\xff]/.test(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}

const valueOf = (ctx: RequestContext, message: Message, name: string): string | undefined =>
  headerOf(ctx, name) ?? fieldOf(message, name);

/** Throws MessageFault `malformed` for an identifier that is too long, or holds what no answer could repeat. */
export function readIdentifier(ctx: RequestContext, message: Message): string | undefined {
  const identifier = valueOf(ctx, message, 'X-Plex-Client-Identifier');
  if (identifier === undefined) return undefined;
  if (identifier.length > LONGEST_IDENTIFIER || /[\p{Cc}\p{Cs}\ufffe\uffff]/u.test(identifier)) {
    throw new MessageFault('malformed', 'The client identifier is too long, or holds control characters.');
  }
  return identifier;
}

/** Refuses 400/1000. */
export function requireIdentifier({ identifier }: Pick<ToolValues, 'identifier'>): string {
  if (identifier === undefined) throw new DoorRefusal(refusals.identifierMissing);
  return identifier;
}

/** `X-Plex-Token` in any of its places, or `Authorization: Bearer`. */
export function readToken(ctx: RequestContext, message: Message): string | undefined {
  const inHeader = headerOf(ctx, 'X-Plex-Token') ?? /^Bearer +(\S+) *$/i.exec(ctx.get('Authorization'))?.[1];
  return inHeader ?? fieldOf(message, 'X-Plex-Token');
}

export function readTool(ctx: RequestContext, message: Message): ToolDescription {
  const value = (name: string): string => valueOf(ctx, message, `X-Plex-${name}`) ?? '';
  return {
    product: value('Product'),
    version: value('Version'),
    platform: value('Platform'),
    platformVersion: value('Platform-Version'),
    device: value('Device'),
    deviceName: value('Device-Name'),
    deviceVendor: value('Device-Vendor'),
    model: value('Model'),
  };
}

/** All of it. Throws MessageFault `repeated`, and `malformed` as `readIdentifier` does. */
export const readToolValues = (ctx: RequestContext, message: Message): ToolValues => ({
  identifier: readIdentifier(ctx, message),
  token: readToken(ctx, message),
  tool: readTool(ctx, message),
});
