// What people see whom a tool has sent here: the sign-in, the review, and the way back, in whatever order it takes. Nobody is sent
// back straight after a form: a page goes on by itself, and has a link. OpenID Connect Core 1.0 §3.1.2; RFC 8252 §8.6.
import { totpCode } from '../../src/crypto/totp.js';
import { newOrigin } from '../support/people-rooms.js';
import type { Visitor } from '../support/visitor.js';
import { partsOf } from './oauth-house.js';
import {
  answerIn,
  BACK,
  LOOPBACK,
  PASSWORD,
  startRedirectHouse,
  type RedirectHouse,
} from './redirect-house.js';

let house: RedirectHouse;
let clientId: string;
let people = 0;

const newName = (): string => `person${++people}`;

async function open(options: Parameters<typeof startRedirectHouse>[0] = {}): Promise<void> {
  house = await startRedirectHouse({
    ...options,
    limits: { 'live-authorizations-by-network': { limit: 10_000 }, 'sign-in-by-network': { limit: 10_000 } },
  });
  clientId = await house.registerTool();
}

beforeAll(() => open());
afterAll(() => house.close());

const errorIn = (visitor: Visitor): string | undefined => answerIn(visitor)?.fields['error'];
const codeIn = (visitor: Visitor): string | undefined => answerIn(visitor)?.fields['code'];
const come = (visitor: Visitor, changes: Record<string, string | undefined> = {}, client = clientId) =>
  visitor.visit(house.ask(client, changes).address);

/** Gives somebody an authenticator; the codes that it shows from now on. */
async function addAuthenticator(name: string): Promise<() => Promise<string>> {
  const { accountId } = (await house.house.accounts.findByLogin(name))!;
  const { secret } = await house.house.proofs.addAuthenticator(accountId, name, newOrigin());
  return () => {
    house.clock.advance(31);
    return totpCode(secret, house.clock.now());
  };
}

describe('the way there', () => {
  it('is the same sign-in, and leads back to the review (OpenID Connect Core §3.1.2.3)', async () => {
    const name = newName();
    await house.newAccount(name);
    const visitor = house.newVisitor();
    await come(visitor);
    expect([visitor.path, visitor.text.includes('Sign in to go on')]).toEqual(['/sign-in', true]);
    await visitor.submit({ login: name, password: 'wrong' });
    await visitor.submit({ login: name, password: PASSWORD });
    expect([visitor.path, visitor.status]).toEqual(['/authorize/review', 200]);
    expect(visitor.text).toContain('A dashboard');
  });

  it('passes by the second factor', async () => {
    const name = newName();
    await house.newAccount(name);
    const nextCode = await addAuthenticator(name);
    const visitor = house.newVisitor();
    await come(visitor);
    await visitor.submit({ login: name, password: PASSWORD });
    expect(visitor.path).toBe('/sign-in/code');
    await visitor.submit({ code: await nextCode() });
    expect(visitor.path).toBe('/authorize/review');
    await house.approveAt(visitor);
    expect(codeIn(visitor)).toBeDefined();
  });

  it('passes by making an account', async () => {
    const name = newName();
    const visitor = house.newVisitor();
    await come(visitor);
    const signUp = /href="(\/sign-up[^"]*)"/.exec(visitor.html)![1]!.replaceAll('&amp;', '&');
    await visitor.visit(signUp);
    await visitor.submit({ email: `${name}@example.com`, username: name, new_password: PASSWORD });
    expect(visitor.path).toBe('/sign-in');
    await visitor.submit({ login: name, password: PASSWORD });
    expect(visitor.path).toBe('/authorize/review');
  });

  it('fills in who the tool believes it is, and nothing that is no name (OpenID Connect Core §3.1.2.1)', async () => {
    const visitor = house.newVisitor();
    await come(visitor, { login_hint: 'mira@example.com' });
    expect(visitor.html).toMatch(/name="login"[^>]*value="mira@example\.com"/);
    await come(visitor, { login_hint: 'call 0900 1234 now' });
    expect(visitor.html).not.toContain('0900');
  });

  it('asks for a fresh proof before the review, and comes back to it (CHECKLIST 3.5)', async () => {
    const visitor = await house.newPerson(newName());
    house.clock.advance(601);
    await come(visitor);
    expect(visitor.path).toBe('/step-up');
    await visitor.submit({ password: PASSWORD });
    expect(visitor.path).toBe('/authorize/review');
    house.clock.advance(601);
  });

  it('takes no proof that was fresh only when the review was shown (CHECKLIST 3.5)', async () => {
    const visitor = await house.newPerson(newName());
    house.clock.advance(300);
    await come(visitor);
    house.clock.advance(400);
    await visitor.submit({ decision: 'approve' }, '/authorize/review');
    expect([visitor.path, codeIn(visitor)]).toEqual(['/step-up', undefined]);
  });

  it('counts a browser that acts for somebody of the household as signed out (DESIGN 8)', async () => {
    const name = newName();
    const visitor = await house.newPerson(name);
    const { accountId } = (await house.house.accounts.findByLogin(name))!;
    const { session } = await house.house.inTransaction((stores) =>
      house.house.sessions.startSession(stores, {
        ...{ accountId, subjectId: accountId as never, methods: ['pwd'] as const, origin: newOrigin() },
      }),
    );
    const editor = await house.house.household.editorOf(session, newOrigin());
    const { subjectId } = await house.house.household.addManaged(editor, { name: 'Mia' });
    await visitor.visit('/household/switch');
    await visitor.submit({ member: subjectId }, '/household/switch');
    expect(visitor.path).toBe('/household');
    await come(visitor);
    expect(visitor.path).toBe('/sign-in');
    await come(visitor, { prompt: 'none' });
    expect(errorIn(visitor)).toBe('login_required');
  });
});

