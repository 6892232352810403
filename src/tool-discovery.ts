// Finding out what a server offers, and becoming known to it. RFC 8414 (metadata), RFC 7591 (registration).
// It owns which of the server's addresses may be trusted; what is then asked there lies in tool-link and tool-polling.
import { ToolFault, ask, parseAddress, readServer, refusal } from './tool-exchange.js';
import type { Outside } from './tool-exchange.js';
import { REGISTERED_REDIRECT_URI } from './tool-loopback.js';
import { number, text } from './tool-words.js';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** What the metadata says, as far as the tool uses it. */
export interface Server {
  issuer: string;
  deviceAuthorizationEndpoint: string | undefined;
  /** Only where codes are given there, and PKCE is known by its one safe method (RFC 7636 §4.2). */
  authorizationEndpoint: string | undefined;
  /** Its answers in the browser say whose they are (RFC 9207 §3). */
  isIssuerNamed: boolean;
  tokenEndpoint: string;
  registrationEndpoint: string | undefined;
  jwksUri: string | undefined;
  scopes: string[];
  waitSeconds: number;
}

/** Reads the metadata of the issuer (RFC 8414 §3); throws a `ToolFault` where it is missing or cannot be trusted. */
export async function discover(outside: Outside, issuer: string): Promise<Server> {
  const url = readServer(outside, issuer);
  const path = url.pathname.replace(/\/$/, '');
  const places = [
    `${url.origin}/.well-known/oauth-authorization-server${path}`, // RFC 8414 §3: inserted before the path
    `${url.origin}${path}/.well-known/openid-configuration`,
  ];
  for (const place of places) {
    const answer = await ask(outside, place, {});
    if (answer.status === 200 && typeof answer.json['issuer'] === 'string')
      return readMetadata(answer.json, issuer, url);
  }
  throw new ToolFault(`The server at ${issuer} publishes no metadata (looked at ${places.join(' and ')}).`);
}

function readMetadata(metadata: Record<string, unknown>, issuer: string, issuerUrl: URL): Server {
  // RFC 8414 §3.3: byte for byte. Anything looser lets one server pass for another.
  if (metadata['issuer'] !== issuer)
    throw new ToolFault(
      `The server calls itself "${text(metadata['issuer'])}", not "${issuer}": refused (RFC 8414 §3.3). Give --issuer exactly as the server does.`,
    );
  const endpoint = (name: string): string | undefined => {
    if (metadata[name] === undefined) return undefined;
    const url = parseAddress(text(metadata[name]));
    // A server behind TLS must not lead the device code out into the open.
    if (url === undefined || (issuerUrl.protocol === 'https:' && url.protocol !== 'https:'))
      throw new ToolFault(`The server's ${name} is not an address to trust: "${text(metadata[name])}".`);
    return url.href;
  };
  const tokenEndpoint = endpoint('token_endpoint');
  if (tokenEndpoint === undefined)
    throw new ToolFault(`The server at ${issuer} gives no tokens (RFC 8414 §2).`);
  const lists = (name: string, word: string) => [metadata[name]].flat().includes(word);
  const givesCodes =
    lists('response_types_supported', 'code') && lists('code_challenge_methods_supported', 'S256');
  const scopes = metadata['scopes_supported'];
  return {
    issuer,
    deviceAuthorizationEndpoint: endpoint('device_authorization_endpoint'),
    authorizationEndpoint: givesCodes ? endpoint('authorization_endpoint') : undefined,
    isIssuerNamed: metadata['authorization_response_iss_parameter_supported'] === true,
    tokenEndpoint,
    registrationEndpoint: endpoint('registration_endpoint'),
    jwksUri: endpoint('jwks_uri'),
    scopes: Array.isArray(scopes) ? scopes.map(text) : [],
    waitSeconds: Math.floor(Math.min(number(metadata['prefer_wait_seconds_supported']) ?? 0, 60)),
  };
}

/** How the person signs in: with the browser of this machine, or by a PIN with any other. */
export type Way = 'browser' | 'device';

/**
 * The way that fits the machine and the server; throws a `ToolFault` where the server does not offer what is wished for. A PIN is
 * for where there is no browser: with one, the person need not look whose PIN it is.
 */
export function chooseWay(server: Server, wish: Way | 'either', hasBrowser: boolean): Way {
  const offers = {
    browser: server.authorizationEndpoint !== undefined,
    device: server.deviceAuthorizationEndpoint !== undefined,
  };
  const fitting: Way = hasBrowser || !offers.device ? 'browser' : 'device';
  const way = wish === 'either' ? (offers[fitting] ? fitting : 'device') : wish;
  if (offers[way]) return way;
  throw new ToolFault(
    way === 'device'
      ? `The server at ${server.issuer} does not offer the device flow (RFC 8628 §4).`
      : `The server at ${server.issuer} does not offer codes with PKCE (RFC 7636 §4.2): try --device.`,
  );
}

const REGISTERED = {
  browser: {
    grants: ['authorization_code'],
    redirect: { response_types: ['code'], redirect_uris: [REGISTERED_REDIRECT_URI] },
  },
  // The default, "code", would not fit these grants (RFC 7591 §2.1).
  device: { grants: [DEVICE_GRANT], redirect: { response_types: [], redirect_uris: [] } },
} satisfies Record<Way, object>;

/** Registers a public tool under the name (RFC 7591 §3.1); answers with its `client_id`. */
export async function register(
  outside: Outside,
  server: Server,
  { name, scope, way }: { name: string; scope: string; way: Way },
): Promise<string> {
  if (server.registrationEndpoint === undefined)
    throw new ToolFault('The server registers no tools by itself: give --client-id.');
  const { grants, redirect } = REGISTERED[way];
  const wantsRefresh = scope.split(' ').includes('offline_access');
  const answer = await ask(outside, server.registrationEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: name,
      grant_types: wantsRefresh ? [...grants, 'refresh_token'] : grants,
      ...redirect,
      token_endpoint_auth_method: 'none',
      ...(scope === '' ? {} : { scope }),
    }),
  });
  const { client_id: clientId, token_endpoint_auth_method: method } = answer.json;
  if (answer.status !== 201 || typeof clientId !== 'string' || clientId === '')
    throw refusal('registration', answer);
  if (method !== undefined && method !== 'none')
    throw new ToolFault(
      'The server gave this tool a secret, which a public tool cannot keep (RFC 8628 §5.6): give --client-id.',
    );
  return clientId;
}
