// The rooms around links that are polled by their number, on top of those around every link (link-rooms.ts): real stores,
// a real keyring, a clock that tests move. Accounts are only ids; what the upper rooms would say is in `standing` and here.
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createDeviceKeys } from '../../src/domain/device-keys.js';
import { createDeviceTokens, DEVICE_TOKEN_SECONDS } from '../../src/domain/device-keys-tokens.js';
import { createKeys } from '../../src/domain/keys.js';
import { createLinksByNumber, type ToolDescription } from '../../src/domain/links-by-number.js';
import { createLinksByToken } from '../../src/domain/links-by-token.js';
import { createTokensLasting } from '../../src/domain/tokens-lasting.js';
import type { AccountId, LinkId, Origin, SubjectId } from '../../src/domain/vocabulary.js';
import { userCodesOf } from '../../src/wiring-ground.js';
import { ISSUER, openLinkRooms, originFrom, type LinkRoomsOptions } from './link-rooms.js';

/** The issuer and the audience of tokens for tools with keys, as some clients insist on them. */
export const FIXED_NAME = 'media.example';
export const IDENTIFIER = 'tool-1';
export const TOOL: ToolDescription = {
  product: 'PhotoSync',
  version: '1.2',
  platform: 'Web',
  platformVersion: '3',
  device: 'Browser',
  deviceName: 'Kitchen',
  deviceVendor: '',
  model: '',
};

export const HOME = originFrom('203.0.113.7');
export const ELSEWHERE = originFrom('198.51.100.9');

