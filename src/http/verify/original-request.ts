// Which request a proxy asks about. What its headers say counts only where the proxy itself hands them over, and one way of saying it
// at a time: a visitor may send the other way's headers through it.
// nginx (ngx_http_auth_request_module, X-Original-URL), Traefik (ForwardAuth) and Caddy (forward_auth, X-Forwarded-…); CHECKLIST 1.9.
import type { IncomingMessage } from 'node:http';
import { MessageFault } from '../request.js';
import type { ProtectedHosts } from '../../domain/protected-hosts.js';
import type { Site } from '../../domain/protected-hosts-records.js';
import { DomainError } from '../../domain/vocabulary.js';

export interface OriginalRequest {
  readonly site: Site;
  /** Path and query as the visitor sent them. */
  readonly path: string;
  readonly method: string;
  /** Whether the visitor is given our whole answer, as by Traefik and Caddy; nginx looks at its status alone. */
  readonly isPassedOn: boolean;
}

export interface OriginalRequestsDependencies {
  readonly protectedHosts: Pick<ProtectedHosts, 'findSite'>;
  /** Whether one of the operator's proxies has handed this request over. */
  readonly isFromTrustedProxy: (req: IncomingMessage) => boolean;
}

export type ReadOriginalRequest = (req: IncomingMessage) => OriginalRequest;

/**
 * Makes the reader. It throws MessageFault where the proxy is not known, or does not say what is asked for; and refuses
 * `host-unknown` for a host that is not protected here, or is reached in the clear.
 */
export function createOriginalRequests(dependencies: OriginalRequestsDependencies): ReadOriginalRequest {
  const { protectedHosts, isFromTrustedProxy } = dependencies;

  function siteOf(scheme: string, host: string): Site {
    // Traefik calls the scheme of a WebSocket by its own name.
    const site = protectedHosts.findSite(scheme.replace(/^ws/, 'http'), host);
    if (!site) throw new DomainError('host-unknown');
    return site;
  }

  function readOriginalUrl(url: string, req: IncomingMessage): OriginalRequest {
    const [, scheme = '', host = '', path = '/'] = /^(https?):\/\/([^/?#]+)(\/.*)?$/.exec(url) ?? [];
    const method = headerOf(req, 'x-original-method') ?? 'GET';
    return { site: siteOf(scheme, host), path, method, isPassedOn: false };
  }

  function readForwarded(path: string, req: IncomingMessage): OriginalRequest {
    const [scheme = '', host = ''] = ['x-forwarded-proto', 'x-forwarded-host'].map((name) =>
      headerOf(req, name),
    );
    const method = headerOf(req, 'x-forwarded-method') ?? 'GET';
    return { site: siteOf(scheme, host), path, method, isPassedOn: true };
  }

  return (req) => {
    if (!isFromTrustedProxy(req))
      throw new MessageFault('malformed', 'Only a proxy of TRUSTED_PROXIES is answered here.');
    const [url, path] = [headerOf(req, 'x-original-url'), headerOf(req, 'x-forwarded-uri')];
    if (url !== undefined && path !== undefined)
      throw new MessageFault('malformed', 'X-Original-URL and X-Forwarded-Uri are both there: keep one.');
    if (url !== undefined) return readOriginalUrl(url, req);
    if (path !== undefined) return readForwarded(path, req);
    throw new MessageFault(
      'missing',
      'The proxy must say what is asked for: in X-Original-URL, or in X-Forwarded-Proto, -Host, -Uri and -Method.',
    );
  };
}

/** Its one value; undefined for none. Throws MessageFault `repeated` for two, one of which is a visitor's. */
function headerOf({ headersDistinct }: IncomingMessage, name: string): string | undefined {
  const values = headersDistinct[name] ?? [];
  if (values.length > 1) throw new MessageFault('repeated', 'A header of the proxy came more than once.');
  return values[0] || undefined;
}
