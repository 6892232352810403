// oidc-provider with the device flow, a public client and signed JWT access tokens (RFC 9068), over whatever keeps its records. It
// enforces no poll interval. Spared here: sessions, refresh tokens and, unless asked for, ID tokens, as for Linchpin.
import { createHash, randomInt } from 'node:crypto';
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import Provider from 'oidc-provider';
import {
  CODE_VERIFIER,
  obeyOrders,
  pickAtRandom,
  readOptions,
  REDIRECT_URI,
  type Abilities,
  type Ready,
} from '../contract.js';

const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const ACCOUNT_ID = '5f0c3f3e-7d0f-4c8e-9a51-6f6f0a3f9f11';
const { port, shared, isOpenId = false } = readOptions();
/** What the resource grants; an ID token comes with `openid` beside it. */
const RESOURCE_SCOPE = 'read';
const READY: Ready = {
  issuePath: '/device/auth',
  pollPath: '/token',
  redeemPath: '/token',
  clientId: 'bench-tool',
  scope: isOpenId ? `openid ${RESOURCE_SCOPE}` : RESOURCE_SCOPE,
  jwksPath: '/jwks',
  // It goes by the Host of a request, where the load names no port.
  proofAddress: 'http://127.0.0.1/token',
};

/** A record of one model, as the provider hands it over to be kept. */
export type Payload = Record<string, unknown> & {
  userCode?: string;
  uid?: string;
  grantId?: string;
  consumed?: number;
};

/** A key to sign tokens with, as it is kept. */
export async function makeKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  return { ...(await exportJWK(privateKey)), alg: 'EdDSA', use: 'sig', kid: 'bench' };
}

/** Listens, and obeys orders from then on. `adapter`: a class or a function that makes the keeper of one model. */
export function serveProvider({ adapter, key }: { adapter: unknown; key: JWK }): void {
  const issuer = shared?.publicUrl ?? `http://127.0.0.1:${port}`;
  const provider = createProvider(issuer, adapter, key);
  createServer(provider.callback()).listen(port, '127.0.0.1', () =>
    obeyOrders(READY, createAbilities(provider, issuer)),
  );
}

function createProvider(issuer: string, adapter: unknown, key: JWK): Provider {
  return new Provider(issuer, {
    adapter,
    clients: [
      {
        client_id: READY.clientId,
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'authorization_code'],
        redirect_uris: [REDIRECT_URI],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'EdDSA' },
    cookies: { keys: ['bench'] },
    features: {
      deviceFlow: { enabled: true },
      dPoP: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => issuer,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: RESOURCE_SCOPE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 900,
          jwt: { sign: { alg: 'EdDSA' } },
        }),
      },
    },
    findAccount: (_ctx: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
    jwks: { keys: [key] },
    ttl: { AccessToken: 900, DeviceCode: 1800, Grant: 86_400 },
  });
}

function createAbilities(provider: Provider, issuer: string): Abilities {
  return {
    pending: async ({ count, sample }) => {
      const client = await provider.Client.find(READY.clientId);
      const codes: string[] = [];
      for (let made = 0; made < count; made++) {
        const code = new provider.DeviceCode({
          client,
          deviceInfo: { ip: '127.0.0.1', ua: 'bench' },
          params: { client_id: READY.clientId, scope: READY.scope, resource: issuer },
          userCode: Array.from({ length: 8 }, () => ALPHABET[randomInt(ALPHABET.length)]).join(''),
        });
        codes.push(await code.save());
      }
      return pickAtRandom(codes, sample);
    },
    codes: async ({ count }) => {
      const codes: string[] = [];
      for (let made = 0; made < count; made++) codes.push(await makeCode(provider, issuer));
      return codes;
    },
    proofNonce: async () => null,
    approve: async ({ codes }) => {
      for (const value of codes) await approveCode(provider, issuer, value);
      return null;
    },
  };
}

/** What the provider itself stores when it sends a person back to the tool. */
async function makeCode(provider: Provider, issuer: string): Promise<string> {
  const client = await provider.Client.find(READY.clientId);
  const grant = new provider.Grant({ accountId: ACCOUNT_ID, clientId: READY.clientId });
  grant.addResourceScope(issuer, RESOURCE_SCOPE);
  if (isOpenId) grant.addOIDCScope('openid');
  const code = new provider.AuthorizationCode({
    client,
    accountId: ACCOUNT_ID,
    authTime: Math.floor(Date.now() / 1000),
    codeChallenge: createHash('sha256').update(CODE_VERIFIER).digest('base64url'),
    codeChallengeMethod: 'S256',
    grantId: await grant.save(),
    redirectUri: REDIRECT_URI,
    resource: issuer,
    scope: READY.scope,
  });
  return code.save();
}

/** What the provider itself stores when a person has signed in and consented. */
async function approveCode(provider: Provider, issuer: string, value: string): Promise<void> {
  const code = await provider.DeviceCode.find(value);
  if (!code) throw new Error('An unknown device code was to be approved.');
  const grant = new provider.Grant({ accountId: ACCOUNT_ID, clientId: code.clientId });
  grant.addResourceScope(issuer, RESOURCE_SCOPE);
  if (isOpenId) grant.addOIDCScope('openid');
  const grantId = await grant.save();
  const authTime = Math.floor(Date.now() / 1000);
  Object.assign(code, { accountId: ACCOUNT_ID, authTime, grantId, scope: READY.scope, resource: issuer });
  await code.save();
}
