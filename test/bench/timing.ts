// `npm run timing`: how long answers take that must not tell whether there is such an account, or such a code. Known and
// unknown are asked in a random order over one loopback connection; medians, quantiles and a rank test say what is left.
// A report for people: nothing in the tests depends on a time.  --samples N: of each kind, 400 by default
//   --light: passwords are hashed cheaply, so that a difference in all the rest would be seen   --only TEXT: in the title
import { randomInt } from 'node:crypto';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import type { AccountId, SubjectId } from '../../src/domain/vocabulary.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { compareRanks, quantiles } from './ranks.js';

const { values: flags } = parseArgs({
  options: {
    samples: { type: 'string', default: '400' },
    light: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});
const SAMPLES = Math.max(20, Math.min(5000, Math.trunc(Number(flags.samples)) || 400));
const WARM_UP = 20;
const POOL = 10;
const PASSWORD = 'quartz lantern bicycle 42';
const WRONG = 'not the password at all';
const ORIGIN = { networkAddress: '203.0.113.9', network: '203.0.113.9', requestId: 'timing' };
const MANY = { limit: 1_000_000 };

interface Told {
  readonly ms: number;
  readonly answer: string;
  readonly text: string;
}

/** Asks once; what is compared is what a stranger sees: the time until the whole answer has come. */
type Ask = (turn: number) => Promise<Told>;

interface Case {
  readonly title: string;
  /** The first is what the others are compared with. */
  readonly kinds: Readonly<Record<string, Ask>>;
  /** Between rounds: what asking has left behind is taken away, so that every round finds the same. */
  readonly restore?: () => Promise<void>;
}

type Form = Readonly<Record<string, string>>;

/** A browser without scripts on one kept connection: a cookie, the field against forged forms, and a stop-watch. */
function openBrowser(port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const cookies = new Map<string, string>();
  let field = '';

  const send = (method: string, path: string, body: string, more: IncomingHttpHeaders = {}) =>
    new Promise<{ ms: number; status: number; text: string; location: string }>((resolve, reject) => {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const headers = {
        'Content-Type': 'application/x-www-form-urlencoded',
        'Content-Length': String(Buffer.byteLength(body)),
        ...(cookie ? { Cookie: cookie } : {}),
        ...more,
      };
      const start = performance.now();
      const sent = request({ host: '127.0.0.1', port, path, method, headers, agent }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const ms = performance.now() - start;
          for (const set of response.headers['set-cookie'] ?? []) {
            const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(set) ?? [];
            if (value === '') cookies.delete(name);
            else cookies.set(name, value);
          }
          const { statusCode = 0, headers: told } = response;
          const text = Buffer.concat(parts).toString();
          resolve({ ms, status: statusCode, text, location: told.location ?? '' });
        });
      });
      sent.on('error', reject);
      sent.end(body);
    });

  return {
    /** Opens a page, and keeps the field of its form for later posts. */
    async visit(path: string): Promise<void> {
      const { text } = await send('GET', path, '');
      field = /name="_csrf"\s[^>]*value="([^"]*)"/.exec(text)?.[1] ?? field;
    },
    async post(path: string, form: Form, more: IncomingHttpHeaders = {}) {
      const body = new URLSearchParams({ _csrf: field, ...form }).toString();
      const { ms, status, text, location } = await send('POST', path, body, more);
      return { ms, answer: `${status} ${location}`, text };
    },
    close: () => agent.destroy(),
  };
}

type Browser = ReturnType<typeof openBrowser>;

const at = <Item>(items: readonly Item[], turn: number): Item => items[turn % items.length]!;

async function makeAccounts(house: TestHouse, prefix: string, hasCodes: boolean) {
  const made: { name: string; accountId: AccountId }[] = [];
  for (let count = 0; count < POOL; count++) {
    const name = `${prefix}-${count}`;
    const { accountId } = await house.newAccount(name, PASSWORD);
    if (hasCodes) await house.house.proofs.addAuthenticator(accountId, name, ORIGIN);
    made.push({ name, accountId });
  }
  return made;
}

