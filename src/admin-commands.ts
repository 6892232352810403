// What the operator's command line can do, one entry for each command: its arguments, its one line of help, and the use case
// that it calls. How a line is read, explained and run: admin.ts.
import type { ParseArgsConfig } from 'node:util';
import type { Account } from './domain/accounts.js';
import { DomainError, type Origin } from './domain/vocabulary.js';
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
type Work = (house: House) => Promise<unknown>;

export interface Command {
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

export const commands: Readonly<Record<string, Command>> = {
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
  'account unlock': {
    usage: '--login L',
    about:
      'Frees an account from the locks that wrong passwords or codes have put on it. Its owner is told by mail.',
    options: { login: text },
    prepare(values) {
      const login = required(values, 'login');
      return async ({ operatorHelp }) => {
        const { account, freed } = await operatorHelp.unlock(login, HERE);
        return { account: presentAccount(account), freed };
      };
    },
  },
  'account remove-two-factor': {
    usage: '--login L [--password-stdin]',
    about:
      'Takes the second factor off whose phone and codes are lost, and ends every session. Its owner is told by mail. ' +
      'A password of fewer than 15 characters cannot stand alone: then a new one is read from standard input.',
    options: { login: text, 'password-stdin': flag },
    async prepare(values, _rest, { stdin }) {
      const login = required(values, 'login');
      const newPassword = values['password-stdin'] ? await readLine(stdin) : undefined;
      return (house) => removeTwoFactor(house, login, newPassword);
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
  const made = await accounts.createAccount({ ...asked, isEmailVerified: true });
  const { accountId, username } = made;
  const account = presentAccount(made);
  if (!asked.hasSecondFactor) return { account };
  const { secret, address, recoveryCodes } = await proofs.addAuthenticator(accountId, username, HERE);
  return { account, totp: { secret, address }, recovery_codes: recoveryCodes };
}

const presentAccount = ({ accountId, email, username }: Account) => ({ id: accountId, email, username });

async function removeTwoFactor({ operatorHelp }: House, login: string, newPassword: string | undefined) {
  if (newPassword === undefined && (await operatorHelp.isLongerPasswordDue(login))) {
    throw new UsageFault(
      'the password of this account has fewer than 15 characters and cannot stand alone: ' +
        'add --password-stdin and give a new one',
    );
  }
  const removed = await operatorHelp.removeTwoFactor(login, newPassword, HERE);
  return {
    account: presentAccount(removed.account),
    ended_sessions: removed.endedSessions,
    new_password: removed.hasNewPassword,
  };
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
