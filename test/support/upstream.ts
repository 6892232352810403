// A provider for tests, at the outer wall: it speaks OpenID Connect, or OAuth 2 with an endpoint of its own for the person, holds
// its client to PKCE, its secret and the one redirect address, and does on demand what a provider should not.
import { createHash, generateKeyPairSync, randomBytes, sign, verify, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

type Json = Record<string, unknown>;

export interface UpstreamAccount {
  readonly sub: string;
  readonly email?: string;
  readonly email_verified?: unknown;
  readonly name?: string;
  readonly preferred_username?: string;
}

/** What of an ID token is changed before it is signed, and how it is signed. */
export interface Forgery {
  readonly claims?: Json;
  readonly alg?: 'RS256' | 'none' | 'HS256';
  readonly withKey?: KeyObject;
}

/** `down`: nobody answers; `slow`: nobody ever does; `garbage`: a page and no JSON; `busy`: 503; `huge`: without end; `away`: sends on. */
type Trouble = 'down' | 'slow' | 'garbage' | 'busy' | 'huge' | 'away';

interface Issued {
  readonly redirectUri: string;
  readonly challenge: string;
  readonly nonce: string | undefined;
  readonly who: UpstreamAccount;
  readonly authTime: number | undefined;
}

export type TestUpstream = Awaited<ReturnType<typeof startUpstream>>;

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

async function bodyOf(req: IncomingMessage): Promise<URLSearchParams> {
  let text = '';
  for await (const chunk of req) text += String(chunk);
  return new URLSearchParams(text);
}

const escape = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

export interface UpstreamOptions {
  readonly clientId?: string;
  readonly clientSecret?: string;
  /** Of an Apple: the public half of the key that signs its client secret. */
  readonly appleKey?: KeyObject;
  /** The id token holds the address, or only the userinfo endpoint does. */
  readonly isAddressInToken?: boolean;
}

/** One for all: to make one takes a core for a while. */
const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });

