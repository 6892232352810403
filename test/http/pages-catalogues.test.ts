// The words of the pages: one catalogue per language, complete, and no sentence anywhere else.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { auditEvents } from '../../src/domain/audit.js';
import { createLanguages, languageTags } from '../../src/http/pages/language.js';

const VIEWS = join(import.meta.dirname, '..', '..', 'views');
const SOURCES = join(import.meta.dirname, '..', '..', 'src', 'http', 'pages');

const catalogueOf = (tag: string) =>
  JSON.parse(readFileSync(join(VIEWS, 'language', `${tag}.json`), 'utf8')) as Record<string, string>;

const views = readdirSync(VIEWS, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ejs') && !path.startsWith('mail'))
  .map((path) => ({ path, text: readFileSync(join(VIEWS, path), 'utf8') }));

const sources = readdirSync(SOURCES).map((file) => readFileSync(join(SOURCES, file), 'utf8'));

const placeholders = (text: string) => [...text.matchAll(/\{([a-z]+)\}/gi)].map(([, name]) => name!).sort();

describe('the catalogues', () => {
  const english = catalogueOf('en');

  it.each(languageTags)('has the same keys in %s as in English', (tag) => {
    expect(Object.keys(catalogueOf(tag)).sort()).toEqual(Object.keys(english).sort());
  });

  it.each(languageTags)('says something under every key in %s, with the same places to fill in', (tag) => {
    for (const [key, text] of Object.entries(catalogueOf(tag))) {
      expect({ key, isEmpty: text.trim() === '' }).toEqual({ key, isEmpty: false });
      expect({ key, places: placeholders(text) }).toEqual({ key, places: placeholders(english[key]!) });
    }
  });

  it('has a text for every key that a view or a page names', () => {
    const texts = [...views.map(({ text }) => text), ...sources];
    const named = texts.flatMap((text) => [
      ...[...text.matchAll(/\bt\((?:[^'()]*\? )?'([\w.-]+)'(?: : '([\w.-]+)')?/g)].flatMap(([, a, b]) => [
        a,
        b,
      ]),
      ...[...text.matchAll(/\bcount\('([\w.-]+)'/g)].flatMap(([, stem]) => [
        `${stem!}.one`,
        `${stem!}.other`,
      ]),
      ...[...text.matchAll(/formFault\([^;]*?, '([a-z][\w-]+)'\)/g)].map(
        ([, words]) => `fault.${words!}.title`,
      ),
    ]);
    const missing = named.filter((key) => key !== undefined && !(key in english));
    expect({ missing, isPlenty: named.length > 100 }).toEqual({ missing: [], isPlenty: true });
  });

  it.each(auditEvents)('has words for %s, so that the activity page can tell of it', (event) => {
    expect(english).toHaveProperty([`activity.${event}`]);
  });

  it('has no text that nothing names', () => {
    const everything = [...views.map(({ text }) => text), ...sources].join('\n');
    const built = /^(refusal|fault|notice|scope|help-two-factor|activity)\./;
    const unused = Object.keys(english)
      .map((key) => key.replace(/\.(one|other)$/, ''))
      .filter((key) => !built.test(key) && !everything.includes(`'${key}`));
    expect(unused).toEqual([]);
  });
});

describe('the views', () => {
  it.each(views)('$path holds no bare sentence', ({ text }) => {
    const bare = text
      .replace(/<%[\s\S]*?%>/g, ' ')
      .replace(/<!--[\s\S]*?-->|<!doctype html>/g, ' ')
      .replace(/<[^>]*\s(?:alt|title|placeholder|aria-label|label)="([^"]*)"[^>]*>/g, ' $1 ')
      .replace(/<[^>]*>/g, ' ')
      .replace(/[·\s]+/g, ' ')
      .trim();
    expect(bare).toBe('');
  });

  it.each(views)('$path writes out nothing unescaped but its own parts and drawings', ({ text }) => {
    const raw = [...text.matchAll(/<%-\s*([\w.]+)/g)].map(([, name]) => name!);
    const allowed = ['part', 'icon', 'page.body', 'page.qr'];
    expect(raw.filter((name) => !allowed.includes(name))).toEqual([]);
  });

  it.each(views)('$path holds no inline script, style or handler', ({ text }) => {
    expect(text).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)/);
  });

  it.each(views.filter(({ text }) => text.includes('<form')))(
    '$path: every form of ours carries its field, and none that goes elsewhere does',
    ({ text }) => {
      const forms = text.match(/<form[\s\S]*?<\/form>/g) ?? [];
      for (const form of forms)
        expect(form.includes("part('csrf')")).toBe(
          !/action="<%= page\.action %>" (?:data-go-on|rel="external")/.test(form),
        );
    },
  );
});

describe('the language of a request', () => {
  const languages = createLanguages(join(VIEWS, 'language'));

  it.each([
    ['de-AT,de;q=0.9,en;q=0.5', 'de'],
    ['en;q=0.5, de;q=0.9', 'de'],
    ['fr, de;q=0.1', 'de'],
    ['de;q=0', 'en'],
    ['fr', 'en'],
    ['', 'en'],
    [',;q=,*;;;', 'en'],
  ])('chooses from %j the language %s (RFC 9110 §12.5.4)', (header, tag) => {
    expect(languages.choose(undefined, header).tag).toBe(tag);
  });

  it("prefers the account's own language", () => {
    expect(languages.choose('de', 'en').tag).toBe('de');
    expect(languages.choose('tlh', 'de').tag).toBe('de');
  });

  it('counts in words, and says how long ago', () => {
    const now = new Date('2026-01-15T12:00:00Z');
    const english = languages.choose('en', '');
    expect(english.count('minutes-left', 1)).toBe('1 minute left');
    expect(english.count('minutes-left', 7)).toBe('7 minutes left');
    expect(english.ago(new Date('2026-01-15T11:59:48Z'), now)).toBe('12 seconds ago');
    expect(languages.choose('de', '').ago(new Date('2026-01-15T10:00:00Z'), now)).toBe('vor 2 Stunden');
  });
});
