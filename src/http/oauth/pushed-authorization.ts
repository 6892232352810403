// The pushed authorization request endpoint: a tool sends its request ahead, past the browser, and proves who it is at once.
// RFC 9126; with a proof of its key, RFC 9449 §10.1.
import type { RequestContext } from '../guards.js';
import { originOf } from '../request.js';
import { FaultForPerson, FaultForTool, PUSHED_PREFIX, type RequestReader } from './authorization-request.js';
import type { ClientAuthentication } from './client-authentication.js';
import { OAuthRefusal, requestRefused } from './errors.js';
import { readParameters } from './parameters.js';
import type { Proofs } from './proof.js';
import { PUSHED_SECONDS, type AuthorizationsForTool } from '../../domain/authorizations-tool.js';

export interface PushedAuthorizationDependencies {
  readonly clientAuthentication: ClientAuthentication;
  readonly requestReader: RequestReader;
  readonly proofs: Pick<Proofs, 'readBoundKey'>;
  readonly authorizations: Pick<AuthorizationsForTool, 'pushAuthorization'>;
}

export function createPushedAuthorization(dependencies: PushedAuthorizationDependencies) {
  const { clientAuthentication, requestReader, proofs, authorizations } = dependencies;

  return async (ctx: RequestContext): Promise<void> => {
    const form = await readParameters(ctx);
    const client = await clientAuthentication.authenticate(ctx, form);
    // RFC 9126 §2.1.
    if (form.has('request_uri'))
      throw new OAuthRefusal(
        requestRefused('request_uri is not pushed: it is what a push is answered with.'),
      );
    const { asked } = await requestReader.readRequestOf(client, form).catch((error: unknown) => {
      // Nobody has been sent anywhere: every fault is told to the tool itself (RFC 9126 §2.3).
      if (error instanceof FaultForTool) throw new OAuthRefusal(error.answer);
      throw error instanceof FaultForPerson ? new OAuthRefusal(requestRefused(error.message)) : error;
    });
    const keyThumbprint = await proofs.readBoundKey(ctx, form);
    const reference = await authorizations.pushAuthorization({
      client,
      asked: { ...asked, keyThumbprint },
      origin: originOf(ctx),
    });
    ctx.status = 201;
    ctx.body = { request_uri: `${PUSHED_PREFIX}${reference}`, expires_in: PUSHED_SECONDS };
  };
}
