// A whole house for tests of credentials: people with proved addresses, with and without an authenticator, what waits in their
// mailbox, and tools that are in their account.
import { totpCode } from '../../src/crypto/totp.js';
import type { NoticeName } from '../../src/domain/notices.js';
import type { AccountId, Origin } from '../../src/domain/vocabulary.js';
import { startTestHouse, type TestHouseOptions } from './app.js';

export const PASSWORD = 'quartz lantern bicycle 42';
export const NEW_PASSWORD = 'eleven owls keep a ledger';

const TOOL = {
  product: 'A television',
  ...{
    version: '',
    platform: '',
    platformVersion: '',
    device: '',
    deviceName: '',
    deviceVendor: '',
    model: '',
  },
};

let networks = 0;
/** A network that nobody has tried from. */
export const newOrigin = (): Origin => {
  const network = `198.51.100.${(networks = (networks % 250) + 1)}`;
  return { networkAddress: network, network, userAgent: 'a browser', requestId: 'r' };
};

interface Owner {
  readonly accountId: AccountId;
}

export type CredentialsHouse = Awaited<ReturnType<typeof openCredentialsHouse>>;
export type TestPerson = Awaited<ReturnType<CredentialsHouse['newPerson']>>;

export async function openCredentialsHouse(options: TestHouseOptions = {}) {
  const test = await startTestHouse(options);
  const { house, clock, mails } = test;

  let people = 0;
  async function newPerson({ isCareful = false } = {}) {
    const account = await test.newAccount(`person${++people}`, PASSWORD);
    const { accountId, username } = account;
    const added = isCareful
      ? await house.proofs.addAuthenticator(accountId, username, newOrigin())
      : undefined;
    return { ...account, secret: added?.secret ?? '', recoveryCodes: added?.recoveryCodes ?? [] };
  }

  /** The code of a moment that no door has seen yet. */
  async function freshCode({ secret }: { readonly secret: string }): Promise<string> {
    clock.advance(60);
    return totpCode(secret, clock.now());
  }

  async function wrongCode({ secret }: { readonly secret: string }): Promise<string> {
    const right = await Promise.all(
      [0, -30].map((s) => totpCode(secret, new Date(clock.now().getTime() + s * 1000))),
    );
    return ['000000', '111111', '222222'].find((code) => !right.includes(code))!;
  }

  async function signIn(person: { readonly username: string; readonly secret: string }, password = PASSWORD) {
    const begun = await house.signIn.startSignIn({ login: person.username, password }, newOrigin());
    if (begun.next === 'done') return begun;
    return house.signIn.finishWithCode(begun.signInToken, await freshCode(person), newOrigin());
  }

  /** A tool that was let in with the password and a code of this careful person; resolves to its token. */
  async function letToolIn(person: { readonly username: string; readonly secret: string }): Promise<string> {
    const code = await freshCode(person);
    const asked = { login: person.username, password: PASSWORD + code, identifier: 'a-tv', tool: TOOL };
    const answer = await house.fallback.signInAtFallback({ ...asked, origin: newOrigin() });
    if (answer.outcome !== 'issued') throw new Error(`the tool was ${answer.outcome}`);
    return answer.token;
  }

  /** Delivers what is due; the notices that this address got since the last look. */
  async function mailsTo(email: string) {
    const seen = mails.length;
    // The job sends fifty at a time.
    do await test.sendMail();
    while ((await house.stores.outbox.findDue(clock.now(), 1)).length > 0);
    return mails.slice(seen).filter(({ recipient }) => recipient === email);
  }

  /** The one-time token that the next mail to this address carries. */
  async function tokenMailedTo(email: string, about?: NoticeName): Promise<string> {
    const mails = (await mailsTo(email)).filter(({ notice }) => about === undefined || notice === about);
    const addresses = mails.map(({ details }) => ('address' in details ? details.address : ''));
    const token = addresses
      .map((address) => address && new URL(address).searchParams.get('token'))
      .findLast(Boolean);
    if (!token) throw new Error(`no mail to ${email} holds a token`);
    return token;
  }

  async function resetToken(person: { readonly email: string }): Promise<string> {
    await house.accountReset.askReset(person.email, {}, newOrigin());
    return tokenMailedTo(person.email, 'password-reset-link');
  }

  async function eventsOf({ accountId }: Owner): Promise<string[]> {
    const rows = await house.stores.audit.findByAccount(accountId, 1000);
    return rows.map(({ event }) => event);
  }

  const proofOf = async (person: { readonly secret: string }) => ({
    password: PASSWORD,
    ...(person.secret ? { code: await freshCode(person) } : {}),
  });

  return {
    ...test,
    newPerson,
    freshCode,
    wrongCode,
    signIn,
    letToolIn,
    mailsTo,
    tokenMailedTo,
    resetToken,
    eventsOf,
    proofOf,
    find: (person: Owner) => house.stores.accounts.find(person.accountId),
  };
}
