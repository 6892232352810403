// The poll gate in memory: which links are pending, and when each was last polled (domain/links.ts says what it may answer).
// A table of fixed width, in shards that grow alone: 46 to 92 bytes a link, no pause at a million, nothing for the garbage
// collector. Entries leave when their decision is taken, and when they have expired and room is needed.
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

/**
 * A place is eight words, half a cache line, so that a poll among a million touches memory once:
 * four of the device code's hash, then these.
 */
const WORDS = 8;
/** The client's number, and over it, where the link is bound to a key, 32 bits of that. */
const CLIENT = 4;
/** Seconds since 1970, rounded down; nothing where the place is free. */
const EXPIRES = 5;
/** Milliseconds of the last accepted poll, without the upper half: lives are minutes, and the clock may turn over. */
const ACCEPTED = 6;
/** The interval in seconds, and three flags above it. */
const PACE = 7;
const INTERVAL = 0xff;
const WAS_POLLED = 0x100;
/** Whether the interval was raised since the last accepted poll: at most one +5 between two of them. */
const WAS_RAISED = 0x200;
/** Whether the link was decided: nothing is answered from here any more, its client is only told once. */
const WAS_DECIDED = 0x400;
/** Above the flags: until which second a pending link is answered for without another look, the lower half of it. */
const TRUST = 0xffff0000;

interface Shard {
  mask: number;
  used: number;
  table: Uint32Array;
}

const createShard = (places: number): Shard => ({
  mask: places - 1,
  used: 0,
  table: new Uint32Array(places * WORDS),
});

/** As much of a hash as a place keeps. */
const scratch = Buffer.alloc(16);
const words = new Uint32Array(scratch.buffer, scratch.byteOffset, 4);

/** Reads the hash into `words`; the shard and the place within it come from different words. */
function readKey(deviceCodeHash: string): number {
  scratch.write(deviceCodeHash, 'base64url');
  return words[0]! & (SHARDS - 1);
}

/** Where the key in `words` stands in the table, or the free place where it would go. */
function find({ table, mask }: Shard): number {
  for (let place = words[1]! & mask; ; place = (place + 1) & mask) {
    const at = place * WORDS;
    if (table[at + EXPIRES] === 0) return at;
    if (
      table[at] === words[0] &&
      table[at + 1] === words[1] &&
      table[at + 2] === words[2] &&
      table[at + 3] === words[3]
    ) {
      return at;
    }
  }
}

/** A shard with room, holding only what has not expired. */
function rebuilt(old: Shard, nowSeconds: number): Shard {
  const live: number[] = [];
  for (let at = 0; at < old.table.length; at += WORDS)
    if (old.table[at + EXPIRES]! > nowSeconds) live.push(at);
  let places = SMALLEST;
  while (places * FULLEST < (live.length + 1) * 1.4) places *= 2;
  const made = createShard(places);
  for (const at of live) {
    words.set(old.table.subarray(at, at + 4));
    made.table.set(old.table.subarray(at, at + WORDS), find(made));
  }
  made.used = live.length;
  return made;
}

/** Frees a place and closes the hole, so that every key is still found by walking on from where it belongs. */
function removeAt(shard: Shard, at: number): void {
  const { table, mask } = shard;
  let hole = at / WORDS;
  for (let place = (hole + 1) & mask; table[place * WORDS + EXPIRES] !== 0; place = (place + 1) & mask) {
    const home = table[place * WORDS + 1]! & mask;
    if (((place - home) & mask) < ((place - hole) & mask)) continue;
    table.copyWithin(hole * WORDS, place * WORDS, (place + 1) * WORDS);
    hole = place;
  }
  table[hole * WORDS + EXPIRES] = 0;
  shard.used -= 1;
}

const ofKey = Buffer.alloc(6);

/**
 * 32 bits of a key's thumbprint, which is a hash; none for a link without a key. Whoever finds another key with the same ones
 * is told "pending" here, as the holder of that code: a token needs the whole thumbprint, in the store.
 */
function wordOf(keyThumbprint: string | undefined): number {
  if (keyThumbprint === undefined) return 0;
  ofKey.write(keyThumbprint, 'base64url');
  return ofKey.readUInt32BE(0);
}

