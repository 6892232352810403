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

/** One value, and what it is called in each place: as a header, and as node lists that, it is written small. */
interface Named {
  readonly header: string;
  readonly field: string;
}

const named = (name: string): Named => ({ header: `x-plex-${name.toLowerCase()}`, field: `X-Plex-${name}` });

const IDENTIFIER = named('Client-Identifier');
const TOKEN = named('Token');
const TOOL = {
  product: named('Product'),
  version: named('Version'),
  platform: named('Platform'),
  platformVersion: named('Platform-Version'),
  device: named('Device'),
  deviceName: named('Device-Name'),
  deviceVendor: named('Device-Vendor'),
  model: named('Model'),
} as const satisfies Record<keyof ToolDescription, Named>;

/** Node reads header bytes as ISO-8859-1; a client that meant UTF-8 is understood too (PIN-API 1.4). */
function headerOf({ req }: RequestContext, { header }: Named): string | undefined {
  // Of a name that comes twice, node joins the values: only a cookie's are a list.
  const text = req.headers[header] as string | undefined;
  if (text === undefined || text === '') return undefined;
  if (!/[\x80-\xff]/.test(text)) return text;
  const bytes = Buffer.from(text, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : text;
}

const valueOf = (ctx: RequestContext, message: Message, name: Named): string | undefined =>
  headerOf(ctx, name) ?? fieldOf(message, name.field);

/** Throws MessageFault `malformed` for an identifier that is too long, or holds what no answer could repeat. */
export function readIdentifier(ctx: RequestContext, message: Message): string | undefined {
  const identifier = valueOf(ctx, message, IDENTIFIER);
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

/** Whether the token comes with the scheme of those that are bound to a key (RFC 9449 §7.1), which is looked at before all others. */
export const isShownAsBound = (ctx: RequestContext): boolean => /^DPoP /i.test(ctx.get('Authorization'));

/** `X-Plex-Token` in any of its places, or `Authorization: Bearer`; or `Authorization: DPoP`, and then nothing else. */
export function readToken(ctx: RequestContext, message: Message): string | undefined {
  const authorized = /^(?:Bearer|DPoP) +(\S+) *$/i.exec(ctx.get('Authorization'))?.[1];
  if (isShownAsBound(ctx)) return authorized;
  const inHeader = headerOf(ctx, TOKEN) ?? authorized;
  return inHeader ?? fieldOf(message, TOKEN.field);
}

export function readTool(ctx: RequestContext, message: Message): ToolDescription {
  const value = (name: Named): string => valueOf(ctx, message, name) ?? '';
  return {
    product: value(TOOL.product),
    version: value(TOOL.version),
    platform: value(TOOL.platform),
    platformVersion: value(TOOL.platformVersion),
    device: value(TOOL.device),
    deviceName: value(TOOL.deviceName),
    deviceVendor: value(TOOL.deviceVendor),
    model: value(TOOL.model),
  };
}

/** All of it. Throws MessageFault `repeated`, and `malformed` as `readIdentifier` does. */
export const readToolValues = (ctx: RequestContext, message: Message): ToolValues => ({
  identifier: readIdentifier(ctx, message),
  token: readToken(ctx, message),
  tool: readTool(ctx, message),
});
