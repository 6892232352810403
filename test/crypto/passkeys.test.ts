// What a passkey's answer must be to be right: real keys and real signatures, each thing changed in turn.
import fc from 'fast-check';
import { createPasskeyProtocol, type MadeCredential } from '../../src/crypto/passkeys.js';
import {
  createAuthenticator,
  type Algorithm,
  type AuthenticatorOptions,
  type Otherwise,
} from '../support/authenticator.js';

const ORIGIN = 'https://pin.example.org';
const protocol = createPasskeyProtocol({ publicUrl: ORIGIN, serviceName: 'Linchpin' });
const challenge = 'a-challenge-of-256-bits-or-so-0123456789ab';
const asked = { challenge, user: { id: 'somebody' } };

async function made(options: Partial<AuthenticatorOptions> = {}) {
  const authenticator = createAuthenticator({ origin: ORIGIN, ...options });
  const read = protocol.readMade(authenticator.make(asked))!;
  const credential = (await protocol.checkMade(read)) as MadeCredential;
  return { authenticator, credential };
}

const check = async (response: string, credential: MadeCredential) => {
  const read = protocol.readAnswer(response);
  return read && protocol.checkAnswer(read, credential);
};

/**
 * Where the two numbers of an ECDSA signature stand in its DER: changed there, it is another signature. What is written around
 * them is read with more patience than it deserves, and says nothing (RFC 3279 §2.2.3).
 */
function placesOfNumbers(signature: Buffer): number[] {
  const places: number[] = [];
  for (let at = 2; at < signature.length;) {
    const end = at + 2 + signature[at + 1]!;
    for (let place = Math.max(at + 2, end - 32); place < end; place++) places.push(place);
    at = end;
  }
  return places;
}

describe('the address', () => {
  it.each([
    ['https://pin.example.org', undefined],
    ['https://pin.example.org:8443/sub', undefined],
    ['http://localhost:8484', undefined],
    ['http://pin.localhost', undefined],
    ['http://pin.example.org', 'not-https'],
    ['http://192.168.1.7:8484', 'not-a-name'],
    ['https://192.168.1.7', 'not-a-name'],
    ['http://127.0.0.1:8484', 'not-a-name'],
    ['https://[2001:db8::1]', 'not-a-name'],
  ])('%s: passkeys are hindered by %s (WebAuthn Level 3 §5.1.3)', (publicUrl, hindrance) => {
    expect(createPasskeyProtocol({ publicUrl, serviceName: 'Linchpin' }).hindrance).toBe(hindrance);
  });

  it('is what both are made for: its host as the name, and nothing of the port (§5.4)', () => {
    const { creationOptions } = createPasskeyProtocol({
      publicUrl: 'https://pin.example.org:8443',
      serviceName: 'Linchpin',
    });
    const options = creationOptions({ challenge, userHandle: 'h', username: 'anna', exclude: [] });
    expect(options).toMatchObject({
      rp: { id: 'pin.example.org', name: 'Linchpin' },
      attestation: 'none',
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
    });
  });
});

describe('a new passkey', () => {
  it.each<Algorithm>(['ES256', 'EdDSA', 'RS256'])('with a key of %s is right (§7.1)', async (algorithm) => {
    const { authenticator, credential } = await made({ algorithm });
    expect(credential).toMatchObject({
      credentialId: authenticator.id,
      signCount: 1,
      isBackupEligible: false,
      isBackedUp: false,
      isAlone: true,
      transports: ['hybrid', 'internal'],
    });
    expect(await check(authenticator.answer(asked), credential)).toEqual({
      signCount: 2,
      isBackedUp: false,
      isUserVerified: true,
    });
  });

  it('that is synced says so (§6.1.3)', async () => {
    const { credential } = await made({ isSynced: true });
    expect(credential).toMatchObject({ isBackupEligible: true, isBackedUp: true, signCount: 0 });
  });

  it.each<[string, Otherwise]>([
    ['for another site', { origin: 'https://pin.example.net' }],
    ['for another port', { origin: `${ORIGIN}:8443` }],
    ['for a host below ours', { origin: 'https://evil.pin.example.org' }],
    ['for another name', { rpId: 'example.org' }],
    ['that is an answer to another question', { type: 'webauthn.get' }],
    ['without anybody there', { isPresent: false }],
    ['that is synced and cannot be', { isBackedUp: true }],
    ['of an algorithm that was not asked for', { algorithmNumber: -65535 }],
  ])('%s is none (§7.1)', async (_, otherwise) => {
    const authenticator = createAuthenticator({ origin: ORIGIN });
    const read = protocol.readMade(authenticator.make(asked, otherwise))!;
    expect(await protocol.checkMade(read)).toBeUndefined();
  });

  it('from within a frame is not read at all (§13.4.9)', () => {
    const authenticator = createAuthenticator({ origin: ORIGIN });
    expect(protocol.readMade(authenticator.make(asked, { crossOrigin: true }))).toBeUndefined();
  });
});

