// The programs that some suites need beside Node: what they are called, where they are found, what a suite does without.
// Installing them is install.ts, starting Redis and PostgreSQL is services.ts; both are work of `npm test`, not of a suite.
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export type EquipmentName = 'chromium' | 'nginx' | 'redis' | 'postgres';

interface Equipment {
  /** Debian's package. */
  readonly package: string;
  /** Where `npm test` leaves the address of what it started, or the path of the program. */
  readonly variable: string;
  /** A suite that imports this file, directly or through others, asks for the equipment. */
  readonly module: string;
  readonly find: () => string | undefined;
}

export const equipment: Readonly<Record<EquipmentName, Equipment>> = {
  chromium: {
    package: 'chromium',
    variable: 'TEST_CHROMIUM',
    module: 'test/support/chromium.ts',
    find: () => process.env.TEST_CHROMIUM || findProgram('chromium'),
  },
  nginx: {
    package: 'nginx-light',
    variable: 'TEST_NGINX',
    module: 'test/support/nginx.ts',
    find: () => process.env.TEST_NGINX || findProgram('nginx', ['/usr/sbin']),
  },
  redis: {
    package: 'redis-server',
    variable: 'TEST_REDIS_URL',
    module: 'test/support/redis.ts',
    find: () => findProgram('redis-server'),
  },
  postgres: {
    package: 'postgresql',
    variable: 'TEST_POSTGRES_URL',
    module: 'test/support/postgres.ts',
    find: () => findProgram('initdb', postgresFolders()),
  },
};

/** Under CI what cannot run is a failure, so that a green run means that everything ran. */
export function isCi(): boolean {
  return !['', '0', 'false', undefined].includes(process.env.CI);
}

/** What a suite starts itself; the others are servers that `npm test` starts. */
export const isProgram = (name: EquipmentName): name is 'chromium' | 'nginx' =>
  name === 'chromium' || name === 'nginx';

/** The one line that installs what is missing. */
export function installLine(names: readonly EquipmentName[]): string {
  return `apt-get install -y ${names.map((name) => equipment[name].package).join(' ')}`;
}

/** The path of a program in `PATH` or one of `folders`; undefined where it is not installed. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  return [...(process.env.PATH ?? '').split(delimiter), ...folders]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

/**
 * A `describe` for suites that need equipment. Without it they are shown as skipped, or fail under CI.
 * `body` is given the address or path; where the suite is skipped it is called too, with an empty one, to count its tests:
 * it connects in `beforeAll`, not before.
 */
export function describeWith(name: EquipmentName, title: string, body: (address: string) => void): void {
  const address = isProgram(name) ? equipment[name].find() : process.env[equipment[name].variable];
  if (address) {
    describe(title, () => body(address));
    return;
  }
  const reason = `needs ${equipment[name].package}: run \`npm test\`, after \`${installLine([name])}\``;
  if (isCi()) {
    describe(title, () => {
      it('has the programs that it needs', () => {
        throw new Error(reason);
      });
    });
    return;
  }
  describe.skip(`${title} (${reason})`, () => body(''));
}

/** Debian keeps PostgreSQL's programs out of PATH, in a folder per version: the newest first. */
export function postgresFolders(): string[] {
  const root = '/usr/lib/postgresql';
  return listFolder(root)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(root, version, 'bin'));
}

function listFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
