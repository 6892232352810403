// What is kept of hosts that a proxy guards by asking here: the one-time handle with which a browser comes to such a host, and what
// the browser has there from then on. Neither is worth anything without the session that it hangs on.
// What becomes of them is decided in protected-hosts.ts.
import type { SessionStanding } from './sessions.js';
import type { AccountId, BrowserTicket } from './vocabulary.js';

/** Where a browser is signed in: scheme and host, as in `https://app.example.com`. */
export type Site = `${'http' | 'https'}://${string}`;

/** The session that something hangs on: rotated, it stays the same one; signed in anew, it does not. */
export interface ParentSession {
  readonly accountId: AccountId;
  readonly ticket: BrowserTicket;
}

/** What takes a browser from here to a host, once. */
export interface HostEntry extends ParentSession {
  readonly handleHash: string;
  readonly site: Site;
  /** Of what the host has given the browser that set out: no other one may arrive. */
  readonly visitHash: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export interface HostSession extends ParentSession {
  readonly tokenHash: string;
  readonly site: Site;
  /** When the browser set out: a session that began later is another one. */
  readonly createdAt: Date;
}

/** What a host's cookie stands for, with the session that it hangs on. */
export interface HostStanding {
  readonly accountId: AccountId;
  readonly site: Site;
  readonly session: SessionStanding;
}

export interface HostSessionStore {
  insertEntry(entry: HostEntry): Promise<void>;
  /** Removes it and hands it over, to one caller only; undefined when it is gone or over. */
  takeEntry(handleHash: string, now: Date): Promise<HostEntry | undefined>;
  insert(session: HostSession): Promise<void>;
  /** Undefined also where the session that it hangs on has ended, whatever the browser has begun since. */
  findStanding(tokenHash: string): Promise<HostStanding | undefined>;
  /** What is over, and what hangs on nothing any more. */
  removeExpired(now: Date): Promise<number>;
}
