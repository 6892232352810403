// An account's passkeys for life, on the real rooms: made with the recovery codes that come with the first second factor, named,
// removed; what the password has to be; what the operator can do; and that nothing of it ever leads to the password alone.
import fc from 'fast-check';
import { MOST_PASSKEYS } from '../../src/domain/two-factor-passkeys.js';
import type { Session } from '../../src/domain/sessions.js';
import { createAuthenticator, type Otherwise, type SoftAuthenticator } from '../support/authenticator.js';
import { createPasskeyPeople, ORIGIN } from '../support/passkey-people.js';
import { newOrigin, openPeopleRooms, PASSWORD } from '../support/people-rooms.js';

const house = openPeopleRooms();
const { clock, stores, inTransaction, sessions, signIn, proofs, twoFactor, ownPasskeys, operatorHelp } =
  house;
const people = createPasskeyPeople(house);
const { newHolder, addPasskey, answerFor, signInWith } = people;
afterAll(() => house.database.close());

const refused = (code: string): object => expect.objectContaining({ code }) as object;
const LONGER = 'nine herons read the tide tables';
const SHORT = 'otters at 7pm';

type Person = Awaited<ReturnType<typeof house.newPerson>>;

async function signedIn(person: Person) {
  return (await house.signedIn(person)).session;
}

/** Begins to make one, and what an authenticator sends for it. */
async function begin(
  person: Person,
  session: Session,
  otherwise: Otherwise = {},
  proof: object = { password: PASSWORD },
) {
  const owner = (await house.accounts.findAccount(person.accountId))!;
  const asked = await ownPasskeys.beginPasskey(session, owner, proof, person.origin);
  const authenticator = createAuthenticator({ origin: ORIGIN });
  return { asked, authenticator, response: authenticator.make(asked, otherwise) };
}

const finish = (person: Person, session: Session, response: string, name = 'Blue key') =>
  ownPasskeys.addPasskey(session, { response, name }, person.origin);

const passkeysOf = ({ accountId }: Pick<Person, 'accountId'>) => stores.passkeys.findByAccount(accountId);

