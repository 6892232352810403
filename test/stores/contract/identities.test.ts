// What every store of federated identities must do (domain/identities-records.ts): one person of one issuer is one account's; a
// round trip and an arrival are used once, by whom they are for, and not after their time.
import { createIdentityStore, createRoundTripStore } from '../../../src/stores/sql/identities.js';
import type { Identity, RoundTrip } from '../../../src/domain/identities-records.js';
import type { AccountId } from '../../../src/domain/vocabulary.js';
import { describeOnBackends } from '../../support/databases.js';

const ANNA = 'anna' as AccountId;
const BERT = 'bert' as AccountId;
const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000);

let made = 0;
const newIdentity = (accountId = ANNA, about: Partial<Identity> = {}): Identity => ({
  identityId: `identity ${++made}`,
  accountId,
  upstream: 'work',
  issuer: 'https://login.work.example',
  subject: `subject ${made}`,
  shownAs: 'anna@work.example',
  connectedAt: at(made),
  lastUsedAt: at(made),
  ...about,
});

const newTrip = (about: Partial<RoundTrip> = {}): RoundTrip => ({
  stateHash: `state ${++made}`,
  browserHash: 'browser',
  upstream: 'work',
  accountId: undefined,
  sealedDetails: 'sealed',
  expiresAt: at(600),
  ...about,
});

describeOnBackends('a store of federated identities', ({ open }) => {
  const database = open((sql) => ({
    identities: createIdentityStore(sql),
    roundTrips: createRoundTripStore(sql),
  }));
  const { inTransaction, stores } = database;
  afterAll(() => database.close());

  const insert = (identity: Identity) => inTransaction(({ identities }) => identities.insert(identity));
  const take = (trip: RoundTrip, now = at(0)) =>
    inTransaction(({ roundTrips }) => roundTrips.takeTrip(trip, now));

  it('finds one by issuer and subject, and all of an account, the first connected first', async () => {
    const [first, second] = [newIdentity(), newIdentity()];
    for (const each of [second, first, newIdentity(BERT)]) expect(await insert(each)).toBe(true);
    expect(await stores.identities.find(first.issuer, first.subject)).toEqual(first);
    expect(await stores.identities.find('https://other.example', first.subject)).toBeUndefined();
    expect(await stores.identities.find(first.issuer, first.subject.toUpperCase())).toBeUndefined();
    expect(await stores.identities.findByAccount(ANNA)).toEqual([first, second]);
  });

  it('has one account for each, whoever asks second (ASVS 6.8.1)', async () => {
    const first = newIdentity();
    await insert(first);
    expect(await insert(newIdentity(BERT, { subject: first.subject }))).toBe(false);
    expect(await insert(newIdentity(ANNA, { subject: first.subject }))).toBe(false);
    expect((await stores.identities.find(first.issuer, first.subject))?.accountId).toBe(ANNA);
    expect(await insert(newIdentity(BERT, { subject: first.subject, issuer: 'https://other.example' }))).toBe(
      true,
    );
  });

  it('has one account for each when two ask at once', async () => {
    const subject = `both ${++made}`;
    const asked = [ANNA, BERT, ANNA, BERT].map((accountId) => insert(newIdentity(accountId, { subject })));
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
  });

  it('remembers when it was used, and what it was called then', async () => {
    const identity = newIdentity();
    await insert(identity);
    const used = { at: at(99), shownAs: 'anna.lind@work.example' };
    const mark = (id: string) => inTransaction(({ identities }) => identities.markUsed(id, used));
    expect(await mark(identity.identityId)).toBe(true);
    expect(await mark('no such identity')).toBe(false);
    const found = await stores.identities.find(identity.issuer, identity.subject);
    expect(found).toEqual({ ...identity, shownAs: used.shownAs, lastUsedAt: used.at });
  });

  it('removes it for its own account alone, once', async () => {
    const identity = newIdentity();
    await insert(identity);
    const remove = (accountId: AccountId) =>
      inTransaction(({ identities }) => identities.remove(identity.identityId, accountId));
    expect([await remove(BERT), await remove(ANNA), await remove(ANNA)]).toEqual([false, true, false]);
  });

  it('gives a round trip once, to its browser, for its provider', async () => {
    const trip = newTrip({ accountId: ANNA });
    await inTransaction(({ roundTrips }) => roundTrips.insertTrip(trip));
    expect(await take({ ...trip, browserHash: 'another browser' })).toBeUndefined();
    expect(await take({ ...trip, upstream: 'other' })).toBeUndefined();
    expect(await take({ ...trip, stateHash: 'another state' })).toBeUndefined();
    expect(await take(trip)).toEqual(trip);
    expect(await take(trip)).toBeUndefined();
  });

  it('gives a round trip to one of many who ask at once', async () => {
    const trip = newTrip();
    await inTransaction(({ roundTrips }) => roundTrips.insertTrip(trip));
    const taken = await Promise.all(Array.from({ length: 6 }, () => take(trip)));
    expect(taken.filter(Boolean)).toHaveLength(1);
  });

  it('gives none after its time, and forgets it then, with arrivals', async () => {
    const [over, live] = [newTrip({ expiresAt: at(10) }), newTrip({ expiresAt: at(20) })];
    const arrival = { arrivalHash: `arrival ${++made}`, sealedDetails: 'sealed', expiresAt: at(10) };
    await inTransaction(async ({ roundTrips }) => {
      await roundTrips.insertTrip(over);
      await roundTrips.insertTrip(live);
      await roundTrips.insertArrival(arrival);
    });
    expect(await take(over, at(10))).toBeUndefined();
    expect(await inTransaction(({ roundTrips }) => roundTrips.removeExpired(at(10)))).toBe(2);
    expect(await take(over, at(0))).toBeUndefined();
    expect(await take(live, at(19))).toEqual(live);
  });

  it('shows an arrival as often as it is asked, and lets it be used once, in its time', async () => {
    const arrival = { arrivalHash: `arrival ${++made}`, sealedDetails: 'sealed', expiresAt: at(10) };
    await inTransaction(({ roundTrips }) => roundTrips.insertArrival(arrival));
    const use = (now: Date) =>
      inTransaction(({ roundTrips }) => roundTrips.takeArrival(arrival.arrivalHash, now));
    expect(await stores.roundTrips.findArrival(arrival.arrivalHash, at(9))).toEqual(arrival);
    expect(await stores.roundTrips.findArrival(arrival.arrivalHash, at(9))).toEqual(arrival);
    expect(await stores.roundTrips.findArrival(arrival.arrivalHash, at(10))).toBeUndefined();
    expect([await use(at(10)), await use(at(9)), await use(at(9))]).toEqual([false, true, false]);
    expect(await stores.roundTrips.findArrival(arrival.arrivalHash, at(9))).toBeUndefined();
  });
});