/** RFC 8628 §3.5: the first poll is free, a rejected one does not move the clock. */
function judge({ table }: Shard, at: number, now: number): GateVerdict {
  const pace = table[at + PACE]!;
  const interval = pace & INTERVAL;
  // As a signed difference: below nothing only where the clock was set back.
  const elapsed = (now - table[at + ACCEPTED]!) | 0;
  if (!(pace & WAS_POLLED) || elapsed < 0 || elapsed + GRACE_MS >= interval * 1000) {
    table[at + ACCEPTED] = now;
    table[at + PACE] = (pace & TRUST) | interval | WAS_POLLED;
    return PENDING;
  }
  if (pace & WAS_RAISED || interval >= LONGEST_INTERVAL_SECONDS) return TOO_SOON;
  const raised = Math.min(interval + SLOW_DOWN_SECONDS, LONGEST_INTERVAL_SECONDS);
  table[at + PACE] = (pace & TRUST) | raised | WAS_POLLED | WAS_RAISED;
  return { verdict: 'raised', intervalSeconds: raised };
}

/**
 * `trustedSeconds`: where other processes decide links too, and a word of theirs may be lost, a link is answered for from here
 * so long after it was looked up, and then looked up again. Alone, a process knows every decision.
 */
export function createMemoryPollGate({
  now,
  trustedSeconds = Infinity,
}: {
  now: () => Date;
  trustedSeconds?: number;
}): PollGate {
  let shards = Array.from({ length: SHARDS }, () => createShard(SMALLEST));
  let clients = new Map<string, number>();
  let decisions = 0;

  function numberOf(clientId: string): number {
    const known = clients.get(clientId);
    if (known !== undefined) return known;
    clients.set(clientId, clients.size + 1);
    return clients.size;
  }

  const inHalf = (milliseconds: number): number => (Math.floor(milliseconds / 1000) & 0xffff) << 16;

  /** Half the seconds that fit are ahead of now, the other half behind. */
  function isTrusted({ table }: Shard, at: number, now: number): boolean {
    if (trustedSeconds === Infinity) return true;
    return (((table[at + PACE]! & TRUST) - inHalf(now)) | 0) > 0;
  }

  function isKnown(
    { table }: Shard,
    at: number,
    clientId: string,
    now: number,
    keyThumbprint: string | undefined,
  ): boolean {
    const number = clients.get(clientId);
    if (number === undefined || table[at + EXPIRES]! * 1000 <= now) return false;
    return table[at + CLIENT] === (number ^ wordOf(keyThumbprint)) >>> 0;
  }

  return {
    stamp: () => decisions,

    admit({ deviceCodeHash, clientId, intervalSeconds, expiresAt, keyThumbprint }, stamp) {
      if (stamp !== decisions) return;
      const index = readKey(deviceCodeHash);
      let shard = shards[index]!;
      if ((shard.used + 1) / (shard.mask + 1) > FULLEST) {
        shard = shards[index] = rebuilt(shard, Math.floor(now().getTime() / 1000));
        readKey(deviceCodeHash);
      }
      const at = find(shard);
      const trust = trustedSeconds === Infinity ? 0 : inHalf(now().getTime() + trustedSeconds * 1000);
      const client = numberOf(clientId) ^ wordOf(keyThumbprint);
      if (shard.table[at + EXPIRES] !== 0) {
        // Bound to a key since, and never unbound: whoever read it before that may come late.
        if (keyThumbprint !== undefined) shard.table[at + CLIENT] = client;
        shard.table[at + PACE] = trust | (shard.table[at + PACE]! & ~TRUST);
        return;
      }
      shard.table.set(words, at);
      shard.table[at + CLIENT] = client;
      shard.table[at + EXPIRES] = Math.floor(expiresAt / 1000);
      shard.table[at + PACE] = trust | intervalSeconds;
      shard.used += 1;
    },

    check(deviceCodeHash, clientId, now, keyThumbprint) {
      const shard = shards[readKey(deviceCodeHash)]!;
      const at = find(shard);
      const isPending =
        isKnown(shard, at, clientId, now, keyThumbprint) && !(shard.table[at + PACE]! & WAS_DECIDED);
      return isPending && isTrusted(shard, at, now) ? judge(shard, at, now) : UNKNOWN;
    },

    decide(deviceCodeHash) {
      decisions += 1;
      const shard = shards[readKey(deviceCodeHash)]!;
      const at = find(shard);
      if (shard.table[at + EXPIRES] !== 0) shard.table[at + PACE]! |= WAS_DECIDED;
    },

    takeDecision(deviceCodeHash, clientId, now, keyThumbprint) {
      const shard = shards[readKey(deviceCodeHash)]!;
      const at = find(shard);
      const isDecided =
        isKnown(shard, at, clientId, now, keyThumbprint) && (shard.table[at + PACE]! & WAS_DECIDED) !== 0;
      if (isDecided) removeAt(shard, at);
      return isDecided;
    },

    clear() {
      decisions += 1;
      shards = Array.from({ length: SHARDS }, () => createShard(SMALLEST));
      clients = new Map();
    },

    size: () => shards.reduce((sum, shard) => sum + shard.used, 0),
  };
}
