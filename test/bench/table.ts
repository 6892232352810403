// How the figures are shown: medians with the smallest and largest in brackets, ratios taken round by round, aligned
// columns, and at the end what was asked for beside what came out.
import type { Measured } from './rounds.js';

/** A number as it was over the rounds. */
export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** Something that was asked of Linchpin's speed, and whether it came out. */
export interface Goal {
  what: string;
  asked: string;
  got: string;
  isMet: boolean;
}

/** What one section found: a table for people, the figures for machines. */
export interface Section {
  title: string;
  columns: string[];
  rows: string[][];
  goals: Goal[];
  figures: unknown;
  /** What must be said with it: what was left out, what bounds a figure. A line each. */
  notes?: string[];
}

/** A column of ratios: each row against the row it names, or against none. */
export interface Comparison {
  heading: string;
  against: (label: string) => string | undefined;
}

/** The median, smallest and largest of some numbers. */
export function spreadOf(numbers: number[]): Spread {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (index: number): number => sorted[index] ?? NaN;
  const middle = (sorted.length - 1) / 2;
  return {
    median: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    min: at(0),
    max: at(sorted.length - 1),
  };
}

/** How many times faster `one` was than `other`, from the ratio of each round. */
export function ratioOf(one: Measured, other: Measured): Spread {
  return spreadOf(
    one.windows.map(({ perSecond }, round) => perSecond / (other.windows[round]?.perSecond ?? NaN)),
  );
}

/** The same for two that are found by their labels; undefined where one was not measured. */
export function ratioByLabel(measured: Measured[], one: string, other: string): Spread | undefined {
  const [a, b] = [one, other].map((label) => measured.find((m) => m.label === label));
  return a && b && ratioOf(a, b);
}

/** How many times less CPU time an answer of `one` took than one of `other`: what is left when the core was shared. */
export function cpuRatioOf(one: Measured, other: Measured): Spread {
  return spreadOf(
    one.windows.map(
      ({ cpuMicroseconds }, round) => (other.windows[round]?.cpuMicroseconds ?? NaN) / cpuMicroseconds,
    ),
  );
}

/** A section in which servers were measured in turn. */
export function presentRounds(
  title: string,
  measured: Measured[],
  comparisons: Comparison[],
  goals: Goal[] = [],
): Section {
  const byLabel = new Map(measured.map((one) => [one.label, one]));
  return {
    title,
    columns: [
      ...['', 'per second', 'CPU µs', 'busy', 'bound by', 'p99 ms'],
      ...comparisons.flatMap(({ heading }) => [heading, 'by CPU']),
    ],
    rows: measured.map((one) => {
      const median = (pick: (window: Measured['windows'][number]) => number): number =>
        spreadOf(one.windows.map(pick)).median;
      const bound = boundOf(
        median((w) => w.busy),
        median((w) => w.loadShare),
      );
      return [
        one.label,
        count(median((w) => w.perSecond)),
        median((w) => w.cpuMicroseconds).toFixed(0),
        `${(median((w) => w.busy) * 100).toFixed(0)} %`,
        bound,
        median((w) => w.p99Ms).toFixed(1),
        ...comparisons.flatMap(({ against }) => {
          const other = byLabel.get(against(one.label) ?? '');
          return other && other !== one
            ? [spread(ratioOf(one, other), 2), cpuRatioOf(one, other).median.toFixed(2)]
            : ['', ''];
        }),
      ];
    }),
    goals,
    figures: measured,
  };
}

/** What a window was bound by: the load generator, the server's own CPU, or what it waits for. */
export function boundOf(busy: number, loadShare: number): string {
  if (loadShare > 0.95) return 'load';
  return busy > 0.9 ? 'CPU' : 'waiting';
}

/** A goal for the median of a spread. */
export function goal(
  what: string,
  got: Spread | undefined,
  limit: { atLeast: number } | { below: number },
  unit = '',
): Goal[] {
  if (!got) return [];
  const isMet = 'atLeast' in limit ? got.median >= limit.atLeast : got.median < limit.below;
  const asked = 'atLeast' in limit ? `≥ ${limit.atLeast}${unit}` : `< ${limit.below}${unit}`;
  return [{ what, asked, got: `${plain(got.median)}${unit}`, isMet }];
}

/** A spread as text: the median, and the smallest and largest in brackets. */
export function spread({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** A whole number with its thousands apart. */
export function count(number: number): string {
  return Math.round(number).toLocaleString('en-US').replaceAll(',', ' ');
}

/** Links in as few letters as they can be told apart by. */
export function short(links: number): string {
  return links < 1_000_000 ? `${links / 1000} k` : `${links / 1_000_000} M`;
}

/** Prints a section. */
export function printSection({ title, columns, rows, notes = [] }: Section): void {
  printColumns(title, columns, rows);
  for (const note of notes) console.log(`  ${note}`);
}

/** Prints what was asked for beside what came out. */
export function printGoals(goals: Goal[]): void {
  if (goals.length === 0) return;
  const rows = goals.map(({ what, asked, got, isMet }) => [what, asked, got, isMet ? 'met' : 'NOT MET']);
  printColumns('What was asked for', ['', 'asked', 'measured', ''], rows);
}

function printColumns(title: string, columns: string[], rows: string[][]): void {
  const widths = columns.map((column, i) =>
    Math.max(column.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ');
  console.log(`\n${title}\n${line(columns)}\n${rows.map(line).join('\n')}`);
}

function plain(number: number): string {
  return number >= 100 ? count(number) : number.toPrecision(2);
}
