// The page about what happened to an account: over HTTP, as a browser without scripts sees it.
import { auditEvents } from '../../src/domain/audit.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

let house: TestHouse;
let visitor: Visitor;
let accountId: Awaited<ReturnType<TestHouse['newAccount']>>['accountId'];

beforeAll(async () => {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
  visitor = createVisitor(house);
  visitor.agent.set('User-Agent', FIREFOX);
  ({ accountId } = await house.newAccount());
  await house.newAccount('bob');
});
afterAll(() => house.close());

const items = () => visitor.html.match(/<li>\s*<h2>/g)?.length;

describe('the activity of an account', () => {
  it('tells of every try to sign in, with time, place, browser and the number to quote (ASVS 16.3.1)', async () => {
    await visitor.signIn('anna', 'not the password');
    const requestId = visitor.headers['x-request-id'];
    await createVisitor(house).signIn('bob', 'not the password');
    house.clock.advance(1);
    await visitor.signIn('anna');
    await visitor.visit('/account/activity');
    const { text } = visitor;
    expect(text.indexOf('Signed in')).toBeLessThan(text.indexOf('A sign-in failed at the password'));
    expect(text.match(/A sign-in failed/g)).toHaveLength(1);
    expect(text).toContain('By somebody who was not signed in');
    expect(text).toContain('from 127.0.0.1 · Firefox on Linux');
    expect(text).toContain(String(requestId));
    expect(visitor.html).toContain(`<time datetime="${house.clock.now().toISOString().slice(0, 10)}`);
  });

  it('has words for everything that can happen, and pages through all of it, each once', async () => {
    const { inTransaction, audit } = house.house;
    await inTransaction(async (stores) => {
      for (const event of auditEvents) {
        house.clock.advance(1);
        await audit.record(stores, { event, accountId, actor: 'operator', details: { tool: `<${event}>` } });
      }
    });
    await visitor.visit('/account/activity');
    expect(items()).toBe(25);
    const seen: string[] = [];
    for (let pages = 1; ; pages += 1) {
      seen.push(...[...visitor.text.matchAll(/The tool: <([\w-]+)>/g)].map(([, event]) => event!));
      const older = /href="(\/account\/activity\?before=[^"]+)"/.exec(visitor.html)?.[1];
      if (!older) break;
      expect(pages).toBeLessThan(9);
      await visitor.visit(older);
    }
    expect(seen).toEqual([...auditEvents].reverse());
    expect(visitor.text).toContain('The newest');
  });

  it('leads from what an old tool did with the password to the safer way, and to nothing from the rest (DESIGN 5)', async () => {
    const carol = createVisitor(house);
    const { accountId: whose } = await house.newAccount('carol');
    const { inTransaction, audit } = house.house;
    await inTransaction(async (stores) => {
      for (const event of ['fallback-sign-in', 'fallback-refused', 'proof-given'] as const)
        await audit.record(stores, { event, accountId: whose, actor: 'anyone' });
    });
    await carol.signIn('carol');
    await carol.visit('/account/activity');
    expect(carol.html.match(/<a href="\/help\/old-tools">Old tools, and the safer way<\/a>/g)).toHaveLength(
      2,
    );
  });

  it('is empty, and no fault, before the first of all, and for a place that is nobody’s', async () => {
    await visitor.visit('/account/activity?before=0');
    expect(visitor.status).toBe(200);
    expect(visitor.text).toContain('Nothing is older.');
    await visitor.visit('/account/activity?before=%27%3B%20zzz');
    expect(visitor.status).toBe(200);
  });

  it('is for its owner only, signed in lately', async () => {
    const other = createVisitor(house);
    await other.visit('/account/activity');
    expect(other.path).toBe('/sign-in');
    await other.visit('/sign-in?next=activity');
    await other.submit({ login: 'bob', password: 'quartz lantern bicycle 42', remember: 'yes' });
    expect(other.path).toBe('/account/activity');
    expect(other.text).not.toContain('two-factor-enabled');
    house.clock.advance(3600);
    await other.visit('/account/activity');
    expect(other.path).toBe('/step-up');
  });
});
