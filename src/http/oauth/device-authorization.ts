// The device authorization endpoint: a tool starts a link and gets its two codes.
// How codes are drawn and links kept is in `links`. RFC 8628 §3.1, §3.2.
import type { RequestContext } from '../guards.js';
import { originOf } from '../request.js';
import type { Addresses } from './addresses.js';
import type { ClientAuthentication } from './client-authentication.js';
import { readParameters, readResources } from './parameters.js';
import type { Proofs } from './proof.js';
import { DEVICE_CODE_GRANT } from '../../domain/clients.js';
import type { LinksForTool } from '../../domain/links-tool.js';
import type { Services } from '../../domain/services.js';
import { DomainError } from '../../domain/vocabulary.js';

export interface DeviceAuthorizationDependencies {
  readonly addresses: Addresses;
  readonly clientAuthentication: ClientAuthentication;
  readonly proofs: Pick<Proofs, 'readBoundKey'>;
  readonly services: Pick<Services, 'grant'>;
  readonly links: Pick<LinksForTool, 'startLink'>;
}

type StartedLink = Awaited<ReturnType<LinksForTool['startLink']>>;

export function createDeviceAuthorization(dependencies: DeviceAuthorizationDependencies) {
  const { addresses, clientAuthentication, proofs, services, links } = dependencies;

  return async (ctx: RequestContext): Promise<void> => {
    const form = await readParameters(ctx);
    const client = await clientAuthentication.authenticate(ctx, form);
    if (!client.metadata.grantTypes.includes(DEVICE_CODE_GRANT)) throw new DomainError('grant-not-allowed');
    const resources = readResources(form) ?? [];
    const granted = await services.grant(client, { scope: form.get('scope'), resources });
    const keyThumbprint = await proofs.readBoundKey(ctx, form);
    ctx.body = presentStartedLink(
      await links.startLink({ client, ...granted, keyThumbprint, origin: originOf(ctx) }),
      addresses.verification,
    );
  };
}

function presentStartedLink(started: StartedLink, verificationAddress: string) {
  const { deviceCode, userCode, expiresInSeconds, intervalSeconds } = started;
  return {
    device_code: deviceCode,
    user_code: userCode,
    // RFC 8628 §3.3: the short address holds no code; the complete one is for a QR.
    verification_uri: verificationAddress,
    verification_uri_complete: `${verificationAddress}?user_code=${userCode}`,
    expires_in: expiresInSeconds,
    interval: intervalSeconds,
  };
}
