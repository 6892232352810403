// What a passkey proves, on the real rooms: alone, as the second step and as a fresh proof; and each answer that is not right, which
// opens nothing, touches no account but by a count, and cannot be given twice.
import { MOST_FAILURES } from '../../src/domain/factor-locks.js';
import { createAuthenticator, type Otherwise } from '../support/authenticator.js';
import { createPasskeyPeople, FORM, ORIGIN, type PasskeyPerson } from '../support/passkey-people.js';
import { newOrigin, openPeopleRooms, PASSWORD } from '../support/people-rooms.js';

const house = openPeopleRooms();
const { clock, stores, inTransaction, sessions, signIn, proofs } = house;
const people = createPasskeyPeople(house);
const { newHolder, answerFor, answerAtSignIn, answerAtSecondStep, signInWith } = people;
afterAll(() => house.database.close());

const refused = (code: string): object => expect.objectContaining({ code }) as object;
const kept = async ({ authenticator }: Pick<PasskeyPerson, 'authenticator'>) =>
  (await stores.passkeys.findByCredential(authenticator.id))!;

/** What a wrong answer must leave as it is. */
async function stateOf(person: PasskeyPerson) {
  return {
    passkeys: await stores.passkeys.findByAccount(person.accountId),
    sessions: await sessions.listSessions(person.accountId),
    codes: await proofs.countRecoveryCodes(person.accountId),
  };
}

