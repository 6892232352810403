// The demo tool: a complete client of the device flow for the terminal, good against any server that speaks it.
// It owns the client's half of the conversation and imports nothing from this project, so it proves that nothing private is needed.
// RFC 8628 (the flow), RFC 8414 (discovery), RFC 7591 (registration), RFC 7240 §4.3 (Prefer: wait), RFC 9068 §4 (checking the token).
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JSONWebKeySet } from 'jose';
import qrcode from 'qrcode';

const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const REQUEST_SECONDS = 10;
const LONGEST_BACKOFF_SECONDS = 60;
const LARGEST_ANSWER = 1_048_576;
const LONGEST_LIFE_SECONDS = 86_400; // timers overflow far beyond it, and nobody waits longer
const SIGNATURES = 'EdDSA Ed25519 ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512'.split(' ');

/** Why the tool cannot go on: the caller asked for the impossible, or the server broke the rules. */
export class ToolFault extends Error {
  override name = 'ToolFault';
}

/** The started link as the person sees it; the device code stays inside the tool (RFC 8628 §3.3). */
export interface ShownLink {
  userCode: string;
  verificationUri: string;
  completeUri?: string;
  expiresInSeconds: number;
}

/** What became of the received token: `valid` by RFC 9068 §4, `refused` by it, `opaque`, or `unchecked` for want of keys. */
export interface TokenCheck {
  verdict: 'valid' | 'refused' | 'opaque' | 'unchecked';
  sentence: string;
}

export type ToolResult =
  | { outcome: 'token'; answer: Record<string, unknown>; check: TokenCheck }
  | { outcome: 'declined' }
  | { outcome: 'expired' }
  | { outcome: 'stopped' };

/** Everything that reaches outside the tool: tests hand in their own. */
export interface ToolSurroundings {
  /** Takes one or more lines for the person, without the last line break. */
  print: (text: string) => void;
  /** Whether `print` ends in a terminal that understands colours. */
  isTerminal?: boolean;
  fetch?: typeof globalThis.fetch;
  sleep?: (milliseconds: number, signal: AbortSignal | undefined) => Promise<void>;
  now?: () => Date;
  /** Aborting it ends the tool with the outcome `stopped`. */
  signal?: AbortSignal;
}

export interface ToolOptions extends ToolSurroundings {
  issuer: string;
  clientId?: string;
  /** Space-separated; without it the server's own list decides whether `openid profile` is asked for. */
  scope?: string;
  name?: string;
  /** `false` polls plainly even where the server can hold a poll. */
  mayWait?: boolean;
  /** Called once, after PIN, address and QR have been printed. */
  onShown?: (link: ShownLink) => void;
}

type Outside = Required<Omit<ToolSurroundings, 'signal'>> & { signal: AbortSignal | undefined };

interface Answer {
  status: number;
  headers: Headers;
  json: Record<string, unknown>;
}

interface Server {
  issuer: string;
  deviceAuthorizationEndpoint: string;
  tokenEndpoint: string;
  registrationEndpoint: string | undefined;
  jwksUri: string | undefined;
  scopes: string[];
  waitSeconds: number;
}

interface Link extends ShownLink {
  deviceCode: string;
  intervalSeconds: number;
  expiresAt: Date;
}

/**
 * Plays one link from discovery to the checked token. Answers with the outcome; throws a `ToolFault` where the server cannot be
 * used. Never throws for a person's decision, nor when stopped by the signal.
 */
