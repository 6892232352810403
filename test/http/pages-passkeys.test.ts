// Passkeys on their pages: making, naming and removing one, signing in with it, and each form that takes one as its proof; what
// every answer that is not right says, and that no account is touched by it. The browser is played by an authenticator in software.
import { startTestHouse, type TestHouse, type TestHouseOptions } from '../support/app.js';
import { createAuthenticator, type Otherwise, type SoftAuthenticator } from '../support/authenticator.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const NEW_PASSWORD = 'eleven owls keep a ledger';
const LIST = '/account/security/passkeys';

let house: TestHouse;
afterEach(() => house.close());

async function open(config: TestHouseOptions['config'] = {}): Promise<void> {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'], ...config } });
  await house.newAccount('anna');
}
beforeEach(() => open());

const newAuthenticator = (more: Partial<Parameters<typeof createAuthenticator>[0]> = {}) =>
  createAuthenticator({ origin: house.url, ...more });

/** What the script of the page asks for before the browser looks for a passkey. */
async function askFor(visitor: Visitor, action: string, more: Record<string, string> = {}) {
  const form = visitor.forms.find((candidate) => candidate.action === action);
  if (!form) throw new Error(`no form ${action} on ${visitor.path}`);
  const { _csrf = '', token } = form.fields;
  const fields = { _csrf, for: action, ...(token === undefined ? {} : { token }), ...more };
  const answer = await visitor.agent.post('/passkeys/options').type('form').send(fields);
  return { status: answer.status, ...(answer.body as { publicKey?: object; fault?: { title: string } }) };
}

/** Sends the form with an answer of the authenticator, as the script does. */
async function use(
  visitor: Visitor,
  action: string,
  authenticator: SoftAuthenticator,
  { typed = {}, ...otherwise }: Otherwise & { typed?: Record<string, string> } = {},
): Promise<string> {
  const { publicKey, fault } = await askFor(visitor, action);
  if (!publicKey) throw new Error(`no challenge: ${fault?.title}`);
  const passkey = authenticator.answer(publicKey, otherwise);
  await visitor.submit({ ...typed, passkey }, action);
  return passkey;
}

/** The options that the page for the second step of making one holds. */
function madeOptions(visitor: Visitor): object {
  const [, json = ''] = /data-options="([^"]*)"/.exec(visitor.html) ?? [];
  return JSON.parse(json.replaceAll('&#34;', '"').replaceAll('&amp;', '&')) as object;
}

async function make(
  visitor: Visitor,
  {
    authenticator = newAuthenticator(),
    proof = { password: PASSWORD },
    ...otherwise
  }: Otherwise & {
    authenticator?: SoftAuthenticator;
    proof?: Record<string, string>;
  } = {},
) {
  await visitor.visit(`${LIST}/new`);
  await visitor.submit(proof);
  await visitor.submit({ passkey: authenticator.make(madeOptions(visitor), otherwise), name: 'Blue key' });
  return authenticator;
}

/** Anna with a passkey as her only second factor, signed in. */
async function holder(more: Parameters<typeof newAuthenticator>[0] = {}) {
  const visitor = createVisitor(house);
  await visitor.signIn('anna');
  const authenticator = await make(visitor, { authenticator: newAuthenticator(more) });
  const codes = [...visitor.html.matchAll(/data-recovery-code>([^<]+)</g)].map(([, code]) => code!);
  await visitor.submit();
  return { visitor, authenticator, codes };
}

async function stateOf(name = 'anna') {
  const { accountId } = (await house.house.accounts.findByLogin(name))!;
  const { stores, sessions, proofs } = house.house;
  return {
    account: await stores.accounts.find(accountId),
    passkeys: await stores.passkeys.findByAccount(accountId),
    sessions: (await sessions.listSessions(accountId)).map(({ ticket }): string => ticket).sort(),
    codes: await proofs.countRecoveryCodes(accountId),
  };
}