it('says when to come again, where nobody could be asked on the way there (CHECKLIST 4)', async () => {
  const answer = await house.request.get('/authorize/refused?why=busy');
  expect([answer.status, answer.headers['retry-after']]).toEqual([503, '5']);
  expect((await house.request.get('/authorize/refused?why=client')).headers['retry-after']).toBeUndefined();
});

describe('the review', () => {
  it('says who is asking, where they go back to, and what it opens; Decline stands first (UI, RFC 8252 §8.6)', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor, { scope: 'openid email' });
    for (const words of ['A tool that calls itself', 'A dashboard', 'tool.example', 'e-mail address'])
      expect(visitor.text).toContain(words);
    expect(visitor.html.indexOf('value="decline"')).toBeLessThan(visitor.html.indexOf('value="approve"'));
    expect(visitor.html).toMatch(/value="approve" data-inert-for="1000"/);
    expect(visitor.headers['content-security-policy']).toContain("form-action 'self'");
  });

  it('is shown for a tool without any scope too (CHECKLIST 5, Keycloak #26100)', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor, { scope: undefined });
    expect(visitor.path).toBe('/authorize/review');
    expect(codeIn(visitor)).toBeUndefined();
  });

  it('leads back by a page that goes on by itself and has a link, never by a redirect after the form', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor);
    await house.approveAt(visitor);
    expect({ status: visitor.status, left: visitor.leftTo }).toEqual({ status: 200, left: undefined });
    expect(visitor.headers['refresh']).toMatch(/^0; url=https:\/\/tool\.example\/back\?code=/);
    expect(visitor.html).toContain('<a role="button" href="https://tool.example/back?code=');
    expect(visitor.headers['cache-control']).toBe('no-store');
    expect(visitor.headers['referrer-policy']).toBe('same-origin');
  });

  it('leads back after Decline too, and says so (RFC 6749 §4.1.2.1)', async () => {
    const visitor = await house.newPerson(newName());
    const { address, verifier } = house.ask(clientId);
    await visitor.visit(address);
    const review = visitor.address;
    await house.declineAt(visitor);
    const answer = answerIn(visitor);
    expect(answer).toMatchObject({
      to: BACK,
      fields: { error: 'access_denied', state: 'as it was', iss: house.issuer },
    });
    // Back, and Approve: a decline is for good.
    await visitor.visit(review);
    expect([visitor.path, errorIn(visitor)]).toEqual(['/authorize/review', 'access_denied']);
    expect(verifier).toBeDefined();
  });

  it('takes no decision sooner than a person can read (DESIGN 3)', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor);
    await visitor.submit({ decision: 'approve' }, '/authorize/review');
    expect([visitor.path, visitor.status, codeIn(visitor)]).toEqual(['/authorize/review', 409, undefined]);
    await house.approveAt(visitor);
    expect(codeIn(visitor)).toBeDefined();
  });

  it('takes no decision that another page posts (CSRF, RFC 9700 §4.7)', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor);
    const form = visitor.forms.find(({ action }) => action === '/authorize/review')!;
    house.clock.advance(2);
    const rest = Object.fromEntries(Object.entries(form.fields).filter(([name]) => name !== '_csrf'));
    for (const [fields, headers] of [
      [rest, {}],
      [{ ...rest, _csrf: 'x.y' }, {}],
      [form.fields, { 'Sec-Fetch-Site': 'cross-site' }],
      [form.fields, { Origin: 'https://tool.example' }],
    ] as const) {
      const posted = await visitor.agent
        .post('/authorize/review')
        .type('form')
        .set(headers)
        .send({ ...fields, decision: 'approve' });
      expect(posted.status).toBe(403);
    }
    await visitor.visit(visitor.address);
    expect(codeIn(visitor)).toBeUndefined();
  });

  it('is of no use to another account, nor to another browser of the same one (CHECKLIST 5, Hydra PR #770)', async () => {
    const name = newName();
    const [first, second] = [await house.newPerson(name), await house.newPerson(name)];
    const stranger = await house.newPerson(newName());
    await come(first);
    const review = first.address;
    await second.visit(review);
    const posted = second.forms.find(({ action }) => action === '/authorize/review')!;
    house.clock.advance(2);
    // Another's page, with a token of one's own form: the page names the browser that it was made for.
    await stranger.visit(review);
    const own = stranger.forms.find(({ action }) => action === '/authorize/review')!;
    await stranger.submit(
      { ...own.fields, page: posted.fields['page']!, decision: 'approve' },
      '/authorize/review',
    );
    expect(codeIn(stranger)).toBeUndefined();
    await house.approveAt(first);
    expect(codeIn(first)).toBeDefined();
    for (const other of [second, stranger]) {
      await other.visit(review);
      expect([other.status, answerIn(other)]).toEqual([410, undefined]);
    }
  });

  it('shows the same answer to who comes back to it, until the code is spent (CHECKLIST 4)', async () => {
    const visitor = await house.newPerson(newName());
    const { address, verifier } = house.ask(clientId);
    await visitor.visit(address);
    const review = visitor.address;
    await house.approveAt(visitor);
    const code = codeIn(visitor)!;
    await visitor.visit(review);
    expect(codeIn(visitor)).toBe(code);
    expect((await house.exchange({ client_id: clientId, code, code_verifier: verifier })).status).toBe(200);
    await visitor.visit(review);
    expect([visitor.status, codeIn(visitor)]).toEqual([410, undefined]);
  });

  it('is over after ten minutes, and for a name that nobody gave', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor);
    const review = visitor.address;
    house.clock.advance(601);
    for (const address of [review, '/authorize/review?request=x', '/authorize/review', '/authorize']) {
      await visitor.visit(address);
      expect([visitor.status, visitor.text.includes('This request is over')]).toEqual([410, true]);
    }
  });

  it('can be handed to another account, which decides for itself', async () => {
    const [one, other] = [newName(), newName()];
    await house.newAccount(other);
    const visitor = await house.newPerson(one);
    await come(visitor);
    await visitor.submit({}, '/authorize/another-account');
    expect(visitor.path).toBe('/sign-in');
    await visitor.submit({ login: other, password: PASSWORD });
    expect([visitor.path, visitor.text.includes(`${other}@example.com`)]).toEqual([
      '/authorize/review',
      true,
    ]);
  });

  it('speaks the other language as well', async () => {
    const name = newName();
    await house.newAccount(name);
    const { createVisitor } = await import('../support/visitor.js');
    const visitor = createVisitor(house, { language: 'de' });
    await come(visitor);
    await visitor.submit({ login: name, password: PASSWORD });
    expect(visitor.text).toContain('Darf sich dieses Gerät als Sie anmelden?');
  });
});

