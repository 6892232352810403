// Keeps docs/regressions.md true: every row names tests, and each is there under exactly that title.
import { hasTest, namedTestsOf } from './support/named-tests.js';

const { tests, bare } = namedTestsOf('docs/regressions.md');

it('names a test in every row', () => {
  expect(bare).toEqual([]);
  expect(tests.length).toBeGreaterThan(60);
});

it.each(tests)('$row: $file', (named) => {
  expect(hasTest(named) ? named.title : 'no such test').toBe(named.title);
});
