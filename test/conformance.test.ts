// Keeps docs/conformance.md true: every test that it names is there, under the title that it gives.
import { namedTestsOf, sourceOfTest } from './support/named-tests.js';

const { tests, bare } = namedTestsOf('docs/conformance.md');

it('reads the whole table', () => {
  expect(bare).toEqual([]);
  expect(tests.length).toBeGreaterThan(50);
});

it.each(tests)('$row: is held by $file', ({ file, title }) => {
  // The beginning of a title is enough here.
  expect(sourceOfTest(file).includes(title) ? title : 'no such test').toBe(title);
});
