// Three replicas of the service on one PostgreSQL with a Redis between them: what they share there, and what they do when it is
// gone, hangs, forgets everything or comes back. Nothing but speed and coarse counts may depend on it (DESIGN 4, CHECKLIST 4).
import { setTimeout as pause } from 'node:timers/promises';
import { BUDGETS } from '../../src/domain/throttle.js';
import { expectRefusal, startOAuthHouse, type OAuthHouse } from '../http/oauth-house.js';
import { createTestClock } from '../support/clock.js';
import { createSchema } from '../support/databases.js';
import { describeWithPostgres } from '../support/postgres.js';
import { describeWithRedis, redisAddress } from '../support/redis.js';
import { startRedis, type Service } from '../support/services.js';

const ISSUER = 'https://login.example.com';
const MOST_LIVE_LINKS = 30;

describeWithPostgres('three replicas on one PostgreSQL', (postgresUrl) => {
  describeWithRedis('with a Redis between them', () => {
    const clock = createTestClock();
    let place: Awaited<ReturnType<typeof createSchema>>;
    let redis: Service;
    let replicas: OAuthHouse[];
    let one: OAuthHouse;
    let two: OAuthHouse;
    let three: OAuthHouse;

    beforeAll(async () => {
      [place, redis] = await Promise.all([createSchema(postgresUrl), startRedis()]);
      const config = {
        ...{ publicUrl: ISSUER, pinIssuer: ISSUER, pinAudience: ISSUER },
        ...{ databaseUrl: place.url, redis: redisAddress(redis.url), liveLinksPerNetwork: MOST_LIVE_LINKS },
      };
      replicas = await Promise.all([1, 2, 3].map(() => startOAuthHouse({ config, clock })));
      [one, two, three] = replicas as [OAuthHouse, OAuthHouse, OAuthHouse];
      await untilAll('ready');
    });
    afterAll(async () => {
      for (const replica of replicas) await replica.close();
      await redis.stop();
      await place.drop();
    });

    /** Looks again and again, in real time, for what comes over a connection; gives up after ten seconds. */
    async function until<Value>(look: () => Promise<Value | undefined> | Value | undefined): Promise<Value> {
      for (const end = Date.now() + 10_000; Date.now() < end; await pause(10)) {
        const found = await look();
        if (found !== undefined) return found;
      }
      throw new Error('it did not happen within ten seconds');
    }

    const readiness = async ({ request }: OAuthHouse): Promise<string> => {
      const answer = await request.get('/readyz').expect(200);
      return (answer.body as { status: string }).status;
    };

    /** Until every replica says so of itself, which takes no hand. */
    const untilAll = (status: string): Promise<true> =>
      until(async () => {
        const found = await Promise.all(replicas.map(readiness));
        return found.every((one) => one === status) ? true : undefined;
      });

    /** A link that one starts, two approves and three polls, which looked while it was pending; the ten seconds pass at once. */
    async function linkAcross(): Promise<number> {
      const clientId = await one.register();
      const { device_code, user_code } = await one.start(clientId);
      expectRefusal(await three.poll(clientId, device_code), 400, 'authorization_pending');
      await two.approve(user_code);
      clock.advance(11);
      const startedAt = Date.now();
      expect((await three.poll(clientId, device_code)).status).toBe(200);
      expectRefusal(await one.poll(clientId, device_code), 400, 'invalid_grant');
      return Date.now() - startedAt;
    }

    /** Wrong codes are counted in the database, whatever is between the replicas: fail-closed, and no more than the limit. */
    async function spendCodes(spender: string): Promise<number> {
      const spend = async ({ throttle }: OAuthHouse) => throttle.trySpend('user-code-by-account', spender);
      const spent = await Promise.all(Array.from({ length: 15 }, (_, index) => spend(replicas[index % 3]!)));
      return spent.filter(Boolean).length;
    }

    const spendLinks = async (spender: string, tries: number): Promise<number> => {
      let spent = 0;
      for (let index = 0; index < tries; index++)
        if (await replicas[index % 3]!.throttle.trySpend('live-links-by-network', spender)) spent += 1;
      return spent;
    };

    it('tell each other of decisions at once: a held poll wakes across replicas, and a plain one is not withheld', async () => {
      const clientId = await one.register();
      const [first, second] = [await one.start(clientId), await one.start(clientId)];
      const held = three.poll(clientId, first.device_code, { Prefer: 'wait=30' }).then((answer) => answer);
      await three.untilHeld();
      const startedAt = Date.now();
      await two.approve(first.user_code);
      expect((await held).status).toBe(200);
      expect(Date.now() - startedAt).toBeLessThan(15_000);

      expectRefusal(await three.poll(clientId, second.device_code), 400, 'authorization_pending');
      await two.deny(second.user_code);
      await until(async () => {
        const answer = await three.poll(clientId, second.device_code);
        return (answer.body as { error: string }).error === 'access_denied' ? true : undefined;
      });
    });

    it('count together how many links one network has waiting', async () => {
      // An answer that came too late counts for nothing: on a busy machine a network may be let through once more often.
      let network = 0;
      await until(async () => {
        const spent = await spendLinks(`together ${(network += 1)}`, 3 * MOST_LIVE_LINKS);
        expect(spent).toBeGreaterThanOrEqual(MOST_LIVE_LINKS);
        return spent === MOST_LIVE_LINKS ? true : undefined;
      });
      const spender = `together ${network}`;
      await one.throttle.giveBack('live-links-by-network', spender);
      expect(await two.throttle.trySpend('live-links-by-network', spender)).toBe(true);
      expect(await three.throttle.trySpend('live-links-by-network', spender)).toBe(false);
    });

    it('lose nothing but coarse counts when Redis forgets everything', async () => {
      const clientId = await one.register();
      const { device_code, user_code } = await one.start(clientId);
      expectRefusal(await three.poll(clientId, device_code), 400, 'authorization_pending');
      await spendLinks('forgotten', 2 * MOST_LIVE_LINKS);
      const half = BUDGETS['user-code-by-account'].limit;
      expect(await spendCodes('flushed')).toBe(half);
      await until(() =>
        one
          .redis!.run((client) => client.flushall())
          .then(
            () => true,
            () => undefined,
          ),
      );
      expect(await spendCodes('flushed')).toBe(0);
      expect(await two.throttle.trySpend('live-links-by-network', 'forgotten')).toBe(true);
      await two.approve(user_code);
      await until(async () => {
        clock.advance(5);
        return (await three.poll(clientId, device_code)).status === 200 ? true : undefined;
      });
      await untilAll('ready');
    });

    it('go on from the database while Redis is stopped, say that they are degraded, and find it again by themselves', async () => {
      await redis.stop();
      await untilAll('degraded');
      await linkAcross();
      expect(await spendCodes('stopped')).toBe(BUDGETS['user-code-by-account'].limit);
      // Each by itself: three times as many at most, and not without end.
      expect(await spendLinks('stopped', 5 * MOST_LIVE_LINKS)).toBe(3 * MOST_LIVE_LINKS);

      redis = await startRedis({ at: redis.url });
      await untilAll('ready');
      const clientId = await one.register();
      const { device_code, user_code } = await one.start(clientId);
      const held = three.poll(clientId, device_code, { Prefer: 'wait=30' }).then((answer) => answer);
      await three.untilHeld();
      await two.approve(user_code);
      expect((await held).status).toBe(200);
    });

    it('wait for a Redis that hangs no longer than its time, and then not at all', async () => {
      redis.signal('SIGSTOP');
      // Nobody knows yet: these find out.
      await linkAcross();
      await untilAll('degraded');
      await linkAcross();
      expect(await spendCodes('hanging')).toBe(BUDGETS['user-code-by-account'].limit);
      const startedAt = Date.now();
      await spendLinks('hanging', 90);
      // Ninety times fifty milliseconds would be more.
      expect(Date.now() - startedAt).toBeLessThan(4000);

      redis.signal('SIGCONT');
      await untilAll('ready');
      await linkAcross();
    });

    it('start while Redis is away, degraded, and are ready once it is there', async () => {
      await redis.stop();
      const config = { databaseUrl: place.url, redis: redisAddress(redis.url), publicUrl: ISSUER };
      const late = await startOAuthHouse({ config, clock });
      expect(await readiness(late)).toBe('degraded');
      redis = await startRedis({ at: redis.url });
      await until(async () => ((await readiness(late)) === 'ready' ? true : undefined));
      await untilAll('ready');
      await late.close();
    });
  });
});
