// The words of the pages: one catalogue per language, and which one a request gets (RFC 9110 §12.5.4).
// What is said where belongs to the views.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

type English = typeof import('../../../views/language/en.json');

export type MessageKey = Exclude<keyof English, 'default'>;
export type MessageValues = Readonly<Record<string, string | number>>;

export interface Language {
  readonly tag: LanguageTag;
  readonly direction: 'ltr' | 'rtl';
  /** The text under a key, with `{name}` filled in. */
  t(key: MessageKey, values?: MessageValues): string;
  /** The text for a number: `key.one` or `key.other`, with `{n}` filled in. */
  count(key: string, n: number, values?: MessageValues): string;
  /** How long ago, in words, to the nearest whole unit. */
  ago(time: Date, now: Date): string;
  /** A calendar day in UTC. */
  day(time: Date): string;
  /** Day and minute, in UTC, and saying so. */
  moment(time: Date): string;
}

export const languageTags = ['en', 'de'] as const;
export type LanguageTag = (typeof languageTags)[number];

const NAMES: Readonly<Record<LanguageTag, string>> = { en: 'English', de: 'Deutsch' };

/** Each language by its own name, for people who cannot read the current one. */
export const languageNames = languageTags.map((tag) => ({ tag, name: NAMES[tag] }));

export function isLanguageTag(text: string | undefined): text is LanguageTag {
  return languageTags.some((tag) => tag === text);
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;

const MINUTE = {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
} as const;

function createLanguage(tag: LanguageTag, catalogue: Readonly<Record<string, string>>): Language {
  const plural = new Intl.PluralRules(tag);
  const relative = new Intl.RelativeTimeFormat(tag, { numeric: 'auto' });
  const calendar = new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeZone: 'UTC' });
  const exact = new Intl.DateTimeFormat(tag, { ...MINUTE, timeZone: 'UTC', timeZoneName: 'short' });
  const fill = (key: string, values: MessageValues): string => {
    const text = catalogue[key];
    if (text === undefined) throw new Error(`no text for ${key} in ${tag}`);
    return text.replace(/\{([a-z]+)\}/gi, (whole, name: string) => String(values[name] ?? whole));
  };
  return {
    tag,
    direction: 'ltr',
    t: (key, values = {}) => fill(key, values),
    count: (key, n, values = {}) =>
      fill(`${key}.${plural.select(n) === 'one' ? 'one' : 'other'}`, { n, ...values }),
    ago(time, now) {
      const seconds = Math.max(0, Math.floor((now.getTime() - time.getTime()) / 1000));
      const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? UNITS[3];
      return relative.format(-Math.floor(seconds / length), unit);
    },
    day: (time) => calendar.format(time),
    moment: (time) => exact.format(time),
  };
}

/** The languages that a header asks for, the dearest first; ones with weight 0 are left out. */
function wishes(acceptLanguage: string): string[] {
  return acceptLanguage
    .slice(0, 500)
    .split(',')
    .map((part) => {
      const [range = '', weight = ''] = part.trim().split(';');
      const q = /^\s*q=([01](?:\.\d{0,3})?)\s*$/.exec(weight)?.[1];
      return { range: range.trim().toLowerCase(), q: q === undefined ? 1 : Number(q) };
    })
    .filter(({ q }) => q > 0)
    .sort((a, b) => b.q - a.q)
    .map(({ range }) => range);
}

export type Languages = ReturnType<typeof createLanguages>;

/** Reads every catalogue of the folder once. */
export function createLanguages(folder: string) {
  const byTag = new Map(
    languageTags.map((tag) => {
      const text = readFileSync(join(folder, `${tag}.json`), 'utf8');
      return [tag, createLanguage(tag, JSON.parse(text) as Record<string, string>)] as const;
    }),
  );
  return {
    /** The account's own language if it has one, else the best that `Accept-Language` asks for, else English. */
    choose(chosen: string | undefined, acceptLanguage: string): Language {
      const tag = isLanguageTag(chosen)
        ? chosen
        : wishes(acceptLanguage)
            .map((range) => range.split('-')[0])
            .find(isLanguageTag);
      return byTag.get(tag ?? 'en')!;
    },
  };
}