describe('signing in with a passkey alone', () => {
  it.each(['ES256', 'EdDSA', 'RS256'] as const)(
    'by a key of %s that makes sure who holds it is both factors (NIST SP 800-63B §2.2.1)',
    async (algorithm) => {
      const anna = await newHolder({ algorithm });
      const done = await signInWith(anna.authenticator);
      if (done.next !== 'done') throw new Error('there was more to do');
      expect(done.session).toMatchObject({
        accountId: anna.accountId,
        authentication: { methods: ['pop', 'mfa'] },
      });
      expect(sessions.hasFreshProof(done.session, { kind: 'second-factor' })).toBe(true);
      expect(await kept(anna)).toMatchObject({ isAlone: true, lastUsed: { at: clock.now() } });
    },
  );

  it('that is synced is as good, and whether it is now is kept (WebAuthn Level 3 §6.1.3)', async () => {
    const anna = await newHolder({ isSynced: true });
    expect(await kept(anna)).toMatchObject({ isBackupEligible: true, isBackedUp: true });
    const answer = await answerAtSignIn(anna.authenticator, { isBackedUp: false });
    await signIn.signInWithPasskey(answer, newOrigin());
    expect(await kept(anna)).toMatchObject({ isBackupEligible: true, isBackedUp: false });
  });

  it.each<[string, Otherwise, string]>([
    ['without having made sure who holds it', { isVerified: false }, 'passkey-unverified'],
    ['from another site', { origin: 'https://pin.example.net' }, 'passkey-wrong'],
    ['for another name', { rpId: 'example.org' }, 'passkey-wrong'],
    ['signed by another key', { isForged: true }, 'passkey-wrong'],
    ['without anybody there', { isPresent: false }, 'passkey-wrong'],
    ['that may be synced all of a sudden', { isBackupEligible: true }, 'passkey-wrong'],
    ['that names somebody else', { userHandle: 'c29tZWJvZHkgZWxzZQ' }, 'passkey-wrong'],
    ['that names nobody', { userHandle: undefined }, 'passkey-wrong'],
    ['to a challenge that nobody made', { challenge: 'bm90LW91cnM' }, 'passkey-over'],
  ])('%s opens nothing (WebAuthn Level 3 §7.2)', async (_, otherwise, code) => {
    const anna = await newHolder();
    const before = await stateOf(anna);
    const answer = await answerAtSignIn(anna.authenticator, otherwise);
    await expect(signIn.signInWithPasskey(answer, newOrigin())).rejects.toEqual(refused(code));
    expect(await stateOf(anna)).toEqual(before);
  });

  it('opens nothing a second time: an answer that was given is over (WebAuthn Level 3 §13.4.3)', async () => {
    const anna = await newHolder({ isCounting: false });
    const answer = await answerAtSignIn(anna.authenticator);
    await signIn.signInWithPasskey(answer, newOrigin());
    await expect(signIn.signInWithPasskey(answer, newOrigin())).rejects.toEqual(refused('passkey-over'));
  });

  it('opens one session where it is given three times at once', async () => {
    const anna = await newHolder({ isCounting: false });
    const before = (await sessions.listSessions(anna.accountId)).length;
    const answer = await answerAtSignIn(anna.authenticator);
    const tries = [1, 2, 3].map(() => signIn.signInWithPasskey(answer, newOrigin()));
    const settled = await Promise.allSettled(tries);
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await sessions.listSessions(anna.accountId)).toHaveLength(before + 1);
  });

  it('is too late after ten minutes, and another browser’s is none', async () => {
    const anna = await newHolder();
    const late = await answerAtSignIn(anna.authenticator);
    clock.advance(600);
    await expect(signIn.signInWithPasskey(late, newOrigin())).rejects.toEqual(refused('passkey-over'));
    const stolen = { ...(await answerAtSignIn(anna.authenticator)), browser: 'another browser' };
    await expect(signIn.signInWithPasskey(stolen, newOrigin())).rejects.toEqual(refused('passkey-over'));
  });

  it('does not take an answer that was asked for something else', async () => {
    const anna = await newHolder();
    const { response } = await answerFor(anna.session, anna.authenticator);
    const attempt = signIn.signInWithPasskey({ response, browser: 'a browser' }, newOrigin());
    await expect(attempt).rejects.toEqual(refused('passkey-over'));
  });

  it('by a passkey that nobody has is answered as a wrong one, and costs the network alone (ASVS 6.3.8)', async () => {
    const stranger = createAuthenticator({ origin: ORIGIN });
    const asked = await signIn.askAtSignIn('a browser', newOrigin());
    const answer = { response: stranger.answer(asked, { userHandle: 'bm9ib2R5' }), browser: 'a browser' };
    await expect(signIn.signInWithPasskey(answer, newOrigin())).rejects.toEqual(refused('passkey-wrong'));
  });

  it.each(['', '{}', 'null', '{"id":"a","response":{}}'])('does not read %j', async (response) => {
    const asked = { response, browser: 'a browser' };
    await expect(signIn.signInWithPasskey(asked, newOrigin())).rejects.toEqual(refused('passkey-wrong'));
  });

  it('leads the owner of a closed account to keep it, without a second step, and nowhere else', async () => {
    const anna = await newHolder();
    await people.close(anna.accountId);
    const begun = await signInWith(anna.authenticator);
    expect(begun.next).toBe('keep-account');
    if (begun.next !== 'keep-account') return;
    const halfDone = await signIn.findHalfDone(begun.signInToken);
    expect(halfDone?.methods).toEqual(['pop', 'mfa']);
    expect(await signIn.findSignIn(begun.signInToken)).toBeUndefined();
  });

  it('frees a password that guessers have locked: both factors are the owner’s (NIST SP 800-63B §3.2.2)', async () => {
    const anna = await newHolder();
    await house.chargePassword(anna.accountId, 100);
    const asked = { login: anna.username, password: PASSWORD };
    await expect(signIn.startSignIn(asked, newOrigin())).rejects.toEqual(refused('credentials-wrong'));
    expect((await signInWith(anna.authenticator)).next).toBe('done');
    expect((await signIn.startSignIn(asked, newOrigin())).next).toBe('second-factor');
  });

  it('that was removed in this moment opens nothing', async () => {
    const anna = await newHolder();
    const { passkeyId } = await kept(anna);
    const racing = people.racingSignIn(() =>
      inTransaction(({ passkeys }) => passkeys.remove(anna.accountId, passkeyId)),
    );
    const answer = await answerAtSignIn(anna.authenticator);
    await expect(racing.signInWithPasskey(answer, newOrigin())).rejects.toEqual(refused('sign-in-over'));
  });
});

