// Second factors on a real database: setting an authenticator up, one code one use, and locks that nothing gets around.
import { createPasswords, PasswordsBusy } from '../../src/crypto/passwords.js';
import { createKeyring, randomSecret } from '../../src/crypto/secrets.js';
import { totpCode } from '../../src/crypto/totp.js';
import { createAudit } from '../../src/domain/audit.js';
import { createNotices } from '../../src/domain/notices.js';
import { createProofs, type ProofsDependencies } from '../../src/domain/proofs.js';
import type { AccountId, InTransaction, Origin } from '../../src/domain/vocabulary.js';
import { createAccountStore } from '../../src/stores/sql/accounts.js';
import { createAuditStore } from '../../src/stores/sql/audit.js';
import { createOutboxStore } from '../../src/stores/sql/outbox.js';
import { createProofStore } from '../../src/stores/sql/proofs.js';
import { StoreUnavailable } from '../../src/stores/sql/statement.js';
import { createTestClock } from '../support/clock.js';
import { openTestDatabase } from '../support/databases.js';

const origin: Origin = { networkAddress: '203.0.113.7', network: '203.0.113.7', requestId: 'r' };
const keyring = createKeyring({ secret: 'a root secret that only these tests know' });
let opened = 0;
const sealer = {
  seal: (plaintext: string, context: string) => keyring.seal('totp', plaintext, context),
  open(sealed: string, context: string) {
    opened += 1;
    return keyring.open('totp', sealed, context);
  },
};
let made = 0;
const newAccount = () => `account ${++made}` as AccountId;
const A_DAY = 86_400;

function openHouse() {
  const clock = createTestClock();
  const database = openTestDatabase((sql) => ({
    proofs: createProofStore(sql),
    accounts: createAccountStore(sql),
    audit: createAuditStore(sql),
    outbox: createOutboxStore(sql),
  }));
  const { stores, inTransaction } = database;
  const passwords = createPasswords({ keyring, memoryKib: 1024, queueLimit: 1000 });
  const dependencies: ProofsDependencies = {
    store: stores.proofs,
    inTransaction,
    audit: createAudit({ now: clock.now }),
    notices: createNotices({ now: clock.now, newId: randomSecret, sealer }),
    sealer,
    passwords,
    findRecipient: async (accountId) => ({
      email: `${accountId}@example.org`,
      username: accountId,
      language: 'en',
    }),
    now: clock.now,
    issuer: 'Linchpin',
  };
  const proofs = createProofs(dependencies);

  /** An account with an authenticator that is on, ten minutes ago, and its recovery codes. */
  async function enabled(accountId = newAccount()) {
    const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
    const { recoveryCodes } = await turnOn(accountId, await totpCode(secret, clock.now()));
    clock.advance(600);
    return { accountId, secret, recoveryCodes };
  }

  /** Proves the one that is being set up, and turns it on. */
  async function turnOn(accountId: AccountId, typed: string, rooms = proofs) {
    const proved = await rooms.proveAuthenticator(accountId, typed);
    const { shown, kept } = await rooms.drawRecoveryCodes();
    await inTransaction(async (stores) => {
      await rooms.turnOn(stores, proved, { instead: false });
      await rooms.putRecoverySet(stores, accountId, kept);
    });
    return { recoveryCodes: shown };
  }

  const code = (secret: string, secondsAgo = 0) =>
    totpCode(secret, new Date(clock.now().getTime() - secondsAgo * 1000));

  /** A code that is neither this step's nor the one's before. */
  async function wrongCode(secret: string): Promise<string> {
    const right = [await code(secret), await code(secret, 30)];
    return ['000000', '111111', '222222'].find((candidate) => !right.includes(candidate))!;
  }

  async function events(accountId: AccountId) {
    return (await stores.audit.findByAccount(accountId, 1000)).map(({ event }) => event);
  }

  async function mailsTo(accountId: AccountId) {
    const due = await stores.outbox.findDue(clock.now(), 1000);
    return due
      .filter(({ recipient }) => recipient === `${accountId}@example.org`)
      .map(({ notice }) => notice);
  }

  async function fail(accountId: AccountId, secret: string, times: number): Promise<string[]> {
    const outcomes: string[] = [];
    for (let i = 0; i < times; i++) {
      outcomes.push(await proofs.checkCode(accountId, await wrongCode(secret), origin));
    }
    return outcomes;
  }

  return {
    clock,
    database,
    stores,
    passwords,
    dependencies,
    proofs,
    enabled,
    turnOn,
    code,
    wrongCode,
    events,
    mailsTo,
    fail,
  };
}