describe('what was approved before', () => {
  it('is not asked again, and answered by a redirect (RFC 6749 §4.1.2)', async () => {
    const visitor = await house.newPerson(newName());
    await house.linkBy(visitor, clientId);
    house.clock.advance(3000);
    await come(visitor);
    expect(visitor.leftTo).toMatch(/^https:\/\/tool\.example\/back\?code=/);
  });

  it('is not asked again after a sign-in either, and then a page leads back', async () => {
    const name = newName();
    await house.linkBy(await house.newPerson(name), clientId);
    const visitor = house.newVisitor();
    await come(visitor);
    await visitor.submit({ login: name, password: PASSWORD });
    expect([visitor.status, visitor.leftTo]).toEqual([200, undefined]);
    expect(visitor.headers['refresh']).toMatch(/^0; url=https:\/\/tool\.example\/back\?code=/);
  });

  it('is asked again for more than it was, and not for less', async () => {
    const visitor = await house.newPerson(newName());
    await house.linkBy(visitor, clientId, { scope: 'openid profile' });
    await come(visitor, { scope: 'openid' });
    expect(codeIn(visitor)).toBeDefined();
    await come(visitor, { scope: 'openid profile email' });
    expect([visitor.path, codeIn(visitor)]).toEqual(['/authorize/review', undefined]);
  });

  it('is asked again of another tool, by another person, and once it was unlinked', async () => {
    const name = newName();
    const visitor = await house.newPerson(name);
    await house.linkBy(visitor, clientId);
    await come(visitor, {}, await house.registerTool());
    expect(codeIn(visitor)).toBeUndefined();
    const other = await house.newPerson(newName());
    await come(other);
    expect(codeIn(other)).toBeUndefined();
    const { accountId } = (await house.house.accounts.findByLogin(name))!;
    await house.house.linkedTools.unlinkAllTools({ accountId, origin: newOrigin() });
    await come(visitor);
    expect(codeIn(visitor)).toBeUndefined();
  });

  it('is not what was linked by a code on another screen: nobody was shown where this one goes', async () => {
    const name = newName();
    const visitor = await house.newPerson(name);
    const both = await house.registerTool({
      grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
    });
    const { user_code, device_code } = await house.start(both, { scope: 'openid profile' });
    await visitor.visit(`/link?user_code=${user_code}`);
    await visitor.submit({}, '/link');
    house.clock.advance(2);
    await visitor.submit({ decision: 'approve' }, '/link/review');
    await house.poll(both, device_code).expect(200);
    await come(visitor, {}, both);
    expect(codeIn(visitor)).toBeUndefined();
  });

  it('is asked again where the tool would send them elsewhere: its address is all that it is known by (RFC 9700 §2.1)', async () => {
    const elsewhere = 'https://elsewhere.example/back';
    const tool = await house.registerTool({ redirect_uris: [BACK, elsewhere] });
    const visitor = await house.newPerson(newName());
    await house.linkBy(visitor, tool);
    await come(visitor, { redirect_uri: elsewhere, prompt: 'none' }, tool);
    expect([codeIn(visitor), errorIn(visitor)]).toEqual([undefined, 'consent_required']);
    await come(visitor, { redirect_uri: elsewhere }, tool);
    expect([visitor.path, codeIn(visitor)]).toEqual(['/authorize/review', undefined]);
    await come(visitor, {}, tool);
    expect(codeIn(visitor)).toBeDefined();
  });

  it.each([
    ['a port of the device', LOOPBACK, 'http://127.0.0.1:5001/back'],
    ['a scheme of its own', 'example.tool.app:/back', 'example.tool.app:/back'],
  ])(
    'is asked each time by what has %s: anybody could be asking (RFC 8252 §8.6)',
    async (_, registered, redirect_uri) => {
      const app = await house.registerTool({ redirect_uris: [registered] });
      const visitor = await house.newPerson(newName());
      const { status } = await house.linkBy(visitor, app, { redirect_uri });
      expect(status).toBe(200);
      await come(visitor, { redirect_uri }, app);
      expect([visitor.path, codeIn(visitor)]).toEqual(['/authorize/review', undefined]);
      expect(visitor.text).toContain('Any program on your device could be asking');
      await come(visitor, { redirect_uri, prompt: 'none' }, app);
      expect(errorIn(visitor)).toBe('consent_required');
    },
  );

  it('keeps one line on the list, under the name that its owner gave it, as long as nothing else of it is alive', async () => {
    const name = newName();
    const visitor = await house.newPerson(name);
    const client = await house.registerTool({ grant_types: ['authorization_code'] });
    const { accountId } = (await house.house.accounts.findByLogin(name))!;
    await house.linkBy(visitor, client);
    await house.sendMail();
    const [first] = await house.house.linkedTools.listLinkedTools(accountId);
    const about = { accountId, linkedToolId: first!.linkedToolId, origin: newOrigin() };
    await house.house.linkedTools.renameLinkedTool({ ...about, name: 'My own' });
    house.clock.advance(60);
    await house.linkBy(visitor, client);
    expect(await house.house.linkedTools.listLinkedTools(accountId)).toHaveLength(2);
    house.clock.advance(1000);
    await house.linkBy(visitor, client);
    const left = await house.house.linkedTools.listLinkedTools(accountId);
    expect(left.map((tool) => tool.name)).toEqual(['My own']);
  });

  it('keeps every line that can still renew its token', async () => {
    const name = newName();
    const visitor = await house.newPerson(name);
    const first = await house.linkBy(visitor, clientId);
    await house.sendMail();
    house.clock.advance(2000);
    await house.linkBy(visitor, clientId);
    const { refresh_token } = first.tokens;
    const refresh = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
    expect((await house.post('/oauth/token', refresh)).status).toBe(200);
  });
});

