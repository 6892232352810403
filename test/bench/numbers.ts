// The door whose links are polled by number, beside the OAuth door of the same server: starting a link and polling one that
// is pending, in JSON and XML; and reading the account of a lasting token beside a bare Koa with a router. Before it is
// measured, one link is followed from its start to the account, in both formats.
import { IDENTIFIER } from './contract.js';
import { bareRequest, loadServer, sendOnce, type Answer } from './load.js';
import type { Server, Setting } from './processes.js';
import type { Start } from './proven.js';
import { createIssuers, createPollers, measureInTurn, type Contestant, type Effort } from './rounds.js';
import { goal, presentRounds, ratioByLabel, type Section } from './table.js';

type Format = 'JSON' | 'XML';

const FORMATS: readonly Format[] = ['JSON', 'XML'];
const ACCEPT: Record<Format, string> = { JSON: 'application/json', XML: 'application/xml' };
/** One core answers about as many tools that ask once a second, and the door keeps that many answers in memory. */
const NUMBERS_POLLED = 10_000;
const TOKENS_USED = 200;
/** Shown without a goal: what a poll costs that finds nothing in memory. */
const BEYOND = 'polled, by number, JSON, all in turn';

/** What starting needs the disk for is done beside the loop. */
const BOTH_CORES: Setting = { areAllCoresIts: true };

/** Starting and polling at both doors, each by a server of its own. */
export async function measureNumbers(start: Start, effort: Effort, pendingLinks: number): Promise<Section> {
  const contestants: Contestant[] = [
    { ...createIssuers(await start('linchpin', BOTH_CORES)), label: 'started, OAuth' },
    await createPollers(await start('linchpin'), pendingLinks, 'polled, OAuth'),
  ];
  for (const format of FORMATS) {
    contestants.push(
      createNumberStarters(await startProven(start, BOTH_CORES), `started, by number, ${format}`, format),
    );
    const label = `polled, by number, ${format}`;
    const polled = { pendingLinks, sample: NUMBERS_POLLED, label, format };
    contestants.push(await createNumberPollers(await startProven(start), polled));
  }
  const beyond = { pendingLinks, sample: pendingLinks, label: BEYOND, format: 'JSON' as const };
  contestants.push(await createNumberPollers(await startProven(start), beyond));
  const measured = await measureInTurn(contestants, effort);
  const peer = (label: string): string => `${label.split(',')[0] ?? ''}, OAuth`;
  return presentRounds(
    'Links that are polled by number, beside the OAuth door',
    measured,
    [{ heading: '÷ OAuth', against: peer }],
    contestants
      .filter(({ label }) => label !== peer(label) && label !== BEYOND)
      .flatMap(({ label }) =>
        goal(`${label} ÷ OAuth`, ratioByLabel(measured, label, peer(label)), { atLeast: 0.8 }),
      ),
  );
}

/** Reading the account of a lasting token. */
export async function measureUser(start: Start, effort: Effort): Promise<Section> {
  const contestants = [await createUserReaders(await start('koa'), 'koa with a router', 'JSON')];
  for (const format of FORMATS)
    contestants.push(await createUserReaders(await startProven(start), `linchpin, ${format}`, format));
  const measured = await measureInTurn(contestants, effort);
  return presentRounds(
    'The account of a lasting token',
    measured,
    [{ heading: '÷ koa', against: () => 'koa with a router' }],
    goal('account, JSON ÷ bare koa', ratioByLabel(measured, 'linchpin, JSON', 'koa with a router'), {
      atLeast: 0.4,
    }),
  );
}

function createNumberStarters(server: Server, label: string, format: Format): Contestant {
  const request = startRequest(server, format);
  const isRight = (answer: Answer): boolean => answer.status === 201 && isUndecided(answer, format);
  return { label, server, makeTraffic: async () => ({ next: () => request, isRight }) };
}

