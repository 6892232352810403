// App passwords in a whole house: how one looks, what making one takes, what it opens and for whom, and what ends it
// (CHECKLIST 3.8.2).
import fc from 'fast-check';
import { readAppPassword, showAppPassword } from '../../src/domain/app-password-records.js';
import { createKeyring } from '../../src/crypto/secrets.js';
import { createAppPasswords, MOST_APP_PASSWORDS } from '../../src/domain/app-passwords.js';
import { createFallback, type FallbackMode } from '../../src/domain/fallback.js';
import { NOBODY } from '../../src/domain/password-check.js';
import type { Session } from '../../src/domain/sessions.js';
import type { AccountId, LinkedToolId } from '../../src/domain/vocabulary.js';
import { newOrigin, openCredentialsHouse, PASSWORD, type TestPerson } from '../support/credentials.js';

const TOOL = {
  ...{ product: 'PhotoSync', version: '1.2', platform: '', platformVersion: '', device: '' },
  ...{ deviceName: 'Kitchen', deviceVendor: '', model: '' },
};

const letters = fc
  .array(fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), { minLength: 24, maxLength: 24 })
  .map((drawn) => drawn.join(''));
const dash = fc.constantFrom('-', '\u2010', '\u2011', '\u2013', '\u2014', '\u2212');

describe('the form of an app password', () => {
  it('is 24 lower-case letters, with dashes anywhere', () => {
    fc.assert(
      fc.property(letters, fc.array(fc.tuple(fc.nat(24), dash), { maxLength: 30 }), (text, dashes) => {
        let typed = text;
        for (const [at, mark] of dashes) typed = typed.slice(0, at) + mark + typed.slice(at);
        expect(readAppPassword(typed)).toBe(text);
        expect(readAppPassword(showAppPassword(text))).toBe(text);
      }),
    );
    expect(showAppPassword('abcdefghijklmnopqrstuvwx')).toBe('abcd-efgh-ijkl-mnop-qrst-uvwx');
  });

  it('is nothing else: whatever is read has 24 letters and only dashes beside them', () => {
    const near = fc.array(fc.constantFrom(...'abcxyz-\u2013 AZ09_.\n\u0131\u0430\uff41\u0301'), {
      minLength: 20,
      maxLength: 30,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          near.map((drawn) => drawn.join('')),
          fc.string(),
        ),
        (typed) => {
          const isOfForm = /^[a-z]{24}$/.test(
            [...typed].filter((mark) => !/[\p{Pd}\u2212]/u.test(mark)).join(''),
          );
          expect(readAppPassword(typed) !== undefined).toBe(isOfForm && typed.length <= 64);
        },
      ),
    );
  });

  it.each([
    ['23 letters', 'a'.repeat(23)],
    ['25 letters', 'a'.repeat(25)],
    ['a capital', `A${'a'.repeat(23)}`],
    ['a letter of another alphabet', `\u0430${'a'.repeat(23)}`],
    ['a full-width letter', `\uff41${'a'.repeat(23)}`],
    ['a space at the end', `${'a'.repeat(24)} `],
    ['a line break at the end', `${'a'.repeat(24)}\n`],
    ['a code behind it', `${'a'.repeat(24)}123456`],
    ['more dashes than anybody types', `${'a'.repeat(24)}${'-'.repeat(41)}`],
    ['nothing', ''],
  ])('is not: %s', (_, typed) => {
    expect(readAppPassword(typed)).toBeUndefined();
  });
});

type House = Awaited<ReturnType<typeof openHouse>>;

