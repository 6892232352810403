// One Chromium for all suites of a run: starting one takes a processor half a second and more, and so does its end. A suite that
// joins it (chromium.ts) has profiles of its own in it.
import { chromium } from 'playwright-core';

export const FLAGS: readonly string[] = [
  // Chromium's sandbox refuses root, and these browsers see no page but ours.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Keeps no renderer ready for the next page: most pages have one, and a spare one costs as much.
  '--renderer-process-limit=1',
];

export interface BrowserServer {
  /** Whoever knows this address may use the browser: part of it is a secret. */
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Starts this Chromium, which ends with this process if not before. Rejects where it does not start. */
export async function startBrowser(executablePath: string): Promise<BrowserServer> {
  const server = await chromium.launchServer({
    ...{ executablePath, args: [...FLAGS], timeout: 30_000, host: '127.0.0.1' },
    // Whoever starts it listens to signals, and stops it.
    ...{ handleSIGHUP: false, handleSIGINT: false, handleSIGTERM: false },
  });
  return { url: server.wsEndpoint(), stop: () => server.close() };
}
