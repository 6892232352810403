// Tools of the PIN door on the pages: who is asking, where the person goes back to, and the list of what is linked.
// PIN-API.md 3.5, 3.7 and "Decided"; RFC 8628 §5.4.
import { generateKeyPairSync } from 'node:crypto';
import { totpCode } from '../../src/crypto/totp.js';
import type { FallbackRequest } from '../../src/domain/fallback.js';
import type { ToolDescription } from '../../src/domain/tokens.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const HERE = {
  networkAddress: '127.0.0.1',
  network: '127.0.0.1',
  userAgent: 'python-requests/2.32',
  requestId: 't',
};
const ELSEWHERE = { ...HERE, networkAddress: '198.51.100.9', network: '198.51.100.9' };
const PLAYER: ToolDescription = {
  product: 'Film cellar',
  version: '4.2.1',
  platform: 'webOS',
  platformVersion: '6.3',
  device: 'TV',
  deviceName: 'Living room',
  deviceVendor: 'LG',
  model: 'OLED55C1',
};
const NOTHING = Object.fromEntries(
  Object.keys(PLAYER).map((name) => [name, '']),
) as unknown as ToolDescription;
const BACK = 'https://films.example/signed-in?state=a%20b';

let house: TestHouse;
let visitor: Visitor;

async function open(config: NonNullable<Parameters<typeof startTestHouse>[0]>['config'] = {}) {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA', 'RS256'], ...config } });
  await house.newAccount();
  visitor = createVisitor(house);
}
afterEach(() => house.close());

interface Asking {
  readonly tool?: Partial<ToolDescription>;
  readonly isStrong?: boolean;
  readonly deviceKey?: object;
  readonly origin?: typeof HERE & { readonly webOrigin?: string };
}

async function startLink({ tool = PLAYER, isStrong = true, origin = HERE, deviceKey }: Asking = {}) {
  const { linksByNumber } = house.house;
  const asked = {
    identifier: 'a tool',
    tool: { ...NOTHING, ...tool },
    isStrong,
    origin,
    ...(deviceKey ? { deviceKey } : {}),
  };
  const link = await linksByNumber.startNumberedLink(asked);
  const poll = () => linksByNumber.pollNumberedLink({ number: link.number, identifier: 'a tool', origin });
  return { ...link, poll };
}

async function enterByAddress(browser: Visitor, code: string, forwardUrl = '') {
  await browser.visit('/auth');
  await browser.submit({ user_code: code, brought: code, forward_url: forwardUrl });
}

async function decide(browser: Visitor, decision: 'approve' | 'decline') {
  house.clock.advance(2);
  await browser.submit({ decision }, '/link/review');
}

const forwardOf = (browser: Visitor) => /<a [^>]*href="([^"]*)"[^>]*data-forward/.exec(browser.html)?.[1];

