// Closing an account: who is out at once, who may come back, and what is left when it has ended.
import {
  NEW_PASSWORD,
  newOrigin,
  openCredentialsHouse,
  PASSWORD,
  type CredentialsHouse,
} from '../support/credentials.js';

const DAY = 86_400;
let test: CredentialsHouse;
beforeAll(async () => {
  test = await openCredentialsHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
});
afterAll(() => test.close());

const refused = (code: string) => expect.objectContaining({ code }) as Error;
type Person = Awaited<ReturnType<CredentialsHouse['newPerson']>>;

async function closed(person: Person) {
  const { session, token } = await test.signIn(person);
  await test.house.accountClosing.closeAccount(session, await test.proofOf(person), newOrigin());
  return { session, token };
}

/** The half-done sign-in of an owner who comes back to a closed account. */
async function comeBack(person: Person, password = PASSWORD): Promise<string> {
  const begun = await test.house.signIn.startSignIn({ login: person.username, password }, newOrigin());
  expect(begun.next).toBe('keep-account');
  return 'signInToken' in begun ? begun.signInToken : '';
}

describe('closing an account', () => {
  it('takes a fresh proof, password and code', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const { session } = await test.signIn(anna);
    const { accountClosing } = test.house;
    const close = (proof: { password: string; code?: string }) =>
      accountClosing.closeAccount(session, proof, newOrigin());
    await expect(close({ password: 'wrong' })).rejects.toEqual(refused('credentials-wrong'));
    await expect(close({ password: PASSWORD })).rejects.toEqual(refused('code-wrong'));
    const endsAt = await close(await test.proofOf(anna));
    expect(endsAt).toEqual(new Date(test.clock.now().getTime() + 14 * DAY * 1000));
  });

  it('puts everybody out at once: sessions, half-done sign-ins, tools, and whatever asks for the account', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const { house } = test;
    const tool = await test.letToolIn(anna);
    const { token } = await closed(anna);
    expect(await house.sessions.findSession(token)).toBeUndefined();
    expect(await house.linkedTools.listLinkedTools(anna.accountId)).toEqual([]);
    await expect(house.tokensLasting.useLastingToken(tool, newOrigin())).rejects.toEqual(
      refused('token-invalid'),
    );
    await house.inTransaction(async (stores) => {
      expect(await house.accounts.mayReceiveToken(stores, anna.accountId)).toBe(false);
      expect(await house.accounts.isActive(stores, anna.accountId)).toBe(false);
    });
    expect(await house.accounts.mayUseTokens(anna.accountId)).toBe(false);
    await expect(test.letToolIn(anna)).rejects.toThrow('refused');
  });

  it('is told with the way back, and remembered', async () => {
    const anna = await test.newPerson();
    await closed(anna);
    const told = (await test.mailsTo(anna.email)).find(({ notice }) => notice === 'account-closed');
    expect(told?.details).toMatchObject({
      days: 14,
      until: expect.stringMatching(/^2026-.* UTC$/) as string,
    });
    expect(await test.eventsOf(anna)).toContain('account-closed');
  });

  it('is not done in a session that has ended meanwhile', async () => {
    const anna = await test.newPerson();
    const { session } = await test.signIn(anna);
    await test.house.sessions.endAllSessions(anna.accountId);
    const close = test.house.accountClosing.closeAccount(session, { password: PASSWORD }, newOrigin());
    await expect(close).rejects.toEqual(refused('sign-in-over'));
    expect((await test.find(anna))?.closedAt).toBeUndefined();
  });
});

