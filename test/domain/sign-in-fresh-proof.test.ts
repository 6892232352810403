// The proof of a security change against what happens in the same moment: a second factor that is enabled between the proof and
// the change has not been asked for, so nothing is changed on the password alone.
import type { ChangeProof } from '../../src/domain/sign-in-fresh-proof.js';
import type { Session } from '../../src/domain/sessions.js';
import {
  NEW_PASSWORD,
  newOrigin,
  openCredentialsHouse,
  PASSWORD,
  type CredentialsHouse,
  type TestPerson,
} from '../support/credentials.js';

let test: CredentialsHouse;
let asTheyAre: () => void;
beforeAll(async () => {
  test = await openCredentialsHouse({ config: { signingAlgs: ['EdDSA', 'RS256'] } });
  const { proofs, signIn } = test.house;
  const [{ hasSecondFactor }, { proveForChange }] = [proofs, signIn];
  asTheyAre = () => {
    proofs.hasSecondFactor = hasSecondFactor;
    signIn.proveForChange = proveForChange;
  };
});
afterEach(() => asTheyAre());
afterAll(() => test.close());

type Rooms = CredentialsHouse['house'];
type Change = (rooms: Rooms, session: Session, person: TestPerson, proof: ChangeProof) => Promise<unknown>;

const changes: Readonly<Record<string, Change>> = {
  'the password': ({ accountPassword }, session, _, proof) =>
    accountPassword.changePassword(session, { ...proof, newPassword: NEW_PASSWORD }, newOrigin()),
  'the e-mail address': ({ accountEmail }, session, _, proof) =>
    accountEmail.askChange(session, { ...proof, email: 'new@example.org' }, newOrigin()),
  'closing the account': ({ accountClosing }, session, _, proof) =>
    accountClosing.closeAccount(session, proof, newOrigin()),
  'a switch': ({ accountSwitches }, session, _, proof) =>
    accountSwitches.turnSwitch(session, { name: 'app-passwords', isOn: false }, proof, newOrigin()),
  'an app password': ({ appPasswords }, session, _, proof) =>
    appPasswords.makeAppPassword(session, { ...proof, name: 'Kitchen' }, newOrigin()),
  'another authenticator': ({ twoFactor }, session, person, proof) =>
    twoFactor.beginReplacement(session, person, proof, newOrigin()),
  'a fresh proof': ({ signIn }, session, _, { password }) =>
    signIn.stepUp(session, { password }, newOrigin()),
  'a whole new proof, where the sign-in was long ago': ({ signIn }, session, _, { password }) =>
    signIn.stepUp({ ...session, recentUntil: new Date(0) }, { password }, newOrigin()),
};

/** Everything of the account that one of the changes could change. */
async function stateOf({ accountId }: TestPerson) {
  const { stores, sessions, accountSwitches, appPasswords } = test.house;
  return {
    account: await stores.accounts.find(accountId),
    sessions: await sessions.listSessions(accountId),
    switches: await accountSwitches.findSwitches(accountId),
    appPasswords: await appPasswords.listAppPasswords(accountId),
    beingSetUp: await stores.proofs.findAuthenticator(accountId, 'inert'),
  };
}

/** The account has a second factor from the moment on in which it was said, for this change, that it has none. */
function enableOnceAsked({ accountId, username }: TestPerson, timesBefore: number): void {
  const { proofs } = test.house;
  const { hasSecondFactor } = proofs;
  let asked = 0;
  proofs.hasSecondFactor = async (id) => {
    const answer = await hasSecondFactor(id);
    if (asked++ === timesBefore) await proofs.addAuthenticator(accountId, username, newOrigin());
    return answer;
  };
}

describe('a change that is proved with the password alone', () => {
  it.each(Object.entries(changes))(
    'is not made where two-factor is enabled in the same moment: %s (ASVS 7.5.1)',
    async (name, change) => {
      const person = await test.newPerson();
      const { session } = await test.signIn(person);
      const before = await stateOf(person);
      // A new password is measured first, for which it is asked as well.
      enableOnceAsked(person, name === 'the password' ? 1 : 0);
      const outcome = change(test.house, session, person, { password: PASSWORD });
      await expect(outcome).rejects.toMatchObject({
        code: name === 'another authenticator' ? 'factor-not-on' : 'code-wrong',
      });
      expect(await test.house.proofs.hasSecondFactor(person.accountId)).toBe(true);
      expect(await stateOf(person)).toEqual(before);
      expect((await test.mailsTo(person.email)).map(({ notice }) => notice)).toEqual([]);
    },
  );

  it('is made with the code that is then asked for', async () => {
    const person = await test.newPerson({ isCareful: true });
    const { session } = await test.signIn(person);
    const proof = { password: PASSWORD, code: await test.freshCode(person) };
    await test.house.accountPassword.changePassword(
      session,
      { ...proof, newPassword: NEW_PASSWORD },
      newOrigin(),
    );
    await expect(test.signIn(person, NEW_PASSWORD)).resolves.toBeDefined();
  });

  it('is not made in a session that a reset has ended in the same moment: a switch', async () => {
    const person = await test.newPerson();
    const { session } = await test.signIn(person);
    const token = await test.resetToken(person);
    const { signIn, accountReset, accountSwitches } = test.house;
    const { proveForChange } = signIn;
    signIn.proveForChange = async (...asked) => {
      const proved = await proveForChange(...asked);
      await accountReset.resetPassword({ token, newPassword: NEW_PASSWORD }, newOrigin());
      return proved;
    };
    const turned = accountSwitches.turnSwitch(
      session,
      { name: 'fallback', isOn: false },
      { password: PASSWORD },
      newOrigin(),
    );
    await expect(turned).rejects.toMatchObject({ code: 'sign-in-over' });
    expect((await accountSwitches.findSwitches(person.accountId)).fallback).toBe(true);
  });
});
