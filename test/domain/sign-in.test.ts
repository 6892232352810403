// Signing in on a real database, with the real rooms: what it takes to become a session, and what never becomes one.
import { PasswordsBusy } from '../../src/crypto/passwords.js';
import { randomSecret, sha256 } from '../../src/crypto/secrets.js';
import { totpCode } from '../../src/crypto/totp.js';
import { createAccounts } from '../../src/domain/accounts.js';
import { createProofs } from '../../src/domain/proofs.js';
import { createSignIn } from '../../src/domain/sign-in.js';
import type { Session } from '../../src/domain/sessions.js';
import type { AccountId } from '../../src/domain/vocabulary.js';
import { newOrigin, openPeopleRooms, PASSWORD } from '../support/people-rooms.js';

/** What a refusal lets anybody see. */
async function refusal(attempt: Promise<unknown>): Promise<unknown> {
  const error: unknown = await attempt.then(
    () => 'nothing was refused',
    (reason: unknown) => reason,
  );
  return error instanceof Error ? { ...error, message: error.message } : error;
}

const over = { code: 'sign-in-over' };

describe('signing in', () => {
  const house = openPeopleRooms();
  const { clock, stores, sessions, proofs, signIn } = house;
  const { newPerson, newCarefulPerson, halfWay, signedIn, code, wrongCode, countEvents } = house;
  afterAll(() => house.database.close());

  describe('with a password', () => {
    it('gives a session where the account has no second factor', async () => {
      const person = await newPerson();
      const { token, session } = await signedIn(person);
      expect(await sessions.findSession(token)).toEqual(session);
      expect(session).toMatchObject({
        accountId: person.accountId,
        subjectId: person.subjectId,
        authentication: { at: clock.now(), methods: ['pwd'] },
      });
      expect(await countEvents(person.accountId, 'sign-in')).toBe(1);
    });

    it.each([
      ['the user name', (name: string) => name],
      ['the user name in capitals, with spaces around it', (name: string) => ` ${name.toUpperCase()} `],
      ['the e-mail address', (name: string) => `${name}@Example.ORG`],
    ])('takes %s (Authelia CVE-2025-24806)', async (_, spell) => {
      const { username, origin } = await newPerson();
      const begun = await signIn.startSignIn({ login: spell(username), password: PASSWORD }, origin);
      expect(begun.next).toBe('done');
    });

    it('lets an account in whose address is not verified yet: it has to sign in to prove it', async () => {
      const person = await newPerson({ isEmailVerified: false });
      expect((await signedIn(person)).session.accountId).toBe(person.accountId);
    });

    it('answers a wrong password, an unknown account and a locked one alike, after the same work (ASVS 6.3.8)', async () => {
      const known = await newPerson();
      const locked = await newPerson();
      await house.chargePassword(locked.accountId, 100);
      const attempts = [
        { login: known.username, password: 'wrong' },
        { login: 'nobody-of-that-name', password: PASSWORD },
        { login: locked.username, password: PASSWORD },
        { login: known.username, password: '' },
        { login: '', password: PASSWORD },
      ];
      const answers: unknown[] = [];
      for (const attempt of attempts) {
        const before = house.passwords.runs();
        answers.push(await refusal(signIn.startSignIn(attempt, newOrigin())));
        expect(house.passwords.runs() - before).toBe(1);
      }
      expect(answers[0]).toMatchObject({ code: 'credentials-wrong' });
      for (const answer of answers) expect(answer).toEqual(answers[0]);
    });

    it('is over for a network after 60 wrong ones in ten minutes, and a right one gives none back (CHECKLIST 3.2)', async () => {
      const person = await newPerson();
      const { origin } = person;
      for (let i = 0; i < 60; i++) {
        if (i === 30) await signedIn(person);
        const wrong = signIn.startSignIn({ login: `nobody${i}`, password: 'wrong' }, origin);
        await expect(wrong).rejects.toMatchObject({ code: 'credentials-wrong' });
      }
      await expect(signedIn(person)).rejects.toMatchObject({ code: 'too-many' });
      await signedIn({ ...person, origin: newOrigin() });
      clock.advance(660);
      await signedIn(person);
    });

    it('stands in the activity where a network’s budget refuses it: once for a name in ten minutes, and 60 in all (ASVS 16.3.1)', async () => {
      const [person, other] = [await newPerson(), await newPerson()];
      const { origin } = person;
      const refused = (login: string) => refusal(signIn.startSignIn({ login, password: 'wrong' }, origin));
      for (let i = 0; i < 60; i++) await refused(`wrong${i}`);
      for (const login of [
        person.username,
        person.username.toUpperCase(),
        person.username,
        'nobody',
        'nobody',
      ])
        expect(await refused(login)).toMatchObject({ code: 'too-many' });
      expect(await countEvents(person.accountId, 'sign-in-refused')).toBe(1);
      expect(await countEvents(other.accountId, 'sign-in-refused')).toBe(0);
      expect(await countEvents(person.accountId, 'sign-in-failed')).toBe(0);
      clock.advance(661);
      for (let i = 0; i < 60; i++) await refused(`wrong again ${i}`);
      for (let i = 0; i < 59; i++) await refused(`flood${i}`);
      await refused(person.username);
      expect(await countEvents(person.accountId, 'sign-in-refused')).toBe(2);
      await refused(other.username);
      expect(await countEvents(other.accountId, 'sign-in-refused')).toBe(0);
    });

    it('looks at 60 passwords of a network at most, however many are sent at once (CHECKLIST 3.2)', async () => {
      const person = await newPerson();
      const { origin } = person;
      const burst = Array.from({ length: 100 }, (_, i) =>
        refusal(signIn.startSignIn({ login: `somebody${i}`, password: 'wrong' }, origin)),
      );
      const before = house.passwords.runs();
      const answers = (await Promise.all(burst)) as { code: string }[];
      expect(house.passwords.runs() - before).toBe(60);
      expect(answers.filter(({ code: answer }) => answer === 'credentials-wrong')).toHaveLength(60);
      expect(answers.filter(({ code: answer }) => answer === 'too-many')).toHaveLength(40);
    });

    it('costs a network nothing when it is right, or when it was not looked at', async () => {
      const person = await newPerson();
      const { origin } = person;
      for (let i = 0; i < 61; i++) await signedIn(person);
      const wrong = { login: 'nobody', password: 'wrong' };
      const verify = () => Promise.reject(new PasswordsBusy(1));
      const busy = createSignIn({
        ...house.signInDependencies,
        accounts: createAccounts({
          ...house.accountsDependencies,
          passwords: { ...house.passwords, verify },
        }),
      });
      for (let i = 0; i < 61; i++) {
        await expect(busy.startSignIn(wrong, origin)).rejects.toMatchObject({ code: 'service-busy' });
      }
      const own = { login: person.username, password: PASSWORD };
      for (let i = 0; i < 3; i++) {
        await expect(busy.startSignIn(own, origin)).rejects.toMatchObject({ code: 'service-busy' });
      }
      // Once for a name in ten minutes (ASVS 16.3.1).
      expect(await countEvents(person.accountId, 'sign-in-not-checked')).toBe(1);
      await expect(signIn.startSignIn(wrong, origin)).rejects.toMatchObject({ code: 'credentials-wrong' });
    });
  });

  describe('half-done', () => {
    it('has no session rights: its token is no session, and none is begun (better-auth GHSA-xg6x-h9c9-2m83)', async () => {
      const person = await newCarefulPerson();
      const signInToken = await halfWay(person);
      expect(await sessions.findSession(signInToken)).toBeUndefined();
      expect(await sessions.listSessions(person.accountId)).toEqual([]);
      expect(await countEvents(person.accountId, 'sign-in')).toBe(0);
      expect(await countEvents(person.accountId, 'sign-in-half-done')).toBe(1);
    });

    it('knows whose it is for ten minutes', async () => {
      const { accountId, username, ...person } = await newCarefulPerson();
      const signInToken = await halfWay({ username, ...person });
      expect(await signIn.findSignIn(signInToken)).toEqual({ accountId, username });
      clock.advance(599);
      expect(await signIn.findSignIn(signInToken)).toBeDefined();
      clock.advance(1);
      expect(await signIn.findSignIn(signInToken)).toBeUndefined();
    });

    it('is the same whether its token is unknown, garbage, expired, finished, or of a session', async () => {
      const person = await newCarefulPerson();
      const expired = await halfWay(person);
      clock.advance(600);
      const finished = await halfWay(person);
      const { token } = await signIn.finishWithCode(finished, await code(person.secret), person.origin);
      const tokens = [expired, finished, token, randomSecret(), '', '\uD800', 'x'.repeat(9000)];
      clock.advance(30);
      const right = await code(person.secret);
      const answers: unknown[] = [];
      for (const given of tokens) {
        expect(await signIn.findSignIn(given)).toBeUndefined();
        answers.push(await refusal(signIn.finishWithCode(given, right, person.origin)));
        const recovery = signIn.finishWithRecoveryCode(given, person.recoveryCodes[0]!, person.origin);
        answers.push(await refusal(recovery));
      }
      expect(answers[0]).toMatchObject(over);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      expect(await proofs.checkCode(person.accountId, right, person.origin)).toBe('right');
      expect(await proofs.countRecoveryCodes(person.accountId)).toBe(10);
    });

    it('is kept under a hash, and its token stands in no audit row', async () => {
      const person = await newCarefulPerson();
      const signInToken = await halfWay(person);
      expect(await stores.signIns.find(signInToken)).toBeUndefined();
      expect(await stores.signIns.find(sha256(signInToken))).toBeDefined();
      const rows = await stores.audit.findByAccount(person.accountId, 99);
      expect(JSON.stringify(rows)).not.toContain(signInToken);
    });

    it('is removed when its time is over', async () => {
      const signInHash = sha256(await halfWay(await newCarefulPerson()));
      const remove = () => house.inTransaction((given) => given.signIns.removeExpired(clock.now()));
      await remove();
      expect(await stores.signIns.find(signInHash)).toBeDefined();
      clock.advance(600);
      await remove();
      expect(await stores.signIns.find(signInHash)).toBeUndefined();
    });
  });

  describe('with the second proof', () => {
    const finish = (signInToken: string, typed: string) =>
      signIn.finishWithCode(signInToken, typed, newOrigin());
    const recover = (signInToken: string, typed: string) =>
      signIn.finishWithRecoveryCode(signInToken, typed, newOrigin());

    it('by a one-time code gives a session of two factors', async () => {
      const person = await newCarefulPerson();
      const { token, session } = await finish(await halfWay(person), await code(person.secret));
      expect(session.authentication.methods).toEqual(['pwd', 'otp']);
      expect(await sessions.findSession(token)).toEqual(session);
      expect(sessions.hasFreshProof(session, { kind: 'second-factor' })).toBe(true);
      expect(await countEvents(person.accountId, 'sign-in')).toBe(1);
    });

    it('by a recovery code gives a session of two factors, and says how many are left', async () => {
      const person = await newCarefulPerson();
      const issued = await recover(await halfWay(person), person.recoveryCodes[3]!);
      expect(issued.codesLeft).toBe(9);
      expect(issued.session.authentication.methods).toEqual(['pwd', 'recovery']);
      const again = recover(await halfWay(person), person.recoveryCodes[3]!);
      await expect(again).rejects.toMatchObject({ code: 'code-wrong' });
      expect(await proofs.countRecoveryCodes(person.accountId)).toBe(9);
    });

    it('lets one code sent twice at once in once, on one half-done sign-in or on two (better-auth #10387)', async () => {
      for (const isOneSignIn of [true, false]) {
        const person = await newCarefulPerson();
        const first = await halfWay(person);
        const second = isOneSignIn ? first : await halfWay(person);
        const typed = await code(person.secret);
        const results = await Promise.allSettled([finish(first, typed), finish(second, typed)]);
        expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
        expect(await sessions.listSessions(person.accountId)).toHaveLength(1);
      }
    });

    it('lets one recovery code sent at once from two half-done sign-ins in once', async () => {
      const person = await newCarefulPerson();
      const tokens = [await halfWay(person), await halfWay(person)];
      const results = await Promise.allSettled(
        tokens.map((signInToken) => recover(signInToken, person.recoveryCodes[0]!)),
      );
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await sessions.listSessions(person.accountId)).toHaveLength(1);
      expect(await proofs.countRecoveryCodes(person.accountId)).toBe(9);
    });

    it('lets two different right codes at once finish one half-done sign-in once', async () => {
      const person = await newCarefulPerson();
      const signInToken = await halfWay(person);
      const both = [
        finish(signInToken, await code(person.secret)),
        recover(signInToken, person.recoveryCodes[0]!),
      ];
      const results = await Promise.allSettled(both);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await sessions.listSessions(person.accountId)).toHaveLength(1);
    });

    it('does not take the code that set the authenticator up (RFC 6238 §5.2)', async () => {
      const person = await newPerson();
      const { session } = await signedIn(person);
      const { secret } = await proofs.beginAuthenticator(person.accountId, person.username);
      const typed = await code(secret);
      await house.twoFactor.enable(session, typed, person.origin);
      const signInToken = await halfWay(person);
      await expect(finish(signInToken, typed)).rejects.toMatchObject({ code: 'code-wrong' });
      clock.advance(30);
      expect((await finish(signInToken, await code(secret))).session.accountId).toBe(person.accountId);
    });

    it('does not take the code of the step before the one that was used (Dex PR #4884)', async () => {
      const person = await newCarefulPerson();
      const before = await totpCode(person.secret, new Date(clock.now().getTime() - 30_000));
      await finish(await halfWay(person), await code(person.secret));
      await expect(finish(await halfWay(person), before)).rejects.toMatchObject({ code: 'code-wrong' });
    });

    it('does not take the code of another account', async () => {
      const [alice, bob] = [await newCarefulPerson(), await newCarefulPerson()];
      const signInToken = await halfWay(bob);
      await expect(finish(signInToken, await code(alice.secret))).rejects.toMatchObject({
        code: 'code-wrong',
      });
      const foreign = recover(signInToken, alice.recoveryCodes[0]!);
      await expect(foreign).rejects.toMatchObject({ code: 'code-wrong' });
    });

    it('is over at the fifth wrong code, of either kind (CHECKLIST 3.3)', async () => {
      const person = await newCarefulPerson();
      const signInToken = await halfWay(person);
      const wrong = await wrongCode(person.secret);
      for (let i = 0; i < 2; i++) {
        await expect(finish(signInToken, wrong)).rejects.toMatchObject({ code: 'code-wrong' });
        await expect(recover(signInToken, 'wrong')).rejects.toMatchObject({ code: 'code-wrong' });
      }
      await expect(finish(signInToken, wrong)).rejects.toMatchObject(over);
      expect(await signIn.findSignIn(signInToken)).toBeUndefined();
      await expect(finish(signInToken, await code(person.secret))).rejects.toMatchObject(over);
    });

    it('takes the right code after four wrong ones', async () => {
      const person = await newCarefulPerson();
      const signInToken = await halfWay(person);
      for (let i = 0; i < 4; i++) await refusal(finish(signInToken, await wrongCode(person.secret)));
      await finish(signInToken, await code(person.secret));
    });

    it('tries no more than five codes, however many come at once', async () => {
      const person = await newCarefulPerson();
      const signInToken = await halfWay(person);
      const wrong = await wrongCode(person.secret);
      await Promise.allSettled(Array.from({ length: 30 }, () => finish(signInToken, wrong)));
      expect(await countEvents(person.accountId, 'second-factor-failed')).toBe(5);
      await expect(finish(signInToken, await code(person.secret))).rejects.toMatchObject(over);
    });

    it('does not reset the account’s count by a new half-done sign-in (gogs GHSA-5mgh-chvj-hqf5)', async () => {
      const person = await newCarefulPerson();
      const wrong = await wrongCode(person.secret);
      for (let round = 0; round < 4; round++) {
        const signInToken = await halfWay(person);
        for (let i = 0; i < 5; i++) await refusal(finish(signInToken, wrong));
      }
      const right = finish(await halfWay(person), await code(person.secret));
      await expect(right).rejects.toMatchObject({ code: 'factor-locked' });
    });

    it('ends all half-done sign-ins of the account when the authenticator locks, and recovery codes are the way on', async () => {
      const person = await newCarefulPerson();
      const other = await newCarefulPerson();
      const [locking, waiting, others] = [await halfWay(person), await halfWay(person), await halfWay(other)];
      const wrong = await wrongCode(person.secret);
      for (let i = 0; i < 19; i++) await proofs.checkCode(person.accountId, wrong, person.origin);
      await expect(finish(locking, wrong)).rejects.toMatchObject({ code: 'factor-locked' });
      for (const signInToken of [locking, waiting]) {
        expect(await signIn.findSignIn(signInToken)).toBeUndefined();
        await expect(recover(signInToken, person.recoveryCodes[0]!)).rejects.toMatchObject(over);
      }
      expect(await signIn.findSignIn(others)).toBeDefined();
      expect((await recover(await halfWay(person), person.recoveryCodes[0]!)).codesLeft).toBe(9);
    });

    it('never falls back to the password alone when a factor is locked', async () => {
      const person = await newCarefulPerson();
      const wrong = await wrongCode(person.secret);
      for (let i = 0; i < 20; i++) await proofs.checkCode(person.accountId, wrong, person.origin);
      for (let i = 0; i < 20; i++) await proofs.useRecoveryCode(person.accountId, 'wrong', person.origin);
      const credentials = { login: person.username, password: PASSWORD };
      const begun = await signIn.startSignIn(credentials, person.origin);
      expect(begun.next).toBe('second-factor');
      const signInToken = 'signInToken' in begun ? begun.signInToken : '';
      const right = finish(signInToken, await code(person.secret));
      await expect(right).rejects.toMatchObject({ code: 'factor-locked' });
    });

    it('counts wrong recovery codes, and their lock ends the half-done sign-in (Keycloak #26180)', async () => {
      const person = await newCarefulPerson();
      for (let round = 0; round < 3; round++) {
        const signInToken = await halfWay(person);
        for (let i = 0; i < 5; i++) await refusal(recover(signInToken, 'wrong'));
      }
      const signInToken = await halfWay(person);
      for (let i = 0; i < 4; i++) await refusal(recover(signInToken, 'wrong'));
      await expect(recover(signInToken, 'wrong')).rejects.toMatchObject({ code: 'factor-locked' });
      await expect(finish(signInToken, await code(person.secret))).rejects.toMatchObject(over);
      const right = recover(await halfWay(person), person.recoveryCodes[0]!);
      await expect(right).rejects.toMatchObject({ code: 'factor-locked' });
      expect(await proofs.countRecoveryCodes(person.accountId)).toBe(10);
      await finish(await halfWay(person), await code(person.secret));
    });

    it('gives the attempt back when the service was too busy to look (authorizer #670)', async () => {
      const person = await newCarefulPerson();
      const passwords = { ...house.passwords, verify: () => Promise.reject(new PasswordsBusy(4)) };
      const busy = createSignIn({
        ...house.signInDependencies,
        proofs: createProofs({ ...house.proofsDependencies, passwords }),
      });
      const signInToken = await halfWay(person);
      for (let i = 0; i < 8; i++) {
        const attempt = busy.finishWithRecoveryCode(signInToken, person.recoveryCodes[0]!, person.origin);
        await expect(attempt).rejects.toMatchObject({ code: 'service-busy', retryAfterSeconds: 4 });
      }
      expect(await countEvents(person.accountId, 'sign-in-not-checked')).toBe(1);
      expect((await recover(signInToken, person.recoveryCodes[0]!)).codesLeft).toBe(9);
    });

    it('asks again whether the account may sign in, in the transaction that begins the session (Keycloak CVE-2026-9798)', async () => {
      const person = await newCarefulPerson();
      const signInToken = await halfWay(person);
      await house.chargePassword(person.accountId, 100);
      await expect(finish(signInToken, await code(person.secret))).rejects.toMatchObject(over);
      await expect(recover(signInToken, person.recoveryCodes[0]!)).rejects.toMatchObject(over);
      expect(await sessions.listSessions(person.accountId)).toEqual([]);
    });
  });

  describe('stepping up', () => {
    const stepUp = signIn.stepUp;

    it('takes the password where there is no second factor, and rotates the session (ASVS 7.2.4)', async () => {
      const person = await newPerson();
      const old = await signedIn(person);
      clock.advance(1200);
      expect(sessions.hasFreshProof(old.session)).toBe(false);
      const fresh = await stepUp(old.session, { password: PASSWORD }, person.origin);
      expect(sessions.hasFreshProof(fresh.session)).toBe(true);
      expect(fresh.session.ticket).toBe(old.session.ticket);
      expect(await sessions.findSession(old.token)).toBeUndefined();
      expect(await sessions.findSession(fresh.token)).toEqual(fresh.session);
      expect(await countEvents(person.accountId, 'proof-given')).toBe(1);
    });

    it('takes the code where there is a second factor, and the password does not stand in for it', async () => {
      const person = await newCarefulPerson();
      const { token, session } = await signedIn(person);
      clock.advance(1200);
      const before = house.passwords.runs();
      const byPassword = stepUp(session, { password: PASSWORD }, person.origin);
      await expect(byPassword).rejects.toMatchObject({ code: 'code-wrong' });
      expect(house.passwords.runs()).toBe(before);
      expect(await sessions.findSession(token)).toBeDefined();
      const fresh = await stepUp(session, { code: await code(person.secret) }, person.origin);
      expect(sessions.hasFreshProof(fresh.session, { kind: 'second-factor' })).toBe(true);
    });

    it('does not take the code that signed the person in', async () => {
      const person = await newCarefulPerson();
      const { session } = await signedIn(person);
      const used = stepUp(session, { code: await code(person.secret) }, person.origin);
      await expect(used).rejects.toMatchObject({ code: 'code-wrong' });
    });

    it('counts wrong codes in the same counter as signing in, and its lock ends half-done sign-ins', async () => {
      const person = await newCarefulPerson();
      const browsers: Session[] = [];
      for (let i = 0; i < 5; i++) browsers.push((await signedIn(person)).session);
      const signInToken = await halfWay(person);
      const wrong = { code: await wrongCode(person.secret) };
      const codes: unknown[] = [];
      // Four in each: the fifth would end its session.
      for (const session of [...browsers, ...browsers, ...browsers, ...browsers]) {
        codes.push(await refusal(stepUp(session, wrong, person.origin)));
      }
      expect(codes.slice(0, 19)).toEqual(Array(19).fill(codes[0]));
      expect([codes[0], codes[19]]).toMatchObject([{ code: 'code-wrong' }, { code: 'factor-locked' }]);
      expect(await signIn.findSignIn(signInToken)).toBeUndefined();
      clock.advance(60);
      await expect(signedIn(person)).rejects.toMatchObject({ code: 'factor-locked' });
    });

    it('counts wrong passwords in the same counter as signing in', async () => {
      const person = await newPerson();
      const { session } = await signedIn(person);
      for (let i = 0; i < 10; i++) {
        const wrong = stepUp(session, { password: 'wrong' }, person.origin);
        await expect(wrong).rejects.toMatchObject({ code: 'credentials-wrong' });
      }
      // The tenth failure in a row makes the next try wait, at this door and at the other.
      const right = stepUp(session, { password: PASSWORD }, person.origin);
      await expect(right).rejects.toMatchObject({ code: 'credentials-wrong' });
      await expect(signedIn(person)).rejects.toMatchObject({ code: 'credentials-wrong' });
      clock.advance(3600);
      await signedIn(person);
    });

    it('has one winner when it is done twice at once', async () => {
      const person = await newPerson();
      const { session } = await signedIn(person);
      const attempt = () => stepUp(session, { password: PASSWORD }, person.origin);
      const results = await Promise.allSettled([attempt(), attempt()]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await sessions.listSessions(person.accountId)).toHaveLength(1);
    });

    it('is over when the session was ended meanwhile', async () => {
      const person = await newPerson();
      const { session } = await signedIn(person);
      await sessions.endAllSessions(person.accountId);
      await expect(stepUp(session, { password: PASSWORD }, person.origin)).rejects.toMatchObject(over);
    });
  });

  describe('without a password', () => {
    it('begins a session for the account that was just made', async () => {
      const person = await newPerson();
      const { token } = await signIn.startSessionFor(person.accountId, person.origin);
      expect((await sessions.findSession(token))?.authentication.methods).toEqual(['pwd']);
    });

    it('begins none for an unknown account, or for one that has a second factor', async () => {
      const person = await newCarefulPerson();
      for (const accountId of [person.accountId, 'nobody' as AccountId]) {
        await expect(signIn.startSessionFor(accountId, person.origin)).rejects.toMatchObject(over);
      }
    });
  });

  it('signing out ends the session at once, and another one not (ASVS 7.4.1)', async () => {
    const person = await newPerson();
    const [here, there] = [await signedIn(person), await signedIn(person)];
    await signIn.signOut(here.session, person.origin);
    expect(await sessions.findSession(here.token)).toBeUndefined();
    expect(await sessions.findSession(there.token)).toBeDefined();
    expect(await countEvents(person.accountId, 'sign-out')).toBe(1);
    await signIn.signOut(here.session, person.origin);
    expect(await countEvents(person.accountId, 'sign-out')).toBe(1);
  });
});
