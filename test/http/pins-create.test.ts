// POST /api/v2/pins and its older twins: what a tool may send, what it gets, in both formats (PIN-API 1, 3.1, 3.6).
import { expectNoStore, type Fields } from './oauth-house.js';
import {
  expectOlderRefusal,
  expectRefusal,
  IDENTIFIER,
  JSON_ONLY,
  jsonOf,
  startPinHouse,
  toolHeaders,
  xmlOf,
  type PinHouse,
} from './pins-house.js';

let house: PinHouse;
beforeAll(async () => {
  house = await startPinHouse();
});
afterAll(() => house.close());

const PLACE = {
  ...{ code: '', continent_code: '', country: '', city: '', time_zone: '', postal_code: '' },
  ...{ european_union_member: false, in_privacy_restricted_country: false },
  ...{ in_privacy_restricted_region: false, subdivisions: '', coordinates: '' },
};

describe('a new PIN', () => {
  it('has every member that strict parsers insist on, in JSON (PIN-API 3.1, 7.5, 7.6)', async () => {
    const response = await house.create().expect(201);
    expectNoStore(response);
    const pin = jsonOf(response);
    const { id, code } = pin as { id: number; code: string };
    expect(pin).toEqual({
      id,
      code,
      product: 'A television',
      trusted: false,
      qr: `${house.issuer}/api/v2/pins/qr/${code}`,
      clientIdentifier: IDENTIFIER,
      location: PLACE,
      expiresIn: 900,
      createdAt: presentTime(0),
      expiresAt: presentTime(900),
      authToken: null,
      newRegistration: null,
    });
    expect(response.headers['location']).toBe(`${house.issuer}/api/v2/pins/${id}`);
  });

  it('is one element in XML, with 0 for false and empty text for null (PIN-API 1.6, 1.7, 3.1)', async () => {
    const response = await house.request.post('/api/v2/pins').set(toolHeaders()).expect(201);
    const pin = xmlOf(response);
    const { id, code } = pin.attributes;
    expect(pin.name).toBe('pin');
    expect(pin.text).toBe('');
    expect(pin.attributes).toEqual({
      id,
      code,
      product: 'A television',
      trusted: '0',
      qr: `${house.issuer}/api/v2/pins/qr/${code}`,
      clientIdentifier: IDENTIFIER,
      expiresIn: '900',
      createdAt: presentTime(0).replace('T', ' ').replace('Z', ' UTC'),
      expiresAt: presentTime(900).replace('T', ' ').replace('Z', ' UTC'),
      authToken: '',
      newRegistration: '',
    });
    const [place] = pin.children;
    expect(pin.children).toHaveLength(1);
    expect(place!.name).toBe('location');
    expect(Object.keys(place!.attributes)).toEqual(expect.arrayContaining(Object.keys(PLACE)));
    expect(place!.attributes['european_union_member']).toBe('0');
  });

  it('has an id of 31 bits, another each time (PIN-API 3.1, 7.0)', async () => {
    const pins = await Promise.all(Array.from({ length: 20 }, () => house.createPin()));
    for (const { id } of pins) {
      expect(Number.isInteger(id)).toBe(true);
      expect(id).toBeGreaterThan(0);
      expect(id).toBeLessThanOrEqual(2 ** 31 - 1);
    }
    expect(new Set(pins.map(({ id }) => id)).size).toBe(20);
    expect(new Set(pins.map(({ code }) => code)).size).toBe(20);
  });

  it('has a code to type, as long as guessing asks for, for 900 seconds (PIN-API Decided; CHECKLIST 3.1)', async () => {
    const { code, expiresIn } = await house.createPin();
    expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/);
    expect(expiresIn).toBe(900);
  });

  it.each([
    ['?strong=true', {}],
    ['?strong=True', {}],
    ['?strong=1', {}],
  ])(
    'has a strong code of 25 characters for 1800 seconds with %s (PIN-API 1.5, 3.1)',
    async (query, headers) => {
      const { code, expiresIn } = await house.createPin(query, headers);
      expect(code).toMatch(/^[0-9a-z]{25}$/);
      expect(expiresIn).toBe(1800);
    },
  );

  it.each(['?strong=false', '?strong=0', '?strong=', '?strong=no'])(
    'has no strong code with %s (PIN-API 1.5)',
    async (query) => {
      expect((await house.createPin(query)).expiresIn).toBe(900);
    },
  );

  it('is one of several that one identifier may have at once (PIN-API 3.2)', async () => {
    const [first, second] = [await house.createPin(), await house.createPin()];
    await house.poll(first.id).expect(200);
    await house.poll(second.id).expect(200);
  });
});

