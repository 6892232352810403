// The QR code of a user code: an image of the address where a person enters it. It looks nothing up, so that it tells nobody
// which codes are live. PIN-API 3.4 and "Decided".
import QRCode from 'qrcode';
import { countOnly } from '../observe.js';
import type { Endpoint } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import { readUserCode } from '../../domain/user-code.js';

export function createQr({ publicUrl }: { readonly publicUrl: string }): Endpoint {
  return async (ctx, { parameter }) => {
    // Its path is a code, which no line of the log shall hold.
    countOnly(ctx, 'qr_codes');
    // A typed code may hold anything; an address that is drawn holds nothing but a code.
    const userCode = /^[\w-]{1,64}$/.test(parameter) ? readUserCode(parameter) : undefined;
    if (userCode === undefined) throw new DoorRefusal(refusals.codeUnknown);
    const image = await QRCode.toBuffer(`${publicUrl}/link?pin=${userCode}`, {
      type: 'png',
      margin: 2,
      scale: 8,
    });
    ctx.status = 200;
    ctx.set('Content-Type', 'image/png');
    ctx.body = image;
  };
}
