// Keeps docs/conformance.md true: every test that it names is there, under the title that it gives.
import { existsSync, readFileSync } from 'node:fs';

const rows = readFileSync('docs/conformance.md', 'utf8')
  .split('\n')
  .map((line) => /^\| (.+?) \| (.+?) \| `([\w/-]+)`: (.+?) \|$/.exec(line))
  .filter((match) => match !== null)
  .map(([, requirement = '', section = '', file = '', title = '']) => ({
    requirement,
    section,
    file,
    title,
  }));

it('reads the whole table', () => {
  const tabled = readFileSync('docs/conformance.md', 'utf8').match(/^\| (?!Requirement|---)/gm) ?? [];
  expect(rows.length).toBe(tabled.length);
  expect(rows.length).toBeGreaterThan(50);
});

it.each(rows)('$section, $requirement: is held by $file', ({ file, title }) => {
  const path = `test/${file}.test.ts`;
  expect(existsSync(path)).toBe(true);
  // A quotation mark may be escaped in the source.
  const isThere = readFileSync(path, 'utf8').replaceAll('\\', '').includes(title);
  expect(isThere ? title : 'no such test').toBe(title);
});
