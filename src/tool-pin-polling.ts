// Waiting for a PIN's token: once a second, or held where the server holds (RFC 7240 §4.3), slower while it is in trouble.
// It owns when to ask again and when to stop; what is asked with a key comes from tool-device-key.
import { REQUEST_SECONDS, ToolFault, exchange } from './tool-exchange.js';
import type { Answer, Outside } from './tool-exchange.js';
import { errorNumber, introduction, pinRefusal } from './tool-pin-door.js';
import type { Pin, PinDoor } from './tool-pin-door.js';
import { LONGEST_BACKOFF_SECONDS, retryAfterSeconds, wasHeld } from './tool-polling.js';
import { text } from './tool-words.js';

const INTERVAL_SECONDS = 1;
const CODE_NOT_FOUND = 1020;

export interface PinWait {
  /** How long the server may hold a request; 0 asks for no hold. */
  waitSeconds: number;
  /** Makes the proof that a keyed PIN is asked for with. */
  prove?: () => Promise<string>;
}

/** Asks until there is a token; answers with it, or with `gone` (404, 1020) or `expired` (by the tool's own clock). */
export async function pollPin(
  outside: Outside,
  door: PinDoor,
  pin: Pin,
  { waitSeconds, prove }: PinWait,
): Promise<{ token: string } | 'gone' | 'expired'> {
  let failures = 0;
  let delay = waitSeconds > 0 ? 0 : INTERVAL_SECONDS;
  for (;;) {
    const left = (pin.expiresAt.getTime() - outside.now().getTime()) / 1000;
    if (delay >= left) return 'expired';
    if (delay > 0) await outside.sleep(delay * 1000, outside.signal);
    const sentAt = outside.now().getTime();
    const wait = Math.min(waitSeconds, Math.ceil(left - delay));
    const answer = await pollOnce(outside, door, pin, wait, await prove?.());
    if (answer === undefined || answer.status >= 500 || answer.status === 429) {
      failures += 1;
      const retryAfter = retryAfterSeconds(answer?.headers.get('retry-after'), outside.now());
      delay = Math.max(Math.min(2 ** failures, LONGEST_BACKOFF_SECONDS), retryAfter);
      outside.print(`The server does not answer as it should; next try in ${Math.ceil(delay)} s.`);
    } else if (answer.status === 404 && errorNumber(answer) === CODE_NOT_FOUND) return 'gone';
    else if (answer.status !== 200) throw pinRefusal('poll', answer);
    else {
      const token = text(answer.json['authToken']); // null while nobody has approved
      if (token !== '') return { token };
      failures = 0;
      const passed = (outside.now().getTime() - sentAt) / 1000;
      // The hold has been the waiting already; a server that claims to hold but does not is still asked once a second.
      delay = wasHeld(answer) ? Math.max(0, INTERVAL_SECONDS - passed) : INTERVAL_SECONDS;
    }
  }
}

/** One poll; undefined where no answer came. */
async function pollOnce(
  outside: Outside,
  door: PinDoor,
  pin: Pin,
  waitSeconds: number,
  proof: string | undefined,
): Promise<Answer | undefined> {
  const query = proof === undefined ? '' : `?${new URLSearchParams({ deviceJWT: proof }).toString()}`;
  const prefer = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
  const headers = { ...introduction(door), ...prefer };
  try {
    const address = `${door.base}/api/v2/pins/${pin.number}${query}`;
    return await exchange(outside, address, { headers }, REQUEST_SECONDS + waitSeconds);
  } catch (fault) {
    if (outside.signal?.aborted || fault instanceof ToolFault) throw fault;
    return undefined;
  }
}
