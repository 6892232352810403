// What every notice says, in both languages, as text and as HTML: one walk over all of them.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { USER_CODE_ALPHABET } from '../../src/domain/user-code.js';
import { createMailText } from '../../src/outside/mail-text.js';
import type { NoticeDetails, NoticeName } from '../../src/domain/notices.js';
import { parseXml, type XmlElement } from '../support/xml.js';

const viewsFolder = join(import.meta.dirname, '../../views/mail');
const publicUrl = 'https://pin.example.org';
const render = createMailText({ folder: viewsFolder, serviceName: 'Linchpin', publicUrl });
const address = `${publicUrl}/verify-email?token=AbC-123_x`;

const where = { username: 'Eve', from: '203.0.113.7', at: '2026-01-15 12:00 UTC' };
const changed = {
  ...where,
  tool: 'PhotoSync (Kitchen)',
};
const tool = {
  ...changed,
  helpAddress: 'https://pin.example.org/help/old-tools',
};
const change = { ...where, browser: 'Firefox', system: 'Linux' };
const samples: { [Name in NoticeName]: NoticeDetails[Name] } = {
  'verify-email': { address, username: 'Eve', minutes: 1440 },
  'email-already-known': { address: 'https://pin.example.org/sign-in' },
  'factor-locked': { ...change, factor: 'second' },
  'two-factor-enabled': change,
  'two-factor-turned-off': change,
  'two-factor-replaced': change,
  'authenticator-added': change,
  'authenticator-removed': change,
  'passkey-added': { ...change, name: 'Blue key', isFirst: 1 },
  'passkey-renamed': { ...change, name: 'Blue key', before: 'Passkey' },
  'passkey-removed': { ...change, name: 'Blue key', isLast: 1 },
  'passkey-stopped': { ...change, name: 'Blue key' },
  'recovery-codes-renewed': change,
  'recovery-code-used': { ...change, left: 2 },
  'password-changed': change,
  'password-reset-link': { ...change, address, minutes: 45 },
  'password-reset': change,
  'email-change-link': { address, username: 'Eve', minutes: 1440 },
  'email-change-taken': { username: 'Eve' },
  'email-change-asked': { ...change, email: 'new@example.org' },
  'email-changed': { ...change, email: 'new@example.org' },
  'account-closed': { ...change, address, days: 14, until: '2026-01-29 12:00 UTC' },
  'account-kept': change,
  'account-ended': { username: 'Eve' },
  'account-unlocked': { username: 'Eve', at: '2026-01-15 12:00 UTC' },
  'two-factor-removed': { username: 'Eve', at: '2026-01-15 12:00 UTC' },
  'fallback-used': { ...tool, unlinkAddress: 'https://pin.example.org/account/tools', factors: 2 },
  'fallback-wrong-code': { ...tool, securityAddress: 'https://pin.example.org/account/security' },
  'sign-in-unknown-browser': change,
  'password-set': change,
  'identity-connected': { ...change, upstream: 'Google', identity: 'Anna' },
  'identity-disconnected': { ...change, upstream: 'GitHub', identity: '' },
  'app-password-made': { ...change, name: 'Living room' },
  'account-switched': { ...change, switched: 'link-by-token', turned: 'on' },
  'app-password-used': { ...change, name: 'Living room', tool: 'PhotoSync (Kitchen)' },
  'tool-linked': {
    ...changed,
    browser: '',
    system: '',
    address: 'https://pin.example.org/not-me?token=abc.123.k.x',
  },
  'device-key-added': { ...changed, unlinkAddress: 'https://pin.example.org/account/tools' },
  'tool-linked-by-token': { ...changed, unlinkAddress: 'https://pin.example.org/account/tools' },
  'household-invitation': { owner: 'Anna', address: `${publicUrl}/household/invitation?token=AbC`, days: 7 },
  'household-joined': { ...change, member: 'Bert' },
  'household-left': { ...change, member: 'Bert' },
  'household-removed': { ...change, owner: 'Anna' },
  'household-ended': { username: 'Eve', owner: 'Anna' },
  'household-changed-by-tool': {
    ...{ ...change, tool: 'PhotoSync (Kitchen)', what: 'member-added', member: 'Kim' },
  },
  'profile-pin-locked': { ...change, member: 'Kim', isOwn: 0 },
  'profile-pin-changed': { ...change, change: 'set' },
};

const names = Object.keys(samples) as NoticeName[];
const languages = ['en', 'de'] as const;

/** About an address or a name, or about what others have decided for themselves: nothing in it needs to be undone. */
const ABOUT_AN_ADDRESS: readonly string[] = [
  'verify-email',
  'email-already-known',
  'email-change-link',
  'email-change-taken',
  'account-ended',
  'household-invitation',
  'household-left',
  'household-removed',
  'household-ended',
] satisfies NoticeName[];
/** Done by a command on the operator's machine: there is no address to name. */
const BY_OPERATOR: readonly string[] = ['account-unlocked', 'two-factor-removed'] satisfies NoticeName[];