describe('second factors', () => {
  const house = openHouse();
  const { clock, proofs, stores, enabled, turnOn, code, wrongCode, events, mailsTo, fail } = house;
  afterAll(() => house.database.close());

  describe('setting an authenticator up', () => {
    it('shows a secret of 160 bits and the address for the QR code, and seals what it keeps (RFC 4226 §4 R6)', async () => {
      const accountId = newAccount();
      const { secret, address } = await proofs.beginAuthenticator(accountId, 'alice');
      expect(secret).toMatch(/^[A-Z2-7]{32}$/);
      expect(address).toContain(`secret=${secret}`);
      expect(address).toMatch(/^otpauth:\/\/totp\/Linchpin:alice\?/);
      const kept = await stores.proofs.findAuthenticator(accountId, 'inert');
      expect(JSON.stringify(kept)).not.toContain(secret);
    });

    it('given up halfway leaves no factor behind, and counts as none (authentik #2330)', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      expect(await proofs.hasSecondFactor(accountId)).toBe(false);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('wrong');
      expect(await proofs.countRecoveryCodes(accountId)).toBe(0);
    });

    it('is done by a right code, with ten different recovery codes', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      const { recoveryCodes } = await turnOn(accountId, await code(secret));
      expect(await proofs.hasSecondFactor(accountId)).toBe(true);
      expect(new Set(recoveryCodes).size).toBe(10);
      for (const shown of recoveryCodes) {
        expect(shown).toMatch(/^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
      }
      expect(await proofs.countRecoveryCodes(accountId)).toBe(10);
    });

    it('refuses a wrong code, and goes on with the same secret', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      const confirm = (typed: string) => turnOn(accountId, typed);
      for (const wrong of [await wrongCode(secret), '', 'abcdef', '12345', '1'.repeat(5000)]) {
        await expect(confirm(wrong)).rejects.toMatchObject({ code: 'code-wrong' });
      }
      expect(await proofs.hasSecondFactor(accountId)).toBe(false);
      await confirm(await code(secret));
      expect(await proofs.hasSecondFactor(accountId)).toBe(true);
    });

    it('reads a code that was typed with a space in the middle', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      const spaced = (await code(secret)).replace(/(...)/, ' $1 ');
      expect((await turnOn(accountId, spaced)).recoveryCodes).toHaveLength(10);
    });

    it('takes only the secret that was shown last', async () => {
      const accountId = newAccount();
      const first = await proofs.beginAuthenticator(accountId, 'alice');
      const second = await proofs.beginAuthenticator(accountId, 'alice');
      const confirm = async (secret: string) => turnOn(accountId, await code(secret));
      await expect(confirm(first.secret)).rejects.toMatchObject({ code: 'code-wrong' });
      await confirm(second.secret);
    });

    it('is over after ten tries, however many come at once: guessing it is no way to the recovery codes', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      const wrong = await wrongCode(secret);
      const guesses = Array.from({ length: 15 }, () => turnOn(accountId, wrong));
      const refused = await Promise.allSettled(guesses);
      const codes = refused.map((guess) => (guess.status === 'rejected' ? String(guess.reason) : 'guessed'));
      expect(codes.filter((refusal) => refusal.includes('code-wrong'))).toHaveLength(10);
      expect(codes.filter((refusal) => refusal.includes('factor-not-on'))).toHaveLength(5);
      const late = turnOn(accountId, await code(secret));
      await expect(late).rejects.toMatchObject({ code: 'factor-not-on' });
      expect((await enabled(accountId)).recoveryCodes).toHaveLength(10);
    });

    it('is over after ten minutes, and where nothing was begun', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      clock.advance(600);
      const late = turnOn(accountId, await code(secret));
      await expect(late).rejects.toMatchObject({ code: 'factor-not-on' });
      const never = turnOn(newAccount(), '123456');
      await expect(never).rejects.toMatchObject({ code: 'factor-not-on' });
    });

    it('is refused while one is on: nobody replaces a factor without proving it', async () => {
      const { accountId, secret } = await enabled();
      const again = proofs.beginAuthenticator(accountId, 'alice');
      await expect(again).rejects.toMatchObject({ code: 'factor-already-on' });
      const confirmed = turnOn(accountId, await code(secret));
      await expect(confirmed).rejects.toMatchObject({ code: 'factor-not-on' });
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
    });

    it('ended twice at once turns one authenticator on, with one set of recovery codes', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      const confirm = async () => turnOn(accountId, await code(secret));
      const results = await Promise.allSettled([confirm(), confirm()]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(await proofs.countRecoveryCodes(accountId)).toBe(10);
    });

    it('uses the code up that proved it: it cannot be used to sign in (RFC 6238 §5.2)', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      const typed = await code(secret);
      await turnOn(accountId, typed);
      expect(await proofs.checkCode(accountId, typed, origin)).toBe('wrong');
      clock.advance(30);
      expect(await proofs.checkCode(accountId, typed, origin)).toBe('wrong');
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
    });

    it('by the operator leaves the current code unused, and is refused where one is on', async () => {
      const accountId = newAccount();
      const { secret, recoveryCodes } = await proofs.addAuthenticator(accountId, 'alice', origin);
      expect(recoveryCodes).toHaveLength(10);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
      const again = proofs.addAuthenticator(accountId, 'alice', origin);
      await expect(again).rejects.toMatchObject({ code: 'factor-already-on' });
    });

    it('answers that the service is busy when no hash can be made, and turns nothing on', async () => {
      const accountId = newAccount();
      const { secret } = await proofs.beginAuthenticator(accountId, 'alice');
      const busy = createProofs({
        ...house.dependencies,
        passwords: { ...house.passwords, hash: () => Promise.reject(new PasswordsBusy(4)) },
      });
      const confirmed = turnOn(accountId, await code(secret), busy);
      await expect(confirmed).rejects.toMatchObject({ code: 'service-busy', retryAfterSeconds: 4 });
      expect(await proofs.hasSecondFactor(accountId)).toBe(false);
    });
  });

  describe('a one-time code', () => {
    it('is right in its step and in the next one, and not after (RFC 6238 §5.2, ASVS 6.5.5)', async () => {
      const { accountId, secret } = await enabled();
      expect(await proofs.checkCode(accountId, await code(secret, 30), origin)).toBe('right');
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
      clock.advance(120);
      expect(await proofs.checkCode(accountId, await code(secret, 60), origin)).toBe('wrong');
      expect(await proofs.checkCode(accountId, await code(secret, -30), origin)).toBe('wrong');
    });

    it('sent twice at once is right once (RFC 6238 §5.2, better-auth #10387)', async () => {
      const { accountId, secret } = await enabled();
      const typed = await code(secret);
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, () => proofs.checkCode(accountId, typed, origin)),
      );
      expect(outcomes.sort()).toEqual(['right', ...new Array<string>(7).fill('wrong')]);
    });

    it('of step T makes T and T−1 useless (Dex PR #4884)', async () => {
      const { accountId, secret } = await enabled();
      const [before, current] = [await code(secret, 30), await code(secret)];
      expect(await proofs.checkCode(accountId, current, origin)).toBe('right');
      expect(await proofs.checkCode(accountId, before, origin)).toBe('wrong');
      expect(await proofs.checkCode(accountId, current, origin)).toBe('wrong');
    });

    it('stays used when the clock jumps back (CHECKLIST 4)', async () => {
      const { accountId, secret } = await enabled();
      const typed = await code(secret);
      expect(await proofs.checkCode(accountId, typed, origin)).toBe('right');
      clock.advance(-3600);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('wrong');
      clock.advance(3600);
      expect(await proofs.checkCode(accountId, typed, origin)).toBe('wrong');
    });

    it('belongs to its account only', async () => {
      const alice = await enabled();
      const bob = await enabled();
      expect(await proofs.checkCode(bob.accountId, await code(alice.secret), origin)).toBe('wrong');
    });

    it('of an account without an authenticator is wrong, whatever it is, and counts nothing there', async () => {
      const accountId = newAccount();
      for (let i = 0; i < 25; i++) {
        expect(await proofs.checkCode(accountId, '123456', origin)).toBe('wrong');
      }
      const { secret } = await enabled(accountId);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
    });

    it('opens one secret whether or not there is an authenticator: the time shall not tell (CHECKLIST 3.8.7)', async () => {
      const { accountId } = await enabled();
      for (const kept of [await proofs.findAuthenticator(accountId), undefined]) {
        const before = opened;
        expect(await proofs.matchCode(kept, 'no code')).toBeUndefined();
        expect(opened - before).toBe(1);
      }
    });
  });

  describe('wrong codes', () => {
    it('lock the authenticator for the day at the twentieth, and the right code is not looked at (CHECKLIST 3.3)', async () => {
      const { accountId, secret } = await enabled();
      const outcomes = await fail(accountId, secret, 20);
      expect(outcomes).toEqual([...new Array<string>(19).fill('wrong'), 'locked']);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('locked');
      clock.advance(A_DAY);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
    });

    it('lock it and never turn it off (RFC 4226 §7.3, DESIGN 6)', async () => {
      const { accountId, secret } = await enabled();
      await fail(accountId, secret, 25);
      expect(await proofs.hasSecondFactor(accountId)).toBe(true);
      const again = proofs.beginAuthenticator(accountId, 'alice');
      await expect(again).rejects.toMatchObject({ code: 'factor-already-on' });
    });

    it('lock it for good at the hundredth in a row, over all days (NIST SP 800-63B §3.2.2)', async () => {
      const { accountId, secret } = await enabled();
      for (let day = 0; day < 5; day++) {
        await fail(accountId, secret, 20);
        clock.advance(A_DAY);
      }
      for (let day = 0; day < 3; day++) {
        expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('locked');
        clock.advance(A_DAY);
      }
    });

    it('tell the owner once when they lock it, and stand in the audit', async () => {
      const { accountId, secret } = await enabled();
      await fail(accountId, secret, 19);
      expect(await mailsTo(accountId)).toEqual([]);
      await fail(accountId, secret, 4);
      expect(await mailsTo(accountId)).toEqual(['factor-locked']);
      const said = await events(accountId);
      expect(said.filter((event) => event === 'second-factor-failed')).toHaveLength(23);
      expect(said.filter((event) => event === 'second-factor-locked')).toHaveLength(1);
    });

    it('sent many at once are no more than twenty, and a right one among the late ones is not looked at', async () => {
      const { accountId, secret } = await enabled();
      const wrong = await wrongCode(secret);
      const attempts = Array.from({ length: 40 }, () => proofs.checkCode(accountId, wrong, origin));
      attempts.push(proofs.checkCode(accountId, await code(secret), origin));
      const outcomes = await Promise.all(attempts);
      expect(outcomes.filter((outcome) => outcome === 'wrong')).toHaveLength(19);
      expect(outcomes.at(-1)).toBe('locked');
    });

    it('are forgotten in a row after a right one, but not for the day', async () => {
      const { accountId, secret } = await enabled();
      await fail(accountId, secret, 19);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
      expect(await fail(accountId, secret, 1)).toEqual(['locked']);
      clock.advance(A_DAY);
      // 1 in a row since the right one: 99 more.
      for (let day = 0; day < 4; day++) {
        await fail(accountId, secret, 20);
        clock.advance(A_DAY);
      }
      await fail(accountId, secret, 18);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
    });

    it('count the used code too: guessing and replaying are one', async () => {
      const { accountId, secret } = await enabled();
      const used = await code(secret);
      await proofs.checkCode(accountId, used, origin);
      const outcomes: string[] = [];
      for (let i = 0; i < 20; i++) outcomes.push(await proofs.checkCode(accountId, used, origin));
      expect(outcomes.at(-1)).toBe('locked');
    });

    it('are counted before the answer, and stay counted when what asked fails after it (Vikunja CVE-2026-35597)', async () => {
      const { accountId, secret } = await enabled();
      for (let i = 0; i < 20; i++) {
        const asking = async () => {
          const outcome = await proofs.checkCode(accountId, await wrongCode(secret), origin);
          await house.database.inTransaction(() => Promise.reject(new Error(`refused: ${outcome}`)));
        };
        await expect(asking()).rejects.toThrow('refused');
      }
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('locked');
    });

    it('cannot be tried where they cannot be counted: the store is at fault, not the person (authorizer #670)', async () => {
      const { accountId, secret } = await enabled();
      const full: InTransaction<never> = () => Promise.reject(new StoreUnavailable('full'));
      const failing = createProofs({ ...house.dependencies, inTransaction: full });
      for (const typed of [await wrongCode(secret), await code(secret)]) {
        await expect(failing.checkCode(accountId, typed, origin)).rejects.toThrow('full');
      }
      expect(await events(accountId)).toEqual([]);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
    });

    it('of one account lock no other', async () => {
      const alice = await enabled();
      const bob = await enabled();
      await fail(alice.accountId, alice.secret, 20);
      expect(await proofs.checkCode(bob.accountId, await code(bob.secret), origin)).toBe('right');
    });
  });

  describe('a recovery code', () => {
    const use = (accountId: AccountId, typed: string) => proofs.useRecoveryCode(accountId, typed, origin);

    it('is good once, and says how many are left (ASVS 6.5.1)', async () => {
      const { accountId, recoveryCodes } = await enabled();
      for (const [index, typed] of recoveryCodes.entries()) {
        expect(await use(accountId, typed)).toEqual({ outcome: 'right', left: 9 - index });
        expect(await proofs.countRecoveryCodes(accountId)).toBe(9 - index);
      }
      expect(await use(accountId, recoveryCodes[0]!)).toEqual({ outcome: 'wrong' });
      expect(await proofs.hasSecondFactor(accountId)).toBe(true);
    });

    it('sent twice at once is good once', async () => {
      const { accountId, recoveryCodes } = await enabled();
      const attempts = Array.from({ length: 4 }, () => use(accountId, recoveryCodes[0]!));
      const outcomes = await Promise.all(attempts);
      expect(outcomes.filter(({ outcome }) => outcome === 'right')).toEqual([{ outcome: 'right', left: 9 }]);
      expect(await proofs.countRecoveryCodes(accountId)).toBe(9);
    });

    it('counts exactly when different codes are used at once', async () => {
      const { accountId, recoveryCodes } = await enabled();
      const outcomes = await Promise.all(recoveryCodes.slice(0, 4).map((typed) => use(accountId, typed)));
      expect(outcomes.map((result) => 'left' in result && result.left).sort()).toEqual([6, 7, 8, 9]);
    });

    it('is read however it is spelt: small letters, no dashes, look-alikes', async () => {
      const { accountId, recoveryCodes } = await enabled();
      const [first, second, third] = recoveryCodes as [string, string, string];
      expect(await use(accountId, ` ${first.toLowerCase()} `)).toMatchObject({ outcome: 'right' });
      expect(await use(accountId, second.replaceAll('-', ''))).toMatchObject({ outcome: 'right' });
      const lookAlike = third.replaceAll('0', 'O').replaceAll('1', 'l').replaceAll('-', '–');
      expect(await use(accountId, lookAlike)).toMatchObject({ outcome: 'right' });
    });

    it('belongs to its account only, and is kept as a hash (ASVS 6.5.2)', async () => {
      const alice = await enabled();
      const bob = await enabled();
      const typed = alice.recoveryCodes[0]!;
      expect(await use(bob.accountId, typed)).toEqual({ outcome: 'wrong' });
      const kept = await stores.proofs.findRecoveryCode(alice.accountId, typed.slice(0, 2));
      expect(kept?.codeHash).toContain('$argon2id$');
    });

    it('costs one argon2id run, whatever is typed', async () => {
      const { accountId, recoveryCodes } = await enabled();
      const right = recoveryCodes[0]!;
      const lastChanged = right.slice(0, -1) + (right.endsWith('0') ? '2' : '0');
      for (const typed of [lastChanged, '', 'ZZ', 'x'.repeat(5000), '123456', '\uD800', right, right]) {
        const before = house.passwords.runs();
        await use(accountId, typed);
        expect(house.passwords.runs() - before).toBe(1);
      }
      const before = house.passwords.runs();
      expect(await use(newAccount(), right)).toEqual({ outcome: 'wrong' });
      expect(house.passwords.runs() - before).toBe(1);
    });

    it('has a lock of its own, which the authenticator does not share (CHECKLIST 3.4)', async () => {
      const { accountId, secret, recoveryCodes } = await enabled();
      const outcomes: string[] = [];
      for (let i = 0; i < 20; i++) outcomes.push((await use(accountId, 'wrong')).outcome);
      expect(outcomes).toEqual([...new Array<string>(19).fill('wrong'), 'locked']);
      expect(await use(accountId, recoveryCodes[0]!)).toEqual({ outcome: 'locked' });
      expect(await proofs.countRecoveryCodes(accountId)).toBe(10);
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('right');
    });

    it('is the way on when the authenticator is locked, and does not unlock it', async () => {
      const { accountId, secret, recoveryCodes } = await enabled();
      await fail(accountId, secret, 20);
      expect(await use(accountId, recoveryCodes[0]!)).toEqual({ outcome: 'right', left: 9 });
      expect(await proofs.checkCode(accountId, await code(secret), origin)).toBe('locked');
    });

    it('is not counted as wrong when the service is busy', async () => {
      const { accountId, recoveryCodes } = await enabled();
      const busy = createProofs({
        ...house.dependencies,
        passwords: { ...house.passwords, verify: () => Promise.reject(new PasswordsBusy(4)) },
      });
      for (let i = 0; i < 25; i++) {
        const attempt = busy.useRecoveryCode(accountId, 'wrong', origin);
        await expect(attempt).rejects.toMatchObject({ code: 'service-busy', retryAfterSeconds: 4 });
      }
      expect(await use(accountId, recoveryCodes[0]!)).toEqual({ outcome: 'right', left: 9 });
    });

    it('stands in the audit when used, without the code', async () => {
      const { accountId, recoveryCodes } = await enabled();
      await use(accountId, recoveryCodes[0]!);
      const [row] = await stores.audit.findByAccount(accountId, 1);
      expect(row).toMatchObject({ event: 'recovery-code-used', details: { left: 9 } });
      expect(JSON.stringify(row)).not.toContain(recoveryCodes[0]);
    });
  });

  it('draws recovery codes whose selectors never collide, in set after set', async () => {
    for (let set = 0; set < 25; set++) {
      const { recoveryCodes } = await proofs.addAuthenticator(newAccount(), 'alice', origin);
      expect(new Set(recoveryCodes.map((shown) => shown.slice(0, 2))).size).toBe(10);
    }
  });
});