function presentTime(secondsFromNow: number): string {
  const time = new Date(house.clock.now().getTime() + secondsFromNow * 1000);
  return `${time.toISOString().slice(0, 19)}Z`;
}

describe('the format', () => {
  it.each([
    ['nothing', undefined],
    ['everything', '*/*'],
    ['XML', 'application/xml'],
    ['text', 'text/plain'],
    ['XML before JSON', 'application/xml, application/json'],
  ])('is XML where Accept asks for %s (PIN-API 1.2, 7.1)', async (_, accept) => {
    const sent = house.request.post('/api/v2/pins').set(toolHeaders());
    expect(xmlOf(await (accept === undefined ? sent.unset('Accept') : sent.set('Accept', accept))).name).toBe(
      'pin',
    );
  });

  it.each(['application/json', 'application/json, text/plain, */*', 'Application/JSON;q=0.9'])(
    'is JSON for %s (PIN-API 1.2, 7.1)',
    async (accept) => {
      jsonOf(
        await house.request
          .post('/api/v2/pins')
          .set({ ...toolHeaders(), Accept: accept })
          .expect(201),
      );
    },
  );

  it('is what the ending says, whatever Accept says (PIN-API 1.2, 7.1)', async () => {
    jsonOf(
      await house.request
        .post('/api/v2/pins.json')
        .set({ ...toolHeaders(), Accept: 'application/xml' })
        .expect(201),
    );
    xmlOf(
      await house.request
        .post('/api/v2/pins.xml')
        .set({ ...toolHeaders(), ...JSON_ONLY })
        .expect(201),
    );
  });
});

