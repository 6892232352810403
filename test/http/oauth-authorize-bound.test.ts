// Codes that are bound to their tool's key, and to the services that their tokens are for; and, for who proves the key, the answer
// that was lost. RFC 9449 §5, §10; RFC 8707 §2; DESIGN 3.
import { bodyOf, expectRefusal, partsOf, type Fields, type Tokens } from './oauth-house.js';
import { answerIn, BACK, startRedirectHouse, type RedirectHouse } from './redirect-house.js';
import { createProofKey, type ProofKey } from '../support/proofs.js';
import type { Visitor } from '../support/visitor.js';

const FILMS = 'https://films.example';
const MUSIC = 'https://music.example';
const other = createProofKey('EdDSA');
let house: RedirectHouse;
let clientId: string;
let mira: Visitor;

beforeAll(async () => {
  house = await startRedirectHouse({ limits: { 'live-authorizations-by-network': { limit: 10_000 } } });
  clientId = await house.registerTool();
  mira = await house.newPerson();
  for (const [name, audience, scopes] of [
    ['Film cellar', FILMS, ['watch']],
    ['Music box', MUSIC, ['listen']],
  ] as const)
    await house.house.services.createService({ name, audience, scopes, isRestricted: false });
});
afterAll(() => house.close());

const proofOf = (by?: ProofKey): Fields => house.prove('POST', '/oauth/token', by ? { by } : {});

/** A code, and what it takes to exchange it; `resource` may come several times. */
async function newCode(
  changes: Record<string, string | undefined> = {},
  resources: string[] = [],
  client = clientId,
) {
  const { address, verifier } = house.ask(client, changes);
  const more = resources.map((resource) => `&resource=${encodeURIComponent(resource)}`).join('');
  await mira.visit(address + more);
  if (mira.path === '/step-up') await mira.submit({ password: 'quartz lantern bicycle 42' });
  if (!answerIn(mira)) await house.approveAt(mira);
  return { client_id: client, code: answerIn(mira)!.fields['code']!, code_verifier: verifier };
}

describe('a key', () => {
  it('that the request names is asked for at the exchange, and another or none consumes nothing (RFC 9449 §10)', async () => {
    const good = await newCode({ dpop_jkt: house.key.thumbprint });
    expectRefusal(await house.exchange(good), 400, 'invalid_grant');
    expectRefusal(await house.exchange(good, proofOf(other)), 400, 'invalid_grant');
    const tokens = bodyOf(await house.exchange(good, proofOf()).expect(200)) as Tokens;
    expect(tokens.token_type).toBe('DPoP');
    expect(partsOf(tokens.access_token).claims['cnf']).toEqual({ jkt: house.key.thumbprint });
  });

  it('that is proved at the exchange binds the tokens, and the refresh token of a public client (RFC 9449 §5)', async () => {
    const tokens = bodyOf(await house.exchange(await newCode(), proofOf()).expect(200)) as Tokens;
    expect(tokens.token_type).toBe('DPoP');
    const { refresh_token } = tokens;
    const refresh = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
    expectRefusal(await house.post('/oauth/token', refresh), 400, 'invalid_grant');
    expectRefusal(await house.post('/oauth/token', refresh, proofOf(other)), 400, 'invalid_grant');
    expect((await house.post('/oauth/token', refresh, proofOf())).status).toBe(200);
  });

  it('that a push proves is bound from then on, and dpop_jkt may not name another (RFC 9449 §10.1)', async () => {
    const push = (fields: Fields, by?: ProofKey) =>
      house.post('/oauth/par', fields, house.prove('POST', '/oauth/par', by ? { by } : {}));
    const { fields, verifier } = house.ask(clientId);
    expectRefusal(await push({ ...fields, dpop_jkt: other.thumbprint }), 400, 'invalid_dpop_proof');
    const { request_uri } = bodyOf(await push(fields).expect(201)) as { request_uri: string };
    await mira.visit(
      `/oauth/authorize?${new URLSearchParams({ client_id: clientId, request_uri }).toString()}`,
    );
    if (mira.path === '/step-up') await mira.submit({ password: 'quartz lantern bicycle 42' });
    if (!answerIn(mira)) await house.approveAt(mira);
    const good = { client_id: clientId, code: answerIn(mira)!.fields['code']!, code_verifier: verifier };
    expectRefusal(await house.exchange(good), 400, 'invalid_grant');
    expectRefusal(await house.exchange(good, proofOf(other)), 400, 'invalid_grant');
    expect((await house.exchange(good, proofOf())).status).toBe(200);
  });

  it('is asked for of a client that was registered so (RFC 9449 §5.2)', async () => {
    const bound = await house.registerTool({ dpop_bound_access_tokens: true });
    const good = await newCode({}, [], bound);
    expectRefusal(await house.exchange(good), 400, 'invalid_dpop_proof');
    expect((await house.exchange(good, proofOf())).status).toBe(200);
  });

  it('proves one exchange: its proof is used up with the code, and not by a refusal (RFC 9449 §11.1)', async () => {
    const [first, second] = [await newCode(), await newCode()];
    const proof = proofOf();
    expectRefusal(
      await house.exchange({ ...first, code_verifier: 'x'.repeat(43) }, proof),
      400,
      'invalid_grant',
    );
    expect((await house.exchange(first, proof)).status).toBe(200);
    expectRefusal(await house.exchange(second, proof), 400, 'invalid_dpop_proof');
    expect((await house.exchange(second, proofOf())).status).toBe(200);
  });
});