describe('a tool that asks that nobody be shown anything (prompt=none, OpenID Connect Core §3.1.2.6)', () => {
  it('is told to have them sign in', async () => {
    const visitor = house.newVisitor();
    await come(visitor, { prompt: 'none' });
    expect(visitor.leftTo).toMatch(/^https:\/\/tool\.example\/back\?error=login_required&/);
    expect(answerIn(visitor)?.fields).toMatchObject({ state: 'as it was', iss: house.issuer });
  });

  it('is told that they have not approved it', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor, { prompt: 'none' });
    expect(errorIn(visitor)).toBe('consent_required');
  });

  it('gets its code where all is decided', async () => {
    const visitor = await house.newPerson(newName());
    await house.linkBy(visitor, clientId);
    await come(visitor, { prompt: 'none' });
    expect(visitor.leftTo).toMatch(/^https:\/\/tool\.example\/back\?code=/);
  });

  it('is told to have them sign in where that was too long ago', async () => {
    const visitor = await house.newPerson(newName());
    await house.linkBy(visitor, clientId);
    house.clock.advance(120);
    await come(visitor, { prompt: 'none', max_age: '60' });
    expect(errorIn(visitor)).toBe('login_required');
    await come(visitor, { prompt: 'none', max_age: '3000' });
    expect(codeIn(visitor)).toBeDefined();
  });

  it('may ask as often as it likes: what is answered is not kept (CHECKLIST 2)', async () => {
    const small = await startRedirectHouse({ limits: { 'live-authorizations-by-network': { limit: 2 } } });
    const tool = await small.registerTool();
    const visitor = small.newVisitor();
    for (let asked = 0; asked < 6; asked++) {
      await visitor.visit(small.ask(tool, { prompt: 'none' }).address);
      expect(errorIn(visitor)).toBe('login_required');
    }
    await visitor.visit(visitor.address);
    expect(visitor.status).toBe(410);
    await small.close();
  });

  it('cannot be approved by a form of somebody’s making', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor);
    const form = visitor.forms.find(({ action }) => action === '/authorize/review')!;
    const silent = await house.request.get(house.ask(clientId, { prompt: 'none' }).address).redirects(0);
    const request = (silent.headers['location'] as string).split('request=')[1]!;
    house.clock.advance(2);
    await visitor.submit({ ...form.fields, request, decision: 'approve' }, '/authorize/review');
    expect(codeIn(visitor)).toBeUndefined();
  });
});

