// Writes what is told of the settings from their one table: the README's table and `.env.example`. `npm run settings` runs
// it; test/config.test.ts fails while either says anything else.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { settings, upstreamSettings } from '../../src/config.js';

interface Shown {
  readonly default?: string;
  readonly defaultShown?: string;
  readonly description: string;
  readonly secret?: true;
  readonly group: string;
}

const START = '<!-- settings -->';
const END = '<!-- /settings -->';

function groups(): [group: string, entries: [name: string, setting: Shown][]][] {
  const group = settings.UPSTREAMS.group;
  const theirs = Object.entries<Omit<Shown, 'group'>>(upstreamSettings).map(
    ([suffix, setting]): [string, Shown] => [`UPSTREAM_<NAME>_${suffix}`, { ...setting, group }],
  );
  const own = Object.entries<Shown>(settings);
  const last = own.findIndex(([name]) => name === 'UPSTREAMS') + 1;
  const entries = [...own.slice(0, last), ...theirs, ...own.slice(last)];
  const names = [...new Set(entries.map(([, { group }]) => group))];
  return names.map((name) => [name, entries.filter(([, { group }]) => group === name)]);
}

/** The table in Markdown, between its markers. It ends without a line break. */
export function writeTable(): string {
  const row = ([name, { default: value, defaultShown, description, secret }]: [string, Shown]): string => {
    const label = `\`${name}\`${secret ? ', `_FILE`' : ''}`;
    return `| ${label} | ${defaultShown ?? `\`${value}\``} | ${description} |`;
  };
  const rows = groups().flatMap(([group, entries]) => [`| **${group}** | | |`, ...entries.map(row)]);
  const table = ['| Setting | Default | What it is for |', '| --- | --- | --- |', ...rows].join('\n');
  // Prettier would pad every cell to the width of the longest.
  return `${START}\n\n<!-- prettier-ignore -->\n${table}\n\n${END}`;
}

/** The README with the table in its place. Throws where the markers are missing. */
export function withTable(readme: string): string {
  const [before, after] = [readme.split(START)[0], readme.split(END)[1]];
  if (before === undefined || after === undefined) throw new Error(`README.md has no ${START} … ${END}`);
  return `${before}${writeTable()}${after}`;
}

/** The whole of `.env.example`: each setting commented out, at its default. */
export function writeExample(): string {
  const quote = (value: string): string => (/[\s<>#]/.test(value) ? `'${value}'` : value);
  const entry = ([name, { default: value = '', description, secret }]: [string, Shown]): string =>
    `# ${description.replaceAll('`', '')}${secret ? ` ${name}_FILE may name a file instead.` : ''}\n# ${name}=${quote(value)}\n`;
  const parts = groups().map(([group, entries]) => [`# --- ${group}\n`, ...entries.map(entry)].join('\n'));
  const head = '# Copy this to .env and take the # from what you change. The environment wins over it.\n';
  return [head, ...parts].join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync('README.md', withTable(readFileSync('README.md', 'utf8')));
  writeFileSync('.env.example', writeExample());
}
