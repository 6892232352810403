// How long a tool would like a poll to be held, and whether it is still there: the `wait` preference of RFC 7240 §4.3, and nothing
// else of that header.

import type { ServerResponse } from 'node:http';
import type { Caller } from '../domain/waiting.js';

/** No request is held longer; the metadata announces it. */
export const LONGEST_WAIT_SECONDS = 30;

/**
 * The seconds to hold, at most 30; undefined where none are asked for, or not in digits. Of several, the first counts
 * (RFC 7240 §2).
 */
export function readPreferWait(header: string): number | undefined {
  // A comma inside a quoted value parts nothing.
  const preferences = header.replace(/"[^"]*"/g, (quoted) => quoted.replaceAll(',', ' ')).split(',');
  const first = preferences.find((preference) => /^\s*wait\s*(=|;|$)/i.test(preference));
  const digits = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*(;|$)/i.exec(first ?? '')?.[1];
  const seconds = Math.min(Number(digits ?? 0), LONGEST_WAIT_SECONDS);
  return seconds > 0 ? seconds : undefined;
}

/** Whoever waits for this answer. */
export const callerOf = (res: ServerResponse): Caller => ({
  hasLeft: () => res.closed,
  onLeaving(leave) {
    res.once('close', leave);
    return () => void res.off('close', leave);
  },
});
