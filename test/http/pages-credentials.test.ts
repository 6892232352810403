// The pages about password, address and the end of an account: over HTTP, as a browser without scripts sees them, and as an
// attacker would try them.
import type { Response } from 'supertest';
import {
  NEW_PASSWORD,
  openCredentialsHouse,
  PASSWORD,
  type CredentialsHouse,
} from '../support/credentials.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

let test: CredentialsHouse;
let visitor: Visitor;
beforeAll(async () => {
  const limits = { 'reset-by-network': { limit: 1000 }, 'sign-in-by-network': { limit: 1000 } };
  test = await openCredentialsHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] }, limits });
});
beforeEach(() => {
  visitor = createVisitor(test);
});
afterAll(() => test.close());

type Person = Awaited<ReturnType<CredentialsHouse['newPerson']>>;

async function signIn(person: Person, password = PASSWORD): Promise<void> {
  await visitor.signIn(person.username, password);
  if (person.secret) await visitor.submit({ code: await test.freshCode(person) }, '/sign-in/code');
}

const proofFields = async (person: Person) => test.proofOf(person);
const noticesTo = async (person: Person) => (await test.mailsTo(person.email)).map(({ notice }) => notice);

describe('/account/password', () => {
  it('changes it with the current one, and keeps this browser signed in', async () => {
    const anna = await test.newPerson();
    await signIn(anna);
    await visitor.visit('/account/password');
    await visitor.submit({ password: PASSWORD, new_password: NEW_PASSWORD }, '/account/password');
    expect(visitor.address).toBe('/account?notice=password-changed');
    expect(visitor.text).toContain('Your password is changed');
    await expect(test.signIn(anna, NEW_PASSWORD)).resolves.toBeDefined();
  });

  it('says at each field what is wrong, and keeps no secret in the form', async () => {
    const anna = await test.newPerson({ isCareful: true });
    await signIn(anna);
    await visitor.visit('/account/password');
    await visitor.submit({}, '/account/password');
    expect(visitor.status).toBe(400);
    expect(visitor.html.match(/class="fault"/g)).toHaveLength(3);
    await visitor.submit({ password: PASSWORD, code: '123456', new_password: 'short' }, '/account/password');
    expect(visitor.text).toContain('Use at least 12 characters.');
    expect(visitor.html).not.toContain(PASSWORD);
    const code = await test.freshCode(anna);
    await visitor.submit({ password: 'wrong', code, new_password: NEW_PASSWORD }, '/account/password');
    expect(visitor.title).toMatch(/^Password not right/);
  });

  it('asks afterwards about linked tools, and unlinks them on a word (ASVS 7.4.3)', async () => {
    const anna = await test.newPerson({ isCareful: true });
    await test.letToolIn(anna);
    await signIn(anna);
    await visitor.visit('/account/password');
    const asked = { ...(await proofFields(anna)), new_password: NEW_PASSWORD };
    await visitor.submit(asked, '/account/password');
    expect(visitor.path).toBe('/account/password/tools');
    expect(visitor.text).toContain('A television');
    expect(await test.house.linkedTools.listLinkedTools(anna.accountId)).toHaveLength(1);
    await visitor.submit({}, '/account/tools/unlink-all');
    expect(await test.house.linkedTools.listLinkedTools(anna.accountId)).toEqual([]);
    await visitor.visit('/account/password/tools');
    expect(visitor.path).toBe('/account');
  });

  it('warns when the new one ends in six digits (CHECKLIST 3.8.9)', async () => {
    const anna = await test.newPerson();
    await signIn(anna);
    await visitor.visit('/account/password');
    const asked = { password: PASSWORD, new_password: 'copper violin marsh 738201' };
    await visitor.submit(asked, '/account/password');
    expect(visitor.html).toContain('href="/account?notice=password-changed"');
  });
});