describe('a tool that asks for a sign-in of now', () => {
  it.each([{ prompt: 'login' }, { max_age: '0' }])(
    'gets one, though somebody is signed in, and the time of it: %j (OpenID Connect Core §3.1.2.1)',
    async (wish) => {
      const name = newName();
      const visitor = await house.newPerson(name);
      await house.linkBy(visitor, clientId);
      house.clock.advance(60);
      const { address, verifier } = house.ask(clientId, wish);
      await visitor.visit(address);
      expect(visitor.path).toBe('/sign-in');
      house.clock.advance(60);
      const at = Math.floor(house.clock.now().getTime() / 1000);
      await visitor.submit({ login: name, password: PASSWORD });
      const shown = { client_id: clientId, code: codeIn(visitor)!, code_verifier: verifier };
      const { id_token } = (await house.exchange(shown)).body as { id_token: string };
      expect(partsOf(id_token).claims).toMatchObject({ auth_time: at });
    },
  );

  it('does not get it by somebody who goes straight to the review', async () => {
    const visitor = await house.newPerson(newName());
    house.clock.advance(1);
    await come(visitor, { prompt: 'login' });
    const request = /request=([\w-]+)/.exec(visitor.address)![1]!;
    await visitor.visit(`/authorize/review?request=${request}`);
    expect([visitor.path, codeIn(visitor)]).toEqual(['/sign-in', undefined]);
  });

  it('goes on at once where the sign-in is young enough', async () => {
    const visitor = await house.newPerson(newName());
    await come(visitor, { max_age: '300' });
    expect(visitor.path).toBe('/authorize/review');
  });

  it.each(['consent', 'select_account'])(
    'shows the review to who has approved it before: prompt=%s (OpenID Connect Core §3.1.2.1)',
    async (prompt) => {
      const visitor = await house.newPerson(newName());
      await house.linkBy(visitor, clientId);
      await come(visitor, { prompt });
      expect([visitor.path, visitor.text.includes('You have approved this before')]).toEqual([
        '/authorize/review',
        true,
      ]);
      await house.approveAt(visitor);
      expect(codeIn(visitor)).toBeDefined();
    },
  );

  it('means the person of its ID token, and nobody else (OpenID Connect Core §3.1.2.1)', async () => {
    const name = newName();
    const mira = await house.newPerson(name);
    const { tokens } = await house.linkBy(mira, clientId);
    const hint = { id_token_hint: tokens.id_token };
    await come(mira, { ...hint, prompt: 'none' });
    expect(codeIn(mira)).toBeDefined();
    const other = newName();
    const stranger = await house.newPerson(other);
    house.clock.advance(1);
    await come(stranger, { ...hint, prompt: 'none' });
    expect(errorIn(stranger)).toBe('login_required');
    await come(stranger, hint);
    expect(stranger.path).toBe('/sign-in');
    await stranger.submit({ login: other, password: PASSWORD });
    expect(errorIn(stranger)).toBe('login_required');
  });

  it('asks for two factors by acr_values, of who has them (OpenID Connect Core §3.1.2.1)', async () => {
    const name = newName();
    const visitor = await house.newPerson(name);
    const first = await house.linkBy(visitor, clientId);
    expect(partsOf(first.tokens.id_token).claims['acr']).toBe('aal1');
    const nextCode = await addAuthenticator(name);
    const { address, verifier } = house.ask(clientId, { acr_values: 'aal2 aal1' });
    await visitor.visit(address);
    expect(visitor.path).toBe('/step-up');
    await visitor.submit({ code: await nextCode() });
    const shown = { client_id: clientId, code: codeIn(visitor)!, code_verifier: verifier };
    const { id_token } = (await house.exchange(shown)).body as { id_token: string };
    expect(partsOf(id_token).claims['acr']).toBe('aal2');
  });
});

