// What the page for authors of tools tells people to paste, pasted: every block as it stands, against a whole house, with
// somebody approving what it asks for. A language whose runtime is not installed is not run, as the page says.
import { totpCode } from '../../src/crypto/totp.js';
import { createTestClock } from '../support/clock.js';
import { openDocuments, run, type Answers, type Documents } from '../support/documents.js';
import { findProgram } from '../support/equipment.js';
import { originFrom } from '../support/link-rooms.js';
import { partsOf, startOAuthHouse, type OAuthHouse } from '../http/oauth-house.js';

const PAGE = 'docs/tools.md';
const languages = (['python', 'ts', 'go'] as const).filter((language) =>
  findProgram({ python: 'python3', ts: 'node', go: 'go' }[language]),
);

let house: OAuthHouse;
let documents: Documents;

beforeAll(async () => {
  // jose looks at the machine's own clock; and openid-client waits for an interval before it polls.
  house = await startOAuthHouse({ clock: createTestClock(new Date()), pollIntervalSeconds: 1 });
  documents = openDocuments(house.url);
});
afterAll(async () => {
  documents.close();
  await house.close();
});

/** Approves what a held command waits for. */
const approveHeld = (command: string, { user_code, code }: Answers) =>
  command.includes('Prefer: wait=30')
    ? house.untilHeld().then(() => house.approve((user_code ?? code)!))
    : undefined;

/** Runs the block of one door in one language; answers with its last line. */
async function paste(language: (typeof languages)[number], door: string, variables: Answers = {}) {
  const [code = '', ...others] = documents.blocksOf(PAGE, language, door);
  expect(others).toEqual([]);
  const command = await documents.prepare(language, code);
  const printed = await documents.watch(command, variables, (userCode) => house.approve(userCode));
  const [shown, last, ...more] = printed.split('\n');
  expect(more).toEqual(['']);
  expect(shown).toMatch(new RegExp(`^Open ${house.url}/link and enter [A-Z-]{8,}$`));
  return last;
}

describe('the OAuth door', () => {
  it('starts, waits, refreshes, revokes and asks with its curls, and verifies offline', async () => {
    const { clientId, secret } = await house.makeService();
    const given = { service_id: clientId, service_secret: secret };
    const known = await documents.follow(documents.curlsOf(PAGE, 'oauth'), given, approveHeld);
    expect(known['sub']).toBe(await house.accountOf('anna'));
    const [, verification = ''] = documents.blocksOf(PAGE, 'js', 'oauth');
    const [node = '', file = ''] = await documents.prepare('js', verification);
    const { stdout } = await run(node, [file, known['access_token']!]);
    expect(stdout).toBe(`${known['sub']}\n`);
    await house.poll(known['client_id']!, known['device_code']!).expect(400);
    const refresh = { grant_type: 'refresh_token', refresh_token: known['refresh_token']! };
    await house.post('/oauth/token', { ...refresh, client_id: known['client_id']! }).expect(400);
  });

  it('gives a token to the five lines of a library', async () => {
    const [pasted = ''] = documents.blocksOf(PAGE, 'js', 'oauth');
    expect(pasted.trim().split('\n')).toHaveLength(5);
    const command = await documents.prepare('js', pasted);
    const printed = await documents.watch(command, {}, (userCode) => house.approve(userCode));
    const [, accessToken = ''] = /^Open \S+\/link and enter [A-Z]{4}-[A-Z]{4}\n(\S+)\n$/.exec(printed) ?? [];
    expect(partsOf(accessToken).claims).toMatchObject({ iss: house.url, sub: await house.accountOf('anna') });
  });

  it.each(languages)(
    'tells %s whom its token speaks for',
    async (language) => {
      const CLIENT_ID = await house.register({ scope: 'openid profile' });
      expect(await paste(language, 'oauth', { CLIENT_ID })).toBe(await house.accountOf('anna'));
    },
    60_000,
  );
});

describe('the PIN door', () => {
  /** How the API names a person. */
  const uuidOf = async (name: string) => (await house.accountOf(name)).replaceAll('-', '').slice(0, 16);

  it('makes a PIN, waits, and tells whom the token speaks for, with its curls', async () => {
    const known = await documents.follow(documents.curlsOf(PAGE, 'pin'), {}, approveHeld);
    expect(known['uuid']).toBe(await uuidOf('anna'));
  });

  it('lists a household and switches to a member, with its curls', async () => {
    const { authToken = '' } = await documents.follow(documents.curlsOf(PAGE, 'pin'), {}, approveHeld);
    const ask = (path: string) => house.request.post(path).set('X-Plex-Token', authToken).expect(201);
    const made = await ask('/api/home/users.json?title=Mia');
    const { id, uuid } = (JSON.parse(made.text) as { User: { id: number; uuid: string } }).User;
    await ask(`/api/v2/home/users/restricted/${id}?pin=8305`);
    const given = { authToken, member: String(id), profilePin: '8305' };
    const known = await documents.follow(documents.curlsOf(PAGE, 'household'), given, () => undefined);
    expect(known).toMatchObject({ uuid, title: 'Mia', authToken: expect.stringMatching(/^eyJ/) as string });
    expect(known['authToken']).not.toBe(authToken);
  });

  it.each(languages)(
    'tells %s whom its token speaks for',
    async (language) => {
      expect(await paste(language, 'pin')).toBe(await uuidOf('anna'));
    },
    60_000,
  );
});

describe('the fallback door', () => {
  it('gives a token for password and code with its curl', async () => {
    const accountId = await house.accountOf('benno');
    const { secret } = await house.proofs.addAuthenticator(accountId, 'benno', originFrom('203.0.113.9'));
    house.clock.advance(31);
    const code = await totpCode(secret, house.clock.now());
    const given = { login: 'benno', password: 'quartz lantern bicycle 42', code };
    const known = await documents.follow(documents.curlsOf(PAGE, 'fallback'), given, () => undefined);
    expect(known).toMatchObject({ username: 'benno', authToken: expect.stringMatching(/^eyJ/) as string });
  });
});

it('shows each door in each language, and runs no block that is not marked', () => {
  const count = (language: 'sh' | 'ts' | 'python' | 'go', door?: string) =>
    documents.blocksOf(PAGE, language, door).length;
  for (const language of ['ts', 'python', 'go'] as const)
    expect([language, count(language, 'oauth'), count(language, 'pin'), count(language)]).toEqual([
      ...[language, 1, 1, 2],
    ]);
  const marked = (['oauth', 'pin', 'household', 'fallback'] as const).map((door) => count('sh', door));
  expect(marked).not.toContain(0);
  expect(count('sh')).toBe(marked.reduce((sum, blocks) => sum + blocks, 0));
});
