// The pages of an account: language, two-factor, linked tools; and the demo page.
import { totpCode } from '../../src/crypto/totp.js';
import { startTestHouse, type TestHouse } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';

const PASSWORD = 'quartz lantern bicycle 42';
const ORIGIN = { networkAddress: '198.51.100.9', network: '198.51.100.9', requestId: 't' };

let house: TestHouse;
let visitor: Visitor;
beforeEach(async () => {
  house = await startTestHouse({ config: { signingAlgs: ['EdDSA'], demoPage: true } });
  await house.newAccount();
  visitor = createVisitor(house);
  await visitor.signIn('anna');
});
afterEach(() => house.close());

const secretOn = (page: Visitor) => /data-secret="([A-Z2-7]+)"/.exec(page.html)?.[1] ?? '';
const codeFor = (secret: string) => totpCode(secret, house.clock.now());

describe('the language', () => {
  it("is the account's own once it is chosen, whatever the browser asks for", async () => {
    await visitor.visit('/account');
    await visitor.submit({ language: 'de' }, '/account/language');
    expect(visitor.html).toContain('<html lang="de"');
    expect(visitor.text).toContain('Ihre Sprache ist gespeichert');
  });

  it('is one from the list', async () => {
    await visitor.visit('/account');
    await visitor.submit({ language: '../../etc/passwd' }, '/account/language');
    expect(visitor.status).toBe(400);
    expect(visitor.title).toBe('Language unknown: Your account · Linchpin');
  });
});

describe('an address that a form was sent to', () => {
  it.each([
    ['/account/language', 'Your account'],
    ['/account/tools/rename', 'Linked tools'],
    ['/account/security/two-factor/confirm', 'Enable two-factor'],
    ['/link/another-account', 'Link a tool'],
  ])('is a page too when it is entered again: %s', async (address, title) => {
    await visitor.visit(address);
    expect({ status: visitor.status, title: visitor.title }).toEqual({
      status: 200,
      title: `${title} · Linchpin`,
    });
  });
});

describe('enabling two-factor', () => {
  async function begin() {
    await visitor.visit('/account/security/two-factor');
    await visitor.submit({ password: PASSWORD });
    return secretOn(visitor);
  }

  it('takes the password first (ASVS 7.5.1)', async () => {
    await visitor.visit('/account/security/two-factor');
    await visitor.submit({ password: 'wrong' });
    expect(visitor.status).toBe(403);
    expect(visitor.title).toBe('Password not right: Enable two-factor · Linchpin');
    expect(secretOn(visitor)).toBe('');
  });

  it('shows the QR code, the same text, and the apps', async () => {
    const secret = await begin();
    expect(secret).toMatch(/^[A-Z2-7]{32}$/);
    expect(visitor.html).toMatch(/<div class="qr"[^>]*><svg /);
    expect(visitor.text).toContain(
      '1Password, Authy, Google Authenticator, LastPass or Microsoft Authenticator',
    );
  });

  it('is not on before a code has proved it (authentik #2330)', async () => {
    await begin();
    await visitor.visit('/account/security');
    expect(visitor.text).toContain('Off.');
    const other = createVisitor(house);
    await other.signIn('anna');
    expect(other.path).toBe('/account');
  });

  it('shows the same picture again after a wrong code', async () => {
    const secret = await begin();
    await visitor.submit({ code: '000000' });
    expect(visitor.title).toBe('Code not right: Add your authenticator · Linchpin');
    expect(secretOn(visitor)).toBe(secret);
    await visitor.submit({ code: await codeFor(secret) });
    expect(visitor.html.match(/data-recovery-code/g)).toHaveLength(10);
  });

  it('gives ten recovery codes once, and the set-up code never again (RFC 6238 §5.2)', async () => {
    const secret = await begin();
    const code = await codeFor(secret);
    await visitor.submit({ code });
    const codes = [...visitor.html.matchAll(/<code data-recovery-code>([^<]+)</g)].map(([, one]) => one!);
    expect(new Set(codes).size).toBe(10);
    expect(visitor.html).toContain('download="linchpin-recovery-codes.txt"');
    await visitor.submit();
    expect(visitor.path).toBe('/account/security');
    expect(visitor.text).toContain('Two-factor is on.');
    expect(visitor.text).toContain('10 recovery codes left');
    const other = createVisitor(house);
    await other.signIn('anna');
    await other.submit({ code });
    expect(other.title).toContain('Code not right');
  });

  it('starts again after ten minutes', async () => {
    const secret = await begin();
    house.clock.advance(601);
    await visitor.submit({ code: await codeFor(secret) });
    expect(visitor.title).toBe('That took too long: Enable two-factor · Linchpin');
  });

  it('takes no set-up that was made for somebody else', async () => {
    await begin();
    const { setup } = visitor.forms[0]!.fields;
    await house.newAccount('berta');
    const berta = createVisitor(house);
    await berta.signIn('berta');
    await berta.visit('/account/security/two-factor');
    await berta.submit({ password: PASSWORD });
    await berta.submit({ setup: setup!, code: '000000' });
    expect(berta.title).toContain('That took too long');
  });

  it('rotates the session (ASVS 7.2.4)', async () => {
    const secret = await begin();
    const { fields, action } = visitor.forms[0]!;
    const answer = await visitor.agent
      .post(action)
      .type('form')
      .send({ ...fields, code: await codeFor(secret) });
    expect(String(answer.headers['set-cookie'])).toMatch(/linchpin=[\w-]{43};/);
  });

  it('is done once: after it the page leads to Security', async () => {
    const secret = await begin();
    await visitor.submit({ code: await codeFor(secret) });
    await visitor.visit('/account/security/two-factor');
    expect(visitor.path).toBe('/account/security');
  });
});