describe('a linked tool that came this way', () => {
  it('stands on the list, with where it sends its person, and unlinking ends its tokens at once', async () => {
    const visitor = await house.newPerson(newName());
    const { tokens } = await house.linkBy(visitor, clientId);
    await visitor.visit('/account/tools');
    expect(visitor.text).toContain('A dashboard');
    expect(visitor.text).toContain('then back to tool.example');
    expect(await house.isAlive(tokens)).toBe(true);
    await visitor.visit(/href="(\/account\/tools\/unlink\?[^"]+)"/.exec(visitor.html)![1]!);
    await visitor.submit({}, '/account/tools/unlink');
    expect(await house.isAlive(tokens)).toBe(false);
    const { refresh_token } = tokens;
    const refresh = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
    expect((await house.post('/oauth/token', refresh)).status).toBe(400);
  });

  it('is mailed to its owner when they approve it, and not each time that it comes again', async () => {
    const name = newName();
    const visitor = await house.newPerson(name);
    const mailsOf = async () => {
      await house.sendMail();
      return house.mails.filter(
        ({ notice, recipient }) => notice === 'tool-linked' && recipient === `${name}@example.com`,
      );
    };
    await house.linkBy(visitor, clientId);
    const [mail] = await mailsOf();
    expect(mail?.details).toMatchObject({ tool: 'A dashboard' });
    await house.linkBy(visitor, clientId);
    expect(await mailsOf()).toHaveLength(1);
    // "This wasn’t me" takes it back.
    await visitor.visit((mail!.details as { address: string }).address);
    await visitor.submit({}, '/not-me');
    expect(visitor.text).toContain('A dashboard');
  });

  it('stands in the activity, in words, as what was approved and what was declined', async () => {
    const visitor = await house.newPerson(newName());
    await house.linkBy(visitor, clientId);
    await come(visitor, { scope: 'openid email' });
    await house.declineAt(visitor);
    await visitor.visit('/account/activity');
    for (const words of [
      'A tool was approved that sent you here',
      'A tool was declined',
      'A tool was linked',
    ])
      expect(visitor.text).toContain(words);
  });
});

