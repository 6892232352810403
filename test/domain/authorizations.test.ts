// Authorizations: by whatever order of steps, a code is worth something once, to its own tool, for a minute, and only on the word of
// the person who approved it.
import fc from 'fast-check';
import { sha256 } from '../../src/crypto/secrets.js';
import type { AuthorizationCheckpoint } from '../../src/domain/authorizations-redemption.js';
import { createAuthorizationsForPerson } from '../../src/domain/authorizations-person.js';
import { createAuthorizationsForTool } from '../../src/domain/authorizations-tool.js';
import type { AuthorizationAsked } from '../../src/domain/authorizations.js';
import { isAssured, isRegistered, readRedirectUris } from '../../src/domain/clients-redirects.js';
import type { Client } from '../../src/domain/clients.js';
import { createServices } from '../../src/domain/services.js';
import { createSessions, type Session } from '../../src/domain/sessions.js';
import { isRefusal } from '../../src/domain/vocabulary.js';
import { createAuthorizationStore } from '../../src/stores/sql/authorizations.js';
import { createSessionStore } from '../../src/stores/sql/sessions.js';
import type { Sql } from '../../src/stores/sql/statement.js';
import { openTestDatabase } from '../support/databases.js';
import { createLinkRoomStores, ISSUER, openLinkRooms, originFrom } from '../support/link-rooms.js';

const REDIRECT = 'https://tool.example/back';
const VERIFIER = 'v'.repeat(43);

async function openRooms(checkpoint?: AuthorizationCheckpoint) {
  let [writing, mostAtOnce] = [0, 0];
  const watched = (sql: Sql): Sql => ({
    ...sql,
    async change(statement, values) {
      mostAtOnce = Math.max(mostAtOnce, ++writing);
      return sql.change(statement, values).finally(() => writing--);
    },
  });
  const database = openTestDatabase((sql) => ({
    ...createLinkRoomStores(watched(sql)),
    authorizations: createAuthorizationStore(watched(sql)),
    sessions: createSessionStore(watched(sql)),
  }));
  const rooms = await openLinkRooms({
    database,
    limits: { 'live-authorizations-by-network': { limit: 1_000_000 } },
  });
  const { clock, keyring, clients, audit, tokens, throttle, standing, sessionOf } = rooms;
  const { inTransaction, stores } = database;
  const { now } = clock;
  const services = createServices({
    ...{ store: stores.services, inTransaction, clients, audit, now, issuer: ISSUER, reserved: [] },
  });
  const sessions = createSessions({
    ...{ store: stores.sessions, inTransaction, audit, now, newSecret: rooms.newId, hash: sha256 },
  });
  const shared = {
    ...{ inTransaction, audit, now, throttle, clients, services, sessions, tokens },
    newId: rooms.newId,
    newSecret: () => rooms.newId(),
    mayReceiveToken: async (_: unknown, accountId: string) => !standing.barred.has(accountId),
    findApproved: rooms.findApproved,
    ...(checkpoint ? { checkpoint } : {}),
    listForWhom: rooms.listForWhom,
  };
  const tool = createAuthorizationsForTool(shared);
  const person = createAuthorizationsForPerson({
    ...shared,
    store: stores.authorizations,
    tokenStore: stores.tokens,
    describeDecider: async (accountId) => ({
      isVerified: !standing.unverified.has(accountId),
      hasSecondFactor: standing.twoFactor.has(accountId),
      createdAt: new Date(0),
    }),
    codeMacs: (id, handle) => keyring.macs('authorization-code', id, handle),
    pageMac: (id, ticket, madeAt) => keyring.mac('review-page', 'authorization', id, ticket, madeAt),
    isSecondFactorRequired: false,
    isVerificationRequired: true,
  });
  const newClient = async (redirectUris = [REDIRECT]): Promise<Client> =>
    (await clients.createByOperator({ name: 'A dashboard', isConfidential: false, redirectUris })).client;

  const askedBy = (client: Client, changes: Partial<AuthorizationAsked> = {}): AuthorizationAsked => ({
    ...{ clientId: client.clientId, redirectUri: REDIRECT, answersBy: 'query', clientState: undefined },
    ...{ nonce: undefined, scope: 'openid', codeChallenge: sha256(VERIFIER), keyThumbprint: undefined },
    wishes: { mayAsk: true, isSignInDue: false, isReviewDue: false, wantsSecondFactor: false },
    ...changes,
  });
  const begin = async (client: Client, changes: Partial<AuthorizationAsked> = {}): Promise<string> =>
    tool.startAuthorization({ client, asked: askedBy(client, changes), origin: originFrom() });

  /** What the review page that was made for this session two seconds ago carries. */
  async function pageOf(handle: string, session: Session): Promise<string> {
    const found = await person.findStep({ handle, session, origin: originFrom() });
    clock.advance(2);
    return found.step === 'review' ? found.review.page : '';
  }

  async function codeOf(handle: string, session: Session): Promise<string | undefined> {
    const found = await person.findStep({ handle, session, origin: originFrom() });
    return found.step === 'answer' && found.answer.outcome === 'approved' ? found.answer.code : undefined;
  }

  async function approve(handle: string, session: Session): Promise<string> {
    const page = await pageOf(handle, session);
    await person.approveAuthorization({ handle, session, page, origin: originFrom() });
    return (await codeOf(handle, session))!;
  }

  const redeem = (client: Client, code: string, verifier = VERIFIER, redirectUri = REDIRECT) =>
    tool.redeemCode({ code, client, redirectUri, verifier, origin: originFrom() });

  const live = async (account: string) => (await stores.tokens.findLinkedTools(account as never)).length;
  return {
    ...rooms,
    database,
    tool,
    person,
    sessionOf,
    newClient,
    begin,
    pageOf,
    approve,
    codeOf,
    redeem,
    live,
    mostAtOnce: () => mostAtOnce,
  };
}

