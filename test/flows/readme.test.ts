// What the README and the guide for authors of tools tell people to type, typed: every curl as it stands, in its order,
// against a whole house, with somebody approving while the poll is held; then the lines of JavaScript.
// Only the address differs: the documents say localhost:8484, the house has a free port.
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTestClock } from '../support/clock.js';
import { findProgram } from '../support/equipment.js';
import { partsOf, startOAuthHouse, type OAuthHouse } from '../http/oauth-house.js';

type Answers = Record<string, string>;

const WRITTEN = 'http://localhost:8484';
/** Below the project, so that packages are found from it. */
const CACHE = join('node_modules', '.cache', 'linchpin-tests');
const run = promisify(execFile);

let house: OAuthHouse;
let folder: string;

beforeAll(async () => {
  if (!findProgram('curl')) throw new Error('curl is missing. As root: apt-get install -y curl');
  mkdirSync(CACHE, { recursive: true });
  folder = mkdtempSync(join(CACHE, 'readme-'));
  // jose looks at the machine's own clock; and openid-client waits for an interval before it polls.
  house = await startOAuthHouse({ clock: createTestClock(new Date()), pollIntervalSeconds: 1 });
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await house.close();
});

/** The fenced blocks of one language, with the house's address in place of the written one. */
function blocksOf(document: string, language: 'sh' | 'js'): string[] {
  const fences = readFileSync(document, 'utf8').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm);
  return [...fences]
    .filter(([, found]) => found === language)
    .map(([, , code = '']) => code.replaceAll(WRITTEN, house.url));
}

const curlsOf = (document: string): string[] =>
  blocksOf(document, 'sh').filter((block) => /^curl /.test(block));

/** Lets the event loop turn until a poll is held. */
async function untilHeld(): Promise<void> {
  for (let turn = 0; house.waiting.count() === 0; turn++) {
    if (turn > 200_000) throw new Error('no poll was held');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Runs commands one after the other; what one is answered stands in the variables of the next: `client_id` in `CLIENT_ID`. */
async function follow(commands: readonly string[], given: Answers = {}): Promise<Answers> {
  const known: Answers = { ...given };
  for (const command of commands) {
    const variables = Object.entries(known).map(([name, value]) => [name.toUpperCase(), value] as const);
    const env = { PATH: process.env.PATH, ...Object.fromEntries(variables) };
    const isHeld = command.includes('Prefer: wait=30');
    const decided = isHeld ? untilHeld().then(() => house.approve(known['user_code']!)) : undefined;
    const [{ stdout }] = await Promise.all([run('sh', ['-euc', command], { env }), decided]);
    Object.assign(known, JSON.parse(stdout || '{}'));
    expect({ command, error: known['error'] }).toEqual({ command, error: undefined });
  }
  return known;
}

function writeModule(code: string): string {
  const file = join(folder, 'pasted.mjs');
  writeFileSync(file, code);
  return file;
}

describe('the README', () => {
  it('gets a token with its three curls, which its five lines of jose verify (RFC 8628; RFC 9068 §4)', async () => {
    const curls = curlsOf('README.md');
    expect(curls).toHaveLength(3);
    const known = await follow(curls);
    const [verification = '', ...others] = blocksOf('README.md', 'js');
    expect(others).toEqual([]);
    expect(verification.trim().split('\n')).toHaveLength(5);
    const { stdout } = await run(process.execPath, [writeModule(verification), known['access_token']!]);
    expect(stdout).toBe(`${known['client_id']} speaks for ${await house.accountOf('anna')}\n`);
  });

  it('has five lines that refuse a token that was tampered with (RFC 9068 §4)', async () => {
    const { access_token: token } = await house.link();
    const [header, , signature] = token.split('.');
    const claims = { ...partsOf(token).claims, sub: 'somebody else' };
    const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    const verification = writeModule(blocksOf('README.md', 'js')[0]!);
    await expect(run(process.execPath, [verification, forged])).rejects.toThrow(
      /signature verification failed/,
    );
  });
});

describe('the guide for authors of tools', () => {
  const GUIDE = 'docs/tool-authors.md';

  it('starts, waits, refreshes, revokes and asks with its curls, and verifies offline', async () => {
    const { clientId, secret } = await house.makeService();
    const known = await follow(curlsOf(GUIDE), { service_id: clientId, service_secret: secret });
    expect(known['sub']).toBe(await house.accountOf('anna'));
    const [, verification = ''] = blocksOf(GUIDE, 'js');
    const { stdout } = await run(process.execPath, [writeModule(verification), known['access_token']!]);
    expect(stdout).toBe(`${known['sub']}\n`);
    await house.poll(known['client_id']!, known['device_code']!).expect(400);
    const refresh = { grant_type: 'refresh_token', refresh_token: known['refresh_token']! };
    await house.post('/oauth/token', { ...refresh, client_id: known['client_id']! }).expect(400);
  });

  it('gets a token with the lines that it says to paste', async () => {
    const [pasted = ''] = blocksOf(GUIDE, 'js');
    expect(pasted.trim().split('\n')).toHaveLength(5);
    const child = spawn(process.execPath, [writeModule(pasted)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    for await (const chunk of child.stdout) {
      printed += String(chunk);
      const [, userCode] = /enter ([A-Z-]+)\n$/.exec(String(chunk)) ?? [];
      if (userCode) await house.approve(userCode);
    }
    const [, accessToken = ''] = /^Open \S+\/link and enter [A-Z]{4}-[A-Z]{4}\n(\S+)\n$/.exec(printed) ?? [];
    expect(partsOf(accessToken).claims).toMatchObject({ iss: house.url, sub: await house.accountOf('anna') });
  });
});
