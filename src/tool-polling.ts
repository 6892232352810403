// Waiting for the decision: when to ask again, how long to let a request be held, and when to stop.
// RFC 8628 §3.5, RFC 7240 §4.3 (`Prefer: wait`).
import { DEVICE_GRANT } from './tool-discovery.js';
import type { Server } from './tool-discovery.js';
import { REQUEST_SECONDS, ToolFault, exchange, refusal } from './tool-exchange.js';
import type { Answer, Outside } from './tool-exchange.js';
import type { Link } from './tool-link.js';
import { text } from './tool-words.js';

export const LONGEST_BACKOFF_SECONDS = 60;

/** Polls as RFC 8628 §3.5 says until something final is heard; answers with the token's JSON or the word for the end. */
export async function pollUntilDecided(outside: Outside, server: Server, clientId: string, link: Link) {
  let interval = link.intervalSeconds;
  let failures = 0;
  let delay = server.waitSeconds > 0 ? 0 : interval; // a held poll may start at once: nothing came before it
  for (;;) {
    const left = (link.expiresAt.getTime() - outside.now().getTime()) / 1000;
    if (delay >= left) return 'expired';
    if (delay > 0) await outside.sleep(delay * 1000, outside.signal);
    const sentAt = outside.now().getTime();
    const answer = await poll(
      outside,
      server,
      clientId,
      link,
      Math.min(server.waitSeconds, Math.ceil(left - delay)),
    );
    const error = answer?.json['error'];
    if (answer === undefined || answer.status >= 500 || answer.status === 429) {
      failures += 1;
      delay = Math.max(interval, Math.min(interval * 2 ** failures, LONGEST_BACKOFF_SECONDS));
    } else if (answer.status === 200 && text(answer.json['access_token']) !== '') return answer.json;
    else if (error === 'authorization_pending' || error === 'slow_down') {
      failures = 0;
      if (error === 'slow_down') interval += 5; // RFC 8628 §3.5: for this and all later polls
      const isHeld = error !== 'slow_down' && wasHeld(answer);
      // The hold has been the waiting already; a server that claims to hold but does not is still polled at the interval.
      delay = isHeld ? Math.max(0, interval - (outside.now().getTime() - sentAt) / 1000) : interval;
    } else if (error === 'access_denied') return 'declined';
    else if (error === 'expired_token') return 'expired';
    else throw refusal('token request', answer); // RFC 8628 §3.5: stop on any other error
    delay = Math.max(delay, retryAfterSeconds(answer?.headers.get('retry-after'), outside.now()));
    if (failures > 0)
      outside.print(`The server does not answer as it should; next try in ${Math.ceil(delay)} s.`);
    else if (error === 'slow_down')
      outside.print(`The server asks for patience; from now on every ${interval} s.`);
  }
}

/** One poll; undefined where no answer came. */
async function poll(outside: Outside, server: Server, clientId: string, link: Link, waitSeconds: number) {
  try {
    return await exchange(
      outside,
      server.tokenEndpoint,
      {
        method: 'POST',
        headers: waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {},
        body: new URLSearchParams({
          grant_type: DEVICE_GRANT,
          device_code: link.deviceCode,
          client_id: clientId,
        }),
      },
      REQUEST_SECONDS + waitSeconds,
    );
  } catch (fault) {
    if (outside.signal?.aborted || fault instanceof ToolFault) throw fault;
    return undefined;
  }
}

/** Whether the server says that it held the request (RFC 7240 §3). */
export function wasHeld({ headers }: Answer): boolean {
  return /\bwait\s*=/i.test(headers.get('preference-applied') ?? '');
}

/** The seconds that a `Retry-After` asks for, 0 where it says nothing that can be read (RFC 9110 §10.2.3). */
export function retryAfterSeconds(value: string | null | undefined, now: Date): number {
  if (!value) return 0;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - now.getTime()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}