describe('the page of passkeys', () => {
  it('makes one, shows ten recovery codes this once, and says what it is', async () => {
    const { visitor, codes } = await holder({ isSynced: true });
    expect(codes).toHaveLength(10);
    expect(visitor.address).toBe('/account/security?notice=passkey-added');
    expect(visitor.text).toContain('Your passkeys: Blue key.');
    expect(visitor.text).toContain('After your password, signing in takes one of your passkeys.');
    await visitor.visit(LIST);
    expect(visitor.text).toContain('Synced: your other devices have it too.');
    expect(visitor.text).toContain('Signs in by itself.');
    await visitor.visit('/account/activity');
    expect(visitor.text).toContain('A passkey was added');
  });

  it.each([
    ['http://192.168.1.7:8484', 'this server’s address is a number'],
    ['http://pin.example.org', 'only at addresses that begin with https'],
  ])('says why there are none at %s, and offers none', async (publicUrl, words) => {
    await house.close();
    await open({ publicUrl });
    const visitor = createVisitor(house);
    await visitor.signIn('anna');
    for (const path of ['/account/security', LIST, `${LIST}/new`]) {
      await visitor.visit(path);
      expect(visitor.text).toContain(words);
      expect(visitor.html).not.toContain('data-passkey-use');
    }
    await visitor.visit('/account/password');
    const { status, fault } = await askFor(visitor, '/account/password');
    expect([status, fault?.title]).toEqual([409, 'Nothing to change']);
    const stranger = createVisitor(house);
    await stranger.visit('/sign-in');
    expect(stranger.html).not.toContain('data-passkey');
    expect(stranger.html).not.toContain('webauthn');
  });

  it.each<[string, Otherwise]>([
    ['from another site', { origin: 'https://pin.example.net' }],
    ['for another name', { rpId: 'example.net' }],
    ['within a frame', { crossOrigin: true }],
    ['to another challenge', { challenge: 'bm90LW91cnM' }],
  ])('begins again where what was made is %s, and adds nothing', async (_, otherwise) => {
    const visitor = createVisitor(house);
    await visitor.signIn('anna');
    const before = await stateOf();
    await make(visitor, otherwise);
    expect(visitor.status).toBe(403);
    expect(visitor.title).toContain(': Add a passkey');
    expect(visitor.forms.some(({ action }) => action === `${LIST}/new`)).toBe(true);
    expect(await stateOf()).toEqual(before);
  });

  it('takes the password first, and tells a wrong one', async () => {
    const visitor = createVisitor(house);
    await visitor.signIn('anna');
    await visitor.visit(`${LIST}/new`);
    await visitor.submit({});
    expect(visitor.text).toContain('Password missing');
    await visitor.submit({ password: 'wrong' });
    expect(visitor.title).toBe('Password not right: Add a passkey · Linchpin');
  });

  it('names one anew and removes it, with the passkey itself or with a recovery code', async () => {
    const { visitor, authenticator, codes } = await holder();
    await visitor.visit(LIST);
    const [, rename = ''] = /href="([^"]*rename[^"]*)"/.exec(visitor.html) ?? [];
    await visitor.visit(rename);
    await visitor.submit({ name: ' ', password: PASSWORD });
    expect(visitor.text).toContain('Give the passkey a name');
    await use(visitor, `${LIST}/rename`, authenticator, { typed: { name: 'Red key' } });
    expect(visitor.address).toBe(`${LIST}?notice=passkey-renamed`);
    expect(visitor.text).toContain('Red key');
    await visitor.visit(rename.replace('rename', 'remove'));
    expect(visitor.text).toContain('It is your last second step.');
    await visitor.visit(`${rename.replace('rename', 'remove')}&with=recovery`);
    await visitor.submit({ password: PASSWORD, recovery_code: codes[0]! });
    expect(visitor.address).toBe(`${LIST}?notice=passkey-removed`);
    expect(visitor.text).toContain('You have none yet.');
    await house.sendMail();
    expect(house.mails.map(({ notice }) => notice)).toEqual(
      expect.arrayContaining(['passkey-added', 'passkey-renamed', 'passkey-removed', 'recovery-code-used']),
    );
  });

  it('shows nobody another account’s, whatever it is called', async () => {
    const { visitor } = await holder();
    await house.newAccount('bert');
    const [passkey] = (await stateOf()).passkeys;
    const bert = createVisitor(house);
    await bert.signIn('bert');
    for (const what of ['rename', 'remove']) {
      await bert.visit(`${LIST}/${what}?passkey_id=${passkey!.passkeyId}`);
      expect(bert.status).toBe(404);
      await visitor.visit(`${LIST}/${what}?passkey_id=nobody`);
      expect(visitor.status).toBe(404);
    }
  });

  it('lets an authenticator be added beside them, and turned off again, without losing two-factor', async () => {
    const { visitor, authenticator } = await holder();
    await visitor.visit('/account/security/two-factor');
    await visitor.submit({ password: PASSWORD });
    expect(visitor.text).toContain('Passkey missing');
    await use(visitor, '/account/security/two-factor', authenticator);
    expect(visitor.html).toContain('data-secret');
  });
});

