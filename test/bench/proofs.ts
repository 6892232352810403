// Pending polls of tools that prove a key of their own (RFC 9449): each poll with a proof that was never shown before. What a proof
// costs the tool is not measured, since all of a window's are signed before it begins.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { formRequest, loadServer, type Traffic } from './load.js';
import type { Server } from './processes.js';
import { isPending, type Contestant } from './rounds.js';

const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';
const LINKS = 1000;

/** The proofs of one key, as a tool would make them. */
function createProver() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const header = encoded({ typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) });
  const run = createHash('sha256').update(randomBytes(16)).digest('base64url').slice(0, 16);
  let made = 0;
  return (htu: string, nonce: string | null): string => {
    const iat = Math.floor(Date.now() / 1000);
    const claims = { jti: `${run}${made++}`, htm: 'POST', htu, iat, ...(nonce === null ? {} : { nonce }) };
    const input = `${header}.${encoded(claims)}`;
    const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
    return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
  };
}

/** Polls links that stay pending, each poll with a proof of the same key. */
export async function createProofPollers(server: Server, label: string): Promise<Contestant> {
  const { pollPath, clientId, proofAddress = '' } = server.ready;
  const codes = await server.order('pending', { count: LINKS, sample: LINKS });
  const prove = createProver();
  let turn = 0;
  const makeTraffic = async (answers: number): Promise<Traffic> => {
    const nonce = await server.order('proofNonce', {});
    const requests = Array.from({ length: answers }, () => {
      const device_code = codes[turn++ % codes.length]!;
      const form = { grant_type: DEVICE_CODE_GRANT, client_id: clientId, device_code };
      return formRequest(pollPath, form, `DPoP: ${prove(proofAddress, nonce)}\r\n`);
    });
    return { next: () => requests.pop(), isRight: isPending };
  };
  // The first poll of each link binds it, once; what is measured are all the others.
  await loadServer(server.port, await makeTraffic(LINKS), 60);
  return { label, server, makeTraffic };
}