describe('the answer that was lost', () => {
  it('is given again for a minute to who proves the key, the same, and ends nothing (DESIGN 3)', async () => {
    const good = await newCode({ nonce: 'n' });
    const tokens = bodyOf(await house.exchange(good, proofOf()).expect(200)) as Tokens;
    house.clock.advance(50);
    const again = bodyOf(await house.exchange(good, proofOf()).expect(200)) as Tokens;
    const jtiOf = ({ access_token }: Tokens) => partsOf(access_token).claims['jti'];
    expect(jtiOf(again)).toBe(jtiOf(tokens));
    expect(again.refresh_token).toBe(tokens.refresh_token);
    expect(partsOf(again.id_token).claims['nonce']).toBe('n');
  });

  it('is not given to another key, to none, or later: that is a second use, and ends what the first gave', async () => {
    const isAlive = async ({ access_token }: Tokens) => {
      const proof = house.prove('GET', '/oauth/userinfo', { accessToken: access_token });
      const headers = { ...proof, Authorization: `DPoP ${access_token}` };
      return (await house.request.get('/oauth/userinfo').set(headers)).status === 200;
    };
    for (const [headers, seconds] of [
      [() => proofOf(other), 1],
      [() => ({}), 1],
      [() => proofOf(), 61],
    ] as const) {
      const good = await newCode();
      const tokens = bodyOf(await house.exchange(good, proofOf()).expect(200)) as Tokens;
      expect(await isAlive(tokens)).toBe(true);
      house.clock.advance(seconds);
      expectRefusal(await house.exchange(good, headers()), 400, 'invalid_grant');
      expect(await isAlive(tokens)).toBe(false);
    }
  });

  it('is not given once its refresh token was used', async () => {
    const good = await newCode();
    const { refresh_token } = bodyOf(await house.exchange(good, proofOf()).expect(200)) as Tokens;
    const refresh = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
    expect((await house.post('/oauth/token', refresh, proofOf())).status).toBe(200);
    expectRefusal(await house.exchange(good, proofOf()), 400, 'invalid_grant');
  });
});

describe('services', () => {
  it('stand on the review by their names, and the token is for the one that is asked for (RFC 8707 §2)', async () => {
    const { address, verifier } = house.ask(clientId, { scope: 'openid watch listen' });
    await mira.visit(
      `${address}&resource=${encodeURIComponent(FILMS)}&resource=${encodeURIComponent(MUSIC)}`,
    );
    if (mira.path === '/step-up') await mira.submit({ password: 'quartz lantern bicycle 42' });
    for (const words of ['Film cellar', 'Music box']) expect(mira.text).toContain(words);
    await house.approveAt(mira);
    const good = { client_id: clientId, code: answerIn(mira)!.fields['code']!, code_verifier: verifier };
    expectRefusal(await house.exchange({ ...good, resource: 'https://evil.example' }), 400, 'invalid_target');
    const tokens = bodyOf(await house.exchange({ ...good, resource: MUSIC }).expect(200)) as Tokens;
    expect(partsOf(tokens.access_token).claims).toMatchObject({ aud: MUSIC, scope: 'openid listen' });
    const { refresh_token } = tokens;
    const refresh = { grant_type: 'refresh_token', client_id: clientId, refresh_token, resource: FILMS };
    const next = bodyOf(await house.post('/oauth/token', refresh).expect(200)) as Tokens;
    expect(partsOf(next.access_token).claims).toMatchObject({ aud: FILMS, scope: 'openid watch' });
  });

  it('are asked about again where they are others than were approved', async () => {
    const visit = async (resources: string[], scope = 'openid') => {
      const more = resources.map((resource) => `&resource=${encodeURIComponent(resource)}`).join('');
      await mira.visit(house.ask(tool, { scope }).address + more);
      if (mira.path === '/step-up') await mira.submit({ password: 'quartz lantern bicycle 42' });
      return answerIn(mira)?.fields['code'] !== undefined;
    };
    const tool = await house.registerTool();
    await house
      .exchange(await newCode({ scope: 'openid watch' }, [FILMS], tool))
      .then(({ status }) => expect(status).toBe(200));
    expect(await visit([FILMS], 'openid watch')).toBe(true);
    expect(await visit([FILMS, MUSIC])).toBe(false);
    expect(await visit([])).toBe(false);
  });

  it('that nobody named are refused to the tool, by the way back (RFC 8707 §2)', async () => {
    await mira.visit(`${house.ask(clientId).address}&resource=${encodeURIComponent('https://evil.example')}`);
    expect(answerIn(mira)).toMatchObject({ to: BACK, fields: { error: 'invalid_target' } });
  });
});
