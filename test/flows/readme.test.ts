// What the README tells people to type, typed: every curl as it stands, in its order, against a whole house, with somebody
// approving while the poll is held; then the lines of JavaScript. The page for authors of tools has its own suite.
import { createTestClock } from '../support/clock.js';
import { openDocuments, run, type Documents } from '../support/documents.js';
import { partsOf, startOAuthHouse, type OAuthHouse } from '../http/oauth-house.js';

let house: OAuthHouse;
let documents: Documents;

beforeAll(async () => {
  // jose looks at the machine's own clock.
  house = await startOAuthHouse({ clock: createTestClock(new Date()) });
  documents = openDocuments(house.url);
});
afterAll(async () => {
  documents.close();
  await house.close();
});

describe('the README', () => {
  it('gets a token with its three curls, which its five lines of jose verify (RFC 8628; RFC 9068 §4)', async () => {
    const curls = documents.curlsOf('README.md');
    expect(curls).toHaveLength(3);
    const known = await documents.follow(curls, {}, (command, { user_code }) =>
      command.includes('Prefer: wait=30')
        ? house.untilHeld().then(() => house.approve(user_code!))
        : undefined,
    );
    const [verification = '', ...others] = documents.blocksOf('README.md', 'js');
    expect(others).toEqual([]);
    expect(verification.trim().split('\n')).toHaveLength(5);
    const [node = '', file = ''] = await documents.prepare('js', verification);
    const { stdout } = await run(node, [file, known['access_token']!]);
    expect(stdout).toBe(`${known['client_id']} speaks for ${await house.accountOf('anna')}\n`);
  });

  it('has five lines that refuse a token that was tampered with (RFC 9068 §4)', async () => {
    const { access_token: token } = await house.link();
    const [header, , signature] = token.split('.');
    const claims = { ...partsOf(token).claims, sub: 'somebody else' };
    const forged = [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
    const [node = '', file = ''] = await documents.prepare('js', documents.blocksOf('README.md', 'js')[0]!);
    await expect(run(node, [file, forged])).rejects.toThrow(/signature verification failed/);
  });
});