describe('what a tool says of itself', () => {
  const values = { 'X-Plex-Client-Identifier': 'from-there', 'X-Plex-Product': 'A radio' };
  const query = new URLSearchParams(values).toString();

  it.each<[string, () => ReturnType<PinHouse['create']>]>([
    ['the header', () => house.request.post('/api/v2/pins').set(values)],
    ['the query', () => house.request.post(`/api/v2/pins?${query}`)],
    ['the form', () => house.request.post('/api/v2/pins').type('form').send(values)],
    [
      'a body without a type',
      () => house.request.post('/api/v2/pins').unset('Content-Type').send(query).unset('Content-Type'),
    ],
  ])('is read from %s (PIN-API 1.3, 7.2)', async (_, send) => {
    const pin = jsonOf(await send().set(JSON_ONLY).expect(201));
    expect(pin).toMatchObject({ clientIdentifier: 'from-there', product: 'A radio' });
  });

  it('counts from the header first, then the query, then the form; empty is absent (PIN-API 1.3, Decided)', async () => {
    const send = (headers: Fields) =>
      house.request
        .post('/api/v2/pins?X-Plex-Product=query&X-Plex-Client-Identifier=')
        .set({ ...JSON_ONLY, ...headers })
        .type('form')
        .send({ 'X-Plex-Product': 'form', 'X-Plex-Client-Identifier': 'form' })
        .expect(201);
    expect(jsonOf(await send({ 'X-Plex-Product': 'header' }))).toMatchObject({
      product: 'header',
      clientIdentifier: 'form',
    });
    expect(jsonOf(await send({ 'X-Plex-Product': '' }))).toMatchObject({ product: 'query' });
  });

  it.each([
    ['UTF-8', Buffer.from('Bücherregal').toString('latin1')],
    ['ISO-8859-1', 'Bücherregal'],
  ])('is understood in %s in a header (PIN-API 1.4)', async (_, product) => {
    const response = await house.create('', { 'X-Plex-Product': product });
    expect(jsonOf(response)['product']).toBe('Bücherregal');
    const xml = await house.create('', { 'X-Plex-Product': product, Accept: 'application/xml' });
    expect(xmlOf(xml).attributes['product']).toBe('Bücherregal');
  });

  it.each([
    '<script>alert(1)</script>',
    '"><pin authToken="x"/>',
    ']]>&amp;',
    "' onload='x",
    'a\u0001b\u0000c\u202e',
    '\ud83d\ude00 \ufffe',
    'x'.repeat(5000),
  ])('is inert text whatever it is: %j (issue 3, bad input)', async (product) => {
    const send = (path: string) =>
      house.request
        .post(path)
        .type('form')
        .send({ 'X-Plex-Client-Identifier': 'x', 'X-Plex-Product': product });
    const responses = [
      await send('/api/v2/pins.json'),
      await send('/api/v2/pins.xml'),
      await send('/pins.xml'),
    ];
    // NUL makes a form unreadable; all else is read, and shown cleaned.
    if (product.includes('\0')) {
      expectRefusal(responses[0]!, 400, 1004);
      expectRefusal(responses[1]!, 400, 1004);
      return;
    }
    const told = jsonOf(responses[0]!)['product'] as string;
    expect(told.length).toBeLessThanOrEqual(80);
    expect(told).not.toMatch(/[\p{C}]/u);
    const pin = xmlOf(responses[1]!);
    expect(pin.attributes['product']).toBe(told);
    expect(pin.attributes['authToken']).toBe('');
    expect(pin.children).toHaveLength(1);
    xmlOf(responses[2]!);
  });
});

describe('a body', () => {
  const send = (body: string, type = 'application/json', query = '') =>
    house.request
      .post(`/api/v2/pins${query}`)
      .set({ ...toolHeaders(), ...JSON_ONLY, 'Content-Type': type })
      .send(body);

  it.each(['', '""', ' "" ', '{}'])('may be JSON that says nothing: %j (PIN-API 1.5, 7.3)', async (body) => {
    expect(jsonOf(await send(body, 'application/json', '?strong=true').expect(201))['expiresIn']).toBe(1800);
  });

  it.each(['{"strong":true}', '{"strong":"True"}', '{"strong":1}'])(
    'may ask for a strong code: %s (PIN-API 1.5, 5)',
    async (body) => {
      expect(jsonOf(await send(body).expect(201))['expiresIn']).toBe(1800);
    },
  );

  it.each([
    '{',
    '[]',
    '"text"',
    '7',
    'null',
    '{"strong":{}}',
    '{"strong":[true]}',
    '{"strong":true,"strong":false}',
    '{"jwk":"x"}',
    '{"jwk":{}}',
    '{"jwk":null}',
    `{"a":${'['.repeat(40)}${']'.repeat(40)}}`,
  ])('is refused with 400/1004 where it is wrong: %s (PIN-API 2; issue 3, bad input)', async (body) => {
    expectRefusal(await send(body), 400, 1004);
  });

  it.each(['a=%zz', 'a=%ff', 'X-Plex-Model=a&X-Plex-Model=b', 'strong=1&strong=0'])(
    'is refused with 400/1004 where the form cannot be read: %s (PIN-API 2)',
    async (body) => {
      expectRefusal(await send(body, 'application/x-www-form-urlencoded'), 400, 1004);
    },
  );

  it('says nothing where it is of another type, and is no fault (PIN-API 1.5)', async () => {
    expect(jsonOf(await send('strong=1', 'text/plain').expect(201))['expiresIn']).toBe(900);
  });

  it('of more than 16 KiB is 413, whatever its type (CHECKLIST 4)', async () => {
    for (const type of ['application/json', 'application/x-www-form-urlencoded', 'text/plain'])
      expectRefusal(await send('x'.repeat(16_385), type), 413, 1004);
  });

  it('that is packed is not unpacked (CHECKLIST 4)', async () => {
    const sent = house.create().set({ 'Content-Encoding': 'gzip', 'Content-Type': 'application/json' });
    expectRefusal(await sent.send('{}'), 400, 1004);
  });
});

