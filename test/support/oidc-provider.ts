// A real OpenID provider for flows: npm oidc-provider with its own pages for signing in and agreeing, in this process. Whoever
// signs in there as `name` has the address name@example.com, which it has proved.
import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export interface OidcProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Lets the client at this address in: known once the house has started. */
  admit(redirectUri: string): void;
  close(): Promise<void>;
}

const account = (id: string) => ({
  accountId: id,
  claims: () => ({
    ...{ sub: id, name: `${id} of the provider`, preferred_username: id },
    ...{ email: `${id}@example.com`, email_verified: true },
  }),
});

export async function startOidcProvider(): Promise<OidcProvider> {
  const handler: { now: RequestListener } = { now: (_, res) => void res.writeHead(503).end() };
  const server = createServer((req, res) => handler.now(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clientId = 'linchpin';
  const clientSecret = randomBytes(16).toString('hex');

  return {
    issuer,
    clientId,
    clientSecret,
    admit(redirectUri) {
      const provider = new Provider(issuer, {
        clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
        claims: { email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
        cookies: { keys: [randomBytes(16).toString('hex')] },
        features: { devInteractions: { enabled: true } },
        findAccount: (_: unknown, id: string) => account(id),
        pkce: { required: () => true },
      });
      handler.now = provider.callback();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
