// Keeps the figures of docs/security.md true: each limit is the code's own, each sum comes to what it says, and each column
// that holds something secret has its line.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { APP_PASSWORD_LENGTH, APP_PASSWORD_LETTERS } from '../src/domain/app-password-records.js';
import { MOST_FAILURES as MOST_WRONG_CODES, MOST_IN_A_BROWSER } from '../src/domain/factor-locks.js';
import { pinFault } from '../src/domain/household-pin-rule.js';
import { MOST_FAILURES as MOST_WRONG_PINS } from '../src/domain/household-pin-tries.js';
import { HIGHEST_NUMBER } from '../src/domain/links-numbered.js';
import { waitSeconds } from '../src/domain/password-check.js';
import { BUDGETS } from '../src/domain/throttle.js';
import {
  STRONG_CODE_ALPHABET,
  STRONG_CODE_LENGTH,
  USER_CODE_ALPHABET,
  userCodeLength,
} from '../src/domain/user-code.js';

const page = readFileSync('docs/security.md', 'utf8');

/** The rows of the table whose header ends in this cell, as cells. */
function tableOf(lastHeading: string): string[][] {
  const lines = page.split('\n');
  const start = lines.findIndex((line) => line.startsWith('| ') && line.endsWith(`| ${lastHeading} |`));
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith('| '));
  return rows.slice(0, end).map((line) => line.slice(2, -2).split(' | '));
}

const SPANS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

/** `45 minutes`, in the largest unit that leaves a whole number. */
function spanOf(seconds: number): string {
  const [unit, length] = SPANS.find(([, each]) => seconds % each === 0)!;
  return `${seconds / length} ${unit}${seconds === length ? '' : 's'}`;
}

const countOf = (value: number): string => value.toLocaleString('en-US');

/** What a constant of a file under src is set to; of files that were split, `password-check` means `password-check-…` too. */
function readConstant(place: string, name: string): number {
  const folder = join('src', dirname(place));
  const sources = readdirSync(folder)
    .filter((file) => file === `${basename(place)}.ts` || file.startsWith(`${basename(place)}-`))
    .map((file) => readFileSync(join(folder, file), 'utf8'));
  const [constant = '', member] = name.split('.');
  const text = new RegExp(`^(?:export )?const ${constant}\\b[^=]*= ([^;]+);`, 'm').exec(
    sources.join('\n'),
  )?.[1];
  const value = member === undefined ? text : new RegExp(`\\b${member}: ([\\d_]+)`).exec(text ?? '')?.[1];
  // `14 * DAY_SECONDS`, `MOST_FAILURES / 2`: each step follows the sign before it.
  const steps = (value ?? 'nothing').split(/ (?=[*/] )/);
  return steps.reduce((result, step) => {
    const [, sign, operand = ''] = /^([*/] )?(\S+)/.exec(step) ?? [];
    const isName = /^[A-Z]/.test(operand);
    const number = isName ? readConstant(place, operand) : Number(operand.replaceAll('_', ''));
    return sign === '/ ' ? result / number : result * number;
  }, 1);
}

function figureOf(inTheCode: string): string {
  const [, budget] = /^budget `([\w-]+)`$/.exec(inTheCode) ?? [];
  if (budget !== undefined) {
    const { limit, windowSeconds } = BUDGETS[budget as keyof typeof BUDGETS];
    return `${countOf(limit)} in ${spanOf(windowSeconds)}`;
  }
  const [, place = '', name = ''] = /^`([\w/-]+)` ([\w.]+)$/.exec(inTheCode) ?? [];
  const value = readConstant(place, name);
  return name.endsWith('_SECONDS') ? spanOf(value) : countOf(value);
}

describe('the limits', () => {
  const limits = tableOf('In the code');

  it.each(limits)('are the code’s own: %s, %s', (_, figure, inTheCode) => {
    expect(figure).toBe(figureOf(inTheCode));
  });

  it('leave no budget out', () => {
    const named = limits.map(([, , inTheCode]) => /^budget `([\w-]+)`$/.exec(inTheCode!)?.[1]);
    expect(named.filter((name) => name !== undefined).sort()).toEqual(Object.keys(BUDGETS).sort());
  });
});

const TEN_MINUTES_A_YEAR = 52_560;
const codes = USER_CODE_ALPHABET.length ** userCodeLength(1600);
const everywhere = BUDGETS['user-code-everywhere'].limit;
const numbers = {
  everywhere: BUDGETS['link-number-everywhere'].limit,
  network: BUDGETS['link-number-by-network'].limit,
};
const waits = Array.from({ length: 100 }, (_, failures) => waitSeconds(failures));
const bits = (value: number): string => `2^${Math.log2(value).toFixed(1)}`;
const oneIn = (chance: number): string => `1 in ${countOf(Math.round(1 / chance))}`;
/** Two steps of 10^6 codes. */
const RIGHT_CODE = 2e-6;

/** How many tries fit into the first day, each as soon as it may be made. */
function triesInADay(): number {
  let at = 0;
  return waits.filter((wait) => (at += wait) <= 86_400).length;
}

