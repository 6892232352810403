// The pages that make an account and prove its address: first run, sign up, verify, and the code that comes along.
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor } from '../support/visitor.js';

const PASSWORD = 'seven brass otters hum at dusk';
const BRUNO = { email: 'bruno@example.com', username: 'bruno', new_password: PASSWORD };

let house: TestHouse;
afterEach(() => house.close());

async function startHouse(config: Parameters<typeof startTestHouse>[0] = {}, hasOperator = true) {
  house = await startTestHouse({ ...config, config: { signingAlgs: ['EdDSA'], ...config.config } });
  if (hasOperator) await house.newAccount('operator');
}

/** The address in the newest mail to someone. */
async function mailedTo(email: string): Promise<string> {
  await house.sendMail();
  const mail = house.mails.findLast(({ recipient }) => recipient === email);
  if (!mail || !('address' in mail.details)) throw new Error(`no mail to ${email}`);
  return mail.details.address;
}

async function startLink(): Promise<string> {
  const { client } = await house.house.clients.createByOperator({
    name: 'Living room TV',
    isConfidential: false,
  });
  const origin = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 'tool' };
  return (await house.house.linksForTool.startLink({ client, scope: 'openid', origin })).userCode;
}

describe('the first run', () => {
  it('shows the house as not ready, and keeps sign-up shut', async () => {
    await startHouse({}, false);
    const visitor = createVisitor(house);
    await visitor.visit('/');
    expect(visitor.title).toBe('Almost ready · Linchpin');
    await visitor.visit('/sign-up');
    expect(visitor.status).toBe(403);
    expect(visitor.title).toContain('Sign-up is closed');
  });

  it("makes the operator's account once, signed in, through the one-time address", async () => {
    await startHouse({}, false);
    const token = await house.house.accounts.firstRunToken();
    const visitor = createVisitor(house);
    await visitor.visit(`/first-run?token=${token}`);
    await visitor.submit({ email: 'ops@example.com', username: 'ops', new_password: PASSWORD });
    expect(visitor.path).toBe('/account/security');
    expect(visitor.text).toContain('you are signed in');
    await visitor.visit(`/first-run?token=${token}`);
    expect(visitor.status).toBe(410);
    expect((await house.house.accounts.findByLogin('ops'))?.role).toBe('operator');
  });

  it('makes nothing on a visit, and nothing with a wrong token', async () => {
    await startHouse({}, false);
    const token = await house.house.accounts.firstRunToken();
    const visitor = createVisitor(house);
    await visitor.visit('/first-run?token=guessed');
    expect(visitor.status).toBe(410);
    await visitor.visit(`/first-run?token=${token}`);
    await visitor.submit({
      email: 'a@example.com',
      username: 'a2b',
      new_password: PASSWORD,
      token: 'guessed',
    });
    expect(visitor.status).toBe(410);
    expect(await house.house.accounts.isFirstRun()).toBe(true);
  });
});

describe('signing up', () => {
  it('makes an account to sign in with, where no proof of the address is due', async () => {
    await startHouse();
    const visitor = createVisitor(house);
    await visitor.visit('/sign-up');
    expect(visitor.text).toContain('This server cannot send mail yet');
    await visitor.submit(BRUNO);
    expect(visitor.path).toBe('/sign-in');
    expect(visitor.text).toContain('Your account is made');
    // The one name that works whether or not the address was somebody else's.
    expect(visitor.text).toContain('with your user name');
    await visitor.submit({ login: 'bruno', password: PASSWORD });
    expect(visitor.path).toBe('/account');
    expect(visitor.text).toContain('bruno@example.com');
  });

  it.each([
    [{ ...BRUNO, new_password: 'tiny otter' }, 'new_password', 'Password too short'],
    [{ ...BRUNO, new_password: 'linchpin linchpin linchpin' }, 'new_password', 'Password too easy'],
    [{ ...BRUNO, email: 'nobody' }, 'email', 'E-mail not usable'],
    [{ ...BRUNO, username: 'a@b' }, 'username', 'User name not usable'],
    [{ ...BRUNO, username: 'operator' }, 'username', 'User name taken'],
    [{ ...BRUNO, email: '' }, 'email', 'E-mail missing'],
  ])(
    'says at the field what is wrong, and keeps what was typed, never the password (%#)',
    async (typed, field, state) => {
      await startHouse();
      const visitor = createVisitor(house);
      await visitor.visit('/sign-up');
      await visitor.submit(typed);
      expect(visitor.title).toBe(`${state}: Sign up · Linchpin`);
      expect(visitor.status).toBeGreaterThanOrEqual(400);
      expect(visitor.html).toMatch(
        new RegExp(`id="field-${field}"[^>]*aria-describedby="[^"]*field-${field}-fault"[^>]*aria-invalid`),
      );
      expect(visitor.html).toContain(`id="field-${field}-fault"`);
      expect(visitor.html).toContain(`href="#field-${field}"`);
      expect(visitor.forms[0]?.fields).toMatchObject({ username: typed.username, new_password: '' });
      expect(visitor.html).not.toContain(typed.new_password);
    },
  );

  it('answers a taken e-mail with the same page, and tells only its owner (ASVS 6.3.8)', async () => {
    await startHouse({ config: { emailVerification: 'required' } });
    const pages: string[] = [];
    for (const [email, username] of [
      ['operator@example.com', 'sly'],
      ['new@example.com', 'new'],
    ] as const) {
      const visitor = createVisitor(house);
      await visitor.visit('/sign-up');
      await visitor.submit({ email, username, new_password: PASSWORD });
      pages.push(`${visitor.status} ${visitor.address} ${visitor.text}`);
    }
    expect(pages[0]).toBe(pages[1]);
    await house.sendMail();
    expect(house.mails.map(({ notice, recipient }) => [notice, recipient]).sort()).toEqual([
      ['email-already-known', 'operator@example.com'],
      ['verify-email', 'new@example.com'],
    ]);
  });

  it('is closed where the operator says so', async () => {
    await startHouse({ config: { signUp: 'closed' } });
    const visitor = createVisitor(house);
    await visitor.visit('/sign-in');
    expect(visitor.html).not.toContain('/sign-up');
    await visitor.visit('/sign-up');
    expect(visitor.status).toBe(403);
  });
});

