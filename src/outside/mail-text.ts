// What a mail says, as plain text and as HTML. Each notice has one EJS view, which names what is said and in which order;
// the words are the catalogue's of its language; and two layouts, shared by all, print the same blocks as the two parts.
// Which mail is due is the domain's to say (domain/notices.ts); sending it is mail.ts's.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ejs from 'ejs';
import { isolated, seemly, unlinked } from './mail-strangers.js';
import type { MailText, RenderMail } from './mail.js';
import type { NoticeName } from '../domain/notices.js';

const NOTICES: Readonly<Record<NoticeName, true>> = {
  'verify-email': true,
  'email-already-known': true,
  'factor-locked': true,
  'two-factor-enabled': true,
  'two-factor-turned-off': true,
  'two-factor-replaced': true,
  'authenticator-added': true,
  'authenticator-removed': true,
  'passkey-added': true,
  'passkey-renamed': true,
  'passkey-removed': true,
  'passkey-stopped': true,
  'recovery-codes-renewed': true,
  'recovery-code-used': true,
  'password-changed': true,
  'password-set': true,
  'identity-connected': true,
  'identity-disconnected': true,
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
  'sign-in-unknown-browser': true,
  'app-password-made': true,
  'app-password-used': true,
  'account-switched': true,
  'tool-linked': true,
  'device-key-added': true,
  'tool-linked-by-token': true,
  'household-invitation': true,
  'household-joined': true,
  'household-left': true,
  'household-removed': true,
  'household-ended': true,
  'household-changed-by-tool': true,
  'profile-pin-locked': true,
  'profile-pin-changed': true,
};
const LANGUAGES = ['en', 'de'] as const;

/** Their mails go to an address whose owner has nothing to do with the account yet: its name is a stranger's to them. */
const TO_STRANGERS: readonly string[] = ['verify-email', 'email-change-link'] satisfies NoticeName[];

type Catalogue = Readonly<Record<string, string>>;
type Values = Readonly<Record<string, string | number>>;

/** A run of words: the catalogue's, or somebody's name, which HTML keeps apart (`bdi`). */
interface Run {
  readonly text: string;
  readonly isName: boolean;
}

type Words = readonly Run[];

type Block =
  | { readonly kind: 'words'; readonly words: Words }
  | { readonly kind: 'facts'; readonly rows: readonly { readonly name: string; readonly words: Words }[] }
  | { readonly kind: 'link'; readonly label: string; readonly address: string }
  | { readonly kind: 'address'; readonly address: string };

/** What both layouts print. */
interface Letter {
  readonly language: string;
  readonly direction: string;
  readonly serviceName: string;
  readonly subject: string;
  readonly greeting: Words;
  readonly blocks: readonly Block[];
  readonly closing: Words;
}

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
  const compile = (name: string, escape?: (text: unknown) => string) =>
    ejs.compile(read(`${name}.ejs`), { strict: true, localsName: 'mail', ...(escape && { escape }) });
  const views = new Map(Object.keys(NOTICES).map((notice) => [notice, compile(notice)]));
  const catalogues = new Map<string, Catalogue>(
    LANGUAGES.map((language) => [language, JSON.parse(read(`${language}.json`)) as Catalogue]),
  );
  const asText = compile('layout-text', String);
  const asHtml = compile('layout-html');

  return (notice, details, asked): MailText => {
    const language = catalogues.has(asked) ? asked : 'en';
    const catalogue = catalogues.get(language)!;
    const values: Values = { ...harmless(notice, details), serviceName, publicUrl, ...hoursOf(details) };
    const { say, blocks } = createBlocks(catalogue, values, publicUrl);
    // A view only names blocks: what it wrote itself, no layout would escape.
    if (views.get(notice)!(say).trim() !== '') throw new Error(`the view of ${notice} writes by itself`);
    const letter: Letter = {
      language,
      direction: wordsOf(catalogue, 'direction', values),
      serviceName,
      subject: wordsOf(catalogue, `${notice}.subject`, values),
      greeting: fill(catalogue, 'username' in values ? 'greeting' : 'greeting.nobody', values),
      blocks,
      closing: fill(catalogue, 'closing', values),
    };
    return {
      subject: letter.subject,
      text: asText({ ...letter, plain })
        .replace(/\n{3,}/g, '\n\n')
        .trim(),
      html: asHtml(letter),
    };
  };
}