describe('/forgot-password', () => {
  async function askAsStranger(login: string): Promise<Response> {
    const stranger = createVisitor(test);
    await stranger.visit('/forgot-password');
    const [form] = stranger.forms;
    return stranger.agent
      .post('/forgot-password')
      .type('form')
      .send({ ...form!.fields, login })
      .redirects(0);
  }

  const shownOf = ({ status, headers, text }: Response) => {
    const told = Object.entries(headers as Record<string, unknown>);
    const own = ['x-request-id', 'date'];
    return { status, headers: Object.fromEntries(told.filter(([name]) => !own.includes(name))), text };
  };

  it('answers byte for byte the same, whoever is asked for (CHECKLIST 2)', async () => {
    const anna = await test.newPerson();
    const careful = await test.newPerson({ isCareful: true });
    const logins = [
      anna.email,
      careful.username,
      'nobody@example.com',
      'nobody',
      'no login @ all',
      "' or 1=1",
    ];
    const [first, ...others] = await Promise.all(
      logins.map(async (login) => shownOf(await askAsStranger(login))),
    );
    expect(first).toMatchObject({ status: 303, headers: { location: '/forgot-password/sent' } });
    for (const other of others) expect(other).toEqual(first);
  });

  it('says nothing of a mailbox that has had its share', async () => {
    const anna = await test.newPerson();
    const answers: unknown[] = [];
    for (let asked = 0; asked < 7; asked++) answers.push(shownOf(await askAsStranger(anna.email)));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await noticesTo(anna)).toHaveLength(5);
  });

  it('mails an address of PUBLIC_URL, whatever Host says', async () => {
    const anna = await test.newPerson();
    await visitor.visit('/forgot-password');
    const fields = { ...visitor.forms[0]!.fields, login: anna.email };
    const headers = { Host: 'evil.example', 'X-Forwarded-Host': 'evil.example' };
    await visitor.agent.post('/forgot-password').set(headers).type('form').send(fields).redirects(0);
    const [mail] = await test.mailsTo(anna.email);
    expect(mail?.details).toMatchObject({
      address: expect.stringMatching(`^${test.url}/reset-password\\?token=`) as string,
    });
  });

  it('asks for a name, and is found from the sign-in page', async () => {
    await visitor.visit('/sign-in');
    expect(visitor.html).toContain('href="/forgot-password"');
    await visitor.visit('/forgot-password');
    await visitor.submit({});
    expect(visitor.title).toMatch(/^E-mail or user name missing/);
  });
});

describe('/reset-password', () => {
  it('is looked at by GET as often as one likes, and used by POST once', async () => {
    const anna = await test.newPerson();
    const address = `/reset-password?token=${await test.resetToken(anna)}`;
    for (let visits = 0; visits < 3; visits++) {
      await visitor.visit(address);
      expect(visitor.status).toBe(200);
    }
    expect(visitor.headers['cache-control']).toBe('no-store');
    await visitor.submit({ new_password: 'short' });
    expect(visitor.text).toContain('Use at least 15 characters.');
    await visitor.submit({ new_password: NEW_PASSWORD });
    expect(visitor.address).toBe('/sign-in?notice=password-reset');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
    await visitor.visit(address);
    expect([visitor.status, visitor.title]).toEqual([410, 'This link no longer works · Linchpin']);
    expect(visitor.html).toContain('href="/forgot-password"');
  });

  it('says one thing of every link that is good for nothing', async () => {
    const anna = await test.newPerson();
    const superseded = await test.resetToken(anna);
    const expired = await test.resetToken(anna);
    test.clock.advance(45 * 60);
    const seen = new Set<string>();
    for (const token of ['', 'garbage', 'x'.repeat(500), '%27--', superseded, expired]) {
      await visitor.visit(`/reset-password?token=${token}`);
      expect(visitor.status).toBe(410);
      seen.add(visitor.text.replace(/Number to quote: \S+/, ''));
    }
    expect(seen.size).toBe(1);
  });

  it('asks for the second factor, or a recovery code in its place', async () => {
    const anna = await test.newPerson({ isCareful: true });
    await visitor.visit(`/reset-password?token=${await test.resetToken(anna)}`);
    await visitor.submit({ new_password: NEW_PASSWORD });
    expect(visitor.title).toMatch(/^Code missing/);
    await visitor.submit({ new_password: NEW_PASSWORD, code: await test.wrongCode(anna) });
    expect(visitor.title).toMatch(/^Code not right/);
    const recovery = /href="(\/reset-password\?[^"]+with=recovery)"/.exec(visitor.html)![1]!;
    await visitor.visit(recovery.replace('&amp;', '&'));
    await visitor.submit({ new_password: NEW_PASSWORD, recovery_code: anna.recoveryCodes[0]! });
    expect(visitor.address).toBe('/sign-in?notice=password-reset');
  });

  it('has gone on with the code that waited, on another device too', async () => {
    const anna = await test.newPerson();
    await visitor.visit('/forgot-password?user_code=WDJB-MJHT');
    expect(visitor.text).toContain('You are linking a tool with this code');
    await visitor.submit({ login: anna.email });
    const token = await test.tokenMailedTo(anna.email, 'password-reset-link');
    const phone = createVisitor(test);
    await phone.visit(`/reset-password?token=${token}`);
    await phone.submit({ new_password: NEW_PASSWORD });
    await phone.submit({ login: anna.username, password: NEW_PASSWORD });
    expect(phone.path).toBe('/link');
    expect(phone.html).toContain('value="WDJB-MJHT"');
  });

  it('takes no form of another site', async () => {
    const anna = await test.newPerson();
    const token = await test.resetToken(anna);
    const answer = await visitor.agent
      .post('/reset-password')
      .type('form')
      .send({ token, new_password: NEW_PASSWORD });
    expect(answer.status).toBe(403);
    expect(await test.house.accountReset.findReset(token)).toBeDefined();
  });

  it('ends the tools of every door at once', async () => {
    const anna = await test.newPerson({ isCareful: true });
    const token = await test.letToolIn(anna);
    const headers = { 'X-Plex-Token': token, 'X-Plex-Client-Identifier': 'a-tv', Accept: 'application/json' };
    expect((await test.request.get('/api/v2/user').set(headers)).status).toBe(200);
    const resetToken = await test.resetToken(anna);
    await visitor.visit(`/reset-password?token=${resetToken}`);
    await visitor.submit({ new_password: NEW_PASSWORD, code: await test.freshCode(anna) });
    expect((await test.request.get('/api/v2/user').set(headers)).status).toBe(401);
  });
});