describe('who is asking', () => {
  beforeEach(async () => {
    await open();
    await visitor.signIn('anna');
  });

  it('is named by all that the tool says of itself, and as no more than that (RFC 8628 §5.4)', async () => {
    const { userCode } = await startLink({ origin: { ...HERE, webOrigin: 'https://films.example' } });
    await enterByAddress(visitor, userCode, BACK);
    for (const words of [
      'A tool that calls itself Film cellar',
      // Browsers tell the truth here; whatever is not a browser tells what it likes.
      'and says it is on the web page https://films.example',
      'Says it runs on Living room, TV, LG OLED55C1, webOS 6.3',
      'Says its version is 4.2.1',
      'Says it is python-requests/2.32',
      'the same network as you',
      'Afterwards you go back to films.example',
      '30 minutes left',
    ]) {
      expect(visitor.text).toContain(words);
    }
  });

  it('shows what such a token can do, and for how long (DESIGN 7)', async () => {
    await enterByAddress(visitor, (await startLink()).userCode);
    for (const words of [
      'Sign in as you for 365 days, or until you unlink it',
      'See your name',
      'See your e-mail address',
      'See which tools are linked to your account',
    ]) {
      expect(visitor.text).toContain(words);
    }
    expect(visitor.text).not.toContain('Use “');
  });

  it('says of a tool with a key of its own how long that is good for (PIN-API 5)', async () => {
    const jwk = {
      ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }),
      kid: 'k',
      alg: 'EdDSA',
    };
    await enterByAddress(visitor, (await startLink({ deviceKey: jwk })).userCode);
    expect(visitor.text).toContain('Sign in as you for three months, with a key of its own');
    expect(visitor.text).not.toContain('365 days');
  });

  it('takes markup, controls and endless words for what they are, text (CHECKLIST 2)', async () => {
    const tool = {
      product: '<b>Bank</b> & "Co"',
      deviceName: '</dl><script>x</script>',
      model: 'x'.repeat(500),
    };
    await enterByAddress(visitor, (await startLink({ tool })).userCode);
    expect(visitor.path).toBe('/link/review');
    expect(visitor.html).not.toMatch(/<b>Bank|<script>x/);
    expect(visitor.html).not.toContain('x'.repeat(100));
  });

  it('is a tool without a name where it gave none, on either kind of page', async () => {
    await enterByAddress(visitor, (await startLink({ tool: {} })).userCode);
    expect(visitor.text).toContain('A tool that calls itself A tool without a name');
    await decide(visitor, 'approve');
    expect(visitor.text).toContain('A tool without a name is linked');
  });

  it('is called by its device where it has no product', async () => {
    await enterByAddress(visitor, (await startLink({ tool: { deviceName: 'Cellar' } })).userCode);
    expect(visitor.text).toContain('A tool that calls itself Cellar');
    expect(visitor.text).not.toContain('Says it runs on');
  });

  it.each([true, false])(
    'takes both kinds of codes on both pages (strong: %s; PIN-API "Decided")',
    async (isStrong) => {
      const typed = await startLink({ isStrong });
      await visitor.visit('/link');
      await visitor.submit({ user_code: ` ${typed.userCode.toUpperCase()} ` });
      expect(visitor.path).toBe('/link/review');
      await decide(visitor, 'decline');
      const brought = await startLink({ isStrong });
      await enterByAddress(visitor, brought.userCode);
      expect(visitor.path).toBe('/link/review');
      const filled = await startLink({ isStrong });
      await visitor.visit(`/link?pin=${filled.userCode}`);
      expect(visitor.forms[0]?.fields.user_code?.replace('-', '')).toBe(filled.userCode);
    },
  );

  it('shows a long code in groups of five, which a narrow phone can break', async () => {
    const { userCode } = await startLink();
    await enterByAddress(visitor, userCode);
    const shown = /<p class="code long"[\s\S]*?<\/p>/.exec(visitor.html)![0];
    const groups = [...shown.matchAll(/class="half"[^>]*>(.*?)<\/span><\/span>/g)].map(([, letters]) =>
      letters!.replace(/<[^>]*>/g, ''),
    );
    expect(groups).toEqual(userCode.match(/.{5}/g));
  });

  it('warns where an address was made on another network than it is opened in, and only then (PIN-API 3.5)', async () => {
    const warning = 'This was asked for on another network';
    const foreign = await startLink({ origin: ELSEWHERE });
    await enterByAddress(visitor, foreign.userCode);
    expect(visitor.text).toContain(warning);
    expect(visitor.text).toContain('198.51.100.9');
    const typed = await startLink({ origin: ELSEWHERE, isStrong: false });
    await visitor.visit('/link');
    await visitor.submit({ user_code: typed.userCode });
    expect(visitor.text).not.toContain(warning);
    expect(visitor.text).toContain('a different network from yours');
    await enterByAddress(visitor, (await startLink()).userCode);
    expect(visitor.text).not.toContain(warning);
  });
});