describe('linked tools', () => {
  async function linkTool(name: string) {
    const { client } = await house.house.clients.createByOperator({ name, isConfidential: false });
    const { userCode, deviceCode } = await house.house.linksForTool.startLink({
      client,
      scope: 'openid',
      origin: ORIGIN,
    });
    await visitor.visit('/link');
    await visitor.submit({ user_code: userCode });
    house.clock.advance(2);
    await visitor.submit({ decision: 'approve' }, '/link/review');
    await house.house.linksForTool.redeemLink({ deviceCode, client, origin: ORIGIN });
  }

  it('are listed with where and when, and there is a way on when there are none', async () => {
    await visitor.visit('/account/tools');
    expect(visitor.text).toContain('No tool is linked yet');
    await linkTool('Living room TV');
    await visitor.visit('/account/tools');
    expect(visitor.text).toContain('Living room TV');
    expect(visitor.text).toContain('Linked on Jan 15, 2026 from 198.51.100.9');
  });

  it('can be renamed, with words at the field where a name will not do', async () => {
    await linkTool('Living room TV');
    await visitor.visit('/account/tools');
    await visitor.submit({ name: 'x'.repeat(61) }, '/account/tools/rename');
    expect(visitor.title).toBe('Name not usable: Linked tools · Linchpin');
    // Zero-width spaces alone name nothing.
    await visitor.submit({ name: '\u200b\u200b' }, '/account/tools/rename');
    expect({ status: visitor.status, path: visitor.path }).toEqual({
      status: 400,
      path: '/account/tools/rename',
    });
    expect(visitor.html).toContain('aria-invalid="true"');
    await visitor.submit({ name: 'Den <TV>' }, '/account/tools/rename');
    expect(visitor.text).toContain('The tool has its new name');
    expect(visitor.text).toContain('Den <TV>');
  });

  it('are unlinked after a question, one or all', async () => {
    await linkTool('One');
    await linkTool('Two');
    await visitor.visit('/account/tools');
    const first = /href="(\/account\/tools\/unlink\?tool=[^"]+)"/.exec(visitor.html)![1]!;
    await visitor.visit(first);
    expect(visitor.title).toBe('Unlink Two? · Linchpin');
    await visitor.submit();
    expect(visitor.text).toContain('The tool is unlinked and signed out');
    await linkTool('Three');
    await visitor.visit('/account/tools/unlink-all');
    expect(visitor.text).toContain('2 tools are signed out');
    await visitor.submit();
    expect(visitor.text).toContain('No tool is linked yet');
  });

  it('of others are not found (DESIGN 9, better-auth CVE-2025-61928)', async () => {
    await linkTool('Living room TV');
    await visitor.visit('/account/tools');
    const tool = /name="tool" value="([^"]+)"/.exec(visitor.html)![1]!;
    await house.newAccount('berta');
    const berta = createVisitor(house);
    await berta.signIn('berta');
    await berta.visit(`/account/tools/unlink?tool=${tool}`);
    expect(berta.status).toBe(404);
    await berta.visit('/account');
    const { _csrf } = berta.forms[0]!.fields;
    for (const path of ['/account/tools/unlink', '/account/tools/rename']) {
      const answer = await berta.agent.post(path).type('form').send({ _csrf, tool, name: 'mine' });
      expect([path, answer.status]).toEqual([path, 404]);
    }
    await visitor.visit('/account/tools');
    expect(visitor.text).toContain('Living room TV');
  });
});

describe('the demo page', () => {
  it('plays a client of its own, and draws the QR code of an address of ours only', async () => {
    await visitor.visit('/demo');
    expect(visitor.html).toMatch(/data-client-id="[^"]+"/);
    const qr = await house.request.get('/demo/qr?user_code=BCDF-GHJK');
    expect(qr.headers['content-type']).toContain('image/svg+xml');
    for (const code of ['', 'https://evil.example', '%3Csvg%3E']) {
      expect((await house.request.get(`/demo/qr?user_code=${code}`)).status).toBe(404);
    }
  });

  it('is not there unless the operator asks for it', async () => {
    const without = await startTestHouse({ config: { signingAlgs: ['EdDSA'] } });
    expect((await without.request.get('/demo')).status).toBe(404);
    expect((await without.request.get('/demo/qr?user_code=BCDF-GHJK')).status).toBe(404);
    await without.close();
  });
});
