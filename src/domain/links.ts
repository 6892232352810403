// Links: one attempt to connect a tool to an account, from the tool's request to the token. THE state machine.
//
//   pending --reserve--> reserved --approve--> approved --redeem--> redeemed
//      ^------release-------'  '---deny---> denied          (expired: computed from the clock, never stored)
//
// Every move is one conditional UPDATE that names the state it leaves, in the store; poll bookkeeping never shares its row.
// Here: the words, and what the store must be able to do. What a tool does with a link is in `links-tool`, what a person
// does with it in `links-person`. RFC 8628.
import { sha256 } from '../crypto/secrets.js';
import type { AuditStore } from './audit.js';
import type { ClientStore } from './clients.js';
import type { ServiceStore } from './services.js';
import type { DeviceKeyMaterial } from './device-keys-proof.js';
import type { UsedProofStore } from './used-proofs.js';
import type { TokenStores, ToolDescription } from './tokens.js';
import type {
  AccountId,
  AuthenticationMethod,
  BrowserTicket,
  HouseholdStanding,
  LinkedToolId,
  LinkId,
  SubjectId,
} from './vocabulary.js';

export type Arrival = 'typed' | 'link';

/** What a tool says and shows of itself when it asks. */
export interface LinkRequest {
  readonly linkId: LinkId;
  readonly door: 'oauth' | 'pin';
  readonly clientId: string;
  readonly deviceCodeHash: string;
  readonly userCodeMac: string;
  readonly scope: string;
  readonly networkAddress: string;
  readonly network: string;
  readonly webOrigin: string | undefined;
  readonly userAgent: string;
  readonly keyThumbprint: string | undefined;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** The services that its tokens may be for (RFC 8707): their audiences. */
  readonly resources?: readonly string[] | undefined;
  /** Of a link that is polled by its number: see `links-numbered`. */
  readonly numbered?: Numbered | undefined;
}

/** What a link that is polled by its number has, in place of a device code. */
export interface Numbered {
  /** Random, 1 to 2^31 - 1, and no secret. */
  readonly number: number;
  /** How long its user code is, which is drawn again from the link to be shown to the tool again. */
  readonly userCodeLength: number;
  readonly tool: ToolDescription;
  /** The key without whose proof it gives no token. */
  readonly deviceKey: DeviceKeyMaterial | undefined;
  /** Where the browser goes after the decision: kept by whoever reserved it. */
  readonly forwardAddress: string | undefined;
  /** The linked tool whose token approved it. */
  readonly parentToolId: LinkedToolId | undefined;
}

/** Who holds a reserved link: an account, in one browser. */
export interface Holder {
  readonly accountId: AccountId;
  readonly ticket: BrowserTicket;
}

/** On whose word a link was approved. */
export interface Approval {
  readonly accountId: AccountId;
  readonly subjectId: SubjectId;
  readonly authenticatedAt: Date;
  readonly methods: readonly AuthenticationMethod[];
  /** Of whom it speaks for. */
  readonly household?: HouseholdStanding | undefined;
  /** What they may have of what the tool asked for, where that is less. */
  readonly scope?: string;
}

export type LinkProgress =
  | { readonly state: 'pending' }
  | { readonly state: 'reserved'; readonly holder: Holder; readonly arrival: Arrival }
  | {
      readonly state: 'approved';
      readonly holder: Holder;
      readonly approval: Approval;
      readonly arrival: Arrival;
    }
  | { readonly state: 'denied'; readonly holder: Holder | undefined }
  | { readonly state: 'redeemed'; readonly holder: Holder; readonly approval: Approval };

export type Link = LinkRequest & LinkProgress;
/** What redeeming needs of a link. */
export type ApprovedLink = Pick<
  LinkRequest,
  'linkId' | 'door' | 'scope' | 'network' | 'keyThumbprint' | 'resources'
> & { readonly approval: Approval };
/** What a poll needs of a link. */
export type LinkStanding = Pick<LinkRequest, 'clientId' | 'expiresAt' | 'keyThumbprint'> & {
  readonly state: Link['state'];
  readonly redeemedAt: Date | undefined;
  /** Between polls, in seconds, where it was raised. */
  readonly raisedInterval: number | undefined;
};

/**
 * How a device code finds its link: by the link's id, which it starts with, and by the hash of the whole. Ids sort by time, so
 * finding one touches what is warm; the secret behind it has 256 bits (CHECKLIST 3.1).
 */
export interface DeviceCodeKey {
  readonly linkId: LinkId;
  readonly deviceCodeHash: string;
}

let lastCode = '';
let lastKey: DeviceCodeKey = { linkId: '' as LinkId, deviceCodeHash: sha256('') };

/** The key of any text; one that is no device code finds nothing. The last one is known still: a poll asks several times. */
export function keyOfDeviceCode(deviceCode: string): DeviceCodeKey {
  if (deviceCode === lastCode) return lastKey;
  const end = Math.max(deviceCode.lastIndexOf('.'), 0);
  lastKey = { linkId: deviceCode.slice(0, end) as LinkId, deviceCodeHash: sha256(deviceCode) };
  lastCode = deviceCode;
  return lastKey;
}

/** Who redeems a link by its device code, with the key that was proved, and when. */
export interface LinkRedeemer {
  readonly clientId: string;
  readonly keyThumbprint?: string | undefined;
  readonly now: Date;
}

