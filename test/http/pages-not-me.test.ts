// The mail about a new linked tool, and "this wasn't me": over HTTP, from the device code to the unlinked tool.
import type { Mail } from '../support/app.js';
import { createVisitor } from '../support/visitor.js';
import { startOAuthHouse, type OAuthHouse } from './oauth-house.js';

const PASSWORD = 'quartz lantern bicycle 42';
const DAY = 86_400;

let house: OAuthHouse;
beforeEach(async () => {
  house = await startOAuthHouse({ config: { signingAlgs: ['EdDSA'] } });
});
afterEach(() => house.close());

async function mailsAbout(notice: Mail['notice']): Promise<Mail[]> {
  await house.sendMail();
  return house.mails.filter((mail) => mail.notice === notice);
}

/** The address in the mail about the tool that was linked last, as a path. */
async function addressInMail(): Promise<string> {
  const [mail] = (await mailsAbout('tool-linked')).slice(-1);
  const { address } = mail!.details as { address: string };
  return address.replace(house.url, '');
}

const toolsOf = async (name: string) =>
  (await house.linkedTools.listLinkedTools(await house.accountOf(name))).map((tool) => tool.name);

describe('a new linked tool', () => {
  it('is told to its owner at once, with what, where and when, and no code of any kind', async () => {
    const clientId = await house.register();
    const { device_code, user_code } = await house.start(clientId, { scope: 'openid' });
    await house.approve(user_code, 'anna');
    expect(await mailsAbout('tool-linked')).toEqual([]);
    await house.poll(clientId, device_code).expect(200);
    const mails = await mailsAbout('tool-linked');
    expect(mails).toMatchObject([
      {
        recipient: 'anna@example.com',
        details: { username: 'anna', tool: 'A television', from: '127.0.0.1' },
      },
    ]);
    const written = JSON.stringify(mails);
    for (const code of [user_code, user_code.replace('-', ''), device_code])
      expect(written).not.toContain(code);
    expect(written).toContain(`${house.url}/not-me?token=`);
  });

  it('is told once, however often its code is shown again', async () => {
    const { clientId, deviceCode } = await house.link();
    await house.poll(clientId, deviceCode).expect(400);
    expect(await mailsAbout('tool-linked')).toHaveLength(1);
  });

  it('is unlinked by its owner from the address in the mail, after signing in, and by a press only', async () => {
    await house.link({ name: 'anna' });
    const visitor = createVisitor(house);
    await visitor.visit(await addressInMail());
    expect(visitor.path).toBe('/sign-in');
    await visitor.submit({ login: 'anna', password: PASSWORD });
    expect(visitor.path).toBe('/not-me');
    expect(visitor.text).toContain('You did not link A television?');
    expect(await toolsOf('anna')).toEqual(['A television']);
    await visitor.submit({}, '/not-me');
    expect(await toolsOf('anna')).toEqual([]);
    expect(visitor.text).toContain('A television is unlinked');
    expect(visitor.forms.map(({ action }) => action)).toContain('/account/sessions/end-others');
    await visitor.visit(await addressInMail());
    expect(visitor.text).toContain('A television is unlinked');
  });

  it('loses its tokens with it, on the next call', async () => {
    const { clientId, refresh_token, access_token } = await house.link({ scope: 'openid offline_access' });
    const visitor = createVisitor(house);
    await visitor.visit(await addressInMail());
    await visitor.submit({ login: 'anna', password: PASSWORD });
    await visitor.submit({}, '/not-me');
    const refresh = { grant_type: 'refresh_token', client_id: clientId, refresh_token };
    await house.post('/oauth/token', refresh).expect(400);
    await house.request.get('/oauth/userinfo').set('Authorization', `Bearer ${access_token}`).expect(401);
  });

  it('leads back there after the second factor too, and past a code that waits', async () => {
    await house.link({ name: 'anna' });
    const { user_code } = await house.start(await house.register());
    const visitor = createVisitor(house);
    await visitor.visit('/link');
    await visitor.visit(await addressInMail());
    await visitor.submit({ login: 'anna', password: PASSWORD, user_code });
    expect(visitor.path).toBe('/not-me');
    await visitor.visit(`/sign-in?next=not-me&${(await addressInMail()).split('?')[1]}`);
    expect(visitor.path).toBe('/not-me');
  });
});

describe('an address that was mailed about a tool', () => {
  it.each([
    ['for another account', async (address: string) => address],
    ['that was changed', async (address: string) => `${address.slice(0, -2)}xx`],
    ['about another tool', async (address: string) => address.replace(/=[\w-]{8}/, '=00000000')],
    ['with a later end', async (address: string) => address.replace(/\.(\d+)\./, '.9999999999.')],
    ['that is garbage', async () => '/not-me?token=%27%3B..%22'],
    ['without a token', async () => '/not-me'],
  ])('%s says only that it is of no use, and changes nothing', async (_, change) => {
    await house.link({ name: 'anna' });
    const address = await addressInMail();
    await house.accountOf('bob');
    const visitor = createVisitor(house);
    await visitor.signIn(address === (await change(address)) ? 'bob' : 'anna');
    await visitor.visit(await change(address));
    expect(visitor.status).toBe(410);
    expect(visitor.text).not.toContain('A television');
    await visitor.visit('/account');
    const token = new URLSearchParams((await change(address)).split('?')[1]).get('token') ?? '';
    const { _csrf = '' } = visitor.forms[0]!.fields;
    const answer = await visitor.agent.post('/not-me').type('form').send({ _csrf, token });
    expect(answer.status).toBe(token === '' ? answer.status : 410);
    expect(await toolsOf('anna')).toEqual(['A television']);
  });

  it('works for 14 days', async () => {
    await house.link({ name: 'anna' });
    const address = await addressInMail();
    const open = async () => {
      const visitor = createVisitor(house);
      await visitor.signIn('anna');
      await visitor.visit(address);
      return visitor.status;
    };
    house.clock.advance(14 * DAY - 60);
    expect(await open()).toBe(200);
    house.clock.advance(60);
    expect(await open()).toBe(410);
  });
});
