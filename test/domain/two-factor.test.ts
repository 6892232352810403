// Two-factor for life on a real database: every change with its proof, its mail and its new session; the races that have one
// winner; and that no path leads past a locked factor to the password alone.
import { totpCode } from '../../src/crypto/totp.js';
import { createTwoFactor } from '../../src/domain/two-factor.js';
import type { Session } from '../../src/domain/sessions.js';
import type { AccountId, Origin } from '../../src/domain/vocabulary.js';
import { openPeopleRooms, PASSWORD } from '../support/people-rooms.js';

const SHORT = 'seven otters';
const LONG = 'eleven brass herons hum';
const A_DAY = 86_400;

const refusal = (code: string) => ({ name: 'DomainError', code });

const house = openPeopleRooms();
const { clock, proofs, sessions, signIn, twoFactor, operatorHelp, stores, inTransaction } = house;
const { newPerson, newCarefulPerson, halfWay, signedIn, code, wrongCode, countEvents, mailsTo } = house;
afterAll(() => house.database.close());

type Careful = Awaited<ReturnType<typeof newCarefulPerson>>;

/** A code that no door has taken yet. */
async function nextCode(secret: string): Promise<string> {
  clock.advance(31);
  return code(secret);
}

/** Signed in by the recovery code with this number. */
async function recovered(person: Careful, index = 0) {
  return signIn.finishWithRecoveryCode(await halfWay(person), person.recoveryCodes[index]!, person.origin);
}

async function enabled() {
  const person = await newPerson();
  const { session } = await signedIn(person);
  const { secret } = await twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
  const issued = await twoFactor.enable(session, await code(secret), person.origin);
  return { ...person, secret, issued };
}

/** So many wrong codes, spread over days so that only the count in a row is reached. */
async function failInARow(accountId: AccountId, kind: 'totp' | 'recovery', times: number): Promise<void> {
  const day = Math.floor(clock.now().getTime() / A_DAY / 1000);
  for (let i = 0; i < times; i++) {
    const attempt = { accountId, kind, day: day - times + i, at: clock.now() };
    await inTransaction((given) => given.proofs.charge(attempt, { consecutive: 100, today: 100 }));
  }
}

const lock = (accountId: AccountId, kind: 'totp' | 'recovery') => failInARow(accountId, kind, 100);

describe('enabling two-factor', () => {
  it('takes the password first (ASVS 7.5.1)', async () => {
    const person = await newPerson();
    const { session } = await signedIn(person);
    const begun = twoFactor.begin(session, person, { password: 'wrong' }, person.origin);
    await expect(begun).rejects.toMatchObject(refusal('credentials-wrong'));
  });

  it('rotates the session, with the first code as its fresh proof, and uses that code up (ASVS 7.2.4)', async () => {
    const person = await newPerson();
    const old = await signedIn(person);
    clock.advance(1200);
    const { secret } = await twoFactor.begin(old.session, person, { password: PASSWORD }, person.origin);
    const typed = await code(secret);
    const { recoveryCodes, session } = await twoFactor.enable(old.session, typed, person.origin);
    expect(recoveryCodes).toHaveLength(10);
    expect(sessions.hasFreshProof(session, { kind: 'second-factor' })).toBe(true);
    expect(session.authentication.methods).toEqual(['pwd', 'otp']);
    expect(await sessions.findSession(old.token)).toBeUndefined();
    const again = signIn.stepUp(session, { code: typed }, person.origin);
    await expect(again).rejects.toMatchObject(refusal('code-wrong'));
    expect(await countEvents(person.accountId, 'two-factor-enabled')).toBe(1);
    expect(await mailsTo(person)).toEqual(['two-factor-enabled']);
  });

  it('leaves the session as it was after a wrong code', async () => {
    const person = await newPerson();
    const { token, session } = await signedIn(person);
    const { secret } = await twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
    const wrong = twoFactor.enable(session, await wrongCode(secret), person.origin);
    await expect(wrong).rejects.toMatchObject(refusal('code-wrong'));
    expect(await sessions.findSession(token)).toEqual(session);
  });

  it('leaves nothing behind when its session has ended meanwhile: it is one transaction', async () => {
    const person = await newPerson();
    const { session } = await signedIn(person);
    const { secret } = await twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
    await sessions.endAllSessions(person.accountId);
    const late = twoFactor.enable(session, await code(secret), person.origin);
    await expect(late).rejects.toMatchObject(refusal('sign-in-over'));
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(false);
    expect(await proofs.countRecoveryCodes(person.accountId)).toBe(0);
    expect(await mailsTo(person)).toEqual([]);
  });

  it('given up halfway leaves no factor behind, and counts as none (authentik #2330)', async () => {
    const person = await newPerson();
    const { session } = await signedIn(person);
    await twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(false);
    const begun = await signIn.startSignIn({ login: person.username, password: PASSWORD }, person.origin);
    expect(begun.next).toBe('done');
  });

  it('wins over a sign-in that races it: no session comes out on the password alone (GHSA-xg6x-h9c9-2m83)', async () => {
    const person = await newPerson();
    const { session } = await signedIn(person);
    const { secret } = await twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
    const typed = await code(secret);
    // The password is right and there is no second factor yet; then, before the session begins, there is.
    const racing = house.racingSignIn(async () => {
      await twoFactor.enable(session, typed, person.origin);
    });
    const begun = await racing.startSignIn({ login: person.username, password: PASSWORD }, person.origin);
    expect(begun.next).toBe('second-factor');
    expect(await sessions.listSessions(person.accountId)).toHaveLength(1);
  });
});

