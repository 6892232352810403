// Changing the password while signed in: what it takes, what it ends, and who hears of it.
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
const change = (session: Session, asked: object) =>
  test.house.accountPassword.changePassword(
    session,
    { password: PASSWORD, newPassword: NEW_PASSWORD, ...asked },
    newOrigin(),
  );
const refused = (code: string) => expect.objectContaining({ code }) as Error;

describe('changing the password', () => {
  it('takes the current one in the same request (ASVS 6.2.3)', async () => {
    const anna = await test.newPerson();
    const { session } = await test.signIn(anna);
    await expect(change(session, { password: 'wrong' })).rejects.toEqual(refused('credentials-wrong'));
    await change(session, {});
    await expect(test.signIn(anna)).rejects.toEqual(refused('credentials-wrong'));
    await expect(test.signIn(anna, NEW_PASSWORD)).resolves.toBeDefined();
  });

  it('takes the second factor too where there is one, which no recovery code stands in for (ASVS 7.5.1)', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const { session } = await test.signIn(anna);
    await expect(change(session, {})).rejects.toEqual(refused('code-wrong'));
    await expect(change(session, { code: await test.wrongCode(anna) })).rejects.toEqual(
      refused('code-wrong'),
    );
    await expect(change(session, { code: anna.recoveryCodes[0] })).rejects.toEqual(refused('code-wrong'));
    await expect(change(session, { code: await test.freshCode(anna) })).resolves.toBeDefined();
  });

  it('asks for 15 characters where it is the only factor, and for 12 beside a second one (CHECKLIST 3.6)', async () => {
    const twelve = 'kelp fog ax9';
    const alone = await test.newPerson();
    const { session } = await test.signIn(alone);
    await expect(change(session, { newPassword: twelve })).rejects.toEqual(refused('password-breaks-rule'));
    const careful = await test.newPerson({ isCareful: true });
    const signedIn = await test.signIn(careful);
    const asked = { newPassword: twelve, code: await test.freshCode(careful) };
    await expect(change(signedIn.session, asked)).resolves.toBeDefined();
  });

  it('costs no proof while the new password breaks the rule: the code is still good', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const { session } = await test.signIn(anna);
    const code = await test.freshCode(anna);
    await expect(change(session, { newPassword: 'short', code })).rejects.toEqual(
      refused('password-breaks-rule'),
    );
    await expect(change(session, { code })).resolves.toBeDefined();
  });

  it('ends every other session and what is half done, and rotates this one (ASVS 7.2.4, 7.4.3)', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const { house } = test;
    const elsewhere = await test.signIn(anna);
    const begun = await house.signIn.startSignIn({ login: anna.username, password: PASSWORD }, newOrigin());
    const halfDone = begun.next === 'second-factor' ? begun.signInToken : '';
    const here = await test.signIn(anna);
    const issued = await change(here.session, { code: await test.freshCode(anna) });
    expect(await house.sessions.findSession(here.token)).toBeUndefined();
    expect(await house.sessions.findSession(elsewhere.token)).toBeUndefined();
    expect(await house.signIn.findSignIn(halfDone)).toBeUndefined();
    expect((await house.sessions.findSession(issued.token))?.ticket).toBe(here.session.ticket);
    expect(await house.sessions.listSessions(anna.accountId)).toHaveLength(1);
  });

  it('leaves linked tools to its owner', async () => {
    const anna = await test.newPerson({ isCareful: true });
    await test.letToolIn(anna);
    const { session } = await test.signIn(anna);
    await change(session, { code: await test.freshCode(anna) });
    expect(await test.house.linkedTools.listLinkedTools(anna.accountId)).toHaveLength(1);
  });

  it('is mailed and remembered', async () => {
    const anna = await test.newPerson();
    const { session } = await test.signIn(anna);
    await change(session, {});
    expect((await test.mailsTo(anna.email)).map(({ notice }) => notice)).toContain('password-changed');
    expect(await test.eventsOf(anna)).toContain('password-changed');
  });

  it('happens once when two windows send it at the same moment', async () => {
    const anna = await test.newPerson();
    const { session } = await test.signIn(anna);
    const other = 'nine herons read the tide';
    const both = await Promise.allSettled([change(session, {}), change(session, { newPassword: other })]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await test.house.sessions.listSessions(anna.accountId)).toHaveLength(1);
  });
});
