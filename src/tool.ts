// The demo tool: a complete client for the terminal, good against any server that speaks one of its two ways: a code by the browser of
// this machine, or the device flow where there is none. It owns the client's half of the conversation, step by step in the `tool-` files beside it, and imports nothing else from
// this project, so it proves that nothing private is needed. This file is the order of the steps and the command line; the
// order of the steps at the PIN door is in tool-pin.
// RFC 8252 (native apps), RFC 8628 (the device flow), RFC 8414 (discovery), RFC 7591 (registration), RFC 7240 §4.3 (Prefer: wait), RFC 9068 §4 (checking the token).
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { askInBrowser } from './tool-authorize.js';
import { findOpener, openAddress, thisMachine } from './tool-browser.js';
import { presentToken } from './tool-checking.js';
import type { TokenCheck } from './tool-checking.js';
import { chooseWay, discover, register } from './tool-discovery.js';
import type { Server, Way } from './tool-discovery.js';
import { ToolFault, openOutside } from './tool-exchange.js';
import type { Outside, ToolSurroundings } from './tool-exchange.js';
import { startLink } from './tool-link.js';
import type { ShownLink } from './tool-link.js';
import { runPinTool } from './tool-pin.js';
import type { PinToolResult } from './tool-pin.js';
import { pollUntilDecided } from './tool-polling.js';
import { showLink } from './tool-printing.js';
import { wordsOf } from './tool-words.js';

export { ToolFault } from './tool-exchange.js';
export { largePin } from './tool-printing.js';

export type ToolResult =
  | { outcome: 'token'; answer: Record<string, unknown>; check: TokenCheck }
  | { outcome: 'declined' }
  | { outcome: 'expired' }
  | { outcome: 'unanswered' }
  | { outcome: 'stopped' };

export interface ToolOptions extends ToolSurroundings {
  issuer: string;
  clientId?: string;
  /** Space-separated; without it the server's own list decides whether `openid profile` is asked for. */
  scope?: string;
  name?: string;
  /** How the person signs in; without it with a PIN, and with `either` as it fits the machine. */
  way?: Way | 'either';
  /** `false` polls plainly even where the server can hold a poll. */
  mayWait?: boolean;
  /** Called once, after PIN, address and QR have been printed. */
  onShown?: (link: ShownLink) => void;
}

/**
 * Plays one sign-in from discovery to the checked token. Answers with the outcome; throws a `ToolFault` where the server cannot be
 * used. Never throws for a person's decision, nor when stopped by the signal.
 */
export async function runTool(options: ToolOptions): Promise<ToolResult> {
  const outside = openOutside(options);
  try {
    const server = await discover(outside, options.issuer);
    const way = chooseWay(server, options.way ?? 'device', outside.openBrowser !== undefined);
    const known = ['openid', 'profile'].filter((word) => server.scopes.includes(word)).join(' ');
    const { scope = known, name = 'Demo tool' } = options;
    const clientId = options.clientId ?? (await register(outside, server, { name, scope, way }));
    const end =
      way === 'browser'
        ? await askInBrowser(outside, server, clientId, scope)
        : await playLink(outside, server, clientId, scope, options);
    if (typeof end === 'string') return { outcome: end };
    return { outcome: 'token', answer: end, check: await presentToken(outside, server, end) };
  } catch (fault) {
    if (outside.signal?.aborted) return { outcome: 'stopped' };
    throw fault;
  }
}

/** The device flow: shows the PIN, and waits for the decision. */
async function playLink(
  outside: Outside,
  server: Server,
  clientId: string,
  scope: string,
  { onShown, mayWait }: Pick<ToolOptions, 'onShown' | 'mayWait'>,
) {
  const link = await startLink(outside, server, clientId, scope);
  await showLink(outside, link);
  onShown?.(link);
  outside.print('Waiting for the decision … (Ctrl-C stops)');
  const waitSeconds = mayWait === false ? 0 : server.waitSeconds;
  return pollUntilDecided(outside, { ...server, waitSeconds }, clientId, link);
}

const HELP = `Gets a token from any server that gives codes (RFC 8252) or speaks the device flow (RFC 8628), or the PIN API.

Where a browser can be opened on this machine, it signs in there; else, and over SSH, it shows a PIN for any other browser.

  npm run tool -- --issuer URL [options]

  --issuer URL      the server, exactly as it calls itself
  --device          show a PIN, even where a browser could be opened
  --browser         sign in on this machine, even where no browser was found; its address is printed
  --door DOOR       oauth (without this option too) or pin
  --client-id ID    a tool that the server knows; without it the tool registers itself (RFC 7591),
                    or makes up an identifier for the PIN door. To sign in with the browser, it
                    must be registered with the redirect URI http://127.0.0.1/callback
  --scope "A B"     what to ask for; offline_access also asks for a refresh token
  --name "My tool"  the name to register under, or to show
  --json            print the token answer as one line of JSON; all else goes to standard error
  --no-wait         poll plainly, even where the server can hold a poll open
  --help            this page

For the PIN door:

  --strong          a long code, for an address or a QR code; without it a short one to type
  --device-key      make an Ed25519 key and bind the token to it
  --key-file FILE   keep that key in FILE (mode 600), or take it from there
  --renew           fetch a fresh token with the key in FILE, without a PIN
  --audience NAME   what the server calls itself in tokens that are bound to a key, where that is not URL

Exit codes: 0 token, 1 declined, expired, unanswered or gone, 2 wrong usage or a fault of the server, 130 stopped.`;

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
    const { issuer } = values;
    if (issuer === undefined) throw new ToolFault('--issuer is missing; --help shows how to call the tool.');
    const common = { ...surroundings, print: values.json ? print : out, issuer };
    const play = values.door === 'pin' ? playPinDoor : playOAuthDoor;
    const { outcome, answer } = await play(values, common);
    if (outcome === 'token' && values.json) out(JSON.stringify(answer));
    if (outcome !== 'token') print(ENDS[outcome]);
    return EXIT_CODES[outcome];
  } catch (fault) {
    if (!(fault instanceof ToolFault)) throw fault;
    print(fault.message);
    return 2;
  }
}

