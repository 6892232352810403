// The lane for pending polls by number gives the same answers as the door behind it, byte for byte, and hands on whatever is
// not a plain poll (DESIGN 11; PIN-API 3.2).
import type { Response } from 'supertest';
import { createPendingAnswers } from '../../src/http/pins/pending-answers.js';
import { startPinHouse, toolHeaders, type PinHouse } from './pins-house.js';

let house: PinHouse;
beforeAll(async () => {
  house = await startPinHouse({ config: { trustedProxies: ['127.0.0.0/8', '::1'] } });
});
afterAll(() => house.close());

/** The door reads it like any other header that is none of its business; the lane leaves such a poll alone. */
const PAST_THE_LANE = { DPoP: 'x' };
const answeredByLane = () => house.counters.snapshot()['polls_pending'] ?? 0;
const compared = ({ headers }: Response) =>
  Object.entries(headers as Record<string, string>)
    .filter(([name]) => !['date', 'x-request-id', 'connection', 'keep-alive', 'vary'].includes(name))
    .sort();

async function expectLane(response: PromiseLike<Response>, isAnswered: boolean): Promise<Response> {
  const before = answeredByLane();
  const answer = await response;
  expect(answeredByLane() - before).toBe(isAnswered ? 1 : 0);
  return answer;
}

it.each([
  ['JSON by Accept', '', { Accept: 'application/json' }],
  ['JSON by its ending', '.json', { Accept: '*/*' }],
  ['XML by Accept', '', { Accept: '*/*' }],
  ['XML by its ending', '.xml', { Accept: 'application/json' }],
])('answers what the door would, in %s', async (_, suffix, headers) => {
  const product = 'Bücher & "Filme" \ud83c\udfac "expiresIn":0 expiresIn="0"';
  const values = toolHeaders({ 'X-Plex-Product': Buffer.from(product).toString('latin1'), ...headers });
  const created = await house.request.post(`/api/v2/pins${suffix}`).set(values).expect(201);
  const id = /"id":(\d+)| id="(\d+)"/.exec(created.text)!.slice(1).find(Boolean)!;
  house.clock.advance(7);
  const path = `/api/v2/pins/${id}${suffix}`;
  const byLane = await expectLane(house.request.get(path).set(values), true);
  const byDoor = await expectLane(house.request.get(path).set({ ...values, ...PAST_THE_LANE }), false);
  expect([byLane.status, byLane.text]).toEqual([200, byDoor.text]);
  expect(byLane.text).toContain('893');
  expect(compared(byLane)).toEqual(compared(byDoor));
  expect(byLane.headers['x-request-id']).toMatch(/^[\da-f-]{13}$/);
  expect(byLane.headers['access-control-allow-origin']).toBe('*');
});

it('answers a poll that names its code', async () => {
  const { id, code } = await house.createPin();
  await expectLane(house.poll(`${id}?code=${code}`).expect(200), true);
});

it('leaves a format that was not asked for yet to the door, once', async () => {
  const { id } = await house.createPin();
  const asXml = () => house.poll(id, { Accept: '*/*' }).expect(200);
  const byDoor = await expectLane(asXml(), false);
  const byLane = await expectLane(asXml(), true);
  expect(byLane.text).toBe(byDoor.text);
});

it.each<[string, (id: number) => PromiseLike<Response>]>([
  ['another identifier', (id) => house.poll(id, { 'X-Plex-Client-Identifier': 'another' })],
  ['no identifier', (id) => house.request.get(`/api/v2/pins/${id}`)],
  ['another network', (id) => house.poll(id, { 'X-Forwarded-For': '203.0.113.9' })],
  ['a value in the query', (id) => house.poll(`${id}?X-Plex-Product=x`)],
  ['a proof', (id) => house.poll(`${id}?deviceJWT=x`)],
  ['a code twice', (id) => house.poll(`${id}?code=A&code=B`)],
  ['a wish to wait', (id) => house.poll(id, { Prefer: 'wait=0' })],
  ['a token', (id) => house.poll(id, { Authorization: 'Bearer x' })],
  ['a body', (id) => house.poll(id).type('form').send('X-Plex-Product=x')],
  ['another method', (id) => house.request.head(`/api/v2/pins/${id}`).set(toolHeaders())],
  ['another ending', (id) => house.poll(`${id}.txt`)],
])('hands a poll with %s on to the door', async (_, send) => {
  const { id } = await house.createPin();
  await expectLane(send(id), false);
});

it('never says that a decided PIN is pending', async () => {
  for (const decide of [house.approve, house.deny]) {
    const { id, code } = await house.createPin();
    await expectLane(house.poll(id).expect(200), true);
    await decide(code);
    const response = await expectLane(house.poll(id), false);
    expect(response.text).not.toContain('"authToken":null');
  }
});

it('never says that an expired PIN is pending', async () => {
  const { id } = await house.createPin();
  house.clock.advance(900);
  await expectLane(house.poll(id).expect(404), false);
});

it('has no answer left over for whoever is given the number of a PIN that has expired', () => {
  const at = { ms: 0 };
  const answers = createPendingAnswers({ publicUrl: 'https://example.com', now: () => new Date(at.ms) });
  const tool = { product: 'A radio', version: '', platform: '', platformVersion: '', device: '' };
  const link = {
    ...{ number: 7, userCode: 'BCDFGHJK', isStrong: false, identifier: 'a-radio', isKeyed: false },
    ...{ networkAddress: '203.0.113.7', createdAt: new Date(0), expiresAt: new Date(900_000) },
    tool: { ...tool, deviceName: '', deviceVendor: '', model: '' },
  };
  answers.present(link, 'json');
  at.ms = 899_999;
  expect(answers.find(7, 'json')?.body).toContain('BCDFGHJK');
  at.ms = 900_000;
  expect(answers.find(7, 'json')).toBeUndefined();
});
