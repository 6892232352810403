// The built service from start to end: what it says, what stops it, and how it ends while requests are under way.
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createPlace, settingsFor, type TestPlace } from '../support/migrated.js';
import { buildService, type BuiltService, type StartedService } from '../support/service.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const READY = /"msg":"ready"/;

let service: BuiltService;
let place: TestPlace | undefined;
beforeAll(async () => {
  service = await buildService();
});
afterAll(() => service.remove());
beforeEach(async () => void (place = await createPlace()));
afterEach(() => place?.drop());

async function startReady(env: Record<string, string> = {}): Promise<StartedService> {
  const started = await service.start({ ...settingsFor(place), ...env });
  await started.until(READY);
  return started;
}

async function post(url: string, body: Record<string, string>): Promise<Record<string, string>> {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(body) });
  return (await answer.json()) as Record<string, string>;
}

async function startLink(url: string): Promise<Record<string, string>> {
  const metadata = { client_name: 'TV', grant_types: [GRANT], token_endpoint_auth_method: 'none' };
  const registered = await fetch(`${url}/oauth/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(metadata),
  });
  const { client_id } = (await registered.json()) as { client_id: string };
  const { device_code } = await post(`${url}/oauth/device_authorization`, { client_id });
  return { grant_type: GRANT, client_id, device_code: device_code! };
}

/** Sends the text on a connection of its own, and gives the connection back once the service has it. */
async function send({ port, url }: StartedService, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  await new Promise<void>((done) => socket.write(text, () => done()));
  // What came later has been answered, so what came before has been read.
  for (let turn = 0; turn < 5; turn += 1) await fetch(`${url}/healthz`);
  return socket;
}

const HALF_A_REQUEST = 'POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf';

function linesOf({ written }: StartedService): Record<string, unknown>[] {
  const lines = written().err.split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('starting', () => {
  it('says where to go, and makes an address for the first run that works', async () => {
    const folder = service.newFolder();
    const started = await startReady({ DATA_DIR: join(folder, 'data') });
    const [address] = await started.until(/http:\S+\/first-run\?token=\S+/);
    expect(started.written().out).toContain(`Linchpin is ready at  ${started.url}`);
    expect((await fetch(address)).status).toBe(200);
    expect((await fetch(`${address}x`)).status).toBe(410);
    expect(started.written().err).not.toContain(address.split('=')[1]);
    for (const name of place ? [] : ['secret', 'linchpin.sqlite']) {
      expect(statSync(join(folder, 'data', name)).mode & 0o777).toBe(0o600);
    }
  });

  it('answers on the one address that was set, whatever Host says (Koa CVE-2026-27959)', async () => {
    const started = await startReady({ PUBLIC_URL: 'https://login.example.com' });
    const document = await fetch(`${started.url}/.well-known/openid-configuration`, {
      headers: { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' },
    });
    expect(await document.text()).not.toContain('evil');
    await started.until(/https:\/\/login\.example\.com\/first-run\?token=/);
    expect(started.written().out).not.toContain('localhost');
  });

  it('refuses bad settings with one message that lists them all, and makes nothing', async () => {
    const folder = service.newFolder();
    const env = { PORT: '0', LINCHPIN_SECRET: 'hunter2', SIGN_UP: 'maybe', DATA_DIR: join(folder, 'data') };
    const started = await service.start(env);
    expect(await started.ended).toEqual({ code: 1, signal: null });
    const { out, err } = started.written();
    expect(out).toBe('');
    expect(err.split('\n')).toEqual([
      'These settings cannot be used:',
      '  PORT must be a whole number from 1 to 65535',
      expect.stringMatching(/^ {2}LINCHPIN_SECRET must have at least 32 random characters/),
      '  SIGN_UP must be open or closed',
      '',
    ]);
    expect(existsSync(join(folder, 'data'))).toBe(false);
  });

  it('says so when the port is taken', async () => {
    const first = await startReady();
    const second = await service.start({ PORT: String(first.port) });
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.written().err).toContain(`PORT 127.0.0.1:${first.port} is taken by another program`);
  });

  it('ends where none of several processes can start', async () => {
    const first = await startReady();
    const second = await service.start({ ...settingsFor(place), PORT: String(first.port), WORKERS: '2' });
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.written().err).toContain('is taken by another program');
  });

  it('says so when the secret is not the one that the data was sealed with, and does not stay', async () => {
    const folder = service.newFolder();
    const kept = { DATA_DIR: join(folder, 'data') };
    const first = await startReady(kept);
    first.child.kill('SIGTERM');
    await first.ended;
    const second = await service.start({
      ...settingsFor(place),
      ...kept,
      LINCHPIN_SECRET: 'another secret of forty characters or so',
    });
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.written().err).toMatch(
      /^These settings cannot be used:\n {2}LINCHPIN_SECRET is not the one/,
    );
  });

  it('warns when few files may be open, since each held request is one', async () => {
    const limited = ['sh', '-c', `ulimit -n 512; exec "${process.execPath}" "$0"`];
    const started = await service.start({}, limited);
    await started.until(READY);
    expect(linesOf(started)).toContainEqual(expect.objectContaining({ level: 'warn', openFiles: 512 }));
  });
});

describe('ending', () => {
  it('answers held polls as pending, and leaves with 0 (RFC 7240 §4.3; CHECKLIST 4)', async () => {
    const folder = service.newFolder();
    const started = await startReady({ DATA_DIR: folder });
    const poll = await startLink(started.url);
    const body = new URLSearchParams(poll).toString();
    const held = await send(
      started,
      `POST /oauth/token HTTP/1.1\r\nHost: x\r\nPrefer: wait=30\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    let answer = '';
    held.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    started.child.kill('SIGTERM');
    await once(held, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"error":"authorization_pending"');
    expect(await started.ended).toEqual({ code: 0, signal: null });
    expect(linesOf(started)).toContainEqual(expect.objectContaining({ msg: 'ending', held: 1 }));
    expect(linesOf(started).at(-1)).toMatchObject({ msg: 'ended' });
    if (place) return;
    // Closed in order: what was written ahead is in the file itself.
    expect(existsSync(join(folder, 'linchpin.sqlite-wal'))).toBe(false);
    expect(readFileSync(join(folder, 'linchpin.sqlite')).includes('TV')).toBe(true);
  });

  it('leaves, too, where nobody reads its record any more', async () => {
    const started = await startReady();
    await started.until(/first-run\?token=/);
    started.child.stdout?.destroy();
    started.child.stderr?.destroy();
    started.child.kill('SIGTERM');
    expect(await started.ended).toEqual({ code: 0, signal: null });
  });

  it('takes nothing new and does not wait for connections that only stand open', async () => {
    const started = await startReady();
    const idle = await send(started, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n');
    started.child.kill('SIGINT');
    await once(idle.resume(), 'close');
    expect(await started.ended).toEqual({ code: 0, signal: null });
    await expect(fetch(`${started.url}/healthz`)).rejects.toThrow();
  });

  it('gives a request under way its time: not ready meanwhile, and ten seconds at most', async () => {
    const started = await startReady();
    const kept = await send(started, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /');
    const half = await send(started, HALF_A_REQUEST);
    let answer = '';
    kept.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    started.child.kill('SIGTERM');
    await started.until(/"msg":"ending"/);
    kept.write('readyz HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(half.resume(), 'close');
    expect(await started.ended).toEqual({ code: 0, signal: null });
    const at = (msg: string) =>
      Date.parse(String(linesOf(started).find((line) => line['msg'] === msg)?.['time']));
    expect(at('ended') - at('ending')).toBeLessThan(12_000);
    expect(answer).toContain('HTTP/1.1 503');
    expect(answer).toContain('{"status":"draining"}');
  });

  it('ends at once at the second signal', async () => {
    const started = await startReady();
    const half = await send(started, HALF_A_REQUEST);
    started.child.kill('SIGTERM');
    await started.until(/"msg":"ending"/);
    started.child.kill('SIGTERM');
    expect(await started.ended).toEqual({ code: 1, signal: null });
    half.destroy();
  });

  it('starts again with the same data, and the same secret', async () => {
    const folder = service.newFolder();
    const first = await startReady({ DATA_DIR: folder });
    const poll = await startLink(first.url);
    first.child.kill('SIGTERM');
    await first.ended;
    const second = await startReady({ DATA_DIR: folder });
    expect(await post(`${second.url}/oauth/token`, poll)).toMatchObject({ error: 'authorization_pending' });
  });
});