describe('making a passkey', () => {
  it('takes the password first, and what it asks for is ours (WebAuthn Level 3 §5.4)', async () => {
    const person = await house.newPerson();
    const session = await signedIn(person);
    const wrong = begin(person, session, {}, { password: 'wrong' });
    await expect(wrong).rejects.toEqual(refused('credentials-wrong'));
    const { asked } = await begin(person, session);
    expect(asked).toMatchObject({
      rp: { id: 'pin.example.org', name: 'Linchpin' },
      user: { name: person.username },
      excludeCredentials: [],
    });
    expect(JSON.stringify(asked)).not.toContain(person.accountId);
  });

  it('turns two-factor on, with ten recovery codes, a new token, a row and a mail', async () => {
    const person = await house.newPerson();
    const old = await house.signedIn(person);
    const { response } = await begin(person, old.session);
    const added = await finish(person, old.session, response, '  Blue\nkey ');
    expect(added.recoveryCodes).toHaveLength(10);
    expect(await passkeysOf(person)).toEqual([expect.objectContaining({ name: 'Blue key', isAlone: true })]);
    expect(await sessions.findSession(old.token)).toBeUndefined();
    expect(await proofs.hasSecondFactor(person.accountId)).toBe(true);
    expect(await house.countEvents(person.accountId, 'passkey-added')).toBe(1);
    expect(await house.mailsTo(person)).toEqual(['passkey-added']);
    const begun = await signIn.startSignIn({ login: person.username, password: PASSWORD }, newOrigin());
    expect(begun.next).toBe('second-factor');
  });

  it('is no proof by itself: nothing of it is signed, so nothing in the session is fresher than before', async () => {
    const person = await house.newPerson();
    const session = await signedIn(person);
    const { response } = await begin(person, session);
    clock.advance(300);
    const added = await finish(person, session, response);
    expect(added.session).toMatchObject({
      provedAt: session.provedAt,
      proofMethods: ['pwd'],
      authentication: { methods: ['pwd'] },
    });
    expect(sessions.hasFreshProof(added.session, { kind: 'second-factor' })).toBe(false);
  });

  it('leaves the recovery codes alone that are there, and brings new ones where all are used', async () => {
    const careful = await house.newCarefulPerson();
    const { session } = await house.signedIn(careful);
    const code = async () => {
      clock.advance(60);
      return house.code(careful.secret);
    };
    const first = await addPasskey(careful, session, { proof: { password: PASSWORD, code: await code() } });
    expect(first.added.recoveryCodes).toBeUndefined();
    expect(await proofs.countRecoveryCodes(careful.accountId)).toBe(10);
    for (const used of careful.recoveryCodes)
      await proofs.useRecoveryCode(careful.accountId, used, careful.origin);
    const second = await addPasskey(careful, first.session, {
      proof: { password: PASSWORD, code: await code() },
    });
    expect(second.added.recoveryCodes).toHaveLength(10);
  });

  it('asks an account with a second factor for it, or for what may stand in', async () => {
    const anna = await newHolder();
    const alone = begin(anna, anna.session);
    await expect(alone).rejects.toEqual(refused('code-wrong'));
    const made = { password: PASSWORD, recoveryCode: anna.recoveryCodes[0]! };
    await expect(begin(anna, anna.session, {}, made)).resolves.toBeDefined();
    const passkey = await answerFor(anna.session, anna.authenticator);
    const { asked } = await begin(anna, anna.session, {}, { passkey });
    expect(asked['excludeCredentials']).toEqual([
      { id: anna.authenticator.id, type: 'public-key', transports: ['hybrid', 'internal'] },
    ]);
  });

  it.each<[string, Otherwise, string]>([
    ['for another site', { origin: 'https://pin.example.net' }, 'passkey-wrong'],
    ['for another name', { rpId: 'example.net' }, 'passkey-wrong'],
    ['of an algorithm that was not asked for', { algorithmNumber: -65535 }, 'passkey-wrong'],
    ['within a frame', { crossOrigin: true }, 'passkey-wrong'],
    ['for a challenge that nobody made', { challenge: 'bm90LW91cnM' }, 'passkey-over'],
  ])('%s adds nothing (WebAuthn Level 3 §7.1)', async (_, otherwise, code) => {
    const person = await house.newPerson();
    const session = await signedIn(person);
    const { response } = await begin(person, session, otherwise);
    await expect(finish(person, session, response)).rejects.toEqual(refused(code));
    expect(await passkeysOf(person)).toEqual([]);
    expect(await proofs.countRecoveryCodes(person.accountId)).toBe(0);
    expect(await house.mailsTo(person)).toEqual([]);
  });

  it('is over after ten minutes, works once, and in the session that began it', async () => {
    const person = await house.newPerson();
    const session = await signedIn(person);
    const late = await begin(person, session);
    clock.advance(600);
    await expect(finish(person, session, late.response)).rejects.toEqual(refused('passkey-over'));
    const { response } = await begin(person, session);
    const other = await signedIn(person);
    await expect(finish(person, other, response)).rejects.toEqual(refused('passkey-over'));
    const added = await finish(person, session, response);
    await expect(finish(person, added.session, response)).rejects.toEqual(refused('passkey-over'));
  });

  it('does not take an answer in its place, nor another account’s passkey', async () => {
    const [anna, bert] = [await newHolder(), await newHolder()];
    const passkey = await answerFor(anna.session, anna.authenticator);
    const { asked } = await begin(anna, anna.session, {}, { passkey });
    const answer = anna.authenticator.answer(asked);
    await expect(finish(anna, anna.session, answer)).rejects.toEqual(refused('passkey-wrong'));
    const again = await begin(
      anna,
      anna.session,
      {},
      {
        passkey: await answerFor(anna.session, anna.authenticator),
      },
    );
    const taken = bert.authenticator.make(again.asked);
    await expect(finish(anna, anna.session, taken)).rejects.toEqual(refused('passkey-taken'));
    expect(await passkeysOf(anna)).toHaveLength(1);
    expect(await passkeysOf(bert)).toEqual([expect.objectContaining({ accountId: bert.accountId })]);
  });

  it('that was begun with the password alone adds nothing beside a second factor that came meanwhile', async () => {
    const person = await house.newPerson();
    const session = await signedIn(person);
    const { response } = await begin(person, session);
    const other = await signedIn(person);
    await people.addAuthenticator(person, other, { password: PASSWORD });
    await expect(finish(person, session, response)).rejects.toEqual(refused('code-wrong'));
    expect(await passkeysOf(person)).toEqual([]);
  });

  it('ends the setting up of an authenticator that was begun with the password alone', async () => {
    const person = await house.newPerson();
    const session = await signedIn(person);
    const { secret } = await twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
    await addPasskey(person, await signedIn(person));
    const late = twoFactor.enable(session, await house.code(secret), person.origin);
    await expect(late).rejects.toEqual(refused('factor-not-on'));
    expect(await proofs.hasAuthenticator(person.accountId)).toBe(false);
  });

  it('comes to an end at twenty', async () => {
    const anna = await newHolder();
    const one = (await passkeysOf(anna))[0]!;
    for (let i = 1; i < MOST_PASSKEYS; i++) {
      const passkeyId = `${one.passkeyId} ${i}` as typeof one.passkeyId;
      const more = { ...one, passkeyId, credentialId: `${one.credentialId}${i}` };
      await inTransaction((given) => given.passkeys.insert(more));
    }
    await expect(begin(anna, anna.session)).rejects.toEqual(refused('passkeys-full'));
  });
});

