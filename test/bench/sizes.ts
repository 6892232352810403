// What a link costs in PostgreSQL: bytes of tables with their indexes, bytes of the write-ahead log, commits. Bytes and counts, so
// nothing depends on the machine. It starts a PostgreSQL of its own. `docs/scale.md` has the command, and what follows from it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { loadConfig } from '../../src/config.js';
import { withSecret } from '../../src/config-secret.js';
import type { Client } from '../../src/domain/clients.js';
import type { Session } from '../../src/domain/sessions.js';
import type { SubjectId } from '../../src/domain/vocabulary.js';
import { wire, type House } from '../../src/wiring.js';
import { createTestClock } from '../support/clock.js';
import { startLastingPostgres } from '../support/services.js';

const LINKS = 4000;
const ACCOUNTS = 1000;
const AT_ONCE = 4;
const CHEAP = { memoryKib: 1024, passes: 1 };
const TABLES_OF_A_LINK = ['links', 'link_intervals'];
const TABLES_OF_A_TOOL = ['linked_tools', 'refresh_tokens'];
const TABLES_OF_AN_ACCOUNT = ['accounts', 'login_names', 'subjects', 'account_failures'];

const origin = (index: number) => ({
  ...{ networkAddress: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, requestId: 'bench' },
  network: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  userAgent:
    'Mozilla/5.0 (Linux; Android 12; TV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36',
});

interface Started {
  readonly deviceCode: string;
  readonly userCode: string;
}

async function measure(url: string, house: House, clock: ReturnType<typeof createTestClock>): Promise<void> {
  const database = new pg.Client({ connectionString: url });
  database.on('error', () => undefined);
  await database.connect();
  const one = async (text: string, values: unknown[] = []): Promise<number> =>
    Number(Object.values((await database.query<Record<string, string>>(text, values)).rows[0]!)[0]);
  const logged = () => one(`select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')`);
  const commits = () =>
    one('select count(*) from audit').then(() => one('select txid_snapshot_xmax(txid_current_snapshot())'));
  const sizeOf = (tables: readonly string[]) =>
    one(`select coalesce(sum(pg_total_relation_size(oid)), 0) from pg_class where relname = any($1)`, [
      tables,
    ]);

  /** Transactions that wrote, and what they wrote, for each of `count`. */
  async function step<Item, Result>(
    title: string,
    items: readonly Item[],
    work: (item: Item, index: number) => Promise<Result>,
  ): Promise<Result[]> {
    await database.query('checkpoint');
    const [log, written] = [await logged(), await commits()];
    const results: Result[] = new Array<Result>(items.length);
    let next = 0;
    const go = async (): Promise<void> => {
      for (let index = next++; index < items.length; index = next++)
        results[index] = await work(items[index]!, index);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, go));
    const each = (after: number, before: number): string => ((after - before) / items.length).toFixed(2);
    const bytes = ((await logged()) - log) / items.length;
    print(
      title,
      `${bytes.toFixed(0)} bytes of log, ${each(await commits(), written)} transactions that write`,
    );
    return results;
  }

  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
  const made = await house.clients.createByOperator({ name: 'A television', isConfidential: false });
  // As every request finds it: that it was used is written once a day.
  const client = { ...made.client, lastUsedAt: clock.now() };

  const before = await sizeOf(TABLES_OF_AN_ACCOUNT);
  const people = await step('an account', numbers(ACCOUNTS), async (index) => {
    const [email, username] = [`person${index}@example.com`, `person${index}`];
    const password = 'quartz lantern bicycle 42';
    return house.accounts.createAccount({ email, username, password, role: 'person', isEmailVerified: true });
  });
  print(
    'an account, kept',
    `${(((await sizeOf(TABLES_OF_AN_ACCOUNT)) - before) / ACCOUNTS).toFixed(0)} bytes`,
  );
  const sessions = await step('a session', people, async ({ accountId }, index) => {
    const subjectId = accountId as string as SubjectId;
    const person = { accountId, subjectId, methods: ['pwd'] as const, origin: origin(index) };
    return (await house.inTransaction((stores) => house.sessions.startSession(stores, person))).session;
  });
  print('a session, kept', `${((await sizeOf(['sessions'])) / ACCOUNTS).toFixed(0)} bytes`);

  await measureLinks({ house, clock, client, sessions, step, sizeOf, numbers: numbers(LINKS) });
  await database.end();
}