describe('new recovery codes', () => {
  async function ready() {
    const person = await newCarefulPerson();
    const { session } = await signedIn(person);
    const from = (await proofs.findRecoverySet(person.accountId))!;
    return { person, session, from };
  }

  it('take password and code in the same request, and the old ones are dead (DESIGN 6)', async () => {
    const { person, session, from } = await ready();
    const { accountId, secret, origin, recoveryCodes } = person;
    const renew = (proof: { password: string; code?: string }) =>
      twoFactor.renewRecoveryCodes(session, { ...proof, from }, origin);
    await expect(renew({ password: PASSWORD })).rejects.toMatchObject(refusal('code-wrong'));
    const typed = await nextCode(secret);
    await expect(renew({ password: 'wrong', code: typed })).rejects.toMatchObject(
      refusal('credentials-wrong'),
    );
    const renewed = await renew({ password: PASSWORD, code: typed });
    if (!renewed) throw new Error('nothing was renewed');
    expect(renewed.recoveryCodes).toHaveLength(10);
    expect(await sessions.listSessions(accountId)).toEqual([renewed.session]);
    expect(await proofs.useRecoveryCode(accountId, recoveryCodes[0]!, origin)).toEqual({ outcome: 'wrong' });
    const used = await proofs.useRecoveryCode(accountId, renewed.recoveryCodes[0]!, origin);
    expect(used).toEqual({ outcome: 'right', left: 9 });
    expect(await mailsTo(person)).toEqual(['recovery-code-used', 'recovery-codes-renewed']);
  });

  it('never come of a recovery code in the place of the code', async () => {
    const { person, session, from } = await ready();
    const proof = { password: PASSWORD, recoveryCode: person.recoveryCodes[0]!, from };
    const renewed = twoFactor.renewRecoveryCodes(session, proof, person.origin);
    await expect(renewed).rejects.toMatchObject(refusal('code-wrong'));
    expect(await proofs.countRecoveryCodes(person.accountId)).toBe(10);
  });

  it('asked for in two windows are one set, and the other window learns of it', async () => {
    const { person, session, from } = await ready();
    const other = await signedIn(person);
    const renew = async (window: Session) => {
      const proof = { password: PASSWORD, code: await nextCode(person.secret), from };
      return twoFactor.renewRecoveryCodes(window, proof, person.origin);
    };
    const first = await renew(session);
    expect(await renew(other.session)).toBe(false);
    expect(first && first.setId).toBe(await proofs.findRecoverySet(person.accountId));
    expect(await proofs.countRecoveryCodes(person.accountId)).toBe(10);
    expect(await countEvents(person.accountId, 'recovery-codes-renewed')).toBe(1);
  });

  it('asked for in two windows at the same moment are one set', async () => {
    const { person, session, from } = await ready();
    const other = await signedIn(person);
    const codes = [await nextCode(person.secret), await nextCode(person.secret)];
    const both = [session, other.session].map((window, index) =>
      twoFactor.renewRecoveryCodes(window, { password: PASSWORD, code: codes[index]!, from }, person.origin),
    );
    // The other is overtaken, or, where the later code was looked at first, its own is an old one.
    const renewed = (await Promise.allSettled(both)).map((one) => one.status === 'fulfilled' && one.value);
    expect(renewed.map((one) => one && one.setId).filter(Boolean)).toEqual([
      await proofs.findRecoverySet(person.accountId),
    ]);
    expect(await proofs.countRecoveryCodes(person.accountId)).toBe(10);
  });

  it('have no failures of the ones before them', async () => {
    const { person, session, from } = await ready();
    await lock(person.accountId, 'recovery');
    const proof = { password: PASSWORD, code: await nextCode(person.secret), from };
    const renewed = await twoFactor.renewRecoveryCodes(session, proof, person.origin);
    if (!renewed) throw new Error('nothing was renewed');
    const used = await proofs.useRecoveryCode(person.accountId, renewed.recoveryCodes[0]!, person.origin);
    expect(used).toMatchObject({ outcome: 'right' });
  });
});

