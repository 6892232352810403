// The poll gate in memory: which links are pending, and when each was last polled (domain/links.ts says what it may answer).
// A table of fixed width in typed arrays, in shards that grow alone: about 100 bytes a link, no pause at a million, nothing
// for the garbage collector. Entries leave when their link is decided, and when they have expired and room is needed.
import type { GateVerdict, PollGate } from '../../domain/links.js';

const SHARDS = 64;
const SMALLEST = 64;
const FULLEST = 0.7;
const GRACE_MS = 1000;
/** RFC 8628 §3.5: what slow_down adds, and where we stop adding. */
const SLOW_DOWN_SECONDS = 5;
const LONGEST_INTERVAL_SECONDS = 60;

const PENDING: GateVerdict = { verdict: 'pending' };
const TOO_SOON: GateVerdict = { verdict: 'too-soon' };
const UNKNOWN: GateVerdict = { verdict: 'unknown' };

interface Shard {
  mask: number;
  used: number;
  /** Four words of the device code's hash. */
  key: Uint32Array;
  client: Uint32Array;
  /** Seconds since 1970, rounded down; nothing where the place is free. */
  expires: Uint32Array;
  /** Milliseconds since 1970; nothing before the first poll. */
  accepted: Float64Array;
  interval: Uint8Array;
  /** Whether the interval was raised since the last accepted poll: at most one +5 between two of them. */
  raised: Uint8Array;
}

function createShard(places: number): Shard {
  return {
    mask: places - 1,
    used: 0,
    key: new Uint32Array(places * 4),
    client: new Uint32Array(places),
    expires: new Uint32Array(places),
    accepted: new Float64Array(places),
    interval: new Uint8Array(places),
    raised: new Uint8Array(places),
  };
}

const scratch = Buffer.alloc(32);
const words = new Uint32Array(scratch.buffer, scratch.byteOffset, 4);

/** Reads the hash into `words`; the shard and the place within it come from different words. */
function readKey(deviceCodeHash: string): number {
  scratch.write(deviceCodeHash, 'base64url');
  return words[0]! & (SHARDS - 1);
}

/** The place of the key in `words`, or the free place where it would go. */
function placeOf(shard: Shard): number {
  const { key, mask, expires } = shard;
  for (let place = words[1]! & mask; ; place = (place + 1) & mask) {
    if (expires[place] === 0) return place;
    const at = place * 4;
    if (
      key[at] === words[0] &&
      key[at + 1] === words[1] &&
      key[at + 2] === words[2] &&
      key[at + 3] === words[3]
    ) {
      return place;
    }
  }
}

function copyPlace(from: Shard, source: number, to: Shard, target: number): void {
  to.key.set(from.key.subarray(source * 4, source * 4 + 4), target * 4);
  to.client[target] = from.client[source]!;
  to.expires[target] = from.expires[source]!;
  to.accepted[target] = from.accepted[source]!;
  to.interval[target] = from.interval[source]!;
  to.raised[target] = from.raised[source]!;
}

/** A shard with room, holding only what has not expired. */
function rebuilt(old: Shard, nowSeconds: number): Shard {
  const isLive = (place: number): boolean => old.expires[place]! > nowSeconds;
  let live = 0;
  for (let place = 0; place <= old.mask; place++) if (isLive(place)) live += 1;
  let places = SMALLEST;
  while (places * FULLEST < (live + 1) * 1.4) places *= 2;
  const made = createShard(places);
  for (let place = 0; place <= old.mask; place++) {
    if (!isLive(place)) continue;
    words.set(old.key.subarray(place * 4, place * 4 + 4));
    copyPlace(old, place, made, placeOf(made));
    made.used += 1;
  }
  return made;
}

/** Closes the hole at a place, so that every key is still found by walking on from where it belongs. */
function closeHole(shard: Shard, hole: number): void {
  const { mask, expires, key } = shard;
  for (let place = (hole + 1) & mask; expires[place] !== 0; place = (place + 1) & mask) {
    const home = key[place * 4 + 1]! & mask;
    if (((place - home) & mask) < ((place - hole) & mask)) continue;
    copyPlace(shard, place, shard, hole);
    hole = place;
  }
  expires[hole] = 0;
}

export function createMemoryPollGate({ now }: { now: () => Date }): PollGate {
  let shards = Array.from({ length: SHARDS }, () => createShard(SMALLEST));
  let clients = new Map<string, number>();
  let decisions = 0;

  function numberOf(clientId: string): number {
    const known = clients.get(clientId);
    if (known !== undefined) return known;
    clients.set(clientId, clients.size + 1);
    return clients.size;
  }

  /** RFC 8628 §3.5: the first poll is free, a rejected one does not move the clock. */
  function judge(shard: Shard, place: number, at: number): GateVerdict {
    const last = shard.accepted[place]!;
    const interval = shard.interval[place]!;
    const elapsed = at - last;
    if (last === 0 || elapsed < 0 || elapsed + GRACE_MS >= interval * 1000) {
      shard.accepted[place] = at;
      shard.raised[place] = 0;
      return PENDING;
    }
    if (shard.raised[place] === 1 || interval >= LONGEST_INTERVAL_SECONDS) return TOO_SOON;
    shard.raised[place] = 1;
    shard.interval[place] = Math.min(interval + SLOW_DOWN_SECONDS, LONGEST_INTERVAL_SECONDS);
    return { verdict: 'raised', intervalSeconds: shard.interval[place] };
  }

  return {
    stamp: () => decisions,

    admit({ deviceCodeHash, clientId, intervalSeconds, expiresAt }, stamp) {
      if (stamp !== decisions) return;
      const index = readKey(deviceCodeHash);
      let shard = shards[index]!;
      if ((shard.used + 1) / (shard.mask + 1) > FULLEST) {
        shard = shards[index] = rebuilt(shard, Math.floor(now().getTime() / 1000));
        readKey(deviceCodeHash);
      }
      const place = placeOf(shard);
      if (shard.expires[place] !== 0) return;
      shard.key.set(words, place * 4);
      shard.client[place] = numberOf(clientId);
      shard.expires[place] = Math.floor(expiresAt / 1000);
      shard.accepted[place] = 0;
      shard.interval[place] = intervalSeconds;
      shard.raised[place] = 0;
      shard.used += 1;
    },

    check(deviceCodeHash, clientId, at) {
      const shard = shards[readKey(deviceCodeHash)]!;
      const place = placeOf(shard);
      if (shard.expires[place]! * 1000 <= at || shard.client[place] !== clients.get(clientId)) return UNKNOWN;
      return judge(shard, place, at);
    },

    remove(deviceCodeHash) {
      decisions += 1;
      const shard = shards[readKey(deviceCodeHash)]!;
      const place = placeOf(shard);
      if (shard.expires[place] === 0) return;
      closeHole(shard, place);
      shard.used -= 1;
    },

    clear() {
      decisions += 1;
      shards = Array.from({ length: SHARDS }, () => createShard(SMALLEST));
      clients = new Map();
    },

    size: () => shards.reduce((sum, shard) => sum + shard.used, 0),
  };
}
