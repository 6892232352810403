// A COMMIT that PostgreSQL has done and whose answer never came: nobody may say that it was done, or that it was not. It is a 503
// with Retry-After, it is not done again, and the next request tells how it stands (CHECKLIST 4, DESIGN 9).
import { isUnavailable, type SubjectId } from '../../src/domain/vocabulary.js';
import { expectRefusal, startOAuthHouse, type OAuthHouse } from '../http/oauth-house.js';
import { createDatabase } from '../support/databases.js';
import type { TestPlace } from '../support/migrated.js';
import { originFrom } from '../support/link-rooms.js';
import { describeWithPostgres } from '../support/postgres.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

describeWithPostgres('a COMMIT whose answer is lost', (postgresUrl) => {
  let place: TestPlace;
  let wire: TcpProxy;
  let house: OAuthHouse;
  beforeAll(async () => {
    place = await createDatabase(postgresUrl);
    wire = await startTcpProxy(Number(new URL(postgresUrl).port));
    const behind = new URL(place.url);
    behind.port = String(wire.port);
    house = await startOAuthHouse({ config: { databaseUrl: behind.href } });
  });
  afterAll(async () => {
    await house.close();
    await wire.close();
    await place.drop();
  });

  /** Runs it where the answer to each COMMIT is lost, and makes sure that one was. */
  async function losingCommits<Result>(work: () => PromiseLike<Result>): Promise<Result> {
    const before = wire.cutsAfterCommit();
    wire.set({ kind: 'cut-after-commit' });
    try {
      return await work();
    } finally {
      wire.set(undefined);
      expect(wire.cutsAfterCommit()).toBe(before + 1);
    }
  }

  const countTools = async (): Promise<number> =>
    (await house.stores.tokens.findLinkedTools(await house.accountOf('anna'))).length;

  it('is 503 with Retry-After at the token endpoint, and the code is spent: one linked tool, and no second token', async () => {
    const clientId = await house.register();
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code);
    const before = await countTools();
    const answer = await losingCommits(() => house.poll(clientId, device_code));
    expectRefusal(answer, 503, 'temporarily_unavailable');
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expectRefusal(await house.poll(clientId, device_code), 400, 'invalid_grant');
    expect(await countTools()).toBe(before + 1);
  });

  it('is 503 for a refresh, which is given again, the same, to whoever shows the token again', async () => {
    const { clientId, refresh_token } = await house.link();
    const refresh = () =>
      house.post('/oauth/token', { grant_type: 'refresh_token', client_id: clientId, refresh_token });
    expectRefusal(await losingCommits(refresh), 503, 'temporarily_unavailable');
    const again = [await refresh().expect(200), await refresh().expect(200)];
    const tokens = again.map(({ body }) => (body as { refresh_token: string }).refresh_token);
    expect(tokens[1]).toBe(tokens[0]);
  });

  it('is 503 for a revocation, never 200, and the token is dead (RFC 7009 §2.2.1)', async () => {
    const { clientId, access_token, refresh_token } = await house.link();
    const answer = await losingCommits(() =>
      house.post('/oauth/revoke', { client_id: clientId, token: refresh_token }),
    );
    expectRefusal(answer, 503, 'temporarily_unavailable');
    const header = { Authorization: `Bearer ${access_token}` };
    await house.request.get('/oauth/userinfo').set(header).expect(401);
  });

  it('is unavailability for an approval, after which the tool gets its token all the same', async () => {
    const clientId = await house.register();
    const { device_code, user_code: userCode } = await house.start(clientId);
    const accountId = await house.accountOf('anna');
    const origin = originFrom();
    const person = {
      accountId,
      subjectId: accountId as string as SubjectId,
      methods: ['pwd'] as const,
      origin,
    };
    const { session } = await house.inTransaction((stores) => house.sessions.startSession(stores, person));
    const { linkId } = await house.linksForPerson.reserveLink({
      userCode,
      session,
      arrival: 'typed',
      origin,
    });
    const about = { linkId, session, origin };
    const { page } = (await house.linksForPerson.findForReview(about))!;
    house.clock.advance(2);
    const approved = losingCommits(() => house.linksForPerson.approveLink({ ...about, page }));
    expect(await approved.then(() => undefined, isUnavailable)).toBe(true);
    // It was not announced either: a replica that does not hear looks again after ten seconds.
    house.clock.advance(11);
    await house.poll(clientId, device_code).expect(200);
  });
});