async function openHouse() {
  const test = await openCredentialsHouse({
    config: { emailVerification: 'required', signingAlgs: ['EdDSA', 'RS256'] },
  });
  const { house } = test;
  let codesMatched = 0;
  const between: { work?: (() => Promise<unknown>) | undefined } = {};
  const proofs = {
    ...house.proofs,
    matchCode: async (...asked: Parameters<typeof house.proofs.matchCode>) => {
      codesMatched += 1;
      const step = await house.proofs.matchCode(...asked);
      const { work } = between;
      between.work = undefined;
      await work?.();
      return step;
    },
  };
  const openDoor = (mode: FallbackMode) =>
    createFallback({
      ...house,
      proofs,
      settings: { mode, publicUrl: test.url, emailVerification: 'required' },
    });
  const doors = { 'with-code': openDoor('with-code'), all: openDoor('all'), off: openDoor('off') };

  async function signedIn(person: TestPerson): Promise<Session> {
    const begun = await test.signIn(person);
    if (!('session' in begun)) throw new Error('not signed in');
    return begun.session;
  }

  /** A new app password of this person, as it was shown. */
  async function make(person: TestPerson, name = 'Living room') {
    const session = await signedIn(person);
    const proof = await test.proofOf(person);
    const made = await house.appPasswords.makeAppPassword(session, { name, ...proof }, newOrigin());
    if (made.outcome !== 'made') throw new Error(made.outcome);
    return made;
  }

  interface Asked {
    readonly login?: string;
    readonly password: string;
    readonly verificationCode?: string;
    readonly identifier?: string;
    readonly isNameless?: boolean;
  }
  const attempt = (person: { readonly username: string }, asked: Asked, mode: FallbackMode = 'with-code') =>
    doors[mode].signInAtFallback({
      ...{ login: person.username, identifier: 'a-tv', tool: TOOL, origin: newOrigin() },
      ...asked,
    });
  async function letIn(person: TestPerson, password: string, identifier = 'a-tv') {
    const found = await attempt(person, { password, identifier });
    if (found.outcome !== 'issued') throw new Error(found.outcome);
    return found;
  }
  const outcomeOf = async (...asked: Parameters<typeof attempt>) => (await attempt(...asked)).outcome;

  const rowsOf = async ({ accountId }: { readonly accountId: AccountId }, name: string) =>
    (await house.stores.audit.findByAccount(accountId, 1000)).filter(({ event }) => event === name);
  const use = (token: string) => house.tokensLasting.useLastingToken(token, newOrigin());
  const listed = ({ accountId }: { readonly accountId: AccountId }) =>
    house.appPasswords.listAppPasswords(accountId);
  const failures = async ({ accountId }: { readonly accountId: AccountId }) =>
    (await house.stores.accounts.findFailures(accountId))?.consecutive ?? 0;

  async function lockPassword({ accountId }: { readonly accountId: AccountId }): Promise<void> {
    for (let seen = 0; seen < 100; seen++)
      await house.inTransaction(({ accounts }) => accounts.chargeFailure(accountId, seen, test.clock.now()));
  }
  const switchOff = ({ accountId }: { readonly accountId: AccountId }) =>
    house.inTransaction(({ switches }) => switches.turnSwitch(accountId, 'app-passwords', false));

  return {
    ...test,
    ...{ signedIn, make, attempt, letIn, outcomeOf, rowsOf, use, listed, failures, lockPassword, switchOff },
    ...{ between, work: () => [house.passwords.runs(), codesMatched] as const },
  };
}

let house: House;
beforeAll(async () => {
  house = await openHouse();
});
afterAll(() => house.close());