export async function startUpstream({
  clientId = 'linchpin',
  clientSecret = 'a secret of the provider',
  appleKey,
  isAddressInToken = true,
}: UpstreamOptions = {}) {
  const kid = randomBytes(8).toString('hex');
  const codes = new Map<string, Issued>();
  const tokens = new Map<string, UpstreamAccount>();
  const calls: string[] = [];
  const queries: { path: string; query: URLSearchParams; bearer: string }[] = [];
  const sockets = new Set<Socket>();
  const state = {
    who: {
      sub: 'anna-1',
      email: 'anna@example.com',
      email_verified: true,
      name: 'Anna Lind',
    } as UpstreamAccount,
    authTime: undefined as number | undefined,
    trouble: {} as Record<string, Trouble | undefined>,
    forgery: {} as Forgery,
    metadata: {} as Json,
    /** Of GitHub. */
    emails: undefined as unknown,
    /** What the browser's answer holds beside or instead. */
    answer: {} as Record<string, string>,
    isByForm: false,
  };
  let issuer = '';

  function signed(header: Json, claims: Json, { alg = 'RS256', withKey = keys.privateKey }: Forgery): string {
    const input = `${part({ ...header, alg })}.${part(claims)}`;
    if (alg === 'none') return `${input}.`;
    if (alg === 'HS256') {
      const mac = createHash('sha256')
        .update(input + clientSecret)
        .digest('base64url');
      return `${input}.${mac}`;
    }
    return `${input}.${sign('sha256', Buffer.from(input), withKey).toString('base64url')}`;
  }

  function idTokenFor({ nonce, who, authTime }: Issued): string {
    const now = Math.floor(Date.now() / 1000);
    const { sub, ...described } = who;
    const claims = {
      ...{ iss: issuer, aud: clientId, sub, iat: now, exp: now + 300, nonce },
      ...(authTime === undefined ? {} : { auth_time: authTime }),
      ...(isAddressInToken ? described : {}),
      ...state.forgery.claims,
    };
    return signed({ typ: 'JWT', kid }, claims, state.forgery);
  }

  function isClient(req: IncomingMessage, body: URLSearchParams): boolean {
    const basic = /^Basic (.+)$/.exec(req.headers.authorization ?? '')?.[1];
    const [id, secret] = basic
      ? Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
      : [body.get('client_id'), body.get('client_secret')];
    if (id !== clientId) return false;
    if (!appleKey) return secret?.replaceAll('+', ' ') === clientSecret;
    const [header = '', claims = '', signature = ''] = (secret ?? '').split('.');
    const key = { key: appleKey, dsaEncoding: 'ieee-p1363' } as const;
    return verify('sha256', Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, 'base64url'));
  }

  /** One trial for each code, and only for who can show what the challenge was made of. */
  async function answerToken(req: IncomingMessage): Promise<[status: number, body: Json]> {
    const body = await bodyOf(req);
    if (!isClient(req, body)) return [401, { error: 'invalid_client' }];
    const code = body.get('code') ?? '';
    const issued = codes.get(code);
    codes.delete(code);
    const verifier = createHash('sha256')
      .update(body.get('code_verifier') ?? '')
      .digest('base64url');
    const isGood = issued?.challenge === verifier && issued.redirectUri === body.get('redirect_uri');
    if (!issued || !isGood) return [400, { error: 'invalid_grant' }];
    const accessToken = randomBytes(16).toString('hex');
    tokens.set(accessToken, issued.who);
    const idToken = issued.nonce === undefined ? {} : { id_token: idTokenFor(issued) };
    return [200, { access_token: accessToken, token_type: 'Bearer', expires_in: 300, ...idToken }];
  }

  function metadata(): Json {
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'none', 'HS256'],
      ...state.metadata,
    };
  }

  /** What the browser is to bring back for this address: a code for whoever it is just now. */
  function allow(address: string | URL, who: UpstreamAccount = state.who): Record<string, string> {
    const asked = new URL(address).searchParams;
    const redirectUri = asked.get('redirect_uri') ?? '';
    const isMeant = asked.get('client_id') === clientId && asked.get('response_type') === 'code';
    if (!isMeant || asked.get('code_challenge_method') !== 'S256')
      throw new Error(`not our client: ${String(address)}`);
    const code = randomBytes(16).toString('hex');
    codes.set(code, {
      redirectUri,
      challenge: asked.get('code_challenge') ?? '',
      nonce: asked.get('nonce') ?? undefined,
      who,
      authTime: state.authTime,
    });
    return { code, state: asked.get('state') ?? '', iss: issuer, ...state.answer };
  }

  /** The page on which a person says yes or no. */
  function showQuestion(address: URL): string {
    const asked = address.searchParams;
    const redirectUri = asked.get('redirect_uri') ?? '';
    const no = { error: 'access_denied', state: asked.get('state') ?? '' };
    const isByForm = state.isByForm || asked.get('response_mode') === 'form_post';
    const form = (name: string, fields: Record<string, string>): string =>
      `<form id="${name}" method="${isByForm ? 'post' : 'get'}" action="${escape(redirectUri)}">${Object.entries(
        fields,
      )
        .map(([field, value]) => `<input type="hidden" name="${field}" value="${escape(value)}">`)
        .join('')}<button>${name}</button></form>`;
    const forms = form('allow', allow(address)) + form('deny', no);
    return `<!doctype html><html lang="en"><title>The provider</title><h1>Who are you?</h1>${forms}</html>`;
  }

  const bearer = (req: IncomingMessage): UpstreamAccount | undefined =>
    tokens.get(/^Bearer (.+)$/i.exec(req.headers.authorization ?? '')?.[1] ?? '');

  function send(res: ServerResponse, status: number, body: unknown, type = 'application/json'): void {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    res.writeHead(status, { 'Content-Type': type }).end(text);
  }

  function makeTrouble(trouble: Trouble, req: IncomingMessage, res: ServerResponse): void {
    if (trouble === 'down') req.socket.destroy();
    if (trouble === 'garbage') send(res, 200, '<h1>Hello</h1>', 'text/html');
    if (trouble === 'busy') send(res, 503, { error: 'temporarily_unavailable' });
    if (trouble === 'away') res.writeHead(307, { Location: `${issuer}/elsewhere` }).end();
    if (trouble !== 'huge') return;
    res.writeHead(200, { 'Content-Type': 'application/json' });
    const chunk = Buffer.alloc(65_536, 'x');
    const more = (): void => void (res.destroyed || res.write(chunk, more));
    more();
  }

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const address = new URL(req.url ?? '/', issuer);
    const path = address.pathname;
    calls.push(path);
    const [, token = ''] = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '') ?? [];
    queries.push({ path, query: address.searchParams, bearer: token });
    const trouble = state.trouble[path];
    if (trouble) return makeTrouble(trouble, req, res);
    if (path === '/.well-known/openid-configuration') return send(res, 200, metadata());
    if (path === '/jwks') {
      const jwk = keys.publicKey.export({ format: 'jwk' });
      return send(res, 200, { keys: [{ ...jwk, kid, use: 'sig', alg: 'RS256' }] });
    }
    if (path === '/hop')
      return void res.writeHead(302, { Location: `${issuer}/authorize${address.search}` }).end();
    if (path === '/authorize') return send(res, 200, showQuestion(address), 'text/html');
    if (path === '/token') return send(res, ...(await answerToken(req)));
    if (path === '/favicon.ico') return void res.writeHead(204).end();
    const who = bearer(req);
    if (!who) return send(res, 401, { error: 'invalid_token' });
    if (path === '/userinfo') return send(res, 200, who);
    if (path === '/user')
      return send(res, 200, { id: Number(who.sub), login: who.preferred_username, name: who.name });
    if (path === '/user/emails') return send(res, 200, state.emails);
    if (path === '/me') return send(res, 200, { id: who.sub, name: who.name, email: who.email });
    send(res, 404, {});
  }

  const server: Server = createServer((req, res) => void handle(req, res));
  server.on('connection', (socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    issuer,
    clientId,
    clientSecret,
    /** What was asked of it, path by path. */
    calls,
    queries,
    /** Changed by the test. */
    state,
    allow,
    otherKey: () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    /** As a preset that speaks OAuth 2 alone. */
    places: {
      issuer,
      authorization: `${issuer}/authorize`,
      token: `${issuer}/token`,
      person: `${issuer}/user`,
      emails: `${issuer}/user/emails`,
    },
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
