// Writes a square of black and white modules as a PNG with one bit for each dot: a small part of the work that a picture in
// colour costs, since anybody may ask for one. PNG (third edition) §5, §11.2, §13.9 (no filter).
import { crc32, deflateSync } from 'node:zlib';

export interface Modules {
  /** How many stand in a row, and how many rows. */
  readonly size: number;
  readonly isBlack: (row: number, column: number) => boolean;
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Length, name, data, and a checksum over the latter two. */
function chunk(name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}

/** Each module becomes `dots` × `dots`, with a white margin of `margin` modules around all of them. */
export function writePng(
  { size, isBlack }: Modules,
  { dots, margin }: { dots: number; margin: number },
): Buffer {
  const width = (size + 2 * margin) * dots;
  const white = Buffer.alloc(1 + Math.ceil(width / 8), 0xff);
  // The first byte of a line names its filter: none.
  white[0] = 0;
  const lineOf = (row: number): Buffer => {
    const line = Buffer.from(white);
    for (let x = margin * dots; x < (margin + size) * dots; x++) {
      if (!isBlack(row, Math.floor(x / dots) - margin)) continue;
      line[1 + (x >> 3)]! &= ~(0x80 >> (x & 7));
    }
    return line;
  };
  const rows = Array.from({ length: size + 2 * margin }, (_, at) => {
    const row = at - margin;
    return row < 0 || row >= size ? white : lineOf(row);
  });
  const lines = rows.flatMap((line) => Array<Buffer>(dots).fill(line));
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(width, 4);
  // One bit for each dot, in shades of grey.
  header[8] = 1;
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(lines))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
