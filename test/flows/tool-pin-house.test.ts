// The demo tool at the PIN door of a whole house, with somebody deciding on what it shows: tokens that count until the tool
// is unlinked, and tokens bound to its own key.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPinTool } from '../../src/tool-pin.js';
import type { PinToolOptions } from '../../src/tool-pin.js';
import { createTestClock } from '../support/clock.js';
import { startOAuthHouse, type OAuthHouse } from '../http/oauth-house.js';

let house: OAuthHouse;
let folder: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'linchpin-tool-'));
  house = await startOAuthHouse({ clock: createTestClock(new Date()) });
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  await house.close();
});

/** Plays the tool, whose PIN is approved unless another decision is given. */
async function play(
  options: Partial<PinToolOptions> = {},
  decide: (code: string) => Promise<void> = house.approve,
) {
  const lines: string[] = [];
  const decided: Promise<void>[] = [];
  const result = await runPinTool({
    issuer: house.url,
    print: (words) => lines.push(words),
    now: house.clock.now,
    onShown: ({ userCode }) => void decided.push(decide(userCode)),
    ...options,
  });
  await Promise.all(decided);
  return { result, printed: lines.join('\n') };
}

const askUser = (token: string) =>
  house.request.get('/api/v2/user').set({ Accept: 'application/json', 'X-Plex-Token': token });

it.each([false, true])(
  'gets a token for a PIN, strong %s, and hears whom it speaks for',
  async (isStrong) => {
    const { result, printed } = await play({ isStrong });
    expect(result).toMatchObject({ outcome: 'token', user: { username: 'anna' } });
    expect(printed).toMatch(isStrong ? /PIN {3}[0-9a-z]{25}\n/ : /PIN {3}[A-Z]{8}\n/);
    const { token } = result as { token: string };
    await askUser(token).expect(200);
    await house.request.delete('/api/v2/users/signout').set('X-Plex-Token', token).expect(204);
    await askUser(token).expect(401);
  },
);

it('hears of the approval while its request is held (RFC 7240 §4.3)', async () => {
  const sleeps: number[] = [];
  const sleep = async (milliseconds: number) => void sleeps.push(milliseconds);
  const { result } = await play({ sleep }, (code) => house.untilHeld().then(() => house.approve(code)));
  expect([result.outcome, sleeps]).toEqual(['token', []]);
});

it('stops when the PIN is declined', async () => {
  const { result } = await play({}, (code) => house.untilHeld().then(() => house.deny(code)));
  expect(result).toEqual({ outcome: 'gone' });
});

it('binds the token to a key of its own, and renews it without a person', async () => {
  const keyFile = join(folder, 'key.json');
  const first = await play({ keyFile, isStrong: true });
  expect(first.result).toMatchObject({ outcome: 'token', check: { verdict: 'valid' } });
  const again = await play({ keyFile, isRenewal: true });
  expect(again.result).toMatchObject({
    ...{ outcome: 'token', check: { verdict: 'valid' }, user: { username: 'anna' } },
  });
  expect(again.printed).not.toContain('PIN ');
});

it('goes by the name that the operator gives to tokens of keyed tools', async () => {
  await house.close();
  const config = { pinIssuer: 'pins.example', pinAudience: 'pins.example' };
  house = await startOAuthHouse({ clock: createTestClock(new Date()), config });
  const { result } = await play({ isKeyed: true, audience: 'pins.example' });
  expect(result).toMatchObject({ outcome: 'token', check: { verdict: 'valid' } });
});
