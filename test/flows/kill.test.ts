// What a process leaves behind that is ended with kill -9 in the middle of its work, on a real database file: never two
// linked tools for one approval, never a token without its row, nothing acknowledged lost, deny never undone (CHECKLIST 4).
// `KILLS=200 npm test -- kill` makes the long run; `KILL_SEED` chooses another series.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { ClientId } from '../../src/domain/vocabulary.js';
import { openDatabase } from '../../src/stores/sql/database.js';
import { bundle, type Bundle } from '../support/bundled.js';
import { createTestClock } from '../support/clock.js';
import { createLinkRoomStores, openLinkRooms, originFrom } from '../support/link-rooms.js';
import type { Acknowledged, WorkerOrder } from '../support/link-worker.js';
import { createRandom } from '../support/random.js';

const KILLS = Number(process.env['KILLS'] ?? 20);
const SEED = Number(process.env['KILL_SEED'] ?? 20260301);

const APPROVE = ['approve:before', 'approve:updated', 'approve:committed'];
const REDEEM = ['redeem:before', 'redeem:found', 'redeem:committed', 'redeem:signed'];
const TRANSACTION = ['transaction:begun', 'transaction:worked', 'transaction:committed'];

describe('a process that is killed', () => {
  let worker: Bundle;
  const folder = mkdtempSync(join(tmpdir(), 'linchpin-kill-'));
  beforeAll(async () => {
    worker = await bundle('test/support/link-worker.ts');
  });
  afterAll(() => {
    worker.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs the worker until it dies or is killed, so long after so many acknowledged lines; resolves to these lines. */
  function run(
    order: WorkerOrder,
    killAfterLines = Infinity,
    laterMs = 0,
  ): Promise<{ said: Acknowledged[]; signal: string | null }> {
    return new Promise((resolve) => {
      const child = worker.start(order);
      let text = '';
      child.stdout!.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.split('\n').length - 1 >= killAfterLines) setTimeout(() => child.kill('SIGKILL'), laterMs);
      });
      child.on('close', (_, signal) => {
        const lines = text.split('\n').filter(Boolean);
        resolve({ said: lines.map((line) => JSON.parse(line) as Acknowledged), signal });
      });
    });
  }

  interface LinkRow {
    link_id: string;
    state: string;
    account_id: string;
    tools: number;
    tool_account: string | null;
    jti: string | null;
    refreshes: number;
    audits: number;
  }

  /** Every link of the file with what it left, read with nothing of ours. */
  function readLinks(file: string): Map<string, LinkRow> {
    const database = new Database(file, { readonly: true });
    expect(database.pragma('integrity_check', { simple: true })).toBe('ok');
    const rows = database
      .prepare(
        `select l.link_id, l.state, l.account_id, count(distinct t.linked_tool_id) as tools, max(t.account_id) as tool_account,
           max(t.access_jti) as jti, count(distinct r.token_hash) as refreshes,
           (select count(*) from audit a where a.event = 'link-redeemed'
              and instr(a.details, max(t.linked_tool_id)) > 0) as audits
         from links l left join linked_tools t on t.link_id = l.link_id
           left join refresh_tokens r on r.linked_tool_id = t.linked_tool_id group by l.link_id`,
      )
      .all() as LinkRow[];
    const orphans = database
      .prepare('select count(*) from linked_tools where link_id not in (select link_id from links)')
      .pluck()
      .get();
    expect(orphans).toBe(0);
    database.close();
    return new Map(rows.map((row) => [row.link_id, row]));
  }

  function check(file: string, said: readonly Acknowledged[]): Map<string, LinkRow> {
    const links = readLinks(file);
    for (const row of links.values()) {
      const isRedeemed = row.state === 'redeemed';
      expect([row.state, row.tools, row.refreshes, row.audits]).toEqual([
        row.state,
        ...(isRedeemed ? [1, 1, 1] : [0, 0, 0]),
      ]);
      if (isRedeemed) expect(row.tool_account).toBe(row.account_id);
    }
    for (const { step, link, jti } of said) {
      const row = link === undefined ? undefined : links.get(link);
      if (step === 'started') expect(row).toBeDefined();
      if (step === 'approved') expect(['approved', 'redeemed']).toContain(row?.state);
      if (step === 'denied') expect(row?.state).toBe('denied');
      if (step === 'issued') expect([row?.state, row?.jti]).toEqual(['redeemed', jti]);
    }
    return links;
  }

  /** The house starts again on the same file: each link goes on from where the disk says it was, and gives one token at most. */
  async function goOn(
    file: string,
    said: readonly Acknowledged[],
    links: ReadonlyMap<string, LinkRow>,
  ): Promise<void> {
    const clientId = said.find(({ step }) => step === 'client')?.link;
    if (clientId === undefined) return;
    const database = openDatabase({ file, createStores: createLinkRoomStores });
    const rooms = await openLinkRooms({ database, clock: createTestClock(new Date('2026-03-01T12:01:00Z')) });
    const client = (await database.stores.clients.find(clientId as ClientId))!;
    for (const { step, link, deviceCode } of said) {
      if (step !== 'started') continue;
      const { outcome } = await rooms.tool.redeemLink({
        deviceCode: deviceCode!,
        client,
        origin: originFrom(),
      });
      const expected = { reserved: 'pending', approved: 'issued', redeemed: 'redeemed', denied: 'denied' };
      expect(outcome).toBe(expected[links.get(link!)!.state as keyof typeof expected]);
    }
    await database.close();
    check(file, said);
  }

  it.each([...APPROVE, ...REDEEM].map((moment) => [moment]))(
    'at %s leaves whole steps only, and the next one goes on',
    async (moment) => {
      const file = join(folder, `${moment.replace(':', '-')}.sqlite`);
      const { said, signal } = await run({ file, links: 1, atOnce: 1, killAt: { moment, passed: 0 } });
      expect(signal).toBe('SIGKILL');
      const links = check(file, said);
      const [only] = links.values();
      const expected = APPROVE.indexOf(moment) < 2 && APPROVE.includes(moment) ? 'reserved' : 'approved';
      expect(only?.state).toBe(
        ['redeem:committed', 'redeem:signed'].includes(moment) ? 'redeemed' : expected,
      );
      await goOn(file, said, links);
    },
  );

  it.each(TRANSACTION.flatMap((moment) => [4, 9, 17].map((passed) => [moment, passed] as const)))(
    'at %s, the %d. time, with twenty links at once, leaves whole steps only',
    async (moment, passed) => {
      const file = join(folder, `${moment.replace(':', '-')}-${passed}.sqlite`);
      const { said, signal } = await run({ file, links: 100, atOnce: 20, killAt: { moment, passed } });
      expect(signal).toBe('SIGKILL');
      await goOn(file, said, check(file, said));
    },
  );

  it.each([
    ['alone', false],
    ['and a thread that writes too', true],
  ])(
    `%s, ${KILLS} times at random (seed ${SEED}), with twelve links at once, leaves whole steps only`,
    async (_, isInThread) => {
      const random = createRandom(SEED);
      let killed = 0;
      for (let round = 0; round < KILLS; round++) {
        const file = join(folder, `random-${isInThread ? 'thread-' : ''}${round}.sqlite`);
        const order = { file, links: 48, atOnce: 12, isInThread };
        // In a thread nothing is acknowledged while it works: whoever is killed at a line is never killed within a batch.
        const laterMs = isInThread ? random.between(0, 40) : 0;
        const { said, signal } = await run(order, random.between(1, 120), laterMs);
        if (signal === 'SIGKILL') killed += 1;
        await goOn(file, said, check(file, said));
      }
      expect(killed).toBeGreaterThan(KILLS * 0.8);
    },
    600_000,
  );
});
