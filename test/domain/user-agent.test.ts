// What browsers call themselves, as people would say it.
import { readUserAgent } from '../../src/domain/user-agent.js';

const MOZILLA = 'Mozilla/5.0';
const KHTML = 'AppleWebKit/537.36 (KHTML, like Gecko)';

describe('what a browser calls itself', () => {
  it.each([
    ['Firefox', 'Windows', `${MOZILLA} (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0`],
    ['Chrome', 'Linux', `${MOZILLA} (X11; Linux x86_64) ${KHTML} Chrome/140.0.0.0 Safari/537.36`],
    ['Chrome', 'Android', `${MOZILLA} (Linux; Android 10; K) ${KHTML} Chrome/140.0.0.0 Mobile Safari/537.36`],
    ['Edge', 'Windows', `${MOZILLA} (Windows NT 10.0) ${KHTML} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`],
    ['Opera', 'macOS', `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) ${KHTML} Chrome/1 Safari/1 OPR/1`],
    ['Samsung Internet', 'Android', `${MOZILLA} (Linux; Android 14) ${KHTML} SamsungBrowser/28.0 Chrome/130`],
    [
      'Safari',
      'iPhone',
      `${MOZILLA} (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1`,
    ],
    ['Firefox', 'iPad', `${MOZILLA} (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/1 FxiOS/140.0 Safari/1`],
    ['Chrome', 'ChromeOS', `${MOZILLA} (X11; CrOS x86_64 14541.0.0) ${KHTML} Chrome/140.0.0.0 Safari/537.36`],
  ])('is %s on %s', (browser, system, text) => {
    expect(readUserAgent(text)).toEqual({ browser, system });
  });

  it('is never repeated where it is nothing known: it may say anything', () => {
    for (const text of ['', 'curl/8.0', 'Your bank <b>called</b>', 'Firefox', '\u202egnp.exe']) {
      expect(readUserAgent(text)).toEqual({ browser: undefined, system: undefined });
    }
  });
});
