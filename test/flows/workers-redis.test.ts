// The service as it is started, with a Redis that is there, hangs, refuses it or is of no use: what it says of itself and in its
// log, and how it ends (CHECKLIST 4).
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { describeWithRedis } from '../support/redis.js';
import { buildService, type BuiltService, type StartedService } from '../support/service.js';
import { startRedis, type Service } from '../support/services.js';

const WORKERS = 2;

describeWithRedis('the service with Redis', () => {
  let service: BuiltService;
  let redis: Service;
  beforeAll(async () => {
    [service, redis] = await Promise.all([buildService(), startRedis()]);
  });
  afterEach(() => redis.signal('SIGCONT'));
  afterAll(async () => {
    await service.remove();
    await redis.stop();
  });

  const lines = (started: StartedService, message: string): string[] =>
    started
      .written()
      .err.split('\n')
      .filter((line) => line.includes(`"msg":"${message}`));

  /** On a connection of its own: the processes are given connections in turn. */
  const readiness = async ({ url }: StartedService): Promise<unknown> => {
    const [answer] = (await once(get(`${url}/readyz`, { agent: false }), 'response')) as [IncomingMessage];
    return { code: answer.statusCode, ...((await json(answer)) as object) };
  };

  /** Looks again and again, in real time; starting takes long where everything runs at once. */
  async function until(look: () => Promise<boolean> | boolean): Promise<void> {
    for (const end = Date.now() + 45_000; Date.now() < end; await pause(20)) if (await look()) return;
    throw new Error('it did not happen within 45 seconds');
  }

  /** Whether each of the processes says so. */
  const areAll = (started: StartedService, status: string) => async (): Promise<boolean> => {
    for (let asked = 0; asked < 2 * WORKERS; asked++)
      if (JSON.stringify(await readiness(started)) !== JSON.stringify({ code: 200, status })) return false;
    return true;
  };

  it('is ready, degraded while Redis hangs, ready again by itself, and ends while it hangs', async () => {
    const started = await service.start({ WORKERS: String(WORKERS), REDIS_URL: redis.url });
    await until(() => lines(started, 'ready').length === WORKERS);
    for (const round of [1, 2]) {
      // Who has not found it again cannot lose it; on a busy machine one may lose it once more in between.
      await until(areAll(started, 'ready'));
      redis.signal('SIGSTOP');
      await until(areAll(started, 'degraded'));
      await until(() => lines(started, 'Redis answers').length >= round * WORKERS);
      await until(() => lines(started, 'Redis does not answer').length >= round * WORKERS);
      if (round === 2) break;
      redis.signal('SIGCONT');
    }
    started.child.kill('SIGTERM');
    expect(await started.ended).toEqual({ code: 0, signal: null });
  });

  it('starts where Redis refuses it, degraded, and writes no password anywhere', async () => {
    const REDIS_URL = redis.url.replace(/:[0-9a-f]{32}@/, ':hunter2hunter2@');
    const started = await service.start({ WORKERS: String(WORKERS), REDIS_URL });
    await until(() => lines(started, 'ready').length === WORKERS);
    expect(await readiness(started)).toEqual({ code: 200, status: 'degraded' });
    expect(lines(started, 'Redis does not answer').length).toBeGreaterThan(0);
    expect(JSON.stringify(started.written())).not.toContain('hunter2');
    started.child.kill('SIGTERM');
    await started.ended;
  });

  it('does not use it alone on an SQLite file, and says so once', async () => {
    const started = await service.start({ REDIS_URL: 'redis://127.0.0.1:1' });
    await until(() => lines(started, 'ready').length === 1);
    expect(await readiness(started)).toEqual({ code: 200, status: 'ready' });
    expect(lines(started, 'REDIS_URL is not used')).toHaveLength(1);
    started.child.kill('SIGTERM');
    expect(await started.ended).toEqual({ code: 0, signal: null });
  });
});