describe('an account without a password', () => {
  /** As one that was made through a provider that never says when it asked: its proof is as old as can be. */
  async function newFederated({ provedAt = new Date(0) } = {}) {
    const person = await house.newPerson();
    await house.forgetPassword(person.accountId);
    const { session } = await inTransaction((given) =>
      sessions.startSession(given, { ...person, methods: ['fed'], origin: person.origin, provedAt }),
    );
    return { ...person, session };
  }

  it('may make its first passkey for ten minutes after signing in, and then has a proof', async () => {
    const anna = await newFederated();
    const { response } = await begin(anna, anna.session, {}, {});
    const added = await finish(anna, anna.session, response);
    expect(added.recoveryCodes).toHaveLength(10);
    await expect(begin(anna, added.session, {}, {})).rejects.toEqual(refused('proof-required'));
    const late = await newFederated();
    clock.advance(601);
    await expect(begin(late, late.session, {}, {})).rejects.toEqual(refused('proof-required'));
  });

  it('proves itself by its provider where that has dated it, and by its own second factor too', async () => {
    const anna = await newFederated({ provedAt: clock.now() });
    const { session, authenticator } = await addPasskey(anna, anna.session, { proof: {} });
    const alone = signIn.proveForChange(session, {}, anna.origin);
    await expect(alone).rejects.toEqual(refused('code-wrong'));
    const passkey = await answerFor(session, authenticator, { isVerified: false });
    expect(await signIn.proveForChange(session, { passkey }, anna.origin)).toEqual(['fed', 'pop']);
  });

  it('keeps the last passkey that it can sign in with (ASVS 6.4)', async () => {
    const anna = await newFederated();
    const { session, authenticator, passkey } = await addPasskey(anna, anna.session, { proof: {} });
    const proof = { passkey: await answerFor(session, authenticator) };
    const asked = { ...proof, passkeyId: passkey.passkeyId };
    await expect(ownPasskeys.removePasskey(session, asked, anna.origin)).rejects.toEqual(
      refused('last-way-in'),
    );
    expect(await passkeysOf(anna)).toHaveLength(1);
  });

  it('gets no authenticator: a code stands beside a password', async () => {
    const anna = await newFederated();
    const owner = { ...anna, hasPassword: false };
    const attempt = twoFactor.begin(anna.session, owner, {}, anna.origin);
    await expect(attempt).rejects.toEqual(refused('password-missing'));
  });
});

