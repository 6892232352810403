// The account pages on a disk that is full, and without a mail server: every form says that it did not work and has done nothing,
// or answers as ever and mails later. Each is posted again and again: with a little more room each time, and with one more
// transaction that can still be kept, until it goes through; so it is stopped at every write that it makes
// (CHECKLIST 4: disk full, mail server down).
import { totpCode } from '../../src/crypto/totp.js';
import { StoreUnavailable } from '../../src/stores/sql/statement.js';
import { createDisk } from '../support/disk.js';
import {
  NEW_PASSWORD,
  newOrigin,
  openCredentialsHouse,
  PASSWORD,
  type CredentialsHouse,
  type TestPerson,
} from '../support/credentials.js';
import { createVisitor, type PageForm, type Visitor } from '../support/visitor.js';

const SECURITY = '/account/security';

let test: CredentialsHouse;
let disk: ReturnType<typeof createDisk>;
/** How many transactions can still be kept. */
let commitsLeft = Infinity;

beforeAll(async () => {
  const mails = { 'reset-mail-by-address': { limit: 1000 }, 'mail-by-address': { limit: 1000 } };
  const networks = { 'reset-by-network': { limit: 1000 }, 'sign-in-by-network': { limit: 1000 } };
  test = await openCredentialsHouse({
    config: { signingAlgs: ['EdDSA', 'RS256'] },
    limits: { ...mails, ...networks },
    maxPages: 700,
    checkpoint: (moment) => {
      if (moment === 'transaction:worked' && --commitsLeft < 0)
        throw new StoreUnavailable('the disk is full');
    },
  });
  disk = createDisk(test.house);
});
afterAll(() => test.close());

interface Story {
  /** Whether the person has an authenticator; so unless it says otherwise. */
  readonly isPlain?: boolean;
  readonly isSignedOut?: boolean;
  /** What comes before, and the path of the page with the form. */
  readonly open: (person: TestPerson, browser: Visitor) => string | Promise<string>;
  /** The form's, where the page has several. */
  readonly action?: string;
  readonly typed: (person: TestPerson, browser: Visitor) => object | Promise<object>;
  /** The notices that come of it. */
  readonly mails: readonly string[];
}

const proof = async (person: TestPerson) => test.proofOf(person);
const secretOn = (browser: Visitor) => /data-secret="([A-Z2-7]+)"/.exec(browser.html)?.[1] ?? '';

/** Goes to a page of two steps, takes the first, and stays where the second is asked for. */
async function begin(path: string, person: TestPerson, browser: Visitor): Promise<string> {
  await browser.visit(path);
  await browser.submit(await proof(person), path);
  return '';
}

