// Signing in on the pages: password, code, recovery code, a fresh proof, and where it all leads.
import { totpCode } from '../../src/crypto/totp.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';

let house: TestHouse;
let visitor: Visitor;
beforeEach(async () => {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
  visitor = createVisitor(house);
});
afterEach(() => house.close());

async function newAccountWithCodes() {
  const { accountId } = await house.newAccount();
  const origin = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'setup' };
  const { secret, recoveryCodes } = await house.house.proofs.addAuthenticator(accountId, 'anna', origin);
  return { recoveryCodes, code: () => totpCode(secret, house.clock.now()) };
}

describe('the password', () => {
  it('signs in by e-mail or user name, and leads to the account', async () => {
    await house.newAccount();
    for (const login of ['anna', ' ANNA ', 'anna@example.com']) {
      const browser = createVisitor(house);
      await browser.signIn(login);
      expect(browser.path).toBe('/account');
    }
  });

  it('answers wrong and unknown alike, and keeps the name (ASVS 6.3.8)', async () => {
    await house.newAccount();
    const answers: string[] = [];
    for (const login of ['anna', 'nobody']) {
      const browser = createVisitor(house);
      await browser.signIn(login, 'not the password');
      answers.push(`${browser.status} ${browser.title} ${browser.text}`.replace(login, ''));
      expect(browser.forms[0]?.fields).toMatchObject({ login, password: '' });
    }
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).toContain('Not signed in: Sign in');
  });

  it('names each missing field', async () => {
    await visitor.signIn('', '');
    expect(visitor.status).toBe(400);
    expect(visitor.html).toContain('field-login-fault');
    expect(visitor.html).toContain('field-password-fault');
  });

  it('leads only to places of ours (RFC 9700 §4.11)', async () => {
    await house.newAccount();
    for (const next of [
      '//evil.example',
      'https://evil.example',
      '/\\evil.example',
      'constructor',
      '__proto__',
    ]) {
      const browser = createVisitor(house);
      await browser.visit(`/sign-in?next=${encodeURIComponent(next)}`);
      await browser.submit({ login: 'anna', password: PASSWORD, next });
      expect(browser.path).toBe('/account');
    }
  });

  it('answers a right form with 303, so that nothing is sent twice (RFC 9700 §4.12)', async () => {
    await house.newAccount();
    await visitor.visit('/sign-in');
    const { fields } = visitor.forms[0]!;
    const answer = await visitor.agent
      .post('/sign-in')
      .type('form')
      .send({ ...fields, login: 'anna', password: PASSWORD });
    expect({ status: answer.status, location: answer.headers.location }).toEqual({
      status: 303,
      location: '/account',
    });
  });

  it('keeps the session where no script reads it, under a new token (ASVS 7.2.4)', async () => {
    await house.newAccount();
    await visitor.visit('/sign-in');
    const { fields } = visitor.forms[0]!;
    const answer = await visitor.agent
      .post('/sign-in')
      .set('Cookie', 'linchpin=planted')
      .type('form')
      .send({ ...fields, login: 'anna', password: PASSWORD });
    const cookies = answer.headers['set-cookie'] as unknown as string[];
    const session = cookies.find((cookie) => cookie.startsWith('linchpin='));
    expect(session).toMatch(/^linchpin=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  });

  it('ends the session that the browser had before', async () => {
    await house.newAccount();
    const { accountId } = await house.newAccount('berta');
    await visitor.visit('/sign-in');
    const other = createVisitor(house);
    await other.signIn('berta');
    const session = other.agent.jar
      .getCookies({ domain: '127.0.0.1', path: '/', secure: false, script: false })
      .toValueString();
    await other.visit('/account');
    const { _csrf } = other.forms[0]!.fields;
    await house.request
      .post('/sign-in')
      .set('Cookie', session)
      .type('form')
      .send({ _csrf, login: 'anna', password: PASSWORD })
      .expect(303);
    expect(await house.house.sessions.listSessions(accountId)).toEqual([]);
  });

  it('is not asked of those who are signed in', async () => {
    await house.newAccount();
    await visitor.signIn('anna');
    await visitor.visit('/sign-in?next=tools');
    expect(visitor.path).toBe('/account/tools');
  });
});

