// Where settings are written down: the environment, `.env` beside it, and files that `<NAME>_FILE` points to.
// Strict, because a line that is half understood is a wrong setting. What the values may be is in config.ts.
import { readFileSync } from 'node:fs';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a text file; undefined where there is none. Throws where it cannot be read. */
export type Files = (path: string) => string | undefined;

export interface ConfigFault {
  readonly name: string;
  /** Goes on from the name: what is wrong and what would be right. It never holds a value. */
  readonly problem: string;
}

export interface SettingName {
  readonly name: string;
  /** `<NAME>_FILE` may stand for it. */
  readonly maySitInFile: boolean;
}

export const readTextFile: Files = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/**
 * What is written for each setting, empty values left out; and what is wrong with where it is written: unknown
 * `LINCHPIN_` and `UPSTREAM_` names, lines of `.env` that are no setting, both a value and a file, files that cannot be read.
 */
export function readWritten(
  known: readonly SettingName[],
  env: Environment,
  files: Files,
  strangerProblem: (name: string) => string | undefined = () => undefined,
): { written: Map<string, string>; faults: ConfigFault[] } {
  const faults: ConfigFault[] = [];
  const names = new Set(known.flatMap(namesOf));
  const stranger = (name: string, where: string) => ({
    name,
    problem: `${where}${strangerProblem(name) ?? 'is not a setting; README.md lists them all'}`,
  });
  const dotenv = readDotenv(files, faults);
  faults.push(
    ...Object.keys(dotenv)
      .filter((name) => !names.has(name))
      .map((name) => stranger(name, 'in .env ')),
  );
  const strangers = Object.keys(env).filter((name) => /^(LINCHPIN|UPSTREAM)_/.test(name) && !names.has(name));
  faults.push(...strangers.map((name) => stranger(name, '')));
  const written = new Map<string, string>();
  for (const setting of known) {
    const [name, fileName] = namesOf(setting) as [string, string?];
    // The environment speaks for both names, so that neither of `.env` shines through.
    const isInEnv = [name, fileName].some((each) => each !== undefined && env[each] !== undefined);
    const source = isInEnv ? env : dotenv;
    const value = source[name] ?? '';
    const path = (fileName && source[fileName]) ?? '';
    if (value !== '' && path !== '') {
      faults.push({ name, problem: `and ${name}_FILE are both set: keep one of them` });
    }
    const given = value === '' && path !== '' ? readSecret(`${name}_FILE`, path, files, faults) : value;
    if (given !== '') written.set(name, given);
  }
  return { written, faults };
}

const namesOf = ({ name, maySitInFile }: SettingName): string[] =>
  maySitInFile ? [name, `${name}_FILE`] : [name];

function readDotenv(files: Files, faults: ConfigFault[]): Environment {
  try {
    const { values, problems } = parseDotenv(files('.env') ?? '');
    faults.push(...problems.map(({ line, problem }) => ({ name: `.env line ${line}`, problem })));
    return values;
  } catch {
    faults.push({ name: '.env', problem: 'is there but cannot be read: look at its owner and mode' });
    return {};
  }
}

function readSecret(name: string, path: string, files: Files, faults: ConfigFault[]): string {
  try {
    const content = files(path)?.replace(/\r?\n$/, '');
    if (content) return content;
    faults.push({ name, problem: 'must name a file that holds the value; there is none, or it is empty' });
  } catch {
    faults.push({ name, problem: 'names a file that cannot be read: look at its owner and mode' });
  }
  return '';
}

export interface DotenvProblem {
  /** The line, from 1. */
  readonly line: number;
  readonly problem: string;
}

const LINE = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

/** A value in quotes stands as it is between them; after it, only a comment. Without quotes there is no space in it. */
function readValue(text: string): string | undefined {
  const [, quoted] = /^'([^']*)'\s*(?:#.*)?$/.exec(text) ?? /^"([^"\\]*)"\s*(?:#.*)?$/.exec(text) ?? [];
  if (quoted !== undefined) return quoted;
  return /^([^\s'"#\\]*)(?:\s+#.*|\s*)$/.exec(text)?.[1];
}

/**
 * The values by name, and what is wrong, line by line. Empty lines and lines that begin with `#` are passed over.
 * A problem never quotes the line: it may hold a secret.
 */
export function parseDotenv(text: string): {
  values: Record<string, string>;
  problems: readonly DotenvProblem[];
} {
  const values = new Map<string, string>();
  const problems: DotenvProblem[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, whole] of lines.entries()) {
    const trimmed = whole.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const report = (problem: string): void => void problems.push({ line: index + 1, problem });
    const [, name, rest] = LINE.exec(trimmed) ?? [];
    if (name === undefined || rest === undefined) {
      report('must be NAME=value, without spaces around the sign');
      continue;
    }
    const value = readValue(rest);
    if (value === undefined) report("must have a value with spaces, quotes, # or \\ between '…'");
    else if (values.has(name)) report(`sets ${name} a second time: keep one of the two`);
    else values.set(name, value);
  }
  return { values: Object.fromEntries(values), problems };
}
