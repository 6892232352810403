// Tools with keys of their own: a nonce to sign, a key brought to a token that a tool already has, a signed request exchanged
// for a token of seven days, and the public keys that verify it. What a proof must be is in `device-keys` of the domain.
// These endpoints are younger than XML here: they speak JSON alone. PIN-API 5.
import type { RequestContext } from '../guards.js';
import { MessageFault, originOf } from '../request.js';
import { answer, type Endpoint } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import { fieldOf, readMessage, type Message } from './message.js';
import type { FindBearer } from './token-bearer.js';
import { readIdentifier, requireIdentifier } from './tool-values.js';
import type { DeviceKeys } from '../../domain/device-keys.js';

export interface DeviceKeysDependencies {
  readonly findBearer: FindBearer;
  readonly deviceKeys: Pick<DeviceKeys, 'newNonce' | 'register' | 'exchange' | 'publishedKeys'>;
}

/** How long keys may be kept: far less than the day that a key is published before it signs. */
const KEPT_FOR_SECONDS = 900;

const json = (ctx: RequestContext, status: number, body: object): void =>
  answer(ctx, { format: 'json' }, status, { json: () => body, xml: () => ({ name: 'answer' }) });

function requireJwt(message: Message): string {
  const jwt = message.json['jwt'] ?? fieldOf(message, 'jwt');
  if (typeof jwt === 'string' && jwt !== '') return jwt;
  throw new MessageFault('missing', 'The parameter jwt is missing.', 'jwt');
}

export function createDeviceKeyEndpoints({ findBearer, deviceKeys }: DeviceKeysDependencies) {
  const giveNonce: Endpoint = async (ctx) => {
    const identifier = readIdentifier(ctx, await readMessage(ctx));
    if (identifier === undefined) throw new DoorRefusal(refusals.nonceForNobody);
    json(ctx, 200, { nonce: deviceKeys.newNonce(identifier) });
  };

  const bringKey: Endpoint = async (ctx) => {
    const message = await readMessage(ctx);
    const standing = await findBearer(ctx, message);
    const identifier = requireIdentifier({ identifier: readIdentifier(ctx, message) });
    const jwk = message.json['jwk'];
    if (jwk === undefined) throw new MessageFault('missing', 'The parameter jwk is missing.', 'jwk');
    await deviceKeys.register({ standing, identifier, jwk, origin: originOf(ctx) });
    json(ctx, 201, {});
  };

  const exchangeProof: Endpoint = async (ctx) => {
    const message = await readMessage(ctx);
    const identifier = readIdentifier(ctx, message);
    const asked = { jwt: requireJwt(message), ...(identifier === undefined ? {} : { identifier }) };
    json(ctx, 200, { auth_token: await deviceKeys.exchange({ ...asked, origin: originOf(ctx) }) });
  };

  const listKeys: Endpoint = async (ctx) => {
    ctx.remove('Pragma');
    ctx.set('Cache-Control', `public, max-age=${KEPT_FOR_SECONDS}`);
    json(ctx, 200, { keys: deviceKeys.publishedKeys() });
  };

  return { giveNonce, bringKey, exchangeProof, listKeys };
}