describe('signing in with a passkey', () => {
  async function signInWith(visitor: Visitor, authenticator: SoftAuthenticator, otherwise: Otherwise = {}) {
    await visitor.visit('/sign-in');
    return use(visitor, '/sign-in/passkey', authenticator, otherwise);
  }

  it('alone leads where a sign-in leads, as both factors', async () => {
    const { authenticator } = await holder();
    const visitor = createVisitor(house);
    await visitor.visit('/sign-in?next=security');
    expect(visitor.html).toContain('autocomplete="username webauthn"');
    const { publicKey } = await askFor(visitor, '/sign-in/passkey');
    expect(publicKey).toMatchObject({
      rpId: 'localhost',
      userVerification: 'required',
      allowCredentials: [],
    });
    await use(visitor, '/sign-in/passkey', authenticator);
    expect(visitor.path).toBe('/account/security');
    expect(visitor.headers['cache-control']).toBe('no-store');
  });

  it.each<[string, Otherwise, string]>([
    ['from another site', { origin: 'https://pin.example.net' }, 'Passkey not accepted'],
    ['for another name', { rpId: 'example.net' }, 'Passkey not accepted'],
    ['forged', { isForged: true }, 'Passkey not accepted'],
    ['of one that makes sure of nobody', { isVerified: false }, 'The passkey alone is not enough'],
    ['to another challenge', { challenge: 'bm90LW91cnM' }, 'That took too long'],
    ['from within a frame', { crossOrigin: true }, 'Passkey not accepted'],
  ])('by an answer %s says what to do next, and opens nothing', async (_, otherwise, title) => {
    const { authenticator } = await holder();
    const before = await stateOf();
    const visitor = createVisitor(house);
    await signInWith(visitor, authenticator, otherwise);
    expect(visitor.status).toBe(403);
    expect(visitor.title).toBe(`${title}: Sign in · Linchpin`);
    expect(visitor.forms.map(({ action }) => action)).toEqual(
      expect.arrayContaining(['/sign-in', '/sign-in/passkey']),
    );
    expect(await stateOf()).toEqual(before);
  });

  it('by a passkey that nobody has here is told the same as by a wrong one', async () => {
    await holder();
    const stranger = newAuthenticator();
    const visitor = createVisitor(house);
    await signInWith(visitor, stranger, { userHandle: 'bm9ib2R5' });
    expect(visitor.title).toBe('Passkey not accepted: Sign in · Linchpin');
  });

  it('by an answer that was given before opens nothing, in this browser or another', async () => {
    const { authenticator } = await holder({ isCounting: false });
    const visitor = createVisitor(house);
    const passkey = await signInWith(visitor, authenticator);
    expect(visitor.path).toBe('/account');
    const again = createVisitor(house);
    await again.visit('/sign-in');
    await again.submit({ passkey }, '/sign-in/passkey');
    expect(again.title).toBe('That took too long: Sign in · Linchpin');
  });

  it('by one that has counted less than before stops it, and says so', async () => {
    const { authenticator } = await holder();
    const visitor = createVisitor(house);
    await signInWith(visitor, authenticator, { signCount: 0 });
    expect(visitor.title).toBe('This passkey was stopped: Sign in · Linchpin');
    await house.sendMail();
    expect(house.mails.map(({ notice }) => notice)).toContain('passkey-stopped');
  });

  it('without its script, or by a visit, is the sign-in page', async () => {
    const visitor = createVisitor(house);
    await visitor.visit('/sign-in/passkey');
    expect(visitor.path).toBe('/sign-in');
    await visitor.submit({}, '/sign-in/passkey');
    expect(visitor.path).toBe('/sign-in');
  });

  it('gives no challenge to another site, nor to a form of nobody (OWASP CSRF)', async () => {
    const visitor = createVisitor(house);
    await visitor.visit('/sign-in');
    const foreign = await visitor.agent
      .post('/passkeys/options')
      .set('Sec-Fetch-Site', 'cross-site')
      .type('form')
      .send({ for: '/sign-in/passkey' });
    expect(foreign.status).toBe(403);
    for (const action of ['/account/close', 'https://evil.example/', '']) {
      const { _csrf = '' } = visitor.forms[0]!.fields;
      const answer = await visitor.agent.post('/passkeys/options').type('form').send({ _csrf, for: action });
      expect([403, 404]).toContain(answer.status);
      expect(answer.text).not.toContain('challenge');
    }
    await visitor.visit('/passkeys/options');
    expect(visitor.path).toBe('/');
  });

  it('leads the owner of a closed account to keep it, at once', async () => {
    const { visitor, authenticator } = await holder();
    await visitor.visit('/account/close');
    await use(visitor, '/account/close', authenticator);
    expect(visitor.path).toBe('/account/closed');
    const back = createVisitor(house);
    await signInWith(back, authenticator);
    expect(back.path).toBe('/keep-account');
    expect(back.html).not.toContain('name="recovery_code"');
    await back.submit({}, '/keep-account');
    expect(back.address).toBe('/sign-in?notice=account-kept');
  });
});