export async function runTool(options: ToolOptions): Promise<ToolResult> {
  const outside: Outside = {
    print: options.print,
    isTerminal: options.isTerminal ?? false,
    fetch: options.fetch ?? globalThis.fetch,
    sleep: options.sleep ?? ((milliseconds, signal) => pause(milliseconds, undefined, signal && { signal })),
    now: options.now ?? (() => new Date()),
    signal: options.signal,
  };
  try {
    const server = await discover(outside, options.issuer);
    const known = ['openid', 'profile'].filter((word) => server.scopes.includes(word)).join(' ');
    const scope = options.scope ?? known;
    const clientId =
      options.clientId ?? (await register(outside, server, options.name ?? 'Demo tool', scope));
    const link = await startLink(outside, server, clientId, scope);
    await showLink(outside, link);
    options.onShown?.(link);
    outside.print('Waiting for the decision … (Ctrl-C stops)');
    const waitSeconds = options.mayWait === false ? 0 : server.waitSeconds;
    const end = await pollUntilDecided(outside, { ...server, waitSeconds }, clientId, link);
    return typeof end === 'string' ? { outcome: end } : await presentToken(outside, server, end);
  } catch (fault) {
    if (outside.signal?.aborted) return { outcome: 'stopped' };
    throw fault;
  }
}

async function discover(outside: Outside, issuer: string): Promise<Server> {
  const url = parseAddress(issuer);
  if (url === undefined || url.search !== '' || url.hash !== '')
    throw new ToolFault(
      `"${tidy(issuer)}" is not an issuer: it must be an http(s) address without query (RFC 8414 §2).`,
    );
  if (url.protocol === 'http:' && !isLoopback(url))
    outside.print('Note: this server is reached without TLS; anyone on the way can read what is said.');
  const path = url.pathname.replace(/\/$/, '');
  const places = [
    `${url.origin}/.well-known/oauth-authorization-server${path}`, // RFC 8414 §3: inserted before the path
    `${url.origin}${path}/.well-known/openid-configuration`,
  ];
  for (const place of places) {
    const answer = await ask(outside, place, {});
    if (answer.status === 200 && typeof answer.json['issuer'] === 'string')
      return readMetadata(answer.json, issuer, url);
  }
  throw new ToolFault(`The server at ${issuer} publishes no metadata (looked at ${places.join(' and ')}).`);
}

function readMetadata(metadata: Record<string, unknown>, issuer: string, issuerUrl: URL): Server {
  // RFC 8414 §3.3: byte for byte. Anything looser lets one server pass for another.
  if (metadata['issuer'] !== issuer)
    throw new ToolFault(
      `The server calls itself "${text(metadata['issuer'])}", not "${issuer}": refused (RFC 8414 §3.3). Give --issuer exactly as the server does.`,
    );
  const endpoint = (name: string): string | undefined => {
    if (metadata[name] === undefined) return undefined;
    const url = parseAddress(text(metadata[name]));
    // A server behind TLS must not lead the device code out into the open.
    if (url === undefined || (issuerUrl.protocol === 'https:' && url.protocol !== 'https:'))
      throw new ToolFault(`The server's ${name} is not an address to trust: "${text(metadata[name])}".`);
    return url.href;
  };
  const deviceAuthorizationEndpoint = endpoint('device_authorization_endpoint');
  const tokenEndpoint = endpoint('token_endpoint');
  if (deviceAuthorizationEndpoint === undefined || tokenEndpoint === undefined)
    throw new ToolFault(`The server at ${issuer} does not offer the device flow (RFC 8628 §4).`);
  const scopes = metadata['scopes_supported'];
  return {
    issuer,
    deviceAuthorizationEndpoint,
    tokenEndpoint,
    registrationEndpoint: endpoint('registration_endpoint'),
    jwksUri: endpoint('jwks_uri'),
    scopes: Array.isArray(scopes) ? scopes.map(text) : [],
    waitSeconds: Math.floor(Math.min(number(metadata['prefer_wait_seconds_supported']) ?? 0, 60)),
  };
}

