// The QR code of a user code: an image of the address where a person enters it. It looks nothing up, so that it tells nobody
// which codes are live. PIN-API 3.4 and "Decided".
import QRCode from 'qrcode';
import { countOnly } from '../observe.js';
import type { Endpoint } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import { writePng } from './png.js';
import { readUserCode } from '../../domain/user-code.js';

export function createQr({ publicUrl }: { readonly publicUrl: string }): Endpoint {
  return async (ctx, { parameter }) => {
    // Its path is a code, which no line of the log shall hold.
    countOnly(ctx, 'qr_codes');
    // A typed code may hold anything; an address that is drawn holds nothing but a code.
    const userCode = /^[\w-]{1,64}$/.test(parameter) ? readUserCode(parameter) : undefined;
    if (userCode === undefined) throw new DoorRefusal(refusals.codeUnknown);
    const { modules } = QRCode.create(`${publicUrl}/link?pin=${userCode}`, {});
    const isBlack = (row: number, column: number): boolean => modules.get(row, column) === 1;
    const image = writePng({ size: modules.size, isBlack }, { dots: 8, margin: 4 });
    ctx.status = 200;
    ctx.set('Content-Type', 'image/png');
    ctx.body = image;
  };
}
