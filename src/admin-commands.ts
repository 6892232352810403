// What the operator's command line can do, one entry for each command: its arguments, its one line of help, and the use case
// that it calls. How a line is read, explained and run: admin.ts.
import type { Account } from './domain/accounts.js';
import { DomainError, type Origin } from './domain/vocabulary.js';
import { flag, readLine, required, text, UsageFault, type Command } from './admin-arguments.js';
import { toolCommands } from './admin-tools.js';
import type { House } from './wiring.js';

const MOST_AUDIT_ROWS = 200;

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
      'Takes the second factor off whose phone, passkeys and codes are lost, and ends every session. Its owner is told by mail. ' +
      'A password of fewer than 15 characters cannot stand alone: then a new one is read from standard input.',
    options: { login: text, 'password-stdin': flag },
    async prepare(values, _rest, { stdin }) {
      const login = required(values, 'login');
      const newPassword = values['password-stdin'] ? await readLine(stdin) : undefined;
      return (house) => removeTwoFactor(house, login, newPassword);
    },
  },
  ...toolCommands,
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
      'the password of this account, if it has one, has fewer than 15 characters and cannot stand alone: ' +
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
