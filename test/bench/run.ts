// `npm run bench`: how fast Linchpin is beside a bare `node:http` handler, a bare Koa and oidc-provider, all in one run
// on one core. Absolute numbers belong to the machine; compare only the ratios. Nothing in the tests depends on these.
//   --quick      short windows, fewer links: does it run?         --only poll,issue   just these sections, long ones too
//   --million    polls at 1 M pending links too                   --json FILE         the figures, for machines
//   --full       --million, and the long sections: many minutes, and PostgreSQL and Redis; never in CI
import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { isCi } from '../support/equipment.js';
import { availableServers, buildServers, pinThisProcess } from './processes.js';
import type { Effort, Measuring } from './rounds.js';
import { LONG_SECTIONS, SECTIONS } from './sections.js';
import { printGoals, printSection, type Section } from './table.js';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    million: { type: 'boolean', default: false },
    full: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
  },
});
const effort: Effort = flags.quick
  ? { rounds: 3, seconds: 0.25, warmAnswers: 500 }
  : { rounds: 15, seconds: 0.4, warmAnswers: 8000 };
const available = availableServers();
const many = flags.quick ? 10_000 : 100_000;
const most = flags.quick ? 200_000 : 1_000_000;
const measuring: Measuring = {
  effort,
  isQuick: flags.quick,
  many,
  sizes: [1000, many, ...(flags.million || flags.full ? [most] : [])],
  most,
  // The one on Redis stands beside replicas, and nothing else.
  names: available.filter((name) => name !== 'oidc-provider on Redis'),
};
const all = { ...SECTIONS, ...LONG_SECTIONS };

async function run(): Promise<void> {
  if (flags.full && isCi()) throw new Error('--full is not for CI: it takes long, and says nothing there.');
  const wanted = flags.only?.split(',') ?? Object.keys(flags.full ? all : SECTIONS);
  const unknown = wanted.filter((name) => !(name in all));
  if (unknown.length)
    throw new Error(`No section ${unknown.join(', ')}; there are ${Object.keys(all).join(', ')}.`);
  const isPinned = pinThisProcess();
  const machine = `node ${process.version}, ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`;
  console.log(
    `${machine}; ${isPinned ? 'server on core 0, load on core 1' : 'NOT PINNED (no taskset, or one core)'}`,
  );
  console.log(
    `${effort.rounds} rounds of ${effort.seconds} s, in turn; medians of the rounds, smallest–largest in brackets`,
  );
  console.log(
    'CPU µs: user and system time of the server for an answer; busy: how much of the time it had a core',
  );
  console.log('by CPU: the ratio of the CPU time per answer, which holds even where the core was shared');
  console.log(
    'bound by: the CPU of the server, the load generator, or waiting (the disk, another server, a shared core)',
  );
  await buildServers(available);
  const found: Record<string, Section> = {};
  for (const name of wanted) {
    const section = await all[name]?.(measuring);
    if (!section) continue;
    found[name] = section;
    printSection(section);
  }
  printGoals(Object.values(found).flatMap(({ goals }) => goals));
  if (flags.json) await writeFile(flags.json, JSON.stringify({ machine, isPinned, effort, found }, null, 1));
}

// Whatever was started is ended when this process exits, and a signal alone would not be an exit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

await run().catch((fault: unknown) => {
  console.error(fault instanceof Error ? fault.message : fault);
  process.exitCode = 1;
});