describe('making an app password', () => {
  it('shows 24 letters in six groups, keeps only their keyed hash, and tells the owner', async () => {
    const person = await house.newPerson({ isCareful: true });
    await house.mailsTo(person.email);
    const { shown, appPassword } = await house.make(person, '  Living\n room ');
    expect(shown).toMatch(/^([a-z]{4}-){5}[a-z]{4}$/);
    expect(appPassword).toMatchObject({ name: 'Living room', boundTo: undefined, lastUsed: undefined });
    expect(await house.listed(person)).toEqual([appPassword]);
    const kept = JSON.stringify(await house.rowsOf(person, 'app-password-made'));
    expect(kept).toContain('Living room');
    expect(kept).not.toContain(shown.slice(0, 9));
    const mails = await house.mailsTo(person.email);
    expect(mails.map(({ notice }) => notice)).toContain('app-password-made');
    expect(JSON.stringify(mails)).not.toContain(shown.slice(0, 9));
  });

  it('takes the password and the code in the same request, and gives the session a new token', async () => {
    const person = await house.newPerson({ isCareful: true });
    const session = await house.signedIn(person);
    const { appPasswords } = house.house;
    const name = 'Living room';
    const attempt = (proof: { password: string; code?: string }) =>
      appPasswords.makeAppPassword(session, { name, ...proof }, newOrigin());
    await expect(attempt({ password: 'wrong', code: await house.freshCode(person) })).rejects.toMatchObject({
      code: 'credentials-wrong',
    });
    await expect(attempt({ password: PASSWORD })).rejects.toMatchObject({ code: 'code-wrong' });
    expect(await house.listed(person)).toEqual([]);
    const made = await attempt({ password: PASSWORD, code: await house.freshCode(person) });
    expect(made).toMatchObject({ outcome: 'made', session: { ticket: session.ticket } });
    expect(await house.house.stores.sessions.find(session.sessionHash)).toBeUndefined();
  });

  it('needs a name, before anything is proved', async () => {
    const person = await house.newPerson();
    const session = await house.signedIn(person);
    const asked = { name: ' \u202e\n', password: 'wrong' };
    await expect(house.house.appPasswords.makeAppPassword(session, asked, newOrigin())).rejects.toMatchObject(
      { code: 'client-metadata-invalid' },
    );
    expect(await house.failures(person)).toBe(0);
  });

  it(`ends at ${MOST_APP_PASSWORDS} for one account`, async () => {
    const person = await house.newPerson();
    for (let made = 0; made < MOST_APP_PASSWORDS; made++) await house.make(person, `tool ${made}`);
    const session = await house.signedIn(person);
    const asked = { name: 'one more', ...(await house.proofOf(person)) };
    expect(await house.house.appPasswords.makeAppPassword(session, asked, newOrigin())).toEqual({
      outcome: 'full',
    });
    expect(await house.listed(person)).toHaveLength(MOST_APP_PASSWORDS);
  });
});

