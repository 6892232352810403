// The operator's command line in this process, over the real wiring and a real data folder: what it prints, refuses, keeps.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAdmin } from '../../src/admin.js';
import { loadConfig } from '../../src/config.js';
import { withSecret } from '../../src/config-secret.js';
import { totpCode } from '../../src/crypto/totp.js';
import type { NewSigningKey } from '../../src/domain/keys.js';
import type { AccountId } from '../../src/domain/vocabulary.js';
import { wire } from '../../src/wiring.js';
import { PASSWORD, origin } from '../support/accounts.js';
import { createKeyRack, estimateStrength } from '../support/costly.js';
import { createPlace, settingsFor, type TestPlace } from '../support/migrated.js';
import { createProofKey } from '../support/proofs.js';

const cheap = { passwordCost: { memoryKib: 1024, passes: 2 }, estimateStrength };
let wiring: typeof cheap & { newSigningKey: NewSigningKey };
let folder: string;
let env: Record<string, string>;
let place: TestPlace | undefined;
// The command sets it for its process, in which other suites run after this one.
let umask = 0;
beforeAll(() => {
  umask = process.umask(0o022);
});
afterAll(() => void process.umask(umask));
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'linchpin-admin-'));
  place = await createPlace();
  env = { DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'info', ...settingsFor(place) };
  wiring = { ...cheap, newSigningKey: createKeyRack() };
});
afterEach(async () => {
  await place?.drop();
  rmSync(folder, { recursive: true, force: true });
});

async function admin(command: string, input = '') {
  const printed: string[] = [];
  const errors: string[] = [];
  const exitCode = await runAdmin(command.split(' ').filter(Boolean), {
    env,
    stdin: (async function* () {
      yield input;
    })(),
    print: (words) => printed.push(words),
    printError: (words) => errors.push(words),
    wiring,
  });
  const json = exitCode === 0 ? (JSON.parse(printed.join('\n')) as unknown) : undefined;
  return { exitCode, json, printed: printed.join('\n'), errors: errors.join('\n') };
}

const CREATE = 'account create --email Ada@example.org --username ada --password-stdin';

async function withHouse<Result>(work: (house: Awaited<ReturnType<typeof wire>>) => Promise<Result>) {
  const house = await wire(withSecret(loadConfig(env)), {
    ...wiring,
    logTo: { write: () => undefined },
  });
  try {
    return await work(house);
  } finally {
    await house.close();
  }
}

