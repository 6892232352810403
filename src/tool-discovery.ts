// Finding out what a server offers, and becoming known to it. RFC 8414 (metadata), RFC 7591 (registration).
// It owns which of the server's addresses may be trusted; what is then asked there lies in tool-link and tool-polling.
import { ToolFault, ask, parseAddress, readServer, refusal } from './tool-exchange.js';
import type { Outside } from './tool-exchange.js';
import { number, text } from './tool-words.js';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/** What the metadata says, as far as the tool uses it. */
export interface Server {
  issuer: string;
  deviceAuthorizationEndpoint: string;
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
  const deviceAuthorizationEndpoint = endpoint('device_authorization_endpoint');
  const tokenEndpoint = endpoint('token_endpoint');
  if (deviceAuthorizationEndpoint === undefined || tokenEndpoint === undefined)
    throw new ToolFault(`The server at ${issuer} does not offer the device flow (RFC 8628 §4).`);
  const scopes = metadata['scopes_supported'];
  return {
    issuer,
    deviceAuthorizationEndpoint,
    tokenEndpoint,
    registrationEndpoint: endpoint('registration_endpoint'),
    jwksUri: endpoint('jwks_uri'),
    scopes: Array.isArray(scopes) ? scopes.map(text) : [],
    waitSeconds: Math.floor(Math.min(number(metadata['prefer_wait_seconds_supported']) ?? 0, 60)),
  };
}

/** Registers a public tool under the name (RFC 7591 §3.1); answers with its `client_id`. */
export async function register(
  outside: Outside,
  server: Server,
  name: string,
  scope: string,
): Promise<string> {
  if (server.registrationEndpoint === undefined)
    throw new ToolFault('The server registers no tools by itself: give --client-id.');
  const wantsRefresh = scope.split(' ').includes('offline_access');
  const answer = await ask(outside, server.registrationEndpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: name,
      grant_types: wantsRefresh ? [DEVICE_GRANT, 'refresh_token'] : [DEVICE_GRANT],
      response_types: [], // the default, "code", would not fit these grants (RFC 7591 §2.1)
      redirect_uris: [],
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
