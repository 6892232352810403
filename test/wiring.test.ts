// What only the wiring decides (wiring-rooms.ts): who is told when a factor is locked.
import { startTestHouse, type TestHouse } from './support/app.js';

let app: TestHouse;
beforeAll(async () => {
  app = await startTestHouse();
});
afterAll(() => app.close());

/** An account whose authenticator is locked by wrong codes. */
async function lockedAccount(username: string, isEmailVerified: boolean): Promise<void> {
  const { accounts, proofs } = app.house;
  const email = `${username}@example.org`;
  const origin = { networkAddress: '203.0.113.7', network: '203.0.113.7', requestId: 'r' };
  const asked = { email, username, password: 'seven brass otters hum at dusk', role: 'person' } as const;
  const { accountId } = await accounts.createAccount({ ...asked, isEmailVerified });
  await proofs.addAuthenticator(accountId, username, origin);
  for (let tries = 0; tries < 20; tries++) await proofs.checkCode(accountId, 'no code', origin);
}

it('tells of a locked factor at a proved address only: nobody is mailed for an account that is not theirs', async () => {
  await lockedAccount('prover', true);
  await lockedAccount('squatter', false);
  await app.house.jobs.runNow('send mail');
  expect(app.mails).toMatchObject([{ notice: 'factor-locked', recipient: 'prover@example.org' }]);
});