describe('a tool with an app password', () => {
  it.each([
    ['as it is shown', (shown: string) => shown],
    ['without dashes', (shown: string) => shown.replaceAll('-', '')],
  ])('is let in with it typed %s, as one factor, for 14 days', async (_, typed) => {
    const person = await house.newPerson({ isCareful: true });
    const { shown, appPassword } = await house.make(person);
    const found = await house.letIn(person, typed(shown));
    expect(found).toMatchObject({ account: { accountId: person.accountId }, hasSecondFactor: true });
    expect(found.tool).toMatchObject({
      ...{ clientId: 'pin:a-tv', door: 'pin', name: 'PhotoSync', bornWith: 'app-password' },
      ...{ methods: ['pwd'], appPasswordId: appPassword.appPasswordId },
    });
    const claims = await house.house.keys.verify(found.token, {
      typ: 'at+jwt',
      audience: `${house.url}/api/v2`,
    });
    expect(claims).toMatchObject({ amr: ['pwd'], acr: 'aal1' });
    expect(claims!.exp - Number(claims!['iat'])).toBe(14 * 86_400);
    expect((await house.use(found.token)).tool.linkedToolId).toBe(found.tool.linkedToolId);
  });

  it('has it for itself from its first use on, which its owner is told of; later uses are only remembered', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    await house.mailsTo(person.email);
    const first = await house.letIn(person, shown);
    house.clock.advance(3600);
    await house.letIn(person, shown);
    expect(await house.listed(person)).toMatchObject([
      {
        boundTo: { clientId: 'pin:a-tv', toolName: 'PhotoSync (Kitchen)' },
        lastUsed: { at: house.clock.now() },
      },
    ]);
    expect(await house.rowsOf(person, 'app-password-bound')).toHaveLength(1);
    expect(await house.rowsOf(person, 'app-password-used')).toHaveLength(1);
    const mails = await house.mailsTo(person.email);
    expect(mails.map(({ notice, details }) => ({ notice, details }))).toMatchObject([
      { notice: 'app-password-used', details: { name: 'Living room', tool: first.tool.name } },
    ]);
  });

  it('is refused like anything else where it is another tool', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    await house.letIn(person, shown, 'a-tv');
    expect(await house.attempt(person, { password: shown, identifier: 'another' })).toEqual({
      outcome: 'refused',
    });
    const asked = { password: shown, identifier: 'made-up', isNameless: true };
    expect(await house.outcomeOf(person, asked)).toBe('refused');
    expect((await house.rowsOf(person, 'app-password-refused')).map(({ details }) => details)).toMatchObject([
      { name: 'Living room', why: 'bound-elsewhere' },
      { name: 'Living room', why: 'bound-elsewhere' },
    ]);
    expect(await house.house.linkedTools.listLinkedTools(person.accountId)).toHaveLength(1);
  });

  it('belongs to one of two that come at once', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    const outcomes = await Promise.all(
      ['one', 'two', 'three', 'four'].map((identifier) =>
        house.outcomeOf(person, { password: shown, identifier }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'issued')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'refused')).toHaveLength(3);
  });

  it('that never says who it is comes back as such, however its identifier was made up', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    const nameless = (identifier: string) =>
      house.outcomeOf(person, { password: shown, identifier, isNameless: true });
    expect([await nameless('made-up-1'), await nameless('made-up-2')]).toEqual(['issued', 'issued']);
    expect(await house.outcomeOf(person, { password: shown, identifier: 'a-tv' })).toBe('refused');
  });

  it('never links another tool with its token (PIN-API "Decided")', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    const standing = await house.use((await house.letIn(person, shown)).token);
    await house.house.inTransaction(({ switches }) =>
      switches.turnSwitch(person.accountId, 'link-by-token', true),
    );
    await expect(
      house.house.linksByNumber.linkByToken({ standing, userCode: 'BCDF-GHJK', origin: newOrigin() }),
    ).rejects.toMatchObject({ code: 'grant-not-allowed' });
  });

  it('is let in whatever stands in the field of the code, which is not used up', async () => {
    const person = await house.newPerson({ isCareful: true });
    const { shown } = await house.make(person);
    const code = await house.freshCode(person);
    expect(await house.outcomeOf(person, { password: shown, verificationCode: code })).toBe('issued');
    expect(await house.outcomeOf(person, { password: PASSWORD + code, identifier: 'other' })).toBe('issued');
  });

  it('is found after the secret of the house has changed', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    const secret = 'another secret for tests that is long enough';
    const openWith = (secrets: { secret: string; previous?: string }) => {
      const { stores } = house.house;
      const keyring = createKeyring(secrets);
      return createAppPasswords({ ...house.house, store: stores.appPasswords, keyring });
    };
    const meanwhile = openWith({ secret, previous: 'a secret for tests that is long enough' });
    const letters = shown.replaceAll('-', '');
    const found = await meanwhile.findAppPassword(person.accountId, letters);
    expect(found).toBeDefined();
    expect(await meanwhile.findAppPassword(NOBODY, letters)).toBeUndefined();
    const afterwards = openWith({ secret });
    expect(await afterwards.findAppPassword(person.accountId, letters)).toBeUndefined();
    // Its use keeps it under the key of today.
    const by = { letters, clientId: 'pin:a-tv', toolName: '' };
    await house.house.inTransaction((stores) => meanwhile.useAppPassword(stores, found!, by, newOrigin()));
    expect(await afterwards.findAppPassword(person.accountId, letters)).toBeDefined();
  });
});

const WRONG = 'wrongwrongwrongwrongwron';
const isOfForm = (text: string) => readAppPassword(text) !== undefined;

