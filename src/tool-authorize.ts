// Signing in with the browser of this machine: the address to open, the code that comes back, and the token for it.
// RFC 8252 (native apps), RFC 7636 (PKCE), RFC 9207 (whose answer it is), RFC 6749 §4.1.
// It owns neither the ear for the answer (tool-loopback) nor the opening of the browser (tool-browser).
import { createHash, randomBytes } from 'node:crypto';
import type { Server } from './tool-discovery.js';
import { ToolFault, ask, refusal } from './tool-exchange.js';
import type { Outside } from './tool-exchange.js';
import { openLoopback } from './tool-loopback.js';
import { showAddress } from './tool-printing.js';
import { text } from './tool-words.js';

/** Servers keep such a request for about as long. */
const LONGEST_WAIT_SECONDS = 600;

const secret = (): string => randomBytes(32).toString('base64url');

/** Plays the whole of it; answers with the token's JSON, or the word for the end. */
export async function askInBrowser(outside: Outside, server: Server, clientId: string, scope: string) {
  const state = secret();
  const verifier = secret(); // RFC 7636 §4.1: it stays in the tool, and makes a stolen code worthless
  const { redirectUri, answer, close } = await openLoopback(state);
  try {
    const address = writeAddress(server, { clientId, scope, state, verifier, redirectUri });
    showAddress(outside, address);
    outside.openBrowser?.(address);
    const found = await waitFor(outside, answer);
    if (found === undefined) return 'unanswered';
    const code = readCode(server, found);
    return code === 'declined'
      ? code
      : await redeem(outside, server, { clientId, code, verifier, redirectUri });
  } finally {
    close();
  }
}

interface Asked {
  clientId: string;
  scope: string;
  state: string;
  verifier: string;
  redirectUri: string;
}

function writeAddress(server: Server, { clientId, scope, state, verifier, redirectUri }: Asked): string {
  const address = new URL(server.authorizationEndpoint ?? '');
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: redirectUri,
    ...(scope === '' ? {} : { scope }),
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address.href;
}

/** The answer, or nothing after ten minutes. Throws where the tool is stopped meanwhile. */
async function waitFor(outside: Outside, answer: Promise<URLSearchParams>) {
  const enough = new AbortController();
  const signal = outside.signal ? AbortSignal.any([outside.signal, enough.signal]) : enough.signal;
  const over = outside.sleep(LONGEST_WAIT_SECONDS * 1000, signal).then(() => undefined);
  try {
    return await Promise.race([answer, over]);
  } finally {
    over.catch(() => undefined);
    enough.abort();
  }
}

/** The code, or that the person declined; throws a `ToolFault` for anything else. */
function readCode(server: Server, answer: URLSearchParams): string {
  const issuer = answer.get('iss');
  // RFC 9207 §2.4: another server's answer, slipped in here, would send its code, or ours, to the wrong place.
  if (issuer === null ? server.isIssuerNamed : issuer !== server.issuer)
    throw new ToolFault('The answer in the browser is not of this server: refused (RFC 9207 §2.4).');
  const error = text(answer.get('error'));
  if (error === 'access_denied') return 'declined';
  const description = text(answer.get('error_description'));
  if (error !== '')
    throw new ToolFault(`The server refused: ${error}${description === '' ? '' : `: ${description}`}.`);
  const code = answer.get('code');
  if (!code) throw new ToolFault('The server answered in the browser without a code (RFC 6749 §4.1.2).');
  return code;
}

async function redeem(
  outside: Outside,
  server: Server,
  {
    clientId,
    code,
    verifier,
    redirectUri,
  }: Pick<Asked, 'clientId' | 'verifier' | 'redirectUri'> & { code: string },
) {
  const answer = await ask(outside, server.tokenEndpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: verifier,
    }),
  });
  if (answer.status !== 200 || text(answer.json['access_token']) === '') throw refusal('code', answer);
  return answer.json;
}