/** Each method that moves a link is one statement; false or undefined means that it was not in the state it must leave. */
export interface LinkStore {
  /** False when the user code is in use: draw another, never overwrite. */
  insert(link: LinkRequest): Promise<boolean>;
  find(linkId: LinkId): Promise<Link | undefined>;
  findByDeviceCode(key: DeviceCodeKey): Promise<LinkStanding | undefined>;
  findByUserCode(userCodeMac: string): Promise<Link | undefined>;
  /** The newest live link that this browser has reserved. */
  findReservedBy(holder: Holder, now: Date): Promise<Link | undefined>;
  /**
   * Pending, or reserved by the same account in another browser, to reserved. A link that is polled by its number keeps the
   * forward address that comes with this reservation, or none.
   */
  reserve(
    userCodeMac: string,
    holder: Holder,
    arrival: Arrival,
    now: Date,
    forwardAddress?: string,
  ): Promise<Link | undefined>;
  /** Reserved to pending, or to denied once it has been released `most` times. */
  release(linkId: LinkId, holder: Holder, most: number, now: Date): Promise<Link | undefined>;
  /** A link that is polled by its number expires at `collectUntil` then, if it would not have sooner. */
  approve(
    linkId: LinkId,
    holder: Holder,
    approval: Approval,
    now: Date,
    collectUntil: Date,
  ): Promise<Link | undefined>;
  deny(linkId: LinkId, holder: Holder, now: Date): Promise<Link | undefined>;
  /** Binds an undecided link to a key; true also where it is bound to that one already. */
  bindKey(key: DeviceCodeKey, clientId: string, keyThumbprint: string, now: Date): Promise<boolean>;
  /** What this client can redeem now, if nobody is faster. */
  findRedeemable(key: DeviceCodeKey, redeemer: LinkRedeemer): Promise<ApprovedLink | undefined>;
  /** A link that is bound to a key is redeemed with that one alone; one that is not is bound to what it is redeemed with. */
  redeem(key: DeviceCodeKey, redeemer: LinkRedeemer): Promise<boolean>;
  /** Approved to denied: the account lost its standing before the tool came back. */
  withdraw(key: DeviceCodeKey, now: Date): Promise<Link | undefined>;
  /** Reserved or approved to denied, whatever this account has under way: it is in other hands, or closed, from now on. */
  withdrawByAccount(accountId: AccountId, now: Date): Promise<Link[]>;
  countLive(now: Date): Promise<number>;
  /** Keeps a raised interval in seconds; it never goes down. */
  raiseInterval(linkId: LinkId, intervalSeconds: number): Promise<void>;
  /** A few of those that expired before the time, the oldest, and whether intervals are kept of any. */
  findExpired(
    before: Date,
  ): Promise<{ readonly linkIds: readonly LinkId[]; readonly haveIntervals: boolean }>;
  /** Of a few links, as `findExpired` finds them: resolves to how many there were. */
  remove(linkIds: readonly LinkId[]): Promise<number>;
  removeIntervals(linkIds: readonly LinkId[]): Promise<number>;
}

/**
 * Answers polls of links that are still pending, without asking the store. It may know too little, never too much: what it
 * does not know, the store is asked for. `stamp` guards admission: a decision since then makes it void.
 */
export interface PollGate {
  stamp(): number;
  admit(entry: GateEntry, stamp: number): void;
  /** `unknown` also for a link that was decided, and for one that is bound to another key, or to one where none was proved. */
  check(deviceCodeHash: string, clientId: string, now: number, keyThumbprint?: string): GateVerdict;
  /** The link was decided: it is pending no more. Call once the decision has committed. */
  decide(deviceCodeHash: string): void;
  /**
   * Whether a link that was pending here has been decided: said once, to its own client, and then the link is forgotten.
   * Only a hint: it spares the client's next poll the question whether there is anything to redeem.
   */
  takeDecision(deviceCodeHash: string, clientId: string, now: number, keyThumbprint?: string): boolean;
  /** Forgets everything: a client was removed, or the clock jumped. */
  clear(): void;
  size(): number;
}

export interface GateEntry {
  readonly deviceCodeHash: string;
  readonly clientId: string;
  readonly intervalSeconds: number;
  readonly expiresAt: number;
  /** The key that the link is bound to. */
  readonly keyThumbprint?: string | undefined;
}

export type GateVerdict =
  | { readonly verdict: 'pending' | 'too-soon' | 'unknown' }
  | { readonly verdict: 'raised'; readonly intervalSeconds: number };

export type PollOutcome = 'pending' | 'too-soon' | 'approved' | 'denied' | 'expired' | 'redeemed' | 'unknown';
export interface LinkStores extends TokenStores {
  readonly links: LinkStore;
  readonly clients: ClientStore;
  readonly services: Pick<ServiceStore, 'find'>;
  readonly usedProofs: UsedProofStore;
  readonly audit: AuditStore;
}

/** Moments at which a fault test may end the process. */
export type LinkCheckpoint = (
  moment:
    | 'approve:before'
    | 'approve:updated'
    | 'approve:committed'
    | 'redeem:before'
    | 'redeem:found'
    | 'redeem:updated'
    | 'redeem:opened'
    | 'redeem:committed'
    | 'redeem:signed',
) => void;

/** The state as the clock sees it: a link that was not decided, or not collected, in time has expired. */
export function stateOf(link: Pick<Link, 'state' | 'expiresAt'>, now: Date): Link['state'] | 'expired' {
  const isOpen = link.state === 'pending' || link.state === 'reserved' || link.state === 'approved';
  return isOpen && link.expiresAt <= now ? 'expired' : link.state;
}
