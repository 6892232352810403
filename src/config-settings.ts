// Every setting of the service, in one table: its name, what it may be, what it is by default, what it is for.
// How they are read is in config.ts, the kinds of values are in config-values.ts, and what a setting does is each room's own.
// DESIGN 4 (agreed names), RFC 8628 §5.1 (nothing weaker may be set).
import type { z } from 'zod';
import { redisUrl } from './config-redis.js';
import { upstreamNames } from './config-upstreams.js';
import {
  blocks,
  claim,
  databaseUrl,
  hosts,
  mailbox,
  oneOf,
  onOff,
  publicUrl,
  secret,
  signingAlgs,
  smtpUrl,
  text,
  whole,
  workers,
} from './config-values.js';

export interface Setting {
  /** The setting's name in the code. */
  readonly key: string;
  readonly schema: z.ZodType<unknown, string>;
  /** As it would be written; absent where nothing stands for it, or where it follows from other settings. */
  readonly default?: string;
  /** What the tables say in the default's place, where it follows from something else. */
  readonly defaultShown?: string;
  readonly description: string;
  /** It may be kept in a file that `<NAME>_FILE` points to, and is never shown. */
  readonly secret?: true;
  readonly group:
    | 'Addresses'
    | 'Storage'
    | 'Secrets'
    | 'Mail'
    | 'Accounts'
    | 'Sign-in through others'
    | 'Links and tokens'
    | 'Operation';
}

