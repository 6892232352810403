// Who the client is, and whether it proves it: no secret (public clients), client_secret_basic, or client_secret_post.
// It reads what the request claims; whether the claim is true is for `clients` to say. Nothing is consumed by a refusal.
// RFC 6749 §2.3.1, §3.2.1, §5.2.
import type { RequestContext } from '../guards.js';
import { originOf, type Form } from '../request.js';
import { clientRefused, OAuthRefusal, requestRefused } from './errors.js';
import type { Client, Clients } from '../../domain/clients.js';

interface Credentials {
  readonly clientId: string;
  readonly secret?: string;
}

export interface ClientAuthenticationDependencies {
  readonly clients: Pick<Clients, 'authenticateClient'>;
  /** Named to a request that does not say who it is. */
  readonly registrationAddress: string;
}

export type ClientAuthentication = ReturnType<typeof createClientAuthentication>;

export function createClientAuthentication({
  clients,
  registrationAddress,
}: ClientAuthenticationDependencies) {
  function readCredentials(authorization: string, form: Form): Credentials {
    const clientId = form.get('client_id');
    const secret = form.get('client_secret');
    if (authorization !== '') {
      const basic = readBasic(authorization);
      // RFC 6749 §2.3: one method in a request. A client_id beside the header is allowed, if it is the same one.
      if (secret !== undefined)
        throw refused('The client authenticated in two ways: use one, the header or the body.');
      if (clientId !== undefined && clientId !== basic.clientId)
        throw refused('The header and the body name different clients.');
      return basic;
    }
    if (clientId === undefined) {
      throw refused(
        `The parameter client_id is missing. A tool gets its own with one POST to ${registrationAddress}.`,
      );
    }
    return secret === undefined ? { clientId } : { clientId, secret };
  }

  return {
    /** The client that a request speaks for; a confidential one has shown its secret. Refuses with 400 or 401. */
    authenticate: (ctx: RequestContext, form: Form): Promise<Client> =>
      clients.authenticateClient(readCredentials(ctx.get('Authorization'), form), originOf(ctx)),

    /** The same, where only a client with a secret may ask: nobody may try tokens out (RFC 7662 §2.1). */
    async authenticateConfidential(ctx: RequestContext, form: Form): Promise<Client> {
      const isNamed = ctx.get('Authorization') !== '' || form.has('client_id');
      if (!isNamed) throw new OAuthRefusal(clientRefused('This endpoint asks for client authentication.'));
      const client = await this.authenticate(ctx, form);
      if (client.kind === 'confidential') return client;
      throw new OAuthRefusal(clientRefused('This endpoint is for clients with a secret.'));
    },
  };
}

const refused = (description: string): OAuthRefusal => new OAuthRefusal(requestRefused(description));

/** RFC 6749 §2.3.1: both parts are form-encoded before they are joined by a colon. */
function readBasic(authorization: string): Credentials {
  const encoded = /^Basic +([\w+/-]+={0,2}) *$/i.exec(authorization)?.[1];
  if (encoded === undefined)
    throw new OAuthRefusal(clientRefused('The Authorization header is not of the form Basic.'));
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  const clientId = colon === -1 ? undefined : formDecoded(text.slice(0, colon));
  const secret = formDecoded(text.slice(colon + 1));
  if (!clientId || secret === undefined)
    throw new OAuthRefusal(clientRefused('The Authorization header cannot be read.'));
  return { clientId, secret };
}

function formDecoded(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return /[\p{C}\ufffd]/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}