describe('the count of a passkey', () => {
  it('that has not grown stops it for good, tells its owner, and opens nothing (WebAuthn Level 3 §6.1.1)', async () => {
    const anna = await newHolder();
    await signInWith(anna.authenticator);
    for (const signCount of [2, 1, 0]) {
      const bert = await newHolder();
      await signInWith(bert.authenticator);
      const answer = await answerAtSignIn(bert.authenticator, { signCount });
      await expect(signIn.signInWithPasskey(answer, newOrigin())).rejects.toEqual(refused('passkey-stopped'));
      expect(await kept(bert)).toMatchObject({ signCount: 2, stoppedAt: clock.now() });
      expect(await house.countEvents(bert.accountId, 'passkey-stopped')).toBe(1);
      expect(await house.mailsTo(bert)).toContain('passkey-stopped');
      // The copy has counted on, and is told the same.
      await expect(signInWith(bert.authenticator)).rejects.toEqual(refused('passkey-stopped'));
      expect(await house.countEvents(bert.accountId, 'passkey-stopped')).toBe(1);
      expect(await house.countEvents(bert.accountId, 'second-factor-failed')).toBe(0);
    }
    expect((await signInWith(anna.authenticator)).next).toBe('done');
  });

  it('that never leaves nothing is none, and a forged answer stops nobody’s passkey', async () => {
    const anna = await newHolder({ isCounting: false });
    await signInWith(anna.authenticator);
    expect((await signInWith(anna.authenticator)).next).toBe('done');
    const bert = await newHolder();
    const answer = await answerAtSignIn(bert.authenticator, { signCount: 0, isForged: true });
    await expect(signIn.signInWithPasskey(answer, newOrigin())).rejects.toEqual(refused('passkey-wrong'));
    expect((await kept(bert)).stoppedAt).toBeUndefined();
  });

  it('stops a second step and a fresh proof as well, and the account stays two-factor', async () => {
    const anna = await newHolder();
    const answer = await answerFor(anna.session, anna.authenticator, { signCount: 0 });
    const proof = { password: PASSWORD, passkey: answer };
    const attempt = signIn.proveForChange(anna.session, proof, anna.origin);
    await expect(attempt).rejects.toEqual(refused('passkey-stopped'));
    const token = await house.halfWay(anna);
    const response = await answerAtSecondStep(token, anna.authenticator);
    await expect(signIn.finishWithPasskey(token, response, anna.origin)).rejects.toEqual(
      refused('passkey-stopped'),
    );
    expect(await proofs.hasSecondFactor(anna.accountId)).toBe(true);
    // No guess was made: a recovery code still ends this sign-in.
    const done = await signIn.finishWithRecoveryCode(token, anna.recoveryCodes[0]!, anna.origin);
    expect(done.session.authentication.methods).toEqual(['pwd', 'recovery']);
  });
});

describe('the second step', () => {
  it('by a passkey, which need not make sure who holds it: the password stands before it', async () => {
    const anna = await newHolder({ isVerifying: false });
    const token = await house.halfWay(anna);
    const response = await answerAtSecondStep(token, anna.authenticator);
    const { session } = await signIn.finishWithPasskey(token, response, anna.origin);
    expect(session.authentication.methods).toEqual(['pwd', 'pop']);
    expect(sessions.hasFreshProof(session, { kind: 'second-factor' })).toBe(true);
  });

  it('is not taken from another account’s passkey, nor from another half-done sign-in', async () => {
    const [anna, bert] = [await newHolder(), await newHolder()];
    const token = await house.halfWay(anna);
    const before = await stateOf(bert);
    const foreign = await answerAtSecondStep(token, bert.authenticator);
    await expect(signIn.finishWithPasskey(token, foreign, anna.origin)).rejects.toEqual(
      refused('passkey-wrong'),
    );
    const other = await house.halfWay(anna);
    const response = await answerAtSecondStep(other, anna.authenticator);
    await expect(signIn.finishWithPasskey(token, response, anna.origin)).rejects.toEqual(
      refused('passkey-over'),
    );
    expect(await stateOf(bert)).toEqual(before);
    expect(await house.countEvents(bert.accountId, 'second-factor-failed')).toBe(0);
  });

  it('ends with the fifth wrong answer, and none of them was a code’s', async () => {
    const anna = await newHolder();
    const token = await house.halfWay(anna);
    const wrong = async () => {
      const response = await answerAtSecondStep(token, anna.authenticator, { isForged: true });
      return signIn.finishWithPasskey(token, response, anna.origin);
    };
    for (let i = 0; i < 4; i++) await expect(wrong()).rejects.toEqual(refused('passkey-wrong'));
    await expect(wrong()).rejects.toEqual(refused('sign-in-over'));
    await expect(signIn.askAtSecondStep(token, newOrigin())).rejects.toEqual(refused('sign-in-over'));
    // Nothing of it counts for the recovery codes.
    const again = await house.halfWay(anna);
    await expect(
      signIn.finishWithRecoveryCode(again, anna.recoveryCodes[0]!, anna.origin),
    ).resolves.toBeDefined();
  });

  it('is not asked of an account without passkeys', async () => {
    const careful = await house.newCarefulPerson();
    const token = await house.halfWay(careful);
    await expect(signIn.askAtSecondStep(token, newOrigin())).rejects.toEqual(refused('factor-not-on'));
  });
});

