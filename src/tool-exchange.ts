// One request and its JSON answer: how long it may take, how much it may say, and what is thrown where none comes.
// It owns what reaches outside the tool. Which addresses are asked, and what for, is for its callers.
import { setTimeout as pause } from 'node:timers/promises';
import { text, tidy, wordsOf } from './tool-words.js';

export const REQUEST_SECONDS = 10;
const LARGEST_ANSWER = 1_048_576;

/** Why the tool cannot go on: the caller asked for the impossible, or the server broke the rules. */
export class ToolFault extends Error {
  override name = 'ToolFault';
}

/** Everything that reaches outside the tool: tests hand in their own. */
export interface ToolSurroundings {
  /** Takes one or more lines for the person, without the last line break. */
  print: (text: string) => void;
  /** Whether `print` ends in a terminal that understands colours. */
  isTerminal?: boolean;
  fetch?: typeof globalThis.fetch;
  sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  now?: () => Date;
  /** Opens an address in the person's browser; absent where there is none on this machine. */
  openBrowser?: (address: string) => void;
  /** Aborting it ends the tool with the outcome `stopped`. */
  signal?: AbortSignal;
}

export type Outside = Required<Omit<ToolSurroundings, 'signal' | 'openBrowser'>> & {
  openBrowser: ToolSurroundings['openBrowser'] | undefined;
  signal: AbortSignal | undefined;
};

/** The surroundings with everything in them: what is not given is the machine's own. */
export function openOutside(given: ToolSurroundings): Outside {
  return {
    print: given.print,
    isTerminal: given.isTerminal ?? false,
    fetch: given.fetch ?? globalThis.fetch,
    sleep: given.sleep ?? ((milliseconds, signal) => pause(milliseconds, undefined, signal && { signal })),
    now: given.now ?? (() => new Date()),
    openBrowser: given.openBrowser,
    signal: given.signal,
  };
}

export interface Answer {
  status: number;
  headers: Headers;
  json: Record<string, unknown>;
}

/** Sends one request and reads its JSON; throws a `ToolFault` naming the address where no answer comes. */
export async function ask(outside: Outside, address: string, init: RequestInit): Promise<Answer> {
  try {
    return await exchange(outside, address, init, REQUEST_SECONDS);
  } catch (fault) {
    if (outside.signal?.aborted || fault instanceof ToolFault) throw fault;
    const cause = fault instanceof Error && fault.cause ? fault.cause : fault;
    throw new ToolFault(`No server answers at ${address} (${wordsOf(cause)}).`, { cause: fault });
  }
}

/** Sends one request and reads its JSON within the seconds; throws what `fetch` throws where no answer comes. */
export async function exchange(
  outside: Outside,
  address: string,
  init: RequestInit,
  seconds: number,
): Promise<Answer> {
  const timeout = AbortSignal.timeout(seconds * 1000);
  const signal = outside.signal ? AbortSignal.any([outside.signal, timeout]) : timeout;
  const headers = { accept: 'application/json', ...(init.headers as Record<string, string> | undefined) };
  // A redirect would carry the device code to an address that the metadata never named.
  const response = await outside.fetch(address, { ...init, headers, signal, redirect: 'manual' });
  return { status: response.status, headers: response.headers, json: parseObject(await readText(response)) };
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let read = '';
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    read += decoder.decode(chunk, { stream: true });
    if (read.length > LARGEST_ANSWER)
      throw new ToolFault(`${response.url} answers with more than a tool can use.`);
  }
  return read + decoder.decode();
}

function parseObject(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

export function refusal(what: string, { status, json }: Answer): ToolFault {
  const error = text(json['error']) || `HTTP ${status}`;
  const description = text(json['error_description']);
  return new ToolFault(
    `The server refused the ${what}: ${error}${description === '' ? '' : `: ${description}`}.`,
  );
}

/**
 * The address of a server as its caller gives it, with a note where it is reached in the clear; throws a `ToolFault` where it
 * is none.
 */
export function readServer(outside: Outside, address: string): URL {
  const url = parseAddress(address);
  if (url === undefined || url.search !== '' || url.hash !== '')
    throw new ToolFault(
      `"${tidy(address)}" is not an issuer: it must be an http(s) address without query (RFC 8414 §2).`,
    );
  if (url.protocol === 'http:' && !isLoopback(url))
    outside.print('Note: this server is reached without TLS; anyone on the way can read what is said.');
  return url;
}

function isLoopback(url: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}

/** The http(s) address that the words are, or undefined. */
export function parseAddress(address: string): URL | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url && ['http:', 'https:'].includes(url.protocol) ? url : undefined;
}