const stories: Readonly<Record<string, Story>> = {
  'changing the password': {
    open: () => '/account/password',
    typed: async (person) => ({ ...(await proof(person)), new_password: NEW_PASSWORD }),
    mails: ['password-changed'],
  },
  'forgetting it': {
    isSignedOut: true,
    open: () => '/forgot-password',
    typed: ({ email }) => ({ login: email }),
    mails: ['password-reset-link'],
  },
  'resetting it': {
    isSignedOut: true,
    open: async (person) => `/reset-password?token=${await test.resetToken(person)}`,
    typed: async (person) => ({ code: await test.freshCode(person), new_password: NEW_PASSWORD }),
    mails: ['password-reset'],
  },
  'asking for another e-mail address': {
    open: () => '/account/email',
    typed: async (person) => ({ ...(await proof(person)), email: `new-${person.username}@example.org` }),
    mails: ['email-change-asked', 'email-change-link'],
  },
  'confirming it': {
    open: async (person) => {
      const { session } = await test.signIn(person);
      const email = `other-${person.username}@example.org`;
      await test.house.accountEmail.askChange(session, { ...(await proof(person)), email }, newOrigin());
      return `/account/email/confirm?token=${await test.tokenMailedTo(email)}`;
    },
    typed: () => ({}),
    mails: ['email-changed'],
  },
  'closing the account': { open: () => '/account/close', typed: proof, mails: ['account-closed'] },
  'keeping it after all': {
    isSignedOut: true,
    open: async (person) => {
      const { session } = await test.signIn(person);
      await test.house.accountClosing.closeAccount(session, await proof(person), newOrigin());
      return `/keep-account?token=${await test.tokenMailedTo(person.email, 'account-closed')}`;
    },
    typed: () => ({}),
    mails: ['account-kept'],
  },
  'beginning to set two-factor up': {
    isPlain: true,
    open: () => `${SECURITY}/two-factor`,
    typed: () => ({ password: PASSWORD }),
    mails: [],
  },
  'turning two-factor on': {
    isPlain: true,
    open: (person, browser) => begin(`${SECURITY}/two-factor`, person, browser),
    typed: async (_, browser) => ({ code: await totpCode(secretOn(browser), test.clock.now()) }),
    mails: ['two-factor-enabled'],
  },
  'turning it off': {
    open: () => `${SECURITY}/two-factor/off`,
    typed: proof,
    mails: ['two-factor-turned-off'],
  },
  'beginning to put another phone in its place': {
    open: () => `${SECURITY}/two-factor/replace`,
    typed: proof,
    mails: [],
  },
  'putting another phone in its place': {
    open: (person, browser) => begin(`${SECURITY}/two-factor/replace`, person, browser),
    typed: async (_, browser) => ({ code: await totpCode(secretOn(browser), test.clock.now()) }),
    mails: ['two-factor-replaced'],
  },
  'new recovery codes': {
    open: () => `${SECURITY}/recovery-codes`,
    typed: proof,
    mails: ['recovery-codes-renewed'],
  },
  'a new app password': {
    open: () => `${SECURITY}/app-passwords`,
    action: `${SECURITY}/app-passwords`,
    typed: async (person) => ({ ...(await proof(person)), name: 'Kitchen' }),
    mails: ['app-password-made'],
  },
  'revoking one': {
    open: async (person) => {
      const { session } = await test.signIn(person);
      const asked = { ...(await proof(person)), name: 'Cellar' };
      const made = await test.house.appPasswords.makeAppPassword(session, asked, newOrigin());
      if (made.outcome !== 'made') throw new Error('there are too many');
      return `${SECURITY}/app-passwords/revoke?app_password=${made.appPassword.appPasswordId}`;
    },
    typed: () => ({}),
    mails: [],
  },
  'turning a switch': { open: () => `${SECURITY}/old-tools`, typed: proof, mails: ['account-switched'] },
  'signing one browser out': {
    open: async (person) => {
      await test.signIn(person);
      return '/account/sessions';
    },
    action: '/account/sessions/end',
    typed: () => ({}),
    mails: [],
  },
  'signing the others out': {
    open: async (person) => {
      await test.signIn(person);
      return '/account/sessions';
    },
    action: '/account/sessions/end-others',
    typed: () => ({}),
    mails: [],
  },
  'signing all of them out': {
    open: () => '/account/sessions',
    action: '/account/sessions/end-all',
    typed: () => ({}),
    mails: [],
  },
};

/** Everything of an account that must be whole, and the mails that wait. */
async function stateOf({ accountId }: TestPerson) {
  const { stores, sessions, accountSwitches, appPasswords, proofs } = test.house;
  return {
    account: await stores.accounts.find(accountId),
    sessions: (await sessions.listSessions(accountId)).map(({ sessionHash }) => sessionHash).sort(),
    switches: await accountSwitches.findSwitches(accountId),
    appPasswords: (await appPasswords.listAppPasswords(accountId)).map(({ appPasswordId }) => appPasswordId),
    on: (await stores.proofs.findAuthenticator(accountId, 'active'))?.authenticatorId,
    beingSetUp: (await stores.proofs.findAuthenticator(accountId, 'inert'))?.authenticatorId,
    recoveryCodes: [await proofs.findRecoverySet(accountId), await proofs.countRecoveryCodes(accountId)],
    mails: (await stores.outbox.findDue(test.clock.now(), 100)).map(({ notice }) => notice),
  };
}

