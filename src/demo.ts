// The demo: starts the built service on a temporary data folder, with one account, and plays a tool against it.
// It owns the folder and the order of the steps, and leaves nothing behind. The service is in demo-service, what is shown in
// demo-play. Specification of what is shown: RFC 8628 §3.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { DemoFault, choosePlace } from './demo-place.js';
import { createScreen, introduce, playTool } from './demo-play.js';
import { crashReport, createAccount, settingsFor, startService, untilReady } from './demo-service.js';
import type { Service } from './demo-service.js';
import { ToolFault } from './tool.js';

const HELP = `Starts the service on a temporary folder, with a demo account, and plays a tool that asks for a token.

  npm run demo [-- options]

  --lan    listen in the local network, so that a phone can scan the QR code; anyone in that network can reach it
  --once   stop as soon as the tool has its answer
  --help   this page

Exit codes: 0 token, or stopped with Ctrl-C; 1 declined or expired; 2 the service could not do its part.`;

/** Runs the whole demo; `signal` ends it at any point. Answers with the exit code, after everything has been cleaned away. */
export async function runDemo(args: string[], signal: AbortSignal): Promise<number> {
  const screen = createScreen();
  const folder = mkdtempSync(join(tmpdir(), 'linchpin-demo-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  let service: Service | undefined;
  try {
    const wishes = readArguments(args);
    if (wishes.help) {
      screen.print(HELP);
      return 0;
    }
    const place = await choosePlace(wishes.lan ?? false);
    const settings = settingsFor(process.env, folder, place);
    const account = await createAccount(settings, folder);
    service = startService(settings, folder);
    await untilReady(service, place, signal);
    introduce(screen, place, account);
    return await playTool({ screen, service, place, account, signal, isOnce: wishes.once ?? false });
  } catch (fault) {
    if (signal.aborted) return 0;
    if (!(fault instanceof DemoFault || fault instanceof ToolFault)) throw fault;
    screen.print(fault.message);
    if (fault instanceof ToolFault && service?.hasEnded()) screen.print(crashReport(service));
    return 2;
  } finally {
    await service?.stop();
    removeFolder();
    process.removeListener('exit', removeFolder);
  }
}

function readArguments(args: string[]) {
  try {
    const flag = { type: 'boolean' } as const;
    return parseArgs({ args, options: { lan: flag, once: flag, help: { ...flag, short: 'h' } } }).values;
  } catch (fault) {
    throw new DemoFault(`${(fault as Error).message} (--help shows how to call the demo.)`);
  }
}

if (/^demo(\.[jt]s)?$/.test(basename(process.argv[1] ?? ''))) {
  const stop = new AbortController();
  // The first signal asks; the second does not wait for the service, and what listens to "exit" still cleans up.
  const ask = () => (stop.signal.aborted ? process.exit(130) : stop.abort());
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, ask);
  process.exitCode = await runDemo(process.argv.slice(2), stop.signal);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.removeListener(name, ask);
}