describe('the second step', () => {
  async function halfWay(): Promise<Visitor> {
    const visitor = createVisitor(house);
    await visitor.signIn('anna');
    expect(visitor.path).toBe('/sign-in/code');
    return visitor;
  }

  it('is the passkey where there is no authenticator, with a recovery code beside it', async () => {
    const { authenticator } = await holder({ isVerifying: false });
    const visitor = await halfWay();
    expect(visitor.title).toBe('Use your passkey · Linchpin');
    expect(visitor.html).not.toContain('name="code"');
    const { publicKey } = await askFor(visitor, '/sign-in/code');
    expect(publicKey).toMatchObject({
      userVerification: 'preferred',
      allowCredentials: [{ id: authenticator.id }],
    });
    await use(visitor, '/sign-in/code', authenticator);
    expect(visitor.path).toBe('/account');
  });

  it.each<[string, Otherwise, string]>([
    ['forged', { isForged: true }, 'Passkey not accepted'],
    ['from another site', { origin: 'https://pin.example.net' }, 'Passkey not accepted'],
    ['to another challenge', { challenge: 'bm90LW91cnM' }, 'That took too long'],
  ])('is not taken where the answer is %s', async (_, otherwise, title) => {
    const { authenticator } = await holder();
    const visitor = await halfWay();
    await use(visitor, '/sign-in/code', authenticator, otherwise);
    expect(visitor.title).toBe(`${title}: Use your passkey · Linchpin`);
    await visitor.visit('/account');
    expect(visitor.path).toBe('/sign-in');
  });

  it('is not taken of another account’s passkey', async () => {
    const { authenticator } = await holder();
    await house.newAccount('bert');
    const bert = createVisitor(house);
    await bert.signIn('bert');
    const other = await make(bert);
    const before = await stateOf('bert');
    const visitor = await halfWay();
    await use(visitor, '/sign-in/code', other);
    expect(visitor.title).toBe('Passkey not accepted: Use your passkey · Linchpin');
    expect(await stateOf('bert')).toEqual(before);
    await use(visitor, '/sign-in/code', authenticator);
    expect(visitor.path).toBe('/account');
  });

  it('keeps a closed account that its password leads back to', async () => {
    const { visitor, authenticator } = await holder();
    await visitor.visit('/account/close');
    await use(visitor, '/account/close', authenticator);
    const back = createVisitor(house);
    await back.signIn('anna');
    expect(back.path).toBe('/keep-account');
    await use(back, '/keep-account', authenticator, { isForged: true });
    expect(back.title).toContain('Passkey not accepted');
    await use(back, '/keep-account', authenticator);
    expect(back.address).toBe('/sign-in?notice=account-kept');
  });
});

