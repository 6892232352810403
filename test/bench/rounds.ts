// What is measured against others: pending polls, issuing, redeeming. The contestants are loaded in turn, in short
// windows, round after round, so that whatever else the machine does falls on all of them; only the ratios within a
// round are compared. That they answer rightly before is the business of `proven.ts`.
import { setTimeout as delay } from 'node:timers/promises';
import { CODE_VERIFIER, REDIRECT_URI } from './contract.js';
import type { Server, ServerName } from './processes.js';
import { formRequest, loadServer, type Answer, type Traffic } from './load.js';

const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const CODES_POLLED = 20_000;

export interface Effort {
  rounds: number;
  /** The length of one window. */
  seconds: number;
  /** How many answers a server gives before it is measured. */
  warmAnswers: number;
}

/** What a run measures, and how long. */
export interface Measuring {
  effort: Effort;
  /** Only to see that it runs: what a section makes more of than links, it makes less of. */
  isQuick: boolean;
  /** How many links are many. */
  many: number;
  /** How many are most. */
  most: number;
  /** Among how many pending links polls are measured, the fewest first. */
  sizes: number[];
  /** The servers whose source is there. */
  names: ServerName[];
}

export interface Window {
  perSecond: number;
  /** CPU time of the server per answer. */
  cpuMicroseconds: number;
  /** The share of the window in which the server was on its CPU: well below 1, it waited for the disk or for the core. */
  busy: number;
  p99Ms: number;
  loadShare: number;
}

/** One server in one state, and how to load it. */
export interface Contestant {
  label: string;
  server: Server;
  /** The traffic of a window that is expected to take `answers` requests; making it is not measured. */
  makeTraffic: (answers: number) => Promise<Traffic>;
}

export interface Measured {
  label: string;
  server: Server['name'];
  windows: Window[];
}

/** Loads each contestant in turn, after each has been warmed up. */
export async function measureInTurn(contestants: Contestant[], effort: Effort): Promise<Measured[]> {
  const rates = new Map<Contestant, number>();
  for (const contestant of contestants) rates.set(contestant, await warmUp(contestant, effort));
  const measured = new Map(contestants.map((contestant) => [contestant, [] as Window[]]));
  for (let round = 0; round < effort.rounds; round++) {
    for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
      const answers = (rates.get(contestant) ?? 0) * effort.seconds;
      measured.get(contestant)?.push(await measureWindow(contestant, answers, effort.seconds));
    }
  }
  return [...measured].map(([{ label, server }, windows]) => ({ label, server: server.name, windows }));
}

/** Several processes of one kind, which differ by chance as long as they live, as one: those of the same label. */
export function mergeProcesses(measured: Measured[]): Measured[] {
  const merged = new Map<string, Measured>();
  for (const one of measured) {
    const before = merged.get(one.label)?.windows ?? [];
    merged.set(one.label, { ...one, windows: [...before, ...one.windows] });
  }
  return [...merged.values()];
}

/** Loads a server until its code has been optimised, or it has had its time; gives its rate at the end. */
async function warmUp(contestant: Contestant, { seconds, warmAnswers }: Effort): Promise<number> {
  let rate = 500 / seconds;
  let answers = 0;
  for (let round = 0; round < 5 && answers < warmAnswers; round++) {
    rate = (await measureWindow(contestant, rate * seconds * 1.1, seconds)).perSecond;
    answers += rate * seconds;
  }
  return rate * 1.1;
}

async function measureWindow(
  { label, server, makeTraffic }: Contestant,
  answers: number,
  seconds: number,
): Promise<Window> {
  const traffic = await makeTraffic(Math.ceil(answers));
  await delay(20);
  const before = await server.order('cpu', {});
  const result = await loadServer(server.port, traffic, seconds).catch(async (fault: unknown) => {
    await server.order('cpu', {}); // a server that has ended says why, which tells more than a broken connection
    throw new Error(`${label}: ${fault instanceof Error ? fault.message : String(fault)}`);
  });
  const spent = (await server.order('cpu', {})) - before;
  return {
    perSecond: result.perSecond,
    cpuMicroseconds: spent / result.answers,
    busy: ((spent / result.answers) * result.perSecond) / 1e6,
    p99Ms: result.p99Ms,
    loadShare: result.loadShare,
  };
}

