// The operator's command line: makes accounts and clients, looks after signing keys, reads what happened. It calls the
// domain over the same database as the service, which may be running. What it prints on standard output is JSON.
// A secret comes in by standard input only, and goes out once. The settings are the service's own (config.ts).
import { basename } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { loadConfig, ConfigError } from './config.js';
import { withSecret } from './config-secret.js';
import {
  DomainError,
  isRefusal,
  isUnavailable,
  type DomainErrorCode,
  type Origin,
} from './domain/vocabulary.js';
import { wire, type House } from './wiring.js';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  /** What tests change of the wiring. */
  readonly wiring?: Parameters<typeof wire>[1];
}

/** The command was not called as its help says. */
class UsageFault extends Error {
  override readonly name = 'UsageFault';
}

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>;
type Work = (house: House) => Promise<unknown>;

interface Command {
  readonly usage: string;
  readonly about: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** Checks the arguments, and reads what it needs of them; what it returns is done in the opened house. */
  prepare(values: Values, rest: readonly string[], surroundings: Surroundings): Work | Promise<Work>;
}

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const MOST_INPUT_BYTES = 16 * 1024;
const MOST_AUDIT_ROWS = 200;
/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

const HERE: Origin = { networkAddress: 'command line', network: 'command line', requestId: 'admin' };

const commands: Readonly<Record<string, Command>> = {
  'account create': {
    usage: '--email E --username U --password-stdin [--totp] [--operator]',
    about: 'Makes an account; its address counts as verified. The password is read from standard input.',
    options: { email: text, username: text, 'password-stdin': flag, totp: flag, operator: flag },
    async prepare(values, _rest, { stdin }) {
      const [email, username] = [required(values, 'email'), required(values, 'username')];
      if (!values['password-stdin']) {
        throw new UsageFault(
          'the password is read from standard input, never from an argument: add --password-stdin',
        );
      }
      const password = await readLine(stdin);
      const role = values['operator'] ? 'operator' : 'person';
      return (house) =>
        createAccount(house, { email, username, password, role, hasSecondFactor: values['totp'] === true });
    },
  },
  'client create': {
    usage: '--name N [--confidential] [--audience A] [--scope S …]',
    about: 'Makes a client, and with --confidential its secret, shown this once.',
    options: { name: text, confidential: flag, audience: text, scope: { ...text, multiple: true } },
    prepare(values) {
      const name = required(values, 'name');
      const isConfidential = values['confidential'] === true;
      const { audience } = values;
      if (audience !== undefined && !isConfidential)
        throw new UsageFault('--audience goes with --confidential');
      if (typeof audience === 'string' && !URL.canParse(audience)) {
        throw new UsageFault('--audience must be an absolute address (RFC 8707 §2)');
      }
      const asked = Array.isArray(values['scope']) ? values['scope'].map(String) : [];
      const scopes = asked.flatMap((words) => words.split(' ')).filter(Boolean);
      if (!scopes.every((word) => SCOPE.test(word)))
        throw new UsageFault('--scope has a character that no scope may have');
      const given = typeof audience === 'string' ? { audience } : {};
      return async ({ clients }) => {
        const { client, secret } = await clients.createByOperator({ name, isConfidential, scopes, ...given });
        return { ...presentClient(client), ...(secret !== undefined && { client_secret: secret }) };
      };
    },
  },
  'client list': {
    usage: '',
    about: 'Lists the clients, those included that registered themselves.',
    options: {},
    prepare: () => async (house) => (await house.clients.listClients()).map(presentClient),
  },
  'client remove': {
    usage: 'ID',
    about: 'Removes a client: it can start and refresh nothing any more.',
    options: {},
    prepare(_values, [id, ...rest]) {
      if (id === undefined || rest.length > 0) throw new UsageFault('name one client by its id');
      return async ({ clients }) => {
        await clients.removeClient(id);
        return { removed: id };
      };
    },
  },
  'keys list': {
    usage: '',
    about: 'Lists the signing keys: next, active, retiring.',
    options: {},
    prepare: () => (house) => house.keys.listKeys(),
  },
  'keys rotate': {
    usage: '[--now]',
    about: 'Lets the next keys sign. With --now also those that verifiers may not have seen yet.',
    options: { now: flag },
    prepare: (values) => async (house) => {
      const how = { immediately: values['now'] === true };
      await house.keys.rotate(how);
      // The tokens of tools with a key of their own are signed by keys of their own.
      await house.deviceKeyRing.rotate(how);
      return house.keys.listKeys();
    },
  },
  'audit list': {
    usage: '--account E',
    about: `Lists what happened to an account (e-mail or user name), the newest ${MOST_AUDIT_ROWS} first.`,
    options: { account: text },
    prepare(values) {
      const login = required(values, 'account');
      return (house) => listAudit(house, login);
    },
  },
};

async function createAccount(
  { accounts, proofs }: House,
  asked: Omit<Parameters<House['accounts']['createAccount']>[0], 'isEmailVerified'>,
) {
  const { accountId, email, username } = await accounts.createAccount({ ...asked, isEmailVerified: true });
  const account = { id: accountId, email, username };
  if (!asked.hasSecondFactor) return { account };
  const { secret, address, recoveryCodes } = await proofs.addAuthenticator(accountId, username, HERE);
  return { account, totp: { secret, address }, recovery_codes: recoveryCodes };
}

function presentClient(client: Awaited<ReturnType<House['clients']['listClients']>>[number]) {
  return {
    client_id: client.clientId,
    name: client.name,
    kind: client.kind,
    ...(client.audience !== undefined && { audience: client.audience }),
    scope: client.metadata.scopes.join(' '),
    registered_by: client.registeredBy,
    created_at: client.createdAt,
    ...(client.lastUsedAt && { last_used_at: client.lastUsedAt }),
  };
}

async function listAudit({ accounts, stores }: House, login: string) {
  const account = await accounts.findByLogin(login);
  if (!account) {
    throw new DomainError('not-found', { publicDetail: 'No account has this e-mail address or user name.' });
  }
  const rows = await stores.audit.findByAccount(account.accountId, MOST_AUDIT_ROWS);
  return rows.map(({ at, event, actor, networkAddress, userAgent, details }) => ({
    at,
    event,
    actor,
    from: networkAddress,
    user_agent: userAgent,
    details,
  }));
}

/** What a refusal means for whoever typed the command. */
const REFUSALS: Partial<Record<DomainErrorCode, string>> = {
  'account-name-invalid':
    'This cannot be a user name: 2 to 32 letters, digits, dots, dashes and underscores, beginning with a letter or digit.',
  'account-name-taken': 'This name is taken.',
  'client-metadata-invalid': 'This cannot be a client.',
  'email-invalid': 'This is no e-mail address.',
  'not-found': 'There is no such thing.',
  'service-busy': 'The service is busy. Try again in a moment.',
};

const PASSWORD_FAULTS: Readonly<Record<string, string>> = {
  'too-short': 'The password is too short: at least 15 characters, or 12 together with --totp.',
  'too-long': 'The password is too long: at most 256 characters and 1024 bytes.',
  'not-text': 'The password holds NUL or half a character.',
  'contains-context': "The password is made of the service's name, the user name or the e-mail address.",
  'too-easy': 'The password is too easy to guess.',
};

function required(values: Values, name: string): string {
  const value = values[name];
  if (typeof value !== 'string' || value === '') throw new UsageFault(`--${name} is needed`);
  return value;
}

/** All of standard input without the line break at its end, which is no part of a password. */
async function readLine(stdin: Surroundings['stdin']): Promise<string> {
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
    const house = await wire(withSecret(loadConfig(env)), {
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
