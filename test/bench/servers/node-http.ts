// The floor: a bare `node:http` handler that reads the form body and answers from a constant. Nothing that speaks HTTP in
// node can cost less by much.
import { createServer } from 'node:http';
import { obeyOrders, readOptions } from '../contract.js';
import { abilities, ISSUED, PENDING, READY, REDEEMED } from './canned-answers.js';

const ANSWERS = new Map<string | undefined, [status: number, body: string]>([
  [READY.pollPath, [400, JSON.stringify(PENDING)]],
  [READY.issuePath, [200, JSON.stringify(ISSUED)]],
  [READY.redeemPath, [200, JSON.stringify(REDEEMED)]],
]);

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
      'Cache-Control',
      'no-store',
    ]);
    response.end(body);
  });
});

server.listen(readOptions().port, '127.0.0.1', () => obeyOrders(READY, abilities));