describe('a fresh proof', () => {
  const forms: readonly [string, string, Record<string, string>, string][] = [
    ['the password', '/account/password', { new_password: NEW_PASSWORD }, '/account'],
    ['the e-mail address', '/account/email', { email: 'new@example.com' }, '/account/email/sent'],
    ['new recovery codes', '/account/security/recovery-codes', {}, '/account/security/recovery-codes'],
    ['a switch', '/account/security/app-passwords/switch', {}, '/account/security'],
    [
      'an app password',
      '/account/security/app-passwords',
      { name: 'Kitchen' },
      '/account/security/app-passwords',
    ],
    ['another passkey', `${LIST}/new`, {}, `${LIST}/new`],
    ['closing the account', '/account/close', {}, '/account/closed'],
  ];

  it.each(forms)('by a passkey alone changes %s', async (_, path, typed, leadsTo) => {
    const { visitor, authenticator } = await holder();
    await visitor.visit(path);
    await use(visitor, path, authenticator, { typed });
    expect([visitor.status, visitor.path]).toEqual([200, leadsTo]);
  });

  it.each(forms)('that is wrong changes nothing: %s', async (_, path, typed) => {
    const { visitor, authenticator } = await holder();
    const before = await stateOf();
    await visitor.visit(path);
    await use(visitor, path, authenticator, { typed, isForged: true });
    expect([visitor.status, visitor.path]).toEqual([403, path]);
    expect(visitor.title).toContain('Passkey not accepted');
    await use(visitor, path, authenticator, { typed, isVerified: false });
    expect(visitor.title).toContain('The passkey alone is not enough');
    expect(visitor.text).toContain('Type your password too');
    await visitor.submit({ ...typed, password: PASSWORD }, path);
    expect(visitor.title).toContain('Passkey missing');
    expect({ ...(await stateOf()), passkeys: [] }).toEqual({ ...before, passkeys: [] });
  });

  it('that was asked for one form is none for another', async () => {
    const { visitor, authenticator } = await holder();
    await visitor.visit('/account/email');
    const { publicKey } = await askFor(visitor, '/account/email');
    await visitor.visit('/account/close');
    await visitor.submit({ passkey: authenticator.answer(publicKey!) }, '/account/close');
    expect(visitor.title).toContain('That took too long');
    expect((await stateOf()).account?.closedAt).toBeUndefined();
  });

  it('steps up before a tool is approved, and resets a profile PIN', async () => {
    const { visitor, authenticator } = await holder();
    house.clock.advance(601);
    await visitor.visit('/pin-reset');
    expect(visitor.address).toBe('/step-up?next=pin-reset');
    expect(visitor.text).toContain('Use one of your passkeys before you go on.');
    await use(visitor, '/step-up', authenticator);
    expect(visitor.path).toBe('/pin-reset');
    const typed = { new_pin: '4071', new_pin_again: '4071' };
    await use(visitor, '/pin-reset', authenticator, { typed, isVerified: false });
    expect(visitor.title).toContain('The passkey alone is not enough');
    await use(visitor, '/pin-reset', authenticator, { typed });
    expect(visitor.address).toBe('/account/household?notice=own-pin-reset');
  });

  it('of everything that a sign-in takes is a passkey, where the sign-in was long ago', async () => {
    const { visitor, authenticator } = await holder();
    await visitor.visit('/account');
    const { accountId } = (await house.house.accounts.findByLogin('anna'))!;
    const [session] = await house.house.sessions.listSessions(accountId);
    const old = {
      ...session!,
      sessionHash: session!.sessionHash,
      isRemembered: true,
      recentUntil: new Date(0),
    };
    await house.house.inTransaction(({ sessions }) => sessions.replace(session!.sessionHash, old));
    await visitor.visit('/account/security');
    expect(visitor.path).toBe('/step-up');
    expect(visitor.html).toContain('name="password"');
    await use(visitor, '/step-up', authenticator);
    expect(visitor.path).toBe('/account/security');
  });
});