describe('/account/email', () => {
  const changed = (name: string) => `${name}.new@example.net`;

  it('sends a link to the new address, and counts it once it was confirmed there, signed in', async () => {
    const anna = await test.newPerson();
    await signIn(anna);
    await visitor.visit('/account/email');
    expect(visitor.html.match(/<input[^>]* autofocus/g)).toEqual([expect.stringContaining('name="email"')]);
    await visitor.submit({ email: changed(anna.username), password: PASSWORD }, '/account/email');
    expect(visitor.path).toBe('/account/email/sent');
    const address = `/account/email/confirm?token=${await test.tokenMailedTo(changed(anna.username))}`;

    const elsewhere = createVisitor(test);
    await elsewhere.visit(address);
    expect(elsewhere.text).toContain('Sign in to the account first');
    expect(elsewhere.forms).toEqual([]);

    await visitor.visit(address);
    expect(visitor.text).toContain(changed(anna.username));
    expect((await test.find(anna))?.email).toBe(anna.email);
    await visitor.submit({}, '/account/email/confirm');
    expect(visitor.address).toBe('/account?notice=email-changed');
    expect(visitor.text).toContain(changed(anna.username));
    await visitor.visit(address);
    expect([visitor.status, visitor.title]).toEqual([410, 'This link no longer works · Linchpin']);
  });

  it('shows the same page for an address that belongs to somebody', async () => {
    const boris = await test.newPerson();
    const anna = await test.newPerson();
    await signIn(anna);
    const pages: string[] = [];
    for (const email of [boris.email, changed(anna.username)]) {
      await visitor.visit('/account/email');
      await visitor.submit({ email, password: PASSWORD }, '/account/email');
      pages.push(`${visitor.address} ${visitor.text}`);
    }
    expect(pages[0]).toBe(pages[1]);
    expect(await noticesTo(boris)).toEqual(['email-change-taken']);
  });

  it('says at its field what is wrong, and keeps the address that was typed', async () => {
    const anna = await test.newPerson();
    await signIn(anna);
    await visitor.visit('/account/email');
    await visitor.submit({ email: 'no address', password: PASSWORD }, '/account/email');
    expect(visitor.title).toMatch(/^E-mail not usable/);
    expect(visitor.html).toContain('value="no address"');
    await visitor.submit({ email: anna.email.toUpperCase(), password: PASSWORD }, '/account/email');
    expect(visitor.title).toMatch(/^E-mail unchanged/);
    await visitor.submit({ email: changed(anna.username), password: 'wrong' }, '/account/email');
    expect(visitor.title).toMatch(/^Password not right/);
  });
});

