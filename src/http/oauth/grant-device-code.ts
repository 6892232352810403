// The device code grant: one poll of a link, held until it is decided where the tool asks for that, and its redemption.
// Links and their intervals are the domain's; that a pending poll is an error on the wire is this door's. RFC 8628 §3.4, §3.5.
import { countOnly } from '../observe.js';
import type { RequestContext } from '../guards.js';
import { originOf, requireField } from '../request.js';
import { OAuthRefusal, pollAnswers } from './errors.js';
import { readResources } from './parameters.js';
import type { Proofs } from './proof.js';
import { callerOf, readPreferWait } from '../request-wait.js';
import type { Grant } from './token.js';
import { DEVICE_CODE_GRANT, type Client, type Clients } from '../../domain/clients.js';
import type { Proof } from '../../domain/dpop.js';
import type { PollOutcome } from '../../domain/links.js';
import type { LinksForTool } from '../../domain/links-tool.js';
import { DomainError } from '../../domain/vocabulary.js';

export interface DeviceCodeGrantDependencies {
  readonly clients: Pick<Clients, 'findClient'>;
  readonly proofs: Pick<Proofs, 'checkProof' | 'noteProof'>;
  readonly links: Pick<LinksForTool, 'takeDecision' | 'pollLink' | 'holdPoll' | 'redeemLink'>;
}

export function createDeviceCodeGrant({ clients, proofs, links }: DeviceCodeGrantDependencies): Grant {
  /** The outcome once the hold has ended. Only a decision is worth another look: the rest is pending, as it was. */
  async function hold(ctx: RequestContext, deviceCode: string, client: Client): Promise<PollOutcome> {
    const seconds = readPreferWait(ctx.get('Prefer'));
    if (seconds === undefined) return 'pending';
    const caller = callerOf(ctx.res);
    const { network } = originOf(ctx);
    const end = await links.holdPoll({ deviceCode, seconds, network, caller });
    if (end === 'refused') return 'pending';
    ctx.set('Preference-Applied', `wait=${seconds}`);
    // A tool that hung up would never see its token: the link stays as it is, for its next poll.
    if (end !== 'decided' || caller.hasLeft()) return 'pending';
    if (!(await clients.findClient(client.clientId))) throw new DomainError('client-unknown');
    return 'approved';
  }

  async function poll(
    ctx: RequestContext,
    deviceCode: string,
    client: Client,
    proof?: Proof,
  ): Promise<PollOutcome> {
    const polled = await links.pollLink({ deviceCode, client, keyThumbprint: proof?.thumbprint });
    // A poll that gets nothing uses its proof up here, and no write: see `dpop`.
    if (proof && polled !== 'approved' && polled !== 'unknown') proofs.noteProof(proof);
    return polled === 'pending' ? hold(ctx, deviceCode, client) : polled;
  }

  return async (ctx, form, client) => {
    if (!client.metadata.grantTypes.includes(DEVICE_CODE_GRANT)) throw new DomainError('grant-not-allowed');
    const deviceCode = requireField(form, 'device_code');
    const proof = proofs.checkProof(ctx);
    const isDecided = links.takeDecision({ deviceCode, client, keyThumbprint: proof?.thumbprint });
    // How it was decided, redeeming tells: it refuses where there is nothing to redeem.
    let outcome = isDecided ? 'approved' : await poll(ctx, deviceCode, client, proof);
    if (outcome === 'approved') {
      const resources = readResources(form);
      const redeemed = await links.redeemLink({
        deviceCode,
        client,
        proof,
        resources,
        origin: originOf(ctx),
      });
      if (redeemed.outcome === 'issued') return redeemed.tokens;
      outcome = redeemed.outcome;
    }
    if (outcome === 'pending' || outcome === 'too-soon') countOnly(ctx, 'polls');
    // Approved and yet not issued: it was withdrawn or decided anew in between, and the next poll will tell.
    throw new OAuthRefusal(pollAnswers[outcome === 'approved' ? 'pending' : outcome]);
  };
}