type Rooms = Awaited<ReturnType<typeof openRooms>>;
let rooms: Rooms;
beforeAll(async () => {
  rooms = await openRooms();
});
afterAll(() => rooms.close());

/** The word of a refusal; undefined where there was none. */
async function refusalOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (isRefusal(error)) return error.code;
    throw error;
  }
}

let accounts = 0;
const newSession = (methods?: Session['proofMethods']): Session =>
  rooms.sessionOf(`account ${++accounts}`, 'browser', methods);

describe('whoever approves', () => {
  it('needs a fresh proof of the kind that the account has (CHECKLIST 3.5)', async () => {
    const client = await rooms.newClient();
    const session = newSession(['pwd']);
    const handle = await rooms.begin(client);
    const page = await rooms.pageOf(handle, session);
    const asked = { handle, session, page, origin: originFrom() };
    rooms.standing.twoFactor.add(session.accountId);
    expect(await refusalOf(rooms.person.approveAuthorization(asked))).toBe('proof-required');
    const proved = { ...session, proofMethods: ['otp' as const] };
    expect(await refusalOf(rooms.person.approveAuthorization({ ...asked, session: proved }))).toBeUndefined();
  });

  it('may not be somebody whose account may have no token', async () => {
    const client = await rooms.newClient();
    const session = newSession();
    const handle = await rooms.begin(client);
    const page = await rooms.pageOf(handle, session);
    rooms.standing.barred.add(session.accountId);
    const asked = { handle, session, page, origin: originFrom() };
    expect(await refusalOf(rooms.person.approveAuthorization(asked))).toBe('account-closed');
    expect(await rooms.codeOf(handle, session)).toBeUndefined();
  });

  it('does it on a page that was made for them, and not sooner than they can read', async () => {
    const client = await rooms.newClient();
    const [session, other] = [newSession(), newSession()];
    const handle = await rooms.begin(client);
    const theirs = await rooms.pageOf(handle, other);
    const asked = { handle, session, origin: originFrom() };
    for (const page of [theirs, '', 'x.y', `${rooms.clock.now().getTime()}.x`])
      expect(await refusalOf(rooms.person.approveAuthorization({ ...asked, page }))).toBe('link-too-hasty');
    const found = await rooms.person.findStep(asked);
    const young = found.step === 'review' ? found.review.page : '';
    expect(await refusalOf(rooms.person.approveAuthorization({ ...asked, page: young }))).toBe(
      'link-too-hasty',
    );
    expect(await rooms.approve(handle, session)).toMatch(/^[\w-]+\./);
  });

  it('has proved their address where that is due', async () => {
    const client = await rooms.newClient();
    const session = newSession();
    rooms.standing.unverified.add(session.accountId);
    const handle = await rooms.begin(client);
    expect(await rooms.person.findStep({ handle, session, origin: originFrom() })).toEqual({
      step: 'verify',
    });
  });
});

