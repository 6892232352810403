// Strict reading, against the parser itself and against a real node server with raw sockets.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import {
  MessageFault,
  handOnBody,
  parseForm,
  parseJson,
  readBody,
  readForm,
  readJson,
  readQuery,
  refuseRepeats,
  requireField,
} from '../../src/http/request.js';

function faultOf(act: () => unknown): MessageFault {
  try {
    act();
  } catch (fault) {
    if (fault instanceof MessageFault) return fault;
    throw fault;
  }
  throw new Error('nothing was refused');
}

const kindOf = (act: () => unknown) => faultOf(act).kind;

describe('a form', () => {
  it('reads names and values, + and %, in UTF-8', () => {
    const form = parseForm('grant_type=urn%3Aietf%3Aparams&scope=openid+email&n%C3%A4me=%F0%9F%94%91&flag');
    expect(form.names()).toEqual(['grant_type', 'scope', 'näme', 'flag']);
    expect(form.get('grant_type')).toBe('urn:ietf:params');
    expect(form.get('scope')).toBe('openid email');
    expect(form.get('näme')).toBe('🔑');
    expect(parseForm('a=1&&b=2&').names()).toEqual(['a', 'b']);
    expect(parseForm('a=b=c').get('a')).toBe('b=c');
    expect(parseForm('a=%2B1%26').get('a')).toBe('+1&');
    expect(parseForm('').names()).toEqual([]);
  });

  it('reads what the platform writes', () => {
    const sent = { user_code: 'BCDF-GHJK', password: 'grün & "blau" = 100 % +', empty: '' };
    const form = parseForm(new URLSearchParams(sent).toString());
    expect(form.get('password')).toBe(sent.password);
    expect(form.names()).toEqual(Object.keys(sent));
  });

  it('takes an empty value for an absent one (RFC 6749 §3.2)', () => {
    const form = parseForm('client_id=&scope');
    expect(form.get('client_id')).toBeUndefined();
    expect(form.has('client_id')).toBe(false);
    expect(form.has('scope')).toBe(false);
    expect(form.getAll('client_id')).toEqual([]);
  });

  it('says which parameters are repeated, and gives none of their values (RFC 8628 §3.1)', () => {
    const form = parseForm('a=1&client_id=x&b=2&client_id=y&a=&a=');
    expect(form.repeated).toEqual(['client_id', 'a']);
    expect(form.get('client_id')).toBeUndefined();
    expect(form.get('b')).toBe('2');
    expect(form.getAll('client_id')).toEqual(['x', 'y']);
    expect(parseForm('%61=1&a=2').repeated).toEqual(['a']);
  });

  it('refuses repeats by name, but for the parameters that may repeat (RFC 8707 §2)', () => {
    const form = parseForm('resource=a&resource=b');
    expect(() => refuseRepeats(form, { except: ['resource'] })).not.toThrow();
    expect(faultOf(() => refuseRepeats(form))).toMatchObject({
      kind: 'repeated',
      parameter: 'resource',
      message: 'The parameter resource was sent more than once.',
    });
    expect(faultOf(() => requireField(form, 'resource')).kind).toBe('repeated');
    expect(faultOf(() => requireField(form, 'scope'))).toMatchObject({ kind: 'missing', parameter: 'scope' });
    expect(requireField(parseForm('a=1'), 'a')).toBe('1');
  });

  it("never repeats the caller's own bytes in a fault", () => {
    const fault = faultOf(() => refuseRepeats(parseForm('%3Cscript%3E=1&%3Cscript%3E=2')));
    expect(fault.parameter).toBeUndefined();
    expect(fault.message).not.toContain('script');
  });

  it.each(['a=%', 'a=%2', 'a=%zz', '%=1', 'a=%ff', 'a=%c0%af', 'a=%ed%a0%80', 'a=%e2%82'])(
    'refuses the badly encoded %p',
    (text) => expect(kindOf(() => parseForm(text))).toBe('malformed'),
  );

  it('refuses NUL, written or encoded', () => {
    expect(kindOf(() => parseForm('a=b%00c'))).toBe('malformed');
    expect(kindOf(() => parseForm('a\0=b'))).toBe('malformed');
    expect(parseForm('a=%2500').get('a')).toBe('%00');
  });

  it('reads 64 fields and refuses 65', () => {
    const fields = (count: number) => Array.from({ length: count }, (_, index) => `f${index}=1`).join('&');
    expect(parseForm(fields(64)).names()).toHaveLength(64);
    expect(kindOf(() => parseForm(fields(65)))).toBe('malformed');
  });

  it('treats __proto__ and constructor as names like any other', () => {
    const form = parseForm('__proto__=x&constructor=y&toString=z');
    expect(form.get('__proto__')).toBe('x');
    expect(form.get('hasOwnProperty')).toBeUndefined();
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});

describe('JSON', () => {
  it('reads an object', () => {
    expect(parseJson('{"client_name":"TV \\"one\\": [","redirect_uris":["a","a"],"n":{"n":1}}')).toEqual({
      client_name: 'TV "one": [',
      redirect_uris: ['a', 'a'],
      n: { n: 1 },
    });
  });

  it.each(['', '[]', '"text"', 'null', '1', '{', '{"a":1,}', 'client_id=x'])('refuses %p', (text) =>
    expect(kindOf(() => parseJson(text))).toBe('malformed'),
  );

  it('refuses a key that stands twice in one object, also when spelt otherwise', () => {
    expect(faultOf(() => parseJson('{"a":1,"b":{"a":2},"a":3}'))).toMatchObject({
      kind: 'repeated',
      parameter: 'a',
    });
    expect(kindOf(() => parseJson('{"a":1,"\\u0061":2}'))).toBe('repeated');
    expect(kindOf(() => parseJson('{"a":[{"b":1},{"b":1}],"b":2}'.replace(',"b":2', ',"a" :2')))).toBe(
      'repeated',
    );
    expect(parseJson('{"a":[{"b":1},{"b":1}],"b":2}')).toHaveProperty('b', 2);
  });

  it('refuses deep nesting and many keys', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
    expect(parseJson(nested(8))).toHaveProperty('a');
    expect(kindOf(() => parseJson(nested(9)))).toBe('malformed');
    expect(kindOf(() => parseJson(nested(8000)))).toBe('malformed');
    const keys = (count: number) => `{${Array.from({ length: count }, (_, i) => `"k${i}":1`).join(',')}}`;
    expect(Object.keys(parseJson(keys(256)))).toHaveLength(256);
    expect(kindOf(() => parseJson(keys(257)))).toBe('malformed');
  });

  it('refuses NUL and half a surrogate pair in keys and values', () => {
    expect(kindOf(() => parseJson('{"a":"\\u0000"}'))).toBe('malformed');
    expect(kindOf(() => parseJson('{"a":["\\ud83d"]}'))).toBe('malformed');
    expect(kindOf(() => parseJson('{"\\udc00":1}'))).toBe('malformed');
    expect(parseJson('{"a":"\\ud83d\\ude00"}')).toEqual({ a: '😀' });
  });

  it('leaves __proto__ out', () => {
    const value = parseJson('{"__proto__":{"isAdmin":true},"a":1}');
    expect(Object.keys(value)).toEqual(['a']);
    expect((value as { isAdmin?: boolean }).isAdmin).toBeUndefined();
  });

  it("does not quote the body when it isn't JSON", () => {
    expect(faultOf(() => parseJson('{"password": hunter2}')).message).toBe('The body is not JSON.');
  });
});

describe('a body on the wire', () => {
  let server: Server;
  let read: (req: IncomingMessage) => Promise<unknown>;

  beforeEach(async () => {
    server = createServer((req, res) => {
      const answer = (value: unknown) => res.end(JSON.stringify(value));
      read(req).then(answer, (fault: unknown) => {
        if (!(fault instanceof MessageFault)) throw fault;
        res.statusCode = fault.kind === 'too-large' ? 413 : 400;
        answer({ kind: fault.kind });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  const port = () => (server.address() as AddressInfo).port;

  async function post(body: string | Buffer, headers: Record<string, string> = {}) {
    const answer = await fetch(`http://127.0.0.1:${port()}/?q=1`, {
      method: 'POST',
      body: new Uint8Array(Buffer.from(body)),
      headers,
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  }

  /** Writes bytes to a socket as they stand and resolves to all that comes back until `enough` of it is there. */
  function raw(bytes: string, enough: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(port(), '127.0.0.1', () => socket.write(bytes));
      let got = '';
      socket.on('error', reject).on('data', (chunk) => {
        got += chunk.toString('latin1');
        if (enough.test(got)) {
          socket.destroy();
          resolve(got);
        }
      });
    });
  }

  const form = { 'content-type': 'application/x-www-form-urlencoded' };

  it.each([
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded;charset=UTF-8',
    'Application/X-WWW-Form-URLEncoded ; Charset="utf-8"',
  ])('reads a form sent as %p', async (type) => {
    read = async (req) => (await readForm({ req })).get('a');
    expect(await post('a=%C3%A9', { 'content-type': type })).toEqual({ status: 200, body: 'é' });
  });

  it.each([
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded; charset=utf-16',
  ])('refuses a form sent as %p (RFC 8628 §3.1)', async (type) => {
    read = (req) => readForm({ req });
    expect(await post('a=1', { 'content-type': type })).toEqual({
      status: 400,
      body: { kind: 'unsupported-type' },
    });
  });

  it('refuses a form without a content type', async () => {
    read = (req) => readForm({ req });
    expect(await post(Buffer.from('a=1'))).toMatchObject({ body: { kind: 'unsupported-type' } });
  });

  it('refuses bytes that are not UTF-8', async () => {
    read = (req) => readForm({ req });
    expect(await post(Buffer.from([0x61, 0x3d, 0xff]), form)).toMatchObject({ body: { kind: 'malformed' } });
  });

  it('refuses a compressed body', async () => {
    read = (req) => readForm({ req });
    const answer = await post('a=1', { ...form, 'content-encoding': 'gzip' });
    expect(answer).toMatchObject({ body: { kind: 'unsupported-type' } });
  });

  it('reads 16,384 bytes and refuses one more with its answer intact', async () => {
    read = async (req) => (await readForm({ req })).get('a')?.length;
    expect(await post(`a=${'x'.repeat(16_382)}`, form)).toEqual({ status: 200, body: 16_382 });
    expect(await post(`a=${'x'.repeat(16_383)}`, form)).toEqual({ status: 413, body: { kind: 'too-large' } });
    expect(await post(`a=${'x'.repeat(4_000_000)}`, form)).toEqual({
      status: 413,
      body: { kind: 'too-large' },
    });
  });

  it('refuses a large body by its Content-Length before a byte of it has come', async () => {
    read = (req) => readForm({ req });
    const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${form['content-type']}\r\nContent-Length: 9999999\r\n\r\n`;
    expect(await raw(head, /too-large/)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('refuses a body that grows too large without saying so', async () => {
    read = (req) => readForm({ req });
    const chunk = `1000\r\n${'x'.repeat(0x1000)}\r\n`;
    const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${form['content-type']}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await raw(head + chunk.repeat(5), /too-large/)).toMatch(/^HTTP\/1\.1 413 /);
  });

  it('serves the next request of a connection after a refused body', async () => {
    read = async (req) => (await readForm({ req })).get('a');
    const one = (body: string) =>
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${form['content-type']}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const got = await raw(one('a='.padEnd(50_000, 'x')) + one('a=next'), /"next"/);
    expect(got).toMatch(/413 [^]*200 OK/);
  });

  it('settles when the sender goes away halfway', async () => {
    const outcome = new Promise((resolve) => {
      read = (req) => {
        const reading = readBody({ req });
        reading.then(resolve, resolve);
        return reading;
      };
    });
    const socket = connect(port(), '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc', () => socket.destroy());
    expect(await outcome).toMatchObject({ kind: 'malformed' });
  });

  it('settles when the sender was gone before anybody listened', async () => {
    const outcome = new Promise((resolve) => {
      read = (req) => {
        req.on('close', () => void readBody({ req }).then(resolve, resolve));
        return new Promise<never>(() => undefined);
      };
    });
    const socket = connect(port(), '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc', () => socket.destroy());
    expect(await outcome).toMatchObject({ kind: 'malformed' });
  });

  it('gives a body that was read before to the next reader, within its cap', async () => {
    read = async (req) => {
      handOnBody(req, Buffer.from('a=1'));
      return [(await readForm({ req })).get('a'), (await readForm({ req })).get('a')];
    };
    expect(await post('ignored', form)).toEqual({ status: 200, body: ['1', '1'] });
    read = async (req) => {
      await readBody({ req });
      return readBody({ req }, { maxBytes: 2 });
    };
    expect(await post('a=1', form)).toMatchObject({ status: 413 });
  });

  it('reads the query as strictly as a form', async () => {
    read = async (req) => readQuery({ req }).get('q');
    expect(await post('x')).toEqual({ status: 200, body: '1' });
  });

  it('reads JSON sent as JSON only', async () => {
    read = (req) => readJson({ req });
    expect(await post('{"a":1}', { 'content-type': 'application/json' })).toEqual({
      status: 200,
      body: { a: 1 },
    });
    expect(await post('{"a":1}', form)).toMatchObject({ body: { kind: 'unsupported-type' } });
    const latin = Buffer.from('{"a":"\xe9"}', 'latin1');
    expect(await post(latin, { 'content-type': 'application/json' })).toMatchObject({
      body: { kind: 'malformed' },
    });
  });
});