describe('turning two-factor off', () => {
  it('takes the password and a code, and leaves nothing of it', async () => {
    const person = await newCarefulPerson();
    const { session, token } = await signedIn(person);
    const proof = { password: PASSWORD, code: await nextCode(person.secret) };
    const off = await twoFactor.turnOff(session, proof, person.origin);
    expect(await sessions.findSession(token)).toBeUndefined();
    expect(await sessions.findSession(off.token)).toBeDefined();
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(false);
    expect(await proofs.findRecoverySet(person.accountId)).toBeUndefined();
    expect(await countEvents(person.accountId, 'two-factor-turned-off')).toBe(1);
    expect(await mailsTo(person)).toEqual(['two-factor-turned-off']);
    const again = twoFactor.turnOff(off.session, proof, person.origin);
    await expect(again).rejects.toMatchObject(refusal('factor-not-on'));
  });

  it('takes a recovery code where the phone is lost, in any spelling', async () => {
    const person = await newCarefulPerson();
    const { session } = await recovered(person);
    const recoveryCode = person.recoveryCodes[1]!.toLowerCase().replaceAll('-', '');
    await twoFactor.turnOff(session, { password: PASSWORD, recoveryCode }, person.origin);
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(false);
  });

  it('takes neither the password alone, nor the code that signed in, nor the last one used', async () => {
    const person = await newCarefulPerson();
    for (let index = 0; index < 9; index++) {
      await proofs.useRecoveryCode(person.accountId, person.recoveryCodes[index]!, person.origin);
    }
    const { session } = await recovered(person, 9);
    const used = { password: PASSWORD, recoveryCode: person.recoveryCodes[9]! };
    for (const proof of [{ password: PASSWORD }, used]) {
      const off = twoFactor.turnOff(session, proof, person.origin);
      await expect(off).rejects.toMatchObject(refusal('code-wrong'));
    }
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(true);
  });

  it('ends half-done sign-ins: what was proved to a factor that is gone is worth nothing', async () => {
    const person = await newCarefulPerson();
    const { session } = await signedIn(person);
    const signInToken = await halfWay(person);
    const proof = { password: PASSWORD, code: await nextCode(person.secret) };
    await twoFactor.turnOff(session, proof, person.origin);
    const late = signIn.finishWithCode(signInToken, await nextCode(person.secret), person.origin);
    await expect(late).rejects.toMatchObject(refusal('sign-in-over'));
  });

  it('happens once when two windows do it at once', async () => {
    const person = await newCarefulPerson();
    const [one, two] = [await signedIn(person), await signedIn(person)];
    const codes = [await nextCode(person.secret), await nextCode(person.secret)];
    const results = await Promise.allSettled(
      [one, two].map(({ session }, index) =>
        twoFactor.turnOff(session, { password: PASSWORD, code: codes[index]! }, person.origin),
      ),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await countEvents(person.accountId, 'two-factor-turned-off')).toBe(1);
  });

  describe('with a password of fewer than fifteen characters (CHECKLIST 3.6)', () => {
    it('takes a longer one in the same request, and costs nothing of the proof without one', async () => {
      const person = await newCarefulPerson({ password: SHORT });
      const { session } = await recovered(person);
      const proof = { password: SHORT, recoveryCode: person.recoveryCodes[1]! };
      for (const newPassword of [undefined, 'too short', SHORT]) {
        const off = twoFactor.turnOff(session, { ...proof, newPassword }, person.origin);
        await expect(off).rejects.toMatchObject(refusal('password-breaks-rule'));
      }
      expect(await proofs.countRecoveryCodes(person.accountId)).toBe(9);
      await twoFactor.turnOff(session, { ...proof, newPassword: LONG }, person.origin);
      const login = person.username;
      const old = signIn.startSignIn({ login, password: SHORT }, person.origin);
      await expect(old).rejects.toMatchObject(refusal('credentials-wrong'));
      expect(await signIn.startSignIn({ login, password: LONG }, person.origin)).toMatchObject({
        next: 'done',
      });
      expect(await countEvents(person.accountId, 'password-changed')).toBe(1);
    });

    it('ends the other sessions with the old password', async () => {
      const person = await newCarefulPerson({ password: SHORT });
      const [here, there] = [await signedIn(person), await signedIn(person)];
      const proof = { password: SHORT, code: await nextCode(person.secret), newPassword: LONG };
      const off = await twoFactor.turnOff(here.session, proof, person.origin);
      expect(await sessions.findSession(there.token)).toBeUndefined();
      expect(await sessions.listSessions(person.accountId)).toEqual([off.session]);
    });
  });
});

