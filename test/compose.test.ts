// compose.yaml and the Dockerfile, as far as they can be looked at without a container engine: that they speak of settings,
// files and addresses that exist. `docker-compose config` says whether the file is well formed.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { loadConfig, settings } from '../src/config.js';

const compose = readFileSync('compose.yaml', 'utf8');
const dockerfile = readFileSync('Dockerfile', 'utf8');

/** The lines below a key, as far as they stand deeper than it. */
function below(key: string): string[] {
  const lines = compose.split('\n');
  const at = lines.findIndex((line) => line.trim() === `${key}:`);
  const depth = lines[at]!.search(/\S/);
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => line.trim() !== '' && line.search(/\S/) <= depth);
  return rest.slice(0, end === -1 ? rest.length : end);
}

/** The environment of the service, with what is to be given filled in. */
function environment(): Record<string, string> {
  const service = below('linchpin').join('\n');
  const [, block = ''] = /environment:\n((?: {6}.*\n)+)/.exec(service) ?? [];
  const given: Record<string, string> = {
    LINCHPIN_SECRET: randomBytes(33).toString('base64'),
    POSTGRES_PASSWORD: 'word',
  };
  return Object.fromEntries(
    block
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [, name = '', text = ''] = /^ +([A-Z_]+): (.+)$/.exec(line)!;
        const filled = text.replace(
          /\$\{([A-Z_]+):([-?])([^}]*)\}/g,
          (_, variable: string, kind: string, fallback: string) =>
            kind === '-' ? fallback : given[variable]!,
        );
        return [name, filled];
      }),
  );
}

describe('compose.yaml', () => {
  it('gives the service settings that exist, and that are right together', () => {
    const env = environment();
    expect(Object.keys(settings)).toEqual(expect.arrayContaining(Object.keys(env)));
    expect(Object.keys(env).length).toBeGreaterThan(5);
    const config = loadConfig(env, { files: () => undefined });
    expect(config.databaseUrl).toBe('postgres://linchpin:word@postgres/linchpin');
  });

  it('holds no secret of its own, and opens no port beyond this machine', () => {
    expect(compose).toMatch(/LINCHPIN_SECRET: \$\{LINCHPIN_SECRET:\?/);
    expect(compose.match(/POSTGRES_PASSWORD:\?/g)).toHaveLength(2);
    for (const [, port] of compose.matchAll(/ports: \['([^']+)'\]/g)) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it('mounts files that are there', () => {
    for (const [, file] of compose.matchAll(/'(\.\/[^:']+):/g)) expect(existsSync(file!)).toBe(true);
  });
});

describe('the Dockerfile', () => {
  it('runs as a user without rights, says how it is, and takes what is there', () => {
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK .*\\\n.*readyz/m);
    for (const [, from] of dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm))
      for (const file of from!.split(' ')) expect(existsSync(file)).toBe(true);
  });
});