const profilePins = Array.from({ length: 10_000 }, (_, each) => String(each).padStart(4, '0'));
const mayBeChosen = profilePins.filter((pin) => pinFault(pin) === undefined);

const SUMS: Readonly<Record<string, string>> = {
  'One account guesses one live user code in its ten minutes': bits(
    BUDGETS['user-code-by-account'].limit / codes,
  ),
  'All guessers together hit one of 1,600 live links, in a year': (
    (1600 * everywhere * TEN_MINUTES_A_YEAR) /
    codes
  ).toFixed(2),
  'All strangers together hit one of 1,300 live numbers, in a year': (
    (1300 * numbers.everywhere * TEN_MINUTES_A_YEAR) /
    HIGHEST_NUMBER
  ).toFixed(2),
  'One network hits one of 100 live numbers, in a year': (
    (100 * numbers.network * TEN_MINUTES_A_YEAR) /
    HIGHEST_NUMBER
  ).toFixed(3),
  'A strong code of the PIN door': bits(STRONG_CODE_ALPHABET.length ** STRONG_CODE_LENGTH),
  'An app password': bits(APP_PASSWORD_LETTERS.length ** APP_PASSWORD_LENGTH),
  'One guess at a one-time code': oneIn(RIGHT_CODE),
  'Guesses at one-time codes until the lock, by somebody who has the password': oneIn(
    MOST_WRONG_CODES.consecutive * RIGHT_CODE,
  ),
  'The same in a year, 20 a day, where the owner’s sign-ins keep the lock away': `${(
    (1 - (1 - RIGHT_CODE) ** (365 * MOST_WRONG_CODES.today)) *
    100
  ).toFixed(1)} %`,
  'Guesses with the password and the cookie of a browser that the account knows, until both locks': oneIn(
    (MOST_WRONG_CODES.consecutive + MOST_IN_A_BROWSER.consecutive) * RIGHT_CODE,
  ),
  'The same in a year, 30 a day': `${(
    (1 - (1 - RIGHT_CODE) ** (365 * (MOST_WRONG_CODES.today + MOST_IN_A_BROWSER.today))) *
    100
  ).toFixed(1)} %`,
  'Guesses at recovery codes until the lock': ((MOST_WRONG_CODES.consecutive * 10) / 32 ** 16).toExponential(
    0,
  ),
  'Recovery codes: what is left to guess once a selector is known': bits(32 ** 14),
  'Time until somebody without a success has locked a password': `${(
    waits.reduce((sum, wait) => sum + wait, 0) / 86_400
  ).toFixed(1)} days`,
  'Wrong passwords at one account in its first day': countOf(triesInADay()),
  'Failed sign-ins of one network in a day': countOf(
    (BUDGETS['sign-in-by-network'].limit * 86_400) / BUDGETS['sign-in-by-network'].windowSeconds,
  ),
  'Guesses at a profile PIN until the lock': oneIn(MOST_WRONG_PINS / mayBeChosen.length),
};

describe('the sums', () => {
  const sums = tableOf('Comes to');

  it.each(sums)('are right: %s', (what, _, comesTo) => {
    expect(comesTo).toBe(SUMS[what]);
  });

  it('are all there', () => {
    expect(sums.map(([what]) => what)).toEqual(Object.keys(SUMS));
  });

  it('stand on the codes as they are drawn', () => {
    expect(readConstant('domain/recovery-codes', 'CODES')).toBe(10);
    expect(readConstant('domain/recovery-codes', 'CODE_LENGTH')).toBe(16);
    expect(readConstant('domain/recovery-codes', 'SELECTOR_LENGTH')).toBe(2);
    expect([userCodeLength(1700), userCodeLength(32_000), userCodeLength(32_500)]).toEqual([9, 9, 10]);
  });
});

it('tells of every column that holds something secret, and of no other', () => {
  const told = tableOf('How, and by which key').map(([column]) => column!.replaceAll('`', ''));
  const folder = join('src', 'stores', 'sql');
  const files = readdirSync(folder).filter((file) => /^tables(?:-[\w-]+)?\.ts$/.test(file));
  const source = files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n');
  const tables = [...source.matchAll(/^ {2}(\w+): (\w+Table);$/gm)].map(([, name, type]) => ({ name, type }));
  const secret = tables.flatMap(({ name, type }) => {
    const [, body = ''] = new RegExp(`interface ${type} \\{([^}]*)\\}`).exec(source) ?? [];
    const columns = [...body.matchAll(/^ {2}(\w+): /gm)].map(([, column]) => column!);
    return columns
      .filter((column) => /^sealed_|_(?:hash|mac)$/.test(column))
      .map((column) => `${name}.${column}`);
  });
  expect(told.sort()).toEqual(secret.sort());
});

it('has a state for each line of ASVS, and a reason where it is not met', () => {
  const lines = [...page.matchAll(/^\| (\d+\.\d+\.\d+\D.*) \|$/gm)].map(([, line]) => line!.split(' | '));
  expect(lines.length).toBeGreaterThan(80);
  for (const [id, , state, why] of lines) {
    expect(['met', 'partly', 'not met', 'not built']).toContain(state);
    if (state === 'partly') expect({ id, why }).not.toEqual({ id, why: '–' });
  }
});
