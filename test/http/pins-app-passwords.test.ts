// App passwords over HTTP: what a tool gets for one, that no refusal differs from another by a byte, and that a token is dead at
// the next call once its app password is revoked (CHECKLIST 3.8, points 2 and 8).
import type { AccountId } from '../../src/domain/vocabulary.js';
import { totpCode } from '../../src/crypto/totp.js';
import { jsonOf, JSON_ONLY, startPinHouse, toolHeaders, type PinHouse } from './pins-house.js';

const PASSWORD = 'quartz lantern bicycle 42';
const ORIGIN = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 't' };
const SIGN_IN = '/api/v2/users/signin';
const OLDER = '/users/sign_in';
const WRONG = 'wrongwrongwrongwrongwron';

let house: PinHouse;
beforeAll(async () => {
  house = await startPinHouse({ limits: { 'sign-in-by-network': { limit: 1000 } } });
});
afterAll(() => house.close());

/** Makes an app password in a session of its owner; gives it as it is shown, and by its id. */
async function make(name: string) {
  const done = await house.house.signIn.startSignIn({ login: name, password: PASSWORD }, ORIGIN);
  if (done.next !== 'done') throw new Error(done.next);
  const asked = { name: 'Living room', password: PASSWORD };
  const made = await house.house.appPasswords.makeAppPassword(done.session, asked, ORIGIN);
  if (made.outcome !== 'made') throw new Error(made.outcome);
  return { shown: made.shown, appPasswordId: made.appPassword.appPasswordId };
}

async function newOwner(name: string) {
  const { accountId } = await house.newAccount(name);
  return { accountId, ...(await make(name)) };
}

type Typed = Readonly<Record<string, string>>;
const signIn = (typed: Typed, headers: Typed = {}, path = SIGN_IN) =>
  house.request.post(path).set(toolHeaders(headers)).type('form').send(typed);

const turnOff = (accountId: AccountId) =>
  house.house.inTransaction(({ switches }) => switches.turnSwitch(accountId, 'app-passwords', false));

describe('a tool with an app password', () => {
  it('is answered 201 with a token that works, until the app password is revoked: then at the next call not', async () => {
    const { accountId, shown, appPasswordId } = await newOwner('carol');
    const user = jsonOf(await signIn({ login: 'carol', password: shown }, JSON_ONLY).expect(201));
    expect(user).toMatchObject({ username: 'carol', twoFactorEnabled: false });
    const use = () =>
      house.request
        .get('/api/v2/user')
        .set({ ...toolHeaders(), ...JSON_ONLY, 'X-Plex-Token': String(user['authToken']) });
    expect((await use()).status).toBe(200);
    await house.house.appPasswords.revokeAppPassword(accountId, appPasswordId, ORIGIN);
    expect((await use()).status).toBe(401);
    expect((await signIn({ login: 'carol', password: shown })).status).toBe(401);
  });

  it('is told whether the account has a second factor, which it did not need', async () => {
    const { accountId, shown } = await newOwner('clara');
    await house.house.proofs.addAuthenticator(accountId, 'clara', ORIGIN);
    const user = jsonOf(await signIn({ login: 'clara', password: shown }, JSON_ONLY).expect(201));
    expect(user).toMatchObject({ twoFactorEnabled: true });
  });

  it('may be one that never says who it is: it comes back with the same app password', async () => {
    const { shown } = await newOwner('cecil');
    const authorization = `Basic ${Buffer.from(`cecil:${shown}`).toString('base64')}`;
    for (let times = 0; times < 2; times++)
      await house.request.post(`${OLDER}.json`).set({ Authorization: authorization }).expect(201);
    expect((await signIn({ login: 'cecil', password: shown })).status).toBe(401);
  });

  it('is not let in on any page', async () => {
    const { shown } = await newOwner('cyril');
    const begun = await house.house.signIn
      .startSignIn({ login: 'cyril', password: shown }, ORIGIN)
      .catch((error: { code: string }) => error.code);
    expect(begun).toBe('credentials-wrong');
  });
});

describe('the answer 1001 to what looks like an app password', () => {
  it.each([
    ['JSON', SIGN_IN, JSON_ONLY],
    ['XML', SIGN_IN, {}],
    ['JSON, older', `${OLDER}.json`, {}],
    ['XML, older', `${OLDER}.xml`, {}],
  ])('is the same bytes after the same work, whatever is wrong with it (%s)', async (_, path, accept) => {
    const name = `eve${path.length}${Object.keys(accept).length}`;
    const [bound, off, closed] = [
      await newOwner(name),
      await newOwner(`${name}-off`),
      await newOwner(`${name}-closed`),
    ];
    const { proofs, passwords, stores, inTransaction, now } = house.house;
    const { secret } = await proofs.addAuthenticator(bound.accountId, name, ORIGIN);
    await signIn({ login: name, password: bound.shown }, { 'X-Plex-Client-Identifier': 'its-tool' }).expect(
      201,
    );
    await turnOff(off.accountId);
    await inTransaction(({ credentials }) => credentials.close(closed.accountId, now()));
    expect((await stores.accounts.find(closed.accountId))?.closedAt).toBeDefined();
    house.clock.advance(60);
    const verificationCode = await totpCode(secret, house.clock.now());
    const typed: Readonly<Record<string, Typed>> = {
      'a wrong password of another form': { login: name, password: 'wrong' },
      'letters that are nobody’s': { login: name, password: WRONG },
      'with a right code beside them': { login: name, password: WRONG, verificationCode },
      'with a wrong code beside them': { login: name, password: WRONG, verificationCode: '000000' },
      'one that is bound to another tool': { login: name, password: bound.shown },
      'one of another account': { login: name, password: off.shown },
      'one of an account that has them off': { login: `${name}-off`, password: off.shown },
      'one of a closed account': { login: `${name}-closed`, password: closed.shown },
      'an unknown account': { login: 'nobody', password: bound.shown },
      'no login': { password: bound.shown },
    };
    const answers: [string, unknown][] = [];
    for (const [what, fields] of Object.entries(typed)) {
      const runs = passwords.runs();
      const { status, headers, text } = await signIn(fields, accept, path);
      expect([what, passwords.runs() - runs]).toEqual([what, 1]);
      const { 'x-request-id': id, date, ...rest } = headers as Record<string, string>;
      expect([typeof id, typeof date]).toEqual(['string', 'string']);
      answers.push([what, { status, headers: rest, text }]);
    }
    const [, first] = answers[0]!;
    expect(first).toMatchObject({ status: 401 });
    expect(answers).toEqual(answers.map(([what]) => [what, first]));
  });
});
