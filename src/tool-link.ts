// Starting a link: the request for the two codes, and what the tool keeps of the answer. RFC 8628 §3.1, §3.2.
// It owns neither the showing (tool-printing) nor the waiting (tool-polling).
import type { Server } from './tool-discovery.js';
import { ToolFault, ask, parseAddress, refusal } from './tool-exchange.js';
import type { Outside } from './tool-exchange.js';
import { number, text, tidy } from './tool-words.js';

const LONGEST_LIFE_SECONDS = 86_400; // timers overflow far beyond it, and nobody waits longer

/** The started link as the person sees it; the device code stays inside the tool (RFC 8628 §3.3). */
export interface ShownLink {
  userCode: string;
  verificationUri: string;
  completeUri?: string;
  expiresInSeconds: number;
}

export interface Link extends ShownLink {
  deviceCode: string;
  intervalSeconds: number;
  expiresAt: Date;
}

/** Asks for a link; throws a `ToolFault` where the server refuses it or leaves out what RFC 8628 §3.2 requires. */
export async function startLink(
  outside: Outside,
  server: Server,
  clientId: string,
  scope: string,
): Promise<Link> {
  const answer = await ask(outside, server.deviceAuthorizationEndpoint ?? '', {
    method: 'POST',
    body: new URLSearchParams({ client_id: clientId, ...(scope === '' ? {} : { scope }) }),
  });
  const { device_code: deviceCode, user_code: userCode } = answer.json;
  const expiresInSeconds = Math.min(number(answer.json['expires_in']) ?? 0, LONGEST_LIFE_SECONDS);
  const verificationUri = text(answer.json['verification_uri']);
  const completeUri = text(answer.json['verification_uri_complete']);
  if (answer.status !== 200) throw refusal('device authorization', answer);
  if (
    typeof deviceCode !== 'string' ||
    typeof userCode !== 'string' ||
    parseAddress(verificationUri) === undefined ||
    expiresInSeconds <= 0
  )
    throw new ToolFault('The server started a link without all that RFC 8628 §3.2 requires.');
  return {
    deviceCode,
    userCode: tidy(userCode),
    verificationUri,
    ...(parseAddress(completeUri) === undefined ? {} : { completeUri }),
    expiresInSeconds,
    expiresAt: new Date(outside.now().getTime() + expiresInSeconds * 1000),
    intervalSeconds: Math.max(1, number(answer.json['interval']) ?? 5), // RFC 8628 §3.2: 5 where none is given
  };
}
