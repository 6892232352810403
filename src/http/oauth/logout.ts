// The end session endpoint: a tool has sent its person here to sign out. Whether that is who is signed in, and whether they are
// asked, is for the pages to say; here it is only read who sent them, for whom, and where they may go back to.
// OpenID Connect RP-Initiated Logout 1.0 §2, §3; RFC 9700 §4.11 (an address that is not registered is never gone to).
import type { RequestContext } from '../guards.js';
import { MessageFault, readForm, readQuery, refuseRepeats, type Form } from '../request.js';
import type { HandedOver, Handover } from '../request-handover.js';
import { addressWith } from '../request-way-back.js';
import type { Addresses } from './addresses.js';
import { isStrange } from '../../domain/clients-redirects.js';
import type { Clients } from '../../domain/clients.js';
import type { Keys } from '../../domain/keys.js';

export interface LogoutDependencies {
  readonly addresses: Addresses;
  readonly clients: Pick<Clients, 'findClient'>;
  readonly keys: Pick<Keys, 'verify'>;
  readonly handover: Handover;
}

const LONGEST_STATE = 2000;

export function createLogout({ addresses, clients, keys, handover }: LogoutDependencies) {
  /** §2: the ID token may be old; it is not a credential but says who is meant. One that is not ours says nothing. */
  async function readHint(form: Form): Promise<{ clientId: string; subjectId: string } | undefined> {
    const claims = await keys.verify(form.get('id_token_hint') ?? '', { typ: 'JWT', ignoreExpiry: true });
    const { aud, sub } = claims ?? { aud: undefined, sub: undefined };
    const named = form.get('client_id');
    if (typeof aud !== 'string' || typeof sub !== 'string') return undefined;
    return named === undefined || named === aud ? { clientId: aud, subjectId: sub } : undefined;
  }

  async function read(form: Form): Promise<HandedOver['sign-out']> {
    refuseRepeats(form);
    const hint = await readHint(form);
    const clientId = hint?.clientId ?? form.get('client_id');
    const client = clientId === undefined ? undefined : await clients.findClient(clientId);
    if (!client) return {};
    const wanted = form.get('post_logout_redirect_uri');
    const isKnown = wanted !== undefined && client.metadata.postLogoutRedirectUris?.includes(wanted);
    const state = form.get('state');
    const fields = state !== undefined && state.length <= LONGEST_STATE ? { state } : {};
    // §3: with an address that is none of the tool's, the person is asked, and stays here.
    const isHintGood = hint !== undefined && (wanted === undefined || isKnown);
    return {
      toolName: client.name,
      ...(isHintGood ? { subjectId: hint.subjectId } : {}),
      ...(isKnown ? { to: addressWith(wanted, fields), isStrange: isStrange(client, wanted) } : {}),
    };
  }

  return async (ctx: RequestContext): Promise<void> => {
    ctx.status = 303;
    try {
      const form = ctx.method === 'POST' ? await readForm(ctx) : readQuery(ctx);
      const request = handover.seal('sign-out', await read(form));
      ctx.set('Location', addressWith(addresses.pages.signOut, { request }));
    } catch (error) {
      if (!(error instanceof MessageFault)) throw error;
      ctx.set('Location', addressWith(addresses.pages.refused, { why: 'request' }));
    }
  };
}