describe('what has the form of an app password and is none', () => {
  it('is refused at every account with the same work: one argon2id, one check of a code', async () => {
    const [careful, plain, other] = [
      await house.newPerson({ isCareful: true }),
      await house.newPerson(),
      await house.newPerson(),
    ];
    const { shown } = await house.make(careful);
    const theirs = await house.make(other);
    const tries = [
      { login: careful.username, password: WRONG },
      { login: careful.username, password: WRONG, verificationCode: '123456' },
      { login: plain.username, password: WRONG },
      { login: 'nobody', password: WRONG },
      { login: '\0'.repeat(9000), password: WRONG },
      // The right letters of another account.
      { login: careful.username, password: theirs.shown },
      { login: careful.username, password: shown, identifier: 'a-tv' },
      { login: careful.username, password: shown, identifier: 'another' },
    ];
    const outcomes: string[] = [];
    for (const asked of tries) {
      expect(isOfForm(asked.password)).toBe(true);
      const [runs, codes] = house.work();
      outcomes.push(await house.outcomeOf(careful, asked));
      expect([house.work()[0] - runs, house.work()[1] - codes]).toEqual([1, 1]);
    }
    expect(outcomes).toEqual([...Array<string>(6).fill('refused'), 'issued', 'refused']);
  });

  it('never counts as a wrong password: a tool that goes on trying locks nobody out', async () => {
    const person = await house.newPerson();
    const { shown, appPassword } = await house.make(person);
    await house.letIn(person, shown);
    await house.house.appPasswords.revokeAppPassword(
      person.accountId,
      appPassword.appPasswordId,
      newOrigin(),
    );
    for (let tries = 0; tries < 15; tries++)
      expect(await house.outcomeOf(person, { password: shown })).toBe('refused');
    expect(await house.failures(person)).toBe(0);
    expect((await house.rowsOf(person, 'sign-in-failed')).map(({ details }) => details)).toEqual(
      Array<object>(15).fill({ factor: 'app-password' }),
    );
    await expect(house.signedIn(person)).resolves.toBeDefined();
  });

  it('is not tried as the account’s own password, which may look so: that works with the code behind it', async () => {
    const password = 'quartzlanternbicyclemars';
    expect(isOfForm(password)).toBe(true);
    const account = await house.newAccount('letters', password);
    const added = await house.house.proofs.addAuthenticator(account.accountId, 'letters', newOrigin());
    const verificationCode = await house.freshCode(added);
    expect(await house.outcomeOf(account, { password })).toBe('refused');
    expect(await house.outcomeOf(account, { password, verificationCode })).toBe('refused');
    expect(await house.outcomeOf(account, { password: password + verificationCode })).toBe('issued');
    const signedIn = await house.house.signIn.startSignIn({ login: 'letters', password }, newOrigin());
    expect(signedIn.next).toBe('second-factor');
  });

  it('counts for the network: 60 in ten minutes, and then nothing is looked at', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    const origin = newOrigin();
    const { fallback } = house.house;
    const attempt = (password: string) =>
      fallback.signInAtFallback({ login: person.username, password, identifier: 'a-tv', tool: TOOL, origin });
    for (let tries = 0; tries < 60; tries++) await attempt(WRONG);
    await expect(attempt(shown)).rejects.toMatchObject({ code: 'too-many' });
  });
});

describe('whom an app password is good for', () => {
  it.each<[mode: FallbackMode, isCareful: boolean, outcome: string]>([
    ['with-code', true, 'issued'],
    ['with-code', false, 'issued'],
    ['all', true, 'issued'],
    ['all', false, 'issued'],
    ['off', true, 'refused'],
  ])('FALLBACK_DOOR=%s, an authenticator: %s, %s', async (mode, isCareful, outcome) => {
    const person = await house.newPerson({ isCareful });
    const { shown } = await house.make(person);
    expect(await house.outcomeOf(person, { password: shown }, mode)).toBe(outcome);
  });

  it('has a switch of its own, apart from that of password and code', async () => {
    const person = await house.newPerson({ isCareful: true });
    const { shown } = await house.make(person);
    await house.house.inTransaction(({ switches }) =>
      switches.turnSwitch(person.accountId, 'fallback', false),
    );
    expect(await house.outcomeOf(person, { password: shown })).toBe('issued');
    await house.switchOff(person);
    expect(await house.outcomeOf(person, { password: shown })).toBe('refused');
    const [refused] = await house.rowsOf(person, 'app-password-refused');
    expect(refused?.details).toMatchObject({ why: 'switched-off' });
  });

  it('does not bind one to a tool that is not let in', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    await house.switchOff(person);
    await house.attempt(person, { password: shown });
    expect(await house.listed(person)).toMatchObject([{ boundTo: undefined, lastUsed: undefined }]);
  });

  it('is a credential of its own: a locked password locks it not, and it forgives nothing', async () => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    await house.lockPassword(person);
    expect(await house.outcomeOf(person, { password: shown })).toBe('issued');
    expect(await house.failures(person)).toBe(100);
  });

  it.each<[what: string, work: (person: TestPerson) => Promise<unknown>]>([
    ['the account is closed', async (person) => closeAccount(person)],
    ['the owner switches them off', (person) => house.switchOff(person)],
    ['the owner revokes it', (person) => revokeAll(person)],
  ])('is asked again in the transaction that issues: %s meanwhile', async (_, work) => {
    const person = await house.newPerson();
    const { shown } = await house.make(person);
    house.between.work = () => work(person);
    expect(await house.outcomeOf(person, { password: shown })).toBe('refused');
    expect(await house.house.linkedTools.listLinkedTools(person.accountId)).toEqual([]);
  });
});