describe('an answer', () => {
  it.each<[string, Otherwise]>([
    ['from another site', { origin: 'https://pin.example.net' }],
    ['from our name over http', { origin: 'http://pin.example.org' }],
    ['for another name', { rpId: 'pin.example.net' }],
    ['that made a passkey', { type: 'webauthn.create' }],
    ['without anybody there', { isPresent: false }],
    ['signed by another key', { isForged: true }],
    ['that may be synced all of a sudden', { isBackupEligible: true }],
    ['that is synced and cannot be', { isBackedUp: true }],
  ])('%s is wrong (§7.2)', async (_, otherwise) => {
    const { authenticator, credential } = await made();
    expect(await check(authenticator.answer(asked, otherwise), credential)).toBeUndefined();
  });

  it('may say now that it is synced, or is not any more, where it may be (§6.1.3)', async () => {
    const { authenticator, credential } = await made({ isSynced: true });
    const now = await check(authenticator.answer(asked, { isBackedUp: false }), credential);
    expect(now).toMatchObject({ isBackedUp: false });
  });

  it('says whether it was made sure who is there, and is right without (§7.2)', async () => {
    const { authenticator, credential } = await made();
    const unverified = await check(authenticator.answer(asked, { isVerified: false }), credential);
    expect(unverified).toMatchObject({ isUserVerified: false });
  });

  it('is not another passkey’s', async () => {
    const [anna, bert] = [await made(), await made()];
    expect(await check(anna.authenticator.answer(asked), bert.credential)).toBeUndefined();
  });

  it('changed anywhere is wrong or not read', async () => {
    const { authenticator, credential } = await made({ isCounting: false });
    const whole = JSON.parse(authenticator.answer(asked)) as { response: Record<string, string> };
    const fields = ['clientDataJSON', 'authenticatorData', 'signature'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...fields),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (name, at, by) => {
          const bytes = Buffer.from(whole.response[name]!, 'base64url');
          const places = name === 'signature' ? placesOfNumbers(bytes) : [...bytes.keys()];
          bytes[places[at % places.length]!]! ^= by;
          const response = { ...whole.response, [name]: bytes.toString('base64url') };
          expect(await check(JSON.stringify({ ...whole, response }), credential)).toBeUndefined();
        },
      ),
      { numRuns: 60 },
    );
  });

  it('of any other shape is not read', () => {
    const sent = createAuthenticator({ origin: ORIGIN }).answer(asked);
    const whole = JSON.parse(sent) as Record<string, unknown> & { response: object };
    const others = [
      '',
      'null',
      '[]',
      '{"id":1}',
      '['.repeat(5000),
      JSON.stringify({ ...whole, id: '' }),
      JSON.stringify({ ...whole, id: 'a'.repeat(1365) }),
      JSON.stringify({ ...whole, type: 'password' }),
      JSON.stringify({ ...whole, response: 'yes' }),
      JSON.stringify({ ...whole, response: { ...whole.response, signature: 7 } }),
      JSON.stringify({ ...whole, response: { ...whole.response, clientDataJSON: 'bm90IGpzb24' } }),
      JSON.stringify({ ...whole, response: { ...whole.response, clientDataJSON: undefined } }),
    ];
    for (const other of others) expect(protocol.readAnswer(other)).toBeUndefined();
    expect(protocol.readMade(sent)).toBeUndefined();
  });

  it('is never more than wrong, whatever was sent', async () => {
    const { credential } = await made();
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        const read = protocol.readAnswer(json) ?? protocol.readMade(json);
        expect(read && (await protocol.checkAnswer(read, credential))).toBeUndefined();
      }),
    );
  });
});
