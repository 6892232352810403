// Servers of one section: started, proven to do the whole device flow down to the token's signature, and stopped when the section ends,
// however it ends.
import { setTimeout as delay } from 'node:timers/promises';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { formRequest, sendOnce, type Answer } from './load.js';
import { startServer, type Server, type ServerName, type Setting } from './processes.js';
import { isPending, isToken, pollRequest } from './rounds.js';

const HEARD_WITHIN_MS = 12_000;
const LOOK_MS = 20;

/** Starts a server that has been proven. */
export type Start = (name: ServerName, setting?: Setting) => Promise<Server>;

/** Runs a section with servers that are proven when they start and stopped when it ends. */
export async function withServers<T>(work: (start: Start) => Promise<T>): Promise<T> {
  const started: Server[] = [];
  try {
    return await work(async (name, setting = {}) => {
      const server = await startServer(name, setting);
      started.push(server);
      await proveDeviceFlow(server);
      return server;
    });
  } finally {
    await Promise.all(started.map((server) => server.stop()));
  }
}

/** Proves the same of servers that are one: each step of a link at another, and the last at one that knows it to be pending. */
export async function proveReplicas(servers: readonly [Server, Server, Server]): Promise<void> {
  const [first, second, third] = servers;
  const { issuePath, clientId, scope } = first.ready;
  const issued = await sendOnce(first.port, formRequest(issuePath, { client_id: clientId, scope }));
  const code = (JSON.parse(issued.body) as { device_code: string }).device_code;
  const pending = await sendOnce(second.port, pollRequest(second, code));
  expect(second, isPending(pending), 'a poll at another replica', pending);
  await third.order('approve', { codes: [code] });
  // What one has decided, the others hear a moment later.
  let redeemed = await sendOnce(second.port, pollRequest(second, code));
  for (let tries = 0; isPending(redeemed) && tries < HEARD_WITHIN_MS / LOOK_MS; tries++) {
    await delay(LOOK_MS);
    redeemed = await sendOnce(second.port, pollRequest(second, code));
  }
  expect(second, isToken(redeemed), 'the poll after an approval at another replica', redeemed);
  await proveToken(first, redeemed);
  const again = await sendOnce(first.port, pollRequest(first, code));
  expect(first, again.body.includes('"invalid_grant"'), 'the poll after the token', again);
}

/** Proves on one link that a server does the device flow: pending, approved, a token that verifies, and only once. */
export async function proveDeviceFlow(server: Server): Promise<void> {
  const { issuePath, clientId, scope, jwksPath } = server.ready;
  if (jwksPath === undefined) return;
  const issued = await sendOnce(server.port, formRequest(issuePath, { client_id: clientId, scope }));
  expect(server, issued.status === 200, 'a device authorization request', issued);
  const code = (JSON.parse(issued.body) as { device_code: string }).device_code;
  const request = pollRequest(server, code);
  const pending = await sendOnce(server.port, request);
  expect(server, isPending(pending), 'the first poll', pending);
  await server.order('approve', { codes: [code] });
  const redeemed = await sendOnce(server.port, request);
  expect(server, isToken(redeemed), 'the poll after the approval', redeemed);
  await proveToken(server, redeemed);
  const again = await sendOnce(server.port, request);
  expect(
    server,
    again.status === 400 && again.body.includes('"invalid_grant"'),
    'the poll after the token',
    again,
  );
}

/** Verifies an answer's token with the keys that this server publishes. */
async function proveToken(server: Server, redeemed: Answer): Promise<void> {
  const address = `http://127.0.0.1:${server.port}${server.ready.jwksPath}`;
  const keys = (await (await fetch(address)).json()) as JSONWebKeySet;
  const token = (JSON.parse(redeemed.body) as { access_token: string }).access_token;
  const needs = { typ: 'at+jwt', requiredClaims: ['aud', 'sub', 'exp', 'jti'] };
  await jwtVerify(token, createLocalJWKSet(keys), needs).catch((fault: unknown) => {
    throw new Error(`${server.name}: a token that does not verify (${String(fault)}):\n${token}`);
  });
}

function expect(server: Server, isRight: boolean, what: string, answer: Answer): void {
  if (!isRight) throw new Error(`${server.name}: ${what} was answered ${answer.status}:\n${answer.body}`);
}