describe('locks (CHECKLIST 3.2)', () => {
  it('hold passkeys after 20 wrong answers in a day, with a count of their own', async () => {
    const anna = await newHolder();
    for (let i = 0; i < MOST_FAILURES.today; i++) {
      const answer = await answerAtSignIn(anna.authenticator, { isForged: true });
      const code = i === MOST_FAILURES.today - 1 ? 'factor-locked' : 'passkey-wrong';
      await expect(signIn.signInWithPasskey(answer, newOrigin())).rejects.toEqual(refused(code));
    }
    await expect(signInWith(anna.authenticator)).rejects.toEqual(refused('factor-locked'));
    expect(await house.mailsTo(anna)).toContain('factor-locked');
    const token = await house.halfWay(anna);
    await expect(
      signIn.finishWithRecoveryCode(token, anna.recoveryCodes[0]!, anna.origin),
    ).resolves.toBeDefined();
    clock.advance(86_400);
    expect((await signInWith(anna.authenticator)).next).toBe('done');
  });

  it('of passkeys leave the authenticator, and the other way round: each is the other’s way on', async () => {
    const anna = await newHolder();
    const { secret } = await people.addAuthenticator(anna, anna.session, {
      passkey: await answerFor(anna.session, anna.authenticator),
    });
    await people.lock(anna.accountId, 'passkey');
    const token = await house.halfWay(anna);
    clock.advance(60);
    await expect(signIn.finishWithCode(token, await house.code(secret), anna.origin)).resolves.toBeDefined();
    await inTransaction((given) => given.proofs.clearFailures(anna.accountId, 'passkey'));
    await people.lock(anna.accountId, 'totp');
    const second = await house.halfWay(anna);
    const response = await answerAtSecondStep(second, anna.authenticator);
    await expect(signIn.finishWithPasskey(second, response, anna.origin)).resolves.toBeDefined();
    expect((await signInWith(anna.authenticator)).next).toBe('done');
  });

  it('never leave the password alone: with everything locked nothing opens', async () => {
    const anna = await newHolder();
    await people.lock(anna.accountId, 'passkey');
    await people.lock(anna.accountId, 'recovery');
    const begun = await signIn.startSignIn({ login: anna.username, password: PASSWORD }, newOrigin());
    expect(begun.next).toBe('second-factor');
    await expect(signInWith(anna.authenticator)).rejects.toEqual(refused('factor-locked'));
    const attempt = signIn.proveForChange(anna.session, { password: PASSWORD }, anna.origin);
    await expect(attempt).rejects.toEqual(refused('code-wrong'));
  });
});