/** Says which words are said, and stands in none. */
const CHOOSES_WORDS: readonly string[] = ['factor', 'switched', 'turned', 'what', 'change'];

/** The pages that a mail may lead to. None of them approves a tool. */
const PAGES =
  /^\/(?:verify-email|sign-in|forgot-password|reset-password|keep-account|not-me|pin-reset|household\/invitation|help\/[a-z-]+|account\/[a-z/-]+)$/;

function* elementsOf(element: XmlElement): Generator<XmlElement> {
  yield element;
  for (const child of element.children) yield* elementsOf(child);
}

/** What a reader sees of an HTML part, in one line. */
const seen = (html: string): string =>
  html
    .replace(/<(head|style)\b[^]*<\/\1>/g, ' ')
    .replace(/<\/?bdi>|<\/?a\b[^>]*>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ');

describe.each(languages)('a mail in the language %s', (language) => {
  it.each(names)('is whole in both parts: %s', (notice) => {
    const { subject, text, html } = render(notice, samples[notice], language);
    expect(subject).not.toContain('\n');
    for (const part of [text, seen(html)]) {
      expect(`${subject}\n${part}`).not.toMatch(/[{}]|undefined|&[a-z#]|  \n/);
      for (const [name, value] of Object.entries(samples[notice])) {
        if (typeof value === 'string' && !CHOOSES_WORDS.includes(name)) expect(part).toContain(value);
      }
    }
    // Both parts say the same; in HTML the facts are rows of a table.
    for (const line of text.split(/\n+/))
      expect(seen(html)).toContain(line.replace(/^([\p{L} ]{3,12}): /u, '$1 '));
  });

  it.each(names.filter((name) => !ABOUT_AN_ADDRESS.includes(name)))(
    'says what happened, from where, when, and what to do if it was not you: %s',
    (notice) => {
      const { text, html } = render(notice, samples[notice], language);
      const [what = ''] = words(language)[`${notice}.what`]!.split('{');
      for (const part of [text, seen(html)]) {
        expect(part).toContain(what.trim());
        expect(part).toContain('2026-01-15 12:00 UTC');
        expect(part).toContain(
          BY_OPERATOR.includes(notice) ? { en: 'operator', de: 'Betreiber' }[language] : '203.0.113.7',
        );
        if ('system' in samples[notice] && !('tool' in samples[notice]))
          expect(part).toContain({ en: 'Firefox on Linux', de: 'Firefox auf Linux' }[language]);
        expect(part).toMatch(
          {
            en: /If (?:it was not you|you did not ask|you do not use|that is not the tool)/,
            de: /Wenn (?:Sie das nicht waren|Sie nicht darum gebeten|Sie dieses Gerät nicht|das nicht das Gerät)/,
          }[language],
        );
      }
    },
  );

  it.each(names)('holds no code, and no address that approves anything: %s', (notice) => {
    const { subject, text, html } = render(notice, samples[notice], language);
    for (const part of [subject, text, seen(html)]) {
      // An address ends a word too, so what stands in it is looked at as well.
      for (const word of part.split(/[^A-Z-]+/))
        expect(word).not.toMatch(new RegExp(`^[${USER_CODE_ALPHABET}]{8,12}$|^[A-Z]{4}-[A-Z]{4}$`));
      for (const [found] of part.matchAll(/https?:[^\s<>"]+/g)) {
        const { origin, pathname, searchParams } = new URL(found);
        expect(origin).toBe(publicUrl);
        expect(pathname).toMatch(PAGES);
        expect([...searchParams.keys()].filter((key) => key !== 'token')).toEqual([]);
      }
    }
  });

  it.each(names)('is well-formed, and loads nothing from anywhere: %s', (notice) => {
    const { html } = render(notice, samples[notice], language);
    const root = parseXml(html);
    expect(root).toMatchObject({ name: 'html', attributes: { lang: language, dir: 'ltr' } });
    for (const { name, attributes, text } of elementsOf(root)) {
      expect([
        'html',
        'head',
        'meta',
        'title',
        'style',
        'body',
        'table',
        'tr',
        'th',
        'td',
        'p',
        'a',
        'bdi',
      ]).toContain(name);
      expect(Object.keys(attributes).filter((key) => /^on|^src|background|action/.test(key))).toEqual([]);
      expect(`${attributes['style']}${name === 'style' ? text : ''}`).not.toMatch(
        /url\(|@import|expression/i,
      );
      if ('href' in attributes) expect(name).toBe('a');
      if (name === 'a') expect(attributes['href']).toMatch(/^https:\/\/pin\.example\.org\//);
    }
  });
});

const words = (language: string): Record<string, string> =>
  JSON.parse(readFileSync(join(viewsFolder, `${language}.json`), 'utf8')) as Record<string, string>;

describe('the words of a mail', () => {
  it('are English for a language that we do not have', () => {
    expect(render('password-changed', samples['password-changed'], 'xx')).toEqual(
      render('password-changed', samples['password-changed'], 'en'),
    );
  });

  it('are escaped by the layout alone: no view writes anything by itself', () => {
    for (const file of readdirSync(viewsFolder).filter((name) => name.endsWith('.ejs'))) {
      const source = readFileSync(join(viewsFolder, file), 'utf8');
      expect(source).not.toMatch(/<%-/);
      if (!file.startsWith('layout-')) expect(source.replace(/<%[^=][^]*?%>/g, '').trim()).toBe('');
    }
  });

  it('have the same keys in both languages', () => {
    const keys = (language: string): string[] => Object.keys(words(language)).sort();
    expect(keys('de')).toEqual(keys('en'));
  });

  it('say so of a tool that gave no name', () => {
    const { text } = render('fallback-used', { ...samples['fallback-used'], tool: '' }, 'en');
    expect(text).toContain('a tool that gave no name signed in');
  });

  it('speak of a code only where there was one', () => {
    const { text } = render('fallback-used', { ...samples['fallback-used'], factors: 1 }, 'en');
    expect(text).not.toMatch(/code/);
  });

  it('put what somebody typed into the text once, and read nothing out of it', () => {
    const details = { ...samples['verify-email'], username: '{address} <%= 1 %> {serviceName}' };
    const { text } = render('verify-email', details, 'en');
    expect(text).toContain('Hello {address} <%= 1 %> {serviceName},');
  });

  it('stay as they are in HTML, whatever a stranger calls themself', () => {
    const tool = `<img src=x onerror=alert(1)> & "Eve's" \u0000\u202E\uD800\uFFFFevil.example/login https://x.example\r\nBcc: a`;
    const { subject, text, html } = render('fallback-used', { ...samples['fallback-used'], tool }, 'en');
    const names = [...elementsOf(parseXml(html))].map(({ name }) => name);
    expect(names).not.toContain('img');
    expect(names).toContain('bdi');
    expect(seen(html)).toContain('<img src=x onerror=alert(1)> & "Eve\'s"');
    for (const part of [subject, text, html]) {
      expect(part).not.toMatch(/[\0\u202E\uFFFF\p{Cs}]|^Bcc|\r/mu);
      // Nothing that a mail program would make a link of.
      expect(part).not.toMatch(/evil\.example|https:\/\/x/);
    }
  });

  it('make no link of the name under which a stranger signed up with your address', () => {
    const details = { ...samples['verify-email'], username: 'prize.example' };
    expect(render('verify-email', details, 'en').text).toContain('prize.\u2060example');
    const own = { ...samples['password-changed'], username: 'eve.smith' };
    expect(render('password-changed', own, 'en').text).toContain('Hello eve.smith,');
  });

  it('are not turned around by a name that runs from right to left (UAX #9)', () => {
    const details = { ...samples['tool-linked'], tool: 'מטבח 1' };
    const { text, html } = render('tool-linked', details, 'en');
    expect(text).toContain('“\u2068מטבח 1\u2069”');
    expect(html).toContain('“<bdi>מטבח 1</bdi>”');
  });

  it.each(languages)('tell of a locked password that nobody has it, and how to free it (%s)', (language) => {
    const locked = (factor: 'password' | 'second'): string =>
      render('factor-locked', { ...samples['factor-locked'], factor }, language).text;
    expect(locked('password')).toContain(words(language)['factor-locked.not-you-password']);
    expect(locked('password')).toContain(`${publicUrl}/forgot-password`);
    expect(locked('password')).toContain('203.0.113.7');
    expect(locked('second')).toContain(
      { en: 'somebody knows your password', de: 'kennt jemand Ihr Passwort' }[language],
    );
  });

  it('name a browser as far as it is known', () => {
    const browserOf = (browser: string, system: string): string | undefined =>
      /^Browser: (.*)$/m.exec(
        render('password-changed', { ...samples['password-changed'], browser, system }, 'en').text,
      )?.[1];
    expect(browserOf('Firefox', 'Linux')).toBe('Firefox on Linux');
    expect(browserOf('Safari', '')).toBe('Safari');
    expect(browserOf('', 'Android')).toBe('A browser on Android');
    expect(browserOf('', '')).toBe('A browser that we do not recognise');
  });

  it('ask for new recovery codes when three or fewer are left', () => {
    const told = (left: number): string =>
      render('recovery-code-used', { ...samples['recovery-code-used'], left }, 'en').text;
    expect(told(3)).toContain('Few codes are left.');
    expect(told(4)).not.toContain('Few codes');
  });

  it('lead to web addresses only', () => {
    const details = { ...samples['verify-email'], address: 'javascript:alert(1)' };
    expect(() => render('verify-email', details, 'en')).toThrow('no web address');
  });
});

it('says of each switch which way it was turned', () => {
  const said = new Set<string>();
  for (const language of languages)
    for (const switched of ['fallback', 'app-passwords', 'link-by-token'] as const)
      for (const turned of ['on', 'off'] as const)
        said.add(render('account-switched', { ...change, switched, turned }, language).text);
  expect(said.size).toBe(12);
});