type Values = ReturnType<typeof readArguments>['values'];
type Common = ToolSurroundings & { issuer: string };
type Outcome = (ToolResult | PinToolResult)['outcome'];

async function playOAuthDoor(values: Values, common: Common): Promise<{ outcome: Outcome; answer?: object }> {
  return runTool({
    ...common,
    way: values.device ? 'device' : values.browser ? 'browser' : 'either',
    mayWait: !values['no-wait'],
    ...(values['client-id'] === undefined ? {} : { clientId: values['client-id'] }),
    ...(values.scope === undefined ? {} : { scope: values.scope }),
    ...(values.name === undefined ? {} : { name: values.name }),
  });
}

async function playPinDoor(values: Values, common: Common): Promise<{ outcome: Outcome; answer?: object }> {
  const result = await runPinTool({
    ...common,
    mayWait: !values['no-wait'],
    isStrong: values.strong ?? false,
    isKeyed: values['device-key'] ?? false,
    isRenewal: values.renew ?? false,
    ...(values['client-id'] === undefined ? {} : { identifier: values['client-id'] }),
    ...(values['key-file'] === undefined ? {} : { keyFile: values['key-file'] }),
    ...(values.audience === undefined ? {} : { audience: values.audience }),
    ...(values.scope === undefined ? {} : { scope: values.scope }),
    ...(values.name === undefined ? {} : { name: values.name }),
  });
  if (result.outcome !== 'token') return result;
  return { outcome: 'token', answer: { authToken: result.token, user: result.user } };
}

const EXIT_CODES = {
  token: 0,
  declined: 1,
  expired: 1,
  unanswered: 1,
  gone: 1,
  stopped: 130,
} satisfies Record<Outcome, number>;

/** The sentence for every end but a token. */
export const ENDS = {
  declined: 'The request was declined. No token was given.',
  expired: 'The PIN has run out before it was approved. Start again for a new one.',
  gone: 'The server no longer knows this PIN (404, error 1020): it was declined, or has run out. No token was given.',
  unanswered:
    'Nobody has come back from the browser within ten minutes. Start again, or with --device for a PIN.',
  stopped: 'Stopped. What was shown is of no more use and runs out by itself.',
} satisfies Record<Exclude<Outcome, 'token'>, string>;

const OAUTH_OPTIONS = ['device', 'browser'] as const;
const PIN_OPTIONS = ['strong', 'device-key', 'key-file', 'renew', 'audience'] as const;

function readArguments(args: string[]) {
  const parsed = parse(args);
  const { door = 'oauth', renew, 'key-file': keyFile } = parsed.values;
  if (door !== 'oauth' && door !== 'pin') throw new ToolFault('--door is oauth or pin.');
  const misplaced = PIN_OPTIONS.find((name) => parsed.values[name] !== undefined);
  if (door === 'oauth' && misplaced) throw new ToolFault(`--${misplaced} is for --door pin.`);
  const ways = OAUTH_OPTIONS.filter((name) => parsed.values[name]);
  if (door === 'pin' && ways[0]) throw new ToolFault(`--${ways[0]} is not for --door pin.`);
  if (ways.length > 1) throw new ToolFault('--device and --browser cannot both be.');
  if (renew && keyFile === undefined)
    throw new ToolFault('--renew needs the --key-file of a tool that was linked before.');
  return parsed;
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        issuer: { type: 'string' },
        door: { type: 'string' },
        device: { type: 'boolean' },
        browser: { type: 'boolean' },
        'client-id': { type: 'string' },
        scope: { type: 'string' },
        name: { type: 'string' },
        json: { type: 'boolean' },
        'no-wait': { type: 'boolean' },
        strong: { type: 'boolean' },
        'device-key': { type: 'boolean' },
        'key-file': { type: 'string' },
        renew: { type: 'boolean' },
        audience: { type: 'string' },
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
  const opener = findOpener(thisMachine(process.env, process.platform));
  process.once('SIGINT', () => stop.abort());
  process.exitCode = await runCommand(process.argv.slice(2), {
    out: (words) => process.stdout.write(`${words}\n`),
    print: (words) => process.stderr.write(`${words}\n`),
    isTerminal: (process.argv.includes('--json') ? process.stderr : process.stdout).isTTY,
    ...(opener ? { openBrowser: (address: string) => openAddress(opener, address) } : {}),
    signal: stop.signal,
  });
}