describe('a fresh proof', () => {
  const prove = (anna: PasskeyPerson, proof: object) =>
    signIn.proveForChange(anna.session, proof, anna.origin);

  it('is a passkey alone where it makes sure who holds it, whatever is typed beside it', async () => {
    const anna = await newHolder();
    const alone = { passkey: await answerFor(anna.session, anna.authenticator) };
    expect(await prove(anna, alone)).toEqual(['pop', 'mfa']);
    const beside = { password: 'wrong', passkey: await answerFor(anna.session, anna.authenticator) };
    expect(await prove(anna, beside)).toEqual(['pop', 'mfa']);
  });

  it('takes the password beside one that does not', async () => {
    const anna = await newHolder({ isVerifying: false });
    const answer = () => answerFor(anna.session, anna.authenticator);
    const alone = prove(anna, { passkey: await answer() });
    await expect(alone).rejects.toEqual(refused('passkey-unverified'));
    const wrong = prove(anna, { password: 'wrong', passkey: await answer() });
    await expect(wrong).rejects.toEqual(refused('credentials-wrong'));
    expect(await prove(anna, { password: PASSWORD, passkey: await answer() })).toEqual(['pwd', 'pop']);
  });

  it.each<[string, Otherwise & { purpose?: string }, string]>([
    ['asked for another form', { purpose: '/account/close' }, 'passkey-over'],
    ['forged', { isForged: true }, 'passkey-wrong'],
    ['from another site', { origin: 'https://evil.example' }, 'passkey-wrong'],
  ])('is none that was %s', async (_, otherwise, code) => {
    const anna = await newHolder();
    const { response } = await answerFor(anna.session, anna.authenticator, otherwise);
    const attempt = prove(anna, { password: PASSWORD, passkey: { response, purpose: FORM } });
    await expect(attempt).rejects.toEqual(refused(code));
  });

  it('is none of another session, nor of another account', async () => {
    const [anna, bert] = [await newHolder(), await newHolder()];
    const stolen = await answerFor(bert.session, bert.authenticator);
    await expect(prove(anna, { passkey: stolen })).rejects.toEqual(refused('passkey-over'));
    const foreign = await answerFor(anna.session, bert.authenticator);
    await expect(prove(anna, { passkey: foreign })).rejects.toEqual(refused('passkey-wrong'));
  });

  it('that is wrong for the fifth time ends the session (CHECKLIST 3.3)', async () => {
    const anna = await newHolder();
    for (let i = 0; i < 5; i++) {
      const passkey = await answerFor(anna.session, anna.authenticator, { isForged: true });
      const code = i === 4 ? 'sign-in-over' : 'passkey-wrong';
      await expect(prove(anna, { passkey })).rejects.toEqual(refused(code));
    }
    expect(await sessions.findSession(anna.added.token)).toBeUndefined();
  });

  it('steps a session up: with the passkey alone, or, where the sign-in was long ago, with all that it takes', async () => {
    const anna = await newHolder({ isVerifying: false });
    clock.advance(1200);
    const { session } = await signIn.stepUp(
      anna.session,
      { passkey: await answerFor(anna.session, anna.authenticator) },
      anna.origin,
    );
    expect(session).toMatchObject({ provedAt: clock.now(), proofMethods: ['pop'] });
    const old = { ...session, recentUntil: new Date(0) };
    const unverified = signIn.stepUp(old, { passkey: await answerFor(old, anna.authenticator) }, anna.origin);
    await expect(unverified).rejects.toEqual(refused('passkey-unverified'));
    const whole = await signIn.stepUp(
      old,
      { password: PASSWORD, passkey: await answerFor(old, anna.authenticator) },
      anna.origin,
    );
    expect(whole.session.authentication).toEqual({ at: clock.now(), methods: ['pwd', 'pop'] });
  });

  it('of the owner, for what has asked for more already, is a passkey that makes sure, or the password', async () => {
    const [sure, unsure] = [await newHolder(), await newHolder({ isVerifying: false })];
    const owner = async (person: PasskeyPerson) =>
      signIn.proveOwner(
        person.session,
        { passkey: await answerFor(person.session, person.authenticator) },
        person.origin,
      );
    await expect(owner(sure)).resolves.toBeUndefined();
    await expect(owner(unsure)).rejects.toEqual(refused('passkey-unverified'));
    await expect(
      signIn.proveOwner(sure.session, { password: PASSWORD }, sure.origin),
    ).resolves.toBeUndefined();
  });
});

describe('challenges', () => {
  it('are forgotten once they are over', async () => {
    await signIn.askAtSignIn('a browser', newOrigin());
    clock.advance(600);
    expect(await inTransaction(({ passkeys }) => passkeys.removeExpired(clock.now()))).toBeGreaterThan(0);
  });

  it('are made so often for a network, and then it waits (CHECKLIST 3.2)', async () => {
    const origin = newOrigin();
    for (let i = 0; i < 300; i++) await house.throttle.spend('passkey-challenge-by-network', origin.network);
    await expect(signIn.askAtSignIn('a browser', origin)).rejects.toEqual(refused('too-many'));
  });

  it('keep nothing that could be answered: only hashes', async () => {
    const { challenge } = (await signIn.askAtSignIn('a browser', newOrigin())) as { challenge: string };
    expect(Buffer.from(challenge, 'base64url')).toHaveLength(32);
    const unhashed = { challengeHash: challenge, purpose: 'sign-in', holderHash: 'browser a browser' };
    const taken = await inTransaction(({ passkeys }) => passkeys.takeChallenge(unhashed, clock.now()));
    expect(taken).toBeUndefined();
  });
});
