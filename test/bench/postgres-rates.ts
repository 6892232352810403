// How much one PostgreSQL does in a second of what replicas ask of it: links looked up, one at a time and a turn's at once, and small
// transactions, each durable. It starts one of its own and asks with PostgreSQL's `pgbench`. `docs/scale.md` has the command.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { openPostgres } from '../../src/stores/sql/database-postgres.js';
import { findProgram, postgresFolders } from '../support/equipment.js';
import { startDurablePostgres } from '../support/services.js';

const LINKS = 100_000;
const AT_ONCE = 32;
const SECONDS = 10;
const CLIENTS = 16;
/** More of them share a flush. */
const WRITERS = 64;

const columns = 'client_id, state, expires_at, key_thumbprint, redeemed_at, interval_seconds';
const joined = 'links left join link_intervals on link_intervals.link_id = links.link_id';
const id = (number: string): string => `'link-' || ${number}`;

/** In the words of pgbench; `counts`: how many of what is measured a transaction holds. */
const SCRIPTS = {
  'links looked up, one by one': {
    clients: CLIENTS,
    counts: 1,
    lines: [
      String.raw`\set n random(1, ${LINKS})`,
      `select ${columns} from ${joined} where links.link_id = ${id(':n')} and device_code_hash = 'hash-' || :n;`,
    ],
  },
  [`links looked up, ${AT_ONCE} at once`]: {
    clients: CLIENTS,
    counts: AT_ONCE,
    lines: [
      ...Array.from({ length: AT_ONCE }, (_, at) => String.raw`\set n${at} random(1, ${LINKS})`),
      `select found.* from unnest(array[${Array.from({ length: AT_ONCE }, (_, at) => `'link-' || :n${at}`).join(', ')}]) as asked(p1)` +
        ` cross join lateral (select ${columns} from ${joined} where links.link_id = asked.p1) as found;`,
    ],
  },
  'small transactions, SERIALIZABLE': {
    clients: WRITERS,
    counts: 1,
    lines: [
      String.raw`\set n random(1, ${LINKS})`,
      'begin isolation level serializable;',
      `update links set releases = releases + 1 where link_id = ${id(':n')};`,
      'commit;',
    ],
  },
} as const;

async function fill(url: string): Promise<void> {
  const database = await openPostgres({ url, createStores: () => undefined });
  await database.close();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    `insert into links (link_id, door, state, client_id, device_code_hash, user_code_mac, scope, network_address, network,
      user_agent, releases, created_at, expires_at)
     select 'link-' || n, 'oauth', 'pending', 'client', 'hash-' || n, 'mac-' || n, 'profile', '10.0.0.1', '10.0.0.1', 'bench', 0, n, n
     from generate_series(1, $1::int) as n`,
    [LINKS],
  );
  await client.query('vacuum analyze links');
  await client.end();
}

async function measure(url: string, folder: string): Promise<void> {
  const pgbench = findProgram('pgbench', postgresFolders());
  if (!pgbench) throw new Error('pgbench is missing; it comes with PostgreSQL.');
  for (const [title, { clients, counts, lines }] of Object.entries(SCRIPTS)) {
    const script = join(folder, 'script.sql');
    writeFileSync(script, `${lines.join('\n')}\n`);
    const args = ['-n', '-M', 'prepared', '-f', script, '-c', String(clients), '-T', String(SECONDS), url];
    const { stdout } = await promisify(execFile)(pgbench, args);
    const rate = Number(/^tps = ([\d.]+)/m.exec(stdout)?.[1]) * counts;
    const failed = /failed transactions: (\d+)/.exec(stdout)?.[1] ?? '0';
    process.stdout.write(
      `${title.padEnd(40)}${rate.toFixed(0)} per second${failed === '0' ? '' : `, ${failed} failed`}\n`,
    );
  }
}

const folder = mkdtempSync(join(tmpdir(), 'linchpin-rates-'));
const postgres = await startDurablePostgres();
try {
  await fill(postgres.url);
  await measure(postgres.url, folder);
} finally {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
}