async function register(outside: Outside, server: Server, name: string, scope: string): Promise<string> {
  if (server.registrationEndpoint === undefined)
    throw new ToolFault('The server registers no tools by itself: give --client-id.');
  const wantsRefresh = scope.split(' ').includes('offline_access');
  const answer = await ask(outside, server.registrationEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: name,
      grant_types: wantsRefresh ? [DEVICE_GRANT, 'refresh_token'] : [DEVICE_GRANT],
      response_types: [], // the default, "code", would not fit these grants (RFC 7591 §2.1)
      redirect_uris: [],
      token_endpoint_auth_method: 'none',
      ...(scope === '' ? {} : { scope }),
    }),
  });
  const { client_id: clientId, token_endpoint_auth_method: method } = answer.json;
  if (answer.status !== 201 || typeof clientId !== 'string' || clientId === '')
    throw refusal('registration', answer);
  if (method !== undefined && method !== 'none')
    throw new ToolFault(
      'The server gave this tool a secret, which a public tool cannot keep (RFC 8628 §5.6): give --client-id.',
    );
  return clientId;
}

async function startLink(outside: Outside, server: Server, clientId: string, scope: string): Promise<Link> {
  const answer = await ask(outside, server.deviceAuthorizationEndpoint, {
    method: 'POST',
    body: new URLSearchParams({ client_id: clientId, ...(scope === '' ? {} : { scope }) }),
  });
  const { device_code: deviceCode, user_code: userCode } = answer.json;
  const expiresInSeconds = Math.min(number(answer.json['expires_in']) ?? 0, LONGEST_LIFE_SECONDS);
  const verificationUri = text(answer.json['verification_uri']);
  const completeUri = text(answer.json['verification_uri_complete']);
  if (answer.status !== 200) throw refusal('device authorization', answer);
  if (
    typeof deviceCode !== 'string' ||
    typeof userCode !== 'string' ||
    parseAddress(verificationUri) === undefined ||
    expiresInSeconds <= 0
  )
    throw new ToolFault('The server started a link without all that RFC 8628 §3.2 requires.');
  return {
    deviceCode,
    userCode: tidy(userCode),
    verificationUri,
    ...(parseAddress(completeUri) === undefined ? {} : { completeUri }),
    expiresInSeconds,
    expiresAt: new Date(outside.now().getTime() + expiresInSeconds * 1000),
    intervalSeconds: Math.max(1, number(answer.json['interval']) ?? 5), // RFC 8628 §3.2: 5 where none is given
  };
}

async function showLink(outside: Outside, link: Link): Promise<void> {
  const address = link.completeUri ?? link.verificationUri;
  const drawn = await qrcode.toString(address, { type: 'utf8', errorCorrectionLevel: 'L', margin: 2 });
  // Dark on light whatever the terminal's own colours are: not every camera reads an inverted code.
  const qr = outside.isTerminal ? drawn.replace(/^.+$/gm, '\x1b[30;107m$&\x1b[0m') : drawn;
  const bold = (words: string) => (outside.isTerminal ? `\x1b[1m${words}\x1b[0m` : words);
  const minutes = Math.max(1, Math.round(link.expiresInSeconds / 60));
  outside.print(
    [
      '',
      bold(largePin(link.userCode)),
      '',
      `  PIN   ${bold(link.userCode)}`, // RFC 8628 §3.3.1: shown even beside the complete address
      `  Open  ${bold(link.verificationUri)}  and enter the PIN there,`,
      `  or scan this, and check that the page shows the same PIN:`,
      '',
      qr,
      ...(link.completeUri === undefined ? [] : [`  ${link.completeUri}`]),
      '',
      `  The PIN runs out in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`,
      '',
    ].join('\n'),
  );
}

// Five rows of five dots for each letter; a row is one base-32 digit, its bits the dots from left to right.
const LETTERS = new Map(
  (
    'A:ehvhh B:uhuhu C:fgggf D:uhhhu E:vgugv F:vgugg G:fgjhf H:hhvhh I:v444v J:722ic K:hisih L:ggggv ' +
    'M:hrlhh N:hpljh O:ehhhe P:uhugg Q:ehlid R:uhuih S:fge1u T:v4444 U:hhhhe V:hhha4 W:hhlrh X:ha4ah ' +
    'Y:ha444 Z:v248v 0:ejlpe 1:4c44e 2:u1egv 3:u1e1u 4:iiv22 5:vgu1u 6:eguhe 7:v2488 8:ehehe 9:ehf1e -:00e00'
  )
    .split(' ')
    .map((entry) => [entry.charAt(0), entry.slice(2)]),
);