describe('another authenticator in the place of the one that is on', () => {
  const begin = (session: Session, person: Careful, proof: object) =>
    twoFactor.beginReplacement(session, person, { password: PASSWORD, ...proof }, person.origin);

  it('takes password and code, and the old one works until the new one is proved', async () => {
    const person = await newCarefulPerson();
    const { session, token } = await signedIn(person);
    await expect(begin(session, person, {})).rejects.toMatchObject(refusal('code-wrong'));
    const { secret } = await begin(session, person, { code: await nextCode(person.secret) });
    expect(await proofs.checkCode(person.accountId, await nextCode(person.secret), person.origin)).toBe(
      'right',
    );
    const signInToken = await halfWay(person);
    const replaced = await twoFactor.finishReplacement(session, await nextCode(secret), person.origin);
    expect(await sessions.findSession(token)).toBeUndefined();
    const { accountId, origin } = person;
    expect(await proofs.checkCode(accountId, await nextCode(person.secret), origin)).toBe('wrong');
    expect(await proofs.checkCode(accountId, await nextCode(secret), origin)).toBe('right');
    expect(await proofs.useRecoveryCode(accountId, person.recoveryCodes[0]!, origin)).toEqual({
      outcome: 'wrong',
    });
    expect(await proofs.countRecoveryCodes(accountId)).toBe(10);
    expect(replaced.recoveryCodes).toHaveLength(10);
    expect(await countEvents(accountId, 'two-factor-replaced')).toBe(1);
    expect(await mailsTo(person)).toEqual(['two-factor-replaced']);
    const late = signIn.finishWithCode(signInToken, await nextCode(secret), origin);
    await expect(late).rejects.toMatchObject(refusal('sign-in-over'));
  });

  it('is added with the password alone for ten minutes after a sign-in with the last code (UI.md)', async () => {
    const person = await newCarefulPerson();
    for (let index = 0; index < 9; index++) {
      await proofs.useRecoveryCode(person.accountId, person.recoveryCodes[index]!, person.origin);
    }
    const { session } = await recovered(person, 9);
    expect(await signIn.isFromLastCode(session)).toBe(true);
    clock.advance(601);
    expect(await signIn.isFromLastCode(session)).toBe(false);
    await expect(begin(session, person, {})).rejects.toMatchObject(refusal('code-wrong'));
    clock.advance(-1);
    const { secret } = await begin(session, person, {});
    const { session: after } = await twoFactor.finishReplacement(
      session,
      await nextCode(secret),
      person.origin,
    );
    expect(await signIn.isFromLastCode(after)).toBe(false);
    await expect(begin(after, person, {})).rejects.toMatchObject(refusal('code-wrong'));
  });

  it('is not added with the password alone while codes are left, or after a sign-in by code', async () => {
    const person = await newCarefulPerson();
    const byCode = await signedIn(person);
    const byRecovery = await recovered(person);
    for (const { session } of [byCode, byRecovery]) {
      await expect(begin(session, person, {})).rejects.toMatchObject(refusal('code-wrong'));
    }
    const { secret } = await begin(byRecovery.session, person, { recoveryCode: person.recoveryCodes[1] });
    expect(secret).not.toBe(person.secret);
    expect(await proofs.countRecoveryCodes(person.accountId)).toBe(8);
  });

  it('never comes of a set-up that was begun for the first one, nor of one that was turned off meanwhile', async () => {
    const person = await newPerson();
    const { session } = await signedIn(person);
    const { secret } = await twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
    const early = twoFactor.finishReplacement(session, await code(secret), person.origin);
    await expect(early).rejects.toMatchObject(refusal('factor-not-on'));

    const careful = await newCarefulPerson();
    const here = await signedIn(careful);
    const begun = await begin(here.session, careful, { code: await nextCode(careful.secret) });
    const proof = { password: PASSWORD, code: await nextCode(careful.secret) };
    const off = await twoFactor.turnOff(here.session, proof, careful.origin);
    const late = twoFactor.finishReplacement(off.session, await code(begun.secret), careful.origin);
    await expect(late).rejects.toMatchObject(refusal('factor-not-on'));
    expect(await proofs.hasSecondFactor(careful.accountId)).toBe(false);
  });

  it('frees a locked one with a recovery code: the new one has its own count (CHECKLIST 3.2)', async () => {
    const person = await newCarefulPerson();
    await lock(person.accountId, 'totp');
    const { session } = await recovered(person);
    const { secret } = await begin(session, person, { recoveryCode: person.recoveryCodes[1] });
    // What is only begun frees nothing.
    expect(await proofs.checkCode(person.accountId, await nextCode(person.secret), person.origin)).toBe(
      'locked',
    );
    await twoFactor.finishReplacement(session, await nextCode(secret), person.origin);
    expect(await proofs.checkCode(person.accountId, await nextCode(secret), person.origin)).toBe('right');
  });
});