type Made = Awaited<ReturnType<typeof makeAccounts>>;
interface People {
  readonly plain: Made;
  readonly coded: Made;
  readonly locked: Made;
}

/** Nobody comes near a wait or a lock by being measured. */
function forgive(house: TestHouse, people: Made): Promise<void> {
  return house.house.inTransaction(async ({ accounts }) => {
    for (const { accountId } of people) await accounts.forgiveFailures(accountId);
  });
}

function lock(house: TestHouse, people: Made): Promise<void> {
  return house.house.inTransaction(async ({ accounts }) => {
    for (const { accountId } of people)
      for (let seen = 0; seen < 100; seen++) await accounts.chargeFailure(accountId, seen, house.clock.now());
  });
}

async function signInCase(
  house: TestHouse,
  { plain, coded, locked }: People,
  browser: Browser,
): Promise<Case> {
  await browser.visit('/sign-in');
  const ask =
    (names: readonly string[]): Ask =>
    (turn) =>
      browser.post('/sign-in', { login: at(names, turn), password: WRONG });
  return {
    title: 'Sign-in form, a wrong password',
    kinds: {
      'no such account': ask(plain.map((_, index) => `absent-${index}`)),
      'an account': ask(plain.map(({ name }) => name)),
      'with a second factor': ask(coded.map(({ name }) => name)),
      'with a locked password': ask(locked.map(({ name }) => name)),
    },
    restore: () => forgive(house, [...plain, ...coded]),
  };
}

function fallbackCase(house: TestHouse, { plain, coded, locked }: People, browser: Browser): Case {
  const headers = { 'x-plex-client-identifier': 'timing', accept: 'application/json' };
  const ask =
    (names: readonly string[]): Ask =>
    (turn) =>
      browser.post(
        '/api/v2/users/signin',
        { login: at(names, turn), password: `${WRONG}${String(randomInt(1e6)).padStart(6, '0')}` },
        headers,
      );
  return {
    title: 'Fallback door, a wrong password with a code behind it',
    kinds: {
      'no such account': ask(plain.map((_, index) => `absent-${index}`)),
      'with a second factor': ask(coded.map(({ name }) => name)),
      'without one': ask(plain.map(({ name }) => name)),
      'with a locked password': ask(locked.map(({ name }) => name)),
    },
    restore: () => forgive(house, [...plain, ...coded]),
  };
}

async function forgottenCase({ plain, coded }: People, browser: Browser): Promise<Case> {
  await browser.visit('/forgot-password');
  const ask =
    (names: readonly string[]): Ask =>
    (turn) =>
      browser.post('/forgot-password', { login: `${at(names, turn)}@example.com` });
  return {
    title: 'Forgotten password, an e-mail address',
    kinds: {
      'no such account': ask(plain.map((_, index) => `absent-${index}`)),
      'an account': ask(plain.map(({ name }) => name)),
      'with a second factor': ask(coded.map(({ name }) => name)),
    },
  };
}

async function codeCase(house: TestHouse, { plain, coded }: People, browser: Browser): Promise<Case> {
  const { linksForTool, linksForPerson, clients, sessions, inTransaction } = house.house;
  const { client } = await clients.createByOperator({ name: 'A television', isConfidential: false });
  const other = coded[0]!.accountId;
  const { session } = await inTransaction((stores) =>
    sessions.startSession(stores, {
      accountId: other,
      subjectId: other as string as SubjectId,
      methods: ['pwd', 'otp'],
      origin: ORIGIN,
    }),
  );
  const foreign: string[] = [];
  for (let count = 0; count < POOL; count++) {
    const { userCode } = await linksForTool.startLink({ client, scope: 'openid', origin: ORIGIN });
    await linksForPerson.reserveLink({ userCode, session, arrival: 'typed', origin: ORIGIN });
    foreign.push(userCode);
  }
  await browser.visit('/sign-in');
  await browser.post('/sign-in', { login: plain[0]!.name, password: PASSWORD });
  await browser.visit('/link');
  const letters = 'BCDFGHJKLMNPQRSTVWXZ';
  const draw = (): string => Array.from({ length: 8 }, () => letters.charAt(randomInt(20))).join('');
  return {
    title: 'Code box, signed in',
    kinds: {
      'no such code': () => browser.post('/link', { user_code: draw() }),
      'a code that another account holds': (turn) => browser.post('/link', { user_code: at(foreign, turn) }),
    },
  };
}