describe('a forgotten password', () => {
  async function mailedTo(): Promise<string> {
    const visitor = createVisitor(house);
    await visitor.visit('/forgot-password');
    await visitor.submit({ login: 'anna' });
    await house.sendMail();
    const mail = house.mails.findLast(({ notice }) => notice === 'password-reset-link')!;
    return (mail.details as { address: string }).address;
  }

  it('is renewed with a passkey as the second factor', async () => {
    const { authenticator } = await holder({ isVerifying: false });
    const visitor = createVisitor(house);
    await visitor.visit(await mailedTo());
    expect(visitor.html).not.toContain('name="code"');
    await visitor.submit({ new_password: NEW_PASSWORD });
    expect(visitor.text).toContain('Code missing');
    await use(visitor, '/reset-password', authenticator, { typed: { new_password: NEW_PASSWORD } });
    expect(visitor.path).toBe('/sign-in');
    await visitor.signIn('anna', NEW_PASSWORD);
    expect(visitor.path).toBe('/sign-in/code');
  });

  it('is not renewed by an answer that is wrong, nor by one that was asked for another link', async () => {
    const { authenticator } = await holder();
    const before = await stateOf();
    const visitor = createVisitor(house);
    const typed = { new_password: NEW_PASSWORD };
    await visitor.visit(await mailedTo());
    await use(visitor, '/reset-password', authenticator, { typed, isForged: true });
    expect(visitor.title).toContain('Passkey not accepted');
    const { publicKey } = await askFor(visitor, '/reset-password');
    const newer = await mailedTo();
    await visitor.visit(newer);
    await visitor.submit({ ...typed, passkey: authenticator.answer(publicKey!) }, '/reset-password');
    expect(visitor.title).toContain('That took too long');
    expect(await stateOf()).toEqual(before);
    const answer = await askFor(visitor, '/reset-password', { token: 'no such token at all' });
    expect(answer.status).toBe(410);
  });
});

describe('where two-factor is required', () => {
  it('a passkey is as good, and the page offers both', async () => {
    await house.close();
    await open({ twoFactor: 'required' });
    const visitor = createVisitor(house);
    await visitor.signIn('anna');
    await visitor.visit('/account/security/two-factor?next=review');
    expect(visitor.html).toContain('/account/security/passkeys/new?next=review');
    await make(visitor);
    await visitor.visit('/account/security/two-factor?next=review');
    expect(visitor.path).not.toBe('/account/security/two-factor');
  });
});

describe('old tools', () => {
  it('are told of on the security page as what they are: not to be had with a passkey', async () => {
    const { visitor } = await holder();
    expect(visitor.text).toContain(
      'this takes the codes of an authenticator, and your second step is a passkey',
    );
  });
});
