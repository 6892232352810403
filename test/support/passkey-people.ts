// People with passkeys, for tests of the rooms: each has an authenticator in software, and the ceremonies go the way of the real
// rooms, from the challenge to the answer.
import { MOST_FAILURES, type FactorKind } from '../../src/domain/factor-locks.js';
import type { Session } from '../../src/domain/sessions.js';
import { createSignIn } from '../../src/domain/sign-in.js';
import type { AccountId, Origin } from '../../src/domain/vocabulary.js';
import {
  createAuthenticator,
  type AuthenticatorOptions,
  type Otherwise,
  type SoftAuthenticator,
} from './authenticator.js';
import { PASSWORD, type PeopleRooms } from './people-rooms.js';

export const ORIGIN = 'https://pin.example.org';
/** The form that a proof is for, where none is named. */
export const FORM = '/account/password';

export type PasskeyPerson = Awaited<ReturnType<ReturnType<typeof createPasskeyPeople>['newHolder']>>;
type Person = Awaited<ReturnType<PeopleRooms['newPerson']>>;
type Options = Partial<AuthenticatorOptions>;

export function createPasskeyPeople(house: PeopleRooms) {
  const { accounts, signIn, ownPasskeys, stores } = house;

  /** Makes a passkey in this session, with this proof; resolves to the authenticator, and the session as it goes on. */
  async function addPasskey(
    { accountId, origin }: Pick<Person, 'accountId' | 'origin'>,
    session: Session,
    {
      name = 'Blue key',
      proof = { password: PASSWORD },
      ...options
    }: Options & { name?: string; proof?: object } = {},
  ) {
    const owner = (await accounts.findAccount(accountId))!;
    const asked = await ownPasskeys.beginPasskey(session, owner, proof, origin);
    const authenticator = createAuthenticator({ origin: ORIGIN, ...options });
    const added = await ownPasskeys.addPasskey(
      session,
      { response: authenticator.make(asked), name },
      origin,
    );
    const passkey = (await stores.passkeys.findByCredential(authenticator.id))!;
    return { authenticator, added, passkey, session: added.session };
  }

  /** Somebody whose only second factor is a passkey, signed in. */
  async function newHolder(options: Options = {}) {
    const person = await house.newPerson();
    const { session } = await house.signedIn(person);
    const made = await addPasskey(person, session, options);
    return { ...person, ...made, recoveryCodes: made.added.recoveryCodes ?? [] };
  }

  /** What the authenticator answers, asked by this session for this form. */
  async function answerFor(
    session: Session,
    authenticator: SoftAuthenticator,
    { purpose = FORM, ...otherwise }: Otherwise & { purpose?: string } = {},
  ) {
    const asked = await signIn.askForProof(session, purpose, house.newOrigin());
    return { response: authenticator.answer(asked, otherwise), purpose };
  }

  /** The same by a browser that is not signed in. */
  async function answerAtSignIn(
    authenticator: SoftAuthenticator,
    { browser = 'a browser', ...otherwise }: Otherwise & { browser?: string } = {},
  ) {
    const asked = await signIn.askAtSignIn(browser, house.newOrigin());
    return { response: authenticator.answer(asked, otherwise), browser };
  }

  async function answerAtSecondStep(
    signInToken: string,
    authenticator: SoftAuthenticator,
    otherwise: Otherwise = {},
  ) {
    return authenticator.answer(await signIn.askAtSecondStep(signInToken, house.newOrigin()), otherwise);
  }

  /** Signs in with the passkey alone. */
  async function signInWith(authenticator: SoftAuthenticator, origin: Origin = house.newOrigin()) {
    return signIn.signInWithPasskey(await answerAtSignIn(authenticator), origin);
  }

  /** An authenticator beside the passkeys, with this proof; resolves to its secret, and the session as it goes on. */
  async function addAuthenticator(person: Person, session: Session, proof: object) {
    const { secret } = await house.twoFactor.begin(session, person, proof, person.origin);
    const enabled = await house.twoFactor.enable(session, await house.code(secret), person.origin);
    return { secret, enabled, session: enabled.session };
  }

  /** So many wrong ones in a row, spread over days so that only the count in a row is reached. */
  async function lock(accountId: AccountId, kind: FactorKind): Promise<void> {
    const at = house.clock.now();
    const day = Math.floor(at.getTime() / 86_400_000);
    for (let i = 0; i < MOST_FAILURES.consecutive; i++) {
      const attempt = { accountId, kind, day: day - 100 + i, at };
      await house.inTransaction(({ proofs }) => proofs.charge(attempt, { consecutive: 100, today: 100 }));
    }
  }

  /** Signing in where something else lands right after the passkey was found right. */
  const racingSignIn = (meanwhile: () => Promise<unknown>) =>
    createSignIn({
      ...house.signInDependencies,
      passkeys: {
        ...house.passkeys,
        checkPasskey: async (...asked: Parameters<typeof house.passkeys.checkPasskey>) => {
          const outcome = await house.passkeys.checkPasskey(...asked);
          await meanwhile();
          return outcome;
        },
      },
    });

  return {
    addPasskey,
    addAuthenticator,
    lock,
    racingSignIn,
    close: (accountId: AccountId) =>
      house.inTransaction(({ credentials }) => credentials.close(accountId, house.clock.now())),
    newHolder,
    answerFor,
    answerAtSignIn,
    answerAtSecondStep,
    signInWith,
  };
}