describe('proving an address', () => {
  const required = { config: { emailVerification: 'required' as const } };

  async function signUpWithCode(userCode: string) {
    const visitor = createVisitor(house);
    await visitor.visit(`/link?user_code=${userCode}`);
    await visitor.visit(`/sign-up?next=link&user_code=${userCode}`);
    await visitor.submit(BRUNO);
    expect(visitor.path).toBe('/verify-email');
    return visitor;
  }

  it('lets an unproved account only prove it and sign out', async () => {
    await startHouse(required);
    const visitor = createVisitor(house);
    await visitor.visit('/sign-up');
    await visitor.submit(BRUNO);
    await visitor.signIn('bruno', PASSWORD);
    for (const path of ['/account', '/account/tools', '/account/security', '/link/review', '/step-up']) {
      await visitor.visit(path);
      expect([path, visitor.path]).toEqual([path, '/verify-email']);
    }
    expect(visitor.forms.map(({ action }) => action)).toEqual(['/verify-email/again', '/sign-out']);
    await visitor.submit({}, '/sign-out');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
  });

  it('proves nothing on a visit: mail scanners open every address', async () => {
    await startHouse(required);
    const visitor = await signUpWithCode(await startLink());
    const address = await mailedTo('bruno@example.com');
    await visitor.visit(address);
    await visitor.visit(address);
    expect(visitor.text).toContain('bruno@example.com');
    expect((await house.house.accounts.findByLogin('bruno'))?.isEmailVerified).toBe(false);
    await visitor.submit();
    expect((await house.house.accounts.findByLogin('bruno'))?.isEmailVerified).toBe(true);
    await visitor.visit(address);
    expect(visitor.status).toBe(410);
  });

  it('goes on with the code in the same browser', async () => {
    await startHouse(required);
    const code = await startLink();
    const visitor = await signUpWithCode(code);
    await visitor.visit(await mailedTo('bruno@example.com'));
    await visitor.submit();
    expect(visitor.path).toBe('/sign-in');
    await visitor.submit({ login: 'bruno', password: PASSWORD });
    expect(visitor.path).toBe('/link');
    expect(visitor.forms[0]?.fields.user_code?.replace('-', '')).toBe(code.replace('-', ''));
  });

  it('goes on with the code on another device, whose mail address holds nothing of it', async () => {
    await startHouse(required);
    const code = await startLink();
    await signUpWithCode(code);
    const address = await mailedTo('bruno@example.com');
    expect(address.replace('-', '')).not.toContain(code.replace('-', ''));
    const phone = createVisitor(house);
    await phone.visit(address);
    await phone.submit();
    await phone.submit({ login: 'bruno', password: PASSWORD });
    expect(phone.path).toBe('/link');
    expect(phone.forms[0]?.fields.user_code?.replace('-', '')).toBe(code.replace('-', ''));
  });

  it('sends the message again on request, and says when that is too often', async () => {
    await startHouse(required);
    const visitor = createVisitor(house);
    await visitor.visit('/sign-up');
    await visitor.submit(BRUNO);
    await visitor.signIn('bruno', PASSWORD);
    await visitor.submit({}, '/verify-email/again');
    expect(visitor.text).toContain('The message is on its way');
    for (let sent = 2; sent <= 6; sent += 1) await visitor.submit({}, '/verify-email/again');
    expect(visitor.status).toBe(429);
    expect(visitor.title).toContain('Too many tries');
    expect(Number(visitor.headers['retry-after'])).toBeGreaterThan(0);
  });

  it('says for which account, and brings its code to no other (RFC 8628 §5.4, Hydra PR #770)', async () => {
    await startHouse(required);
    await house.newAccount();
    await signUpWithCode('WDJB-MJHT');
    const address = await mailedTo('bruno@example.com');
    const victim = createVisitor(house);
    await victim.visit(address);
    expect(victim.text).toContain('the account bruno.');
    await victim.submit();
    // Signed in as somebody else than the sign-up that the code came with.
    await victim.signIn('anna');
    expect(victim.path).toBe('/account');
    await victim.visit('/link');
    expect(victim.forms[0]?.fields.user_code).toBe('');
  });

  it('brings no code to another account that is signed in already (RFC 8628 §5.4)', async () => {
    await startHouse(required);
    await house.newAccount();
    await signUpWithCode('WDJB-MJHT');
    const address = await mailedTo('bruno@example.com');
    const victim = createVisitor(house);
    await victim.signIn('anna');
    await victim.visit(address);
    await victim.submit();
    expect(victim.path).toBe('/account');
    await victim.visit('/link');
    expect(victim.forms[0]?.fields.user_code).toBe('');
  });
});
