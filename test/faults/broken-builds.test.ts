// Builds of the service with one check taken out. Each must be found out by the history of a few rounds: a suite that passes
// whatever the build does shows nothing.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { describeWithPostgres } from '../support/postgres.js';
import { buildService } from '../support/service.js';
import { startLastingPostgres, type LastingPostgres } from '../support/services.js';
import { PLAIN } from './checker-links.js';
import { BROKEN, type Change } from './broken.js';
import { BROKEN_DOORS } from './broken-doors.js';
import { openPlace } from './place.js';
import { runRound } from './rounds.js';
import { drawSchedule } from './schedule.js';

const SEED = 20260301;
const MOST_ROUNDS = 6;
/** Some of them wait for what never comes. */
const PATIENCE_MS = 2500;

/** Changes the sources on their way into the build; a line that is not there any more is an error, not a sound build. */
function breaking(changes: readonly Change[]): Plugin {
  return {
    name: 'breaking',
    setup({ onLoad }) {
      for (const file of new Set(changes.map((change) => change.file))) {
        const path = resolve(file);
        onLoad({ filter: new RegExp(`${file.replace(/[/.]/g, '\\$&')}$`) }, () => {
          let contents = readFileSync(path, 'utf8');
          for (const { from, to } of changes.filter((change) => change.file === file)) {
            if (contents.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
            contents = contents.replace(from, () => to);
          }
          return { contents, loader: 'ts' };
        });
      }
    },
  };
}

/** Some in every run, and all of them with `FAULT_BUILDS=all`: each is a build and replicas of its own. */
const TRIED = process.env['FAULT_BUILDS'] === 'all' ? [...BROKEN, ...BROKEN_DOORS] : BROKEN.slice(0, 3);

describeWithPostgres('a build with one check taken out', () => {
  let postgres: LastingPostgres;
  beforeAll(async () => void (postgres = await startLastingPostgres()));
  afterAll(() => postgres.stop());

  it.each(TRIED.map((build) => [build.title, build] as const))(
    'that %s is found out',
    async (_, build) => {
      const { changes, statement, fault, found, tools = [PLAIN] } = build;
      const service = await buildService({
        preload: 'test/faults/settable-clock.ts',
        plugins: [breaking(changes)],
      });
      try {
        const place = await openPlace({
          service,
          postgresUrl: postgres.url,
          servers: { postgres },
          replicas: 2,
        });
        if (statement !== undefined) await place.truth.change(statement);
        const wrong: string[] = [];
        for (let round = 0; round < MOST_ROUNDS && !wrong.some((line) => found.test(line)); round++) {
          const schedule = drawSchedule({
            seed: SEED + round,
            replicas: 2,
            hasRedis: false,
            links: 10,
            fault,
            tools,
          });
          wrong.push(...(await runRound(schedule, place, PATIENCE_MS)).wrong);
        }
        await place.close();
        expect(wrong.join('\n')).toMatch(found);
      } finally {
        await service.remove();
      }
    },
    120_000,
  );
});