describe('a code', () => {
  it('is made anew for its own browser, from what that holds and a key of the house, and kept as a hash', async () => {
    const client = await rooms.newClient();
    const session = newSession();
    const handle = await rooms.begin(client);
    const code = await rooms.approve(handle, session);
    expect(await rooms.codeOf(handle, session)).toBe(code);
    const kept = await rooms.database.stores.authorizations.findByHandle(sha256(handle));
    expect(kept).toMatchObject({ codeHash: sha256(code), handleHash: sha256(handle) });
    expect(JSON.stringify(kept)).not.toContain(code.split('.').at(-1));
    expect(await rooms.codeOf('another handle', session)).toBeUndefined();
  });

  it('is no good once its person may have no token, and leaves nothing', async () => {
    const client = await rooms.newClient();
    const session = newSession();
    const code = await rooms.approve(await rooms.begin(client), session);
    rooms.standing.barred.add(session.accountId);
    expect(await refusalOf(rooms.redeem(client, code))).toBe('account-closed');
    expect(await rooms.live(session.accountId)).toBe(0);
  });
});

describe('in whatever order (property)', () => {
  const step = fc.record({
    act: fc.constantFrom(
      ...(['approve', 'deny', 'redeem', 'redeem', 'redeem wrongly', 'redeem as another', 'wait'] as const),
    ),
    which: fc.nat(1),
    browser: fc.nat(1),
    seconds: fc.integer({ min: 1, max: 90 }),
  });

  /** What may be true of an authorization, whatever happened. */
  interface Model {
    handle: string;
    approvedBy: number | undefined;
    code: string | undefined;
    approvedAt: number;
    isDenied: boolean;
    issued: number;
    isReused: boolean;
  }

  it('at most one token comes of an approval, none without one, none after a decline, and reuse ends it', async () => {
    const client = await rooms.newClient();
    const another = await rooms.newClient();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const account = `account ${++accounts}`;
        const browsers = () => [rooms.sessionOf(account, 'one'), rooms.sessionOf(account, 'two')];
        const models: Model[] = [];
        for (const which of [0, 1]) {
          const scope = which === 0 ? 'openid' : 'openid profile';
          const handle = await rooms.begin(client, { scope, wishes: { ...WISHES, isReviewDue: true } });
          models.push({
            ...{ handle, approvedBy: undefined, code: undefined, approvedAt: 0 },
            ...{ isDenied: false, issued: 0, isReused: false },
          });
        }
        for (const { act, which, browser, seconds } of steps) {
          const model = models[which]!;
          const session = browsers()[browser]!;
          const at = () => rooms.clock.now().getTime();
          if (act === 'wait') rooms.clock.advance(seconds);
          if (act === 'approve' || act === 'deny') {
            const page = await rooms.pageOf(model.handle, session);
            const asked = { handle: model.handle, session, page, origin: originFrom() };
            const refused = await refusalOf(
              act === 'approve'
                ? rooms.person.approveAuthorization(asked)
                : rooms.person.denyAuthorization(asked),
            );
            const isOpen = model.approvedBy === undefined && !model.isDenied;
            if (!isOpen) expect(refused).toBeDefined();
            if (refused === undefined && act === 'deny') model.isDenied = true;
            if (refused === undefined && act === 'approve') {
              Object.assign(model, { approvedBy: browser, approvedAt: at() });
              model.code = await rooms.codeOf(model.handle, browsers()[browser]!);
              expect(model.code).toBeDefined();
              expect(await rooms.codeOf(model.handle, browsers()[1 - browser]!)).toBeUndefined();
            }
          }
          const code = model.code ?? `${model.handle}.x`;
          if (act === 'redeem wrongly') {
            expect(await refusalOf(rooms.redeem(client, code, 'w'.repeat(43)))).toBe('grant-invalid');
            expect(await refusalOf(rooms.redeem(client, code, VERIFIER, `${REDIRECT}/`))).toBe(
              'grant-invalid',
            );
          }
          if (act === 'redeem as another')
            expect(await refusalOf(rooms.redeem(another, code))).toBe('grant-invalid');
          if (act === 'redeem') {
            const refused = await refusalOf(rooms.redeem(client, code));
            const isInTime = at() - model.approvedAt < 60_000;
            const isDue = model.code !== undefined && model.issued === 0 && isInTime;
            expect(refused).toBe(isDue ? undefined : 'grant-invalid');
            if (isDue) model.issued += 1;
            else if (model.issued > 0) model.isReused = true;
          }
        }
        const alive = models.filter(({ issued, isReused }) => issued === 1 && !isReused).length;
        expect(await rooms.live(account)).toBe(alive);
      }),
      { numRuns: 40 },
    );
  });

  it('is redeemed by one statement after the other: on one connection PostgreSQL takes no second one beside the first', async () => {
    const client = await rooms.newClient();
    const code = await rooms.approve(await rooms.begin(client), newSession());
    expect(await rooms.redeem(client, code)).toHaveProperty('refreshToken');
    expect(rooms.mostAtOnce()).toBe(1);
  });

  it('of many who come with one code at once, one gets tokens', async () => {
    const client = await rooms.newClient();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 8 }), async (many) => {
        const code = await rooms.approve(await rooms.begin(client), newSession());
        const answers = await Promise.all(
          Array.from({ length: many }, () => refusalOf(rooms.redeem(client, code))),
        );
        expect(answers.filter((refused) => refused === undefined)).toHaveLength(1);
        expect(answers.filter((refused) => refused === 'grant-invalid')).toHaveLength(many - 1);
      }),
      { numRuns: 15 },
    );
  });
});