describe('the way back', () => {
  it.each(['approve', 'decline'] as const)(
    'stands on the page after a decision to %s, and no form redirects there (PIN-API "Decided")',
    async (decision) => {
      await open();
      await visitor.signIn('anna');
      const { userCode, poll } = await startLink();
      await enterByAddress(visitor, userCode, BACK);
      expect(forwardOf(visitor)).toBeUndefined();
      const form = visitor.forms.find(({ action }) => action === '/link/review')!;
      house.clock.advance(2);
      const answer = await visitor.agent
        .post('/link/review')
        .type('form')
        .redirects(0)
        .send({ ...form.fields, decision });
      expect(answer.status).toBe(303);
      expect(answer.headers.location).toMatch(/^\/link\/done\?link=[\w.-]+$/);
      await visitor.visit(answer.headers.location as string);
      expect(forwardOf(visitor)).toBe(BACK);
      expect(visitor.text).toContain('Back to films.example');
      expect((await poll()).outcome).toBe(decision === 'approve' ? 'issued' : 'unknown');
    },
  );

  it('is missing without an address to go back to: then the window can be closed', async () => {
    await open();
    await visitor.signIn('anna');
    await enterByAddress(visitor, (await startLink()).userCode);
    await decide(visitor, 'approve');
    expect(forwardOf(visitor)).toBeUndefined();
    expect(visitor.text).toContain('You can close this page');
  });

  it.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'http://films.example/',
    'https://films.example@evil.example/',
    'https://films.example\\@evil.example/',
    '//evil.example/',
    `https://films.example/${'x'.repeat(2048)}`,
  ])('is not followed, nor named, for %s (RFC 9700 §4.11)', async (address) => {
    await open();
    await visitor.signIn('anna');
    await enterByAddress(visitor, (await startLink()).userCode, address);
    expect(visitor.path).toBe('/link/review');
    expect(visitor.text).toContain('an address to send you back to that is not safe to follow');
    expect(visitor.text).not.toContain('Afterwards you go back to');
    await decide(visitor, 'approve');
    expect(forwardOf(visitor)).toBeUndefined();
    expect(visitor.html).not.toMatch(/evil\.example|javascript:|data:text/);
    expect(visitor.text).toContain('You can close this page');
  });

  it('is known by its host in ASCII, so that nothing passes for another (RFC 9700 §4.11)', async () => {
    await open();
    await visitor.signIn('anna');
    await enterByAddress(visitor, (await startLink()).userCode, 'https://pаypal.example/');
    expect(visitor.text).toContain('Afterwards you go back to xn--pypal-4ve.example');
  });

  it('belongs to the code that it came with, and to no other', async () => {
    await open();
    const [brought, typed] = [await startLink(), await startLink({ isStrong: false })];
    await enterByAddress(visitor, brought.userCode, BACK);
    await visitor.visit('/sign-in?next=link');
    await visitor.submit({ login: 'anna', password: PASSWORD });
    expect(visitor.text).toContain('films.example');
    await visitor.visit('/link');
    await visitor.submit({ user_code: typed.userCode });
    expect(visitor.path).toBe('/link/review');
    expect(visitor.text).not.toContain('films.example');
    await decide(visitor, 'approve');
    expect(forwardOf(visitor)).toBeUndefined();
  });

  it('is gone once somebody enters the same code without it', async () => {
    await open();
    const { userCode } = await startLink();
    const elsewhere = createVisitor(house);
    await elsewhere.signIn('anna');
    await enterByAddress(elsewhere, userCode, 'https://stranger.example/');
    await visitor.signIn('anna');
    await enterByAddress(visitor, userCode);
    await decide(visitor, 'approve');
    expect(forwardOf(visitor)).toBeUndefined();
  });

  it('survives the longest way: sign-up, sign-in and enabling two-factor, with the longest address', async () => {
    await open({ twoFactor: 'required' });
    await house.newAccount('operator');
    const longest = BACK.padEnd(2048, 'x');
    const { userCode, poll } = await startLink();
    await enterByAddress(visitor, userCode, longest);
    expect(visitor.path).toBe('/sign-in');
    await visitor.visit('/sign-up?next=link');
    await visitor.submit({ email: 'mira@example.com', username: 'mira', new_password: PASSWORD });
    await visitor.submit({ login: 'mira', password: PASSWORD });
    expect(visitor.path).toBe('/account/security/two-factor');
    await visitor.submit({ password: PASSWORD });
    const secret = /data-secret="([A-Z2-7]+)"/.exec(visitor.html)![1]!;
    await visitor.submit({ code: await totpCode(secret, house.clock.now()) });
    await visitor.submit();
    expect(visitor.path).toBe('/link/review');
    await decide(visitor, 'approve');
    expect(forwardOf(visitor)).toBe(longest);
    expect((await poll()).outcome).toBe('issued');
  });

  it('survives "use another account", shown as a code that an address brought', async () => {
    await open();
    await house.newAccount('berta');
    await visitor.signIn('anna');
    await enterByAddress(visitor, (await startLink({ origin: ELSEWHERE })).userCode, BACK);
    await visitor.submit({}, '/link/another-account');
    await visitor.submit({ login: 'berta', password: PASSWORD });
    await visitor.submit();
    expect(visitor.path).toBe('/link/review');
    expect(visitor.text).toContain('Afterwards you go back to films.example');
    expect(visitor.text).toContain('This was asked for on another network');
  });

  it('is never on a page about a code that has run out (PIN-API "Decided")', async () => {
    await open();
    await visitor.signIn('anna');
    await enterByAddress(visitor, (await startLink()).userCode, BACK);
    house.clock.advance(1801);
    await visitor.submit({ decision: 'decline' }, '/link/review');
    expect(visitor.status).toBe(410);
    expect(forwardOf(visitor)).toBeUndefined();
    expect(visitor.html).not.toContain('films.example');
  });
});

