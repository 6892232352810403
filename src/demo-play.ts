// What the demo shows: who may sign in where, the tool at work, and the current one-time code below it.
// It owns the screen. The tool is tool.ts, the service demo-service. RFC 8628 §3.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { totpCode } from './crypto/totp.js';
import { DemoFault } from './demo-place.js';
import type { Place } from './demo-place.js';
import { EMAIL, crashReport } from './demo-service.js';
import type { DemoAccount, Service } from './demo-service.js';
import { ENDS, runTool } from './tool.js';
import type { ToolResult } from './tool.js';

const STEP_MS = 30_000;

export interface Screen {
  print: (text: string) => void;
  /** A last line that stays below all that is printed; `undefined` takes it away. */
  keepBelow: (text: string | undefined) => void;
}

/** In a terminal the kept line is rewritten in place; elsewhere each new one is simply printed. */
export function createScreen(): Screen {
  const stdout = process.stdout;
  let below: string | undefined;
  const clear = () => (stdout.isTTY && below !== undefined ? '\r\x1b[2K' : '');
  return {
    print: (text) => stdout.write(`${clear()}${text}\n${stdout.isTTY ? (below ?? '') : ''}`),
    keepBelow: (text) => {
      stdout.write(`${clear()}${text ?? ''}${text !== undefined && !stdout.isTTY ? '\n' : ''}`);
      below = text;
    },
  };
}

/** Prints where the service is and how to sign in there. */
export function introduce(screen: Screen, place: Place, account: DemoAccount): void {
  screen.print(
    [
      '',
      `  The service runs at  ${place.publicUrl}`,
      '  Its data lies in a temporary folder and is gone at the end.',
      ...(place.isLan ? ['  Anyone in your local network can reach it while it runs.'] : []),
      '',
      '  Sign in with this account when you approve:',
      `    e-mail    ${EMAIL}`,
      `    password  ${account.password}`,
      '    code      the six digits at the bottom, new every 30 seconds',
      `    (or add this key to your authenticator app: ${account.totpSecret})`,
      '',
      '  Now a tool asks for a token. This is what a person sees:',
    ].join('\n'),
  );
}

interface Play {
  screen: Screen;
  service: Service;
  place: Place;
  account: DemoAccount;
  signal: AbortSignal;
  isOnce: boolean;
}

/** Plays the tool until its answer, and unless `isOnce` until the signal; answers with the exit code. */
export async function playTool({ screen, service, place, account, signal, isOnce }: Play): Promise<number> {
  const crash = new AbortController();
  void service.ended.then(() => crash.abort());
  const over = AbortSignal.any([signal, crash.signal]);
  const decided = new AbortController();
  const showBelow = () => {
    if (!place.isLan) screen.print('  A phone cannot reach this address. For that: npm run demo -- --lan\n');
    void keepCodeBelow(screen, account.totpSecret, AbortSignal.any([over, decided.signal]));
  };
  let result: ToolResult;
  try {
    result = await runTool({
      issuer: place.publicUrl,
      print: screen.print,
      isTerminal: process.stdout.isTTY,
      signal: over,
      onShown: showBelow,
    });
  } finally {
    decided.abort();
    screen.keepBelow(undefined);
  }
  if (result.outcome === 'token' && !isOnce) {
    screen.print(`\nThe service keeps running at ${place.publicUrl}  Press Ctrl-C to stop.`);
    if (!over.aborted) await once(over, 'abort');
  }
  if (crash.signal.aborted && !signal.aborted) throw new DemoFault(crashReport(service));
  if (result.outcome === 'declined' || result.outcome === 'expired') screen.print(ENDS[result.outcome]);
  return result.outcome === 'token' || result.outcome === 'stopped' ? 0 : 1;
}

async function keepCodeBelow(screen: Screen, secret: string, until: AbortSignal): Promise<void> {
  while (!until.aborted) {
    const now = new Date();
    const code = await totpCode(secret, now);
    if (until.aborted) return;
    // RFC 6238 §5.2: the server takes no code twice.
    screen.keepBelow(`  Code ${code}  (works once; the next one comes within 30 s)`);
    await pause(STEP_MS - (now.getTime() % STEP_MS), undefined, { signal: until }).catch(() => undefined);
  }
}