describe('a process that ends in the middle of an exchange (CHECKLIST 4)', () => {
  it.each(['code:before', 'code:updated', 'code:opened'] as const)(
    'at %s leaves nothing behind, and the next one goes on',
    async (moment) => {
      let isBroken = false;
      const broken = await openRooms((passed) => {
        if (isBroken && passed === moment) throw new Error('gone');
      });
      const client = await broken.newClient();
      const session = broken.sessionOf('account');
      const code = await broken.approve(await broken.begin(client), session);
      isBroken = true;
      await expect(broken.redeem(client, code)).rejects.toThrow('gone');
      expect(await broken.live('account')).toBe(0);
      isBroken = false;
      expect(await refusalOf(broken.redeem(client, code))).toBeUndefined();
      expect(await broken.live('account')).toBe(1);
      await broken.close();
    },
  );

  it('at code:committed has given one tool its tokens; without a key, the tool starts again', async () => {
    let isBroken = false;
    const broken = await openRooms((passed) => {
      if (isBroken && passed === 'code:committed') throw new Error('gone');
    });
    const client = await broken.newClient();
    const code = await broken.approve(await broken.begin(client), broken.sessionOf('account'));
    isBroken = true;
    await expect(broken.redeem(client, code)).rejects.toThrow('gone');
    expect(await broken.live('account')).toBe(1);
    isBroken = false;
    expect(await refusalOf(broken.redeem(client, code))).toBe('grant-invalid');
    expect(await broken.live('account')).toBe(0);
    await broken.close();
  });
});

const WISHES = { mayAsk: true, isSignInDue: false, isReviewDue: false, wantsSecondFactor: false };

describe('addresses to go back to (property)', () => {
  const registered = ['https://tool.example/back', 'http://127.0.0.1/back', 'example.tool.app:/back'];

  it('no text is registered but the very one, and a loopback address with another port (RFC 9700 §2.1)', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...registered),
        fc.nat(60),
        fc.string({ minLength: 1, maxLength: 3 }),
        (uri, at, text) => {
          const place = at % (uri.length + 1);
          const changed = [
            uri.slice(0, place) + text + uri.slice(place),
            uri.slice(0, place) + uri.slice(place + 1),
            uri.slice(0, place) + text + uri.slice(place + 1),
          ];
          for (const other of changed) {
            const isPort = /^http:\/\/127\.0\.0\.1(:\d{1,5})?\/back$/.test(other);
            if (!registered.includes(other) && !isPort)
              expect([other, isRegistered(registered, other)]).toEqual([other, false]);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('nothing can be registered that a browser would run, or read as another host', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.webUrl(),
          fc.string(),
          fc.webUrl().map((url) => `javascript:${url}`),
        ),
        (text) => {
          let isTaken = true;
          try {
            readRedirectUris([text]);
          } catch {
            isTaken = false;
          }
          if (!isTaken) return;
          const { protocol, username, hash, hostname } = new URL(text);
          expect([username, hash]).toEqual(['', '']);
          const isLocal = ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
          expect(protocol === 'https:' || (protocol === 'http:' && isLocal) || protocol.includes('.')).toBe(
            true,
          );
        },
      ),
      { numRuns: 500 },
    );
  });

  it('a tool is sure to be itself where it has a secret, or an address that nobody else answers to (RFC 8252 §8.6)', () => {
    const isSure = (kind: Client['kind']) => registered.map((uri) => isAssured({ kind }, uri));
    expect(isSure('public')).toEqual([true, false, false]);
    expect(isSure('confidential')).toEqual([true, true, true]);
  });
});
