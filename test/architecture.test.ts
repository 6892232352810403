// Holds the rules of the house: which room may import which, how files are named, and where a few dangerous things may
// stand. Each rule is a function from files to findings; it is shown to bite on a small wrong example, and to find
// nothing in src. A rule that is in the way is changed here, with its reason, and not worked around.
import {
  importsOf,
  literalsOf,
  namesIn,
  readSources,
  readsEnvironment,
  type SourceFile,
} from './support/sources.js';

type Rule = (files: readonly SourceFile[]) => string[];

interface Room {
  /** The start of the paths of its files. A file belongs to the first room that matches, and may import its own room. */
  readonly room: string;
  /** The starts of the paths that it may import. */
  readonly may?: readonly string[];
  /** The starts of the paths of which it may import types only. */
  readonly mayTypes?: readonly string[];
  /** The packages that it may import; without the list, all but the drivers. `node:` stands for all of Node's own. */
  readonly packages?: readonly string[];
}

/** What keeps, sends, hashes or counts on the outside: one room knows each of these, and no other. */
const drivers = [
  ...['@simplewebauthn/server', 'argon2', 'better-sqlite3', 'ioredis', 'kysely', 'nodemailer'],
  ...['openid-client', 'otplib', 'pg'],
];

const door = ['src/http/request', 'src/http/guards', 'src/http/observe', 'src/domain/'];

const rooms: readonly Room[] = [
  {
    room: 'src/main.ts',
    may: [
      ...['src/config', 'src/engine.ts', 'src/wiring.ts', 'src/workers.ts'],
      ...['src/app.ts', 'src/jobs.ts', 'src/http/observe'],
    ],
  },
  { room: 'src/engine.ts', packages: ['node:v8'] },
  { room: 'src/workers.ts', may: ['src/stores/ephemeral/decisions-workers.ts'] },
  { room: 'src/config', packages: ['node:', 'zod'] },
  {
    room: 'src/wiring.ts',
    may: [
      'src/config',
      'src/app.ts',
      'src/jobs.ts',
      'src/crypto/',
      'src/domain/',
      'src/stores/',
      'src/outside/',
      'src/http/',
      'src/wiring-ground.ts',
      'src/wiring-rooms.ts',
    ],
  },
  {
    // The rooms, and the ground that they stand on, each in its file.
    room: 'src/wiring-',
    may: ['src/config.ts', 'src/crypto/', 'src/domain/', 'src/stores/', 'src/outside/', 'src/http/observe'],
  },
  { room: 'src/app.ts', may: ['src/http/'], mayTypes: ['src/domain/'] },
  { room: 'src/jobs.ts', may: ['src/domain/'] },
  { room: 'src/admin', may: ['src/config', 'src/wiring.ts', 'src/domain/'] },
  // The tool imports nothing but its own parts: it runs against any server.
  { room: 'src/tool' },
  { room: 'src/demo', may: ['src/tool', 'src/crypto/'] },
  {
    room: 'src/crypto/',
    packages: ['node:crypto', 'node:os', 'node:util', 'argon2', 'otplib', 'jose', '@simplewebauthn/server'],
  },
  { room: 'src/domain/', may: ['src/crypto/'], packages: ['@zxcvbn-ts'] },
  {
    room: 'src/stores/sql/',
    may: ['src/crypto/'],
    mayTypes: ['src/domain/'],
    packages: ['node:', 'better-sqlite3', 'kysely', 'pg'],
  },
  {
    room: 'src/stores/ephemeral/',
    may: ['src/crypto/'],
    mayTypes: ['src/domain/'],
    packages: ['node:', 'ioredis'],
  },
  {
    room: 'src/outside/',
    mayTypes: ['src/domain/'],
    packages: ['node:', 'ejs', 'nodemailer', 'openid-client'],
  },
  {
    room: 'src/http/poll-lane',
    may: [
      'src/http/request',
      'src/http/observe',
      'src/http/oauth/errors.ts',
      'src/http/pins/errors.ts',
      'src/domain/',
    ],
  },
  { room: 'src/http/machine-lane', may: ['src/http/observe', 'src/http/guards'] },
  { room: 'src/http/request', may: ['src/domain/vocabulary.ts'], mayTypes: ['src/domain/'] },
  { room: 'src/http/observe', may: ['src/domain/vocabulary.ts'], mayTypes: ['src/domain/'] },
  {
    room: 'src/http/guards',
    may: [
      ...['src/http/request', 'src/http/observe'],
      ...['src/domain/vocabulary.ts', 'src/domain/sessions.ts', 'src/domain/throttle.ts'],
    ],
    mayTypes: ['src/domain/'],
  },
  { room: 'src/http/oauth/', may: door },
  { room: 'src/http/pins/', may: door },
  // What proxies ask: a door of its own, since it reads cookies as the pages do, and answers before them as machine doors do.
  { room: 'src/http/verify/', may: door },
  // The catalogues of the pages' words stand beside the views.
  { room: 'src/http/pages/', may: [...door, 'views/'] },
];