describe('five wrong second factors in one session (CHECKLIST 3.3)', () => {
  it('end it, whatever they were given for, and a right one after them is too late', async () => {
    const person = await newCarefulPerson();
    const { session, token } = await signedIn(person);
    const { origin, recoveryCodes } = person;
    const wrong = await wrongCode(person.secret);
    const from = (await proofs.findRecoverySet(person.accountId))!;
    const proof = { password: PASSWORD, code: wrong };
    const lost = { password: PASSWORD, recoveryCode: '0000-0000-0000-0000' };
    const tries = [
      () => signIn.stepUp(session, { code: wrong }, origin),
      () => twoFactor.turnOff(session, proof, origin),
      () => twoFactor.turnOff(session, lost, origin),
      () => twoFactor.renewRecoveryCodes(session, { ...proof, from }, origin),
    ];
    for (const attempt of tries) await expect(attempt()).rejects.toMatchObject(refusal('code-wrong'));
    expect(await sessions.findSession(token)).toBeDefined();
    const fifth = twoFactor.beginReplacement(session, person, proof, origin);
    await expect(fifth).rejects.toMatchObject(refusal('sign-in-over'));
    expect(await sessions.findSession(token)).toBeUndefined();
    const right = twoFactor.turnOff(session, { ...lost, recoveryCode: recoveryCodes[0]! }, origin);
    await expect(right).rejects.toMatchObject(refusal('sign-in-over'));
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(true);
  });

  it('are no more than five however many come at once', async () => {
    const person = await newCarefulPerson();
    const { session } = await signedIn(person);
    const wrong = await wrongCode(person.secret);
    const attempts = Array.from({ length: 12 }, () => signIn.stepUp(session, { code: wrong }, person.origin));
    await Promise.allSettled(attempts);
    expect(await countEvents(person.accountId, 'second-factor-failed')).toBe(5);
  });

  it('are not counted together with right ones, nor given back by them', async () => {
    const person = await newCarefulPerson();
    let { session } = await signedIn(person);
    for (let round = 0; round < 4; round++) {
      const wrong = signIn.stepUp(session, { code: await wrongCode(person.secret) }, person.origin);
      await expect(wrong).rejects.toMatchObject(refusal('code-wrong'));
      ({ session } = await signIn.stepUp(session, { code: await nextCode(person.secret) }, person.origin));
    }
    const fifth = signIn.stepUp(session, { code: await wrongCode(person.secret) }, person.origin);
    await expect(fifth).rejects.toMatchObject(refusal('sign-in-over'));
  });
});

