// Several processes on one machine and one database, as `WORKERS` starts them: what one decides the others know, one that dies
// is replaced and nothing is lost, and all of them end together.
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'node:http';
import supertest from 'supertest';
import { runAdmin } from '../../src/admin.js';
import { totpCode } from '../../src/crypto/totp.js';
import { PASSWORD } from '../support/accounts.js';
import { createPlace, settingsFor, type TestPlace } from '../support/migrated.js';
import { buildService, type BuiltService, type StartedService } from '../support/service.js';
import { createVisitor } from '../support/visitor.js';

const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const WORKERS = 3;

let service: BuiltService;
let started: StartedService;
let settings: Record<string, string>;
let place: TestPlace | undefined;
let secret: string;

const ready = (): number => started.written().err.split('"msg":"ready"').length - 1;

/** Looks again and again, in real time; gives up after fifty seconds. */
async function until<Value>(look: () => Promise<Value | undefined> | Value | undefined): Promise<Value> {
  for (const end = Date.now() + 50_000; Date.now() < end; await pause(20)) {
    const found = await look();
    if (found !== undefined) return found;
  }
  throw new Error(`it did not happen:\n${started.written().err}`);
}

async function makePerson(): Promise<void> {
  const printed: string[] = [];
  // The command sets it for its process, in which other suites run after this one.
  const umask = process.umask(0o022);
  const exitCode = await runAdmin(
    'account create --email ada@example.org --username ada --password-stdin --totp'.split(' '),
    {
      env: settings,
      stdin: (async function* () {
        yield PASSWORD;
      })(),
      print: (words) => printed.push(words),
      printError: (words) => printed.push(words),
      wiring: { logTo: { write: () => undefined } },
    },
  );
  process.umask(umask);
  expect({ exitCode, printed }).toMatchObject({ exitCode: 0 });
  ({ secret } = (JSON.parse(printed.join('\n')) as { totp: { secret: string } }).totp);
}

beforeAll(async () => {
  service = await buildService();
  place = await createPlace();
  settings = { DATA_DIR: `${service.newFolder()}/data`, ...settingsFor(place) };
  started = await service.start({ ...settings, WORKERS: String(WORKERS) });
  await until(() => (ready() === WORKERS ? true : undefined));
  await makePerson();
});
afterAll(async () => {
  await service.remove();
  await place?.drop();
});

/** A form on a connection of its own: the next process takes it. */
function post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; body: Record<string, string> }>((resolve, reject) => {
    const sent = request(
      `${started.url}${path}`,
      {
        method: 'POST',
        agent: new Agent({ keepAlive: false }),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
      },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, body: JSON.parse(text) as Record<string, string> }),
        );
      },
    );
    sent.on('error', reject).end(new URLSearchParams(fields).toString());
  });
}

async function startLink() {
  const metadata = { client_name: 'TV', grant_types: [GRANT], token_endpoint_auth_method: 'none' };
  const registered = await supertest(started.url).post('/oauth/register').send(metadata).expect(201);
  const { client_id } = registered.body as { client_id: string };
  const { device_code, user_code } = (await post('/oauth/device_authorization', { client_id })).body;
  return { form: { grant_type: GRANT, client_id, device_code: device_code! }, userCode: user_code! };
}

/** Signs in with password and code, enters the user code, and approves as soon as a decision counts. */
async function approve(userCode: string): Promise<void> {
  const visitor = createVisitor({ newAgent: () => supertest.agent(started.url) });
  await visitor.signIn('ada', PASSWORD);
  await visitor.submit({ code: await totpCode(secret, new Date()) });
  await visitor.visit('/link');
  await visitor.submit({ user_code: userCode }, '/link');
  expect(visitor.path).toBe('/link/review');
  await pause(1100);
  await visitor.submit({ decision: 'approve' }, '/link/review');
  expect(visitor.path).toBe('/link/done');
}

/** The processes that serve, as the system lists them. */
const pids = (): number[] => {
  const { pid } = started.child;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
};

describe('several processes on one database', () => {
  it('make one address for the first run, and say once where to go', () => {
    const { out } = started.written();
    expect(out.match(/first-run\?token=/g)).toHaveLength(1);
    expect(pids()).toHaveLength(WORKERS);
  });

  it('wake a poll that is held at one of them when another decides, and give one token to twenty polls', async () => {
    const { form, userCode } = await startLink();
    for (let poll = 0; poll < WORKERS; poll++)
      expect((await post('/oauth/token', form)).body.error).toMatch(/authorization_pending|slow_down/);
    const held = Promise.all(
      Array.from({ length: 20 }, () => post('/oauth/token', form, { Prefer: 'wait=30' })),
    );
    const startedAt = Date.now();
    await approve(userCode);
    const last = await until(async () => {
      const answer = await post('/oauth/token', form);
      return answer.body.error === 'invalid_grant' || answer.status === 200 ? answer : undefined;
    });
    const answers = [...(await held), last];
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(Date.now() - startedAt).toBeLessThan(25_000);
  });

  it('replace one that is killed, and keep what was acknowledged', async () => {
    const { form } = await startLink();
    const [victim] = pids();
    process.kill(victim!, 'SIGKILL');
    await until(() => (ready() === WORKERS + 1 ? true : undefined));
    expect(pids()).toHaveLength(WORKERS);
    for (let poll = 0; poll < 2 * WORKERS; poll++)
      expect((await post('/oauth/token', form)).body.error).toMatch(/authorization_pending|slow_down/);
    expect(started.written().out.match(/first-run\?token=/g)).toHaveLength(1);
  });

  it('end together at one signal, held polls answered', async () => {
    const { form } = await startLink();
    const held = post('/oauth/token', form, { Prefer: 'wait=30' });
    await pause(300);
    started.child.kill('SIGTERM');
    expect((await held).body.error).toBe('authorization_pending');
    expect(await started.ended).toEqual({ code: 0, signal: null });
  });
});
