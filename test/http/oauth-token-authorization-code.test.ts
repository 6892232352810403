// The authorization code grant: what a code is bound to, that it is worth something once, and what its second use ends.
import type { AccountId } from '../../src/domain/vocabulary.js';
import { bodyOf, expectNoStore, expectRefusal, partsOf, type Fields } from './oauth-house.js';
import {
  answerIn,
  BACK,
  LOOPBACK,
  newVerifier,
  startRedirectHouse,
  type RedirectHouse,
} from './redirect-house.js';
import type { Visitor } from '../support/visitor.js';

let house: RedirectHouse;
let clientId: string;
let mira: Visitor;

beforeAll(async () => {
  house = await startRedirectHouse({ limits: { 'live-authorizations-by-network': { limit: 10_000 } } });
  clientId = await house.registerTool();
  mira = await house.newPerson();
});
afterAll(() => house.close());

/** A code that was made a moment ago, and all that it takes to exchange it. */
async function newCode(changes: Record<string, string | undefined> = {}, client_id = clientId) {
  const { address, verifier, fields } = house.ask(client_id, changes);
  // Half a minute of reading is not enough to ask for a fresh proof.
  await mira.visit(address);
  if (mira.path === '/step-up') await mira.submit({ password: 'quartz lantern bicycle 42' });
  if (!answerIn(mira)) await house.approveAt(mira);
  const code = answerIn(mira)!.fields['code']!;
  const redirect_uri = fields['redirect_uri'] ?? BACK;
  return { client_id, code, code_verifier: verifier, redirect_uri };
}

const countTools = async () => {
  const account = await house.house.accounts.findByLogin('mira');
  return (await house.house.linkedTools.listLinkedTools(account!.accountId)).length;
};

describe('a code that fits', () => {
  it('becomes an access token, a refresh token and an ID token, and one linked tool (RFC 6749 §4.1.4)', async () => {
    const before = await countTools();
    const response = await house.exchange(await newCode());
    expect(response.status).toBe(200);
    expectNoStore(response);
    const tokens = bodyOf(response) as Record<string, string>;
    expect(tokens).toMatchObject({ token_type: 'Bearer', expires_in: 900, scope: 'openid profile' });
    const { header, claims } = partsOf(tokens['access_token']!);
    expect(header['typ']).toBe('at+jwt');
    expect(claims).toMatchObject({
      client_id: clientId,
      aud: house.issuer,
      scope: 'openid profile',
      acr: 'aal1',
    });
    expect(await countTools()).toBe(before + 1);
  });

  it('has at least 128 bits behind its name, and lasts for a minute (RFC 6749 §10.10, §4.1.2)', async () => {
    const late = await newCode();
    expect(late.code.split('.').at(-1)!.length).toBeGreaterThanOrEqual(43);
    house.clock.advance(61);
    expectRefusal(await house.exchange(late), 400, 'invalid_grant');
    const inTime = await newCode();
    house.clock.advance(59);
    expect((await house.exchange(inTime)).status).toBe(200);
  });

  it('is refreshed, by its own client, and no wider than it was (RFC 6749 §6)', async () => {
    const { refresh_token } = bodyOf(await house.exchange(await newCode())) as { refresh_token: string };
    const refresh = (fields: Fields = {}) =>
      house.post('/oauth/token', {
        grant_type: 'refresh_token',
        client_id: clientId,
        refresh_token,
        ...fields,
      });
    expectRefusal(await refresh({ scope: 'openid email' }), 400, 'invalid_scope');
    const refreshed = bodyOf(await refresh().expect(200)) as { access_token: string; id_token: string };
    expect(partsOf(refreshed.access_token).claims).toMatchObject({ client_id: clientId });
    // OpenID Connect Core §12.2: the nonce belongs to the sign-in alone.
    expect(partsOf(refreshed.id_token).claims).not.toHaveProperty('nonce');
  });

  it('gives no refresh token to a tool that is not registered for it', async () => {
    const grant_types = ['authorization_code'];
    const { tokens } = await house.linkBy(mira, await house.registerTool({ grant_types }));
    expect(tokens).not.toHaveProperty('refresh_token');
  });

  it('is nothing that the database could make: it keeps a hash (CHECKLIST 2)', async () => {
    const { code } = await newCode();
    const kept = await house.house.database.stores.authorizations.findByHandle(code);
    expect(kept).toBeUndefined();
  });
});

