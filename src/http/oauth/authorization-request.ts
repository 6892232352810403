// What a tool asks for when it sends a person here, or pushes its request ahead: read by the letter, and checked against what the
// tool has registered. Until its address to go back to is known for its own, a fault is told to the person alone; from then on,
// to the tool. RFC 6749 §3.1, §4.1.1, §4.1.2.1; RFC 7636 §4.3; RFC 9207; OpenID Connect Core 1.0 §3.1.2.1; RFC 9700 §2.1, §4.11.
import { MessageFault, refuseRepeats, type Form } from '../request.js';
import type { WayBack } from '../request-way-back.js';
import { answerOf, OAuthRefusal, type OAuthAnswer, type OAuthErrorWord } from './errors.js';
import { readResources } from './parameters.js';
import type { AuthorizationAsked, Wishes } from '../../domain/authorizations.js';
import { isRegistered, isStrange } from '../../domain/clients-redirects.js';
import type { Client, Clients } from '../../domain/clients.js';
import type { Keys } from '../../domain/keys.js';
import type { Services } from '../../domain/services.js';
import type { SubjectId } from '../../domain/vocabulary.js';

export const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const;
export const RESPONSE_MODES = ['query', 'form_post'] as const;
/** What names a pushed request (RFC 9126 §2.2). */
export const PUSHED_PREFIX = 'urn:ietf:params:oauth:request_uri:';

const LONGEST_STATE = 2000;
const LONGEST_NONCE = 500;
/** RFC 7636 §4.2: what SHA-256 makes, in base64url. */
const DIGEST = /^[\w-]{43}$/;
const LOGIN = /^[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~@-]{1,254}$/u;

/** Where a tool's answer goes, with the tool's own word for it. */
export interface WayBackWithState extends WayBack {
  readonly clientState: string | undefined;
  /** What the tool calls itself, where nobody here knows whose address that is. */
  readonly strangerName: string | undefined;
}

/** A fault that the tool is told, by way of the browser. */
export class FaultForTool extends Error {
  readonly back: WayBackWithState;
  readonly answer: OAuthAnswer;
  constructor(back: WayBackWithState, answer: OAuthAnswer) {
    super(answer.description);
    this.name = 'FaultForTool';
    this.back = back;
    this.answer = answer;
  }
}

/** A fault of which nobody can be told but the person: whoever sent them here did not show whose it is. */
export class FaultForPerson extends Error {
  readonly why: 'client' | 'redirect' | 'request';
  constructor(why: FaultForPerson['why'], message: string) {
    super(message);
    this.name = 'FaultForPerson';
    this.why = why;
  }
}

export interface RequestReaderDependencies {
  readonly clients: Pick<Clients, 'findClient'>;
  readonly services: Pick<Services, 'grant'>;
  readonly keys: Pick<Keys, 'verify'>;
}

export interface ReadRequest {
  readonly client: Client;
  readonly asked: AuthorizationAsked;
  readonly back: WayBackWithState;
}

export type RequestReader = ReturnType<typeof createRequestReader>;

const refuse = (error: OAuthErrorWord, description: string): never => {
  throw new OAuthRefusal({ status: 400, error, description });
};
const oneOf = <Word extends string>(words: readonly Word[], text: string): Word | undefined =>
  words.find((word) => word === text);

/** `none` stands alone; what is not known is refused, rather than taken for something milder. OpenID Connect Core §3.1.2.1. */
function readPrompts(form: Form): readonly (typeof PROMPTS)[number][] {
  const words = (form.get('prompt') ?? '').split(' ').filter(Boolean);
  const known = words.map((word) => oneOf(PROMPTS, word));
  if (known.includes(undefined)) refuse('invalid_request', `prompt takes ${PROMPTS.join(', ')}.`);
  if (known.includes('none') && known.length > 1)
    refuse('invalid_request', 'prompt=none stands alone (OpenID Connect Core, 3.1.2.1).');
  return known as (typeof PROMPTS)[number][];
}

function readMaxAge(form: Form): number | undefined {
  const text = form.get('max_age');
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) refuse('invalid_request', 'max_age is a number of seconds.');
  return Number(text);
}

/** RFC 7636 §4.3, RFC 9700 §2.1.1: every request has a challenge, and `plain` is none. */
function readChallenge(form: Form): string {
  const challenge = form.get('code_challenge');
  if (challenge === undefined)
    return refuse('invalid_request', 'The parameter code_challenge is missing (RFC 7636).');
  if (form.get('code_challenge_method') !== 'S256')
    return refuse('invalid_request', 'code_challenge_method must be S256 (RFC 7636).');
  if (!DIGEST.test(challenge))
    return refuse('invalid_request', 'code_challenge must be base64url(SHA-256(code_verifier)).');
  return challenge;
}

function readShort(form: Form, name: string, most: number): string | undefined {
  const value = form.get(name);
  if (value !== undefined && value.length > most) refuse('invalid_request', `${name} is too long.`);
  return value;
}

function refuseUnsupported(form: Form): void {
  // OpenID Connect Core §6.1, §6.2, §7.2.1. A request_uri of ours has been taken for what it names before.
  if (form.has('request'))
    refuse('request_not_supported', 'Request objects are not supported: push the request (RFC 9126).');
  if (form.has('request_uri'))
    refuse('request_uri_not_supported', 'The only request_uri is that of a pushed request (RFC 9126).');
  if (form.has('registration')) refuse('registration_not_supported', 'Register the client first (RFC 7591).');
}