/** The answer without what was typed and what is new in every page, to see that the kinds are answered alike. */
function wordsOf({ answer, text }: Told): string {
  return `${answer} ${text}`.replace(/value="[^"]*"|[\w-]{16,}|absent-\d|(?:plain|coded|locked)-\d/g, '');
}

/** All kinds in a random order, again and again; gives the milliseconds of each. */
async function measure({ kinds, restore }: Case): Promise<Map<string, number[]>> {
  const times = new Map(Object.keys(kinds).map((kind): [string, number[]] => [kind, []]));
  const words = new Set<string>();
  for (let turn = 0; turn < WARM_UP + SAMPLES; turn++) {
    const order = Object.keys(kinds)
      .map((kind) => ({ kind, place: randomInt(2 ** 32) }))
      .sort((a, b) => a.place - b.place);
    for (const { kind } of order) {
      const told = await kinds[kind]!(turn);
      words.add(wordsOf(told));
      if (turn >= WARM_UP) times.get(kind)!.push(told.ms);
    }
    if (turn % POOL === 0) await restore?.();
  }
  if (words.size > 1) console.log(`  ${words.size} different answers: the kinds are not answered alike`);
  return times;
}

const ms = (value: number): string => value.toFixed(2).padStart(7);

function print(title: string, times: Map<string, number[]>): void {
  console.log(`\n${title}`);
  console.log(`  ${''.padEnd(34)}    q05    q25 median    q75    q95  | chance  p`);
  const [[, base] = ['', []]] = times;
  for (const [kind, samples] of times) {
    const figures = quantiles(samples, [0.05, 0.25, 0.5, 0.75, 0.95]).map(ms).join('');
    const { chance, p } = compareRanks(samples, base);
    const compared = samples === base ? '' : `  ${chance.toFixed(3)}  ${p.toFixed(3)}`;
    console.log(`  ${kind.padEnd(34)} ${figures}  |${compared}`);
  }
}

async function run(): Promise<void> {
  const budgets = [
    ...['user-code-by-account', 'user-code-by-account-daily', 'user-code-by-network'],
    ...['user-code-everywhere', 'sign-in-by-network', 'reset-by-network', 'reset-mail-by-address'],
  ];
  const house = await startTestHouse({
    config: { signingAlgs: ['EdDSA'], emailVerification: 'required' },
    viewsFolder: 'views',
    passwordCost: flags.light ? { memoryKib: 64, passes: 1 } : { memoryKib: 19_456, passes: 2 },
    limits: Object.fromEntries(budgets.map((name) => [name, MANY])),
  });
  const { port } = house.server.address() as AddressInfo;
  const browsers = Array.from({ length: 4 }, () => openBrowser(port));
  try {
    const people = {
      plain: await makeAccounts(house, 'plain', false),
      coded: await makeAccounts(house, 'coded', true),
      locked: await makeAccounts(house, 'locked', false),
    };
    await lock(house, people.locked);
    console.log(`${SAMPLES} answers of each kind, over one loopback connection, in milliseconds.`);
    console.log('chance: that an answer of this kind takes longer than one of the first; 0.5 tells nothing.');
    console.log('p: of a difference at least as large by chance alone (Mann-Whitney, two-sided).');
    const cases = [
      await signInCase(house, people, browsers[0]!),
      fallbackCase(house, people, browsers[1]!),
      await forgottenCase(people, browsers[2]!),
      await codeCase(house, people, browsers[3]!),
    ];
    for (const each of cases)
      if (each.title.toLowerCase().includes(flags.only.toLowerCase())) print(each.title, await measure(each));
  } finally {
    for (const browser of browsers) browser.close();
    await house.close();
  }
}

await run();
