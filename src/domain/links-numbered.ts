// Links that are polled by a number instead of a secret: the PIN door's. Here is what such a link is and what its store must be
// able to do; what a tool does with it is in `links-by-number`, and what a token may do for it in `links-by-token`. The states,
// and what a person does with it, are those of every link. PIN-API 3; CHECKLIST 3.1.
import { sha256 } from '../crypto/secrets.js';
import { cleanClientName } from './clients.js';
import type { DeviceKeyStore } from './device-keys.js';
import type { Approval, Link, LinkRequest, LinkStores, Numbered } from './links.js';
import type { ToolDescription } from './tokens.js';
import type { LinkedToolId } from './vocabulary.js';

/** The highest number: clients read it into 32 bits with a sign. */
export const HIGHEST_NUMBER = 2 ** 31 - 1;
/** Approval leaves a tool so long to collect its token. */
export const COLLECT_SECONDS = 120;

export type NumberedLinkRequest = LinkRequest & { readonly numbered: Numbered };
export type NumberedLinkRow = Link & { readonly numbered: Numbered };

/** What a tool asks with. */
export interface AboutNumber {
  readonly number: number;
  readonly identifier: string;
  /** A JWT that the tool has signed with its own key. */
  readonly deviceProof?: string;
}

/** A link as its own tool may see it. */
export interface NumberedLink {
  readonly number: number;
  /** Without a dash; a strong one in lower case. */
  readonly userCode: string;
  readonly isStrong: boolean;
  readonly identifier: string;
  readonly tool: ToolDescription;
  readonly networkAddress: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  /** Its token is given for a proof of the tool's own key only. */
  readonly isKeyed: boolean;
}

/** Each method that moves a link is one statement that names the door and the state it leaves. */
export interface NumberedLinkStore {
  /** False when the number or the user code is in use: draw others. */
  insert(link: NumberedLinkRequest): Promise<boolean>;
  findByNumber(number: number): Promise<NumberedLinkRow | undefined>;
  /** Approved to redeemed, for its own client, in time. */
  redeem(number: number, clientId: string, now: Date): Promise<NumberedLinkRow | undefined>;
  /** Approved to denied: the account lost its standing before the tool came back. */
  withdraw(number: number, now: Date): Promise<Link | undefined>;
  /** Pending to approved, of a link that was started from the same network. */
  approveByToken(
    userCodeMac: string,
    by: {
      readonly approval: Approval;
      readonly parentToolId: LinkedToolId;
      readonly network: string;
      readonly collectUntil: Date;
    },
    now: Date,
  ): Promise<NumberedLinkRow | undefined>;
}

export interface NumberedLinkStores extends LinkStores {
  readonly numberedLinks: NumberedLinkStore;
  readonly deviceKeys: DeviceKeyStore;
}

/** The tool's own words, fit to be shown. */
export function cleanDescription(tool: ToolDescription): ToolDescription {
  return {
    product: cleanClientName(tool.product),
    version: cleanClientName(tool.version),
    platform: cleanClientName(tool.platform),
    platformVersion: cleanClientName(tool.platformVersion),
    device: cleanClientName(tool.device),
    deviceName: cleanClientName(tool.deviceName),
    deviceVendor: cleanClientName(tool.deviceVendor),
    model: cleanClientName(tool.model),
  };
}

/** Under what the gate and the waiting room know a link: only its own tool, from the network that made it, can ask for that. */
export const keyOfNumber = (number: number, clientId: string, network: string): string =>
  sha256(JSON.stringify([number, clientId, network]));

/** The same for any link that was found. */
export function pollKeyOf({ numbered, clientId, network, deviceCodeHash }: LinkRequest): string {
  return numbered ? keyOfNumber(numbered.number, clientId, network) : deviceCodeHash;
}
