// The words of mails: one EJS view for each notice, one catalogue for each language, plain text only.
// Which mail is due is the domain's to say (domain/notices.ts); sending it is mail.ts's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ejs from 'ejs';
import type { MailText, RenderMail } from './mail.js';
import type { NoticeName } from '../domain/notices.js';

const NOTICES: Readonly<Record<NoticeName, true>> = {
  'verify-email': true,
  'email-already-known': true,
  'factor-locked': true,
  'two-factor-enabled': true,
  'two-factor-turned-off': true,
  'two-factor-replaced': true,
  'recovery-codes-renewed': true,
  'recovery-code-used': true,
  'password-changed': true,
  'password-reset-link': true,
  'password-reset': true,
  'email-change-link': true,
  'email-change-taken': true,
  'email-change-asked': true,
  'email-changed': true,
  'account-closed': true,
  'account-kept': true,
  'account-ended': true,
  'account-unlocked': true,
  'two-factor-removed': true,
  'fallback-used': true,
  'fallback-wrong-code': true,
  'tool-linked': true,
  'device-key-added': true,
  'tool-linked-by-token': true,
};
const LANGUAGES = ['en', 'de'] as const;

type Catalogue = Readonly<Record<string, string>>;
type Values = Readonly<Record<string, string | number>>;

/** Reads every view and catalogue of the folder once, so that a missing one stops the start and not a mail. */
export function createMailText({
  folder,
  serviceName,
  publicUrl,
}: {
  folder: string;
  serviceName: string;
  publicUrl: string;
}): RenderMail {
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const views = new Map(
    Object.keys(NOTICES).map((notice) => [
      notice,
      ejs.compile(read(`${notice}.ejs`), { strict: true, localsName: 'mail' }),
    ]),
  );
  const catalogues = new Map<string, Catalogue>(
    LANGUAGES.map((language) => [language, JSON.parse(read(`${language}.json`)) as Catalogue]),
  );

  return (notice, details, language): MailText => {
    const catalogue = catalogues.get(language) ?? catalogues.get('en')!;
    const values: Values = { ...details, serviceName, publicUrl, ...hoursOf(details) };
    const t = (key: string): string => fill(catalogue, key, values);
    const text = views.get(notice)!({ t, ...values });
    return {
      // One line: what a name holds must not become a header.
      subject: t(`${notice}.subject`).replace(/\s+/gu, ' ').trim(),
      text: text.replace(/\n{3,}/g, '\n\n').trim(),
    };
  };
}

function hoursOf(details: object): { hours?: number } {
  return 'minutes' in details && typeof details.minutes === 'number'
    ? { hours: Math.round(details.minutes / 60) }
    : {};
}

function fill(catalogue: Catalogue, key: string, values: Values): string {
  const text = catalogue[key];
  if (text === undefined) throw new Error(`no mail text for ${key}`);
  return text.replace(/\{([a-z]+)\}/gi, (whole, name: string) => String(values[name] ?? whole));
}
