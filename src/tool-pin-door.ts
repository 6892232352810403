// Talking to a PIN door: who the tool says it is, how a PIN is made, what an answer must hold, and what a refusal says.
// It owns neither the waiting (tool-pin-polling) nor the key (tool-device-key). The API is that of existing PIN clients.
import { platform } from 'node:os';
import { ToolFault, ask } from './tool-exchange.js';
import type { Answer, Outside } from './tool-exchange.js';
import type { ShownLink } from './tool-link.js';
import { number, text, tidy } from './tool-words.js';

const LARGEST_NUMBER = 2 ** 31 - 1;
const LONGEST_LIFE_SECONDS = 86_400;

/** A server's PIN door, and the tool as it introduces itself there. */
export interface PinDoor {
  /** Without a slash at the end. */
  base: string;
  /** Stands for this installation of the tool; neither secret nor unique. */
  identifier: string;
  name: string;
}

/** The PIN as the person sees it, and the number by which the tool asks for it. */
export interface Pin extends ShownLink {
  number: number;
  expiresAt: Date;
}

/** The headers with which a tool introduces itself. */
export function introduction({ identifier, name }: PinDoor): Record<string, string> {
  const values = {
    'x-plex-client-identifier': identifier,
    'x-plex-product': name,
    'x-plex-platform': platform(),
    'x-plex-device': 'Terminal',
  };
  // A header is bytes; these are read as UTF-8.
  return Object.fromEntries(
    Object.entries(values).map(([header, value]) => [header, Buffer.from(value).toString('latin1')]),
  );
}

/** Makes a PIN, with the public key where one is given; throws a `ToolFault` where the server refuses or leaves out what is needed. */
export async function makePin(
  outside: Outside,
  door: PinDoor,
  { isStrong, jwk }: { isStrong: boolean; jwk: object | undefined },
): Promise<Pin> {
  const body = jwk ? { jwk, strong: isStrong } : undefined;
  const answer = await ask(outside, `${door.base}/api/v2/pins${body || !isStrong ? '' : '?strong=true'}`, {
    method: 'POST',
    headers: { ...introduction(door), ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (answer.status !== 200 && answer.status !== 201) throw pinRefusal('PIN', answer);
  const id = number(answer.json['id']) ?? 0;
  const userCode = text(answer.json['code']);
  const expiresInSeconds = Math.min(number(answer.json['expiresIn']) ?? 0, LONGEST_LIFE_SECONDS);
  if (!Number.isInteger(id) || id < 1 || id > LARGEST_NUMBER || userCode === '' || expiresInSeconds <= 0)
    throw new ToolFault('The server made a PIN without id, code or expiresIn.');
  return {
    number: id,
    userCode,
    verificationUri: `${door.base}/link`,
    completeUri: completeUri(door, userCode, isStrong),
    expiresInSeconds,
    expiresAt: new Date(outside.now().getTime() + expiresInSeconds * 1000),
  };
}

/** The address that has the PIN in it: a strong one's is behind the `#`, so that it stays out of logs. */
function completeUri({ base, identifier, name }: PinDoor, userCode: string, isStrong: boolean): string {
  if (!isStrong) return `${base}/link?${new URLSearchParams({ pin: userCode }).toString()}`;
  const context = { clientID: identifier, code: userCode, 'context[device][product]': name };
  return `${base}/auth#?${new URLSearchParams(context).toString()}`;
}

/** The number of the first error in an answer, where it has one. */
export function errorNumber({ json }: Answer): number | undefined {
  return number(firstError(json)?.['code']);
}

/** A refusal in the server's words: number and message where it gives them. */
export function pinRefusal(what: string, answer: Answer): ToolFault {
  const code = errorNumber(answer);
  const message = text(firstError(answer.json)?.['message']);
  const words = [`HTTP ${answer.status}`, ...(code === undefined ? [] : [`error ${code}`])].join(', ');
  return new ToolFault(tidy(`The server refused the ${what}: ${words}${message && `: ${message}`}.`));
}

function firstError(json: Record<string, unknown>): Record<string, unknown> | undefined {
  const first: unknown = Array.isArray(json['errors']) ? json['errors'][0] : undefined;
  return typeof first === 'object' && first !== null ? { ...first } : undefined;
}
