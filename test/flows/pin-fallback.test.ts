// An old tool with a password box and nothing else, played with plain requests as curl sends them: password and code in
// one field get it in once, its owner hears of it, sees it on the list, and can shut this way in. CHECKLIST 3.8, PIN-API.md 4.
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createPerson, type Person } from '../support/person.js';
import { parseXml } from '../support/xml.js';

let test: TestHouse;
let maria: Person;

beforeAll(async () => {
  test = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
  maria = createPerson(test, 'maria');
  await maria.moveIn();
});
afterAll(() => test.close());

const TOOL = { 'X-Plex-Client-Identifier': 'an old recorder', 'X-Plex-Product': 'An old recorder' };

async function post(path: string, init: RequestInit): Promise<{ status: number; text: string }> {
  const headers = { ...TOOL, ...(init.headers as Record<string, string>) };
  const response = await fetch(`${test.url}${path}`, { method: 'POST', ...init, headers });
  return { status: response.status, text: await response.text() };
}

const signIn = (form: Record<string, string>) =>
  post('/api/v2/users/signin', { headers: { Accept: 'application/json' }, body: new URLSearchParams(form) });

const numberIn = (text: string) => (JSON.parse(text) as { errors: [{ code: number }] }).errors[0].code;

const use = async (token: string) =>
  (await fetch(`${test.url}/api/v2/user`, { headers: { 'X-Plex-Token': token } })).status;

it('takes the code at the end of the password once, and not a second time (CHECKLIST 3.8)', async () => {
  const password = maria.password + (await maria.nextCode());
  const first = await signIn({ login: 'maria', password });
  expect(first.status).toBe(201);
  const { authToken, username } = JSON.parse(first.text) as Record<string, string>;
  expect(username).toBe('maria');
  expect(await use(authToken!)).toBe(200);

  const second = await signIn({ login: 'maria', password });
  const unknown = await signIn({ login: 'nobody', password });
  expect(second.status).toBe(401);
  expect(numberIn(second.text)).toBe(1001);
  expect(unknown).toEqual(second);
  expect(await use(authToken!)).toBe(200);
});

it('takes the code as a value of its own, and tells what is missing or wrong (CHECKLIST 3.8, PIN-API 2)', async () => {
  const { password } = maria;
  const right = await maria.nextCode();
  const wrong = String((Number(right) + 1) % 1_000_000).padStart(6, '0');
  const missing = await signIn({ login: 'maria', password });
  expect([missing.status, numberIn(missing.text)]).toEqual([401, 1029]);
  expect(missing.text).toContain('verification code');
  const refused = await signIn({ login: 'maria', password, verificationCode: wrong });
  expect([refused.status, numberIn(refused.text)]).toEqual([401, 1028]);
  expect((await signIn({ login: 'maria', password, verificationCode: right })).status).toBe(201);
});

it('takes Basic credentials on the older path, and answers in XML (PIN-API 4.6)', async () => {
  const typed = maria.password + (await maria.nextCode());
  const credentials = Buffer.from(`maria:${typed}`).toString('base64');
  const { status, text } = await post('/users/sign_in.xml', {
    headers: { Authorization: `Basic ${credentials}` },
  });
  expect(status).toBe(201);
  const { name, attributes } = parseXml(text);
  expect(name).toBe('user');
  expect(await use(attributes.authenticationToken!)).toBe(200);
});

it('tells the owner of each use, and ends after 14 days (DESIGN 5)', async () => {
  const { text } = await signIn({ login: 'maria', password: maria.password + (await maria.nextCode()) });
  const { authToken } = JSON.parse(text) as { authToken: string };
  await test.sendMail();
  const mails = test.mails.filter(({ recipient }) => recipient === maria.email);
  expect(JSON.stringify(mails)).toContain('An old recorder');

  test.clock.advance(14 * 86_400 - 60);
  expect(await use(authToken)).toBe(200);
  // The end, half a minute for clocks that differ, and a second more.
  test.clock.advance(60 + 31);
  expect(await use(authToken)).toBe(401);
});
