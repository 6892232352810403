// The rooms of passkeys: what they prove, and how their owner changes them. They are made for the host of PUBLIC_URL, and for no
// other address that a request may name.
import type { Config } from './config.js';
import { createPasskeyProtocol, type PasskeyProtocol } from './crypto/passkeys.js';
import { randomSecret, sha256 } from './crypto/secrets.js';
import { createPasskeys, type PasskeysDependencies } from './domain/passkeys.js';
import { createOperatorHelp, type OperatorHelpDependencies } from './domain/two-factor-operator.js';
import { createTwoFactorPasskeys, type TwoFactorPasskeysDependencies } from './domain/two-factor-passkeys.js';
import { SERVICE_NAME, type Ground } from './wiring-ground.js';

export function openPasskeys(
  { publicUrl }: Config,
  ground: Ground,
  findRecipient: PasskeysDependencies['findRecipient'],
) {
  const protocol = createPasskeyProtocol({ publicUrl, serviceName: SERVICE_NAME });
  const held = { newSecret: randomSecret, hash: sha256 };
  const passkeys = createPasskeys({
    ...{ ...ground, ...held, store: ground.stores.passkeys },
    ...{ protocol, findRecipient },
  });
  return { passkeyProtocol: protocol, passkeys };
}

/** How their owner changes them, and what the operator can do, once every way in to an account is known. */
export function openFactorRooms(
  given: Omit<TwoFactorPasskeysDependencies, 'protocol'> &
    OperatorHelpDependencies & { readonly passkeyProtocol: PasskeyProtocol },
) {
  return {
    ownPasskeys: createTwoFactorPasskeys({ ...given, protocol: given.passkeyProtocol }),
    operatorHelp: createOperatorHelp(given),
  };
}
