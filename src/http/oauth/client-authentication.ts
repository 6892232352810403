// Who the client is, and whether it proves it: no secret (public clients), client_secret_basic, client_secret_post, or
// private_key_jwt.
// It reads what the request claims; whether the claim is true is for `clients` to say. Nothing is consumed by a refusal.
// RFC 6749 §2.3.1, §3.2.1, §5.2, RFC 7523 §2.2.
import type { RequestContext } from '../guards.js';
import { originOf, type Form } from '../request.js';
import type { Addresses } from './addresses.js';
import { clientRefused, OAuthRefusal, requestRefused } from './errors.js';
import type { Client, Clients, Credentials } from '../../domain/clients.js';
import { subjectOf } from '../../domain/clients-assertion.js';

export interface ClientAuthenticationDependencies {
  readonly clients: Pick<Clients, 'authenticateClient'>;
  readonly addresses: Addresses;
}

export type ClientAuthentication = ReturnType<typeof createClientAuthentication>;

/** RFC 7523 §2.2. */
const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export function createClientAuthentication({ clients, addresses }: ClientAuthenticationDependencies) {
  /** RFC 7523 says the token endpoint, later practice the issuer alone: both are ours, and nobody else's. */
  const audiences = [addresses.issuer, addresses.token];

  function readAssertion(form: Form): Credentials | undefined {
    const [assertion, type] = [form.get('client_assertion'), form.get('client_assertion_type')];
    if (assertion === undefined && type === undefined) return undefined;
    if (assertion === undefined || type !== JWT_BEARER)
      throw refused(
        `An assertion comes as client_assertion, with ${JWT_BEARER} as its client_assertion_type.`,
      );
    const subject = subjectOf(assertion);
    if (subject === undefined) throw new OAuthRefusal(clientRefused('The assertion cannot be read.'));
    return { clientId: subject, assertion, audiences };
  }

  function readCredentials(authorization: string, form: Form): Credentials {
    const clientId = form.get('client_id');
    const secret = form.get('client_secret');
    const shown = readAssertion(form);
    const ways = [authorization !== '', secret !== undefined, shown !== undefined].filter(Boolean);
    // RFC 6749 §2.3: one method in a request.
    if (ways.length > 1) throw refused('The client authenticated in two ways: use one.');
    const proved = shown ?? (authorization === '' ? undefined : readBasic(authorization));
    if (proved) {
      // A client_id beside it is allowed, if it is the same one.
      if (clientId !== undefined && clientId !== proved.clientId)
        throw refused('The request names different clients.');
      return proved;
    }
    if (clientId === undefined) {
      throw refused(
        `The parameter client_id is missing. A tool gets its own with one POST to ${addresses.registration}.`,
      );
    }
    return secret === undefined ? { clientId } : { clientId, secret, method: 'client_secret_post' };
  }

  return {
    /** The client that a request speaks for; a confidential one has shown its secret. Refuses with 400 or 401. */
    authenticate: (ctx: RequestContext, form: Form): Promise<Client> =>
      clients.authenticateClient(readCredentials(ctx.get('Authorization'), form), originOf(ctx)),

    /** The same, where only a client with a secret may ask: nobody may try tokens out (RFC 7662 §2.1). */
    async authenticateConfidential(ctx: RequestContext, form: Form): Promise<Client> {
      const isNamed =
        ctx.get('Authorization') !== '' || form.has('client_id') || form.has('client_assertion');
      if (!isNamed) throw new OAuthRefusal(clientRefused('This endpoint asks for client authentication.'));
      const client = await this.authenticate(ctx, form);
      if (client.kind === 'confidential') return client;
      throw new OAuthRefusal(clientRefused('This endpoint is for clients that prove who they are.'));
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
  return { clientId, secret, method: 'client_secret_basic' };
}

function formDecoded(text: string): string | undefined {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    return /[\p{C}\ufffd]/u.test(decoded) ? undefined : decoded;
  } catch {
    return undefined;
  }
}