describe('refuses with invalid_grant, and consumes nothing', () => {
  const other = newVerifier();

  it.each<[string, (good: Fields) => Promise<Fields> | Fields]>([
    [
      'a code of another client (RFC 6749 §4.1.3)',
      async (good) => ({ ...good, client_id: await house.registerTool() }),
    ],
    ['another verifier (RFC 7636 §4.6)', (good) => ({ ...good, code_verifier: other.verifier })],
    ['no verifier (RFC 7636 §4.6, RFC 9700 §2.1.1)', (good) => ({ ...good, code_verifier: '' })],
    ['the challenge as the verifier', (good) => ({ ...good, code_verifier: other.challenge })],
    [
      'a verifier that is too short (RFC 7636 §4.1)',
      (good) => ({ ...good, code_verifier: good['code_verifier']!.slice(1) }),
    ],
    [
      'a verifier with a character more',
      (good) => ({ ...good, code_verifier: `${good['code_verifier']!}x` }),
    ],
    ['another address (RFC 6749 §4.1.3)', (good) => ({ ...good, redirect_uri: `${BACK}/` })],
    ['an address that fits the registration alone', (good) => ({ ...good, redirect_uri: LOOPBACK })],
    ['a code with a character changed', (good) => ({ ...good, code: `${good['code']!.slice(0, -1)}~` })],
    ['a code without its name', (good) => ({ ...good, code: good['code']!.split('.').slice(1).join('.') })],
    ['no code at all in it', (good) => ({ ...good, code: 'x' })],
  ])('%s', async (_, change) => {
    const good = await newCode();
    expectRefusal(await house.exchange(await change(good)), 400, 'invalid_grant');
    expect((await house.exchange(good)).status).toBe(200);
  });

  it('the port of another start of the same app (RFC 8252 §7.3)', async () => {
    const app = await house.registerTool({ redirect_uris: [LOOPBACK] });
    const good = await newCode({ redirect_uri: 'http://127.0.0.1:5001/back' }, app);
    expectRefusal(
      await house.exchange({ ...good, redirect_uri: 'http://127.0.0.1:5002/back' }),
      400,
      'invalid_grant',
    );
    expect((await house.exchange(good)).status).toBe(200);
  });

  it('a device code, and what names a request, in its place (CHECKLIST 5, Keycloak CVE-2026-4282)', async () => {
    const both = await house.registerTool({
      grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
    });
    const { device_code, user_code } = await house.start(both);
    await house.approve(user_code);
    const { verifier } = newVerifier();
    const shown = { client_id: both, code: device_code, code_verifier: verifier };
    expectRefusal(await house.exchange(shown), 400, 'invalid_grant');
    const good = await newCode({}, both);
    expectRefusal(await house.poll(both, good.code), 400, 'invalid_grant');
    expect((await house.poll(both, device_code)).status).toBe(200);
    expect((await house.exchange(good)).status).toBe(200);
  });

  it('a confidential client’s code without its secret (RFC 6749 §3.2.1, CHECKLIST 5)', async () => {
    const { client, secret = '' } = await house.house.clients.createByOperator({
      ...{ name: 'A server', isConfidential: true, redirectUris: [BACK] },
    });
    const { code, code_verifier } = await newCode({}, client.clientId);
    const shown = { client_id: client.clientId, code, code_verifier };
    expectRefusal(await house.exchange(shown), 401, 'invalid_client');
    expectRefusal(await house.exchange({ ...shown, client_secret: 'wrong' }), 401, 'invalid_client');
    expect((await house.exchange({ ...shown, client_secret: secret })).status).toBe(200);
  });

  it('the code of somebody whose password was reset meanwhile, or who closed the account (CHECKLIST 3.5, 5)', async () => {
    const good = await newCode();
    const { accountId } = (await house.house.accounts.findByLogin('mira')) as { accountId: AccountId };
    await house.house.inTransaction((stores) =>
      stores.authorizations.withdrawByAccount(accountId, house.clock.now()),
    );
    expectRefusal(await house.exchange(good), 400, 'invalid_grant');
  });

  it('the code of somebody who was locked out meanwhile (CHECKLIST 5, Keycloak CVE-2026-88770)', async () => {
    const own = await startRedirectHouse();
    const tool = await own.registerTool();
    await own.accountOf('anna');
    const visitor = own.newVisitor();
    await visitor.signIn('anna');
    const { address, verifier } = own.ask(tool);
    await visitor.visit(address);
    await own.approveAt(visitor);
    const code = answerIn(visitor)!.fields['code']!;
    await own.lockAccount('anna');
    const shown = { client_id: tool, code, code_verifier: verifier };
    expectRefusal(await own.exchange(shown), 400, 'invalid_grant');
    await own.close();
  });
});

