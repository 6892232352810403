// Which addresses a page may lead a person back to after their decision (PIN-API.md, "Decided"; RFC 9700 §4.11).
import { hostOf, readForwardAddress } from '../../src/http/pages/forward-address.js';

const long = (length: number) => 'https://tool.example/'.padEnd(length, 'a');

describe('a forward address', () => {
  it.each([
    ['https://tool.example/done?state=a%20b&x=1#part', 'https://tool.example/done?state=a%20b&x=1#part'],
    ['HTTPS://Tool.Example', 'https://tool.example/'],
    ['https://tool.example:8443/', 'https://tool.example:8443/'],
    ['https://tool.example/a@b?c=d@e', 'https://tool.example/a@b?c=d@e'],
    ['https://[2001:db8::1]/', 'https://[2001:db8::1]/'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://pаypal.example/', 'https://xn--pypal-4ve.example/'],
    [long(2048), long(2048)],
  ])('may be https: %s', (text, href) => {
    expect(readForwardAddress(text)).toBe(href);
  });

  it.each([
    'http://localhost:5055/login',
    'http://localhost./',
    'http://nas.local./',
    'http://127.0.0.1./',
    'http://tautulli.localhost/',
    'http://nas:8181/',
    'http://nas.local/',
    'http://nas.home.arpa/',
    'http://127.0.0.1/',
    'http://127.9.8.7:1/',
    'http://10.1.2.3/',
    'http://172.31.255.255/',
    'http://192.168.1.20:5055/',
    'http://169.254.1.1/',
    'http://[::1]:5055/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://[::ffff:192.168.1.1]/',
    // The same address in another spelling.
    'http://2130706433/',
    'http://0x7f.1/',
  ])('may be http on this computer or a private network: %s', (text) => {
    expect(readForwardAddress(text)).toBeDefined();
  });

  it.each([
    'http://tool.example/',
    'http://localhost.evil.example/',
    'http://8.8.8.8/',
    'http://172.32.0.1/',
    'http://0.0.0.0/',
    'http://[2001:db8::1]/',
    'http://[::ffff:8.8.8.8]/',
    'http://127.0.0.1.evil.example/',
    'http://nas.local.evil.example/',
    // A dot at the end makes it a name of the public root, where some countries answer.
    'http://ai./',
    'http://nas../',
    'http://./',
  ])('is never plain http to anywhere else: %s', (text) => {
    expect(readForwardAddress(text)).toBeUndefined();
  });

  it.each([
    'javascript:alert(1)',
    'JavaScript://localhost/%0Aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'file:///etc/passwd',
    'ftp://localhost/',
    'ws://localhost/',
    'blob:https://tool.example/0b9f',
    'intent://tool.example/#Intent;end',
    'plex://callback',
    'view-source:https://tool.example/',
  ])('has no other scheme: %s', (text) => {
    expect(readForwardAddress(text)).toBeUndefined();
  });

  it.each([
    'https://bank.example@evil.example/',
    'https://bank.example:secret@evil.example/',
    'https://@evil.example/',
    'https://:@evil.example/',
    'https:@evil.example/',
    'http://a@localhost/',
  ])('names no user: %s', (text) => {
    expect(readForwardAddress(text)).toBeUndefined();
  });

  it.each([
    'https:\\\\evil.example\\',
    'https://tool.example\\@evil.example/',
    'https://tool.example/\\evil',
    'java\nscript:alert(1)',
    'https://tool.example/\r\nLocation: https://evil.example/',
    'https://tool.example/a b',
    ' https://tool.example/',
    'https://tool.example/\u0000',
    'https://tool.example/\u007f',
    'https://tool.example/\u202Egnp.exe',
    'https://tool\u00ADbox.example/',
    'https://tool.example/\uFEFF',
  ])('reads the same to everybody, without white space, controls and backslashes (%#)', (text) => {
    expect(readForwardAddress(text)).toBeUndefined();
  });

  it.each([
    '',
    '//evil.example/',
    '/path',
    'evil.example',
    'https://',
    'https://%',
    'https://exa mple/',
    'https://[::1',
    'http://999.1.1.1/',
    long(2049),
    // In ASCII it is three times as long.
    `https://tool.example/${'é'.repeat(700)}`,
  ])('is a whole address of at most 2048 characters (%#)', (text) => {
    expect(readForwardAddress(text)).toBeUndefined();
  });

  it('is shown by its host as the wire writes it', () => {
    expect(hostOf('https://xn--pypal-4ve.example:8443/a')).toBe('xn--pypal-4ve.example:8443');
  });
});
