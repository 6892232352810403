// The room of hosts behind a proxy: handed what it declares it needs, over the rooms of people that wiring-rooms.ts opens.
import type { Config } from './config.js';
import { randomSecret, sha256 } from './crypto/secrets.js';
import type { Accounts } from './domain/accounts.js';
import type { Proofs } from './domain/proofs.js';
import { createProtectedHosts } from './domain/protected-hosts.js';
import { createSessionsElsewhere } from './domain/sessions-elsewhere.js';
import type { Sessions } from './domain/sessions.js';
import type { Ground } from './wiring-ground.js';

export interface ProtectedHostsGiven {
  readonly accounts: Accounts;
  readonly proofs: Proofs;
  readonly sessions: Sessions;
}

export function openProtectedHosts(config: Config, ground: Ground, given: ProtectedHostsGiven) {
  const { accounts, proofs, sessions } = given;
  const { publicUrl, allowHttp, verifyHosts } = config;
  return {
    protectedHosts: createProtectedHosts({
      ...ground,
      store: ground.stores.hostSessions,
      sessions: { ...sessions, ...createSessionsElsewhere(ground) },
      findAccount: accounts.findAccount,
      hasSecondFactor: proofs.hasSecondFactor,
      newSecret: randomSecret,
      hash: sha256,
      settings: {
        publicUrl,
        allowHttp,
        hosts: verifyHosts,
        isSecondFactorRequired: config.twoFactor === 'required',
      },
    }),
  };
}
