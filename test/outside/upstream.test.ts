// Providers by name: where each is, what it is asked, and what of its words is believed. How a round trip fails is shown over
// HTTP (test/http/federated.test.ts).
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createUpstreams, redirectUriOf } from '../../src/outside/upstream.js';
import type { UpstreamGiven } from '../../src/outside/upstream-dialect.js';
import { shortText, subjectOf } from '../../src/outside/upstream-presets.js';
import { startUpstream, type TestUpstream } from '../support/upstream.js';

const common = { mayOpenAccounts: true, asksSecondFactor: false };
const secrets = { state: 's'.repeat(43), nonce: 'n'.repeat(43), codeVerifier: 'v'.repeat(43) };
const publicUrl = 'https://pin.example.org';

let provider: TestUpstream;
afterEach(() => provider.close());

function open(given: UpstreamGiven, isElsewhere = true) {
  const places = isElsewhere ? { [given.name]: { ...provider.places, person: personOf(given.name) } } : {};
  const [upstream] = createUpstreams([given], { publicUrl, now: () => Date.now(), places, budgetSeconds: 1 });
  return upstream!;
}

const personOf = (name: string): string => `${provider.issuer}/${name === 'facebook' ? 'me' : 'user'}`;

const oauth = (kind: 'facebook' | 'github'): UpstreamGiven => {
  const { clientId, clientSecret } = provider;
  return { ...common, name: kind, label: kind, kind, clientId, clientSecret };
};

/** There and back: who it says has come. */
async function meet(given: UpstreamGiven) {
  const upstream = open(given);
  const led = await upstream.leadThere(secrets, { isFresh: false });
  if (led.outcome !== 'ready') throw new Error(led.why);
  return upstream.readAnswer(new Map(Object.entries(provider.allow(led.address))), secrets);
}

async function addressOf(given: UpstreamGiven, isFresh = false): Promise<URL> {
  const led = await open(given, false).leadThere(secrets, { isFresh });
  if (led.outcome !== 'ready') throw new Error(led.why);
  return new URL(led.address);
}

describe('GitHub', () => {
  beforeEach(async () => {
    provider = await startUpstream();
    provider.state.who = {
      sub: '583231',
      preferred_username: 'octocat',
      name: 'Octo Cat',
      email: 'shown@example.com',
    };
  });

  it('is asked at its own address, with PKCE and for the list of addresses', async () => {
    const address = await addressOf(oauth('github'));
    expect(address.origin + address.pathname).toBe('https://github.com/login/oauth/authorize');
    expect(Object.fromEntries(address.searchParams)).toMatchObject({
      redirect_uri: 'https://pin.example.org/federated/github/callback',
      scope: 'read:user user:email',
      code_challenge_method: 'S256',
    });
    expect(address.searchParams.has('nonce')).toBe(false);
  });

  it('says who it is by its number, and an address by its primary proved one alone', async () => {
    provider.state.emails = [
      { email: 'other@example.com', primary: false, verified: true },
      { email: 'octo@example.com', primary: true, verified: true },
    ];
    expect(await meet(oauth('github'))).toEqual({
      outcome: 'known',
      person: {
        subject: '583231',
        email: 'octo@example.com',
        isEmailVerified: true,
        suggestedName: 'octocat',
        displayName: 'Octo Cat',
        authenticatedAt: undefined,
      },
    });
  });

  it.each([
    ['is not proved', [{ email: 'octo@example.com', primary: true, verified: false }], 'octo@example.com'],
    [
      'is proved in words only',
      [{ email: 'octo@example.com', primary: true, verified: 'true' }],
      'octo@example.com',
    ],
    ['is not the primary one', [{ email: 'octo@example.com', primary: false, verified: true }], ''],
    ['is missing', [], ''],
    ['is no list', { email: 'octo@example.com', primary: true, verified: true }, ''],
    ['is nothing', null, ''],
  ])('has no proved address where it %s, whatever the profile shows', async (_, emails, email) => {
    provider.state.emails = emails;
    const met = await meet(oauth('github'));
    expect(met).toMatchObject({ outcome: 'known', person: { email, isEmailVerified: false } });
  });

  it('is nobody without a number', async () => {
    provider.state.emails = [];
    provider.state.who = { sub: 'nobody' };
    expect(await meet(oauth('github'))).toMatchObject({ outcome: 'refused' });
  });

  it('never shows that a sign-in is fresh', () => {
    expect(open(oauth('github')).tellsFreshness).toBe(false);
  });
});

