// What may be done with a user code at this door: link it with a token (off unless operator and account allow it), and ask
// what tool it is of. Both count as entering a code; the rules are in `links-by-number`. PIN-API 3.3, 3.5 and "Decided".
import type { RequestContext } from '../guards.js';
import { createCookies } from '../guards-cookies.js';
import { MessageFault, originOf } from '../request.js';
import { answer, presentTime, type Endpoint, type Format } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import { fieldOf, readMessage, type Message } from './message.js';
import type { FindBearer } from './token-bearer.js';
import type { LinksByNumber } from '../../domain/links-by-number.js';
import type { Session, Sessions } from '../../domain/sessions.js';
import { isStrongCode, readUserCode } from '../../domain/user-code.js';

export interface UserCodesDependencies {
  readonly findBearer: FindBearer;
  readonly linksByNumber: Pick<LinksByNumber, 'linkByToken' | 'describeCode'>;
  readonly sessions: Pick<Sessions, 'findSession'>;
  readonly publicUrl: string;
}

/** Nobody guesses one: it needs no account to count guesses by. */
function isStrong(code: string): boolean {
  const userCode = readUserCode(code);
  return userCode !== undefined && isStrongCode(userCode);
}

function requireCode(message: Message): string {
  const code = fieldOf(message, 'code') ?? message.json['code'];
  if (typeof code === 'string' && code !== '') return code;
  throw new MessageFault('missing', 'The parameter code is missing.', 'code');
}

export function createUserCodeEndpoints(dependencies: UserCodesDependencies) {
  const { findBearer, linksByNumber, sessions, publicUrl } = dependencies;
  const cookies = createCookies({ isHttps: publicUrl.startsWith('https:') });

  /** A page of another site shall not spend the guesses of whoever looks at it. */
  async function findSession(ctx: RequestContext): Promise<Session | undefined> {
    const site = ctx.get('Sec-Fetch-Site');
    const token = cookies.read(ctx, 'session');
    const isOwn = site === '' || site === 'same-origin' || site === 'none';
    return isOwn && token !== undefined ? sessions.findSession(token) : undefined;
  }

  const linkByToken: Endpoint = async (ctx) => {
    const message = await readMessage(ctx);
    const standing = await findBearer(ctx, message);
    await linksByNumber.linkByToken({ standing, userCode: requireCode(message), origin: originOf(ctx) });
    ctx.status = 204;
  };

  const describeCode: Endpoint = async (ctx, call) => {
    const code = requireCode(await readMessage(ctx));
    const session = await findSession(ctx);
    if (!session && !isStrong(code)) throw new DoorRefusal(refusals.notAuthenticated);
    const found = await linksByNumber.describeCode(code, session, originOf(ctx));
    if (!found) throw new DoorRefusal(refusals.codeUnknown);
    const membersIn = (format: Format) => ({
      product: found.product,
      device: found.device,
      trusted: found.isTrusted,
      expiresAt: presentTime(found.expiresAt, format),
    });
    answer(ctx, call, 200, {
      json: () => membersIn('json'),
      xml: () => ({ name: 'pin', attributes: membersIn('xml') }),
    });
  };

  return { linkByToken, describeCode };
}
