// Signing in with a password, for tools that have nothing but a box for one: reads the credentials from where such tools put
// them, and says what came of it. How they are taken apart, and what they cost, is in `fallback`. PIN-API 4.2, 4.6, CHECKLIST 3.8.
import { isUtf8 } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { RequestContext } from '../guards.js';
import { MessageFault, originOf, parseForm, refuseRepeats } from '../request.js';
import { answer, type Answer, type Call, type Endpoint } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import { readMessage, type Message } from './message.js';
import type { FindUser } from './token-bearer.js';
import { readToolValues, requireIdentifier, type ToolValues } from './tool-values.js';
import { presentOlderUser, presentUser, type PresentedUser } from './user.js';
import type { Fallback } from '../../domain/fallback.js';
import { isRefusal } from '../../domain/vocabulary.js';

export interface SignInEndpointDependencies {
  readonly fallback: Fallback;
  readonly findUser: FindUser;
}

interface Credentials {
  readonly login: string;
  readonly password: string;
  readonly verificationCode: string | undefined;
}

const MISSED = {
  refused: refusals.signInRefused,
  'code-missing': refusals.codeMissing,
  'code-wrong': refusals.codeWrong,
} as const;

/** Nobody's: they cost the same look, and are never right (CHECKLIST 3.8.1). */
const UNREADABLE: Credentials = { login: '', password: '', verificationCode: undefined };
const NOTHING: Message = { query: parseForm(''), form: parseForm(''), json: {} };

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** RFC 7617: `login:password` in base64. Undefined for what is not that, or not UTF-8. */
function readBasic(authorization: string): Pick<Credentials, 'login' | 'password'> | undefined {
  const encoded = /^Basic +([\w+/-]+={0,2}) *$/i.exec(authorization)?.[1];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  const text = isUtf8(bytes) ? bytes.toString('utf8') : '';
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { login: text.slice(0, colon), password: text.slice(colon + 1) };
}

/**
 * From the header `Authorization: Basic`, else from the body; never from the address, which others keep in their logs. What
 * is missing is empty: it is looked at like anything else.
 */
function readCredentials(ctx: RequestContext, { form, json }: Message): Credentials {
  refuseRepeats(form);
  const nested = objectOf(json['user']);
  const inBody = (name: string): string | undefined =>
    form.get(name) ?? form.get(`user[${name}]`) ?? textOf(json[name]) ?? textOf(nested[name]);
  const verificationCode = inBody('verificationCode');
  const authorization = ctx.get('Authorization');
  if (!/^Basic\b/i.test(authorization)) {
    return { login: inBody('login') ?? '', password: inBody('password') ?? '', verificationCode };
  }
  const basic = readBasic(authorization);
  return basic ? { ...basic, verificationCode } : UNREADABLE;
}

/** A message that cannot be read holds credentials that nobody has; one that is too large is not taken at all. */
async function readSignIn(ctx: RequestContext): Promise<{ values: ToolValues; credentials: Credentials }> {
  let message: Message | undefined;
  try {
    message = await readMessage(ctx);
  } catch (error) {
    if (!(error instanceof MessageFault) || error.kind !== 'malformed') throw error;
  }
  const values = readToolValues(ctx, message ?? NOTHING);
  return { values, credentials: message ? readCredentials(ctx, message) : UNREADABLE };
}

export function createSignInEndpoint({ fallback, findUser }: SignInEndpointDependencies): {
  signIn: Endpoint;
  signInOlder: Endpoint;
} {
  async function attempt(
    ctx: RequestContext,
    credentials: Credentials,
    values: ToolValues,
    identifier: string,
  ) {
    try {
      const { tool } = values;
      const isNameless = values.identifier === undefined;
      const asked = { ...credentials, identifier, isNameless, tool, origin: originOf(ctx) };
      return await fallback.signInAtFallback(asked);
    } catch (error) {
      // Of this network too many were wrong, whoever was named: the one thing that is said with a time to wait.
      if (!isRefusal(error, 'too-many')) throw error;
      const { retryAfterSeconds = 60 } = error;
      throw new DoorRefusal({ ...refusals.signInThrottled, retryAfterSeconds });
    }
  }

  const signInAs =
    (identifierOf: (values: ToolValues) => string, present: (user: PresentedUser) => Answer): Endpoint =>
    async (ctx: RequestContext, call: Call) => {
      if (!fallback.isOpen) throw new DoorRefusal(refusals.notFound);
      const { values, credentials } = await readSignIn(ctx);
      const found = await attempt(ctx, credentials, values, identifierOf(values));
      if (found.outcome !== 'issued') throw new DoorRefusal(MISSED[found.outcome]);
      const { token, tool } = found;
      const { expiresAt } = tool.firstAccess;
      answer(ctx, call, 201, present(await findUser({ tool, token, expiresAt })));
    };

  return {
    signIn: signInAs(requireIdentifier, presentUser),
    /** Older tools say nothing of themselves: each sign-in is then a tool of its own. */
    signInOlder: signInAs(({ identifier }) => identifier ?? randomUUID(), presentOlderUser),
  };
}