describe('the list of linked tools', () => {
  it('names a tool of this door with its device, how it came, and until when it can stay', async () => {
    await open();
    await visitor.signIn('anna');
    const { userCode, poll } = await startLink();
    await enterByAddress(visitor, userCode);
    await decide(visitor, 'approve');
    await poll();
    await visitor.visit('/account/tools');
    for (const words of [
      'Film cellar',
      'Living room, TV, LG OLED55C1, webOS 6.3',
      'You entered its code and approved it',
      'At the latest until',
    ]) {
      expect(visitor.text).toContain(words);
    }
  });

  it('tells tools that came in with a password, or were linked by another tool, from those that were approved', async () => {
    await open({ fallbackDoor: 'all', pinLink: true });
    const { fallback, tokensLasting, linksByNumber, proofs, inTransaction } = house.house;
    const signIn = (login: string, product: string, code: Pick<FallbackRequest, 'verificationCode'> = {}) =>
      fallback.signInAtFallback({
        ...{ login, password: PASSWORD, identifier: product, tool: { ...NOTHING, product }, origin: HERE },
        ...code,
      });
    await signIn('anna', 'An old radio');
    const { accountId } = await house.newAccount('berta');
    const { secret } = await proofs.addAuthenticator(accountId, 'berta', HERE);
    house.clock.advance(31);
    const verificationCode = await totpCode(secret, house.clock.now());
    const fresh = await signIn('berta', 'Home hub', { verificationCode });
    if (fresh.outcome !== 'issued') throw new Error(fresh.outcome);
    await inTransaction(({ switches }) => switches.turnSwitch(accountId, 'link-by-token', true));
    const { userCode, poll } = await startLink();
    const standing = await tokensLasting.useLastingToken(fresh.token, HERE);
    await linksByNumber.linkByToken({ standing, userCode, origin: HERE });
    await poll();

    await visitor.signIn('anna');
    await visitor.visit('/account/tools');
    expect(visitor.text).toContain('An old radio It signed in with your password alone');
    const berta = createVisitor(house);
    await berta.visit('/sign-in');
    await berta.submit({ login: 'berta', password: PASSWORD });
    house.clock.advance(31);
    await berta.submit({ code: await totpCode(secret, house.clock.now()) });
    await berta.visit('/account/tools');
    expect(berta.text).toContain('Home hub It signed in with your password and a code');
    expect(berta.text).toContain('Home hub linked it, and it ends with that tool');
    expect(berta.text).not.toContain('You entered its code');
  });
});