describe('a locked authenticator is locked, never off (CHECKLIST 3.2)', () => {
  /** Every way that there is to go on with what a person knows: the password, a right code, used and made-up codes. */
  async function everyPath(person: Careful, session: Session): Promise<Record<string, Promise<unknown>>> {
    const { username: login, secret, origin } = person;
    const right = await nextCode(secret);
    const from = (await proofs.findRecoverySet(person.accountId)) ?? '';
    const alone = { password: PASSWORD };
    const withCode = { ...alone, code: right };
    const made = { ...alone, recoveryCode: '0000-0000-0000-0000' };
    const half = async () => halfWay(person);
    return {
      'sign-in with the password': signIn.startSignIn({ login, password: PASSWORD }, origin).then((begun) => {
        expect(begun.next).toBe('second-factor');
        throw Object.assign(new Error('a second factor was asked for'), { code: 'asked' });
      }),
      'sign-in with a code': half().then((token) => signIn.finishWithCode(token, right, origin)),
      'sign-in without a code': half().then((token) => signIn.finishWithCode(token, '', origin)),
      'sign-in with a made-up recovery code': half().then((token) =>
        signIn.finishWithRecoveryCode(token, '0000-0000-0000-0000', origin),
      ),
      'a session as after the first run': signIn.startSessionFor(person.accountId, origin),
      'step-up with the password': signIn.stepUp(session, { password: PASSWORD }, origin),
      'step-up with a code': signIn.stepUp(session, { code: right }, origin),
      'a change with the password': signIn.proveForChange(session, alone, origin),
      'a change with a code': signIn.proveForChange(session, withCode, origin),
      'turning off with the password': twoFactor.turnOff(session, alone, origin),
      'turning off with a code': twoFactor.turnOff(session, withCode, origin),
      'turning off with a made-up recovery code': twoFactor.turnOff(session, made, origin),
      'replacing with the password': twoFactor.beginReplacement(session, person, alone, origin),
      'replacing with a code': twoFactor.beginReplacement(session, person, withCode, origin),
      'new codes with a code': twoFactor.renewRecoveryCodes(session, { ...withCode, from }, origin),
      'enabling another beside it': twoFactor.begin(session, person, alone, origin),
    };
  }

  async function expectNoWay(person: Careful, session: Session): Promise<void> {
    const paths = await everyPath(person, session);
    const before = (await sessions.listSessions(person.accountId)).length;
    for (const [path, attempt] of Object.entries(paths)) {
      const outcome = await attempt.then(
        () => 'went through',
        (error: { code?: string }) => error.code,
      );
      expect({ path, isOpen: outcome === 'went through' }).toEqual({ path, isOpen: false });
    }
    expect((await sessions.listSessions(person.accountId)).length).toBeLessThanOrEqual(before);
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(true);
  }

  it('at the hundredth failure in a row: no path leads to the password alone', async () => {
    const person = await newCarefulPerson();
    const { session } = await signedIn(person);
    await lock(person.accountId, 'totp');
    await expectNoWay(person, session);
    clock.advance(40 * A_DAY);
    const late = signIn.finishWithCode(await halfWay(person), await nextCode(person.secret), person.origin);
    await expect(late).rejects.toMatchObject(refusal('factor-locked'));
  });

  it('with its recovery codes locked or used up as well: no way in but the operator', async () => {
    const person = await newCarefulPerson();
    const { session } = await signedIn(person);
    for (const used of person.recoveryCodes.slice(0, 9)) {
      await proofs.useRecoveryCode(person.accountId, used, person.origin);
    }
    await lock(person.accountId, 'totp');
    await lock(person.accountId, 'recovery');
    await expectNoWay(person, session);
    const last = signIn.finishWithRecoveryCode(
      await halfWay(person),
      person.recoveryCodes[9]!,
      person.origin,
    );
    await expect(last).rejects.toMatchObject(refusal('factor-locked'));
  });

  it('leaves recovery codes their own cap: they are the way on', async () => {
    const person = await newCarefulPerson();
    await lock(person.accountId, 'totp');
    const { session } = await recovered(person);
    await twoFactor.turnOff(
      session,
      { password: PASSWORD, recoveryCode: person.recoveryCodes[1]! },
      person.origin,
    );
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(false);
  });

  it('is not freed by a new challenge, nor by a recovery code that was right (gogs GHSA-5mgh-chvj-hqf5)', async () => {
    const person = await newCarefulPerson();
    await failInARow(person.accountId, 'totp', 99);
    await recovered(person);
    await halfWay(person);
    const wrong = signIn.finishWithCode(await halfWay(person), await wrongCode(person.secret), person.origin);
    await expect(wrong).rejects.toMatchObject(refusal('factor-locked'));
    const { session } = await recovered(person, 1);
    const right = signIn.stepUp(session, { code: await nextCode(person.secret) }, person.origin);
    await expect(right).rejects.toMatchObject(refusal('factor-locked'));
  });
});

