// How the operator's command line takes its arguments: what a command is, and how its values and its secret are read. The commands
// themselves are in admin-commands.ts and admin-tools.ts.
import type { ParseArgsConfig } from 'node:util';
import type { House, wire } from './wiring.js';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /** What tests change of the wiring. */
  readonly wiring?: Parameters<typeof wire>[1];
}

/** The command was not called as its help says. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';
}

export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;
export type Work = (house: House) => Promise<unknown>;

export interface Command {
  readonly usage: string;
  readonly about: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** Checks the arguments, and reads what it needs of them; what it returns is done in the opened house. */
  prepare(values: Values, rest: readonly string[], surroundings: Surroundings): Work | Promise<Work>;
}

export const text = { type: 'string' } as const;
export const flag = { type: 'boolean' } as const;
const MOST_INPUT_BYTES = 16 * 1024;

export const list = { ...text, multiple: true } as const;

export function required(values: Values, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') throw new UsageFault(`--${name} is needed`);
  return value;
}

/** All of standard input without the line break at its end, which is no part of a password. */
export async function readLine(stdin: Surroundings['stdin']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    const piece = Buffer.from(chunk);
    bytes += piece.length;
    if (bytes > MOST_INPUT_BYTES) throw new UsageFault('standard input holds more than a password');
    chunks.push(piece);
  }
  try {
    const line = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
    return line.replace(/\r?\n$/, '');
  } catch {
    throw new UsageFault('standard input is not UTF-8');
  }
}

/** The values of an option that may be given several times. */
export const all = (values: Values, name: string): string[] =>
  Array.isArray(values[name]) ? values[name].map(String) : [];

/** JSON from standard input. */
export async function readJsonInput(stdin: Surroundings['stdin']): Promise<unknown> {
  const input = await readLine(stdin);
  try {
    return JSON.parse(input) as unknown;
  } catch {
    throw new UsageFault('standard input is not JSON');
  }
}