describe('where the operator asks for more', () => {
  it('a second factor comes first, and leads back to the review (TWO_FACTOR=required)', async () => {
    const before = house;
    const asked = clientId;
    await open({ config: { twoFactor: 'required' } });
    const visitor = await house.newPerson('mira');
    await come(visitor, { prompt: 'none' });
    expect(errorIn(visitor)).toBe('interaction_required');
    await come(visitor);
    expect(visitor.path).toBe('/account/security/two-factor');
    await visitor.submit({ password: PASSWORD });
    const secret = /data-secret="([^"]+)"/.exec(visitor.html)![1]!;
    await visitor.submit({ code: await totpCode(secret, house.clock.now()) });
    await visitor.submit({}, '/account/security/two-factor/stored');
    expect(visitor.path).toBe('/authorize/review');
    await house.approveAt(visitor);
    expect(codeIn(visitor)).toBeDefined();
    await house.close();
    house = before;
    clientId = asked;
  });

  it('a proved address comes first, and leads back to the review (EMAIL_VERIFICATION=required)', async () => {
    const before = house;
    const asked = clientId;
    await open({ config: { emailVerification: 'required' } });
    await house.newAccount('operator');
    const visitor = house.newVisitor();
    await come(visitor);
    await visitor.visit(/href="(\/sign-up[^"]*)"/.exec(visitor.html)![1]!.replaceAll('&amp;', '&'));
    await visitor.submit({ email: 'new@example.com', username: 'newcomer', new_password: PASSWORD });
    expect(visitor.path).toBe('/verify-email');
    await house.sendMail();
    const mail = house.mails.find(({ notice }) => notice === 'verify-email')!;
    await visitor.visit((mail.details as { address: string }).address);
    await visitor.submit({}, '/verify-email');
    await visitor.submit({ login: 'newcomer', password: PASSWORD });
    expect(visitor.path).toBe('/authorize/review');
    await house.close();
    house = before;
    clientId = asked;
  });
});

it('may be for somebody without an account in the household that they own, with what those may have (DESIGN 8)', async () => {
  const name = newName();
  const visitor = await house.newPerson(name);
  const { accountId } = (await house.house.accounts.findByLogin(name))!;
  const { session } = await house.house.inTransaction((stores) =>
    house.house.sessions.startSession(stores, {
      ...{ accountId, subjectId: accountId as never, methods: ['pwd'] as const, origin: newOrigin() },
    }),
  );
  const editor = await house.house.household.editorOf(session, newOrigin());
  const { subjectId } = await house.house.household.addManaged(editor, { name: 'Mia' });
  const { address, verifier } = house.ask(clientId, { scope: 'openid email' });
  await visitor.visit(address);
  expect(visitor.text).toContain('Mia');
  await house.approveAt(visitor, { for: subjectId });
  const shown = { client_id: clientId, code: codeIn(visitor)!, code_verifier: verifier };
  const tokens = (await house.exchange(shown)).body as { id_token: string; scope: string };
  expect(tokens.scope).toBe('openid');
  expect(partsOf(tokens.id_token).claims).toMatchObject({ sub: subjectId, member_kind: 'managed' });
  // Whom it is for is asked each time.
  await come(visitor, { scope: 'openid' });
  expect([visitor.path, codeIn(visitor)]).toEqual(['/authorize/review', undefined]);
  await house.approveAt(visitor, { for: 'aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa' });
  expect([visitor.status, codeIn(visitor)]).toEqual([404, undefined]);
});