async function closeAccount(person: TestPerson): Promise<void> {
  const session = await house.signedIn(person);
  await house.house.accountClosing.closeAccount(session, await house.proofOf(person), newOrigin());
}

async function revokeAll(person: TestPerson): Promise<void> {
  for (const { appPasswordId } of await house.listed(person))
    await house.house.appPasswords.revokeAppPassword(person.accountId, appPasswordId, newOrigin());
}

describe('the end of an app password', () => {
  async function withTool() {
    const person = await house.newPerson();
    const { shown, appPassword } = await house.make(person);
    const found = await house.letIn(person, shown);
    const attempt = () => house.outcomeOf(person, { password: shown });
    return { person, appPassword, ...found, attempt };
  }

  it('revokes the tokens of its tool with it, which is seen at the next call', async () => {
    const { person, appPassword, token, attempt } = await withTool();
    const other = await house.make(person, 'Bedroom');
    const kept = await house.letIn(person, other.shown, 'bedroom');
    const { appPasswords } = house.house;
    await appPasswords.revokeAppPassword(person.accountId, appPassword.appPasswordId, newOrigin());
    await expect(house.use(token)).rejects.toMatchObject({ code: 'token-invalid' });
    await expect(house.use(kept.token)).resolves.toBeDefined();
    expect(await attempt()).toBe('refused');
    expect(await house.rowsOf(person, 'app-password-revoked')).toHaveLength(1);
    expect(await house.rowsOf(person, 'tool-unlinked')).toHaveLength(1);
  });

  it('is not for another account to bring about', async () => {
    const { appPassword, token } = await withTool();
    const stranger = await house.newPerson();
    await expect(
      house.house.appPasswords.revokeAppPassword(stranger.accountId, appPassword.appPasswordId, newOrigin()),
    ).rejects.toMatchObject({ code: 'not-found' });
    await expect(house.use(token)).resolves.toBeDefined();
  });

  it('comes with the end of its tool: unlinked, the tool would be back at once', async () => {
    const { person, tool, attempt } = await withTool();
    const { linkedToolId }: { linkedToolId: LinkedToolId } = tool;
    const asked = { accountId: person.accountId, linkedToolId, origin: newOrigin() };
    await house.house.linkedTools.unlinkTool(asked);
    expect(await house.listed(person)).toEqual([]);
    expect(await attempt()).toBe('refused');
    expect(await house.rowsOf(person, 'app-password-revoked')).toHaveLength(1);
  });

  it('does not come with the sign-out of its tool, which may come back', async () => {
    const { token, attempt } = await withTool();
    await house.house.tokensLasting.endLastingToken(await house.use(token), newOrigin());
    expect(await attempt()).toBe('issued');
  });

  it('comes with a reset of the password, unused ones included', async () => {
    const { person, token, attempt } = await withTool();
    await house.make(person, 'never used');
    const answer = { token: await house.resetToken(person), newPassword: 'eleven owls keep a ledger' };
    await house.house.accountReset.resetPassword(answer, newOrigin());
    expect(await house.listed(person)).toEqual([]);
    expect(await attempt()).toBe('refused');
    await expect(house.use(token)).rejects.toMatchObject({ code: 'token-invalid' });
    expect(await house.rowsOf(person, 'app-password-revoked')).toHaveLength(2);
  });

  it('comes with the closing of the account', async () => {
    const { person, attempt } = await withTool();
    await closeAccount(person);
    expect(await house.listed(person)).toEqual([]);
    expect(await attempt()).toBe('refused');
  });
});