describe('Facebook', () => {
  beforeEach(async () => {
    provider = await startUpstream();
    provider.state.who = { sub: '10220', name: 'Anna Lind', email: 'anna@example.com' };
  });

  it('is asked at its own address', async () => {
    const address = await addressOf(oauth('facebook'));
    expect(address.origin + address.pathname).toBe('https://www.facebook.com/v23.0/dialog/oauth');
    expect(address.searchParams.get('scope')).toBe('public_profile email');
  });

  it('tells an address, but not that it was proved', async () => {
    expect(await meet(oauth('facebook'))).toMatchObject({
      outcome: 'known',
      person: { subject: '10220', email: 'anna@example.com', isEmailVerified: false, suggestedName: 'anna' },
    });
  });

  it('is shown that its token is used by whom it was given to', async () => {
    await meet(oauth('facebook'));
    const [call] = provider.queries.filter(({ path }) => path === '/me');
    const proof = createHmac('sha256', provider.clientSecret).update(call!.bearer).digest('hex');
    expect(call!.query.get('appsecret_proof')).toBe(proof);
  });
});

describe('Apple', () => {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const apple = (): UpstreamGiven => ({
    ...{ ...common, name: 'apple', label: 'Apple', kind: 'apple', clientId: provider.clientId },
    ...{ teamId: 'TEAM', keyId: 'KEY' },
    privateKey: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  });

  it.each([
    [true, true],
    ['true', true],
    ['false', false],
    [false, false],
    [undefined, false],
  ])('takes the word %p of its ID token for a proved address: %p', async (word, isEmailVerified) => {
    provider = await startUpstream({ appleKey: keys.publicKey });
    provider.state.who = { sub: '001.abc', email: 'x@privaterelay.appleid.com', email_verified: word };
    expect(await meet(apple())).toMatchObject({ outcome: 'known', person: { isEmailVerified } });
  });

  it('is asked to answer with a form', async () => {
    provider = await startUpstream({ appleKey: keys.publicKey });
    const led = await open(apple()).leadThere(secrets, { isFresh: false });
    const asked = new URL(led.outcome === 'ready' ? led.address : '').searchParams;
    expect([asked.get('response_mode'), asked.get('scope')]).toEqual(['form_post', 'openid name email']);
  });
});

describe('what a provider says of somebody', () => {
  beforeEach(async () => {
    provider = await startUpstream();
  });

  it.each([['anna-1'], ['a'.repeat(255)], [583231]])('is a subject: %p', (value) => {
    expect(subjectOf(value)).toBe(String(value));
  });

  it.each([
    [''],
    ['a'.repeat(256)],
    ['two words'],
    ['ä'],
    ['a\n'],
    [0],
    [-1],
    [1.5],
    [2 ** 60],
    [null],
    [{}],
    [true],
  ])('is no subject: %p (OpenID Connect Core §2)', (value) => {
    expect(() => subjectOf(value)).toThrow('the answer names nobody');
  });

  it('is shown on one line, and not without end', () => {
    expect(shortText('An\r\nna \u202Eevil')).toBe('An na  evil');
    expect(shortText('a'.repeat(5000))).toHaveLength(254);
    expect(shortText(7)).toBe('');
  });

  it('has one address to come back to, by PUBLIC_URL alone', () => {
    expect(redirectUriOf('https://pin.example.org', 'staff')).toBe(
      'https://pin.example.org/federated/staff/callback',
    );
  });

  it('is told to the log by the kind of fault, and without any token', async () => {
    const upstream = open(
      {
        ...common,
        name: 'staff',
        label: 'Work',
        kind: 'openid',
        clientId: 'linchpin',
        clientSecret: provider.clientSecret,
        issuer: provider.issuer,
      },
      false,
    );
    const led = await upstream.leadThere(secrets, { isFresh: false });
    provider.state.forgery = { claims: { nonce: 'another' } };
    const answer = new Map(Object.entries(provider.allow(led.outcome === 'ready' ? led.address : '')));
    const read = await upstream.readAnswer(answer, secrets);
    expect(read.outcome).toBe('refused');
    expect(JSON.stringify(read)).not.toContain('eyJ');
    expect(JSON.stringify(read)).not.toContain(answer.get('code')!);
    expect('why' in read && read.why.length).toBeLessThan(200);
  });
});
