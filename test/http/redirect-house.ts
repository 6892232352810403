// A whole house, and what the tests of its redirects do again and again: a tool that sends its person here, the person in a browser
// without scripts, and the tool that exchanges its code. Time moves only when a test moves it.
import { randomBytes } from 'node:crypto';
import { sha256 } from '../../src/crypto/secrets.js';
import type { TestHouseOptions } from '../support/app.js';
import { createVisitor, type Visitor } from '../support/visitor.js';
import { bodyOf, startOAuthHouse, type Fields, type OAuthHouse, type Tokens } from './oauth-house.js';

export const PASSWORD = 'quartz lantern bicycle 42';
/** Somewhere that nobody goes to: tests look where they would be sent. */
export const BACK = 'https://tool.example/back';
export const LOOPBACK = 'http://127.0.0.1/back';

export type RedirectHouse = Awaited<ReturnType<typeof startRedirectHouse>>;

/** A verifier and its challenge (RFC 7636 §4.1, §4.2). */
export function newVerifier(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: sha256(verifier) };
}

/** The fields of an answer, however it goes back: by a redirect, a page that goes on by itself, a button of ours, or a form. */
export function answerIn(visitor: Visitor): { to: string; fields: Fields } | undefined {
  const refresh = /^0; url=(.*)$/.exec(visitor.headers['refresh'] ?? '')?.[1];
  const button = /<a role="button" href="(https:[^"]*)"/.exec(visitor.html)?.[1]?.replaceAll('&amp;', '&');
  const address = visitor.leftTo ?? refresh ?? button;
  if (address !== undefined) {
    const [to = '', query = ''] = address.split(/\?(?!.*\?)/);
    return { to, fields: Object.fromEntries(new URLSearchParams(query)) };
  }
  const form = visitor.forms.find(({ action }) => !action.startsWith('/'));
  return form && { to: form.action, fields: form.fields };
}

export async function startRedirectHouse(options: TestHouseOptions = {}) {
  const house: OAuthHouse = await startOAuthHouse(options);
  const { post, request, issuer, clock } = house;

  /** A tool that registers itself for the redirect. */
  const registerTool = (metadata: object = {}) =>
    house.register({
      client_name: 'A dashboard',
      redirect_uris: [BACK],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...metadata,
    });

  /** A tool that the operator made: its addresses are known for its own. */
  async function makeTool(
    redirectUris: readonly string[] = [BACK],
    postLogoutRedirectUris: readonly string[] = [],
  ) {
    const about = { name: 'A dashboard', isConfidential: false, redirectUris, postLogoutRedirectUris };
    return (await house.house.clients.createByOperator(about)).client.clientId as string;
  }

  /** The parameters of a good request, and the verifier that goes with it. `undefined` takes one out. */
  function ask(clientId: string, changes: Record<string, string | undefined> = {}) {
    const { verifier, challenge } = newVerifier();
    const asked: Record<string, string | undefined> = {
      client_id: clientId,
      response_type: 'code',
      redirect_uri: BACK,
      scope: 'openid profile',
      state: 'as it was',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      ...changes,
    };
    const kept = Object.entries(asked).filter((field): field is [string, string] => field[1] !== undefined);
    const query = new URLSearchParams(kept).toString();
    return { verifier, query, address: `/oauth/authorize?${query}`, fields: Object.fromEntries(kept) };
  }

  const accounts = new Set<string>();

  /** Somebody with an account, in a browser of their own where they are signed in. */
  async function newPerson(name = 'mira'): Promise<Visitor> {
    if (!accounts.has(name)) await house.newAccount(name);
    accounts.add(name);
    const visitor = createVisitor(house);
    await visitor.signIn(name);
    return visitor;
  }

  /** On the review: approves, not before a person could have read it. */
  async function approveAt(visitor: Visitor, typed: Fields = {}): Promise<void> {
    clock.advance(2);
    await visitor.submit({ decision: 'approve', ...typed }, '/authorize/review');
  }

  async function declineAt(visitor: Visitor): Promise<void> {
    clock.advance(2);
    await visitor.submit({ decision: 'decline' }, '/authorize/review');
  }

  const exchange = (fields: Fields, headers: Fields = {}) =>
    post('/oauth/token', { grant_type: 'authorization_code', redirect_uri: BACK, ...fields }, headers);

  /** Through all of it. */
  async function linkBy(
    visitor: Visitor,
    clientId: string,
    changes: Record<string, string | undefined> = {},
  ) {
    const { address, verifier, fields } = ask(clientId, changes);
    await visitor.visit(address);
    if (visitor.path === '/authorize/review' && !answerIn(visitor)) await approveAt(visitor);
    const code = answerIn(visitor)?.fields['code'] ?? '';
    const redirect_uri = fields['redirect_uri'] ?? BACK;
    const answered = await exchange({ client_id: clientId, code, code_verifier: verifier, redirect_uri });
    return { code, verifier, tokens: bodyOf(answered) as Tokens, status: answered.status };
  }

  const isAlive = async ({ access_token }: Tokens): Promise<boolean> =>
    (await request.get('/oauth/userinfo').set('Authorization', `Bearer ${access_token}`)).status === 200;

  return {
    ...house,
    ...{ issuer, registerTool, makeTool, ask, newPerson, approveAt, declineAt, exchange, linkBy, isAlive },
    newVisitor: () => createVisitor(house),
  };
}
