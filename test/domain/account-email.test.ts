// Another e-mail address: what it takes, who hears of it, and how nobody comes to an account or an address that is not theirs.
import {
  NEW_PASSWORD,
  newOrigin,
  openCredentialsHouse,
  PASSWORD,
  type CredentialsHouse,
} from '../support/credentials.js';

let test: CredentialsHouse;
beforeAll(async () => {
  test = await openCredentialsHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
});
afterAll(() => test.close());

type Session = Awaited<ReturnType<CredentialsHouse['signIn']>>['session'];
let addresses = 0;
const newAddress = () => `Fresh.${++addresses}@example.net`;
const ask = (session: Session, email: string, more: object = {}) =>
  test.house.accountEmail.askChange(session, { email, password: PASSWORD, ...more }, newOrigin());
const confirm = (session: Session, token: string) =>
  test.house.accountEmail.confirmChange(session, token, newOrigin());
const refused = (code: string) => expect.objectContaining({ code }) as Error;
const noticesOf = (mails: readonly { notice: string }[]) => mails.map(({ notice }) => notice);

/** A person who has asked for an address, with the link that was mailed there. */
async function askedFor(email = newAddress(), more: { isCareful?: boolean } = {}) {
  const person = await test.newPerson(more);
  const signedIn = await test.signIn(person);
  const { session } = await ask(signedIn.session, email, await test.proofOf(person));
  return { person, session, email, token: await test.tokenMailedTo(email) };
}

describe('asking for another address', () => {
  it('takes a fresh proof, and changes nothing yet', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const { session } = await test.signIn(anna);
    const email = newAddress();
    await expect(ask(session, email, { password: 'wrong' })).rejects.toEqual(refused('credentials-wrong'));
    await expect(ask(session, email)).rejects.toEqual(refused('code-wrong'));
    await expect(ask(session, 'no address')).rejects.toEqual(refused('email-invalid'));
    const issued = await ask(session, email, { code: await test.freshCode(anna) });
    expect((await test.find(anna))?.email).toBe(anna.email);
    expect(issued.session.ticket).toBe(session.ticket);
    expect(await test.house.sessions.findSession(issued.token)).toBeDefined();
    await expect(ask(session, newAddress(), { code: await test.freshCode(anna) })).rejects.toEqual(
      refused('sign-in-over'),
    );
  });

  it('tells the old address, and mails the link to the new one', async () => {
    const anna = await test.newPerson();
    const { session } = await test.signIn(anna);
    const email = newAddress();
    await test.sendMail();
    await ask(session, email);
    const seen = test.mails.length;
    await test.sendMail();
    const sent = test.mails.slice(seen);
    expect(sent.map(({ recipient, notice }) => [recipient, notice]).sort()).toEqual(
      [
        [email, 'email-change-link'],
        [anna.email, 'email-change-asked'],
      ].sort(),
    );
  });

  it('refuses the address that the account has', async () => {
    const anna = await test.newPerson();
    const { session } = await test.signIn(anna);
    await expect(ask(session, anna.email.toUpperCase())).rejects.toEqual(refused('account-name-taken'));
  });

  it('goes the same way for an address that belongs to somebody, who is told (CHECKLIST 2)', async () => {
    const boris = await test.newPerson();
    const anna = await test.newPerson();
    const { session } = await test.signIn(anna);
    const issued = await ask(session, boris.email);
    expect(noticesOf(await test.mailsTo(boris.email))).toEqual(['email-change-taken']);
    expect((await test.find(boris))?.email).toBe(boris.email);
    expect(Object.keys(issued).sort()).toEqual(['session', 'token']);
  });

  it('mails one address five times an hour at most, whoever it belongs to', async () => {
    const email = newAddress();
    let { session } = await test.signIn(await test.newPerson());
    for (let asked = 0; asked < 5; asked++) ({ session } = await ask(session, email));
    await expect(ask(session, email)).rejects.toEqual(refused('too-many'));
  });
});