/** RFC 6749 §3.1.1: there is one. */
function readResponseType(form: Form): void {
  const type = form.get('response_type');
  if (type === undefined) refuse('invalid_request', 'The parameter response_type is missing.');
  if (type !== 'code') refuse('unsupported_response_type', 'response_type must be code.');
}

/** Whether a page may post there: a scheme of an app takes no form, and no policy can name an IPv6 address. */
const takesForms = (redirectUri: string): boolean => /^https?:\/\/[^[]/.test(redirectUri);

/** OAuth 2.0 Multiple Response Types §2.1, OAuth 2.0 Form Post Response Mode. */
function readResponseMode(form: Form, redirectUri: string): 'query' | 'form_post' {
  const mode = oneOf(RESPONSE_MODES, form.get('response_mode') ?? 'query');
  if (!mode) return refuse('invalid_request', `response_mode takes ${RESPONSE_MODES.join(' and ')}.`);
  if (mode === 'form_post' && !takesForms(redirectUri))
    return refuse('invalid_request', 'response_mode=form_post is for addresses of https and of 127.0.0.1.');
  return mode;
}

export function createRequestReader({ clients, services, keys }: RequestReaderDependencies) {
  /** Who is believed to sit there: of an ID token of ours for this client, however old (OpenID Connect Core §3.1.2.1). */
  async function readHint(form: Form, { clientId }: Client): Promise<SubjectId | undefined> {
    const hint = form.get('id_token_hint');
    if (hint === undefined) return undefined;
    const claims = await keys.verify(hint, { typ: 'JWT', audience: clientId, ignoreExpiry: true });
    return claims
      ? (claims.sub as SubjectId)
      : refuse('invalid_request', 'id_token_hint is no ID token of this client.');
  }

  async function readWishes(form: Form, client: Client): Promise<Wishes> {
    const prompts = readPrompts(form);
    const login = form.get('login_hint');
    const [firstClass] = (form.get('acr_values') ?? '').split(' ').filter(Boolean);
    return {
      mayAsk: !prompts.includes('none'),
      isSignInDue: prompts.includes('login'),
      isReviewDue: prompts.includes('consent') || prompts.includes('select_account'),
      maxAgeSeconds: readMaxAge(form),
      wantsSecondFactor: firstClass === 'aal2',
      subjectId: await readHint(form, client),
      login: login !== undefined && LOGIN.test(login) ? login : undefined,
    };
  }

  async function readAsked(form: Form, client: Client, back: WayBackWithState): Promise<AuthorizationAsked> {
    // RFC 8707 §2 lets `resource` repeat, and nothing else (RFC 6749 §3.1).
    refuseRepeats(form, { except: ['resource'] });
    refuseUnsupported(form);
    readResponseType(form);
    const answersBy = readResponseMode(form, back.redirectUri);
    if (!client.metadata.grantTypes.includes('authorization_code'))
      refuse('unauthorized_client', 'The client is not registered for authorization codes.');
    const codeChallenge = readChallenge(form);
    const clientState = readShort(form, 'state', LONGEST_STATE);
    const nonce = readShort(form, 'nonce', LONGEST_NONCE);
    const keyThumbprint = form.get('dpop_jkt');
    if (keyThumbprint !== undefined && !DIGEST.test(keyThumbprint))
      refuse('invalid_request', 'dpop_jkt is no thumbprint (RFC 9449, 10).');
    const resources = readResources(form) ?? [];
    const granted = await services.grant(client, { scope: form.get('scope'), resources });
    const wishes = await readWishes(form, client);
    const { redirectUri } = back;
    return {
      ...{ clientId: client.clientId, redirectUri, answersBy, clientState, nonce, codeChallenge },
      ...{ keyThumbprint, wishes, ...granted },
    };
  }

  /** What the tool is told of a fault; what is nobody's fault, or ours, is thrown on. */
  function forTool(error: unknown, back: WayBackWithState): unknown {
    if (error instanceof MessageFault && error.kind !== 'repeated') return error;
    const answer = answerOf(error);
    return answer && answer.status === 400 ? new FaultForTool(back, answer) : error;
  }

  async function findClient(clientId: string | undefined): Promise<Client> {
    const client = clientId === undefined ? undefined : await clients.findClient(clientId);
    if (!client) throw new FaultForPerson('client', 'The client is not known.');
    return client;
  }

  /** The same as `readRequest`, for a client that has proved who it is. */
  async function readRequestOf(client: Client, form: Form): Promise<ReadRequest> {
    const redirectUri = form.get('redirect_uri');
    if (redirectUri === undefined || !isRegistered(client.metadata.redirectUris, redirectUri))
      throw new FaultForPerson('redirect', 'The redirect_uri is not one that the client has registered.');
    const asksForForm = form.get('response_mode') === 'form_post' && takesForms(redirectUri);
    const state = form.get('state');
    const back: WayBackWithState = {
      redirectUri,
      answersBy: asksForForm ? 'form_post' : 'query',
      clientState: state !== undefined && state.length <= LONGEST_STATE ? state : undefined,
      strangerName: isStrange(client, redirectUri) ? client.name : undefined,
    };
    try {
      return { client, back, asked: await readAsked(form, client, back) };
    } catch (error) {
      throw forTool(error, back);
    }
  }

  return {
    /** Throws FaultForPerson where there is none of that name. */
    findClient,
    readRequestOf,

    /**
     * The client and what it asks for. Throws FaultForPerson as long as nobody else can be told (RFC 6749 §4.1.2.1): the client
     * is unknown, or the address is not registered, missing or repeated; FaultForTool for any other fault.
     */
    readRequest: async (form: Form): Promise<ReadRequest> =>
      readRequestOf(await findClient(form.get('client_id')), form),
  };
}