/**
 * The domain, bottom to top: a subject may import only those above it in this list. A subject that is split has files
 * named after it (`tokens-refresh` belongs to `tokens`), which may import each other.
 */
const domain = [
  'vocabulary',
  'user-agent',
  'audit',
  'activity',
  'notices',
  'known-browsers',
  'throttle',
  'factor-locks',
  'keys',
  'used-proofs',
  'clients',
  'services',
  'dpop',
  'sessions',
  'app-password-records',
  'tokens',
  'linked-tools',
  'device-keys',
  'user-code',
  'poll-gate',
  'waiting',
  'links',
  'authorizations',
  'login-names',
  'account-records',
  'new-tools',
  'password-rule',
  'password-check',
  'password-renewal',
  'email-verification',
  'first-run',
  'registration',
  'accounts',
  'recovery-codes',
  'passkeys',
  'proofs',
  'identities',
  'ways-in',
  'household',
  'sign-in',
  'protected-hosts',
  'two-factor',
  'account-switches',
  'app-passwords',
  'account-access',
  'mail-tokens',
  'account-password',
  'account-reset',
  'account-email',
  'account-identities',
  'account-closing',
  'fallback',
];

const keepsTheImportTable: Rule = (files) =>
  files.flatMap((file) => {
    const own = rooms.find(({ room }) => file.path.startsWith(room));
    if (!own) return [`${file.path} stands in no room of the house`];
    return importsOf(file)
      .filter(({ target, isRelative, isTypeOnly }) => {
        if (!isRelative) return !mayImportPackage(own, target);
        const allowed = [own.room, ...(own.may ?? []), ...(isTypeOnly ? (own.mayTypes ?? []) : [])];
        return !allowed.some((start) => target.startsWith(start));
      })
      .map(({ target }) => `${file.path} imports ${target}`);
  });

function mayImportPackage(room: Room, target: string): boolean {
  const isOneOf = (names: readonly string[]): boolean =>
    names.some((name) => target === name || target.startsWith(name === 'node:' ? name : `${name}/`));
  return room.packages ? isOneOf(room.packages) : !isOneOf([...drivers, '(a computed name)']);
}

const keepsTheDomainInOrder: Rule = (files) =>
  files
    .filter(({ path }) => path.startsWith('src/domain/'))
    .flatMap((file) => {
      if (floorOf(file.path) < 0) return [`${file.path} is not in the list`];
      return importsOf(file)
        .filter(({ target }) => target.startsWith('src/domain/') && floorOf(target) > floorOf(file.path))
        .map(({ target }) => `${file.path} imports ${target}, which stands below it`);
    });

/** The place in the list of a domain file's subject; −1 where it has none. */
function floorOf(path: string): number {
  const name = /^src\/domain\/(.+)\.ts$/.exec(path)?.[1] ?? '';
  const exact = domain.indexOf(name);
  return exact < 0 ? domain.findIndex((subject) => name.startsWith(`${subject}-`)) : exact;
}

const hasNoCircles: Rule = (files) => {
  const imports = new Map(files.map((file) => [file.path, importsOf(file).map(({ target }) => target)]));
  const isDone = new Set<string>();
  const findings: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      findings.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    if (isDone.has(path)) return;
    for (const target of imports.get(path) ?? []) walk(target, [...trail, path]);
    isDone.add(path);
  };
  for (const path of imports.keys()) walk(path, []);
  return findings;
};

const namesFilesBySubject: Rule = (files) =>
  files
    .map(({ path }) => path)
    .filter((path) =>
      path
        .replace(/\.ts$/, '')
        .split('/')
        .some(
          (part) =>
            !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(part) ||
            /^(common|index|misc|shared|types)$/.test(part) ||
            /(^|-)(helpers?|utils?)$/.test(part),
        ),
    )
    .map((path) => `${path} is not named by its subject, in kebab-case`);