async function measureLinks(given: {
  house: House;
  clock: ReturnType<typeof createTestClock>;
  client: Client;
  sessions: readonly Session[];
  step: <Item, Result>(
    title: string,
    items: readonly Item[],
    work: (item: Item, index: number) => Promise<Result>,
  ) => Promise<Result[]>;
  sizeOf: (tables: readonly string[]) => Promise<number>;
  numbers: readonly number[];
}): Promise<void> {
  const { house, clock, client, sessions, step, sizeOf, numbers } = given;
  const kept = async (title: string, tables: readonly string[], before = 0): Promise<void> =>
    print(title, `${(((await sizeOf(tables)) - before) / LINKS).toFixed(0)} bytes`);
  const sessionOf = (index: number): Session => sessions[index % sessions.length]!;

  const links: Started[] = await step('a link, started', numbers, (index) =>
    house.linksForTool.startLink({ client, scope: 'openid profile', origin: origin(index) }),
  );
  await kept('a pending link, kept', TABLES_OF_A_LINK);
  const auditBefore = await sizeOf(['audit']);
  const pages = await step('a link, reserved', links, async ({ userCode }, index) => {
    const about = { session: sessionOf(index), origin: origin(index) };
    const { linkId } = await house.linksForPerson.reserveLink({ ...about, userCode, arrival: 'typed' });
    const review = await house.linksForPerson.findForReview({ ...about, linkId });
    return { ...about, linkId, page: review!.page };
  });
  clock.advance(2);
  await step('a link, approved', pages, (page) => house.linksForPerson.approveLink(page));
  const redeemed = await step('a link, redeemed', links, ({ deviceCode }, index) =>
    house.linksForTool.redeemLink({ deviceCode, client, origin: origin(index) }),
  );
  await kept('a redeemed link, kept a day', TABLES_OF_A_LINK);
  await kept('a linked tool, kept', TABLES_OF_A_TOOL);
  await kept('its activity, kept AUDIT_DAYS', ['audit'], auditBefore);
  const toolsBefore = await sizeOf(TABLES_OF_A_TOOL);
  await step('a refresh', redeemed, async (outcome, index) => {
    if (!('tokens' in outcome)) throw new Error(`it was not redeemed: ${outcome.outcome}`);
    const presented = outcome.tokens.refreshToken!;
    return house.tokensRefresh.refresh({ presented, client, origin: origin(index) });
  });
  await kept('a refresh token more, kept', TABLES_OF_A_TOOL, toolsBefore);
}

const print = (what: string, figure: string): void =>
  void process.stdout.write(`${what.padEnd(32)}${figure}\n`);

const folder = mkdtempSync(join(tmpdir(), 'linchpin-sizes-'));
const postgres = await startLastingPostgres();
try {
  const clock = createTestClock(new Date());
  const env = {
    ...{ DATABASE_URL: postgres.url, DATA_DIR: folder, LOG_LEVEL: 'silent', DATABASE_CONNECTIONS: '8' },
    ...{
      PUBLIC_URL: 'https://login.example.com',
      LINCHPIN_SECRET: 'a secret of the bench that is long enough',
    },
  };
  const house = await wire(withSecret(loadConfig(env, { files: () => undefined })), {
    now: clock.now,
    viewsFolder: resolve('views'),
    passwordCost: CHEAP,
    estimateStrength: async () => 4,
    limits: {
      'user-code-by-account': { limit: 1e9 },
      'user-code-by-account-daily': { limit: 1e9 },
      'user-code-everywhere': { limit: 1e9 },
    },
  });
  try {
    await measure(postgres.url, house, clock);
  } finally {
    await house.close();
  }
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