/** A person in front of the form of a story, and what posts it. */
async function openStory(story: Story) {
  const person = await test.newPerson({ isCareful: story.isPlain !== true });
  const browser = createVisitor(test);
  if (!story.isSignedOut) {
    await browser.signIn(person.username, PASSWORD);
    if (person.secret) await browser.submit({ code: await test.freshCode(person) });
  }
  const path = await story.open(person, browser);
  if (path) await browser.visit(path);
  const { action } = story;
  const form = browser.forms.find((each: PageForm) =>
    action ? each.action === action : /./.test(each.action),
  );
  if (!form) throw new Error(`no form on ${browser.path}: ${browser.text}`);
  const typed = (name: string, fields: object) => name in form.fields || Object.keys(fields).length === 0;
  const post = async () => {
    const fields = await story.typed(person, browser);
    expect(Object.keys(fields).filter((name) => !typed(name, fields))).toEqual([]);
    return browser.agent
      .post(form.action)
      .type('form')
      .redirects(0)
      .send({ ...form.fields, ...fields });
  };
  await test.house.jobs.runNow('send mail');
  return { person, browser, post };
}

async function sendMail(): Promise<string[]> {
  const seen = test.mails.length;
  await test.house.jobs.runNow('send mail');
  return test.mails
    .slice(seen)
    .map(({ notice }) => notice)
    .sort();
}

describe.each(Object.entries(stories))('%s', (_, story) => {
  afterEach(async () => {
    commitsLeft = Infinity;
    test.mailServer.isDown = false;
    await disk.free();
  });

  /** Posts, with `giveWay` before each try, until it goes through; resolves to how often it did not. */
  async function postUntilDone(giveWay: (tries: number) => unknown): Promise<number> {
    const { person, browser, post } = await openStory(story);
    const before = await stateOf(person);
    for (let tries = 0; tries < 30; tries += 1) {
      await giveWay(tries);
      const answer = await post();
      const isDone = answer.status !== 503;
      if (!isDone && !story.isSignedOut) await browser.agent.get('/account').redirects(0).expect(200);
      commitsLeft = Infinity;
      if (isDone) {
        expect([200, 303]).toContain(answer.status);
        expect(await stateOf(person)).not.toEqual(before);
        expect(await sendMail()).toEqual(story.mails);
        return tries;
      }
      expect(answer.headers['retry-after']).toBeDefined();
      expect(answer.text).toContain('That did not work');
      expect(await stateOf(person)).toEqual(before);
    }
    throw new Error('it never works');
  }

  it('says that it did not work, with nothing half-done, whichever write the disk has no room for (CHECKLIST 4)', async () => {
    const failed = await postUntilDone((tries) => void (commitsLeft = tries));
    expect(failed).toBeGreaterThan(0);
  });

  it('on a disk that is full works whole or not at all, and again once there is room (CHECKLIST 4)', async () => {
    await postUntilDone((tries) => (tries === 0 ? disk.fill() : disk.leave(tries)));
  });

  it('answers the same while no mail server can be reached, and mails later (CHECKLIST 4)', async () => {
    const answers = [];
    for (const isDown of [false, true]) {
      const { post, person } = await openStory(story);
      test.mailServer.isDown = isDown;
      const { status, headers, text } = await post();
      answers.push([status, headers['location'], status === 303 ? '' : text.length > 1000]);
      expect(await sendMail()).toEqual(isDown ? [] : story.mails);
      expect(await test.house.accounts.findAccount(person.accountId)).toBeDefined();
    }
    expect(answers[1]).toEqual(answers[0]);
    test.mailServer.isDown = false;
    test.clock.advance(30);
    expect(await sendMail()).toEqual(story.mails);
  });
});
