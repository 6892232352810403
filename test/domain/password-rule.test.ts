// The password rule with the real estimator: what is refused, what is taken, and what an estimate may cost.
import { setEnvironmentData } from 'node:worker_threads';
import { createPasswordRule, passwordLength } from '../../src/domain/password-rule.js';
import { DomainError } from '../../src/domain/vocabulary.js';
import { createPasswordStrength } from '../../src/outside/password-strength.js';

const strength = createPasswordStrength({ busy: () => new DomainError('service-busy') });
const { checkPasswordRule, requireGoodPassword } = createPasswordRule({
  estimateStrength: strength.estimate,
  serviceWords: ['Linchpin'],
});
afterAll(() => strength.close());

const fault = (
  password: string,
  hasSecondFactor = false,
  context: string[] = ['bob', 'bob.builder@example.org'],
) => checkPasswordRule({ password, hasSecondFactor, context });

describe('the password rule', () => {
  it('wants 15 characters where the password is the only factor, 12 beside a second (NIST SP 800-63B §3.1.1.2, ASVS 6.2.1)', async () => {
    expect(await fault('vex quilt jumbo')).toBeUndefined();
    expect(await fault('vexquilt jumbo')).toBe('too-short');
    expect(await fault('vexquiltjumb', true)).toBeUndefined();
    expect(await fault('vexquiltjum', true)).toBe('too-short');
    expect(await fault('', true)).toBe('too-short');
  });

  it('counts characters, not bytes or code units (NIST SP 800-63B §3.1.1.2)', async () => {
    expect(await fault('🦦🪗🫖🧵🪁🥨🦔🛶🪵🧭🪴🦪🫒🧊')).toBe('too-short');
    expect(passwordLength('🦦🪗')).toBe(2);
    expect(passwordLength('e\u0301')).toBe(1);
  });

  it('takes long passwords, spaces and any script, unchanged (ASVS 6.2.8, 6.2.9)', async () => {
    expect(await fault('пять выдр поют на закате')).toBeUndefined();
    expect(await fault('  seven brass otters hum  ')).toBeUndefined();
    expect(await fault('seven brass otters hum at dusk '.repeat(9).slice(0, 256))).toBeUndefined();
  });

  it('refuses more than 256 characters or 1024 bytes instead of cutting them (CHECKLIST 3.6)', async () => {
    expect(await fault('x'.repeat(257))).toBe('too-long');
    expect(await fault('🦦'.repeat(256))).not.toBe('too-long');
    expect(await fault('\u{1F9A6}'.repeat(257))).toBe('too-long');
    // One code point as typed, three in NFC, which is what is counted.
    expect(await fault('\uFB2C'.repeat(200))).toBe('too-long');
    expect(await fault('y'.repeat(2_000_000))).toBe('too-long');
  });

  it('asks for no kinds of characters (ASVS 6.2.5)', async () => {
    expect(await fault('sevenbrassottershumatdusk')).toBeUndefined();
  });

  it.each([
    ['one of the most used', 'passwordpassword'],
    ['one of the most used with digits', 'password123456789'],
    ['a row of keys', 'qwertyuiopasdfgh'],
    ['counting', '123456789012345'],
    ['one character again and again', 'a'.repeat(100)],
    ['a short thing again and again', 'aB3$'.repeat(25)],
    ['a well-known sentence twice', 'iloveyouiloveyou'],
    ['an easy start of 100 characters with anything behind it', 'a'.repeat(100) + 'vex quilt jumbo'],
  ])('refuses %s as too easy (ASVS 6.2.4, 6.2.12)', async (_what, password) => {
    expect(await fault(password)).toBe('too-easy');
  });

  it.each([
    ['the service', 'LinchPin linchpin'],
    ['the service in full width', 'Ｌｉｎｃｈｐｉｎ－２０２６ｘｘ'],
    ['the e-mail address', 'Bob.Builder@Example.org'],
    ['parts of the address', 'builder-example-1'],
  ])('refuses what is made of %s (ASVS 6.2.11)', async (_what, password) => {
    expect(await fault(password)).toBe('contains-context');
  });

  it('does not mind such a word in a long password of its own (NIST SP 800-63B §3.1.1.2)', async () => {
    expect(await fault('builder hums seven brass otters')).toBeUndefined();
  });

  it('refuses NUL and half a character, which do not arrive everywhere alike', async () => {
    expect(await fault('seven brass\0otters hum')).toBe('not-text');
    expect(await fault('seven brass \ud83e otters hum')).toBe('not-text');
  });

  it('says in a refusal which rule was broken, and never the password', async () => {
    const refusal = requireGoodPassword({
      password: 'qwertyuiopasdfgh',
      hasSecondFactor: false,
      context: [],
    });
    await expect(refusal).rejects.toMatchObject({ code: 'password-breaks-rule', publicDetail: 'too-easy' });
    await expect(refusal).rejects.not.toThrow(/qwerty/);
  });
});

describe('the estimator', () => {
  it('leaves the event loop free while it works on a costly text', async () => {
    let turns = 0;
    let isDone = false;
    const turn = (): void => {
      turns += 1;
      if (!isDone) setImmediate(turn);
    };
    turn();
    await strength.estimate('p@$5w0rd'.repeat(3) + '|\\/|0||k3y'.repeat(8), []);
    isDone = true;
    expect(turns).toBeGreaterThan(10);
  });

  it('turns callers away when its queue is full, and goes on afterwards', async () => {
    const small = createPasswordStrength({ busy: () => new DomainError('service-busy'), queueLimit: 1 });
    const asked = [1, 2, 3].map((n) => small.estimate(`vex quilt ${n}`, []));
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(await small.estimate('vex quilt jumbo', [])).toBe(4);
    small.close();
  });

  it('gives an estimate up that takes too long, and starts anew for the next', async () => {
    const hasty = createPasswordStrength({ busy: () => new DomainError('service-busy'), timeLimitMs: 1 });
    await expect(hasty.estimate('vex quilt jumbo', [])).rejects.toMatchObject({ code: 'service-busy' });
    hasty.close();
    expect(await strength.estimate('vex quilt jumbo', [])).toBe(4);
  });

  it('turns callers away where the system gives no thread, and goes on as soon as it does', async () => {
    const starved = createPasswordStrength({ busy: () => new DomainError('service-busy') });
    // What cannot be handed to a thread stops each from being made, in the same moment as a limit of the system does.
    setEnvironmentData('no thread', () => undefined);
    const asked = await Promise.allSettled([1, 2].map((n) => starved.estimate(`vex quilt ${n}`, [])));
    setEnvironmentData('no thread', undefined);
    for (const outcome of asked)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'service-busy' } });
    expect(await starved.estimate('vex quilt jumbo', [])).toBe(4);
    starved.close();
  });

  it('tells whoever waits when it is closed', async () => {
    const closing = createPasswordStrength({ busy: () => new DomainError('service-busy') });
    const waiting = closing.estimate('vex quilt jumbo', []);
    closing.close();
    await expect(waiting).rejects.toMatchObject({ code: 'service-busy' });
  });
});
