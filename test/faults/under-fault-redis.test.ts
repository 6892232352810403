// Three replicas of the built service on one PostgreSQL, with a Redis between them, while parts of them die: what may happen once
// happens once, nothing that was acknowledged is lost, and everything is whole again by itself (CHECKLIST 4). The history of each
// round is judged. `FAULT_ROUNDS=1000 npm test -- under-fault` makes the long run.
import { describeWithPostgres } from '../support/postgres.js';
import { describeWithRedis } from '../support/redis.js';
import { buildService, type BuiltService } from '../support/service.js';
import { startLastingPostgres, type LastingPostgres } from '../support/services.js';
import { openFaultyRedis, openPlace } from './place.js';
import { longestMs, runSeries, seedsOf } from './series.js';

const seeds = seedsOf('with Redis');

// A single round that is run again is of one kind.
if (seeds.length === 0) it('has no round of this kind among these seeds', () => expect(seeds).toEqual([]));
else
  describeWithPostgres('three replicas on one PostgreSQL', () => {
    describeWithRedis('with a Redis between them', () => {
      let service: BuiltService;
      let postgres: LastingPostgres;
      let redis: Awaited<ReturnType<typeof openFaultyRedis>>;
      let place: Awaited<ReturnType<typeof openPlace>> | undefined;
      beforeAll(async () => {
        [service, postgres, redis] = await Promise.all([
          buildService({ preload: 'test/faults/settable-clock.ts' }),
          startLastingPostgres(),
          openFaultyRedis(),
        ]);
        place = await openPlace({ service, postgresUrl: postgres.url, servers: { postgres, redis } });
      });
      afterAll(async () => {
        await place?.close();
        await service.remove();
        await Promise.all([postgres.stop(), redis.stop()]);
      });

      it(
        `do nothing wrong in ${seeds.length} rounds from seed ${seeds[0]}, whatever dies`,
        () => runSeries(place!, seeds),
        longestMs(seeds),
      );
    });
  });
