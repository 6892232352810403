// A house of the PIN door with a household in it, and what the tests of the household's calls do again and again: tools with a
// fresh token, members made and PINs set through the door itself, people who accept an invitation. Time moves only when a test
// moves it.
import type { Response, Test } from 'supertest';
import type { TestHouseOptions } from '../support/app.js';
import { originFrom } from '../support/link-rooms.js';
import type { Fields } from './oauth-house.js';
import { IDENTIFIER, JSON_ONLY, jsonOf, startPinHouse, toolHeaders, xmlOf } from './pins-house.js';

export type Method = 'get' | 'post' | 'put' | 'delete';
export type HomeHouse = Awaited<ReturnType<typeof startHomeHouse>>;

/** A member, as an answer of either format tells of them, read as JSON has it. */
export interface HomeUser {
  readonly id: number;
  readonly uuid: string;
  readonly title: string;
  readonly username: string;
  readonly email: string;
  readonly friendlyName: string;
  readonly thumb: string;
  readonly hasPassword: boolean;
  readonly restricted: boolean;
  readonly restrictionProfile: string | null;
  readonly admin: boolean;
  readonly guest: boolean;
  readonly protected: boolean;
  readonly updatedAt: number;
}

/** Nobody's PIN is among those that are refused as too common. */
export const PIN = '8305';
export const OTHER_PIN = '6194';

const ROOMY = {
  'household-member-by-account': { limit: 1000 },
  'household-invitation-by-account': { limit: 1000 },
  'profile-switch-by-household': { limit: 1000 },
};

export async function startHomeHouse({ limits, ...options }: TestHouseOptions = {}) {
  const house = await startPinHouse({ ...options, limits: { ...ROOMY, ...limits } });
  const origin = originFrom('203.0.113.9');

  const send = (method: Method, path: string, token: string, headers: Fields = {}): Test =>
    house.request[method](path).set(
      toolHeaders({ ...JSON_ONLY, ...(token ? house.withToken(token) : {}), ...headers }),
    );

  /** Its token may edit for ten minutes. Each is a tool of its own. */
  const freshToken = (name: string): Promise<string> =>
    house.linkTool({ name, headers: { 'X-Plex-Client-Identifier': `${IDENTIFIER}-of-${name}` } });

  /** They are listed in the order in which they came. */
  const addMember = async (token: string, friendlyName: string, more: Fields = {}): Promise<HomeUser> => {
    house.clock.advance(1);
    const query = new URLSearchParams({ friendlyName, ...more }).toString();
    const response = await send('post', `/api/v2/home/users/restricted?${query}`, token).expect(201);
    return jsonOf(response) as unknown as HomeUser;
  };

  const setPin = (token: string, { id }: Pick<HomeUser, 'id'>, pin: string) =>
    send('post', `/api/v2/home/users/restricted/${id}?pin=${pin}`, token).expect(201);

  const setOwnPin = async (token: string, pin: string, currentPin = ''): Promise<void> => {
    const { id } = await readUser(token);
    await send('put', `/api/home/users/${id}?pin=${pin}&currentPin=${currentPin}`, token).expect(200);
  };

  const readUser = async (token: string): Promise<HomeUser & Record<string, unknown>> =>
    jsonOf(await send('get', '/api/v2/user', token).expect(200)) as unknown as HomeUser &
      Record<string, unknown>;

  const listUsers = async (token: string): Promise<HomeUser[]> =>
    jsonOf(await send('get', '/api/v2/home/users', token).expect(200))['users'] as HomeUser[];

  const switchTo = (token: string, which: number | string, pin?: string): Test =>
    send('post', `/api/v2/home/users/${which}/switch${pin === undefined ? '' : `?pin=${pin}`}`, token);

  const switched = async (token: string, which: number | string, pin?: string): Promise<string> =>
    jsonOf(await switchTo(token, which, pin).expect(201))['authToken'] as string;

  /** What the mail with the invitation says; other mails may be due before it. */
  async function findInvitation(email: string): Promise<{ readonly address: string }> {
    for (let batch = 0; batch < 10; batch++) {
      await house.sendMail();
      const mail = house.mails.findLast(
        ({ notice, recipient }) => notice === 'household-invitation' && recipient === email,
      );
      if (mail) return mail.details as { readonly address: string };
    }
    throw new Error(`no invitation was mailed to ${email}`);
  }

  let owners = 0;

  /** Somebody with an account who owns a household with one member, and a token that may edit it. */
  async function newHome({ pin }: { readonly pin?: string } = {}) {
    const name = `owner${(owners += 1)}`;
    const token = await freshToken(name);
    const member = await addMember(token, 'Mia');
    if (pin !== undefined) await setPin(token, member, pin);
    return { name, token, member };
  }

  /** Whatever an edit could have changed. */
  const stateOf = async (token: string) => ({ users: await listUsers(token), own: await readUser(token) });

  /** Somebody with an account of their own is invited by the owner of a token, and accepts. */
  async function join(token: string, name: string): Promise<void> {
    const accountId = await house.accountOf(name);
    await send('post', `/api/home/users?invitedEmail=${name}@example.com`, token).expect(201);
    const { address } = await findInvitation(`${name}@example.com`);
    const invitation = new URL(address).searchParams.get('token')!;
    const { session } = await house.signIn.startSessionFor(accountId, origin);
    await house.householdInvitations.acceptInvitation(session, invitation, origin);
  }

  /** The token of a tool that its owner has approved for one of those they manage. */
  async function linkFor(name: string, publicNumber: number): Promise<string> {
    const { session } = await house.signIn.startSessionFor(await house.accountOf(name), origin);
    const { subjectId } = await house.household.findMember(session.subjectId, { publicNumber });
    const headers = { 'X-Plex-Client-Identifier': `${IDENTIFIER}-for-${publicNumber}` };
    const { id, code } = await house.createPin('?strong=true', headers);
    const about = { session, origin };
    const reserved = await house.linksForPerson.reserveLink({ userCode: code, arrival: 'typed', ...about });
    const { linkId } = reserved;
    const { page } = (await house.linksForPerson.findForReview({ linkId, ...about }))!;
    house.clock.advance(2);
    await house.linksForPerson.approveLink({ linkId, page, subjectId, ...about });
    return jsonOf(await house.poll(id, headers).expect(200))['authToken'] as string;
  }

  /** What the owner does on the pages. */
  async function turnGuest(name: string, isOn: boolean): Promise<void> {
    const { session } = await house.signIn.startSessionFor(await house.accountOf(name), origin);
    await house.household.turnGuest(await house.household.editorOf(session, origin), isOn);
  }

  return {
    ...house,
    ...{
      origin,
      send,
      freshToken,
      addMember,
      setPin,
      setOwnPin,
      readUser,
      listUsers,
      switchTo,
      switched,
      join,
      linkFor,
      newHome,
      stateOf,
      turnGuest,
    },
  };
}

/** All that tells one answer from another: no id of the request, no date. */
export function bytesOf({ status, text, headers }: Response) {
  const told = Object.entries<string>(headers).filter(([name]) => name !== 'x-request-id' && name !== 'date');
  return { status, text, headers: Object.fromEntries(told) };
}

/** The attributes of the first element of a name, wherever it stands. */
export function attributesIn(response: Response, name: string): Readonly<Record<string, string>> {
  const root = xmlOf(response);
  const found = [root, ...root.children, ...root.children.flatMap(({ children }) => children)].find(
    (element) => element.name === name,
  );
  return found?.attributes ?? {};
}
