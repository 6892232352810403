// Three replicas of the built service on one PostgreSQL and nothing else, while parts of them die. What holds is the same as with a
// Redis between them (under-fault-redis.test.ts): nothing may depend on that.
import { describeWithPostgres } from '../support/postgres.js';
import { buildService, type BuiltService } from '../support/service.js';
import { startLastingPostgres, type LastingPostgres } from '../support/services.js';
import { openPlace } from './place.js';
import { longestMs, runSeries, seedsOf } from './series.js';

const seeds = seedsOf('without');

// A single round that is run again is of one kind.
if (seeds.length === 0) it('has no round of this kind among these seeds', () => expect(seeds).toEqual([]));
else
  describeWithPostgres('three replicas on one PostgreSQL', () => {
    let service: BuiltService;
    let postgres: LastingPostgres;
    let place: Awaited<ReturnType<typeof openPlace>> | undefined;
    beforeAll(async () => {
      [service, postgres] = await Promise.all([
        buildService({ preload: 'test/faults/settable-clock.ts' }),
        startLastingPostgres(),
      ]);
      place = await openPlace({ service, postgresUrl: postgres.url, servers: { postgres } });
    });
    afterAll(async () => {
      await place?.close();
      await service.remove();
      await postgres.stop();
    });

    it(
      `do nothing wrong in ${seeds.length} rounds from seed ${seeds[0]}, whatever dies`,
      () => runSeries(place!, seeds),
      longestMs(seeds),
    );
  });