describe('an authenticator beside passkeys', () => {
  it('takes all that a change takes, keeps the codes, and is told of under its own name', async () => {
    const anna = await newHolder();
    const alone = twoFactor.begin(anna.session, anna, { password: PASSWORD }, anna.origin);
    await expect(alone).rejects.toEqual(refused('code-wrong'));
    const passkey = await answerFor(anna.session, anna.authenticator);
    const { enabled } = await people.addAuthenticator(anna, anna.session, { passkey });
    expect(enabled.recoveryCodes).toBeUndefined();
    expect(await proofs.countRecoveryCodes(anna.accountId)).toBe(10);
    expect(await house.mailsTo(anna)).toEqual(['authenticator-added', 'passkey-added']);
  });

  it('that is turned off leaves the account two-factor, with its codes and a password of any length', async () => {
    const anna = await newHolder();
    const { session } = await people.addAuthenticator(anna, anna.session, {
      passkey: await answerFor(anna.session, anna.authenticator),
    });
    const passkey = await answerFor(session, anna.authenticator);
    expect(await twoFactor.isLongerPasswordDue(anna.accountId)).toBe(false);
    await twoFactor.turnOff(session, { passkey }, anna.origin);
    expect(await proofs.hasSecondFactor(anna.accountId)).toBe(true);
    expect(await proofs.countRecoveryCodes(anna.accountId)).toBe(10);
    expect(await house.mailsTo(anna)).toContain('authenticator-removed');
    expect(await house.mailsTo(anna)).not.toContain('two-factor-turned-off');
    expect((await signInWith(anna.authenticator)).next).toBe('done');
  });
});

describe('another name for a passkey', () => {
  it('takes a fresh proof, and is told', async () => {
    const anna = await newHolder();
    const { passkeyId } = anna.passkey;
    const rename = (proof: object, name = 'Red key') =>
      ownPasskeys.renamePasskey(anna.session, { ...proof, passkeyId, name }, anna.origin);
    await expect(rename({ password: PASSWORD })).rejects.toEqual(refused('code-wrong'));
    await rename({ passkey: await answerFor(anna.session, anna.authenticator) });
    expect((await passkeysOf(anna))[0]?.name).toBe('Red key');
    expect(await house.mailsTo(anna)).toContain('passkey-renamed');
    expect(await house.countEvents(anna.accountId, 'passkey-renamed')).toBe(1);
  });

  it('is nobody else’s to give', async () => {
    const [anna, bert] = [await newHolder(), await newHolder()];
    const passkey = await answerFor(bert.session, bert.authenticator);
    const asked = { passkey, passkeyId: anna.passkey.passkeyId, name: 'Mine' };
    await expect(ownPasskeys.renamePasskey(bert.session, asked, bert.origin)).rejects.toEqual(
      refused('not-found'),
    );
    const removal = ownPasskeys.removePasskey(bert.session, asked, bert.origin);
    await expect(removal).rejects.toEqual(refused('not-found'));
    expect(await passkeysOf(anna)).toEqual([expect.objectContaining({ name: 'Blue key' })]);
  });
});