/** Draws a user code five lines high; a code that is too long or holds unusual letters is only spaced out. */
export function largePin(userCode: string): string {
  const letters = [...userCode.toUpperCase()].map((letter) => LETTERS.get(letter));
  if (letters.length > 10 || letters.includes(undefined)) return `  ${[...userCode].join(' ')}`;
  const dots = (digit: string) => parseInt(digit, 32).toString(2).padStart(5, '0');
  const row = (at: number) => letters.map((letter) => dots(letter?.charAt(at) ?? '0')).join('00');
  return [0, 1, 2, 3, 4]
    .map((at) => `  ${row(at).replaceAll('0', ' ').replaceAll('1', '█')}`.trimEnd())
    .join('\n');
}

/** Polls as RFC 8628 §3.5 says until something final is heard; answers with the token's JSON or the word for the end. */
async function pollUntilDecided(outside: Outside, server: Server, clientId: string, link: Link) {
  let interval = link.intervalSeconds;
  let failures = 0;
  let delay = server.waitSeconds > 0 ? 0 : interval; // a held poll may start at once: nothing came before it
  for (;;) {
    const left = (link.expiresAt.getTime() - outside.now().getTime()) / 1000;
    if (delay >= left) return 'expired';
    if (delay > 0) await outside.sleep(delay * 1000, outside.signal);
    const sentAt = outside.now().getTime();
    const answer = await poll(
      outside,
      server,
      clientId,
      link,
      Math.min(server.waitSeconds, Math.ceil(left - delay)),
    );
    const error = answer?.json['error'];
    if (answer === undefined || answer.status >= 500 || answer.status === 429) {
      failures += 1;
      delay = Math.max(interval, Math.min(interval * 2 ** failures, LONGEST_BACKOFF_SECONDS));
    } else if (answer.status === 200 && text(answer.json['access_token']) !== '') return answer.json;
    else if (error === 'authorization_pending' || error === 'slow_down') {
      failures = 0;
      if (error === 'slow_down') interval += 5; // RFC 8628 §3.5: for this and all later polls
      const isHeld =
        error !== 'slow_down' && /\bwait\s*=/i.test(answer.headers.get('preference-applied') ?? '');
      // The hold has been the waiting already; a server that claims to hold but does not is still polled at the interval.
      delay = isHeld ? Math.max(0, interval - (outside.now().getTime() - sentAt) / 1000) : interval;
    } else if (error === 'access_denied') return 'declined';
    else if (error === 'expired_token') return 'expired';
    else throw refusal('token request', answer); // RFC 8628 §3.5: stop on any other error
    delay = Math.max(delay, retryAfterSeconds(answer?.headers.get('retry-after'), outside.now()));
    if (failures > 0)
      outside.print(`The server does not answer as it should; next try in ${Math.ceil(delay)} s.`);
    else if (error === 'slow_down')
      outside.print(`The server asks for patience; from now on every ${interval} s.`);
  }
}

/** One poll; undefined where no answer came. */
async function poll(outside: Outside, server: Server, clientId: string, link: Link, waitSeconds: number) {
  try {
    return await exchange(
      outside,
      server.tokenEndpoint,
      {
        method: 'POST',
        headers: waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {},
        body: new URLSearchParams({
          grant_type: DEVICE_GRANT,
          device_code: link.deviceCode,
          client_id: clientId,
        }),
      },
      REQUEST_SECONDS + waitSeconds,
    );
  } catch (fault) {
    if (outside.signal?.aborted || fault instanceof ToolFault) throw fault;
    return undefined;
  }
}

