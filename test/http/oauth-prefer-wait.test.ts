// Polls that are held until the person has decided: `Prefer: wait=N` at the token endpoint (RFC 7240 §4.3).
import { request as sendRequest } from 'node:http';
import { readPreferWait } from '../../src/http/request-wait.js';
import {
  bodyOf,
  DEVICE_CODE_GRANT,
  expectRefusal,
  startOAuthHouse,
  type OAuthHouse,
  type Tokens,
} from './oauth-house.js';

let house: OAuthHouse;
let clientId: string;

beforeAll(async () => {
  house = await startOAuthHouse();
  clientId = await house.register();
});
afterAll(() => house.close());

/** Sends a poll that asks to be held; the request is on its way when this returns. */
const holdPoll = (deviceCode: string, wait = 'wait=30') =>
  house.poll(clientId, deviceCode, { Prefer: wait }).then((response) => response);

/** Lets the event loop turn until so many polls are held. */
async function untilHeld(count: number): Promise<void> {
  for (let turn = 0; house.waiting.count() !== count; turn++) {
    if (turn > 20_000) throw new Error(`${house.waiting.count()} polls are held, not ${count}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the header', () => {
  it.each([
    ['wait=10', 10],
    ['wait=30', 30],
    ['wait=31', 30],
    ['wait=999999999', 30],
    ['Wait = 5', 5],
    ['wait="7"', 7],
    ['respond-async, wait=10', 10],
    ['wait=10; mode=x', 10],
    ['wait=10, wait=20', 10],
    ['foo="a, wait=3", wait=4', 4],
  ])('%p asks for %d seconds (RFC 7240 §2, §4.3)', (header, seconds) =>
    expect(readPreferWait(header)).toBe(seconds),
  );

  it.each([
    '',
    'wait',
    'wait=',
    'wait=0',
    'wait=-1',
    'wait=1.5',
    'wait=x, wait=5',
    'waiting=5',
    'return=minimal',
    'wait=1e3',
  ])('%p asks for none (RFC 7240 §2)', (header) => expect(readPreferWait(header)).toBeUndefined());

  it('costs nothing when it is 16 KB of spaces, commas or quotation marks', () => {
    for (const piece of [' ', ',', '"', 'wait ', '",']) {
      const header = piece.repeat(16_384 / piece.length);
      for (let turn = 0; turn < 200; turn++) readPreferWait(header);
    }
  });
});

describe('a held poll', () => {
  it('is answered with the token as soon as the person has approved (RFC 7240 §4.3)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    const held = holdPoll(device_code);
    await untilHeld(1);
    await house.approve(user_code);
    const response = await held;
    expect(response.status).toBe(200);
    expect(response.headers['preference-applied']).toBe('wait=30');
    expect((bodyOf(response) as Tokens).access_token).toBeDefined();
  });

  it('is answered access_denied as soon as the person has declined (RFC 8628 §3.5)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    const held = holdPoll(device_code, 'wait=20');
    await untilHeld(1);
    await house.deny(user_code);
    const response = await held;
    expectRefusal(response, 400, 'access_denied');
    expect(response.headers['preference-applied']).toBe('wait=20');
  });

  it('is answered authorization_pending when its time is over (RFC 8628 §3.5)', async () => {
    const { device_code } = await house.start(clientId);
    const response = await holdPoll(device_code, 'wait=1');
    expectRefusal(response, 400, 'authorization_pending');
    expect(response.headers['preference-applied']).toBe('wait=1');
  });

  it('says the seconds that were applied, not those asked for (RFC 7240 §3)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    const held = holdPoll(device_code, 'wait=600');
    await untilHeld(1);
    await house.deny(user_code);
    expect((await held).headers['preference-applied']).toBe('wait=30');
  });

  it('ends with authorization_pending when a newer one takes its place (DESIGN 5)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    const older = holdPoll(device_code);
    await untilHeld(1);
    house.clock.advance(5);
    const newer = holdPoll(device_code);
    expectRefusal(await older, 400, 'authorization_pending');
    await untilHeld(1);
    await house.approve(user_code);
    expect((await newer).status).toBe(200);
  });

  it('leaves the token for the next poll when the tool hangs up (RFC 8628 §3.5)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    const { port } = new URL(house.issuer);
    const headers = { Prefer: 'wait=30', 'Content-Type': 'application/x-www-form-urlencoded' };
    const left = sendRequest({ port, host: '127.0.0.1', path: '/oauth/token', method: 'POST', headers });
    left.on('error', () => undefined);
    left.end(
      new URLSearchParams({ grant_type: DEVICE_CODE_GRANT, client_id: clientId, device_code }).toString(),
    );
    await untilHeld(1);
    left.destroy();
    await untilHeld(0);
    await house.approve(user_code);
    expect((await house.poll(clientId, device_code)).status).toBe(200);
  });

  it('gets nothing when its client was removed while it waited (DESIGN 5)', async () => {
    const doomed = await house.register();
    const { device_code, user_code } = await house.start(doomed);
    const held = house.poll(doomed, device_code, { Prefer: 'wait=30' }).then((response) => response);
    await untilHeld(1);
    await house.clients.removeClient(doomed);
    await house.approve(user_code);
    expectRefusal(await held, 401, 'invalid_client');
  });
});

describe('a poll that is not held', () => {
  it('was decided before it came: it is answered at once, without Preference-Applied (RFC 7240 §3)', async () => {
    const { device_code, user_code } = await house.start(clientId);
    await house.approve(user_code);
    const response = await holdPoll(device_code);
    expect(response.status).toBe(200);
    expect(response.headers).not.toHaveProperty('preference-applied');
  });

  it('came too soon: a hold counts as a poll from its arrival (RFC 8628 §3.5)', async () => {
    const { device_code } = await house.start(clientId);
    expectRefusal(await house.poll(clientId, device_code), 400, 'authorization_pending');
    const response = await holdPoll(device_code);
    expectRefusal(response, 400, 'slow_down');
    expect(response.headers).not.toHaveProperty('preference-applied');
  });

  it('is one too many from its network: it is answered at once, without Preference-Applied (DESIGN 5)', async () => {
    const links = await Promise.all(Array.from({ length: 51 }, () => house.start(clientId)));
    const last = links.pop()!;
    const held = links.map((link) => holdPoll(link.device_code));
    await untilHeld(50);
    const response = await holdPoll(last.device_code);
    expectRefusal(response, 400, 'authorization_pending');
    expect(response.headers).not.toHaveProperty('preference-applied');
    house.waiting.drain();
    for (const answer of await Promise.all(held)) expectRefusal(answer, 400, 'authorization_pending');
  });

  it('comes while the process is about to stop: pending at once (CHECKLIST 4, SIGTERM)', async () => {
    const { device_code } = await house.start(clientId);
    expectRefusal(await holdPoll(device_code), 400, 'authorization_pending');
  });
});
