// Clients that send a byte now and then, or nothing at all: they are cut off, each request in its time, and nobody else is
// answered otherwise meanwhile (CHECKLIST 4, slow clients; Node CVE-2018-12122). On the built service, with its own limits.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { buildService, type BuiltService, type StartedService } from '../support/service.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const IDLE = 1000;
const DRIPPING = 40;
const DRIP_MS = 400;

const REQUEST_LINE = 'POST /oauth/token HTTP/1.1\r\nHost: login.example.com\r\n';
const FORM = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4000\r\n\r\n';

/** A connection, all that came back on it, and its end, which is the server's doing. */
interface Slow {
  readonly socket: Socket;
  readonly heard: () => string;
  readonly ended: Promise<unknown>;
}

describe('slow clients', () => {
  let service: BuiltService;
  let started: StartedService;
  const open = new Set<Socket>();
  beforeAll(async () => {
    service = await buildService();
    started = await service.start({ LOG_LEVEL: 'warn', LIVE_LINKS_PER_NETWORK: '5000' });
    await started.until(/Linchpin is ready/);
  });
  afterAll(async () => {
    for (const socket of open) socket.destroy();
    await service.remove();
  });

  async function openSlow(first = ''): Promise<Slow> {
    const socket = connect(started.port, '127.0.0.1');
    open.add(socket);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    // It is reset where it drips on after its end.
    socket.on('error', () => undefined);
    const ended = once(socket, 'close');
    await once(socket, 'connect');
    if (first !== '') socket.write(first);
    return { socket, heard: () => text, ended };
  }

  /** A byte at a time, until the server has had enough. */
  async function drip({ socket }: Slow, text: string): Promise<void> {
    for (let at = 0; !socket.destroyed && !socket.writableEnded; at++) {
      socket.write(text[at % text.length]!);
      await pause(DRIP_MS);
    }
  }

  const many = <Item>(count: number, make: () => Promise<Item>): Promise<Item[]> =>
    Promise.all(Array.from({ length: count }, make));

  const json = async (
    path: string,
    init: RequestInit,
  ): Promise<{ status: number; body: Record<string, string> }> => {
    const answer = await fetch(`${started.url}${path}`, init);
    return { status: answer.status, body: (await answer.json()) as Record<string, string> };
  };
  const post = (path: string, form: Record<string, string>) =>
    json(path, { method: 'POST', body: new URLSearchParams(form) });

  async function register(): Promise<string> {
    const metadata = { client_name: 'TV', grant_types: [GRANT], token_endpoint_auth_method: 'none' };
    const headers = { 'Content-Type': 'application/json' };
    const { body } = await json('/oauth/register', {
      method: 'POST',
      headers,
      body: JSON.stringify(metadata),
    });
    return body['client_id']!;
  }

  /** What everybody else does, once: each answer is the one that it would be. */
  async function liveOn(client_id: string): Promise<void> {
    const { status, body } = await post('/oauth/device_authorization', { client_id });
    expect(status).toBe(200);
    const polled = await post('/oauth/token', {
      grant_type: GRANT,
      client_id,
      device_code: body['device_code']!,
    });
    expect(polled).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });
    expect((await json('/.well-known/jwks.json', {})).status).toBe(200);
    expect((await fetch(`${started.url}/sign-in`)).status).toBe(200);
    expect((await json('/readyz', {})).body).toEqual({ status: 'ready' });
  }

  /** Held longer than any request may take to arrive: it arrived long ago. */
  async function hold(client_id: string): Promise<void> {
    const { body } = await post('/oauth/device_authorization', { client_id });
    const form = new URLSearchParams({ grant_type: GRANT, client_id, device_code: body['device_code']! });
    const headers = { Prefer: 'wait=22' };
    const held = await fetch(`${started.url}/oauth/token`, { method: 'POST', headers, body: form });
    expect(held.headers.get('preference-applied')).toBe('wait=22');
    expect(await held.json()).toMatchObject({ error: 'authorization_pending' });
  }

  it(`that drip headers or bodies, and ${IDLE} that send nothing, are cut off; all others, held polls too, get their answers`, async () => {
    const clientId = await register();
    const held = hold(clientId);
    const idle = await many(IDLE, () => openSlow());
    const headers = await many(DRIPPING, () => openSlow(REQUEST_LINE));
    const bodies = await many(DRIPPING, () => openSlow(REQUEST_LINE + FORM));
    for (const one of headers) void drip(one, 'X-Slow: a\r\n');
    for (const one of bodies) void drip(one, 'device_code=');

    const ends = Promise.all([...idle, ...headers, ...bodies].map(({ ended }) => ended)).then(
      () => 'all are cut off',
    );
    let rounds = 0;
    while ((await Promise.race([ends, pause(250)])) === undefined) {
      await liveOn(clientId);
      rounds += 1;
    }
    // As many as a busy machine can do meanwhile; each of them has looked at its answers.
    expect(rounds).toBeGreaterThan(2);
    await held;
    // RFC 9110 §15.5.9, or just an end: nobody who did not finish a request is given anything.
    for (const { heard } of [...idle, ...headers, ...bodies])
      expect(heard()).toMatch(/^$|^HTTP\/1\.1 408 Request Timeout\r\n/);
  }, 90_000);

  it('that leave in the middle leave nothing behind: the service goes on, and says nothing of a fault', async () => {
    const clientId = await register();
    const gone = await many(100, () => openSlow(REQUEST_LINE + FORM + 'device_code=half'));
    for (const { socket } of gone) socket.destroy();
    await liveOn(clientId);
    expect(started.written().err).not.toMatch(/"msg":"fault"/);
  });
});
