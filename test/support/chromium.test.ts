// The browser of the tests itself: it starts, it honours what a page is asked to be, and axe bites.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describeInBrowser, expectNoAxeFindings, openBrowser, type TestBrowser } from './chromium.js';

const page = (body: string): string =>
  `<!doctype html><html lang="en"><title>Test</title><main><h1>Test</h1>${body}</main></html>`;

describeInBrowser('the browser of the tests', () => {
  let browser: TestBrowser;
  let server: Server;
  let baseUrl: string;

  beforeAll(async () => {
    browser = await openBrowser();
    server = createServer((request, response) => {
      response.setHeader('content-type', 'text/html');
      // A strict policy, as on our pages: axe must work beside it.
      response.setHeader('content-security-policy', "default-src 'none'");
      const language = `<p id="language">${request.headers['accept-language']}</p>`;
      response.end(page(request.url === '/bad' ? `${language}<input name="code">` : language));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    await browser.close();
    server.closeAllConnections();
    server.close();
  });

  it('shows a page as wide, as dark and in the language it is asked for', async () => {
    const shown = await browser.newPage({ baseUrl, colorScheme: 'dark', width: 320, locale: 'de-DE' });
    await shown.goto('/');
    expect(await shown.locator('#language').textContent()).toContain('de-DE');
    expect(await shown.evaluate(() => innerWidth)).toBe(320);
    expect(await shown.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches)).toBe(true);
  });

  it('lets a sound page pass and names what axe finds on another', async () => {
    const shown = await browser.newPage({ baseUrl });
    await shown.goto('/');
    await expectNoAxeFindings(shown);
    await shown.goto('/bad');
    await expect(expectNoAxeFindings(shown)).rejects.toThrow('label: Form elements must have labels');
  });
});