describe('one code at two doors at once (RFC 6238 §5.2, better-auth #10387)', () => {
  it('is one success: signing in, and turning off', async () => {
    const person = await newCarefulPerson();
    const { session } = await signedIn(person);
    const signInToken = await halfWay(person);
    const typed = await nextCode(person.secret);
    const results = await Promise.allSettled<unknown>([
      signIn.finishWithCode(signInToken, typed, person.origin),
      twoFactor.turnOff(session, { password: PASSWORD, code: typed }, person.origin),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('is one success for a recovery code, at signing in and at turning off', async () => {
    const person = await newCarefulPerson();
    const { session } = await signedIn(person);
    const signInToken = await halfWay(person);
    const recoveryCode = person.recoveryCodes[0]!;
    const results = await Promise.allSettled<unknown>([
      signIn.finishWithRecoveryCode(signInToken, recoveryCode, person.origin),
      twoFactor.turnOff(session, { password: PASSWORD, recoveryCode }, person.origin),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });
});

describe('a change that cannot be written', () => {
  it('leaves factor, codes and session as they were, and tells nobody', async () => {
    const person = await newCarefulPerson();
    const { session, token } = await signedIn(person);
    const failing = createTwoFactor({
      ...house.twoFactorDependencies,
      notices: { ...house.twoFactorDependencies.notices, tell: () => Promise.reject(new Error('disk full')) },
    });
    const proof = { password: PASSWORD, code: await nextCode(person.secret) };
    await expect(failing.turnOff(session, proof, person.origin)).rejects.toThrow('disk full');
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(true);
    expect(await proofs.countRecoveryCodes(person.accountId)).toBe(10);
    expect(await sessions.findSession(token)).toBeDefined();
    expect(await countEvents(person.accountId, 'two-factor-turned-off')).toBe(0);
  });
});

describe('a mail about a change', () => {
  it('goes to no address that nobody has proved', async () => {
    const person = await newPerson({ isEmailVerified: false });
    const { session } = await signedIn(person);
    const { secret } = await twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
    await twoFactor.enable(session, await code(secret), person.origin);
    expect(await mailsTo(person)).toEqual([]);
  });
});

describe('the operator', () => {
  const origin: Origin = { networkAddress: 'command line', network: 'command line', requestId: 'admin' };

  it('frees password, authenticator and recovery codes, and the owner is told', async () => {
    const person = await newCarefulPerson();
    const { accountId } = person;
    await lock(accountId, 'totp');
    await lock(accountId, 'recovery');
    await house.chargePassword(accountId, 100);
    expect((await operatorHelp.unlock(person.email, origin)).freed).toEqual(['password', 'totp', 'recovery']);
    const { session } = await signedIn(person);
    expect(session.accountId).toBe(accountId);
    expect(await countEvents(accountId, 'account-unlocked')).toBe(1);
    expect(await mailsTo(person)).toEqual(['account-unlocked']);
    expect((await operatorHelp.unlock(person.username, origin)).freed).toEqual([]);
    expect(await countEvents(accountId, 'account-unlocked')).toBe(1);
  });

  it('takes a second factor off whose phone and codes are lost, ends the sessions, and the owner is told', async () => {
    const person = await newCarefulPerson();
    const { token } = await signedIn(person);
    const signInToken = await halfWay(person);
    const removed = await operatorHelp.removeTwoFactor(person.username, undefined, origin);
    expect(removed).toMatchObject({ endedSessions: 1, hasNewPassword: false });
    expect(await sessions.findSession(token)).toBeUndefined();
    expect(await signIn.findSignIn(signInToken)).toBeUndefined();
    const begun = await signIn.startSignIn({ login: person.username, password: PASSWORD }, person.origin);
    expect(begun.next).toBe('done');
    expect(await countEvents(person.accountId, 'two-factor-removed')).toBe(1);
    expect(await mailsTo(person)).toContain('two-factor-removed');
    const again = operatorHelp.removeTwoFactor(person.username, undefined, origin);
    await expect(again).rejects.toMatchObject(refusal('factor-not-on'));
  });

  it('gives a longer password where the old one is too short to stand alone', async () => {
    const person = await newCarefulPerson({ password: SHORT });
    expect(await operatorHelp.isLongerPasswordDue(person.username)).toBe(true);
    const without = operatorHelp.removeTwoFactor(person.username, undefined, origin);
    await expect(without).rejects.toMatchObject(refusal('password-breaks-rule'));
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(true);
    const removed = await operatorHelp.removeTwoFactor(person.username, LONG, origin);
    expect(removed.hasNewPassword).toBe(true);
    const begun = await signIn.startSignIn({ login: person.username, password: LONG }, person.origin);
    expect(begun.next).toBe('done');
  });

  it('helps nobody who is not there', async () => {
    const refused = refusal('not-found');
    await expect(operatorHelp.unlock('nobody', origin)).rejects.toMatchObject(refused);
    await expect(operatorHelp.removeTwoFactor('nobody', undefined, origin)).rejects.toMatchObject(refused);
  });
});

it('keeps what is kept of changes free of codes and secrets', async () => {
  const { accountId, secret, issued } = await enabled();
  const rows = JSON.stringify(await stores.audit.findByAccount(accountId, 100));
  for (const hidden of [secret, ...issued.recoveryCodes!, await totpCode(secret, clock.now())]) {
    expect(rows).not.toContain(hidden);
  }
});
