// Keeps the arithmetic of docs/scale.md: every result is what its formula makes of the figures above it. A figure that nobody has
// measured makes none.
import { readFileSync } from 'node:fs';

const page = readFileSync('docs/scale.md', 'utf8');

/** The rows of every table under such a mark, as cells. */
function rowsUnder(mark: string): string[][] {
  return page
    .split(`<!-- ${mark} -->`)
    .slice(1)
    .flatMap((text) => {
      const [table = ''] = /(?:^\|.*\n)+/m.exec(text) ?? [];
      return table.trim().split('\n').slice(2);
    })
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
}

const plain = (cell: string): string => cell.replaceAll('`', '');
const figures = new Map(
  [...rowsUnder('measured'), ...rowsUnder('assumed')].map(([name = '', , figure = '']) => [
    plain(name),
    figure === '–' ? undefined : Number(figure),
  ]),
);
const results = rowsUnder('results').map(([what = '', formula = '', result = '']) => ({
  ...{ what, formula: plain(formula), result },
}));

/** Numbers, names, `+ - * /` and brackets; undefined where a figure is not known. */
function evaluate(formula: string): number | undefined {
  const words = formula.match(/[a-z_]+|\d+|[-+*/()]/g) ?? [];
  expect(words.join('')).toBe(formula.replaceAll(' ', ''));
  let at = 0;
  function factor(): number {
    const word = words[at++]!;
    if (word === '(') {
      const value = sum();
      expect(words[at++]).toBe(')');
      return value;
    }
    if (/^\d/.test(word)) return Number(word);
    expect([...figures.keys()]).toContain(word);
    return figures.get(word) ?? NaN;
  }
  function product(): number {
    let value = factor();
    while (words[at] === '*' || words[at] === '/')
      value = words[at++] === '*' ? value * factor() : value / factor();
    return value;
  }
  function sum(): number {
    let value = product();
    while (words[at] === '+' || words[at] === '-')
      value = words[at++] === '+' ? value + product() : value - product();
    return value;
  }
  const value = sum();
  expect(at).toBe(words.length);
  return Number.isNaN(value) ? undefined : value;
}

/** Two digits: the figures are not better. */
const present = (value: number | undefined): string =>
  value === undefined
    ? '–'
    : Number(value.toPrecision(2)).toLocaleString('en-US', { maximumSignificantDigits: 2 });

it('has figures that are numbers, or said not to be measured', () => {
  expect(figures.size).toBeGreaterThan(20);
  for (const figure of figures.values()) expect(figure ?? 0).not.toBeNaN();
  expect(results.length).toBeGreaterThan(15);
});

it.each(results)('$what: $formula', ({ formula, result }) => {
  expect(result).toBe(present(evaluate(formula)));
});