/**
 * Main, the admin CLI and the demo hand the environment on, to `loadConfig` or to a child. The tool, which has no settings, asks it
 * whether there is a screen.
 */
const readsSettingsInOnePlace: Rule = (files) =>
  files
    .filter(
      ({ path }) =>
        !['src/config.ts', 'src/main.ts', 'src/admin.ts', 'src/demo.ts', 'src/tool.ts'].includes(path),
    )
    .filter(readsEnvironment)
    .map(({ path }) => `${path} reads the environment`);

const SQLITE_TEXT =
  /\b(PRAGMA\s+\w|sqlite_|strftime\s*\(|julianday\s*\(|unixepoch\s*\(|datetime\s*\(|json_(extract|each)\s*\(|AUTOINCREMENT\b|WITHOUT\s+ROWID|INSERT\s+OR\b|REPLACE\s+INTO\b|GLOB\s+')/i;
const SQLITE_NAME =
  /^(pragma|autoIncrement|orAbort|orFail|orIgnore|orReplace|orRollback|insertOrReplace|Sqlite[A-Z]\w*)$/;

const keepsSqliteInOneFile: Rule = (files) =>
  files
    .filter(({ path }) => !path.startsWith('src/stores/sql/dialect-sqlite'))
    .flatMap((file) =>
      [
        ...literalsOf(file).filter((text) => SQLITE_TEXT.test(text)),
        ...namesIn(file).filter((name) => SQLITE_NAME.test(name)),
        ...importsOf(file).flatMap(({ target }) => (target === 'better-sqlite3' ? [target] : [])),
      ].map((what) => `${file.path} knows SQLite: ${what}`),
    );

const opensWithAComment: Rule = (files) =>
  files
    .filter(({ text }) => !/^(#!.*\n)?(\/\/ |\/\*)/.test(text))
    .map(({ path }) => `${path} does not open with a comment on what it owns`);

const MOST_LINES = 320;

const staysShort: Rule = (files) =>
  files
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > MOST_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines: split it by subject`);

/** One file that breaks a rule: its path, its text, and what the rule must say of it. */
type Example = readonly [path: string, text: string, finding: string];

const rules: readonly (readonly [title: string, rule: Rule, wrong: readonly Example[]])[] = [
  [
    'imports only what the table of the house allows',
    keepsTheImportTable,
    [
      [
        'src/crypto/jwt.ts',
        `import { now } from '../domain/vocabulary.js';`,
        'imports src/domain/vocabulary.ts',
      ],
      ['src/crypto/jwt.ts', `import 'koa';`, 'imports koa'],
      ['src/domain/links.ts', `import type Koa from 'koa';`, 'imports koa'],
      [
        'src/domain/links.ts',
        `import { sql } from '../stores/sql/links.js';`,
        'imports src/stores/sql/links.ts',
      ],
      ['src/domain/links.ts', `type Row = import('../config.js').Config;`, 'imports src/config.ts'],
      ['src/domain/links.ts', `await import(name);`, 'imports (a computed name)'],
      [
        'src/stores/sql/links.ts',
        `import { x } from '../../domain/links.js';`,
        'imports src/domain/links.ts',
      ],
      // An inline `type` leaves the import itself behind at run time.
      [
        'src/stores/sql/links.ts',
        `import { type X } from '../../domain/links.js';`,
        'imports src/domain/links.ts',
      ],
      [
        'src/stores/sql/links.ts',
        `import type { G } from '../ephemeral/g.js';`,
        'imports src/stores/ephemeral/g.ts',
      ],
      ['src/outside/mail.ts', `export * from '../http/request.js';`, 'imports src/http/request.ts'],
      ['src/http/oauth/token.ts', `import { x } from '../pages/link.js';`, 'imports src/http/pages/link.ts'],
      ['src/http/oauth/token.ts', `import 'kysely';`, 'imports kysely'],
      ['src/http/oauth/token.ts', `const redis = require('ioredis');`, 'imports ioredis'],
      ['src/http/pages/link.ts', `import { x } from '../../config.js';`, 'imports src/config.ts'],
      ['src/http/poll-lane.ts', `import '../config.js';`, 'imports src/config.ts'],
      ['src/http/guards.ts', `import { x } from '../domain/accounts.js';`, 'imports src/domain/accounts.ts'],
      ['src/app.ts', `import { x } from './domain/links.js';`, 'imports src/domain/links.ts'],
      ['src/app.ts', `import type { Wiring } from './wiring.js';`, 'imports src/wiring.ts'],
      ['src/jobs.ts', `await import('./wiring.js');`, 'imports src/wiring.ts'],
      ['src/demo.ts', `import { x } from './wiring.js';`, 'imports src/wiring.ts'],
      ['src/admin.ts', `import { x } from './stores/sql/links.js';`, 'imports src/stores/sql/links.ts'],
      ['src/tool.ts', `import { x } from './crypto/jwt.js';`, 'imports src/crypto/jwt.ts'],
      ['src/services/links.ts', '', 'stands in no room of the house'],
    ],
  ],
  [
    'lets a domain file import only those above it in the list',
    keepsTheDomainInOrder,
    [
      [
        'src/domain/links.ts',
        `import { x } from './accounts.js';`,
        'imports src/domain/accounts.ts, which stands below it',
      ],
      [
        'src/domain/tokens-refresh.ts',
        `import type { L } from './links.js';`,
        'imports src/domain/links.ts, which stands below it',
      ],
      ['src/domain/users.ts', '', 'is not in the list'],
    ],
  ],
  [
    'has no circle of imports',
    hasNoCircles,
    [['src/http/pages/link.ts', `export type { X } from './link.js';`, '-> src/http/pages/link.ts']],
  ],
  [
    'names files by their subject, in kebab-case',
    namesFilesBySubject,
    [
      'src/http/utils.ts',
      'src/domain/link-helpers.ts',
      'src/common/ids.ts',
      'src/domain/index.ts',
      'src/domain/signIn.ts',
    ].map((path): Example => [path, '', 'is not named by its subject, in kebab-case']),
  ],
  [
    'reads the environment only in config, and where it is handed on',
    readsSettingsInOnePlace,
    [
      ['src/wiring.ts', 'const port = process.env.PORT;', 'reads the environment'],
      ['src/wiring.ts', 'const { env } = process;', 'reads the environment'],
      ['src/wiring.ts', `const port = globalThis.process['env'].PORT;`, 'reads the environment'],
      ['src/wiring.ts', `import { env } from 'node:process';`, 'reads the environment'],
    ],
  ],
  [
    'keeps what only SQLite understands in its dialect file',
    keepsSqliteInOneFile,
    [
      ['src/stores/sql/links.ts', 'sql`PRAGMA user_version`;', 'knows SQLite: PRAGMA user_version'],
      [
        'src/stores/sql/links.ts',
        'sql`${a}INSERT OR REPLACE INTO links`;',
        'knows SQLite: INSERT OR REPLACE INTO links',
      ],
      ['src/stores/sql/links.ts', 'db.insertInto("links").orReplace();', 'knows SQLite: orReplace'],
      ['src/stores/sql/links.ts', `import type D from 'better-sqlite3';`, 'knows SQLite: better-sqlite3'],
    ],
  ],
  [
    'opens every file with a comment',
    opensWithAComment,
    [['src/app.ts', 'export const x = 1;', 'does not open with a comment on what it owns']],
  ],
  [
    'keeps every file short',
    staysShort,
    [['src/app.ts', '//\n'.repeat(321), 'has 321 lines: split it by subject']],
  ],
];

const src = readSources('src');

describe.each(rules)('the house %s', (_title, rule, wrong) => {
  it('in all of src', () => {
    expect(src.length).toBeGreaterThan(0);
    expect(rule(src)).toEqual([]);
  });

  it.each(wrong.map(([path, text, finding]) => [path, finding, text]))(
    'and finds that %s %s',
    (path, finding, text) => {
      expect(rule([{ path, text }])).toContain(`${path} ${finding}`);
    },
  );
});

it('sees a circle through several files, types and re-exports included', () => {
  const circle = [
    { path: 'src/http/pages/a.ts', text: `import './b.js';` },
    { path: 'src/http/pages/b.ts', text: `export { c } from './c.js';` },
    { path: 'src/http/pages/c.ts', text: `import type { A } from './a.js';` },
  ];
  const [a, b, c] = circle.map(({ path }) => path);
  expect(hasNoCircles(circle)).toEqual([`${a} -> ${b} -> ${c} -> ${a}`]);
  expect(hasNoCircles(circle.slice(0, 2))).toEqual([]);
});
