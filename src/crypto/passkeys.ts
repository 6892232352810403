// Passkeys as WebAuthn has them: what a browser is asked, how its answers are read, and whether they are right for our name and
// address. Both come from PUBLIC_URL alone. Which challenge waits, whose a passkey is, and what it is good for, are not known
// here. Specification: WebAuthn Level 3 §5.4, §5.5, §7.1 and §7.2; the checks themselves are @simplewebauthn/server's.
import { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';

/** EdDSA, ES256, RS256 (RFC 9053), the one we like best first. */
const ALGORITHMS = [-8, -7, -257];
/** How long a browser lets a person look for a key: less than the challenge lives. */
const TIMEOUT_MS = 300_000;
const BASE64URL = /^[\w-]+$/;
/** WebAuthn Level 3 §4: a credential id has at most 1023 bytes. */
const LONGEST_ID = 1364;
const LONGEST_FIELD = 12_000;
const TRANSPORTS: readonly string[] = ['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'];

/** Why there can be no passkeys: browsers have them on https or on localhost only, and for names, never for numbers. */
export type PasskeyHindrance = 'not-https' | 'not-a-name';

export interface KnownCredential {
  readonly credentialId: string;
  readonly transports: readonly string[];
}

/** What an authenticator has made, once it was found right. */
export interface MadeCredential extends KnownCredential {
  /** A COSE key, base64url. */
  readonly publicKey: string;
  readonly signCount: number;
  readonly isBackupEligible: boolean;
  readonly isBackedUp: boolean;
  /** It was made sure who holds it, and the browser says that it is found without a name. Nothing but a hint. */
  readonly isAlone: boolean;
}

/** A browser's answer, taken apart and not looked at yet. */
export interface ReadAnswer {
  readonly credentialId: string;
  /** As the browser says that it was asked: nothing is right unless this one waits. */
  readonly challenge: string;
  /** Whom the passkey says that it is of. */
  readonly userHandle: string | undefined;
  readonly fields: Readonly<Record<string, string>>;
  readonly transports: readonly string[];
  /** Whether the browser says that it can be found without a name (WebAuthn Level 3 §10.1.3). */
  readonly isDiscoverable: boolean;
}

/** What a right answer says. */
export interface CheckedAnswer {
  readonly signCount: number;
  readonly isBackedUp: boolean;
  /** Whether the authenticator has made sure who holds it: by a PIN, a finger, a face. */
  readonly isUserVerified: boolean;
}

/** What `navigator.credentials.create` and `.get` take, as JSON. */
export type PasskeyOptions = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readJson(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const readBase64Url = (value: unknown, longest = LONGEST_FIELD): string | undefined =>
  typeof value === 'string' && value.length <= longest && BASE64URL.test(value) ? value : undefined;

/** What the browser says of the ceremony; undefined where it was not made for a page of its own site. */
function readChallenge(clientData: string): string | undefined {
  const said = readJson(Buffer.from(clientData, 'base64url').toString('utf8'));
  // Nobody frames our pages: an answer from within a frame is another site's (WebAuthn Level 3 §13.4.9).
  if (!said || said['crossOrigin'] === true) return undefined;
  return readBase64Url(said['challenge'], 100);
}

/** The one shape that browsers send; `names` are the fields of `response` that must be there. */
function readResponse(text: string, names: readonly string[]): ReadAnswer | undefined {
  const sent = readJson(text);
  const response = sent?.['response'];
  const credentialId = readBase64Url(sent?.['id'], LONGEST_ID);
  if (!sent || !isRecord(response) || credentialId === undefined) return undefined;
  const read = names.map((name) => [name, readBase64Url(response[name])] as const);
  if (read.some(([, value]) => value === undefined) || sent['type'] !== 'public-key') return undefined;
  const fields = Object.fromEntries(read) as Record<string, string>;
  const challenge = readChallenge(fields['clientDataJSON'] ?? '');
  if (challenge === undefined) return undefined;
  const said = Array.isArray(response['transports']) ? (response['transports'] as unknown[]) : [];
  const transports = TRANSPORTS.filter((transport) => said.includes(transport));
  const userHandle = readBase64Url(response['userHandle'], 100);
  const extensions = sent['clientExtensionResults'];
  const properties = isRecord(extensions) ? extensions['credProps'] : undefined;
  const isDiscoverable = isRecord(properties) && properties['rk'] === true;
  return { credentialId, challenge, userHandle, fields, transports, isDiscoverable };
}

/** What was refused, and why, is nobody's business: the message may hold the caller's own bytes. */
const orNothing = <Result>(work: Promise<Result>): Promise<Result | undefined> => work.catch(() => undefined);

const descriptorsOf = (credentials: readonly KnownCredential[]) =>
  credentials.map(({ credentialId, transports }) => ({
    id: credentialId,
    type: 'public-key',
    ...(transports.length > 0 ? { transports } : {}),
  }));

function findHindrance({ protocol, hostname }: URL): PasskeyHindrance | undefined {
  const isLocal = hostname === 'localhost' || hostname.endsWith('.localhost');
  if (/^(?:\[|[\d.]+$)/.test(hostname)) return 'not-a-name';
  return protocol === 'https:' || isLocal ? undefined : 'not-https';
}

export type PasskeyProtocol = ReturnType<typeof createPasskeyProtocol>;

/** `publicUrl`: the one address whose pages may ask, and whose host passkeys are made for. */
export function createPasskeyProtocol({
  publicUrl,
  serviceName,
}: {
  readonly publicUrl: string;
  readonly serviceName: string;
}) {
  const address = new URL(publicUrl);
  const { origin, hostname: rpId } = address;
  const expected = { expectedOrigin: origin, expectedRPID: rpId };

  return {
    hindrance: findHindrance(address),

    /** Asks for a new passkey: one that is found without a name typed, where its authenticator can do that. */
    creationOptions(asked: {
      readonly challenge: string;
      readonly userHandle: string;
      readonly username: string;
      readonly exclude: readonly KnownCredential[];
    }): PasskeyOptions {
      const { challenge, userHandle, username, exclude } = asked;
      return {
        challenge,
        rp: { id: rpId, name: serviceName },
        user: { id: userHandle, name: username, displayName: username },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
        timeout: TIMEOUT_MS,
        attestation: 'none',
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
        excludeCredentials: descriptorsOf(exclude),
        extensions: { credProps: true },
      };
    },

    /** Asks for a passkey: one of these, or, without any, whichever the person picks. */
    requestOptions(asked: {
      readonly challenge: string;
      readonly allow: readonly KnownCredential[];
      readonly userVerification: 'required' | 'preferred';
    }): PasskeyOptions {
      const { challenge, allow, userVerification } = asked;
      const allowCredentials = descriptorsOf(allow);
      return { challenge, rpId, timeout: TIMEOUT_MS, userVerification, allowCredentials };
    },

    /** What a browser sent after `create`, as JSON; undefined for what none sends. */
    readMade: (text: string): ReadAnswer | undefined =>
      readResponse(text, ['clientDataJSON', 'attestationObject']),

    /** What a browser sent after `get`. */
    readAnswer: (text: string): ReadAnswer | undefined =>
      readResponse(text, ['clientDataJSON', 'authenticatorData', 'signature']),

    /**
     * WebAuthn Level 3 §7.1, once its challenge was found waiting: the new credential, or undefined. Attestation is neither asked
     * for nor looked for: who made an authenticator decides nothing here.
     */
    async checkMade(read: ReadAnswer): Promise<MadeCredential | undefined> {
      const { challenge, credentialId, fields, transports, isDiscoverable } = read;
      const { clientDataJSON = '', attestationObject = '' } = fields;
      const response = {
        id: credentialId,
        rawId: credentialId,
        type: 'public-key' as const,
        clientExtensionResults: {},
        response: { clientDataJSON, attestationObject },
      };
      const checked = await orNothing(
        verifyRegistrationResponse({
          ...expected,
          response,
          expectedChallenge: challenge,
          requireUserVerification: false,
          supportedAlgorithmIDs: ALGORITHMS,
        }),
      );
      if (!checked?.verified) return undefined;
      const { credential, credentialDeviceType, credentialBackedUp, userVerified } = checked.registrationInfo;
      // The id is the one that the authenticator has signed for, not what stands beside it.
      if (credential.id !== credentialId || credential.id.length > LONGEST_ID) return undefined;
      return {
        credentialId: credential.id,
        publicKey: Buffer.from(credential.publicKey).toString('base64url'),
        signCount: credential.counter,
        isBackupEligible: credentialDeviceType === 'multiDevice',
        isBackedUp: credentialBackedUp,
        isAlone: userVerified && isDiscoverable,
        transports,
      };
    },

    /**
     * WebAuthn Level 3 §7.2, but for the count, which is compared where it is kept: what a right answer says, or undefined.
     * An authenticator that says another thing than before of whether its passkey may be synced is not believed (§6.1.3).
     */
    async checkAnswer(
      { challenge, credentialId, fields }: ReadAnswer,
      known: { readonly publicKey: string; readonly isBackupEligible: boolean },
    ): Promise<CheckedAnswer | undefined> {
      const { clientDataJSON = '', authenticatorData = '', signature = '' } = fields;
      const response = {
        id: credentialId,
        rawId: credentialId,
        type: 'public-key' as const,
        clientExtensionResults: {},
        response: { clientDataJSON, authenticatorData, signature },
      };
      const publicKey = new Uint8Array(Buffer.from(known.publicKey, 'base64url'));
      const checked = await orNothing(
        verifyAuthenticationResponse({
          ...expected,
          response,
          expectedChallenge: challenge,
          credential: { id: credentialId, publicKey, counter: 0 },
          requireUserVerification: false,
        }),
      );
      if (!checked?.verified) return undefined;
      const { newCounter, credentialDeviceType, credentialBackedUp, userVerified } =
        checked.authenticationInfo;
      if ((credentialDeviceType === 'multiDevice') !== known.isBackupEligible) return undefined;
      return { signCount: newCounter, isBackedUp: credentialBackedUp, isUserVerified: userVerified };
    },
  };
}