describe('admin account create', () => {
  it('prints one JSON object, and the account signs in with its password and a code', async () => {
    const { exitCode, json, printed } = await admin(`${CREATE} --totp`, `${PASSWORD}\n`);
    expect(exitCode).toBe(0);
    const made = json as {
      account: { id: string };
      totp: { secret: string; address: string };
      recovery_codes: string[];
    };
    expect(Object.keys(made)).toEqual(['account', 'totp', 'recovery_codes']);
    expect(made.account).toMatchObject({ email: 'Ada@example.org', username: 'ada' });
    expect(made.totp.address).toMatch(/^otpauth:\/\/totp\//);
    expect(made.recovery_codes).toHaveLength(10);
    expect(printed).not.toContain(PASSWORD);
    await withHouse(async ({ signIn, accounts }) => {
      const started = await signIn.startSignIn({ login: 'ADA', password: PASSWORD }, origin);
      if (started.next !== 'second-factor') throw new Error('no second factor was asked for');
      const code = await totpCode(made.totp.secret, new Date());
      const { session } = await signIn.finishWithCode(started.signInToken, code, origin);
      expect(session.accountId).toBe(made.account.id);
      expect(await accounts.findByLogin('ada@example.org')).toMatchObject({
        isEmailVerified: true,
        role: 'person',
      });
    });
  });

  it('makes an operator, without a second factor unless asked, and ends the first run', async () => {
    const { json } = await admin(`${CREATE} --operator`, PASSWORD);
    expect(Object.keys(json as object)).toEqual(['account']);
    await withHouse(async ({ accounts }) => {
      expect(await accounts.findByLogin('ada')).toMatchObject({ role: 'operator' });
      expect(await accounts.isFirstRun()).toBe(false);
    });
  });

  it('refuses in plain words what the domain refuses, with exit code 1', async () => {
    expect(await admin(CREATE, 'too short')).toMatchObject({ exitCode: 1, printed: '' });
    expect((await admin(CREATE, 'vexquiltjumb')).errors).toMatch(
      /at least 15 characters, or 12 together with --totp/,
    );
    expect((await admin(CREATE, 'ada@example.org')).errors).toMatch(/made of the service's name/);
    expect((await admin(`${CREATE} --totp`, 'vexquiltjumb')).exitCode).toBe(0);
    const again = await admin(CREATE, PASSWORD);
    expect(again).toMatchObject({ exitCode: 1, errors: 'This user name belongs to somebody else.' });
    const other = await admin(CREATE.replace('username ada', 'username eve'), PASSWORD);
    expect(other).toMatchObject({
      exitCode: 1,
      errors: 'This e-mail address already belongs to an account.',
    });
    const invalid = await admin(CREATE.replace('username ada', 'username a@b'), PASSWORD);
    expect(invalid.errors).toMatch(/^This cannot be a user name/);
  });

  it('takes the password from standard input only, within bounds', async () => {
    const onLine = await admin(CREATE.replace('--password-stdin', `--password ${PASSWORD}`));
    expect(onLine.exitCode).toBe(2);
    expect((await admin(CREATE.replace(' --password-stdin', ''))).errors).toMatch(/never from an argument/);
    expect((await admin(CREATE, 'x'.repeat(20_000))).exitCode).toBe(2);
    expect(existsSync(env['DATA_DIR']!)).toBe(false);
  });
});

describe('admin account, for somebody who is locked out', () => {
  interface Made {
    readonly account: { readonly id: AccountId };
    readonly totp: { readonly secret: string };
  }
  const create = async (password = PASSWORD) => (await admin(`${CREATE} --totp`, password)).json as Made;
  const ada = { email: 'Ada@example.org', username: 'ada' };

  it('unlock frees password and factors, is remembered, and is mailed (CHECKLIST 3.2)', async () => {
    const { account, totp } = await create();
    const { id } = account;
    await withHouse(({ inTransaction }) =>
      inTransaction(async ({ accounts, proofs }) => {
        for (let seen = 0; seen < 100; seen++) await accounts.chargeFailure(id, seen, new Date());
        const day = Math.floor(Date.now() / 86_400_000);
        const most = { consecutive: 100, today: 100 };
        for (let i = 0; i < 100; i++) {
          await proofs.charge({ accountId: id, kind: 'totp', day: day - 100 + i, at: new Date() }, most);
        }
      }),
    );
    expect((await admin('account unlock --login ADA')).json).toEqual({
      account: { id, ...ada },
      freed: ['password', 'totp'],
    });
    expect((await admin('account unlock --login ada')).json).toMatchObject({ freed: [] });
    await withHouse(async ({ signIn, stores }) => {
      const started = await signIn.startSignIn({ login: 'ada', password: PASSWORD }, origin);
      if (started.next !== 'second-factor') throw new Error('no second factor was asked for');
      await signIn.finishWithCode(started.signInToken, await totpCode(totp.secret, new Date()), origin);
      const mails = await stores.outbox.findDue(new Date(), 10);
      const told = mails.map(({ notice, recipient }) => [notice, recipient]);
      expect(told).toContainEqual(['account-unlocked', 'Ada@example.org']);
    });
    const { json } = await admin('audit list --account ada');
    expect(json).toContainEqual(
      expect.objectContaining({ event: 'account-unlocked', actor: 'operator', from: 'command line' }),
    );
  });

  it('remove-two-factor leaves the password alone, signs out everywhere, is remembered and mailed', async () => {
    const { account, totp } = await create();
    await withHouse(async ({ signIn }) => {
      const started = await signIn.startSignIn({ login: 'ada', password: PASSWORD }, origin);
      if (started.next !== 'second-factor') throw new Error('no second factor was asked for');
      await signIn.finishWithCode(started.signInToken, await totpCode(totp.secret, new Date()), origin);
    });
    expect((await admin('account remove-two-factor --login ada')).json).toEqual({
      account: { id: account.id, ...ada },
      ended_sessions: 1,
      new_password: false,
    });
    await withHouse(async ({ signIn, stores }) => {
      const started = await signIn.startSignIn({ login: 'ada', password: PASSWORD }, origin);
      expect(started.next).toBe('done');
      const mails = await stores.outbox.findDue(new Date(), 10);
      expect(mails.map(({ notice }) => notice)).toContain('two-factor-removed');
    });
    const again = await admin('account remove-two-factor --login ada');
    expect(again).toMatchObject({ exitCode: 1, errors: 'This account has no second factor.' });
    const { json } = await admin('audit list --account ada');
    expect(json).toContainEqual(expect.objectContaining({ event: 'two-factor-removed', actor: 'operator' }));
  });

  it('asks for a new password where the old one is too short to stand alone (CHECKLIST 3.6)', async () => {
    await create('vexquiltjumb');
    const without = await admin('account remove-two-factor --login ada');
    expect(without.exitCode).toBe(2);
    expect(without.errors).toMatch(/fewer than 15 characters.*--password-stdin/);
    const command = 'account remove-two-factor --login ada --password-stdin';
    expect(await admin(command, 'short again')).toMatchObject({ exitCode: 1, printed: '' });
    const done = await admin(command, `${PASSWORD}\n`);
    expect(done.json).toMatchObject({ new_password: true });
    expect(done.printed).not.toContain(PASSWORD);
    await withHouse(async ({ signIn }) => {
      const started = await signIn.startSignIn({ login: 'ada', password: PASSWORD }, origin);
      expect(started.next).toBe('done');
    });
  });

  it.each(['account unlock', 'account remove-two-factor'])('says that nobody is there: %s', async (name) => {
    expect(await admin(`${name} --login nobody`)).toMatchObject({
      exitCode: 1,
      errors: expect.stringMatching(/^No account has this e-mail address or user name\.$/m) as string,
    });
    expect((await admin(name)).errors).toMatch(/--login is needed/);
  });
});

describe('admin client', () => {
  it('makes, lists and removes clients; a secret is shown once', async () => {
    const made = await admin(
      'client create --name Warden --confidential --audience https://api.example.org --scope read --scope write',
    );
    const { client_id: id, client_secret: secret, ...rest } = made.json as Record<string, string>;
    expect(rest).toMatchObject({ name: 'Warden', kind: 'confidential', audience: 'https://api.example.org' });
    expect(rest['scope']?.split(' ')).toEqual(expect.arrayContaining(['openid', 'read', 'write']));
    expect(secret!.length).toBeGreaterThanOrEqual(43);
    const plain = await admin('client create --name Telly');
    expect(plain.json).not.toHaveProperty('client_secret');
    const listed = await admin('client list');
    expect((listed.json as { name: string }[]).map(({ name }) => name).sort()).toEqual(['Telly', 'Warden']);
    expect(listed.printed).not.toContain(secret);
    expect((await admin(`client remove ${id}`)).json).toEqual({ removed: id });
    expect(await admin(`client remove ${id}`)).toMatchObject({
      exitCode: 1,
      errors: 'There is no such thing here; the list commands show what there is.',
    });
  });

  it('makes a client that proves itself with a key from standard input, and is told no secret (RFC 7523)', async () => {
    const { jwk } = createProofKey('EdDSA');
    const command = 'client create --name Keyed --confidential --auth-method private_key_jwt --jwks-stdin';
    const made = await admin(command, JSON.stringify({ keys: [jwk] }));
    expect(made.json).toMatchObject({ token_endpoint_auth_method: 'private_key_jwt' });
    expect(made.json).not.toHaveProperty('client_secret');
    for (const input of ['{}', 'no JSON', JSON.stringify({ keys: [{ kty: 'oct', k: 'AA' }] })])
      expect((await admin(command, input)).exitCode).not.toBe(0);
  });

  it('makes a client with algorithms, redirects and bound tokens of its own (RFC 7591 §2, RFC 9449 §5.2)', async () => {
    const { json } = await admin(
      'client create --name App --redirect-uri https://app.example/back --access-token-alg ES256 --id-token-alg EdDSA --dpop',
    );
    expect(json).toMatchObject({
      redirect_uris: ['https://app.example/back'],
      access_token_signed_response_alg: 'ES256',
      id_token_signed_response_alg: 'EdDSA',
      dpop_bound_access_tokens: true,
      token_endpoint_auth_method: 'none',
    });
    env['SIGNING_ALGS'] = 'EdDSA,RS256';
    expect((await admin('client create --name App --access-token-alg ES256')).exitCode).toBe(2);
  });

  it('registers where a client may send its people back to, and refuses what nobody may be sent to', async () => {
    const made = await admin(
      'client create --name Dashboard --redirect-uri https://tool.example/back --redirect-uri http://127.0.0.1/back ' +
        '--post-logout-redirect-uri https://tool.example/bye --par',
    );
    expect(made.json).toMatchObject({
      redirect_uris: ['https://tool.example/back', 'http://127.0.0.1/back'],
      post_logout_redirect_uris: ['https://tool.example/bye'],
      grant_types: expect.arrayContaining(['authorization_code']) as string[],
      require_pushed_authorization_requests: true,
    });
    for (const uri of ['http://tool.example/back', 'https://tool.example/#x', 'javascript:alert(1)'])
      for (const option of ['redirect-uri', 'post-logout-redirect-uri'])
        expect(await admin(`client create --name X --${option} ${uri}`)).toMatchObject({
          exitCode: 1,
          errors: expect.stringMatching(/^A (?:redirect address|scheme)/) as string,
        });
  });

  it.each([
    'client create',
    'client create --name X --auth-method client_secret_basic',
    'client create --name X --confidential --auth-method nonsense',
    'client create --name X --confidential --auth-method private_key_jwt',
    'client create --name X --confidential --jwks-stdin',
    'client create --name X --access-token-alg HS256',
    'client create --name X --audience https://api.example.org',
    'client create --name X --confidential --audience nonsense',
    'client create --name X --scope "',
    'client remove',
    'client remove a b',
  ])('says with exit code 2 what is wrong with: %s', async (command) => {
    expect((await admin(command)).exitCode).toBe(2);
  });
});

describe('admin service', () => {
  const CREATE_SERVICE = 'service create --name Photos --audience https://photos.example --scope photos:read';

  it('makes, lists and removes services; a secret is shown once (RFC 8707)', async () => {
    const made = await admin(`${CREATE_SERVICE} --scope photos:write`);
    const { client_secret: secret, ...rest } = made.json as Record<string, string>;
    expect(rest).toMatchObject({
      ...{ name: 'Photos', audience: 'https://photos.example', restricted: false },
      scope: 'photos:read photos:write',
    });
    expect(secret!.length).toBeGreaterThanOrEqual(43);
    const listed = await admin('service list');
    expect(listed.json).toEqual([rest]);
    expect(listed.printed).not.toContain(secret);
    expect((await admin('service remove --audience https://photos.example')).json).toEqual({
      removed: 'https://photos.example',
      client_id: rest['client_id'],
    });
    expect(await admin('service remove --audience https://photos.example')).toMatchObject({ exitCode: 1 });
    expect((await admin('service list')).json).toEqual([]);
    expect((await admin('client list')).json).toEqual([]);
  });

  it('makes one for the operator’s own tools, that proves itself with a key', async () => {
    const { json } = await admin(
      `${CREATE_SERVICE} --restricted --jwks-stdin`,
      JSON.stringify({ keys: [createProofKey('ES256').jwk] }),
    );
    expect(json).toMatchObject({ restricted: true });
    expect(json).not.toHaveProperty('client_secret');
  });

  it('says why a service cannot be', async () => {
    await admin(CREATE_SERVICE);
    for (const [command, why] of [
      [CREATE_SERVICE, /already/],
      ['service create --name X --audience photos', /absolute address/],
      ['service create --name X --audience http://localhost:8484/api/v2', /own/],
      ['service create --name X --audience https://x.example --scope openid', /scope/],
    ] as const)
      expect(await admin(command)).toMatchObject({
        exitCode: 1,
        errors: expect.stringMatching(why) as string,
      });
    expect((await admin('service create --name X')).exitCode).toBe(2);
    expect((await admin('service remove')).exitCode).toBe(2);
  });
});

describe('admin keys', () => {
  it('lists a key that signs for each algorithm, without private halves', async () => {
    const { json, printed } = await admin('keys list');
    const active = (json as { alg: string; state: string }[]).filter(({ state }) => state === 'active');
    expect(active.map(({ alg }) => alg).sort()).toEqual(['ES256', 'EdDSA', 'RS256']);
    expect(printed).not.toMatch(/"d"|sealed/);
  });

  it('rotates only with --now what verifiers have not seen for a day', async () => {
    expect(await admin('keys rotate')).toMatchObject({ exitCode: 1, printed: '' });
    const { json } = await admin('keys rotate --now');
    const states = (json as { state: string }[]).map(({ state }) => state);
    expect(states.filter((state) => state === 'active')).toHaveLength(3);
    expect(states.filter((state) => state === 'retiring')).toHaveLength(3);
  });
});

describe('admin audit list', () => {
  it('lists what happened to an account, by any of its names', async () => {
    await admin(CREATE, PASSWORD);
    const { json } = await admin('audit list --account ADA@example.org');
    expect(json).toMatchObject([{ event: 'account-created', actor: 'operator' }]);
    expect(await admin('audit list --account nobody')).toMatchObject({ exitCode: 1 });
  });
});

describe('admin', () => {
  it('lets nobody else read what it makes, also in a folder that is open to all (CHECKLIST 2)', async () => {
    const data = env['DATA_DIR']!;
    const before = process.umask(0o022);
    try {
      mkdirSync(data, { mode: 0o755 });
      await admin(CREATE, PASSWORD);
    } finally {
      process.umask(before);
    }
    const files = readdirSync(data);
    // On PostgreSQL, and with a secret that the settings give, there is none.
    expect(files).toEqual(expect.arrayContaining(place ? [] : ['linchpin.sqlite', 'secret']));
    for (const file of files) expect([file, statSync(join(data, file)).mode & 0o077]).toEqual([file, 0]);
  });

  it('shows every command in its help', async () => {
    const printed: string[] = [];
    const exitCode = await runAdmin(['--help'], {
      env,
      stdin: (async function* () {})(),
      print: (words) => printed.push(words),
      printError: () => undefined,
    });
    expect(exitCode).toBe(0);
    for (const name of [
      'account create',
      'client create',
      'client list',
      'client remove',
      'service create',
      'service list',
      'service remove',
      'keys list',
      'keys rotate',
      'audit list',
    ]) {
      expect(printed.join('\n')).toContain(`  ${name}`);
    }
  });

  it.each([
    '',
    'account',
    'account destroy',
    'toString call',
    'keys list --loud',
    'keys list more',
    'account create --email',
  ])('says with exit code 2 that it knows no %j, and opens nothing', async (command) => {
    const { exitCode, errors, printed } = await admin(command);
    expect([exitCode, printed]).toEqual([2, '']);
    expect(errors).toMatch(/--help/);
    expect(existsSync(env['DATA_DIR']!)).toBe(false);
  });

  it('says when it makes a new database, as in another folder than the service’s', async () => {
    const made = (await admin('keys list')).errors.split('\n')[0];
    const file = join(folder, 'data', 'linchpin.sqlite');
    const words = `There was no database yet; a new one is made: ${file}`;
    expect(made === words).toBe(place === undefined);
    expect((await admin('keys list')).errors).toBe('');
  });

  it('lists every wrong setting, with exit code 1', async () => {
    env = { ...env, PORT: 'x', SIGN_UP: 'maybe' };
    const { exitCode, errors } = await admin('keys list');
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/PORT[^]*SIGN_UP|SIGN_UP[^]*PORT/);
  });
});