describe('a PIN is refused', () => {
  it.each([
    ['not there', {}],
    ['empty', { 'X-Plex-Client-Identifier': '' }],
  ])('with 400/1000 where the client identifier is %s (PIN-API 1.4, 2, 7.4)', async (_, headers) => {
    expectRefusal(await house.request.post('/api/v2/pins').set({ ...headers, ...JSON_ONLY }), 400, 1000);
    expectRefusal(await house.request.post('/api/v2/pins').set(headers), 400, 1000);
    const older = await house.request.post('/pins.xml').set(headers);
    expectOlderRefusal(older, 400, 'X-Plex-Client-Identifier is missing');
  });

  it.each(['x'.repeat(256), 'a\u0001b', 'a\nb'])(
    'for an identifier that no answer could hold (issue 3, bad input) (%#)',
    async (identifier) => {
      const sent = house.request.post('/api/v2/pins').set(JSON_ONLY).type('form');
      expectRefusal(await sent.send({ 'X-Plex-Client-Identifier': identifier }), 400, 1004);
    },
  );

  it('with 429/1003 and Retry-After where a network has too many that nobody finished (PIN-API 2; CHECKLIST 3.1)', async () => {
    const small = await startPinHouse({ config: { liveLinksPerNetwork: 2 } });
    await small.createPin();
    await small.createPin();
    const refused = await small.create();
    expectRefusal(refused, 429, 1003);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    await small.close();
  });
});

describe('an older PIN', () => {
  it('has elements in XML, and a token that is looked for by either name (PIN-API 3.6, 7.14)', async () => {
    const response = await house.request.post('/pins.xml').set(toolHeaders()).expect(201);
    expectNoStore(response);
    const pin = xmlOf(response);
    const text = (name: string) => pin.children.find((child) => child.name === name);
    expect(pin.name).toBe('pin');
    expect(pin.children.map(({ name }) => name)).toEqual([
      ...['client-identifier', 'code', 'expires-at', 'id', 'user-id', 'trusted', 'auth-token', 'auth_token'],
    ]);
    expect(text('client-identifier')!.text).toBe(IDENTIFIER);
    expect(text('expires-at')).toMatchObject({ attributes: { type: 'dateTime' }, text: presentTime(900) });
    expect(text('id')!.attributes).toEqual({ type: 'integer' });
    expect(Number(text('id')!.text)).toBeGreaterThan(0);
    expect(text('auth_token')!.text).toBe('');
    expect(response.headers['location']).toBe(`${house.issuer}/pins/${text('id')!.text}.xml`);
  });

  it('nests the same in JSON (PIN-API 3.6)', async () => {
    const { pin } = jsonOf(await house.request.post('/pins.json').set(toolHeaders()).expect(201));
    expect(pin).toEqual({
      id: expect.any(Number) as unknown,
      code: expect.stringMatching(/^[A-Z]{8}$/) as unknown,
      client_identifier: IDENTIFIER,
      expires_at: presentTime(900),
      user_id: null,
      trusted: false,
      auth_token: null,
    });
  });

  it('is XML without an ending, whatever Accept says (PIN-API Decided)', async () => {
    xmlOf(
      await house.request
        .post('/pins')
        .set({ ...toolHeaders(), ...JSON_ONLY })
        .expect(201),
    );
  });
});