describe('keeping it after all', () => {
  it('takes the password, and then a sign-in as always: nobody is signed in by it', async () => {
    const anna = await test.newPerson();
    await closed(anna);
    const { accountClosing, sessions } = test.house;
    const signInToken = await comeBack(anna);
    expect(await accountClosing.findReturning(signInToken)).toMatchObject({ hasSecondFactor: false });
    await accountClosing.keepBySignIn(signInToken, {}, newOrigin());
    expect(await sessions.listSessions(anna.accountId)).toEqual([]);
    await expect(test.signIn(anna)).resolves.toBeDefined();
    expect((await test.mailsTo(anna.email)).map(({ notice }) => notice)).toContain('account-kept');
  });

  it('takes the second factor where there is one, and its half-done sign-in never becomes a session', async () => {
    const anna = await test.newPerson({ isCareful: true });
    await closed(anna);
    const { accountClosing, signIn } = test.house;
    const signInToken = await comeBack(anna);
    const keep = (factor: object) => accountClosing.keepBySignIn(signInToken, factor, newOrigin());
    await expect(keep({})).rejects.toEqual(refused('code-wrong'));
    await expect(keep({ code: await test.wrongCode(anna) })).rejects.toEqual(refused('code-wrong'));
    expect(await signIn.findSignIn(signInToken)).toBeUndefined();
    const finish = signIn.finishWithCode(signInToken, await test.freshCode(anna), newOrigin());
    await expect(finish).rejects.toEqual(refused('sign-in-over'));
    await comeBack(anna);
    await accountClosing.keepBySignIn(
      await comeBack(anna),
      { code: await test.freshCode(anna) },
      newOrigin(),
    );
    await expect(test.signIn(anna)).resolves.toBeDefined();
  });

  it('works by the link in the mail, once, and without a sign-in', async () => {
    const anna = await test.newPerson();
    await closed(anna);
    const { accountClosing } = test.house;
    const token = await test.tokenMailedTo(anna.email);
    expect(await accountClosing.findKeepable(token)).toMatchObject({ username: anna.username });
    const keep = () => accountClosing.keepByMail(token, newOrigin());
    const both = await Promise.allSettled([keep(), keep()]);
    expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(keep()).rejects.toEqual(refused('mail-token-invalid'));
    await expect(test.signIn(anna)).resolves.toBeDefined();
  });

  it('is not possible with a wrong password, nor after fourteen days', async () => {
    const anna = await test.newPerson();
    await closed(anna);
    const token = await test.tokenMailedTo(anna.email);
    const wrong = test.house.signIn.startSignIn({ login: anna.username, password: 'wrong' }, newOrigin());
    await expect(wrong).rejects.toEqual(refused('credentials-wrong'));
    test.clock.advance(14 * DAY);
    const { accountClosing } = test.house;
    expect(await accountClosing.findKeepable(token)).toBeUndefined();
    const keep = accountClosing.keepBySignIn(await comeBack(anna), {}, newOrigin());
    await expect(keep).rejects.toEqual(refused('sign-in-over'));
  });

  it('is possible for an owner who first has to choose a new password: somebody else may have closed it', async () => {
    const anna = await test.newPerson();
    await closed(anna);
    const token = await test.resetToken(anna);
    await test.house.accountReset.resetPassword({ token, newPassword: NEW_PASSWORD }, newOrigin());
    const signInToken = await comeBack(anna, NEW_PASSWORD);
    await test.house.accountClosing.keepBySignIn(signInToken, {}, newOrigin());
    await expect(test.signIn(anna, NEW_PASSWORD)).resolves.toBeDefined();
  });
});

describe('the end of a closed account', () => {
  it('comes after fourteen days and not before', async () => {
    const anna = await test.newPerson();
    await closed(anna);
    test.clock.advance(14 * DAY - 1);
    await test.house.accountClosing.endClosed();
    expect(await test.find(anna)).toBeDefined();
    test.clock.advance(1);
    expect(await test.house.accountClosing.endClosed()).toBe(1);
    expect(await test.house.accountClosing.endClosed()).toBe(0);
    expect(await test.find(anna)).toBeUndefined();
    expect((await test.mailsTo(anna.email)).map(({ notice }) => notice)).toContain('account-ended');
  });

  it('frees its names, leaves every other account alone, and never gives its number away', async () => {
    const anna = await test.newPerson();
    const boris = await test.newPerson();
    await closed(anna);
    test.clock.advance(14 * DAY);
    const { house } = test;
    await house.accountClosing.endClosed();
    expect((await test.find(boris))?.username).toBe(boris.username);
    const again = await test.newAccount(anna.username, PASSWORD);
    expect(again.accountId).not.toBe(anna.accountId);
    const record = {
      ...(await test.find(boris))!,
      accountId: 'new' as never,
      publicNumber: anna.publicNumber,
    };
    expect(await house.inTransaction(({ accounts }) => accounts.insert(record))).toBe(false);
  });

  it('leaves what happened, and nothing of who it was', async () => {
    const anna = await test.newPerson({ isCareful: true });
    await test.letToolIn(anna);
    await closed(anna);
    test.clock.advance(14 * DAY);
    await test.house.accountClosing.endClosed();
    const rows = await test.house.stores.audit.findByAccount(anna.accountId, 100);
    expect(rows.map(({ event }) => event)).toEqual(expect.arrayContaining(['sign-in', 'account-ended']));
    expect(rows.filter(({ networkAddress, userAgent }) => networkAddress + userAgent !== '')).toEqual([]);
    expect(rows.filter(({ details }) => Object.keys(details).length > 0)).toEqual([]);
    const { stores } = test.house;
    expect(await stores.proofs.countRecoveryCodes(anna.accountId)).toBe(0);
    expect(await stores.proofs.findAuthenticator(anna.accountId, 'active')).toBeUndefined();
    expect(await stores.tokens.findLinkedTools(anna.accountId)).toEqual([]);
    expect(await stores.accounts.findByLoginName(anna.email)).toBeUndefined();
  });

  it('does not come to one that is kept at the same moment', async () => {
    const anna = await test.newPerson();
    await closed(anna);
    test.clock.advance(14 * DAY - 1);
    const { accountClosing } = test.house;
    await Promise.all([
      accountClosing.keepBySignIn(await comeBack(anna), {}, newOrigin()),
      accountClosing.endClosed(),
    ]);
    test.clock.advance(1);
    await accountClosing.endClosed();
    expect(await test.find(anna)).toBeDefined();
    expect((await test.find(anna))?.closedAt).toBeUndefined();
  });
});