/** Polls links that stay pending, over and over; all answers must be `authorization_pending`. */
export async function createPollers(
  server: Server,
  pendingLinks: number,
  label: string,
): Promise<Contestant> {
  const codes = await server.order('pending', { count: pendingLinks, sample: CODES_POLLED });
  // Equally many texts however few links there are: the load walks through as much memory for each contestant.
  const requests = Array.from({ length: CODES_POLLED }, (_, at) =>
    pollRequest(server, codes[at % codes.length] as string),
  );
  let turn = 0;
  const next = (): string => requests[turn++ % requests.length] as string;
  return { label, server, makeTraffic: async () => ({ next, isRight: isPending }) };
}

/** Starts links. */
export function createIssuers(server: Server): Contestant {
  const { issuePath, clientId, scope } = server.ready;
  const request = formRequest(issuePath, { client_id: clientId, scope });
  const isRight = (answer: Answer): boolean => answer.status === 200 && answer.body.includes('"user_code":"');
  return { label: server.name, server, makeTraffic: async () => ({ next: () => request, isRight }) };
}

/** Redeems links that were approved a moment before, each once; `isRight`: what they must be answered. */
export function createRedeemers(server: Server, isRight = isToken): Contestant {
  const makeTraffic = async (answers: number): Promise<Traffic> => {
    const codes = await server.order('pending', { count: answers, sample: answers });
    await server.order('approve', { codes });
    const requests = codes.map((code) => redeemRequest(server, code));
    return { next: () => requests.pop(), isRight };
  };
  return { label: server.name, server, makeTraffic };
}

/** Exchanges authorization codes with PKCE, each once. */
export function createExchangers(server: Server): Contestant {
  const { redeemPath, clientId } = server.ready;
  const makeTraffic = async (answers: number): Promise<Traffic> => {
    const codes = await server.order('codes', { count: answers });
    const fixed = { grant_type: 'authorization_code', client_id: clientId, redirect_uri: REDIRECT_URI };
    const requests = codes.map((code) =>
      formRequest(redeemPath, { ...fixed, code, code_verifier: CODE_VERIFIER }),
    );
    return { next: () => requests.pop(), isRight: isToken };
  };
  return { label: server.name, server, makeTraffic };
}

/** Polls the same few links without a pause at a server that has an interval: all but the first are `slow_down`. */
export async function createHurriedPollers(server: Server, label: string): Promise<Contestant> {
  const codes = await server.order('pending', { count: 1000, sample: 1000 });
  const requests = codes.map((code) => pollRequest(server, code));
  let turn = 0;
  const next = (): string => requests[turn++ % requests.length] as string;
  const seen = { slowDown: 0, pending: 0 };
  const isRight = (answer: Answer): boolean => {
    if (isSlowDown(answer)) seen.slowDown++;
    else if (isPending(answer)) seen.pending++;
    else return false;
    return seen.pending <= 2 * codes.length + seen.slowDown / 10;
  };
  return { label, server, makeTraffic: async () => ({ next, isRight }) };
}

/** The poll of one link; `headers` are whole lines. */
export function pollRequest(server: Server, code: string, headers = ''): string {
  return tokenRequest(server, server.ready.pollPath, code, headers);
}

function redeemRequest(server: Server, code: string): string {
  return tokenRequest(server, server.ready.redeemPath, code, '');
}

function tokenRequest(server: Server, path: string, code: string, headers: string): string {
  const form = { grant_type: DEVICE_CODE_GRANT, device_code: code, client_id: server.ready.clientId };
  return formRequest(path, form, headers);
}

/** Whether an answer carries a signed ID token too. */
export const isWithIdToken = (answer: Answer): boolean =>
  isToken(answer) && answer.body.includes('"id_token":"eyJ');

/** Whether an answer carries a signed access token. */
export function isToken(answer: Answer): boolean {
  return answer.status === 200 && answer.body.includes('"access_token":"eyJ');
}

export function isPending(answer: Answer): boolean {
  return answer.status === 400 && answer.body.includes('"error":"authorization_pending"');
}

function isSlowDown(answer: Answer): boolean {
  return answer.status === 400 && answer.body.includes('"error":"slow_down"');
}
