// A real browser for suites: Debian's Chromium, driven by playwright-core, and axe to look at its pages.
// Importing this file is what asks `npm test` to find or install Chromium.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import { FLAGS } from './browser-server.js';
import { describeWith, equipment, installLine } from './equipment.js';

export interface PageSettings {
  /** Where relative addresses start, such as `page.goto('/link')`. */
  readonly baseUrl?: string;
  readonly colorScheme?: 'light' | 'dark';
  /** In CSS pixels. */
  readonly width?: number;
  readonly height?: number;
  /** What the browser sends as `Accept-Language`. */
  readonly locale?: string;
  /** Takes certificates that nobody vouches for. */
  readonly trustsAnyone?: boolean;
  /** False shows the page as people without scripts see it. */
  readonly javaScript?: boolean;
}

export interface TestBrowser {
  /** A page in a fresh profile: no cookie is shared with another page, except those it opens itself. */
  readonly newPage: (settings?: PageSettings) => Promise<Page>;
  readonly close: () => Promise<void>;
}

/**
 * Stories that are told again on another engine (test/support/app.ts) show the same pages as the first time: nobody looks at
 * them twice.
 */
export const IS_LOOKED_AT = process.env.TEST_ENGINE === undefined;

/** A `describe` for suites with a browser: shown as skipped where there is none, failing under CI. */
export function describeInBrowser(title: string, body: () => void): void {
  describeWith('chromium', title, body);
}

/**
 * The Chromium of the run where there is one (browser-server.ts), else one of its own, with an empty profile. Refuses, with what
 * Chromium said, where it is missing or does not start.
 */
export async function openBrowser(): Promise<TestBrowser> {
  const browser = (await joinBrowser()) ?? (await launchBrowser());
  return {
    newPage: async ({
      baseUrl,
      colorScheme = 'light',
      width = 1280,
      height = 900,
      locale = 'en',
      javaScript = true,
      trustsAnyone = false,
    } = {}) => {
      const context = await browser.newContext({
        ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
        viewport: { width, height },
        colorScheme,
        locale,
        javaScriptEnabled: javaScript,
        ignoreHTTPSErrors: trustsAnyone,
        reducedMotion: 'reduce',
      });
      // For what never comes: on a busy machine each page takes its time.
      context.setDefaultTimeout(30_000);
      return context.newPage();
    },
    close: () => browser.close(),
  };
}

/** What this connection opens is gone when it closes, and nobody else's. A browser that has crashed is not waited for. */
async function joinBrowser(): Promise<Browser | undefined> {
  const address = process.env.TEST_BROWSER;
  return address ? chromium.connect(address, { timeout: 30_000 }).catch(() => undefined) : undefined;
}

async function launchBrowser(): Promise<Browser> {
  const executablePath = equipment.chromium.find();
  if (!executablePath) throw new Error(`Chromium is missing. As root: ${installLine(['chromium'])}`);
  return chromium.launch({ executablePath, args: [...FLAGS], timeout: 30_000 }).catch((cause: unknown) => {
    throw new Error(`Chromium (${executablePath}) did not start: ${String(cause)}`, { cause });
  });
}

/**
 * Refuses a page in which axe finds anything, where pages are looked at; the message names each rule and the elements that break it. It runs in the page
 * itself and tells only what it found: to tell what is sound as well, and to gather that in a window of its own, takes many
 * times longer. That way it sees one document, so a page with frames is refused.
 */
export async function expectNoAxeFindings(page: Page): Promise<void> {
  if (!IS_LOOKED_AT) return;
  expect({ page: page.url(), frames: page.frames().length }).toEqual({ page: page.url(), frames: 1 });
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source);
  const findings = await page.evaluate(async () => {
    const { run } = (globalThis as unknown as { axe: typeof axe }).axe;
    const { violations } = await run(document, { resultTypes: ['violations'], selectors: false });
    return violations.map(({ id, help, nodes }) => ({
      rule: `${id}: ${help}`,
      elements: nodes.map((node) => node.html),
    }));
  });
  expect({ page: page.url(), findings }).toEqual({ page: page.url(), findings: [] });
}

/** Keeps a picture of the whole page as `<name>.png` in the folder that `SCREENSHOTS` names; without it, does nothing. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
