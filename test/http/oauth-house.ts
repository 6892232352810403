// A whole house, and what the tests of its OAuth door do again and again: register, start a link, decide it as a person
// would, poll. Time moves only when a test moves it.
import type { Response } from 'supertest';
import type { Config } from '../../src/config.js';
import type { AccountId, SubjectId } from '../../src/domain/vocabulary.js';
import { startTestHouse, type TestHouse, type TestHouseOptions } from '../support/app.js';
import { createDisk } from '../support/disk.js';
import { originFrom } from '../support/link-rooms.js';
import { createProofKey, type ProofKey } from '../support/proofs.js';

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const FORM = 'application/x-www-form-urlencoded';

export type Fields = Record<string, string>;
export type OAuthHouse = Awaited<ReturnType<typeof startOAuthHouse>>;

/** Which key proves, what token goes with it, and what of the proof is to be different. */
interface Proving {
  readonly by?: ProofKey;
  readonly accessToken?: string;
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
}

export interface StartedLink {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string;
  readonly expires_in: number;
  readonly interval: number;
}

export interface Tokens {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope?: string;
  readonly refresh_token: string;
  readonly id_token: string;
}

export async function startOAuthHouse({ config = {}, ...options }: TestHouseOptions = {}) {
  const lines: string[] = [];
  const settings: Partial<Config> = { logLevel: 'info', liveLinksPerNetwork: 1000, ...config };
  const logTo = { write: (line: string) => void lines.push(line) };
  const limits = { 'registration-by-network': { limit: 1000 }, ...options.limits };
  const test = await startTestHouse({ config: settings, logTo, ...options, limits });
  const { house, request } = test;

  const post = (path: string, fields: Fields | string, headers: Fields = {}) => {
    const body = typeof fields === 'string' ? fields : new URLSearchParams(fields).toString();
    return request
      .post(path)
      .set({ 'Content-Type': FORM, ...headers })
      .send(body);
  };

  async function register(metadata: object = {}): Promise<string> {
    const grant_types = [DEVICE_CODE_GRANT, 'refresh_token'];
    const asked = { client_name: 'A television', grant_types, ...metadata };
    const body = bodyOf(await request.post('/oauth/register').send(asked).expect(201));
    return (body as { client_id: string }).client_id;
  }

  async function start(clientId: string, fields: Fields = {}): Promise<StartedLink> {
    const body = bodyOf(
      await post('/oauth/device_authorization', { client_id: clientId, ...fields }).expect(200),
    );
    return body as StartedLink;
  }

  const poll = (client_id: string, device_code: string, headers: Fields = {}) =>
    post('/oauth/token', { grant_type: DEVICE_CODE_GRANT, client_id, device_code }, headers);

  /** Lets the event loop turn until a poll is held. */
  async function untilHeld(): Promise<void> {
    for (let turn = 0; house.waiting.count() === 0; turn++) {
      if (turn > 200_000) throw new Error('no poll was held');
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  const people = createPeople(test);

  /** A tool that was linked a moment ago, and what the token endpoint gave it. */
  async function link({ scope = 'openid profile', name = 'anna', metadata = {} } = {}) {
    const clientId = await register(metadata);
    const { device_code, user_code } = await start(clientId, scope === '' ? {} : { scope });
    await people.approve(user_code, name);
    const body = bodyOf(await poll(clientId, device_code).expect(200));
    return { clientId, deviceCode: device_code, ...(body as Tokens) };
  }

  /** A service that the operator made, and the header that it proves itself with. */
  async function makeService(about: { audience?: string; scopes?: readonly string[] } = {}) {
    const asked = { name: 'A service', isConfidential: true, ...about };
    const { client, secret = '' } = await house.clients.createByOperator(asked);
    const header = { Authorization: basic(client.clientId, secret) };
    return { clientId: client.clientId as string, secret, header };
  }

  const key = createProofKey();
  const now = () => Math.floor(test.clock.now().getTime() / 1000);

  /** The header of a request that proves a key, right unless it is said otherwise. */
  function prove(
    htm: string,
    path: string,
    { by = key, accessToken, ...wrong }: Proving = {},
  ): { DPoP: string } {
    const request = { htm, htu: `${test.url}${path}`, iat: now(), nonce: house.dpop.currentNonce() };
    return { DPoP: by.proof({ ...request, ...(accessToken === undefined ? {} : { accessToken }) }, wrong) };
  }

  /** A client that the operator made with a key of its own, and what it proves itself with, anew each time. */
  async function makeKeyedClient(by: ProofKey = createProofKey('EdDSA')) {
    const keyed = { isConfidential: true, authMethod: 'private_key_jwt', jwks: { keys: [by.jwk] } } as const;
    const { client } = await house.clients.createByOperator({ name: 'A keyed client', ...keyed });
    const clientId = client.clientId as string;
    const proveSelf = (wrong: { header?: object; claims?: object } = {}, audience = test.url): Fields => ({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: by.assertion({ clientId, audience, iat: now() }, wrong as Proving),
    });
    return { clientId, by, proveSelf };
  }

  return {
    ...{ key, prove, makeKeyedClient },
    ...{ ...test, ...house, ...people, disk: createDisk(house), close: test.close },
    ...{ lines, issuer: test.url, post, register, start, poll, untilHeld, link, makeService },
  };
}

/** People with an account each, by name, who decide links in a browser where they have just signed in. */
function createPeople({ house, clock, newAccount }: TestHouse) {
  const made = new Map<string, Promise<AccountId>>();
  const origin = originFrom('203.0.113.9');

  /** The account's id, which is also the `sub` of its tokens. */
  function accountOf(name: string): Promise<AccountId> {
    const known = made.get(name) ?? newAccount(name).then(({ accountId }) => accountId);
    made.set(name, known);
    return known;
  }

  async function signIn(name: string) {
    const accountId = await accountOf(name);
    const person = { accountId, subjectId: accountId as string as SubjectId, origin };
    return house.inTransaction((stores) =>
      house.sessions.startSession(stores, { ...person, methods: ['pwd', 'otp'] }),
    );
  }

  async function reserve(userCode: string, name: string) {
    const { session } = await signIn(name);
    const { linkId } = await house.linksForPerson.reserveLink({
      userCode,
      session,
      arrival: 'typed',
      origin,
    });
    return { linkId, session, origin };
  }

  async function decide(userCode: string, verdict: 'approveLink' | 'denyLink', name: string): Promise<void> {
    const about = await reserve(userCode, name);
    const review = await house.linksForPerson.findForReview(about);
    clock.advance(2);
    await house.linksForPerson[verdict]({ ...about, page: review!.page });
  }

  return {
    accountOf,
    reserve: async (userCode: string, name = 'anna') => void (await reserve(userCode, name)),
    /** What a person is shown of a link before they decide. */
    review: async (userCode: string, name = 'anna') =>
      house.linksForPerson.findForReview(await reserve(userCode, name)),
    approve: (userCode: string, name = 'anna') => decide(userCode, 'approveLink', name),
    deny: (userCode: string, name = 'anna') => decide(userCode, 'denyLink', name),
    /** A hundred wrong passwords, one after the other. */
    async lockAccount(name: string): Promise<void> {
      const accountId = await accountOf(name);
      await house.inTransaction(async ({ accounts }) => {
        for (let seen = 0; seen < 100; seen++) await accounts.chargeFailure(accountId, seen, clock.now());
      });
    },
    async unlockAccount(name: string): Promise<void> {
      const accountId = await accountOf(name);
      await house.inTransaction(({ accounts }) => accounts.forgiveFailures(accountId));
    },
  };
}

export const basic = (clientId: string, secret: string): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(secret)}`).toString('base64')}`;

/** The JSON of an answer; who reads it says what it should be. */
export const bodyOf = (response: Response): unknown => response.body as unknown;

/** Stands for any text of that form, where a whole answer is compared. */
export const like = (pattern: RegExp): string => expect.stringMatching(pattern) as string;

/** The parts of a JWT, unverified. */
export function partsOf(token: string) {
  const [header, claims] = token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>);
  return { header: header!, claims: claims! };
}

/** RFC 6749 §5.1, §5.2: JSON that nobody keeps, an error word, and a description in the few characters allowed. */
export function expectRefusal(response: Response, status: number, error: string): void {
  const body = response.body as { error?: string; error_description?: string };
  expect({ status: response.status, error: body.error }).toEqual({ status, error });
  expect(response.headers['content-type']).toMatch(/^application\/json/);
  expectNoStore(response);
  expect(body.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
}

export function expectNoStore({ headers }: Response): void {
  expect(headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
}
