// The lane for pending polls gives the same answers as the door behind it, and hands on whatever is not a plain poll.
import { once } from 'node:events';
import { connect } from 'node:net';
import { startTestHouse, type TestHouse } from '../support/app.js';
import type { Client } from '../../src/domain/clients.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

describe('a poll', () => {
  let test: TestHouse;
  let client: Client;
  beforeAll(async () => {
    test = await startTestHouse();
    client = (await test.house.clients.createByOperator({ name: 'A television', isConfidential: false }))
      .client;
  });
  afterAll(() => test.close());

  async function start(as = client): Promise<string> {
    const answer = await test.request
      .post('/oauth/device_authorization')
      .type('form')
      .send({ client_id: as.clientId })
      .expect(200);
    return (answer.body as { device_code: string }).device_code;
  }
  const poll = (deviceCode: string, fields: object = {}) =>
    test.request
      .post('/oauth/token')
      .type('form')
      .send({ grant_type: GRANT, device_code: deviceCode, client_id: client.clientId, ...fields });
  const lanePolls = () => test.house.counters.snapshot()['polls_pending'] ?? 0;
  const compared = ({ headers }: { headers: Record<string, string> }) =>
    Object.entries(headers)
      .filter(([name]) => !['date', 'x-request-id', 'connection', 'keep-alive', 'vary'].includes(name))
      .sort();

  it('is answered by the lane where it is plain, and the door behind it says the same (RFC 8628 §3.5)', async () => {
    const before = lanePolls();
    const byLane = await poll(await start()).expect(400);
    expect(lanePolls()).toBe(before + 1);
    const byDoor = await poll(await start(), { another: 'field' }).expect(400);
    expect(lanePolls()).toBe(before + 1);
    expect(byLane.body).toEqual(byDoor.body);
    expect(byLane.body).toMatchObject({ error: 'authorization_pending' });
    expect(compared(byLane)).toEqual(compared(byDoor));
    expect(byLane.headers['x-request-id']).toMatch(/^[\da-f-]{13}$/);
  });

  it('insists on TLS in the lane too, where the issuer is https (RFC 6797)', async () => {
    const secure = await startTestHouse({ config: { publicUrl: 'https://pin.example.org' } });
    const { client: tool } = await secure.house.clients.createByOperator({
      name: 'TV',
      isConfidential: false,
    });
    const client_id = tool.clientId;
    const pollOnce = async (fields: object) => {
      const started = await secure.request
        .post('/oauth/device_authorization')
        .type('form')
        .send({ client_id });
      const { device_code } = started.body as { device_code: string };
      return secure.request
        .post('/oauth/token')
        .type('form')
        .send({ grant_type: GRANT, device_code, client_id, ...fields });
    };
    const byLane = await pollOnce({});
    expect(secure.house.counters.snapshot()['polls_pending']).toBe(1);
    expect(byLane.headers['strict-transport-security']).toMatch(/^max-age=/);
    expect(compared(byLane)).toEqual(compared(await pollOnce({ another: 'field' })));
    await secure.close();
  });

  it('is told to slow down by the lane in the words of the door (RFC 8628 §3.5)', async () => {
    const first = await start();
    await poll(first);
    const byLane = await poll(first).expect(400);
    const second = await start();
    await poll(second, { another: 'field' });
    const byDoor = await poll(second, { another: 'field' }).expect(400);
    expect(byLane.body).toMatchObject({ error: 'slow_down' });
    expect(byLane.body).toEqual(byDoor.body);
  });

  it.each([
    ['a foreign client', { client_id: 'another' }, 401, 'invalid_client'],
    ['an unknown code', { device_code: 'x'.repeat(43) }, 400, 'invalid_grant'],
    ['no code', { device_code: '' }, 400, 'invalid_request'],
    ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
  ])('with %s is handed on, with its body, to the door', async (_, fields, status, error) => {
    const answer = await poll(await start(), fields).expect(status);
    expect(answer.body).toMatchObject({ error });
  });

  it('of a confidential client without its secret is not answered by the lane (RFC 8628 §3.4)', async () => {
    const confidential = await test.house.clients.createByOperator({
      name: 'A service',
      isConfidential: true,
    });
    const started = await test.request
      .post('/oauth/device_authorization')
      .auth(confidential.client.clientId, confidential.secret!)
      .type('form')
      .send({})
      .expect(200);
    const { device_code } = started.body as { device_code: string };
    await poll(device_code, { client_id: confidential.client.clientId }).expect(401);
    const pending = await test.request
      .post('/oauth/token')
      .auth(confidential.client.clientId, confidential.secret!)
      .type('form')
      .send({ grant_type: GRANT, device_code })
      .expect(400);
    expect(pending.body).toMatchObject({ error: 'authorization_pending' });
  });

  it.each([
    ['repeated', (body: string) => `${body}&client_id=x`],
    [
      'encoded differently',
      (body: string) =>
        body.replace(client.clientId, encodeURIComponent(client.clientId).replace(/-/g, '%2D')),
    ],
    ['empty beside', (body: string) => `${body}&`],
  ])('with a field that is %s is read by the strict reader, not by the lane', async (_, change) => {
    const before = lanePolls();
    const body = change(
      `grant_type=${encodeURIComponent(GRANT)}&device_code=${await start()}&client_id=${client.clientId}`,
    );
    const answer = await test.request.post('/oauth/token').type('form').send(body).expect(400);
    expect(['authorization_pending', 'invalid_request']).toContain((answer.body as { error: string }).error);
    expect(lanePolls()).toBe(before);
  });

  /** Sends a request in pieces, each when the one before has gone out, and reads what comes until the server closes. */
  async function sendInPieces(pieces: readonly string[]): Promise<string> {
    const socket = connect(Number(new URL(test.url).port), '127.0.0.1').setNoDelay(true);
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    for (const piece of pieces) {
      await new Promise((sent) => socket.write(piece, sent));
      // What was sent has been read by the server when it has answered another request since.
      await test.request.get('/healthz').expect(200);
    }
    await once(socket, 'close');
    return Buffer.concat(received).toString('latin1');
  }

  const plainBody = async (): Promise<string> =>
    `grant_type=${GRANT}&device_code=${await start()}&client_id=${client.clientId}`;
  const headOf = (body: string, connection: 'close' | 'keep-alive'): string =>
    [
      'POST /oauth/token HTTP/1.1',
      'Host: localhost',
      `Connection: ${connection}`,
      `Content-Length: ${body.length}`,
      'Content-Type: application/x-www-form-urlencoded\r\n\r\n',
    ].join('\r\n');

  it('that comes in pieces is answered once, when it is whole (RFC 9112 §6.3)', async () => {
    const before = lanePolls();
    const body = await plainBody();
    const head = headOf(body, 'close');
    const answer = await sendInPieces([head, body.slice(0, 40), body.slice(40, -1), body.slice(-1)]);
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(answer.match(/authorization_pending/g)).toHaveLength(1);
    expect(lanePolls()).toBe(before + 1);
  });

  it('is answered in its turn where another was sent with it (RFC 9112 §9.3.2)', async () => {
    const [one, two] = [await plainBody(), (await plainBody()).replace(GRANT, 'password')];
    const three = await plainBody();
    const sent = [
      headOf(one, 'keep-alive'),
      one,
      headOf(two, 'keep-alive'),
      two,
      headOf(three, 'close'),
      three,
    ];
    const answer = await sendInPieces([sent.join('')]);
    expect(answer.match(/"error":"\w+"/g)).toEqual([
      '"error":"authorization_pending"',
      '"error":"unsupported_grant_type"',
      '"error":"authorization_pending"',
    ]);
  });

  it('that is compressed is not unpacked (CHECKLIST 4)', async () => {
    const before = lanePolls();
    await poll(await start())
      .set('Content-Encoding', 'gzip')
      .expect(400);
    expect(lanePolls()).toBe(before);
  });

  it('is held, with Prefer: wait, until the link is decided, and answered at once (RFC 7240 §4.3)', async () => {
    const { house } = test;
    const account = await test.newAccount('waiting');
    const started = await test.request
      .post('/oauth/device_authorization')
      .type('form')
      .send({ client_id: client.clientId });
    const { device_code, user_code } = started.body as { device_code: string; user_code: string };
    const held = poll(device_code)
      .set('Prefer', 'wait=20')
      .then((answer) => answer);
    const origin = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'r' };
    const { session } = await house.signIn.startSessionFor(account.accountId, origin);
    const { linkId } = await house.linksForPerson.reserveLink({
      userCode: user_code,
      session,
      arrival: 'typed',
      origin,
    });
    const review = await house.linksForPerson.findForReview({ linkId, session, origin });
    test.clock.advance(2);
    while (house.waiting.count() === 0) await new Promise((resolve) => setImmediate(resolve));
    await house.linksForPerson.approveLink({ linkId, session, page: review!.page, origin });
    const answer = await held;
    expect(answer.status).toBe(200);
    expect(answer.headers['preference-applied']).toBe('wait=20');
    expect(answer.body).toMatchObject({ token_type: 'Bearer' });
  });
});
