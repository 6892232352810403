// Providers that speak OpenID Connect: where one is, by its own word, looked up when it is first needed, so that one which is
// down stops nothing else; and who its ID token says somebody is. How a round trip goes is upstream.ts's.
// Specification: OpenID Connect Discovery 1.0 §4, Core 1.0 §2, §3.1.3.7 and §5.3.2.
import * as client from 'openid-client';
import { createAppleSecret, readAppleName } from './upstream-apple.js';
import type { Dialect, OpenIdGiven, Tokens, UpstreamsDependencies } from './upstream-dialect.js';
import { AnswerRefused } from './upstream-faults.js';
import { bounded, boundedFetch, BUDGET_SECONDS, isPlain } from './upstream-fetch.js';
import { ISSUERS, OPENID_PRESETS, personOf, subjectOf } from './upstream-presets.js';
import type { UpstreamPerson } from '../domain/identities-upstream.js';

/** What was found is asked for again after an hour; while that fails, it stands. */
const KNOWN_MS = 3_600_000;
/** Nobody asks a provider again at once that has just failed. */
const FAILED_MS = 2_000;

/** Signed with a key that the provider alone has: never `none`, never a secret that two know (RFC 8725 §3.1). */
const SIGNING_ALGS = /^(?:(?:RS|PS|ES)(?:256|384|512)|EdDSA|Ed25519)$/;

function authenticationOf(
  given: OpenIdGiven,
  methods: readonly string[] | undefined,
  now: () => number,
): client.ClientAuth {
  if (given.kind === 'apple') {
    const newSecret = createAppleSecret(given, now);
    return (as, metadata, body, headers) => client.ClientSecretPost(newSecret())(as, metadata, body, headers);
  }
  const { clientSecret } = given;
  if (clientSecret === undefined) return client.None();
  const isByPost =
    methods?.includes('client_secret_post') === true && !methods.includes('client_secret_basic');
  return isByPost ? client.ClientSecretPost(clientSecret) : client.ClientSecretBasic(clientSecret);
}

/** Where an OpenID provider is, and what it can do, by its own word. */
async function discover(
  given: OpenIdGiven,
  issuer: string,
  now: () => number,
): Promise<client.Configuration> {
  const found = await client.discovery(new URL(issuer), given.clientId, undefined, client.None(), {
    timeout: BUDGET_SECONDS,
    [client.customFetch]: boundedFetch,
    ...(isPlain(issuer) ? { execute: [client.allowInsecureRequests] } : {}),
  });
  const metadata = JSON.parse(JSON.stringify(found.serverMetadata())) as client.ServerMetadata;
  // Discovery §4.3: exactly. The library lets some providers be several; with us a person of each would be the same one.
  if (metadata.issuer !== issuer)
    throw new AnswerRefused('the provider calls itself otherwise than the settings');
  const algs = (metadata.id_token_signing_alg_values_supported ?? ['RS256']).filter((alg) =>
    SIGNING_ALGS.test(alg),
  );
  const strict = { ...metadata, id_token_signing_alg_values_supported: algs };
  const authentication = authenticationOf(given, metadata.token_endpoint_auth_methods_supported, now);
  const config = bounded(new client.Configuration(strict, given.clientId, {}, authentication), issuer);
  // Core §3.1.3.7 lets the signature go unlooked at, since TLS says whose it is; we look at it all the same.
  client.enableNonRepudiationChecks(config);
  return config;
}

/** Finds the provider when it is first needed, once for all who ask at the same time; a failure is forgotten at once. */
function createFinder(look: () => Promise<client.Configuration>, now: () => number) {
  let known: { readonly config: client.Configuration; readonly at: number } | undefined;
  let failed: { readonly cause: unknown; readonly at: number } | undefined;
  let looking: Promise<client.Configuration> | undefined;

  async function lookAgain(): Promise<client.Configuration> {
    try {
      const config = await look();
      known = { config, at: now() };
      failed = undefined;
      return config;
    } catch (cause) {
      failed = { cause, at: now() };
      if (known) return known.config;
      throw cause;
    } finally {
      looking = undefined;
    }
  }

  return async (): Promise<client.Configuration> => {
    if (known && Math.abs(now() - known.at) < KNOWN_MS) return known.config;
    if (failed && Math.abs(now() - failed.at) < FAILED_MS) {
      if (known) return known.config;
      throw failed.cause;
    }
    return (looking ??= lookAgain());
  };
}

/** `auth_time` is a number of seconds, and nothing that is told of tomorrow is believed. */
function timeOf(claim: unknown, now: () => number): Date | undefined {
  if (typeof claim !== 'number' || !Number.isFinite(claim) || claim <= 0) return undefined;
  const at = claim * 1000;
  return at > now() + 60_000 ? undefined : new Date(Math.min(at, now()));
}

async function readOpenIdPerson(
  config: client.Configuration,
  tokens: Tokens,
  {
    isApple,
    appleName,
    now,
  }: { readonly isApple: boolean; readonly appleName: string; readonly now: () => number },
): Promise<UpstreamPerson> {
  const claims = tokens.claims();
  if (!claims) throw new AnswerRefused('there is no ID token in the answer');
  const subject = subjectOf(claims.sub);
  const isAsked = claims['email'] === undefined && config.serverMetadata().userinfo_endpoint !== undefined;
  // Core §5.3.2: what it says counts only of the same subject.
  const told = isAsked ? await client.fetchUserInfo(config, tokens.access_token, claims.sub) : claims;
  const verified: unknown = told['email_verified'];
  return personOf(
    { ...told, ...(isApple && { name: appleName }) },
    {
      subject,
      email: told['email'],
      // Apple has written it as a text.
      isEmailVerified: verified === true || (isApple && verified === 'true'),
      authenticatedAt: timeOf(claims['auth_time'], now),
    },
  );
}

export function openIdDialect(given: OpenIdGiven, { now, places }: UpstreamsDependencies): Dialect {
  const issuer =
    places?.[given.name]?.issuer ?? (given.kind === 'openid' ? given.issuer : ISSUERS[given.kind]);
  const { scope, more, fresh } = OPENID_PRESETS[given.kind];
  return {
    issuer,
    tellsFreshness: true,
    hasNonce: true,
    find: createFinder(() => discover(given, issuer, now), now),
    ask: ({ isFresh }) => ({ scope, ...more, ...(isFresh ? fresh : {}) }),
    readPerson: (config, tokens, fields) => {
      const isApple = given.kind === 'apple';
      return readOpenIdPerson(config, tokens, { isApple, appleName: readAppleName(fields.get('user')), now });
    },
  };
}