export async function openNumberedRooms(options: LinkRoomsOptions & { readonly ttlDays?: number } = {}) {
  const rooms = await openLinkRooms(options);
  const { database, clock, keyring, audit, newId, mayReceiveToken, standing, deviceTokens } = rooms;
  const { stores, inTransaction, inBatch } = database;
  const { now } = clock;
  /** Whether operator and account let tokens link; when accounts were made; what owners were told. */
  const upper = { mayLink: new Set<string>(), madeAt: new Map<string, Date>(), told: [] as string[] };
  const ring = createKeys({
    store: stores.deviceKeyRing,
    inTransaction: (work) => inTransaction((inside) => work({ ...inside, keys: inside.deviceKeyRing })),
    audit,
    sealer: {
      seal: (text, context) => keyring.seal('signing-key', text, context),
      open: (text, context) => keyring.open('signing-key', text, context),
    },
    now,
    issuer: FIXED_NAME,
    algs: ['EdDSA'],
    longestTokenSeconds: DEVICE_TOKEN_SECONDS,
  });
  await ring.open();
  const made = createDeviceTokens({
    keys: ring,
    now,
    issuer: FIXED_NAME,
    audience: FIXED_NAME,
    describePerson: async ({ accountId }) => ({
      publicNumber: 77,
      uuid: '00112233445566ff',
      username: accountId,
      displayName: `The ${accountId}`,
      email: `${accountId}@example.com`,
      createdAt: new Date(5000),
      isRestricted: false,
    }),
  });
  deviceTokens.read = made.read;
  const given = {
    ...rooms,
    ...rooms.checkpoints,
    inTransaction,
    inBatch,
    now,
    onAlarm: (message: string) => void rooms.alarms.push(message),
    userCodeMac: (code: string) => keyring.mac('user-code', code),
    userCodeMacs: (code: string) => keyring.macs('user-code', code),
    describeDecider: async (accountId: AccountId) => ({
      isVerified: !standing.unverified.has(accountId),
      createdAt: upper.madeAt.get(accountId) ?? new Date(0),
    }),
  };
  const lasting = createTokensLasting({
    ...given,
    store: stores.tokens,
    standing: rooms.tokensStanding,
    readDeviceToken: made.read,
    newId,
    issuer: ISSUER,
    ttlDays: options.ttlDays ?? 365,
  });
  const deviceKeys = createDeviceKeys({
    ...given,
    store: stores.deviceKeys,
    deviceTokens: made,
    nonceMacs: (...parts) => keyring.macs('nonce', ...parts),
    mayReceiveToken,
    tellOwner: async (_, { name }) => void upper.told.push(`key of ${name}`),
    audience: FIXED_NAME,
  });
  const numbered = {
    ...createLinksByNumber({
      ...given,
      store: stores.numberedLinks,
      tokenStore: stores.tokens,
      links: stores.links,
      tokensLasting: lasting,
      standing: rooms.tokensStanding,
      deviceKeys,
      drawUserCode: userCodesOf(keyring),
    }),
    ...createLinksByToken({
      ...given,
      findApproved: rooms.findApproved,
      links: stores.links,
      mayLinkByToken: async (_, accountId) => upper.mayLink.has(accountId),
      tellOwner: async (_, { numbered: { tool } }) => void upper.told.push(`link of ${tool.product}`),
    }),
  };

  interface Asked {
    readonly identifier?: string;
    readonly origin?: Origin;
    readonly isStrong?: boolean;
    readonly deviceKey?: unknown;
    readonly tool?: ToolDescription;
  }

  const start = ({ identifier = IDENTIFIER, origin = HOME, isStrong = false, ...rest }: Asked = {}) =>
    numbered.startNumberedLink({ identifier, tool: TOOL, isStrong, origin, ...rest });
  const poll = (
    number: number,
    { identifier = IDENTIFIER, origin = HOME, deviceProof }: Asked & { deviceProof?: string } = {},
  ) =>
    numbered.pollNumberedLink({
      number,
      identifier,
      origin,
      ...(deviceProof === undefined ? {} : { deviceProof }),
    });
  const reserve = (userCode: string, account = 'anna', forwardAddress?: string) =>
    rooms.person.reserveLink({
      userCode,
      session: rooms.sessionOf(account),
      arrival: 'typed',
      origin: HOME,
      ...(forwardAddress === undefined ? {} : { forwardAddress }),
    });
  async function decide(how: 'approveLink' | 'denyLink', linkId: LinkId, account = 'anna') {
    const page = await rooms.pageOf(linkId, rooms.sessionOf(account));
    await rooms.person[how]({ linkId, session: rooms.sessionOf(account), page, origin: HOME });
  }
  /** Enters the code and approves. */
  async function approve(userCode: string, account = 'anna'): Promise<LinkId> {
    const { linkId } = await reserve(userCode, account);
    await decide('approveLink', linkId, account);
    return linkId;
  }
  /** The token of a link that is approved; fails for none. */
  async function collect(number: number, asked: Parameters<typeof poll>[1] = {}): Promise<string> {
    const polled = await poll(number, asked);
    if (polled.outcome !== 'issued') throw new Error(polled.outcome);
    return polled.token;
  }
  /** A token of a link from start to end. */
  async function linkTool(asked: Asked = {}, account = 'anna'): Promise<string> {
    const link = await start(asked);
    await approve(link.userCode, account);
    return collect(link.number, asked);
  }
  /** A token of a tool that came in with a password. */
  async function comeInWithPassword(account = 'anna', isWithCode = true, identifier = IDENTIFIER) {
    const who = { accountId: account as AccountId, subjectId: account as SubjectId };
    const tool = await inTransaction((inside) =>
      lasting.openForFallback(inside, { account: who, identifier, tool: TOOL, isWithCode, origin: HOME }),
    );
    return { tool, token: await lasting.signLasting(tool) };
  }

  return {
    ...rooms,
    ring,
    lasting,
    deviceKeys,
    numbered,
    upper,
    start,
    poll,
    reserve,
    decide,
    approve,
    collect,
    linkTool,
    comeInWithPassword,
  };
}

export type NumberedRooms = Awaited<ReturnType<typeof openNumberedRooms>>;

/** A tool's own key, and what it signs. */
export function createToolKey(kid = 'a key of mine', alg: 'EdDSA' | 'RS256' = 'EdDSA', bits = 2048) {
  const pair: { publicKey: KeyObject; privateKey: KeyObject } =
    alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('rsa', { modulusLength: bits });
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid, alg };
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = (claims: object, header: object = {}): string => {
    const input = `${encode({ alg, kid, ...header })}.${encode(claims)}`;
    const digest = alg === 'EdDSA' ? null : 'sha256';
    return `${input}.${sign(digest, Buffer.from(input), pair.privateKey).toString('base64url')}`;
  };
  const prove = (claims: object = {}): string => signed({ iss: IDENTIFIER, aud: FIXED_NAME, ...claims });
  return { jwk, privateJwk: pair.privateKey.export({ format: 'jwk' }), signed, prove };
}
