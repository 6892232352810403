// The pictures that the PIN door draws: a PNG that any reader takes, and the dots that were asked for (PNG §5, §11.2).
import { crc32, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { writePng } from '../../src/http/pins/png.js';

/** The chunks by name, each with a right checksum. */
function chunksOf(png: Buffer): Map<string, Buffer> {
  expect(png.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    const named = png.subarray(at + 4, at + 8 + length);
    expect(png.readUInt32BE(at + 8 + length)).toBe(crc32(named));
    chunks.set(named.toString('latin1', 0, 4), named.subarray(4));
    at += length + 12;
  }
  return chunks;
}

/** Whether the dot is black, read as PNG says: a filter byte before each line, the leftmost dot in the highest bit. */
function dotsOf(png: Buffer): { width: number; isBlack: (x: number, y: number) => boolean } {
  const chunks = chunksOf(png);
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  const header = chunks.get('IHDR')!;
  expect([...header.subarray(8)]).toEqual([1, 0, 0, 0, 0]);
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  expect(height).toBe(width);
  const lines = inflateSync(chunks.get('IDAT')!);
  const stride = 1 + Math.ceil(width / 8);
  expect(lines.length).toBe(stride * height);
  return { width, isBlack: (x, y) => ((lines[y * stride + 1 + (x >> 3)]! >> (7 - (x & 7))) & 1) === 0 };
}

it('holds each module as a square of dots, and white around them', () => {
  const square = fc.integer({ min: 1, max: 9 }).chain((size) =>
    fc.record({
      size: fc.constant(size),
      modules: fc.array(fc.boolean(), { minLength: size * size, maxLength: size * size }),
      dots: fc.integer({ min: 1, max: 9 }),
      margin: fc.integer({ min: 0, max: 3 }),
    }),
  );
  fc.assert(
    fc.property(square, ({ size, modules, dots, margin }) => {
      const isModule = (row: number, column: number) => modules[row * size + column] ?? false;
      const { width, isBlack } = dotsOf(writePng({ size, isBlack: isModule }, { dots, margin }));
      expect(width).toBe((size + 2 * margin) * dots);
      for (let y = 0; y < width; y++) {
        for (let x = 0; x < width; x++) {
          const [row, column] = [Math.floor(y / dots) - margin, Math.floor(x / dots) - margin];
          const isInside = row >= 0 && row < size && column >= 0 && column < size;
          if (isBlack(x, y) !== (isInside && isModule(row, column))) throw new Error(`wrong at ${x}, ${y}`);
        }
      }
    }),
    { numRuns: 50 },
  );
});
