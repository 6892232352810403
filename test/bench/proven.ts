// Servers of one section: started, proven to do the whole device flow down to the token's signature, and stopped when the section ends,
// however it ends.
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { formRequest, sendOnce, type Answer } from './load.js';
import { startServer, type Server, type ServerName, type Setting } from './processes.js';
import { isPending, isToken, pollRequest } from './rounds.js';

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

/** Proves on one link that a server does the device flow: pending, approved, a token that verifies, and only once. */
export async function proveDeviceFlow(server: Server): Promise<void> {
  const { issuePath, clientId, scope, jwksPath } = server.ready;
  if (jwksPath === undefined) return;
  const expect = (isRight: boolean, what: string, answer: Answer): void => {
    if (!isRight) throw new Error(`${server.name}: ${what} was answered ${answer.status}:\n${answer.body}`);
  };
  const issued = await sendOnce(server.port, formRequest(issuePath, { client_id: clientId, scope }));
  expect(issued.status === 200, 'a device authorization request', issued);
  const code = (JSON.parse(issued.body) as { device_code: string }).device_code;
  const request = pollRequest(server, code);
  const pending = await sendOnce(server.port, request);
  expect(isPending(pending), 'the first poll', pending);
  await server.order('approve', { codes: [code] });
  const redeemed = await sendOnce(server.port, request);
  expect(isToken(redeemed), 'the poll after the approval', redeemed);
  const keys = (await (await fetch(`http://127.0.0.1:${server.port}${jwksPath}`)).json()) as JSONWebKeySet;
  const token = (JSON.parse(redeemed.body) as { access_token: string }).access_token;
  const needs = { typ: 'at+jwt', requiredClaims: ['aud', 'sub', 'exp', 'jti'] };
  await jwtVerify(token, createLocalJWKSet(keys), needs).catch((fault: unknown) => {
    throw new Error(`${server.name}: a token that does not verify (${String(fault)}):\n${token}`);
  });
  const again = await sendOnce(server.port, request);
  expect(again.status === 400 && again.body.includes('"invalid_grant"'), 'the poll after the token', again);
}
