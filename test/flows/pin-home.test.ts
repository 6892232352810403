// A client library of the PIN API as npm has it, with a household: it makes members, sets their PINs, switches, and removes them,
// with nothing changed but the origin that it asks. Of the addresses it knows those of the older paths; what it sends, and how it
// reads what comes, is its own. docs/pin-clients.md tells what of it works. PIN-API.md 6; issue 5, "Shown by".
import os from 'node:os';
import { jest } from '@jest/globals';
import type { MyPlexAccount as Account } from '@ctrl/plex';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { leadOriginsTo, type ClientOrigins } from '../support/client-origins.js';
import { createTestClock } from '../support/clock.js';
import { createPerson } from '../support/person.js';

// @ctrl/plex calls itself by the address of the first network card, and does not load on a machine without one.
const networkInterfaces = () => ({ eth0: [{ mac: '02:00:5e:00:53:01' }] });
jest.unstable_mockModule('os', () => ({ ...os, networkInterfaces, default: { ...os, networkInterfaces } }));
const { MyPlexAccount } = await import('@ctrl/plex');

const HOME = 'https://plex.tv/api/v2/home/users';
const PIN = '8305';
const OTHER_PIN = '6194';

interface HomeUser {
  readonly id: number;
  readonly uuid: string;
  readonly title: string;
  readonly protected: boolean;
  readonly restrictionProfile: string | null;
}

let test: TestHouse;
let origins: ClientOrigins;

beforeAll(async () => {
  // The library looks at the real time; from there on, this test moves the clock of the house.
  test = await startTestHouse({ clock: createTestClock(new Date()) });
  origins = leadOriginsTo(test.url, ['https://plex.tv']);
});
afterAll(async () => {
  await origins.restore();
  await test.close();
});
afterEach(() => expect(origins.refused).toEqual([]));

/** Signed in with password and code a moment ago. */
async function connectAs(name: string): Promise<Account> {
  const person = createPerson(test, name);
  await person.moveIn();
  const signedIn = new MyPlexAccount(null, name, person.password + (await person.nextCode()));
  // Once to sign in, and once more for what the older answer does not tell.
  return (await signedIn.connect()).connect();
}

const withToken = (token: string): Promise<Account> => new MyPlexAccount(null, '', '', token).connect();

const switchTo = async (account: Account, { uuid }: HomeUser, pin?: string): Promise<Account> => {
  const query = pin === undefined ? '' : `?pin=${pin}`;
  const { authToken } = await account.query<{ authToken: string }>(`${HOME}/${uuid}/switch${query}`, 'post');
  return withToken(authToken);
};

const usersOf = async (account: Account): Promise<HomeUser[]> =>
  (await account.query<{ users: HomeUser[] }>(HOME)).users;

it('@ctrl/plex makes a member, sets a PIN, switches with the wrong and the right one, and removes them', async () => {
  const account = await connectAs('maria');
  expect(account).toMatchObject({ home: false, homeSize: 1, maxHomeSize: 15 });
  const made = await account.query<HomeUser>(
    `${HOME}/restricted?friendlyName=Mia&restrictionProfile=little_kid`,
    'post',
  );
  expect(made).toMatchObject({ title: 'Mia', protected: false, restrictionProfile: 'little_kid' });
  const edited = await account.query<HomeUser>(`${HOME}/restricted/${made.id}?pin=${PIN}`, 'post');
  expect(edited).toMatchObject({ id: made.id, protected: true });
  await expect(account.query(`${HOME}/restricted/${made.id}?pin=830`, 'post')).rejects.toMatchObject({
    status: 422,
  });
  expect((await usersOf(account)).map(({ title }) => title)).toEqual(['maria', 'Mia']);

  for (const wrong of [undefined, '9999'])
    await expect(switchTo(account, made, wrong)).rejects.toMatchObject({ status: 403 });
  const mia = await switchTo(account, made, PIN);
  expect(mia).toMatchObject({
    ...{ id: made.id, uuid: made.uuid, title: 'Mia', username: '', restricted: true },
    ...{ home: true, guest: false, homeSize: 2 },
  });
  expect(mia.email).not.toContain('maria');
  expect((await mia.devices()).map(({ product }) => product)).toEqual(['PlexAPI']);
  // A switched token changes nothing, of its own member either.
  await expect(mia.query(`${HOME}/restricted/${made.id}?removePin=1`, 'post')).rejects.toMatchObject({
    status: 403,
  });
  await expect(mia.query(`${HOME}/${made.id}`, 'delete')).rejects.toMatchObject({ status: 403 });

  const remove = account.REMOVEHOMEUSER.replace('{userId}', `${made.id}.json`);
  expect(await account.query(remove, 'delete')).toMatchObject({ Response: { code: 0 } });
  await expect(mia.connect()).rejects.toMatchObject({ status: 401 });
  await expect(switchTo(account, made, PIN)).rejects.toMatchObject({ status: 404 });
  expect((await usersOf(account)).map(({ title }) => title)).toEqual(['maria']);
});

it('@ctrl/plex sets, changes and removes the own PIN, and comes back to the owner by it alone', async () => {
  const account = await connectAs('jonas');
  const create = account.HOMEUSERCREATE.replace('users?', 'users.json?').replace('{title}', 'Nils');
  const { User: nils } = await account.query<{ User: HomeUser }>(create, 'post');
  const own = (query: string) =>
    account.query(`https://plex.tv/api/home/users/${account.id}.json?${query}`, 'put');
  expect(await own(`pin=${PIN}`)).toEqual({ Response: { code: 0, status: 'Updated user' } });
  for (const wrong of [`pin=${OTHER_PIN}`, `pin=${OTHER_PIN}&currentPin=9999`, 'pin=&currentPin=9999'])
    await expect(own(wrong)).rejects.toMatchObject({ status: 401 });
  await own(`pin=${OTHER_PIN}&currentPin=${PIN}`);

  const [owner] = await usersOf(account);
  const switched = await switchTo(account, nils);
  await expect(switchTo(switched, owner!, PIN)).rejects.toMatchObject({ status: 403 });
  const back = await switchTo(switched, owner!, OTHER_PIN);
  expect(back).toMatchObject({ id: account.id, username: 'jonas', restricted: false });
  expect(back.email).not.toBe(account.email);
  await own(`pin=&currentPin=${OTHER_PIN}`);
  await expect(back.connect()).rejects.toMatchObject({ status: 401 });
  expect(await withToken(account.token!)).toMatchObject({ username: 'jonas', email: 'jonas@example.com' });

  test.clock.advance(601);
  await expect(own(`pin=${PIN}`)).rejects.toMatchObject({ status: 403 });
});

it('@ctrl/plex reads the older lists as XML, and invites by the address it knows', async () => {
  const account = await connectAs('ida');
  await account.query(
    account.EXISTINGUSER.replace('users?', 'users.json?').replace('{username}', 'pia%40example.com'),
    'post',
  );
  await test.sendMail();
  expect(test.mails.map(({ recipient }) => recipient)).toContain('pia@example.com');
  type Listed = { MediaContainer: { $: { size: string }; User: { $: { title: string; admin: string } }[] } };
  const { MediaContainer } = await account.query<Listed>('https://plex.tv/api/home/users.xml');
  expect(MediaContainer.$.size).toBe('1');
  expect(MediaContainer.User.map(({ $ }) => [$.title, $.admin])).toEqual([['ida', '1']]);
});
