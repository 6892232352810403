// The rooms of the PIN and the fallback door: links that are polled by a number, lasting tokens, tools with keys of their own.
// wiring-rooms.ts opens them among the others.
import type { Config } from './config.js';
import type { Accounts } from './domain/accounts.js';
import { createDeviceKeys } from './domain/device-keys.js';
import { createDeviceTokens, DEVICE_TOKEN_SECONDS, type DeviceTokens } from './domain/device-keys-tokens.js';
import { createKeys, type Keys } from './domain/keys.js';
import type { ForWhomDependencies } from './domain/links-for-whom.js';
import { createLinksByNumber } from './domain/links-by-number.js';
import { createLinksByToken } from './domain/links-by-token.js';
import type { PollGate } from './domain/links.js';
import { createTokensLasting } from './domain/tokens-lasting.js';
import type { TokensStanding } from './domain/tokens-standing.js';
import type { LinkedTool, Tokens } from './domain/tokens.js';
import type { AccountId, Origin } from './domain/vocabulary.js';
import type { Waiting, WakeUps } from './domain/waiting.js';
import type { Stores } from './stores/sql/stores.js';
import { sealerOf, userCodesOf, type Ground } from './wiring-ground.js';

/** The ring of keys for the tokens of tools with a key of their own, and what signs with it. */
export function openDeviceTokens(
  config: Config,
  { stores, inTransaction, audit, keyring, now }: Ground,
  accounts: Pick<Accounts, 'findAccount'>,
) {
  const deviceKeyRing = createKeys({
    store: stores.deviceKeyRing,
    inTransaction: (work) => inTransaction((inside) => work({ ...inside, keys: inside.deviceKeyRing })),
    audit,
    sealer: sealerOf(keyring, 'signing-key'),
    now,
    issuer: config.pinIssuer,
    algs: ['EdDSA'],
    longestTokenSeconds: DEVICE_TOKEN_SECONDS,
  });
  const deviceTokens = createDeviceTokens({
    keys: deviceKeyRing,
    now,
    issuer: config.pinIssuer,
    audience: config.pinAudience,
    describePerson: async ({ accountId, subjectId }) => {
      // The shape that clients of this API know: sixteen digits, and an address that nobody else can have.
      const uuid = subjectId.replaceAll('-', '').slice(0, 16);
      const addressOf = (publicNumber: number): string => `${publicNumber}@unverified.invalid`;
      if ((subjectId as string) !== accountId) {
        const member = await stores.households.findMember(subjectId);
        if (!member) return undefined;
        const { publicNumber, name, joinedAt } = member;
        const told = { username: '', displayName: name, createdAt: joinedAt, isRestricted: true };
        return { ...told, publicNumber, uuid, email: addressOf(publicNumber) };
      }
      const account = await accounts.findAccount(accountId);
      if (!account) return undefined;
      const { publicNumber, username, displayName, createdAt, isEmailVerified } = account;
      return {
        publicNumber,
        username,
        displayName,
        createdAt,
        isRestricted: false,
        uuid,
        email: isEmailVerified ? account.email : addressOf(publicNumber),
      };
    },
  });
  return { deviceKeyRing, deviceTokens };
}

interface Given extends Ground, Pick<ForWhomDependencies<Stores>, 'findApproved'> {
  readonly gate: PollGate;
  readonly wakeUps: WakeUps;
  readonly waiting: Waiting;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  readonly userCodeMac: (userCode: string) => string;
  readonly userCodeMacs: (userCode: string) => string[];
  readonly describeDecider: (
    accountId: AccountId,
  ) => Promise<{ readonly isVerified: boolean; readonly createdAt: Date } | undefined>;
  readonly onAlarm: (message: string) => void;
}

interface Recipients {
  readonly findRecipient: (
    accountId: AccountId,
  ) => Promise<{ readonly email: string; readonly username: string; readonly language: string } | undefined>;
}

/** Tells the owner of an account what a tool has done, at an address that they have proved. */
function createTelling(config: Config, { notices, now }: Ground, { findRecipient }: Recipients) {
  return async (
    stores: Stores,
    notice: 'device-key-added' | 'tool-linked-by-token',
    about: { readonly accountId: AccountId; readonly tool: string; readonly origin: Origin },
  ): Promise<void> => {
    const recipient = await findRecipient(about.accountId);
    if (!recipient) return;
    await notices.tell(stores, notice, recipient, {
      username: recipient.username,
      tool: about.tool,
      from: about.origin.networkAddress,
      at: `${now().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
      unlinkAddress: `${config.publicUrl}/account/tools`,
    });
  };
}

export function openNumberedRooms(
  config: Config,
  given: Given,
  rooms: {
    readonly keys: Keys;
    readonly tokens: Tokens;
    readonly tokensStanding: TokensStanding;
    readonly deviceTokens: DeviceTokens;
  },
  people: Recipients,
) {
  const { stores, keyring } = given;
  const { keys, tokens, tokensStanding: standing, deviceTokens } = rooms;
  const tell = createTelling(config, given, people);
  const tokensLasting = createTokensLasting({
    ...given,
    store: stores.tokens,
    keys,
    tokens,
    standing,
    readDeviceToken: deviceTokens.read,
    issuer: config.publicUrl,
    ttlDays: config.pinTokenTtlDays,
  });
  const deviceKeys = createDeviceKeys({
    ...given,
    store: stores.deviceKeys,
    deviceTokens,
    nonceMacs: (...parts) => keyring.macs('nonce', ...parts),
    tellOwner: (inside: Stores, { accountId, name }: LinkedTool, origin) =>
      tell(inside, 'device-key-added', { accountId, tool: name, origin }),
    audience: config.pinAudience,
  });
  const linksByNumber = {
    ...createLinksByNumber({
      ...given,
      store: stores.numberedLinks,
      tokenStore: stores.tokens,
      links: stores.links,
      tokensLasting,
      standing,
      deviceKeys,
      drawUserCode: userCodesOf(keyring),
    }),
    ...createLinksByToken({
      ...given,
      links: stores.links,
      mayLinkByToken: async (inside: Stores, accountId) =>
        config.pinLink && (await inside.switches.findSwitches(accountId))?.['link-by-token'] === true,
      tellOwner: async (inside, link, origin) => {
        if (!('approval' in link)) return;
        const { product, deviceName } = link.numbered.tool;
        const { accountId } = link.approval;
        await tell(inside, 'tool-linked-by-token', { accountId, tool: product || deviceName, origin });
      },
    }),
  };
  return { tokensLasting, deviceKeys, linksByNumber };
}
