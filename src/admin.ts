// The operator's command line: makes accounts and clients, looks after signing keys, reads what happened. It calls the
// domain over the same database as the service, which may be running. What it prints on standard output is JSON.
// A secret comes in by standard input only, and goes out once. The settings are the service's own (config.ts); what each
// command does is in admin-commands.ts and admin-tools.ts.
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { loadConfig, ConfigError, type LoadedConfig } from './config.js';
import { withSecret } from './config-secret.js';
import { UsageFault, type Command, type Surroundings, type Values } from './admin-arguments.js';
import { commands } from './admin-commands.js';
import { isRefusal, isUnavailable, type DomainErrorCode } from './domain/vocabulary.js';
import { wire } from './wiring.js';

/** What a refusal means for whoever typed the command. */
const REFUSALS: Partial<Record<DomainErrorCode, string>> = {
  'account-name-invalid':
    'This cannot be a user name: 2 to 32 letters, digits, dots, dashes and underscores, beginning with a letter or digit.',
  'account-name-taken': 'This name is taken.',
  'client-metadata-invalid': 'This cannot be a client.',
  'email-invalid': 'This is no e-mail address.',
  'factor-not-on': 'This account has no second factor.',
  'not-found': 'There is no such thing here; the list commands show what there is.',
  'redirect-uri-invalid': 'This cannot be an address to send people back to.',
  'scope-invalid': 'This cannot be a scope.',
  'service-busy': 'The service is busy. Try again in a moment.',
  'target-invalid': 'This cannot be the audience of a service.',
};

const PASSWORD_FAULTS: Readonly<Record<string, string>> = {
  'too-short': 'The password is too short: at least 15 characters, or 12 together with --totp.',
  'too-long': 'The password is too long: at most 256 characters and 1024 bytes.',
  'not-text': 'The password holds NUL or half a character.',
  'contains-context': "The password is made of the service's name, the user name or the e-mail address.",
  'too-easy': 'The password is too easy to guess.',
};

function help(): string {
  const lines = Object.entries(commands).flatMap(([name, { usage, about }]) => [
    `  ${`${name} ${usage}`.trim()}`,
    `      ${about}`,
  ]);
  return [
    "The operator's command line. It reads the same settings as the service, which may be running meanwhile.",
    '',
    '  npm run --silent admin -- COMMAND [options]',
    '',
    ...lines,
    '',
    'Prints JSON. Exit codes: 0 done; 1 refused; 2 not called as above.',
  ].join('\n');
}

function readCommand(argv: readonly string[]): { command: Command; values: Values; rest: string[] } {
  const name = argv.slice(0, 2).join(' ');
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command)
    throw new UsageFault(argv.length === 0 ? 'a command is needed' : `there is no command "${name}"`);
  try {
    const { values, positionals } = parseArgs({
      args: argv.slice(2),
      options: command.options,
      allowPositionals: true,
    });
    if (positionals.length > 0 && !command.usage.startsWith('ID')) {
      throw new UsageFault(`"${name}" takes no further words`);
    }
    return { command, values, rest: positionals };
  } catch (error) {
    if (error instanceof UsageFault) throw error;
    throw new UsageFault((error as Error).message);
  }
}

/** What went wrong, in words, and the exit code. Faults that nobody foresaw are thrown on. */
function explain(error: unknown): { words: string; exitCode: number } {
  if (error instanceof UsageFault)
    return { words: `${error.message} (--help shows the commands)`, exitCode: 2 };
  if (error instanceof ConfigError) return { words: error.message, exitCode: 1 };
  if (isUnavailable(error))
    return { words: 'The database does not answer now: full, locked or gone.', exitCode: 1 };
  if (!isRefusal(error)) throw error;
  const { code, publicDetail = '' } = error;
  const words =
    code === 'password-breaks-rule' ? PASSWORD_FAULTS[publicDetail] : publicDetail || REFUSALS[code];
  return { words: words ?? `Refused: ${code}.`, exitCode: 1 };
}

/** From another folder, or with other settings than the service's, a command would work on data that the service never sees. */
function tellOfNewDatabase(
  { databaseUrl, databaseFile }: LoadedConfig,
  printError: Surroundings['printError'],
): void {
  if (databaseUrl !== undefined || existsSync(databaseFile)) return;
  printError(`There was no database yet; a new one is made: ${resolve(databaseFile)}`);
}

/** Runs one command. Resolves to the exit code: 0 done, 1 refused, 2 not called as the help says. */
export async function runAdmin(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { env, print, printError } = surroundings;
  // As in main.ts: it may be this command that makes the database, and its owner alone may read it.
  process.umask(0o077);
  if (argv.includes('--help') || argv.includes('-h')) {
    print(help());
    return 0;
  }
  try {
    const { command, values, rest } = readCommand(argv);
    const work = await command.prepare(values, rest, surroundings);
    // What is logged must not mix with the JSON.
    const config = loadConfig(env);
    tellOfNewDatabase(config, printError);
    const house = await wire(withSecret(config), {
      logTo: { write: (line) => printError(line.trimEnd()) },
      ...surroundings.wiring,
    });
    try {
      print(JSON.stringify(await work(house), null, 2));
    } finally {
      await house.close();
    }
    return 0;
  } catch (error) {
    const { words, exitCode } = explain(error);
    printError(words);
    return exitCode;
  }
}

// By name, as in tool.ts: the bundler may move this file into a chunk that another program shares.
if (/^admin(\.[jt]s)?$/.test(basename(process.argv[1] ?? ''))) {
  process.exitCode = await runAdmin(process.argv.slice(2), {
    env: process.env,
    stdin: process.stdin,
    print: (words) => process.stdout.write(`${words}\n`),
    printError: (words) => process.stderr.write(`${words}\n`),
  });
}
