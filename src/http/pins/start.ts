// Creating a PIN: a tool starts a link that it will poll by its number. How numbers and codes are drawn is in
// `links-by-number`. PIN-API 3.1, 3.6, 5 (with the key of the tool).
import type { RequestContext } from '../guards.js';
import { originOf } from '../request.js';
import { answer, contentTypeOf, type Call, type Endpoint } from './answers.js';
import { fieldOf, flagOf, readMessage } from './message.js';
import type { PendingAnswers } from './pending-answers.js';
import { presentOlderLink } from './present-link.js';
import { readToolValues, requireIdentifier } from './tool-values.js';
import type { LinksByNumber, NumberedLink } from '../../domain/links-by-number.js';

export interface StartDependencies {
  readonly linksByNumber: Pick<LinksByNumber, 'startNumberedLink'>;
  readonly pendingAnswers: PendingAnswers;
  readonly publicUrl: string;
}

export function createStart({ linksByNumber, pendingAnswers, publicUrl }: StartDependencies) {
  async function start(ctx: RequestContext): Promise<NumberedLink> {
    const message = await readMessage(ctx);
    const values = readToolValues(ctx, message);
    // In a field it is no key, and refused as such: a tool that sends one never gets a PIN without.
    const deviceKey = message.json['jwk'] === undefined ? fieldOf(message, 'jwk') : message.json['jwk'];
    return linksByNumber.startNumberedLink({
      identifier: requireIdentifier(values),
      tool: values.tool,
      isStrong: flagOf(message, 'strong'),
      deviceKey,
      origin: originOf(ctx),
    });
  }

  const startLink: Endpoint = async (ctx, { format }) => {
    const link = await start(ctx);
    ctx.set('Location', `${publicUrl}/api/v2/pins/${link.number}`);
    ctx.set('Content-Type', contentTypeOf(format));
    ctx.status = 201;
    ctx.body = pendingAnswers.present(link, format).body;
  };

  const startOlderLink: Endpoint = async (ctx, call: Call) => {
    const link = await start(ctx);
    ctx.set('Location', `${publicUrl}/pins/${link.number}.${call.format}`);
    answer(ctx, call, 201, presentOlderLink({ link }));
  };

  return { startLink, startOlderLink };
}