/** Each is polled once before: a link that a tool has started over HTTP is known to the door already. */
async function createNumberPollers(
  server: Server,
  polled: { pendingLinks: number; sample: number; label: string; format: Format },
): Promise<Contestant> {
  const { pendingLinks, sample, label, format } = polled;
  const numbers = await server.order('pendingNumbers', { count: pendingLinks, sample });
  const requests = numbers.map((number) => pollRequest(server, number, format));
  const isRight = (answer: Answer): boolean => answer.status === 200 && isUndecided(answer, format);
  let first = 0;
  await loadServer(server.port, { next: () => requests[first++], isRight }, Infinity);
  let turn = 0;
  const next = (): string => requests[turn++ % requests.length] as string;
  return { label, server, makeTraffic: async () => ({ next, isRight }) };
}

async function createUserReaders(server: Server, label: string, format: Format): Promise<Contestant> {
  const tokens = await server.order('lastingTokens', { count: TOKENS_USED });
  const requests = tokens.map((token) => userRequest(server, token, format));
  let turn = 0;
  const next = (): string => requests[turn++ % requests.length] as string;
  const isRight = (answer: Answer): boolean => answer.status === 200 && answer.body.includes('eyJ');
  return { label, server, makeTraffic: async () => ({ next, isRight }) };
}

/** Starts a server, and follows a link in each format through: pending, approved, the same token twice, an account. */
async function startProven(start: Start, setting: Setting = {}): Promise<Server> {
  const server = await start('linchpin', setting);
  await Promise.all(FORMATS.map((format) => proveNumbers(server, format)));
  return server;
}

async function proveNumbers(server: Server, format: Format): Promise<void> {
  const expect = (isRight: boolean, what: string, answer: Answer): void => {
    if (!isRight) throw new Error(`${server.name}: ${what} was answered ${answer.status}:\n${answer.body}`);
  };
  const started = await sendOnce(server.port, startRequest(server, format));
  expect(started.status === 201 && isUndecided(started, format), 'a new link', started);
  const number = Number(/\bid"?[:=]"?(\d+)/.exec(started.body)?.[1]);
  const poll = pollRequest(server, number, format);
  const pending = await sendOnce(server.port, poll);
  expect(pending.status === 200 && isUndecided(pending, format), 'the first poll', pending);
  const userCode = /\bcode"?[:=]"([^"]+)"/.exec(started.body)?.[1] ?? '';
  await server.order('approveUserCode', { userCode });
  const approved = await sendOnce(server.port, poll);
  const token = tokenIn(approved);
  expect(token !== undefined, 'the poll after the approval', approved);
  const again = await sendOnce(server.port, poll);
  expect(tokenIn(again) === token, 'the poll after the token', again);
  const user = await sendOnce(server.port, userRequest(server, token ?? '', format));
  expect(user.status === 200 && tokenIn(user) === token, 'the question for the account', user);
}

/** The three requests as the libraries of that API send them. */
function startRequest({ ready }: Server, format: Format): string {
  const product = { 'X-Plex-Product': 'Bench', 'X-Plex-Platform': 'Linux', 'X-Plex-Device-Name': 'bench' };
  return bareRequest('POST', ready.numbersPath ?? '', { ...introduction(format), ...product });
}

function pollRequest({ ready }: Server, number: number, format: Format): string {
  return bareRequest('GET', `${ready.numbersPath}/${number}`, introduction(format));
}

function userRequest({ ready }: Server, token: string, format: Format): string {
  return bareRequest('GET', ready.userPath ?? '', { ...introduction(format), 'X-Plex-Token': token });
}

function introduction(format: Format): Record<string, string> {
  return { Accept: ACCEPT[format], 'X-Plex-Client-Identifier': IDENTIFIER };
}

function isUndecided({ body }: Answer, format: Format): boolean {
  return body.includes(format === 'JSON' ? '"authToken":null' : ' authToken=""');
}

function tokenIn({ status, body }: Answer): string | undefined {
  return status === 200 ? /authToken"?[:=]"(eyJ[\w.-]+)"/.exec(body)?.[1] : undefined;
}
