// Every setting: its default, what it takes, what it refuses; where it is written; and that the documents say the same.
import { availableParallelism } from 'node:os';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { ConfigError, loadConfig, settings, upstreamSettings, type LoadedConfig } from '../src/config.js';
import { withSecret } from '../src/config-secret.js';
import { parseDotenv } from '../src/config-written.js';
import { withTable, writeExample } from './support/settings.js';

const SECRET = 'q8cTz0Yw3n5Kd7Lx1Vb9Rm2Jp4Hs6Gf0';

function load(env: Record<string, string> = {}, files: Record<string, string> = {}): LoadedConfig {
  return loadConfig(env, { files: (path) => files[path] });
}

function faultsOf(env: Record<string, string>, files: Record<string, string> = {}): Record<string, string> {
  try {
    load(env, files);
  } catch (error) {
    if (error instanceof ConfigError) {
      return Object.fromEntries(error.faults.map(({ name, problem }) => [name, problem]));
    }
    throw error;
  }
  return {};
}

const like = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

const faultOf = (name: string, value: string): string | undefined => faultsOf({ [name]: value })[name];

describe('settings', () => {
  it('have defaults that work by themselves', () => {
    const config = load();
    expect(config).toEqual({
      publicUrl: 'http://localhost:8484',
      port: 8484,
      host: '127.0.0.1',
      allowHttp: false,
      trustedProxies: [],
      verifyHosts: [],
      verifyTokens: true,
      dataDir: './data',
      databaseFile: 'data/linchpin.sqlite',
      databaseConnections: 12,
      workers: 1,
      mailFrom: 'Linchpin <linchpin@localhost>',
      signUp: 'open',
      emailVerification: 'optional',
      twoFactor: 'offered',
      rememberDays: 30,
      upstreams: [],
      linkTtlSeconds: 600,
      liveLinksPerNetwork: 100,
      signingAlgs: ['EdDSA', 'ES256', 'RS256'],
      pinTokenTtlDays: 365,
      pinIssuer: 'http://localhost:8484',
      pinAudience: 'http://localhost:8484',
      pinLink: false,
      fallbackDoor: 'with-code',
      auditDays: 400,
      demoPage: false,
      logLevel: 'info',
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.signingAlgs)).toBe(true);
  });

  it('take an empty value for none', () => {
    expect(load(Object.fromEntries(Object.keys(settings).map((name) => [name, ''])))).toEqual(load());
  });

  it.each([
    ['PUBLIC_URL', 'https://login.example.com', { publicUrl: 'https://login.example.com' }],
    ['PUBLIC_URL', 'https://login.example.com:8443/', { publicUrl: 'https://login.example.com:8443' }],
    ['PUBLIC_URL', 'http://127.0.0.1:9000', { publicUrl: 'http://127.0.0.1:9000' }],
    ['PUBLIC_URL', 'http://[::1]:9000', { publicUrl: 'http://[::1]:9000' }],
    ['PUBLIC_URL', 'http://login.localhost', { publicUrl: 'http://login.localhost' }],
    ['PORT', '80', { port: 80, publicUrl: 'http://localhost:80' }],
    ['HOST', '::', { host: '::' }],
    ['ALLOW_HTTP', 'on', { allowHttp: true }],
    ['ALLOW_HTTP', '1', { allowHttp: true }],
    [
      'TRUSTED_PROXIES',
      '10.0.0.0/8, fd00::/8,127.0.0.1',
      { trustedProxies: ['10.0.0.0/8', 'fd00::/8', '127.0.0.1'] },
    ],
    [
      'DATA_DIR',
      '/srv/linchpin',
      { dataDir: '/srv/linchpin', databaseFile: '/srv/linchpin/linchpin.sqlite' },
    ],
    ['DATABASE_URL', 'file:./here.sqlite', { databaseFile: './here.sqlite' }],
    ['DATABASE_URL', 'file:/srv/here.sqlite', { databaseFile: '/srv/here.sqlite' }],
    ['DATABASE_URL', 'file:///srv/a%20b.sqlite', { databaseFile: '/srv/a b.sqlite' }],
    ['DATABASE_CONNECTIONS', '3', { databaseConnections: 3 }],
    [
      'REDIS_URL',
      'redis://localhost',
      { redis: { kind: 'single', hosts: [{ host: 'localhost', port: 6379 }], isTls: false, database: 0 } },
    ],
    [
      'REDIS_URL',
      'rediss://app:p%40ss:word@[::1]:6380/3',
      {
        redis: {
          ...{ kind: 'single', hosts: [{ host: '::1', port: 6380 }], isTls: true, database: 3 },
          ...{ username: 'app', password: 'p@ss:word' },
        },
      },
    ],
    [
      'REDIS_URL',
      'redis+sentinel://:word@one,two:26380/house/1?sentinel_password=other',
      {
        redis: {
          ...{ kind: 'sentinel', isTls: false, database: 1, masterName: 'house' },
          ...{ password: 'word', sentinelPassword: 'other' },
          hosts: [
            { host: 'one', port: 26_379 },
            { host: 'two', port: 26_380 },
          ],
        },
      },
    ],
    [
      'REDIS_URL',
      'rediss+cluster://one:7000,two',
      {
        redis: {
          ...{ kind: 'cluster', isTls: true },
          hosts: [
            { host: 'one', port: 7000 },
            { host: 'two', port: 6379 },
          ],
        },
      },
    ],
    ['WORKERS', '3', { workers: 3 }],
    ['WORKERS', 'auto', { workers: availableParallelism() }],
    ['LINCHPIN_SECRET', SECRET, { secret: SECRET }],
    ['LINCHPIN_SECRET_PREVIOUS', SECRET, { secretPrevious: SECRET }],
    ['MAIL_FROM', 'login@example.com', { mailFrom: 'login@example.com' }],
    ['MAIL_FROM', 'Grünes Haus <login@example.com>', { mailFrom: 'Grünes Haus <login@example.com>' }],
    ['SIGN_UP', 'closed', { signUp: 'closed' }],
    ['EMAIL_VERIFICATION', 'required', { emailVerification: 'required' }],
    ['TWO_FACTOR', 'required', { twoFactor: 'required' }],
    ['REMEMBER_DAYS', '0', { rememberDays: 0 }],
    ['UPSTREAMS', '', { upstreams: [] }],
    ['REMEMBER_DAYS', '365', { rememberDays: 365 }],
    ['LINK_TTL_SECONDS', '60', { linkTtlSeconds: 60 }],
    ['LIVE_LINKS_PER_NETWORK', '1', { liveLinksPerNetwork: 1 }],
    ['SIGNING_ALGS', 'RS256, EdDSA', { signingAlgs: ['RS256', 'EdDSA'] }],
    ['PIN_TOKEN_TTL_DAYS', '3650', { pinTokenTtlDays: 3650 }],
    ['PIN_ISSUER', 'media.example', { pinIssuer: 'media.example' }],
    ['PIN_AUDIENCE', 'media.example', { pinAudience: 'media.example' }],
    ['PIN_LINK', 'on', { pinLink: true }],
    ['FALLBACK_DOOR', 'all', { fallbackDoor: 'all' }],
    ['AUDIT_DAYS', '30', { auditDays: 30 }],
    ['DEMO_PAGE', 'on', { demoPage: true }],
    ['LOG_LEVEL', 'silent', { logLevel: 'silent' }],
  ])('%s may be %s', (name, value, expected) => {
    expect(load({ [name]: value })).toMatchObject(expected);
  });

  it.each([
    ['PUBLIC_URL', 'login.example.com', /must be an http or https address/],
    ['PUBLIC_URL', 'ftp://login.example.com', /must be an http or https address/],
    ['PUBLIC_URL', 'https://me:pw@login.example.com', /must not hold a user name/],
    [
      'PUBLIC_URL',
      'https://login.example.com/sso',
      /no path, query or fragment: write https:\/\/login\.example\.com$/,
    ],
    ['PUBLIC_URL', 'https://login.example.com/?', /no path, query or fragment/],
    ['PUBLIC_URL', 'https://login.example.com/#', /no path, query or fragment/],
    ['PUBLIC_URL', 'https://Login.example.com', /plain spelling: write https:\/\/login\.example\.com$/],
    ['PUBLIC_URL', 'https://login.example.com:443', /plain spelling/],
    ['PUBLIC_URL', 'https://login.example.com//', /no path/],
    ['PORT', '0', /whole number from 1 to 65535/],
    ['PORT', '65536', /whole number/],
    ['PORT', '8e2', /whole number/],
    ['PORT', '-1', /whole number/],
    ['HOST', 'http://0.0.0.0', /must be an address/],
    ['ALLOW_HTTP', 'maybe', /must be on or off/],
    ['TRUSTED_PROXIES', 'proxy.local', /CIDR blocks/],
    ['TRUSTED_PROXIES', '0.0.0.0/0', /CIDR blocks/],
    ['TRUSTED_PROXIES', '10.0.0.0/33', /CIDR blocks/],
    ['TRUSTED_PROXIES', '10.0.0.0/08', /CIDR blocks/],
    ['TRUSTED_PROXIES', '*', /CIDR blocks/],
    ['VERIFY_HOSTS', 'https://app.example.com', /must be host names/],
    ['VERIFY_HOSTS', 'app.example.com/admin', /must be host names/],
    ['VERIFY_HOSTS', 'App.example.com', /in lower case/],
    ['VERIFY_HOSTS', '*.example.com', /must be host names/],
    ['VERIFY_HOSTS', 'app.example.com.', /must be host names/],
    ['VERIFY_HOSTS', 'app.example.com:443', /where it is not 443/],
    ['VERIFY_HOSTS', 'me@app.example.com', /must be host names/],
    ['VERIFY_HOSTS', 'app.example.com,app.example.com', /each once/],
    ['VERIFY_TOKENS', 'no-one', /on or off/],
    ['DATABASE_URL', 'postgresql://db', /must name a server and a database/],
    ['DATABASE_URL', 'postgres:///linchpin', /must name a server and a database/],
    ['DATABASE_URL', './here.sqlite', /must be file:/],
    ['DATABASE_URL', 'file::memory:', /must be file:/],
    ['DATABASE_URL', 'file:x?mode=ro', /must be file:/],
    ['REDIS_URL', 'localhost:6379', /must be redis:\/\/user:password@host:6379/],
    ['REDIS_URL', 'http://localhost', /must be redis:/],
    ['REDIS_URL', 'redis://localhost:0', /must be redis:/],
    ['REDIS_URL', 'redis://:p%ss@localhost', /must be redis:/],
    ['REDIS_URL', 'redis://localhost/house', /nothing behind the host but the number of a database/],
    ['REDIS_URL', 'redis://one,two', /names several hosts/],
    ['REDIS_URL', 'redis://localhost?db=1', /nothing behind a \?/],
    ['REDIS_URL', 'redis+sentinel://one,two', /must end with the name of the master/],
    ['REDIS_URL', 'redis+sentinel://one/house?password=x', /nothing behind a \? but sentinel_password/],
    ['REDIS_URL', 'redis+cluster://one/1', /no database of a Cluster/],
    ['LINCHPIN_SECRET', 'short', /at least 32 random characters/],
    ['LINCHPIN_SECRET', 'a'.repeat(64), /at least 32 random characters/],
    ['LINCHPIN_SECRET_PREVIOUS', 'short', /at least 32/],
    ['SMTP_URL', 'mail.example.com', /must be smtp:\/\/ or smtps:\/\//],
    ['SMTP_URL', 'https://mail.example.com', /must be smtp/],
    ['MAIL_FROM', 'Linchpin', /must be an address/],
    ['MAIL_FROM', 'Linchpin login@example.com', /must be an address/],
    ['MAIL_FROM', 'A <a@example.com>, B <b@example.com>', /must be an address/],
    ['SIGN_UP', 'Open', /must be open or closed/],
    ['EMAIL_VERIFICATION', 'on', /must be required or optional/],
    ['TWO_FACTOR', 'off', /must be offered or required/],
    ['LINK_TTL_SECONDS', '59', /60 to 600/],
    ['LIVE_LINKS_PER_NETWORK', '0', /from 1 to/],
    ['SIGNING_ALGS', 'EdDSA,ES256', /must list EdDSA and RS256/],
    ['SIGNING_ALGS', 'ES256,RS256', /must list EdDSA and RS256/],
    ['SIGNING_ALGS', 'EdDSA,RS256,none', /must list/],
    ['SIGNING_ALGS', 'EdDSA,RS256,RS256', /each once/],
    ['PIN_TOKEN_TTL_DAYS', '0', /from 1 to 3650/],
    ['PIN_ISSUER', 'two words', /without spaces/],
    ['PIN_AUDIENCE', 'média', /without spaces/],
    ['FALLBACK_DOOR', 'on', /must be with-code or all or off/],
    ['AUDIT_DAYS', '1.5', /whole number/],
    ['DEMO_PAGE', 'yes please', /on or off/],
    ['LOG_LEVEL', 'loud', /must be fatal or/],
  ])('%s may not be %p', (name, value, problem) => {
    expect(faultOf(name, value)).toMatch(problem);
  });

  it('cannot make a code easier to guess than 2^-32 in its life (RFC 8628 §5.1)', () => {
    expect(faultOf('LINK_TTL_SECONDS', '601')).toMatch(/60 to 600/);
  });

  it('stop a plain-http address beyond loopback, unless it is allowed (RFC 8628 §3.1)', () => {
    for (const address of [
      'http://login.example.com',
      'http://192.0.2.7:8484',
      'http://localhost.example.com',
      'http://1.127.0.0.1.example',
    ]) {
      expect(faultOf('PUBLIC_URL', address)).toMatch(/must be https beyond this machine/);
      expect(load({ PUBLIC_URL: address, ALLOW_HTTP: 'on' }).publicUrl).toBe(address);
    }
  });

  it('name hosts behind a proxy, and then want to know the proxy', () => {
    const VERIFY_HOSTS = 'app.example.com, files.example.com:8443,[::1]:9000';
    const verifyHosts = ['app.example.com', 'files.example.com:8443', '[::1]:9000'];
    expect(load({ VERIFY_HOSTS, TRUSTED_PROXIES: '127.0.0.1' })).toMatchObject({ verifyHosts });
    expect(faultsOf({ VERIFY_HOSTS })).toEqual({ VERIFY_HOSTS: like(/needs TRUSTED_PROXIES/) });
  });

  it('ask for a sender where mail is sent, and for proved addresses then', () => {
    const SMTP_URL = 'smtps://user:hunter2@mail.example.com';
    expect(faultsOf({ SMTP_URL })).toEqual({
      MAIL_FROM: like(/must be set where SMTP_URL is/),
    });
    const env = { SMTP_URL, MAIL_FROM: 'login@example.com' };
    expect(load(env)).toMatchObject({ smtpUrl: SMTP_URL, emailVerification: 'required' });
    expect(load({ ...env, EMAIL_VERIFICATION: 'optional' }).emailVerification).toBe('optional');
  });

  it('name a PostgreSQL, and then want the secret that all processes on it share', () => {
    const DATABASE_URL = 'postgres://linchpin:word@db.internal:5433/linchpin?sslmode=verify-full';
    expect(load({ DATABASE_URL, LINCHPIN_SECRET: SECRET })).toMatchObject({ databaseUrl: DATABASE_URL });
    expect(faultsOf({ DATABASE_URL })).toEqual({
      LINCHPIN_SECRET: like(/must be set where DATABASE_URL names PostgreSQL/),
    });
  });

  it('report all faults at once, each by name, and no secret', () => {
    const env = {
      PORT: 'x',
      PUBLIC_URL: 'http://login.example.com',
      LINCHPIN_SECRET: 'hunter2',
      SMTP_URL: 'imap://me:hunter2@mail',
      DATABASE_URL: 'postgres://me:hunter2@db',
      REDIS_URL: 'redis://me:hunter2@db/hunter2',
      LINCHPIN_SECRETS: 'hunter2',
    };
    const files = { '.env': 'AUDIT_DAYS=never\nNO_SUCH=1\nhunter2\n' };
    expect(Object.keys(faultsOf(env, files)).sort()).toEqual([
      '.env line 3',
      'AUDIT_DAYS',
      'DATABASE_URL',
      'LINCHPIN_SECRET',
      'LINCHPIN_SECRETS',
      'NO_SUCH',
      'PORT',
      'PUBLIC_URL',
      'REDIS_URL',
      'SMTP_URL',
    ]);
    expect(() => load(env, files)).toThrow(/^These settings cannot be used:\n(  .+\n){9}  .+$/);
    expect(() => load(env, files)).not.toThrow(/hunter2/);
  });

  it('refuse unknown names of ours in the environment, and no others', () => {
    expect(faultsOf({ LINCHPIN_SECRT: 'x', UPSTREAM: 'x', PATH: '/bin' })).toEqual({
      LINCHPIN_SECRT: like(/is not a setting/),
    });
  });
});

describe('the settings of providers', () => {
  const google = { UPSTREAM_GOOGLE_CLIENT_ID: 'id.apps', UPSTREAM_GOOGLE_CLIENT_SECRET: 'hunter2' };
  const work = { UPSTREAM_WORK_CLIENT_ID: 'linchpin', UPSTREAM_WORK_ISSUER: 'https://login.work.example/a' };
  const appleKey = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();

  it('name Google in three lines, and an OpenID provider by its issuer', () => {
    const { upstreams } = load({ UPSTREAMS: 'google, work', ...google, ...work });
    const common = { mayOpenAccounts: true, asksSecondFactor: false };
    expect(upstreams).toEqual([
      {
        name: 'google',
        kind: 'google',
        label: 'Google',
        clientId: 'id.apps',
        clientSecret: 'hunter2',
        ...common,
      },
      {
        ...{ name: 'work', kind: 'openid', label: 'Work', clientId: 'linchpin', clientSecret: undefined },
        ...{ issuer: 'https://login.work.example/a', ...common },
      },
    ]);
  });

  it.each(['README.md', 'docs/operators.md'])('are right as %s has them', (document) => {
    const blocks = [...readFileSync(document, 'utf8').matchAll(/^```ini\n([\s\S]*?)^```$/gm)].map(
      ([, lines]) => lines!,
    );
    const examples = blocks.filter((lines) => lines.startsWith('UPSTREAMS='));
    expect(examples.length).toBeGreaterThan(0);
    for (const lines of examples) {
      const files: Record<string, string> = { '.env': lines };
      for (const [, path] of lines.matchAll(/_FILE=(.+)$/gm)) {
        files[path!] = path!.endsWith('.p8') ? appleKey : 'hunter2';
      }
      expect(load({}, files).upstreams).toHaveLength(1);
    }
    if (document === 'README.md')
      expect(examples.map((lines) => lines.trim().split('\n').length)).toEqual([3]);
  });

  it('may stand in .env, with a secret in a file', () => {
    const files = {
      '.env':
        'UPSTREAMS=apple\nUPSTREAM_APPLE_CLIENT_ID=org.example.login\nUPSTREAM_APPLE_TEAM_ID=T1\nUPSTREAM_APPLE_KEY_ID=K1\nUPSTREAM_APPLE_PRIVATE_KEY_FILE=/run/key.p8\n',
      '/run/key.p8': appleKey,
    };
    expect(load({}, files).upstreams).toEqual([
      expect.objectContaining({ kind: 'apple', teamId: 'T1', keyId: 'K1', privateKey: appleKey.trimEnd() }),
    ]);
  });

  it('say what it is called, who may arrive, and whether our second factor is asked for', () => {
    const own = {
      UPSTREAM_WORK_LABEL: 'The company',
      UPSTREAM_WORK_SIGN_UP: 'open',
      UPSTREAM_WORK_SECOND_FACTOR: 'on',
    };
    const env = { UPSTREAMS: 'work,google', SIGN_UP: 'closed', ...google, ...work, ...own };
    expect(load(env).upstreams).toMatchObject([
      { label: 'The company', mayOpenAccounts: true, asksSecondFactor: true },
      { label: 'Google', mayOpenAccounts: false, asksSecondFactor: false },
    ]);
  });

  it('stop the start where one is missing, wrong, unknown, or of a provider that is not named', () => {
    expect(
      faultsOf({
        UPSTREAMS: 'google,work,apple',
        UPSTREAM_GOOGLE_CLIENT_ID: 'id.apps',
        UPSTREAM_GOOGLE_ISSUER: 'https://accounts.example.com',
        UPSTREAM_WORK_ISSUER: 'http://login.work.example',
        UPSTREAM_WORK_CLIENT_ID: 'two words',
        UPSTREAM_WORK_SECRET: 'hunter2',
        UPSTREAM_APPLE_PRIVATE_KEY: 'hunter2',
        UPSTREAM_APPLE_SECOND_FACTOR: 'perhaps',
        UPSTREAM_GITHUB_CLIENT_ID: 'x',
      }),
    ).toEqual({
      UPSTREAM_GOOGLE_CLIENT_SECRET: like(/^must be set, since UPSTREAMS names google/),
      UPSTREAM_GOOGLE_ISSUER: like(/^is not a setting of google/),
      UPSTREAM_WORK_ISSUER: like(/must be an https address/),
      UPSTREAM_WORK_CLIENT_ID: like(/without spaces/),
      UPSTREAM_WORK_SECRET: like(/is not a setting; README/),
      UPSTREAM_APPLE_CLIENT_ID: like(/must be set/),
      UPSTREAM_APPLE_TEAM_ID: like(/must be set/),
      UPSTREAM_APPLE_KEY_ID: like(/must be set/),
      UPSTREAM_APPLE_PRIVATE_KEY: like(/\.p8 file/),
      UPSTREAM_APPLE_SECOND_FACTOR: like(/on or off/),
      UPSTREAM_GITHUB_CLIENT_ID: like(/while UPSTREAMS does not name github/),
    });
  });

  it.each(['Google', 'my-work', 'a,a', 'a,,b', 'a b', Array.from({ length: 11 }, (_, i) => `a${i}`).join()])(
    'have no provider called %p',
    (value) => {
      expect(faultOf('UPSTREAMS', value)).toMatch(/must be up to ten names/);
    },
  );

  it.each([
    ['https://login.work.example?x', /without a user name, a query/],
    ['https://me:pw@login.work.example', /without a user name/],
    ['login.work.example', /must be an https address/],
  ])('have no issuer like %s', (issuer, problem) => {
    const faults = faultsOf({ UPSTREAMS: 'work', ...work, UPSTREAM_WORK_ISSUER: issuer });
    expect(faults['UPSTREAM_WORK_ISSUER']).toMatch(problem);
  });

  it('take an http issuer on this machine, for trials', () => {
    const issuer = 'http://127.0.0.1:9000';
    const { upstreams } = load({ UPSTREAMS: 'work', ...work, UPSTREAM_WORK_ISSUER: issuer });
    expect(upstreams[0]).toMatchObject({ issuer });
  });
});

describe('a secret in a file', () => {
  it('is read without its last line break', () => {
    const files = { '/run/secret': `${SECRET}\n`, '/run/smtp': 'smtp://mail.example.com\r\n' };
    const env = {
      LINCHPIN_SECRET_FILE: '/run/secret',
      SMTP_URL_FILE: '/run/smtp',
      MAIL_FROM: 'a@example.com',
    };
    expect(load(env, files)).toMatchObject({ secret: SECRET, smtpUrl: 'smtp://mail.example.com' });
  });

  it('is refused when it is not there, empty, unreadable, or beside a value', () => {
    expect(faultsOf({ LINCHPIN_SECRET_FILE: '/no' })).toEqual({
      LINCHPIN_SECRET_FILE: like(/must name a file that holds the value/),
    });
    expect(faultsOf({ LINCHPIN_SECRET_FILE: '/e' }, { '/e': '\n' })).toHaveProperty('LINCHPIN_SECRET_FILE');
    expect(faultsOf({ LINCHPIN_SECRET_FILE: '/e', LINCHPIN_SECRET: SECRET }, { '/e': SECRET })).toEqual({
      LINCHPIN_SECRET: like(/_FILE are both set/),
    });
    const unreadable = () => loadConfig({ SMTP_URL_FILE: '/' });
    expect(unreadable).toThrow(/SMTP_URL_FILE names a file that cannot be read/);
  });

  it('is for secrets only', () => {
    expect(load({ PORT_FILE: '/run/port' }).port).toBe(8484);
    expect(faultsOf({}, { '.env': 'PORT_FILE=/run/port' })).toHaveProperty('PORT_FILE');
  });
});

describe('.env', () => {
  it('is read below the environment, which also speaks for the file of the same secret', () => {
    const files = {
      '.env': `PORT=9000\nSIGN_UP=closed\nLINCHPIN_SECRET=${SECRET}`,
      '/run/s': SECRET.toLowerCase(),
    };
    expect(load({ PORT: '9001' }, files)).toMatchObject({ port: 9001, signUp: 'closed', secret: SECRET });
    expect(load({ LINCHPIN_SECRET_FILE: '/run/s' }, files).secret).toBe(SECRET.toLowerCase());
    expect(load({ SIGN_UP: '' }, files).signUp).toBe('open');
  });

  it('takes comments, quotes, empty values and any line ends', () => {
    const text = `\uFEFF# a comment\r\n\r\nA=1\r\nB='two words # kept'   # gone\nC="it's"\nD=\n  E=x=y  \nF=a # gone\nG='"'`;
    expect(parseDotenv(text)).toEqual({
      values: { A: '1', B: 'two words # kept', C: "it's", D: '', E: 'x=y', F: 'a', G: '"' },
      problems: [],
    });
  });

  it.each(['A', 'A =1', 'export A=1', '1A=1', '=1', 'A: 1'])('refuses the line %p', (line) => {
    expect(parseDotenv(`\n${line}`).problems).toEqual([{ line: 2, problem: like(/must be NAME=value/) }]);
  });

  it.each(['A=two words', "A='open", 'A="a\\nb"', "A='a'b", 'A=a#b', 'A=a"b', 'A=a\\'])(
    'refuses the value of %p',
    (line) => {
      expect(parseDotenv(line).problems).toEqual([{ line: 1, problem: like(/must have a value/) }]);
    },
  );

  it('refuses a name that stands twice, and __proto__ does no harm', () => {
    expect(parseDotenv('A=1\nA=2').problems).toEqual([{ line: 2, problem: like(/a second time/) }]);
    expect(Object.keys(faultsOf({}, { '.env': '__proto__=1' }))).toEqual(['__proto__']);
    expect(Object.keys(parseDotenv('__proto__=1').values)).toEqual(['__proto__']);
  });

  it('stops the start when it is there but cannot be read', () => {
    const files = (path: string) => {
      throw new Error(`EACCES ${path}`);
    };
    expect(() => loadConfig({}, { files })).toThrow(/\.env is there but cannot be read/);
  });
});

describe('the secret of a house that was given none', () => {
  let folder: string;
  const home = (): string => join(folder, 'data');
  const file = (): string => join(home(), 'secret');
  const open = (env: Record<string, string> = {}) => withSecret(load({ DATA_DIR: home(), ...env }));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'linchpin-config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is made once and kept for its owner alone', () => {
    const { secret } = open();
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(home()).mode & 0o777).toBe(0o700);
    expect(open().secret).toBe(secret);
    expect(Object.isFrozen(open())).toBe(true);
  });

  it('is neither made nor read where one was given', () => {
    expect(open({ LINCHPIN_SECRET: SECRET }).secret).toBe(SECRET);
    expect(existsSync(home())).toBe(false);
  });

  it('is the same for all who start together, and nothing else is left beside it', async () => {
    const source = join(folder, 'starter.mjs');
    const made = await build({
      stdin: {
        contents: `import { loadConfig } from './src/config.ts';
          import { withSecret } from './src/config-secret.ts';
          process.stdout.write(withSecret(loadConfig({ DATA_DIR: process.argv[2] }, { files: () => undefined })).secret);`,
        resolveDir: process.cwd(),
        loader: 'ts',
      },
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
      banner: {
        js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);`,
      },
    });
    writeFileSync(source, made.outputFiles[0]!.text);
    const run = promisify(execFile);
    const starts = Array.from({ length: 6 }, () => run(process.execPath, [source, home()]));
    const secrets = (await Promise.all(starts)).map(({ stdout }) => stdout);
    expect(new Set(secrets)).toEqual(new Set([readFileSync(file(), 'utf8').trimEnd()]));
    expect(readdirSync(home())).toEqual(['secret']);
  });

  it('is closed to others again when it stands open', () => {
    const { secret } = open();
    chmodSync(file(), 0o644);
    expect(open().secret).toBe(secret);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it('is never made beside a database that another one sealed', () => {
    mkdirSync(home());
    writeFileSync(join(home(), 'linchpin.sqlite'), '');
    expect(() => open()).toThrow(/LINCHPIN_SECRET is needed: .*linchpin\.sqlite exists/);
    expect(existsSync(file())).toBe(false);
  });

  it.each(['', 'short\n', `${'x'.repeat(43)}\n${'x'.repeat(43)}\n`])(
    'is refused when its file holds %p',
    (content) => {
      mkdirSync(home());
      writeFileSync(file(), content, { mode: 0o600 });
      expect(() => open()).toThrow(/is damaged/);
      expect(readFileSync(file(), 'utf8')).toBe(content);
    },
  );

  it('stops the start where the folder cannot be made', () => {
    writeFileSync(home(), '');
    expect(() => open()).toThrow(/DATA_DIR must be a folder of this user/);
  });
});

describe('the documents', () => {
  it('list the settings as the table has them (npm run settings)', () => {
    const readme = readFileSync('README.md', 'utf8');
    expect(readme).toBe(withTable(readme));
    expect(readFileSync('.env.example', 'utf8')).toBe(writeExample());
  });

  it('give an example that works as it stands, and with every line taken in', () => {
    const example = writeExample();
    expect(load({}, { '.env': example })).toEqual(load());
    expect(load({}, { '.env': example.replaceAll(/^# ([A-Z_]+=)/gm, '$1') })).toEqual(load());
  });

  it('describe every setting in one sentence', () => {
    for (const { description } of [...Object.values(settings), ...Object.values(upstreamSettings)])
      expect(description).toMatch(/^[A-Z`][^\n|]*\.$/);
  });
});