describe('removing a passkey', () => {
  it('leaves two-factor on while another factor stays, and opens nothing any more', async () => {
    const anna = await newHolder();
    const other = await addPasskey(anna, anna.session, {
      name: 'Red key',
      proof: { passkey: await answerFor(anna.session, anna.authenticator) },
    });
    const proof = { passkey: await answerFor(other.session, other.authenticator) };
    const asked = { ...proof, passkeyId: anna.passkey.passkeyId };
    await ownPasskeys.removePasskey(other.session, asked, anna.origin);
    await expect(signInWith(anna.authenticator)).rejects.toEqual(refused('passkey-wrong'));
    expect(await proofs.countRecoveryCodes(anna.accountId)).toBe(10);
    const begun = await signIn.startSignIn({ login: anna.username, password: PASSWORD }, newOrigin());
    expect(begun.next).toBe('second-factor');
    expect((await signInWith(other.authenticator)).next).toBe('done');
  });

  it('ends every session but this one: somebody may have come in by it (OWASP ASVS 5.0 §7.4.3)', async () => {
    const anna = await newHolder();
    const there = await signInWith(anna.authenticator);
    if (there.next !== 'done') throw new Error(there.next);
    const { passkeyId } = anna.passkey;
    const asked = { password: PASSWORD, recoveryCode: anna.recoveryCodes[0]!, passkeyId };
    const { token } = await ownPasskeys.removePasskey(anna.session, asked, anna.origin);
    expect(await sessions.findSession(there.token)).toBeUndefined();
    expect(await sessions.findSession(token)).toBeDefined();
  });

  it('that is the last second factor turns two-factor off, and ends the codes', async () => {
    const anna = await newHolder();
    const proof = { password: PASSWORD, recoveryCode: anna.recoveryCodes[0]! };
    expect(await ownPasskeys.describeRemoval(anna.accountId, anna.passkey.passkeyId)).toMatchObject({
      isLast: true,
      isLongerDue: false,
    });
    const asked = { ...proof, passkeyId: anna.passkey.passkeyId };
    await ownPasskeys.removePasskey(anna.session, asked, anna.origin);
    expect(await proofs.hasSecondFactor(anna.accountId)).toBe(false);
    expect(await proofs.findRecoverySet(anna.accountId)).toBeUndefined();
    expect(await house.mailsTo(anna)).toContain('passkey-removed');
    const begun = await signIn.startSignIn({ login: anna.username, password: PASSWORD }, newOrigin());
    expect(begun.next).toBe('done');
  });

  it('that is the last takes a longer password with it where the one there is short (CHECKLIST 3.6)', async () => {
    const person = await house.newPerson({ password: SHORT, hasSecondFactor: true });
    const { secret } = await proofs.addAuthenticator(person.accountId, person.username, person.origin);
    const { session } = await house.signedIn({ ...person, secret });
    clock.advance(60);
    const code = await house.code(secret);
    const made = await addPasskey(person, session, { proof: { password: SHORT, code } });
    const passkey = await answerFor(made.session, made.authenticator);
    const off = await twoFactor.turnOff(made.session, { passkey }, person.origin);
    const remove = async (more: object) =>
      ownPasskeys.removePasskey(
        off.session,
        {
          passkey: await answerFor(off.session, made.authenticator),
          passkeyId: made.passkey.passkeyId,
          ...more,
        },
        person.origin,
      );
    await expect(remove({})).rejects.toEqual(refused('password-breaks-rule'));
    await expect(remove({ newPassword: SHORT })).rejects.toEqual(refused('password-breaks-rule'));
    await remove({ newPassword: LONGER });
    const begun = await signIn.startSignIn({ login: person.username, password: LONGER }, newOrigin());
    expect(begun.next).toBe('done');
  });
});

describe('the operator', () => {
  it('takes passkeys off with the second factor, and whatever waits for an answer (NIST SP 800-63B §4.2)', async () => {
    const anna = await newHolder();
    const asked = await people.answerFor(anna.session, anna.authenticator);
    await operatorHelp.removeTwoFactor(anna.username, undefined, newOrigin());
    expect(await passkeysOf(anna)).toEqual([]);
    expect(await proofs.findRecoverySet(anna.accountId)).toBeUndefined();
    expect(await sessions.listSessions(anna.accountId)).toEqual([]);
    expect(await house.mailsTo(anna)).toContain('two-factor-removed');
    const late = signIn.proveForChange(anna.session, { passkey: asked }, anna.origin);
    await expect(late).rejects.toEqual(refused('passkey-over'));
  });

  it('gives a password to whom nothing else is left to sign in with', async () => {
    const anna = await newHolder();
    await house.forgetPassword(anna.accountId);
    expect(await operatorHelp.isLongerPasswordDue(anna.username)).toBe(true);
    const without = operatorHelp.removeTwoFactor(anna.username, undefined, newOrigin());
    await expect(without).rejects.toEqual(refused('password-breaks-rule'));
    expect(await passkeysOf(anna)).toHaveLength(1);
    await operatorHelp.removeTwoFactor(anna.username, LONGER, newOrigin());
    const begun = await signIn.startSignIn({ login: anna.username, password: LONGER }, newOrigin());
    expect(begun.next).toBe('done');
  });

  it('frees passkeys from their lock, and none that was stopped', async () => {
    const [anna, bert] = [await newHolder(), await newHolder()];
    await people.lock(anna.accountId, 'passkey');
    expect((await operatorHelp.unlock(anna.username, newOrigin())).freed).toEqual(['passkey']);
    expect((await signInWith(anna.authenticator)).next).toBe('done');
    const gone = await people.answerAtSignIn(bert.authenticator, { signCount: 0 });
    await expect(signIn.signInWithPasskey(gone, newOrigin())).rejects.toEqual(refused('passkey-stopped'));
    await operatorHelp.unlock(bert.username, newOrigin());
    await expect(signInWith(bert.authenticator)).rejects.toEqual(refused('passkey-stopped'));
  });
});

