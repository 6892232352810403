// What the pages say for everything that can be refused or go wrong: what happened, why, and the next step.
import { readFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { explain, methodNotAllowed, notFound, refusalAnswers } from '../../src/http/pages/errors.js';
import { ForgeryRefusal } from '../../src/http/guards.js';
import { MessageFault } from '../../src/http/request.js';
import { languageTags } from '../../src/http/pages/language.js';
import { DomainError, domainErrorCodes } from '../../src/domain/vocabulary.js';
import { startTestHouse, type TestHouse } from '../support/app.js';

const VIEWS = join(import.meta.dirname, '..', '..', 'views', 'language');

const everything = [
  notFound,
  methodNotAllowed,
  ...Object.values(refusalAnswers),
  ...(['missing', 'repeated', 'malformed', 'too-large', 'unsupported-type'] as const).map((kind) =>
    explain(new MessageFault(kind, 'a fault')),
  ),
  ...(['foreign-site', 'stale-form'] as const).map((reason) => explain(new ForgeryRefusal(reason))),
  explain(new Error('nobody foresaw this')),
];

describe.each(languageTags)('in %s, every refusal', (tag) => {
  const catalogue = JSON.parse(readFileSync(join(VIEWS, `${tag}.json`), 'utf8')) as Record<string, string>;

  it.each([...new Set(everything.map(({ words }) => words))])(
    '%s says what happened, why, and the next step',
    (words) => {
      for (const part of ['title', 'text', 'next']) {
        expect({ part, isSaid: `refusal.${words}.${part}` in catalogue }).toEqual({ part, isSaid: true });
      }
    },
  );
});

describe('every refusal', () => {
  it.each(domainErrorCodes)('%s has a status of its kind, and leads somewhere', (code) => {
    const { status, leadsTo } = explain(new DomainError(code));
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(504);
    expect(leadsTo).toMatch(/^\/[a-z/-]*$/);
  });

  it('tells how long to wait, where the domain says so', () => {
    expect(explain(new DomainError('too-many', { retryAfterSeconds: 77 }))).toMatchObject({
      status: 429,
      retryAfterSeconds: 77,
    });
  });

  it('is no fault of ours unless nobody foresaw it', () => {
    expect(explain(new DomainError('code-unknown')).isFault).toBe(false);
    expect(explain(new Error('x'))).toMatchObject({ status: 500, isFault: true });
  });
});

describe('a fault', () => {
  let house: TestHouse;
  const lines: string[] = [];
  beforeAll(async () => {
    const logTo = { write: (line: string) => void lines.push(line) };
    house = await startTestHouse({ config: { signingAlgs: ['EdDSA'], logLevel: 'info' }, logTo });
    await house.newAccount();
  });
  afterAll(() => house.close());

  it('is not what a caller makes who hangs up halfway: that is a line, and no alarm (ASVS 16.2.1)', async () => {
    const { port } = house.server.address() as AddressInfo;
    const line = () => lines.find((one) => one.includes('"isCut":true'));
    for (const path of ['/sign-in', '/oauth/token?x']) {
      lines.length = 0;
      const socket = connect(port, '127.0.0.1');
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n`);
      socket.write('Content-Length: 300\r\n\r\na=b', () => socket.destroy());
      while (!line()) await new Promise((resolve) => setImmediate(resolve));
      await house.request.get('/healthz');
      expect(lines.filter((one) => one.includes('"msg":"fault"'))).toEqual([]);
    }
  });

  it('becomes a page with a number to quote; the cause is in the log, and nowhere else (DESIGN 9)', async () => {
    await house.house.database.close();
    const { status, text, headers } = await house.request.get('/');
    expect(status).toBe(500);
    expect(text).toContain('Something went wrong on our side');
    expect(text).toContain(headers['x-request-id']);
    expect(text).not.toMatch(/database/i);
    const logged = lines.filter((line) => line.includes('"msg":"fault"'));
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(headers['x-request-id']);
  });
});
