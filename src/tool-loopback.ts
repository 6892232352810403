// The tool's own ear on this machine: the browser brings the server's answer to it. RFC 8252 §7.3 (loopback address, any free port),
// §8.3 (the address itself, not the name "localhost", and no other interface).
// It owns which request is the answer; what the answer means is in tool-authorize.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const PATH = '/callback';

/** As it is registered: servers leave the port of a loopback address free (RFC 8252 §7.3). */
export const REGISTERED_REDIRECT_URI = `http://127.0.0.1${PATH}`;

export interface Loopback {
  redirectUri: string;
  /** What the server has sent back, by the first request that knows the state. */
  answer: Promise<URLSearchParams>;
  close: () => void;
}

/** Listens on a free port until `close`. Requests that do not know the state end nothing: any page can send some here. */
export async function openLoopback(state: string): Promise<Loopback> {
  const server = createServer({ maxHeaderSize: 16_384, requestTimeout: 10_000 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answer = new Promise<URLSearchParams>((resolve) => {
    server.on('request', (request, response) => {
      const found = readAnswer(request, host, state);
      // Once the browser has its page: the ear is closed as soon as somebody knows the answer.
      if (found) response.once('close', () => resolve(found));
      show(response, found ? CLOSE_WINDOW : NOTHING_HERE);
    });
  });
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { redirectUri: `http://${host}${PATH}`, answer, close };
}

function readAnswer(
  { method, url = '', headers }: IncomingMessage,
  host: string,
  state: string,
): URLSearchParams | undefined {
  // A name that was made to point here would carry that name (DNS rebinding).
  if (method !== 'GET' || headers.host !== host || !url.startsWith(`${PATH}?`)) return undefined;
  const answer = new URLSearchParams(url.slice(PATH.length + 1));
  const isOurs = answer.getAll('state').length === 1 && answer.get('state') === state;
  // RFC 6749 §3.1: a parameter that comes twice says nothing.
  const isPlain = new Set(answer.keys()).size === [...answer.keys()].length;
  return isOurs && isPlain ? answer : undefined;
}

const CLOSE_WINDOW = { status: 200, words: 'The tool has its answer. You can close this window.' };
const NOTHING_HERE = { status: 404, words: 'There is nothing here.' };

function show(response: ServerResponse, { status, words }: { status: number; words: string }): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    connection: 'close',
  });
  response.end(`<!doctype html><html lang="en"><title>${words}</title><p>${words}</p></html>`);
}
