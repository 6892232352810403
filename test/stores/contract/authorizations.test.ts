// What every store of authorizations must do (domain/authorizations.ts): each move leaves exactly the state it names, in time, and
// redeeming asks for all that the code is bound to.
import { createAuthorizationStore } from '../../../src/stores/sql/authorizations.js';
import { createTokenStore } from '../../../src/stores/sql/tokens.js';
import type {
  ApprovedAuthorization,
  Authorization,
  AuthorizationApproval,
  AuthorizationRequest,
  AuthorizationStore,
  CodeShown,
} from '../../../src/domain/authorizations.js';
import type { Holder } from '../../../src/domain/links.js';
import type { LinkedTool } from '../../../src/domain/tokens.js';
import type {
  AccountId,
  AuthorizationId,
  BrowserTicket,
  ClientId,
  HouseholdId,
  LinkedToolId,
  LinkId,
  SubjectId,
} from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const NOW = new Date('2026-05-01T10:00:00Z');
const later = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
const anna: Holder = { accountId: 'anna' as AccountId, ticket: 'anna laptop' as BrowserTicket };
const approval: AuthorizationApproval = {
  accountId: 'anna' as AccountId,
  subjectId: 'mia' as SubjectId,
  authenticatedAt: NOW,
  methods: ['pwd', 'otp'],
  household: { householdId: 'home' as HouseholdId, memberKind: 'managed' },
  scope: 'openid',
  isRemembered: true,
};

let made = 0;
function newRequest(changes: Partial<AuthorizationRequest> = {}): AuthorizationRequest {
  made += 1;
  return {
    authorizationId: `authorization ${made}` as AuthorizationId,
    handleHash: `handle ${made}`,
    clientId: 'dashboard' as ClientId,
    redirectUri: 'https://tool.example/back',
    answersBy: 'form_post',
    clientState: 'state',
    nonce: 'nonce',
    scope: 'openid email',
    resources: ['https://films.example'],
    codeChallenge: `challenge ${made}`,
    keyThumbprint: undefined,
    wishes: {
      ...{ mayAsk: true, isSignInDue: false, isReviewDue: true, maxAgeSeconds: 60, wantsSecondFactor: false },
      ...{ subjectId: 'anna' as SubjectId, login: 'anna' },
    },
    networkAddress: '203.0.113.7',
    network: '203.0.113.7',
    userAgent: 'a browser',
    createdAt: NOW,
    expiresAt: later(600),
    ...changes,
  };
}

const shownOf = (request: AuthorizationRequest, changes: Partial<CodeShown> = {}): CodeShown => ({
  authorizationId: request.authorizationId,
  codeHash: `code of ${request.authorizationId}`,
  clientId: request.clientId,
  redirectUri: request.redirectUri,
  codeChallenge: request.codeChallenge,
  keyThumbprint: undefined,
  ...changes,
});

const approveWith = ({ authorizationId }: AuthorizationRequest) => ({
  approval,
  codeHash: `code of ${authorizationId}`,
  expiresAt: later(60),
});

const arrivedAs = (handleHash: string) => ({
  ...{ handleHash, networkAddress: '198.51.100.1', userAgent: 'a phone' },
  ...{ createdAt: later(5), expiresAt: later(605) },
});

type Move = 'begin' | 'approve' | 'deny' | 'redeem';
const moves: Record<Move, (store: AuthorizationStore, request: AuthorizationRequest) => Promise<unknown>> = {
  begin: (store, { handleHash, clientId }) => store.begin(handleHash, clientId, arrivedAs(handleHash)),
  approve: (store, request) => store.approve(request.authorizationId, anna, approveWith(request), NOW),
  deny: (store, { authorizationId }) => store.deny(authorizationId, anna, NOW),
  redeem: (store, request) => store.redeem(shownOf(request), NOW),
};
const paths: Record<Authorization['state'], Move[]> = {
  pushed: [],
  asked: ['begin'],
  approved: ['begin', 'approve'],
  denied: ['begin', 'deny'],
  redeemed: ['begin', 'approve', 'redeem'],
};
const allowed: Record<Authorization['state'], Partial<Record<Move, Authorization['state']>>> = {
  pushed: { begin: 'asked' },
  asked: { approve: 'approved', deny: 'denied' },
  approved: { redeem: 'redeemed' },
  denied: {},
  redeemed: {},
};
const states = Object.keys(paths) as Authorization['state'][];

