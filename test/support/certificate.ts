// A certificate that vouches for itself, for servers of tests that speak TLS. Written in DER by hand: Node makes keys and signatures, but no
// certificates. RFC 5280 (certificates), X.690 (DER).
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
}

const text = (tag: number, value: string): Buffer => der(tag, Buffer.from(value, 'utf8'));
const objectId = (hex: string): Buffer => der(OBJECT_ID, Buffer.from(hex, 'hex'));

const ECDSA_WITH_SHA256 = der(SEQUENCE, objectId('2a8648ce3d040302'));
const COMMON_NAME = objectId('550403');
const SUBJECT_ALT_NAME = objectId('551d11');

/** Key and certificate as PEM, for these host names, from 2020 to 2049. */
export function createCertificate(names: readonly string[]): { key: string; certificate: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, COMMON_NAME, text(UTF8_STRING, names[0] ?? 'localhost'))),
  );
  const altNames = der(SEQUENCE, ...names.map((each) => text(0x82, each)));
  const extension = der(SEQUENCE, SUBJECT_ALT_NAME, der(OCTET_STRING, altNames));
  const told = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    name,
    der(SEQUENCE, text(UTC_TIME, '200101000000Z'), text(UTC_TIME, '491231235959Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, der(SEQUENCE, extension)),
  );
  const signature = der(BIT_STRING, Buffer.from([0]), sign('sha256', told, privateKey));
  const whole = der(SEQUENCE, told, ECDSA_WITH_SHA256, signature).toString('base64');
  const lines = whole.match(/.{1,64}/g) ?? [];
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
  };
}