export const settings = {
  PUBLIC_URL: {
    key: 'publicUrl',
    schema: publicUrl,
    defaultShown: '`http://localhost:` and `PORT`',
    description:
      'The address people and tools reach this service at, and the issuer of its tokens: scheme and host, no path.',
    group: 'Addresses',
  },
  PORT: {
    key: 'port',
    schema: whole(1, 65_535),
    default: '8484',
    description: 'The port to listen on.',
    group: 'Addresses',
  },
  HOST: {
    key: 'host',
    schema: text(
      (value) => (/^[\w.:-]{1,253}$/.test(value) ? value : undefined),
      'must be an address or host name to listen on, such as 0.0.0.0',
    ),
    default: '127.0.0.1',
    description: 'The address to listen on; `0.0.0.0` for every network, `::` for IPv6 as well.',
    group: 'Addresses',
  },
  ALLOW_HTTP: {
    key: 'allowHttp',
    schema: onOff,
    default: 'off',
    description:
      'Lets `PUBLIC_URL` be plain http beyond this machine, where everyone on the way can read along: for trials only.',
    group: 'Addresses',
  },
  TRUSTED_PROXIES: {
    key: 'trustedProxies',
    schema: blocks,
    default: '',
    defaultShown: 'none',
    description: 'Addresses or CIDR blocks of the proxies in front, whose `X-Forwarded-For` is believed.',
    group: 'Addresses',
  },
  VERIFY_HOSTS: {
    key: 'verifyHosts',
    schema: hosts,
    default: '',
    defaultShown: 'none',
    description:
      'The hosts whose proxy asks `/verify` who somebody is, as in `app.example.com,files.example.com`; the proxy must be one of `TRUSTED_PROXIES`.',
    group: 'Addresses',
  },
  VERIFY_TOKENS: {
    key: 'verifyTokens',
    schema: onOff,
    default: 'on',
    description:
      "`off`: those hosts are for browsers alone; `on`: a linked tool's token (scopes `openid profile`) is let in as well.",
    group: 'Addresses',
  },
  DATA_DIR: {
    key: 'dataDir',
    schema: text((value) => (value.includes('\0') ? undefined : value), 'must be the path of a folder'),
    default: './data',
    description:
      'The folder of the database, of the secret made at the first start, and of mail that could not be sent.',
    group: 'Storage',
  },
  DATABASE_URL: {
    key: 'database',
    schema: databaseUrl,
    defaultShown: '`linchpin.sqlite` in `DATA_DIR`',
    description:
      'The database: `file:` and a path for SQLite, or `postgres://user:password@host/name` for PostgreSQL.',
    secret: true,
    group: 'Storage',
  },
  DATABASE_CONNECTIONS: {
    key: 'databaseConnections',
    schema: whole(3, 500),
    default: '12',
    description: 'How many connections one process opens to PostgreSQL at most.',
    group: 'Storage',
  },
  REDIS_URL: {
    key: 'redis',
    schema: redisUrl,
    defaultShown: 'none',
    description:
      'Redis, through which several processes tell each other of decisions and count links together: `redis://`, `rediss://`, `redis+sentinel://host,host/name` or `redis+cluster://host,host`.',
    secret: true,
    group: 'Storage',
  },
  WORKERS: {
    key: 'workers',
    schema: workers,
    default: '1',
    description: 'How many processes serve on this machine; `auto` for one for each processor.',
    group: 'Storage',
  },
  LINCHPIN_SECRET: {
    key: 'secret',
    schema: secret,
    defaultShown: 'made once, kept in `DATA_DIR/secret`',
    description:
      'The root of every key that seals or hashes what is stored: at least 32 random characters, backed up apart from the data.',
    secret: true,
    group: 'Secrets',
  },
  LINCHPIN_SECRET_PREVIOUS: {
    key: 'secretPrevious',
    schema: secret,
    defaultShown: 'none',
    description: 'The secret before this one, still accepted while it is being replaced.',
    secret: true,
    group: 'Secrets',
  },
  SMTP_URL: {
    key: 'smtpUrl',
    schema: smtpUrl,
    defaultShown: 'none',
    description:
      'The mail server; without it, mail is written to `DATA_DIR/outbox` and announced in the log.',
    secret: true,
    group: 'Mail',
  },
  MAIL_FROM: {
    key: 'mailFrom',
    schema: mailbox,
    default: 'Linchpin <linchpin@localhost>',
    description: 'The sender of mail; to be set where `SMTP_URL` is.',
    group: 'Mail',
  },
  SIGN_UP: {
    key: 'signUp',
    schema: oneOf(['open', 'closed']),
    default: 'open',
    description: '`open`: anyone may make an account; `closed`: only the operator, with the admin command.',
    group: 'Accounts',
  },
  EMAIL_VERIFICATION: {
    key: 'emailVerification',
    schema: oneOf(['required', 'optional']),
    defaultShown: '`required` with `SMTP_URL`, else `optional`',
    description: '`required`: an account can be used only once its e-mail address is proved.',
    group: 'Accounts',
  },
  TWO_FACTOR: {
    key: 'twoFactor',
    schema: oneOf(['offered', 'required']),
    default: 'offered',
    description: '`required`: whoever has no second factor sets one up before approving a tool.',
    group: 'Accounts',
  },
  REMEMBER_DAYS: {
    key: 'rememberDays',
    schema: whole(0, 365),
    default: '30',
    description:
      'How many days a browser stays signed in where a person asks for it; `0`: it cannot be asked for.',
    group: 'Accounts',
  },
  UPSTREAMS: {
    key: 'upstreams',
    schema: upstreamNames,
    default: '',
    defaultShown: 'none',
    description:
      'The providers that people may sign in through, separated by commas: `google`, `apple`, `facebook`, `github`, and names of your own for OpenID providers; each has the settings below under its name in capitals.',
    group: 'Sign-in through others',
  },
  LINK_TTL_SECONDS: {
    key: 'linkTtlSeconds',
    // At most ten minutes: five guesses in that time are 2^-32.25 for one code (RFC 8628 §5.1; NIST SP 800-63B §3.1.3).
    schema: whole(60, 600),
    default: '600',
    description: 'How long a tool waits for its approval, 60 to 600 seconds.',
    group: 'Links and tokens',
  },
  LIVE_LINKS_PER_NETWORK: {
    key: 'liveLinksPerNetwork',
    schema: whole(1, 100_000),
    default: '100',
    description: 'How many links one network (an IPv4 address or an IPv6 /64) may have waiting at once.',
    group: 'Links and tokens',
  },
  SIGNING_ALGS: {
    key: 'signingAlgs',
    schema: signingAlgs,
    default: 'EdDSA,ES256,RS256',
    description:
      'The algorithms that tokens can be signed with, the first one for access tokens; `EdDSA` and `RS256` must be among them.',
    group: 'Links and tokens',
  },
  PIN_TOKEN_TTL_DAYS: {
    key: 'pinTokenTtlDays',
    schema: whole(1, 3650),
    default: '365',
    description: 'How many days a token of the PIN API lasts, unless its tool is unlinked before.',
    group: 'Links and tokens',
  },
  PIN_ISSUER: {
    key: 'pinIssuer',
    schema: claim,
    defaultShown: '`PUBLIC_URL`',
    description:
      'The issuer of tokens for tools with a key of their own (PIN API); some clients insist on a fixed name.',
    group: 'Links and tokens',
  },
  PIN_AUDIENCE: {
    key: 'pinAudience',
    schema: claim,
    defaultShown: '`PUBLIC_URL`',
    description: 'The audience of those tokens, and of what such tools sign with their keys.',
    group: 'Links and tokens',
  },
  PIN_LINK: {
    key: 'pinLink',
    schema: onOff,
    default: 'off',
    description:
      '`on`: an account may let a tool that signed in with password and second factor link another one (PIN API).',
    group: 'Links and tokens',
  },
  FALLBACK_DOOR: {
    key: 'fallbackDoor',
    schema: oneOf(['with-code', 'all', 'off']),
    default: 'with-code',
    description:
      'Tools that only have a password box: `with-code` for accounts with a second factor, `all` for every account, or `off`.',
    group: 'Links and tokens',
  },
  AUDIT_DAYS: {
    key: 'auditDays',
    schema: whole(1, 3650),
    default: '400',
    description: 'How many days the record of who did what is kept.',
    group: 'Operation',
  },
  DEMO_PAGE: {
    key: 'demoPage',
    schema: onOff,
    default: 'off',
    description: '`on`: the page `/demo` plays a tool, to try a link out.',
    group: 'Operation',
  },
  LOG_LEVEL: {
    key: 'logLevel',
    schema: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'silent']),
    default: 'info',
    description:
      'The least level that is logged: `fatal`, `error`, `warn`, `info`, `debug`, or `silent` for nothing.',
    group: 'Operation',
  },
} as const satisfies Record<string, Setting>;
