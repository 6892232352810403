// The floor: a bare `node:http` handler that reads the form body and answers from a constant, with the headers that Linchpin
// sends. Nothing that speaks HTTP in node can cost less by much.
import { createServer } from 'node:http';
import { obeyOrders, readOptions } from '../contract.js';
import { NO_STORE, OPEN_TO_SCRIPTS } from '../../../src/http/guards.js';
import { abilities, ISSUED, PENDING, READY, REDEEMED } from './canned-answers.js';

const ANSWERS = new Map<string | undefined, [status: number, body: string]>([
  [READY.pollPath, [400, JSON.stringify(PENDING)]],
  [READY.issuePath, [200, JSON.stringify(ISSUED)]],
  [READY.redeemPath, [200, JSON.stringify(REDEEMED)]],
]);

const HEADERS = Object.entries({
  ...NO_STORE,
  'X-Content-Type-Options': 'nosniff',
  ...OPEN_TO_SCRIPTS,
  'X-Request-Id': '01234567-89ab',
}).flat();

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const form = chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString();
    const [status, body] = (form && ANSWERS.get(request.url)) || [404, '{"error":"not_found"}'];
    response.writeHead(status, [
      'Content-Type',
      'application/json; charset=utf-8',
      'Content-Length',
      String(Buffer.byteLength(body)),
      ...HEADERS,
    ]);
    response.end(body);
  });
});

server.listen(readOptions().port, '127.0.0.1', () => obeyOrders(READY, abilities));