function retryAfterSeconds(value: string | null | undefined, now: Date): number {
  if (!value) return 0;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}

async function presentToken(
  outside: Outside,
  server: Server,
  answer: Record<string, unknown>,
): Promise<ToolResult> {
  const token = text(answer['access_token']);
  const check = await checkToken(outside, server, token);
  const lines = ['', 'Approved. The access token has arrived.', ''];
  if (check.verdict !== 'opaque') {
    const pretty = (part: object) => tidyLines(JSON.stringify(part, null, 2));
    lines.push('Header', pretty(decodeProtectedHeader(token)), 'Claims', pretty(decodeJwt(token)), '');
  }
  lines.push(check.sentence);
  const seconds = number(answer['expires_in']);
  if (seconds !== undefined) lines.push(`It runs out in ${seconds} s.`);
  if (answer['refresh_token'] !== undefined) lines.push('A refresh token came with it.');
  if (answer['id_token'] !== undefined) lines.push('An ID token came with it.');
  outside.print(lines.join('\n'));
  return { outcome: 'token', answer, check };
}

async function checkToken(outside: Outside, server: Server, token: string): Promise<TokenCheck> {
  try {
    decodeProtectedHeader(token);
    decodeJwt(token);
  } catch {
    return {
      verdict: 'opaque',
      sentence: 'The token is opaque: only its server can say what is in it. Nothing to verify.',
    };
  }
  if (server.jwksUri === undefined)
    return { verdict: 'unchecked', sentence: 'Not verified: the server publishes no keys.' };
  try {
    const answer = await ask(outside, server.jwksUri, {});
    if (answer.status !== 200) throw refusal('keys', answer);
    const { protectedHeader } = await jwtVerify(
      token,
      createLocalJWKSet(answer.json as unknown as JSONWebKeySet),
      {
        typ: 'at+jwt',
        issuer: server.issuer,
        audience: server.issuer,
        algorithms: SIGNATURES,
        currentDate: outside.now(),
        requiredClaims: ['exp', 'sub', 'client_id', 'iat', 'jti'],
      },
    );
    const key = tidy(`${protectedHeader.alg}, key ${protectedHeader.kid ?? 'without id'}`);
    return {
      verdict: 'valid',
      sentence: `Signature valid (${key}); type, issuer and audience are right (RFC 9068 §4).`,
    };
  } catch (fault) {
    if (fault instanceof ToolFault || outside.signal?.aborted)
      return { verdict: 'unchecked', sentence: 'Not verified: the keys could not be fetched.' };
    const reason = wordsOf(fault);
    // jose looks at the claims only once the signature has held.
    const held = fault instanceof errors.JWTClaimValidationFailed || fault instanceof errors.JWTExpired;
    const start = held ? 'Signature valid, but not an access token for this server' : 'Signature NOT valid';
    return { verdict: 'refused', sentence: `${start}: ${reason} (RFC 9068 §4).` };
  }
}

/** Sends one request and reads its JSON; throws a `ToolFault` naming the address where no answer comes. */
async function ask(outside: Outside, address: string, init: RequestInit): Promise<Answer> {
  try {
    return await exchange(outside, address, init, REQUEST_SECONDS);
  } catch (fault) {
    if (outside.signal?.aborted || fault instanceof ToolFault) throw fault;
    const cause = fault instanceof Error && fault.cause ? fault.cause : fault;
    throw new ToolFault(`No server answers at ${address} (${wordsOf(cause)}).`, { cause: fault });
  }
}

async function exchange(
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

function refusal(what: string, { status, json }: Answer): ToolFault {
  const error = text(json['error']) || `HTTP ${status}`;
  const description = text(json['error_description']);
  return new ToolFault(
    `The server refused the ${what}: ${error}${description === '' ? '' : `: ${description}`}.`,
  );
}

function parseAddress(address: string): URL | undefined {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url && ['http:', 'https:'].includes(url.protocol) ? url : undefined;
}

function isLoopback(url: URL): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname);
}

