// Where this door's endpoints are: every address comes from the issuer, never from what a request says of the host.
// RFC 8414 §3 (the well-known part stands before the issuer's path), OpenID Connect Discovery 1.0 §4 (and there behind it).

export type Addresses = ReturnType<typeof createAddresses>;

/** The addresses under one issuer, which is kept byte for byte as it is configured. */
export function createAddresses(issuer: string) {
  const base = issuer.replace(/\/$/, '');
  const { origin, pathname } = new URL(base);
  const path = pathname.replace(/\/$/, '');
  return {
    issuer,
    /** Everything below it belongs to this door. */
    folder: `${path}/oauth/`,
    authorization: `${base}/oauth/authorize`,
    pushedAuthorization: `${base}/oauth/par`,
    endSession: `${base}/oauth/logout`,
    deviceAuthorization: `${base}/oauth/device_authorization`,
    token: `${base}/oauth/token`,
    revocation: `${base}/oauth/revoke`,
    introspection: `${base}/oauth/introspect`,
    userinfo: `${base}/oauth/userinfo`,
    registration: `${base}/oauth/register`,
    jwks: `${base}/.well-known/jwks.json`,
    oauthMetadata: `${origin}/.well-known/oauth-authorization-server${path}`,
    openidMetadata: `${base}/.well-known/openid-configuration`,
    /** The page where a person enters a user code; the page's own room is elsewhere. */
    verification: `${base}/link`,
    /** The pages where people go on who were sent here. */
    pages: {
      authorize: `${base}/authorize`,
      answer: `${base}/authorize/answer`,
      refused: `${base}/authorize/refused`,
      signOut: `${base}/authorize/sign-out`,
    },
  };
}