describeOnBackends('a store of authorizations', ({ open }) => {
  const database = open((sql) => ({
    authorizations: createAuthorizationStore(sql),
    tokens: createTokenStore(sql),
  }));
  afterAll(() => database.close());
  const { authorizations: outside } = database.stores;
  const inStore = <T>(work: (store: AuthorizationStore) => Promise<T>) =>
    database.inTransaction(({ authorizations }) => work(authorizations));

  async function reach(state: Authorization['state'], changes: Partial<AuthorizationRequest> = {}) {
    const request = newRequest(changes);
    await inStore(async (store) => {
      await store.insert(request, 'pushed');
      for (const move of paths[state]) await moves[move](store, request);
    });
    return request;
  }

  describe.each(states)('from %s', (state) => {
    it.each(Object.keys(moves) as Move[])('%s goes where it may, and nowhere else', async (move) => {
      const request = await reach(state);
      const moved = await inStore((store) => moves[move](store, request));
      const expected = allowed[state][move];
      expect(Boolean(moved)).toBe(expected !== undefined);
      expect((await outside.findByHandle(request.handleHash))?.state).toBe(expected ?? state);
    });
  });

  it('keeps all that was asked, and finds it by its name alone', async () => {
    const request = newRequest();
    await inStore((store) => store.insert(request, 'asked'));
    expect(await outside.findByHandle(request.handleHash)).toEqual({ ...request, state: 'asked' });
    expect(await outside.findByHandle('nobody')).toBeUndefined();
  });

  it('keeps on whose word it was approved, and what of the scope they may have', async () => {
    const request = await reach('approved');
    const found = (await outside.findByHandle(request.handleHash)) as ApprovedAuthorization;
    const { scope, ...rest } = approval;
    expect([found.scope, found.approval, found.holder]).toEqual([scope, rest, anna]);
    expect([found.expiresAt, found.codeHash]).toEqual([later(60), `code of ${request.authorizationId}`]);
  });

  it('begins what was pushed once, for its own client, in time, under the new name', async () => {
    const request = await reach('pushed', { expiresAt: later(90) });
    const begin = (client: string, now: Date) =>
      inStore((store) =>
        store.begin(request.handleHash, client as ClientId, { ...arrivedAs(`new ${made}`), createdAt: now }),
      );
    expect(await begin('another', NOW)).toBeUndefined();
    expect(await begin('dashboard', later(90))).toBeUndefined();
    expect(await begin('dashboard', later(89))).toBe(request.authorizationId);
    expect(await begin('dashboard', later(89))).toBeUndefined();
    const found = await outside.findByHandle(`new ${made}`);
    expect(found).toMatchObject({ state: 'asked', networkAddress: '198.51.100.1', network: '203.0.113.7' });
  });

  it.each(['approve', 'deny'] as const)('does not %s what is over', async (move) => {
    const request = await reach('asked');
    const at = later(605);
    const moved = await inStore((store) =>
      move === 'deny'
        ? store.deny(request.authorizationId, anna, at)
        : store.approve(request.authorizationId, anna, approveWith(request), at),
    );
    expect(moved).toBeUndefined();
  });

  it.each<[string, Partial<CodeShown>]>([
    ['another code', { codeHash: 'another' }],
    ['another client', { clientId: 'another' as ClientId }],
    ['another address', { redirectUri: 'https://tool.example/other' }],
    ['another challenge', { codeChallenge: 'another' }],
    ['another authorization', { authorizationId: 'another' as AuthorizationId }],
  ])('redeems nothing for %s, and nothing is consumed', async (_, changes) => {
    const request = await reach('approved');
    expect(await inStore((store) => store.redeem(shownOf(request, changes), NOW))).toBeUndefined();
    expect(await inStore((store) => store.redeem(shownOf(request), NOW))).toBeDefined();
    expect(await outside.findRedeemed(shownOf(request, changes))).toBeUndefined();
    expect(await outside.findRedeemed(shownOf(request))).toMatchObject({
      redeemedAt: NOW,
      state: 'redeemed',
    });
  });

  it('redeems what is bound to a key for that key alone, and the rest with any (RFC 9449 §10)', async () => {
    const bound = await reach('approved', { keyThumbprint: 'key' });
    for (const keyThumbprint of [undefined, 'another', ''])
      expect(await inStore((store) => store.redeem(shownOf(bound, { keyThumbprint }), NOW))).toBeUndefined();
    expect(
      await inStore((store) => store.redeem(shownOf(bound, { keyThumbprint: 'key' }), NOW)),
    ).toBeDefined();
    const free = await reach('approved');
    expect(
      await inStore((store) => store.redeem(shownOf(free, { keyThumbprint: 'key' }), NOW)),
    ).toBeDefined();
  });

  it('redeems nothing once its minute is over', async () => {
    const request = await reach('approved');
    expect(await inStore((store) => store.redeem(shownOf(request), later(60)))).toBeUndefined();
    expect(await inStore((store) => store.redeem(shownOf(request), later(59)))).toBeDefined();
  });

  it('lets one of two win who redeem at once, or decide at once', async () => {
    const approved = await reach('approved');
    const both = [shownOf(approved), shownOf(approved)];
    const redeemed = await Promise.all(both.map((shown) => inStore((store) => store.redeem(shown, NOW))));
    expect(redeemed.filter(Boolean)).toHaveLength(1);
    const asked = await reach('asked');
    const decided = await Promise.all([
      inStore((store) => moves.approve(store, asked)),
      inStore((store) => moves.deny(store, asked)),
    ]);
    expect(decided.filter(Boolean)).toHaveLength(1);
  });

  it.each(states)('removes what is undecided, and leaves what is %s otherwise', async (state) => {
    const request = await reach(state);
    const isRemoved = await inStore((store) => store.remove(request.authorizationId));
    expect(isRemoved).toBe(state === 'asked');
    expect((await outside.findByHandle(request.handleHash))?.state).toBe(isRemoved ? undefined : state);
  });

  it('undoes a redemption whose transaction fails', async () => {
    const request = await reach('approved');
    await expect(
      inStore(async (store) => {
        await store.redeem(shownOf(request), NOW);
        throw new Error('after it');
      }),
    ).rejects.toThrow('after it');
    expect(await inStore((store) => store.redeem(shownOf(request), NOW))).toBeDefined();
  });

  it('withdraws what an account has approved, and nobody else’s, nor what was exchanged', async () => {
    const [approved, redeemed, asked] = [
      await reach('approved'),
      await reach('redeemed'),
      await reach('asked'),
    ];
    const boris = { accountId: 'boris' as AccountId, ticket: 'boris' as BrowserTicket };
    const other = await reach('asked');
    await inStore((store) => store.approve(other.authorizationId, boris, approveWith(other), NOW));
    await inStore((store) => store.withdrawByAccount(anna.accountId, NOW));
    const stateOf = async ({ handleHash }: AuthorizationRequest) =>
      (await outside.findByHandle(handleHash))?.state;
    expect(await Promise.all([approved, redeemed, asked, other].map(stateOf))).toEqual([
      ...['denied', 'redeemed', 'asked', 'approved'],
    ]);
  });

  it('forgets what expired, but keeps what was exchanged until its own time', async () => {
    const [asked, redeemed] = [await reach('asked'), await reach('redeemed')];
    await inStore((store) => store.removeExpired(later(5000), later(-1)));
    expect(await outside.findByHandle(asked.handleHash)).toBeUndefined();
    expect(await outside.findByHandle(redeemed.handleHash)).toBeDefined();
    await inStore((store) => store.removeExpired(later(5000), later(1)));
    expect(await outside.findByHandle(redeemed.handleHash)).toBeUndefined();
  });

  describe('of linked tools that came again', () => {
    let tools = 0;
    async function insertTool(changes: Partial<LinkedTool> & { isTold?: boolean } = {}): Promise<LinkedTool> {
      tools += 1;
      const { isTold = true, ...rest } = changes;
      const tool: LinkedTool = {
        linkedToolId: `tool ${tools}` as LinkedToolId,
        linkId: `link ${tools}` as LinkId,
        ...{
          door: 'oauth',
          accountId: anna.accountId,
          subjectId: 'anna' as SubjectId,
          clientId: 'dashboard',
        },
        ...{ name: 'A dashboard', scope: 'openid', audience: 'https://issuer.example', methods: ['pwd'] },
        ...{
          authenticatedAt: NOW,
          keyThumbprint: undefined,
          linkedAt: NOW,
          linkedFrom: '',
          endedAt: undefined,
        },
        firstAccess: { jti: `jti ${tools}`, issuedAt: NOW, expiresAt: later(900) },
        ...{ lastUsedAt: NOW, lastUsedFrom: '', redirectUri: 'https://tool.example/back' },
        ...rest,
      };
      await database.inTransaction(async ({ tokens }) => {
        await tokens.insertLinkedTool(tool);
        if (isTold) await tokens.markTold(tool.linkedToolId);
      });
      return tool;
    }

    const isThere = async ({ linkedToolId }: LinkedTool) =>
      (await database.stores.tokens.findLinkedTool(linkedToolId)) !== undefined;

    it('forgets those of which nothing is alive, and no other', async () => {
      const spent = await insertTool();
      const kept = [
        await insertTool({ isTold: false }),
        await insertTool({ clientId: 'another' }),
        await insertTool({ subjectId: 'mia' as SubjectId }),
        await insertTool({ accountId: 'boris' as AccountId }),
        await insertTool({ redirectUri: undefined }),
        await insertTool({ firstAccess: { jti: 'young', issuedAt: NOW, expiresAt: later(2000) } }),
      ];
      const refreshed = await insertTool();
      await database.inTransaction(({ tokens }) =>
        tokens.insertRefreshToken({
          ...{
            tokenHash: 'hash',
            linkedToolId: refreshed.linkedToolId,
            clientId: 'dashboard',
            generation: 0,
          },
          ...{ keyId: 'k', access: refreshed.firstAccess, scope: 'openid', replays: 0, createdAt: NOW },
          ...{ usedAt: undefined, expiresAt: later(5000), keyThumbprint: undefined },
        }),
      );
      const latest = await insertTool();
      await inStore((store) => store.forgetSpent(latest, later(1000)));
      expect(await isThere(spent)).toBe(false);
      expect(await Promise.all([...kept, refreshed, latest].map(isThere))).toEqual(
        Array.from({ length: kept.length + 2 }, () => true),
      );
    });
  });
});
