// The tokens of tools with a key of their own. Their clients fix what stands in them, the tool's own identifier in `aud`
// included, so they are signed by keys that no other token is signed with, and that are published at one address only.
// PIN-API 5, DESIGN 5.
import type { PublicJwk } from '../crypto/jwt.js';
import type { ProofClaims } from './device-keys-proof.js';
import type { Keys } from './keys.js';
import { identifierOf } from './tokens-lasting.js';
import type { DeviceTokenRead } from './tokens-standing.js';
import type { AccessStamp, LinkedTool } from './tokens.js';
import { DomainError, type Clock } from './vocabulary.js';

/** What such a token may tell of the person that it speaks for. */
export interface DescribedPerson {
  readonly publicNumber: number;
  readonly uuid: string;
  readonly username: string;
  readonly displayName: string;
  /** Empty where nobody has proved it. */
  readonly email: string;
  readonly createdAt: Date;
  /** Somebody without an account, in a household. */
  readonly isRestricted: boolean;
}

export interface DeviceTokensDependencies {
  /** The ring of these tokens alone, whose issuer is the one below. */
  readonly keys: Keys;
  readonly now: Clock;
  /** PIN_ISSUER and PIN_AUDIENCE. */
  readonly issuer: string;
  readonly audience: string;
  readonly describePerson: (tool: LinkedTool) => Promise<DescribedPerson | undefined>;
}

export const DEVICE_TOKEN_SECONDS = 7 * 24 * 3600;
const TYP = 'JWT';

export type DeviceTokens = ReturnType<typeof createDeviceTokens>;

/** What the tool asked to be told, and no more. */
function personClaims(person: DescribedPerson, { scopes }: ProofClaims) {
  const told = {
    username: person.username,
    email: person.email,
    friendly_name: person.displayName,
    restricted: person.isRestricted,
    anonymous: false,
    joinedAt: Math.floor(person.createdAt.getTime() / 1000),
  };
  return {
    id: person.publicNumber,
    uuid: person.uuid,
    ...Object.fromEntries(scopes.map((word) => [word, told[word]])),
  };
}

export function createDeviceTokens({
  keys,
  now,
  issuer,
  audience,
  describePerson,
}: DeviceTokensDependencies) {
  return {
    /** The public keys, as a JWKS shows them: they sign these tokens and nothing else. */
    published: (): readonly PublicJwk[] => keys.published(),

    /** The key that signs new tokens. */
    signingKid(): string {
      const kid = keys.kidFor('EdDSA');
      if (kid === undefined)
        throw new DomainError('store-unavailable', { publicDetail: 'no signing key is loaded yet' });
      return kid;
    },

    /**
     * Signs one token of a tool, with what its proof asked for. `kid` names our key, `keyName` the tool's own. Undefined
     * once our key is gone, or the person.
     */
    async sign(about: {
      readonly tool: LinkedTool;
      readonly stamp: AccessStamp;
      readonly kid: string;
      readonly keyName: string;
      readonly claims: ProofClaims;
    }): Promise<string | undefined> {
      const { tool, stamp, kid, keyName, claims } = about;
      const person = await describePerson(tool);
      if (!person) return undefined;
      return keys.signWith(
        kid,
        { typ: TYP },
        {
          iss: issuer,
          aud: [audience, identifierOf(tool.clientId)],
          iat: stamp.issuedAt.getTime() / 1000,
          exp: stamp.expiresAt.getTime() / 1000,
          jti: stamp.jti,
          thumbprint: keyName,
          ...(claims.nonce === undefined ? {} : { nonce: claims.nonce }),
          user: personClaims(person, claims),
          linked_tool: tool.linkedToolId,
        },
      );
    },

    /** The claims of a token with one of our signatures, expired or not; undefined for anything else. */
    async read(token: string): Promise<DeviceTokenRead | undefined> {
      const claims = await keys.verify(token, { typ: TYP, audience, ignoreExpiry: true });
      return claims && { claims, isExpired: claims.exp * 1000 <= now().getTime() };
    },
  };
}
