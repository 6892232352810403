// The demo tool at the PIN door: makes a PIN, shows it, waits, and asks the server whom the token speaks for.
// It owns the order of these steps; tool.ts beside it does the same at the OAuth door and has the command line.
import { randomUUID } from 'node:crypto';
import type { TokenCheck } from './tool-checking.js';
import { checkKeyedToken, keepDeviceKey, makeDeviceKey, proveKey, renewToken } from './tool-device-key.js';
import type { DeviceKey } from './tool-device-key.js';
import { ask, openOutside, readServer } from './tool-exchange.js';
import type { Outside, ToolSurroundings } from './tool-exchange.js';
import type { ShownLink } from './tool-link.js';
import { introduction, makePin, pinRefusal } from './tool-pin-door.js';
import type { PinDoor } from './tool-pin-door.js';
import { pollPin } from './tool-pin-polling.js';
import { showLink } from './tool-printing.js';
import { tidyLines } from './tool-words.js';

const WAIT_SECONDS = 30;
/** What the tool shows of the answer, which repeats the token and has some fifty members more. */
const TELLING = ['id', 'uuid', 'username', 'title', 'email'] as const;

export type PinToolResult =
  | { outcome: 'token'; token: string; user: Record<string, unknown>; check: TokenCheck | undefined }
  | { outcome: 'gone' }
  | { outcome: 'expired' }
  | { outcome: 'stopped' };

export interface PinToolOptions extends ToolSurroundings {
  /** The server's address. */
  issuer: string;
  /** What the tool calls itself to the server; without it, the one kept with the key, or a new one. */
  identifier?: string;
  name?: string;
  /** Asks for a long code, for an address that nobody has to type. */
  isStrong?: boolean;
  /** Binds the token to a key of the tool's own: a fresh one, or the one in `keyFile`. */
  isKeyed?: boolean;
  /** Where the key is kept, made there at first; with it the PIN is keyed. */
  keyFile?: string;
  /** Fetches a fresh token with the kept key, without a PIN. */
  isRenewal?: boolean;
  /** What a keyed token tells of the person: words separated by spaces or commas. */
  scope?: string;
  /** What the server calls itself in keyed tokens, where that is not its address. */
  audience?: string;
  /** `false` asks once a second, even where the server can hold a request. */
  mayWait?: boolean;
  /** Called once, after the PIN has been printed. */
  onShown?: (link: ShownLink) => void;
}

/**
 * Plays one PIN from its making to the token and what the server says of it. Answers with the outcome; throws a `ToolFault`
 * where the server cannot be used. Never throws for a person's decision, nor when stopped by the signal.
 */
export async function runPinTool(options: PinToolOptions): Promise<PinToolResult> {
  const outside = openOutside(options);
  try {
    const key = await takeKey(options);
    const door: PinDoor = {
      base: readServer(outside, options.issuer).href.replace(/\/$/, ''),
      identifier: key?.identifier ?? options.identifier ?? randomUUID(),
      name: options.name ?? 'Demo tool',
    };
    const scope = (options.scope ?? 'username friendly_name').split(/[\s,]+/).join(',');
    const about = { audience: options.audience ?? door.base, scope };
    const end =
      key && options.isRenewal
        ? { token: await renewToken(outside, door, key, about) }
        : await playPin(outside, door, options, key && { key, about });
    if (typeof end === 'string') return { outcome: end };
    return await presentPinToken(outside, door, end.token, key && { key, audience: about.audience });
  } catch (fault) {
    if (outside.signal?.aborted) return { outcome: 'stopped' };
    throw fault;
  }
}

async function takeKey(options: PinToolOptions): Promise<DeviceKey | undefined> {
  if (options.keyFile !== undefined) return keepDeviceKey(options.keyFile, options.identifier);
  return options.isKeyed ? makeDeviceKey(options.identifier) : undefined;
}

interface Keyed {
  key: DeviceKey;
  about: { audience: string; scope: string };
}

async function playPin(
  outside: Outside,
  door: PinDoor,
  options: PinToolOptions,
  keyed: Keyed | undefined,
): Promise<{ token: string } | 'gone' | 'expired'> {
  const pin = await makePin(outside, door, {
    isStrong: options.isStrong ?? false,
    jwk: keyed?.key.publicJwk,
  });
  await showLink(outside, pin);
  options.onShown?.(pin);
  outside.print('Waiting for the decision … (Ctrl-C stops)');
  return pollPin(outside, door, pin, {
    waitSeconds: options.mayWait === false ? 0 : WAIT_SECONDS,
    ...(keyed && { prove: () => proveKey(keyed.key, outside.now(), keyed.about) }),
  });
}

/** Prints the token, the verdict on it where a key can tell, and whom the server says it speaks for. */
async function presentPinToken(
  outside: Outside,
  door: PinDoor,
  token: string,
  keyed: { key: DeviceKey; audience: string } | undefined,
): Promise<PinToolResult> {
  outside.print(['', 'The token has arrived.', '', token, ''].join('\n'));
  const check = keyed && (await checkKeyedToken(outside, door, keyed.key, keyed.audience, token));
  if (check) outside.print(check.sentence);
  const headers = { ...introduction(door), 'x-plex-token': token };
  const answer = await ask(outside, `${door.base}/api/v2/user`, { headers });
  if (answer.status !== 200) throw pinRefusal('token', answer);
  const user = Object.fromEntries(TELLING.map((name) => [name, answer.json[name] ?? null]));
  outside.print(`The server says whom it speaks for:\n${tidyLines(JSON.stringify(user, null, 2))}`);
  return { outcome: 'token', token, user, check };
}