describe('/account/close', () => {
  async function close(person: Person): Promise<void> {
    await signIn(person);
    await visitor.visit('/account/close');
    await visitor.submit(await proofFields(person), '/account/close');
    expect(visitor.path).toBe('/account/closed');
  }

  it('says what happens, takes a fresh proof, and signs this browser out', async () => {
    const anna = await test.newPerson({ isCareful: true });
    await signIn(anna);
    await visitor.visit('/account/close');
    expect(visitor.text).toContain('At once, every browser and every linked tool is signed out, for good');
    await visitor.submit({}, '/account/close');
    expect(visitor.status).toBe(400);
    await visitor.submit(await proofFields(anna), '/account/close');
    expect(visitor.path).toBe('/account/closed');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
  });

  it('lets its owner sign in only to keep it, with the code too', async () => {
    const anna = await test.newPerson({ isCareful: true });
    await close(anna);
    await visitor.signIn(anna.username);
    expect(visitor.path).toBe('/keep-account');
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
    await visitor.visit('/sign-in/code');
    expect(visitor.forms.map(({ action }) => action)).toContain('/sign-in');
    await visitor.signIn(anna.username);
    await visitor.submit({}, '/keep-account');
    expect(visitor.title).toMatch(/^Code missing/);
    await visitor.submit({ code: await test.wrongCode(anna) }, '/keep-account');
    expect(visitor.title).toMatch(/^Code not right/);
    await visitor.submit({ code: await test.freshCode(anna) }, '/keep-account');
    expect(visitor.address).toBe('/sign-in?notice=account-kept');
    await signIn(anna);
    expect(visitor.path).toBe('/account');
  });

  it('is taken back by the link in the mail, by POST alone', async () => {
    const anna = await test.newPerson();
    await close(anna);
    const address = `/keep-account?token=${await test.tokenMailedTo(anna.email, 'account-closed')}`;
    const phone = createVisitor(test);
    await phone.visit(address);
    expect((await test.find(anna))?.closedAt).toBeDefined();
    await phone.submit({}, '/keep-account');
    expect(phone.address).toBe('/sign-in?notice=account-kept');
    expect((await test.find(anna))?.closedAt).toBeUndefined();
    await phone.visit(address);
    expect([phone.status, phone.title]).toEqual([410, 'There is nothing to keep here · Linchpin']);
  });

  it('tells nobody who lacks the password that there is a closed account', async () => {
    const anna = await test.newPerson();
    await close(anna);
    const texts: string[] = [];
    for (const login of [anna.username, 'nobody-at-all']) {
      await visitor.visit('/sign-in');
      await visitor.submit({ login, password: 'not the password' });
      texts.push(`${visitor.status} ${visitor.text}`.replaceAll(login, ''));
    }
    expect(texts[0]).toBe(texts[1]);
    await visitor.visit('/keep-account');
    expect(visitor.status).toBe(410);
  });
});

describe('an address that a form was sent to', () => {
  it.each([
    '/account/password',
    '/account/email',
    '/account/close',
    '/forgot-password',
    '/keep-account',
    '/reset-password',
  ])('is a page too when it is entered again: %s', async (address) => {
    await signIn(await test.newPerson());
    await visitor.visit(address);
    expect([200, 410]).toContain(visitor.status);
  });

  it.each(['/account/password', '/account/email', '/account/close'])(
    'is for its owner only: %s',
    async (address) => {
      await visitor.visit(address);
      expect(visitor.path).toBe('/sign-in');
    },
  );
});

describe('a server that cannot send mail', () => {
  it('says so, and who can help', async () => {
    await visitor.visit('/forgot-password');
    expect(visitor.text).toContain('This server cannot send mail yet');
  });
});

describe('an account that may only verify', () => {
  it('may close, and not change its password or address (DESIGN 6)', async () => {
    const strict = await openCredentialsHouse({
      config: { signingAlgs: ['EdDSA', 'RS256'], emailVerification: 'required' },
    });
    const asked = { email: 'eve@example.com', username: 'eve', password: PASSWORD, role: 'person' } as const;
    await strict.house.accounts.createAccount({ ...asked, isEmailVerified: false });
    const eve = createVisitor(strict);
    await eve.signIn('eve');
    for (const address of ['/account/password', '/account/email']) {
      await eve.visit(address);
      expect(eve.path).toBe('/verify-email');
    }
    await eve.visit('/account/close');
    await eve.submit({ password: PASSWORD }, '/account/close');
    expect(eve.path).toBe('/account/closed');
    await strict.close();
  });
});