describe('a message that cannot be an exchange', () => {
  it.each(['code', 'redirect_uri'])('lacks %s (RFC 6749 §4.1.3)', async (name) => {
    const { [name]: _without, ...good } = (await newCode()) as Fields;
    const sent = { grant_type: 'authorization_code', ...good } as Fields;
    expectRefusal(await house.post('/oauth/token', sent), 400, 'invalid_request');
    expect((await house.exchange({ ...good, [name]: _without! })).status).toBe(200);
  });

  it.each(['code', 'code_verifier', 'redirect_uri', 'client_id'])(
    'has %s twice (RFC 6749 §3.2)',
    async (name) => {
      const good = (await newCode()) as Fields;
      const body = new URLSearchParams({ grant_type: 'authorization_code', ...good });
      body.append(name, good[name]!);
      expectRefusal(await house.post('/oauth/token', body.toString()), 400, 'invalid_request');
      expect((await house.exchange(good)).status).toBe(200);
    },
  );

  it('is of a client that is not registered for it (RFC 6749 §5.2)', async () => {
    const shown = { client_id: await house.register(), code: 'x.y', code_verifier: newVerifier().verifier };
    expectRefusal(await house.exchange(shown), 400, 'unauthorized_client');
  });
});

describe('a code that comes twice', () => {
  it('is refused, and what it gave is revoked (RFC 6749 §4.1.2, RFC 9700 §4.5)', async () => {
    const good = await newCode();
    const tokens = bodyOf(await house.exchange(good)) as Parameters<RedirectHouse['isAlive']>[0];
    expect(await house.isAlive(tokens)).toBe(true);
    const before = await countTools();
    expectRefusal(await house.exchange(good), 400, 'invalid_grant');
    expect(await house.isAlive(tokens)).toBe(false);
    const { refresh_token } = tokens;
    const refresh = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
    expectRefusal(await house.post('/oauth/token', refresh), 400, 'invalid_grant');
    expect(await countTools()).toBe(before - 1);
    const { accountId } = (await house.house.accounts.findByLogin('mira'))!;
    const rows = await house.house.database.stores.audit.findByAccount(accountId, 1000);
    expect(rows).toContainEqual(
      expect.objectContaining({ event: 'authorization-code-reused', actor: clientId }),
    );
  });

  it('is noticed long after it has run out, and for a day (RFC 6749 §4.1.2)', async () => {
    const good = await newCode();
    const tokens = bodyOf(await house.exchange(good)) as Parameters<RedirectHouse['isAlive']>[0];
    house.clock.advance(600);
    await house.house.jobs.runNow('forget old authorizations');
    expectRefusal(await house.exchange(good), 400, 'invalid_grant');
    expect(await house.isAlive(tokens)).toBe(false);
  });

  it('revokes nothing for who cannot show its verifier: they have not got it from where it was made', async () => {
    const good = await newCode();
    const tokens = bodyOf(await house.exchange(good)) as Parameters<RedirectHouse['isAlive']>[0];
    for (const wrong of [
      { ...good, code_verifier: newVerifier().verifier },
      { ...good, client_id: await house.registerTool() },
      { ...good, redirect_uri: LOOPBACK },
    ])
      expectRefusal(await house.exchange(wrong), 400, 'invalid_grant');
    expect(await house.isAlive(tokens)).toBe(true);
  });

  it('at once: one answer has tokens, and none is a fault of ours (CHECKLIST 4, Hydra #3604)', async () => {
    const good = await newCode();
    const answers = await Promise.all(Array.from({ length: 20 }, () => house.exchange(good)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 19 }, () => 400)]);
  });
});

it('forgets what nobody finished, and what was exchanged a day ago (CHECKLIST 2)', async () => {
  const removable = (expired: Date, redeemed: Date) =>
    house.house.inTransaction(({ authorizations }) => authorizations.removeExpired(expired, redeemed));
  await house.house.jobs.runNow('forget old authorizations');
  await house.request.get(house.ask(clientId).address).redirects(0);
  const good = await newCode();
  await house.exchange(good);
  house.clock.advance(4300);
  await house.house.jobs.runNow('forget old authorizations');
  expect(await removable(house.clock.now(), new Date(0))).toBe(0);
  expectRefusal(await house.exchange(good), 400, 'invalid_grant');
  house.clock.advance(86_400);
  await house.house.jobs.runNow('forget old authorizations');
  expect(await removable(house.clock.now(), house.clock.now())).toBe(0);
});