describe('whatever is done, in whatever order', () => {
  type Step =
    'add passkey' | 'add authenticator' | 'off' | 'remove' | 'lock passkeys' | 'lock totp' | 'lock codes';
  const STEPS: readonly Step[] = [
    ...(['add passkey', 'add authenticator', 'off', 'remove'] as const),
    ...(['lock passkeys', 'lock totp', 'lock codes'] as const),
  ];

  it('the password alone opens an account with a second factor nowhere, and codes live as long as one does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...STEPS), { maxLength: 8 }), async (steps) => {
        const person = await house.newPerson();
        let session = await signedIn(person);
        const held: { authenticator: SoftAuthenticator; passkeyId: string }[] = [];
        let secret: string | undefined;
        const clear = async () => {
          for (const kind of ['totp', 'recovery', 'passkey'] as const)
            await inTransaction((given) => given.proofs.clearFailures(person.accountId, kind));
        };
        /** The whole of what the owner can prove; only a lock keeps it from being enough. */
        const proof = async (): Promise<object> => {
          const [first] = held;
          if (first) return { passkey: await answerFor(session, first.authenticator) };
          if (secret === undefined) return { password: PASSWORD };
          clock.advance(60);
          return { password: PASSWORD, code: await house.code(secret) };
        };
        for (const step of steps) {
          if (step === 'lock passkeys') await people.lock(person.accountId, 'passkey');
          else if (step === 'lock totp') await people.lock(person.accountId, 'totp');
          else if (step === 'lock codes') await people.lock(person.accountId, 'recovery');
          else {
            await clear();
            if (step === 'add passkey') {
              const made = await addPasskey(person, session, { proof: await proof() });
              held.push({ authenticator: made.authenticator, passkeyId: made.passkey.passkeyId });
              session = made.session;
            } else if (step === 'add authenticator' && secret === undefined) {
              const made = await people.addAuthenticator(person, session, await proof());
              [secret, session] = [made.secret, made.session];
            } else if (step === 'off' && secret !== undefined) {
              session = (await twoFactor.turnOff(session, await proof(), person.origin)).session;
              secret = undefined;
            } else if (step === 'remove' && held.length > 0) {
              const { passkeyId } = held.at(-1)!;
              const asked = { ...(await proof()), passkeyId };
              session = (await ownPasskeys.removePasskey(session, asked, person.origin)).session;
              held.pop();
            }
          }
          const isOn = held.length > 0 || secret !== undefined;
          expect(await proofs.hasSecondFactor(person.accountId)).toBe(isOn);
          expect(await proofs.countRecoveryCodes(person.accountId)).toBe(isOn ? 10 : 0);
          const begun = await signIn.startSignIn({ login: person.username, password: PASSWORD }, newOrigin());
          expect(begun.next).toBe(isOn ? 'second-factor' : 'done');
          if (!isOn) continue;
          const alone = signIn.proveForChange(session, { password: PASSWORD }, person.origin);
          await expect(alone).rejects.toEqual(refused('code-wrong'));
          const stepUp = signIn.stepUp(session, { password: PASSWORD }, person.origin);
          await expect(stepUp).rejects.toEqual(refused('code-wrong'));
          const begunAgain = twoFactor.begin(session, person, { password: PASSWORD }, person.origin);
          await expect(begunAgain).rejects.toEqual(refused('code-wrong'));
          await expect(begin(person, session)).rejects.toEqual(refused('code-wrong'));
        }
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});
