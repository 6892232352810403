// The answers of the two bare servers: the same words and sizes as a real server's, decided by nothing. They read the
// form body to its end and look at the path only, so that what they cost is the framework's own cost.
import { randomBytes } from 'node:crypto';
import type { Abilities, Ready } from '../contract.js';

export const READY: Ready = {
  issuePath: '/device',
  pollPath: '/poll',
  redeemPath: '/redeem',
  clientId: 'bench-tool',
  scope: 'read',
  userPath: '/user',
};

export const PENDING = {
  error: 'authorization_pending',
  error_description: 'The person has not decided yet. Ask again after the interval.',
};

export const ISSUED = {
  device_code: 'A'.repeat(43),
  user_code: 'BCDF-GHJK',
  verification_uri: 'http://127.0.0.1:8484/link',
  verification_uri_complete: 'http://127.0.0.1:8484/link?user_code=BCDF-GHJK',
  expires_in: 1800,
  interval: 5,
};

export const REDEEMED = {
  access_token: `eyJ${'A'.repeat(560)}`,
  token_type: 'Bearer',
  expires_in: 900,
  scope: 'read',
};

/** As many members and bytes as the account that Linchpin gives to a lasting token. */
export const USER = {
  ...Object.fromEntries(Array.from({ length: 42 }, (_, at) => [`memberNumber${at}`, at % 3 ? null : false])),
  id: 1_234_567_890,
  uuid: '0123456789abcdef',
  username: 'bench',
  email: 'bench@example.com',
  subscription: { active: false, subscribedAt: null, status: 'Inactive', features: [] },
  profile: { autoSelectAudio: true, autoSelectSubtitle: 0, defaultSubtitleAccessibility: 0 },
  authToken: `eyJ${'A'.repeat(700)}`,
};

/** There is nothing to keep: the codes are made up, and approving does nothing. */
export const abilities: Abilities = {
  pending: ({ count, sample }) =>
    Array.from({ length: Math.min(count, sample) }, () => randomBytes(32).toString('base64url')),
  approve: () => null,
  lastingTokens: async ({ count }) => Array.from({ length: count }, () => USER.authToken),
};