/** What a view can say, and the list that it says it into. */
function createBlocks(catalogue: Catalogue, values: Values, publicUrl: string) {
  const blocks: Block[] = [];
  const say = {
    /** For conditions only. */
    details: values,
    /** The address of a page of this service. */
    page: (path: string): string => publicUrl + path,
    say: (key: string) => void blocks.push({ kind: 'words', words: fill(catalogue, key, values) }),
    /** When, from where and with what the thing was done that the mail tells about. */
    facts: () => void blocks.push({ kind: 'facts', rows: factsOf(catalogue, values) }),
    /** The one thing to press, and its address beside it. */
    link: (key: string, address: string) =>
      void blocks.push({
        kind: 'link',
        label: wordsOf(catalogue, key, values),
        address: webAddress(address),
      }),
    address: (address: string) => void blocks.push({ kind: 'address', address: webAddress(address) }),
  };
  return { say, blocks };
}

function factsOf(catalogue: Catalogue, values: Values) {
  const { browser, system, tool } = values;
  const row = (name: string, key: string) => ({
    name: wordsOf(catalogue, name, values),
    words: fill(catalogue, key, values),
  });
  const rows = [row('fact.at', 'fact.at.value')];
  if ('from' in values) rows.push(row('fact.from', 'fact.from.value'));
  if (browser && system) rows.push(row('fact.browser', 'browser.on'));
  else if (browser) rows.push(row('fact.browser', 'browser.only'));
  else if (system) rows.push(row('fact.browser', 'browser.system'));
  // Of a tool nobody expects a browser, and its own words say what it is.
  else if ('from' in values && tool === undefined) rows.push(row('fact.browser', 'browser.unknown'));
  return rows;
}

/** Refuses anything that is not a page: no address in a mail does something by itself. */
function webAddress(address: string): string {
  if (!/^https?:$/.test(new URL(address).protocol)) throw new Error('an address in a mail is no web address');
  return address;
}

function harmless(notice: NoticeName, details: object): Values {
  const isUnlinked = (name: string): boolean =>
    ['tool', 'owner', 'member', 'identity'].includes(name) ||
    (name === 'username' && TO_STRANGERS.includes(notice));
  const harmlessValue = (name: string, value: string): string =>
    isUnlinked(name) ? unlinked(seemly(value)) : seemly(value);
  return Object.fromEntries(
    Object.entries(details as Values).map(([name, value]): [string, string | number] => [
      name,
      typeof value === 'number' ? value : harmlessValue(name, value),
    ]),
  );
}

function hoursOf(details: object): { hours?: number } {
  return 'minutes' in details && typeof details.minutes === 'number'
    ? { hours: Math.round(details.minutes / 60) }
    : {};
}

/** The catalogue's words with the values in their places; what a value holds is not read again. */
function fill(catalogue: Catalogue, key: string, values: Values): Words {
  const text = catalogue[key];
  if (text === undefined) throw new Error(`no mail text for ${key}`);
  return text
    .split(/(\{[a-z]+\})/i)
    .filter(Boolean)
    .map((part) => {
      const value = /^\{[a-z]+\}$/i.test(part) ? values[part.slice(1, -1)] : undefined;
      return value === undefined ? { text: part, isName: false } : { text: String(value), isName: true };
    });
}

/** On one line: what a name holds must not become a header. */
const wordsOf = (catalogue: Catalogue, key: string, values: Values): string =>
  plain(fill(catalogue, key, values))
    .replace(/\s+/gu, ' ')
    .trim();

const plain = (words: Words): string =>
  words.map(({ text, isName }) => (isName ? isolated(text) : text)).join('');