describe('the second step', () => {
  it('asks for the code, and the half-done sign-in opens nothing (GHSA-xg6x-h9c9-2m83)', async () => {
    const { code } = await newAccountWithCodes();
    await visitor.signIn('anna');
    expect(visitor.path).toBe('/sign-in/code');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
    await visitor.visit('/sign-in/code');
    await visitor.submit({ code: await code() });
    expect(visitor.path).toBe('/account');
  });

  it('shows a wrong code at its field, and ends after five (CHECKLIST 3.3)', async () => {
    await newAccountWithCodes();
    await visitor.signIn('anna');
    for (let wrong = 1; wrong <= 4; wrong += 1) {
      await visitor.submit({ code: '000000' });
      expect(visitor.title).toBe('Code not right: Enter your code · Linchpin');
    }
    await visitor.submit({ code: '000000' });
    expect(visitor.title).toBe('That took too long: Sign in · Linchpin');
    expect(visitor.forms[0]?.action).toBe('/sign-in');
  });

  it('takes a code with spaces in it', async () => {
    const { code } = await newAccountWithCodes();
    await visitor.signIn('anna');
    await visitor.submit({ code: (await code()).replace(/^.../, '$& ') });
    expect(visitor.path).toBe('/account');
  });

  it('is over after ten minutes', async () => {
    const { code } = await newAccountWithCodes();
    await visitor.signIn('anna');
    house.clock.advance(601);
    await visitor.submit({ code: await code() });
    expect(visitor.title).toContain('That took too long');
  });

  it('takes a recovery code instead, however it is written, and says how many are left', async () => {
    const { recoveryCodes } = await newAccountWithCodes();
    await visitor.signIn('anna');
    await visitor.visit('/sign-in/recovery');
    await visitor.submit({ recovery_code: recoveryCodes[0]!.toLowerCase().replaceAll('-', ' ') });
    expect(visitor.path).toBe('/sign-in/recovered');
    expect(visitor.text).toContain('Lost your authenticator?');
    expect(visitor.text).toContain('9 are left');
  });

  it('refuses a recovery code that was used (ASVS 6.5.1)', async () => {
    const { recoveryCodes } = await newAccountWithCodes();
    for (const expected of ['/sign-in/recovered', '/sign-in/recovery']) {
      const browser = createVisitor(house);
      await browser.signIn('anna');
      await browser.visit('/sign-in/recovery');
      await browser.submit({ recovery_code: recoveryCodes[3]! });
      expect(browser.path).toBe(expected);
    }
  });
});

describe('a fresh proof', () => {
  it('asks for the code where there is one, else for the password, and rotates the session', async () => {
    await house.newAccount();
    await visitor.signIn('anna');
    house.clock.advance(601);
    await visitor.visit('/step-up?next=tools');
    await visitor.submit({ password: 'wrong' });
    expect(visitor.title).toBe('Password not right: Is it still you? · Linchpin');
    await visitor.submit({ password: PASSWORD });
    expect(visitor.path).toBe('/account/tools');

    const { code } = await newAccountWithCodesFor('berta');
    const other = createVisitor(house);
    await other.signIn('berta');
    await other.submit({ code: await code() });
    house.clock.advance(601);
    await other.visit('/step-up');
    await other.submit({ code: '000000' });
    expect(other.title).toBe('Code not right: Is it still you? · Linchpin');
    await other.submit({ code: await code() });
    expect(other.path).toBe('/account');
  });

  async function newAccountWithCodesFor(name: string) {
    const { accountId } = await house.newAccount(name);
    const origin = { networkAddress: '127.0.0.1', network: '127.0.0.1', requestId: 'setup' };
    const { secret } = await house.house.proofs.addAuthenticator(accountId, name, origin);
    return { code: () => totpCode(secret, house.clock.now()) };
  }
});

describe('signing out', () => {
  it('takes a form, and ends the session in the house too (ASVS 7.4.1)', async () => {
    await house.newAccount();
    await visitor.signIn('anna');
    const cookie = visitor.agent.jar
      .getCookies({ domain: '127.0.0.1', path: '/', secure: false, script: false })
      .toValueString();
    expect((await visitor.agent.get('/sign-out')).status).toBe(405);
    await visitor.visit('/account');
    await visitor.submit({}, '/sign-out');
    expect(visitor.path).toBe('/');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
    const replayed = await house.request.get('/account').set('Cookie', cookie);
    expect(replayed.status).toBe(303);
  });
});
