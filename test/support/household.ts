// A whole house with a household in it: its owner, people with accounts of their own who may be invited, members without one,
// and tools and browsers of any of them.
import type { NewManaged } from '../../src/domain/household.js';
import type { Member } from '../../src/domain/household-records.js';
import type { Session } from '../../src/domain/sessions.js';
import type { LastingStanding } from '../../src/domain/tokens-lasting.js';
import { isRefusal, type SubjectId } from '../../src/domain/vocabulary.js';
import type { TestHouseOptions } from './app.js';
import { newOrigin, openCredentialsHouse, type TestPerson } from './credentials.js';

const TOOL = {
  ...{ product: 'A television', version: '1', platform: '', platformVersion: '', device: '' },
  ...{ deviceName: 'Living room', deviceVendor: '', model: '' },
};

export type HouseholdHouse = Awaited<ReturnType<typeof openHouseholdHouse>>;

let identifiers = 0;

export async function openHouseholdHouse(options: TestHouseOptions = {}) {
  const test = await openCredentialsHouse({
    ...options,
    config: { emailVerification: 'required', signingAlgs: ['EdDSA', 'RS256'], ...options.config },
  });
  const { house, clock, newPerson, signIn, tokenMailedTo } = test;
  const { household, householdInvitations, profilePins, linksForPerson } = house;

  /** A session in which everything was just proved. */
  const sessionOf = async (person: TestPerson): Promise<Session> => (await signIn(person)).session;
  const editorOf = (session: Session) => household.editorOf(session, newOrigin());

  /** Whoever owns a household, signed in a moment ago. */
  async function newOwner({ isCareful = false } = {}) {
    const person = await newPerson({ isCareful });
    const session = await sessionOf(person);
    return { person, session, editor: await editorOf(session) };
  }

  type Owner = Awaited<ReturnType<typeof newOwner>>;

  const addMember = ({ editor }: Owner, member: NewManaged = { name: 'Kim' }): Promise<Member> =>
    household.addManaged(editor, member);

  /** Somebody without an account, and their PIN. */
  async function addGuarded(owner: Owner, pin: string, member?: NewManaged): Promise<Member> {
    const added = await addMember(owner, member);
    await profilePins.setManagedPin(owner.editor, added.subjectId, { pin });
    return await household.findMember(owner.session.subjectId, { subjectId: added.subjectId });
  }

  /** A person with an account of their own, invited and come. */
  async function addFull(owner: Owner, { isCareful = false } = {}) {
    const person = await newPerson({ isCareful });
    await householdInvitations.inviteToHousehold(owner.editor, person.email);
    const token = await tokenMailedTo(person.email, 'household-invitation');
    const session = await sessionOf(person);
    const member = await householdInvitations.acceptInvitation(session, token, newOrigin());
    return { person, session, member, editor: await editorOf(session) };
  }

  /** Approves what has this code, in this session, for its person or for somebody else. */
  async function approve(session: Session, userCode: string, subjectId?: SubjectId): Promise<void> {
    const origin = newOrigin();
    const { linkId } = await linksForPerson.reserveLink({ userCode, session, arrival: 'typed', origin });
    const review = await linksForPerson.findForReview({ linkId, session, origin });
    clock.advance(2);
    const about = { linkId, session, origin, page: review!.page };
    await linksForPerson.approveLink(subjectId === undefined ? about : { ...about, subjectId });
  }

  /** A tool of the PIN door, linked in this session, and the token that it collected. */
  async function linkTool(session: Session, subjectId?: SubjectId): Promise<string> {
    const identifier = `tool ${++identifiers}`;
    const origin = newOrigin();
    const asked = { identifier, tool: TOOL, isStrong: false, origin };
    const link = await house.linksByNumber.startNumberedLink(asked);
    await approve(session, link.userCode, subjectId);
    const poll = { number: link.number, identifier, origin };
    const polled = await house.linksByNumber.pollNumberedLink(poll);
    if (polled.outcome !== 'issued') throw new Error(`the tool got ${polled.outcome}`);
    return polled.token;
  }

  const standingOf = (token: string): Promise<LastingStanding> =>
    house.tokensLasting.useLastingToken(token, newOrigin());

  async function linkedTool(session: Session, subjectId?: SubjectId): Promise<LastingStanding> {
    return standingOf(await linkTool(session, subjectId));
  }

  /** A tool of the OAuth door; what it asks for, and what came of it. */
  async function linkOAuthTool(session: Session, subjectId?: SubjectId, scope = 'openid profile email') {
    const scopes = ['library'];
    const { client } = await house.clients.createByOperator({
      name: 'A script',
      isConfidential: false,
      scopes,
    });
    const origin = newOrigin();
    const started = await house.linksForTool.startLink({ client, scope, origin });
    await approve(session, started.userCode, subjectId);
    const { deviceCode } = started;
    const redeemed = await house.linksForTool.redeemLink({ deviceCode, client, origin });
    if (redeemed.outcome !== 'issued') throw new Error(`the tool got ${redeemed.outcome}`);
    return { client, tokens: redeemed.tokens };
  }

  return {
    ...test,
    sessionOf,
    editorOf,
    newOwner,
    addMember,
    addGuarded,
    addFull,
    approve,
    linkTool,
    linkedTool,
    linkOAuthTool,
    standingOf,
    isAlive: (token: string): Promise<boolean> =>
      standingOf(token).then(
        () => true,
        () => false,
      ),
  };
}

/** What a token of ours says, unchecked. */
export function claimsOf(token: string): Record<string, unknown> {
  const [, body = ''] = token.split('.');
  return JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as Record<string, unknown>;
}

/** How a refusal was called. */
export async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'nothing refused';
  } catch (error) {
    if (isRefusal(error)) return error.code;
    throw error;
  }
}