describe('confirming it', () => {
  it('gives the account the address as it was written, proved, and frees the old one', async () => {
    const { person, session, email, token } = await askedFor();
    expect(await test.house.accountEmail.findChange(session, token)).toBe(email);
    const issued = await confirm(session, token);
    const record = (await test.find(person))!;
    expect({ email: record.email, isProved: record.emailVerifiedAt !== undefined }).toEqual({
      email,
      isProved: true,
    });
    expect(noticesOf(await test.mailsTo(person.email))).toContain('email-changed');
    expect(await test.eventsOf(person)).toEqual(
      expect.arrayContaining(['email-change-asked', 'email-changed']),
    );
    const { accounts } = test.house;
    expect(await accounts.findByLogin(person.email)).toBeUndefined();
    expect((await accounts.findByLogin(email.toUpperCase()))?.accountId).toBe(person.accountId);
    await expect(confirm(issued.session, token)).rejects.toEqual(refused('mail-token-invalid'));
  });

  it('takes the account itself: who reads a mistyped mailbox cannot have it', async () => {
    const { token, email, person } = await askedFor();
    const stranger = await test.newPerson();
    const { session } = await test.signIn(stranger);
    expect(await test.house.accountEmail.findChange(session, token)).toBeUndefined();
    await expect(confirm(session, token)).rejects.toEqual(refused('mail-token-invalid'));
    await test.house.accountReset.askReset(email, {}, newOrigin());
    expect(noticesOf(await test.mailsTo(email))).toEqual([]);
    expect((await test.find(person))?.email).toBe(person.email);
  });

  it('is done by one of two at once', async () => {
    const { session, token } = await askedFor();
    const both = await Promise.allSettled([confirm(session, token), confirm(session, token)]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('takes the address over from an account that never proved it, and never from one that did', async () => {
    const email = newAddress().toLowerCase();
    const { accounts } = test.house;
    const squatter = await accounts.createAccount({
      ...{ email, username: `squatter${addresses}`, password: PASSWORD, role: 'person' },
      isEmailVerified: false,
    });
    const { person, session, token } = await askedFor(email);
    await confirm(session, token);
    expect((await test.find(squatter))?.email).toBe('');
    expect((await accounts.findByLogin(email))?.accountId).toBe(person.accountId);
    expect(await test.eventsOf(squatter)).toContain('email-taken-over');

    const late = await askedFor();
    const owner = await askedFor(late.email.replace('example.net', 'EXAMPLE.net').toLowerCase());
    await confirm(owner.session, owner.token);
    await expect(confirm(late.session, late.token)).rejects.toEqual(refused('mail-token-invalid'));
    expect((await test.find(late.person))?.email).toBe(late.person.email);
  });

  it('kills links in the old mailbox', async () => {
    const { person, session, token } = await askedFor();
    const resetToken = await test.resetToken(person);
    await confirm(session, token);
    expect(await test.house.accountReset.findReset(resetToken)).toBeUndefined();
  });

  it('is over once the password was changed or reset: whoever knew the old one may have asked', async () => {
    const { person, token } = await askedFor();
    const resetToken = await test.resetToken(person);
    test.clock.advance(1);
    await test.house.accountReset.resetPassword(
      { token: resetToken, newPassword: NEW_PASSWORD },
      newOrigin(),
    );
    const { session } = await test.signIn(person, NEW_PASSWORD);
    await expect(confirm(session, token)).rejects.toEqual(refused('mail-token-invalid'));
  });

  it('is over after a day, and when another address was asked for', async () => {
    const first = await askedFor();
    const { session } = await ask(first.session, newAddress());
    await expect(confirm(session, first.token)).rejects.toEqual(refused('mail-token-invalid'));
    const second = await askedFor();
    test.clock.advance(24 * 3600);
    const again = await test.signIn(second.person);
    await expect(confirm(again.session, second.token)).rejects.toEqual(refused('mail-token-invalid'));
  });
});