/** What an error says; a host with several addresses fails with one that has a code but no words. */
function wordsOf(fault: unknown): string {
  const { message, code } = fault as { message?: string; code?: string };
  return tidy(message || code || 'no reason given');
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function text(value: unknown): string {
  return typeof value === 'string' ? tidy(value) : '';
}

/** A server's words could carry terminal commands or turn the reading direction round: only visible signs pass. */
function tidy(words: string): string {
  return words.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
}

function tidyLines(words: string): string {
  return words.split('\n').map(tidy).join('\n');
}

const HELP = `Gets a token from any server that speaks the device flow (RFC 8628).

  npm run tool -- --issuer URL [options]

  --issuer URL      the server, exactly as it calls itself
  --client-id ID    a tool that the server knows; without it the tool registers itself (RFC 7591)
  --scope "A B"     what to ask for; offline_access also asks for a refresh token
  --name "My tool"  the name to register under
  --json            print the token answer as one line of JSON; all else goes to standard error
  --no-wait         poll plainly, even where the server can hold a poll open
  --help            this page

Exit codes: 0 token, 1 declined or expired, 2 wrong usage or a fault of the server, 130 stopped.`;

/** The command line: `out` is standard output, `print` of the surroundings standard error. Answers with the exit code. */
export async function runCommand(
  args: string[],
  { out, print, ...surroundings }: ToolSurroundings & { out: (text: string) => void },
): Promise<number> {
  try {
    const { values } = readArguments(args);
    if (values.help) {
      out(HELP);
      return 0;
    }
    if (values.issuer === undefined)
      throw new ToolFault('--issuer is missing; --help shows how to call the tool.');
    const result = await runTool({
      ...surroundings,
      print: values.json ? print : out,
      issuer: values.issuer,
      mayWait: !values['no-wait'],
      ...(values['client-id'] === undefined ? {} : { clientId: values['client-id'] }),
      ...(values.scope === undefined ? {} : { scope: values.scope }),
      ...(values.name === undefined ? {} : { name: values.name }),
    });
    if (result.outcome === 'token' && values.json) out(JSON.stringify(result.answer));
    if (result.outcome !== 'token') print(ENDS[result.outcome]);
    return EXIT_CODES[result.outcome];
  } catch (fault) {
    if (!(fault instanceof ToolFault)) throw fault;
    print(fault.message);
    return 2;
  }
}

const EXIT_CODES = { token: 0, declined: 1, expired: 1, stopped: 130 } satisfies Record<
  ToolResult['outcome'],
  number
>;

/** The sentence for every end but a token. */
export const ENDS = {
  declined: 'The request was declined. No token was given.',
  expired: 'The PIN has run out before it was approved. Start again for a new one.',
  stopped: 'Stopped. The PIN is of no more use and runs out by itself.',
} satisfies Record<Exclude<ToolResult['outcome'], 'token'>, string>;

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        issuer: { type: 'string' },
        'client-id': { type: 'string' },
        scope: { type: 'string' },
        name: { type: 'string' },
        json: { type: 'boolean' },
        'no-wait': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (fault) {
    throw new ToolFault(`${wordsOf(fault)} (--help shows how to call the tool.)`);
  }
}

// By name, not by import.meta.url: the bundler may move this file into a chunk that the demo shares.
if (/^tool(\.[jt]s)?$/.test(basename(process.argv[1] ?? ''))) {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.exitCode = await runCommand(process.argv.slice(2), {
    out: (words) => process.stdout.write(`${words}\n`),
    print: (words) => process.stderr.write(`${words}\n`),
    isTerminal: (process.argv.includes('--json') ? process.stderr : process.stdout).isTTY,
    signal: stop.signal,
  });
}
