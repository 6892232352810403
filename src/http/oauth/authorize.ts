// The authorization endpoint: a tool has sent its person here. The request is read and kept, and the person is led to the pages,
// which ask whatever is to be asked; no session is looked at here. A fault goes back to the tool, once its address is known for
// its own; before that, a page tells the person. RFC 6749 §3.1, §4.1.2.1; RFC 9126 §4; RFC 9207; RFC 9700 §4.11.
import type { RequestContext } from '../guards.js';
import { noteUnavailable } from '../observe.js';
import { originOf, readForm, readQuery, requireField, MessageFault, type Form } from '../request.js';
import type { Handover } from '../request-handover.js';
import { addressWith, answerFields } from '../request-way-back.js';
import type { Addresses } from './addresses.js';
import { FaultForPerson, FaultForTool, PUSHED_PREFIX, type RequestReader } from './authorization-request.js';
import { answerOf, presentError, requestRefused } from './errors.js';
import type { AuthorizationsForTool } from '../../domain/authorizations-tool.js';
import { isRefusal, isUnavailable } from '../../domain/vocabulary.js';

export interface AuthorizeDependencies {
  readonly addresses: Addresses;
  readonly requestReader: RequestReader;
  readonly authorizations: Pick<AuthorizationsForTool, 'startAuthorization' | 'beginPushed'>;
  readonly handover: Handover;
  readonly reportFault: (ctx: RequestContext, error: unknown) => void;
}

/** 303: whatever came here by POST goes on by GET, without its body (RFC 9700 §4.12). */
function leadTo(ctx: RequestContext, address: string): void {
  ctx.status = 303;
  ctx.set('Location', address);
}

export function createAuthorize(dependencies: AuthorizeDependencies) {
  const { addresses, requestReader, authorizations, handover, reportFault } = dependencies;

  /** RFC 9126 §4: what was pushed counts, and nothing that stands beside it. */
  async function beginPushed(ctx: RequestContext, form: Form, reference: string): Promise<string> {
    const clientId = requireField(form, 'client_id');
    const known = await requestReader.findClient(clientId);
    const handle = await authorizations.beginPushed(reference, known.clientId, originOf(ctx));
    if (handle === undefined) throw new FaultForPerson('request', 'The pushed request is over.');
    return handle;
  }

  async function begin(ctx: RequestContext, form: Form): Promise<string> {
    const requestUri = form.get('request_uri');
    if (requestUri?.startsWith(PUSHED_PREFIX))
      return beginPushed(ctx, form, requestUri.slice(PUSHED_PREFIX.length));
    const { client, asked, back } = await requestReader.readRequest(form);
    if (client.metadata.mustPush)
      throw new FaultForTool(back, requestRefused('This client pushes its requests (RFC 9126).'));
    try {
      return await authorizations.startAuthorization({ client, asked, origin: originOf(ctx) });
    } catch (error) {
      const answer = isRefusal(error, 'too-many') ? answerOf(error) : undefined;
      throw answer ? new FaultForTool(back, answer) : error;
    }
  }

  /**
   * RFC 6749 §4.1.2.1: the error, the tool's own state, and whose answer it is. Nobody has signed in or agreed to anything yet: to a
   * stranger's address they go on by themselves, or not at all (RFC 9700 §4.11.2).
   */
  function tellTool(ctx: RequestContext, { back, answer }: FaultForTool): void {
    const { redirectUri, answersBy, strangerName, clientState: state } = back;
    const sent = answerFields({ ...presentError(answer), state }, addresses.issuer);
    leadTo(
      ctx,
      answersBy === 'query' && strangerName === undefined
        ? addressWith(redirectUri, sent)
        : addressWith(addresses.pages.answer, {
            answer: handover.seal('answer', { redirectUri, answersBy, sent, strangerName }),
          }),
    );
  }

  function tellPerson(ctx: RequestContext, error: unknown): void {
    const isTheirs = error instanceof FaultForPerson || error instanceof MessageFault;
    const isBusy = isUnavailable(error) || isRefusal(error, 'store-unavailable');
    if (!isTheirs && !isBusy) reportFault(ctx, error);
    noteUnavailable(ctx, error);
    const why =
      error instanceof FaultForPerson ? error.why : isTheirs ? 'request' : isBusy ? 'busy' : 'fault';
    leadTo(ctx, addressWith(addresses.pages.refused, { why }));
  }

  return async (ctx: RequestContext): Promise<void> => {
    try {
      const form = ctx.method === 'POST' ? await readForm(ctx) : readQuery(ctx);
      leadTo(ctx, addressWith(addresses.pages.authorize, { request: await begin(ctx, form) }));
    } catch (error) {
      if (error instanceof FaultForTool) tellTool(ctx, error);
      else tellPerson(ctx, error);
    }
  };
}
