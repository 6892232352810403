// Three replicas of the service on one PostgreSQL, without anything else between them: what one of them decides, the others
// know; what may happen once happens once, wherever it is asked for; and a broken connection loses nothing (CHECKLIST 4).
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { BUDGETS } from '../../src/domain/throttle.js';
import { bodyOf, expectRefusal, startOAuthHouse, type OAuthHouse, type Tokens } from '../http/oauth-house.js';
import { createTestClock } from '../support/clock.js';
import { createDatabase } from '../support/databases.js';
import { describeWithPostgres } from '../support/postgres.js';

const ISSUER = 'https://login.example.com';

describeWithPostgres('three replicas on one PostgreSQL', (postgresUrl) => {
  const clock = createTestClock();
  let place: Awaited<ReturnType<typeof createDatabase>>;
  let replicas: OAuthHouse[];
  let one: OAuthHouse;
  let two: OAuthHouse;
  let three: OAuthHouse;

  beforeAll(async () => {
    place = await createDatabase(postgresUrl);
    const config = {
      publicUrl: ISSUER,
      pinIssuer: ISSUER,
      pinAudience: ISSUER,
      databaseUrl: place.url,
      databaseConnections: 12,
    };
    // At once: they race for the migrations and for the first signing keys.
    replicas = await Promise.all([1, 2, 3].map(() => startOAuthHouse({ config, clock })));
    [one, two, three] = replicas as [OAuthHouse, OAuthHouse, OAuthHouse];
  });
  afterAll(async () => {
    for (const replica of replicas) await replica.close();
    await place.drop();
  });

  const admin = async (text: string): Promise<void> => {
    const client = new pg.Client({ connectionString: place.url });
    await client.connect();
    await client.query(text).finally(() => client.end());
  };

  /** Looks again and again, in real time, for what comes over a connection; gives up after fifty seconds. */
  async function until<Value>(look: () => Promise<Value | undefined> | Value | undefined): Promise<Value> {
    for (const end = Date.now() + 50_000; Date.now() < end; await pause(10)) {
      const found = await look();
      if (found !== undefined) return found;
    }
    throw new Error('it did not happen within fifty seconds');
  }

  it('agree on the signing keys, however many started at once', async () => {
    const published = await Promise.all(
      replicas.map(async ({ request }) => bodyOf(await request.get('/.well-known/jwks.json').expect(200))),
    );
    expect(published[1]).toEqual(published[0]);
    expect(published[2]).toEqual(published[0]);
  });

  it('let a link be started at one, approved at another and redeemed at the third', async () => {
    const clientId = await one.register();
    const { device_code, user_code } = await one.start(clientId, { scope: 'openid' });
    expectRefusal(await three.poll(clientId, device_code), 400, 'authorization_pending');
    await two.approve(user_code);
    const tokens = await until(async () => {
      clock.advance(5);
      const answer = await three.poll(clientId, device_code);
      return answer.status === 200 ? (bodyOf(answer) as Tokens) : undefined;
    });
    const header = { Authorization: `Bearer ${tokens.access_token}` };
    await one.request.get('/oauth/userinfo').set(header).expect(200);
  });

  it('wake a poll that is held at one when another decides, and long before its time', async () => {
    const clientId = await one.register();
    const { device_code, user_code } = await one.start(clientId);
    const held = three.poll(clientId, device_code, { Prefer: 'wait=30' }).then((answer) => answer);
    await three.untilHeld();
    const startedAt = Date.now();
    await two.approve(user_code);
    expect((await held).status).toBe(200);
    expect(Date.now() - startedAt).toBeLessThan(15_000);
  });

  it('give one token for a code that is redeemed fifty times at once, wherever', async () => {
    const clientId = await one.register();
    const { device_code, user_code } = await one.start(clientId);
    await two.approve(user_code);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => replicas[index % 3]!.poll(clientId, device_code)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const { status } of answers) expect([200, 400, 503]).toContain(status);
  });

  it('start all links of a client that nobody used before, however many at once', async () => {
    const clientId = await one.register();
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, index) =>
        replicas[index % 3]!.post('/oauth/device_authorization', { client_id: clientId }),
      ),
    );
    expect(answers.filter(({ status }) => status !== 200)).toHaveLength(0);
  });

  it('refuse everywhere, at the next call, what one has revoked', async () => {
    const { clientId, access_token, refresh_token } = await two.link();
    const header = { Authorization: `Bearer ${access_token}` };
    for (const { request } of replicas) await request.get('/oauth/userinfo').set(header).expect(200);
    await one.post('/oauth/revoke', { client_id: clientId, token: refresh_token }).expect(200);
    for (const { request } of replicas) await request.get('/oauth/userinfo').set(header).expect(401);
  });

  it('charge one budget of wrong codes, not one each', async () => {
    const spend = (replica: OAuthHouse) =>
      replica.throttle.spend('user-code-by-account', 'somebody').then(
        () => true,
        () => false,
      );
    const spent = await Promise.all(Array.from({ length: 30 }, (_, index) => spend(replicas[index % 3]!)));
    expect(spent.filter(Boolean)).toHaveLength(BUDGETS['user-code-by-account'].limit);
  });

  it('lose no decision while they cannot hear each other: a link is looked up again within ten seconds', async () => {
    const clientId = await one.register();
    const { device_code, user_code } = await one.start(clientId);
    expectRefusal(await three.poll(clientId, device_code), 400, 'authorization_pending');
    await three.decisions!.close();
    await two.approve(user_code);
    clock.advance(11);
    expect((await three.poll(clientId, device_code)).status).toBe(200);
    await three.decisions!.open();
  });

  it('answer again by themselves when every connection was cut', async () => {
    const clientId = await one.register();
    const { device_code } = await one.start(clientId);
    await admin(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'linchpin%'`,
    );
    await until(async () => {
      clock.advance(11);
      const { status } = await two.poll(clientId, device_code);
      expect([400, 503]).toContain(status);
      return status === 400 ? true : undefined;
    });
    await until(() => (replicas.every(({ decisions }) => decisions!.isListening()) ? true : undefined));
  });
});
