// Turns a view and its model into a page. Every template is compiled once at start, so the set is fixed and bounded;
// a view says where words and facts stand, and decides nothing.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ejs, { type TemplateFunction } from 'ejs';
import type { Clock } from '../../domain/vocabulary.js';
import type { Guards } from '../guards.js';
import { explain, type PageAnswer } from './errors.js';
import type { Language, MessageKey } from './language.js';
import { readIcons, type Assets } from './static.js';
import { visitorOf, type PageContext } from './visitor.js';

/** Something that keeps a form from being taken: a short state for the title, and what to do about it. */
export interface PageFault {
  /** The form field it belongs to, if one. */
  readonly field?: string;
  readonly title: string;
  readonly text: string;
  /** When another try is worth it, where that is known. */
  readonly retryAfterSeconds?: number;
}

export interface PageModel {
  readonly title: string;
  readonly status?: number;
  /** Cards are narrow, facts side by side take a little more; lists and long reading are wide. */
  readonly width?: 'narrow' | 'middle' | 'wide';
  readonly faults?: readonly PageFault[];
  readonly [name: string]: unknown;
}

const ICONS = [
  'arrow-down', 'arrow-right', 'check', 'circle-alert', 'circle-check', 'circle-x', 'clock', 'copy', 'delete',
  'download', 'eye', 'fingerprint', 'globe', 'info', 'key-round', 'life-buoy', 'link-2', 'lock', 'lock-open', 'log-out', 'mail',
  'monitor-smartphone', 'network', 'pencil', 'plug', 'printer', 'shield-check', 'shield-off', 'smartphone',
  'triangle-alert', 'tv', 'unplug', 'user-plus', 'user-round', 'users-round', 'x',
] as const; // prettier-ignore

/** Names that every template may use. */
const LOCALS = [
  't', 'count', 'ago', 'day', 'moment', 'icon', 'part', 'asset', 'csrf', 'visitor', 'language', 'page', 'faults', 'faultAt',
]; // prettier-ignore

function compileAll(folder: string): Map<string, TemplateFunction> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ejs') && !path.startsWith('mail/'));
  return new Map(
    paths.map((path) => {
      const template = ejs.compile(readFileSync(join(folder, path), 'utf8'), {
        filename: path,
        _with: false,
        strict: true,
        destructuredLocals: LOCALS,
        rmWhitespace: true,
      });
      return [path.slice(0, -'.ejs'.length), template] as const;
    }),
  );
}

export type Renderer = ReturnType<typeof createRenderer>;

export interface RendererDependencies {
  readonly viewsFolder: string;
  readonly assets: Assets;
  readonly now: Clock;
  readonly guards: Pick<Guards, 'csrfToken'>;
}

export function createRenderer({ viewsFolder, assets, now, guards }: RendererDependencies) {
  const templates = compileAll(viewsFolder);
  const icons = readIcons(ICONS);

  function fill(view: string, locals: Record<string, unknown>): string {
    const template = templates.get(view);
    if (!template) throw new Error(`there is no view ${view}`);
    const part = (name: string, page: unknown) => fill(`parts/${name}`, { ...locals, page });
    return template({ ...locals, part });
  }

  /** Answers with a page. With faults, its title says the first one, and the status is 400 unless another is given. */
  function show(ctx: PageContext, view: string, model: PageModel): void {
    const { language, ...visitor } = visitorOf(ctx);
    const faults = model.faults ?? [];
    const locals = {
      t: language.t,
      count: language.count,
      ago: (time: Date) => language.ago(time, now()),
      day: language.day,
      moment: language.moment,
      icon: (name: keyof typeof icons) => icons[name],
      asset: assets.addressOf,
      // Only a page with a form asks for it: it may set a cookie.
      csrf: () => guards.csrfToken(ctx),
      visitor,
      language,
      page: { width: 'narrow', notice: noticeOf(ctx, language), ...model },
      faults,
      faultAt: (field: string) => faults.find((fault) => fault.field === field),
    };
    const wait = faults.find(({ retryAfterSeconds }) => retryAfterSeconds !== undefined)?.retryAfterSeconds;
    if (wait !== undefined) ctx.set('Retry-After', String(wait));
    const title = faults[0] ? `${faults[0].title}: ${model.title}` : model.title;
    ctx.status = model.status ?? (faults.length > 0 ? 400 : 200);
    ctx.type = 'html';
    ctx.body = fill('layout', { ...locals, page: { ...locals.page, title, body: fill(view, locals) } });
  }

  /** Answers with an error page: what happened, why, what to do next, and the number to quote. */
  function showAnswer(ctx: PageContext, found: PageAnswer, retryAfterSeconds?: number): void {
    const { language, origin } = visitorOf(ctx);
    const words = (part: 'title' | 'text' | 'next') =>
      language.t(`refusal.${found.words}.${part}` as MessageKey, waitValues(retryAfterSeconds));
    if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds));
    show(ctx, 'error', {
      title: words('title'),
      status: found.status,
      text: words('text'),
      next: words('next'),
      leadsTo: found.leadsTo,
      requestId: origin.requestId,
    });
  }

  return {
    show,
    showAnswer,
    showError: (ctx: PageContext, error: unknown): void => {
      const found = explain(error);
      showAnswer(ctx, found, found.retryAfterSeconds);
    },
  };
}

const NOTICES = [
  'account-kept',
  'account-made',
  'app-password-revoked',
  'authenticator-off',
  'authenticator-replaced',
  'codes-overtaken',
  'codes-renewed',
  'email-changed',
  'email-verified',
  'guest-off',
  'guest-on',
  'household-joined',
  'household-left',
  'identity-connected',
  'identity-disconnected',
  'invitation-declined',
  'invitation-withdrawn',
  'invited',
  'language-saved',
  'mail-sent',
  'member-added',
  'member-changed',
  'member-removed',
  'no-tools',
  'operator-made',
  'own-pin-removed',
  'own-pin-reset',
  'own-pin-set',
  'passkey-added',
  'passkey-removed',
  'passkey-renamed',
  'password-changed',
  'password-reset',
  'password-set',
  'pin-removed',
  'pin-set',
  'pin-unlocked',
  'session-ended',
  'sessions-ended',
  'signed-out',
  'signed-out-everywhere',
  'switched-off',
  'switched-on',
  'tool-renamed',
  'tool-unlinked',
  'tools-unlinked',
  'two-factor-off',
  'two-factor-on',
] as const;

/** What has just been done, as the address of the page says it, from a closed list; it changes nothing. */
function noticeOf(ctx: PageContext, language: Language): string | undefined {
  const named = new URLSearchParams(ctx.querystring).get('notice');
  const notice = NOTICES.find((name) => name === named);
  return notice && language.t(`notice.${notice}`);
}

const waitValues = (seconds = 60) => ({ minutes: Math.max(1, Math.ceil(seconds / 60)) });

/** The words of a refusal, for a page that shows it beside its form. */
export function faultOf(language: Language, error: unknown, field?: string): PageFault {
  const { words, retryAfterSeconds } = explain(error);
  return {
    ...(field === undefined ? {} : { field }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    title: language.t(`refusal.${words}.title` as MessageKey),
    text: language.t(`refusal.${words}.text` as MessageKey, waitValues(retryAfterSeconds)),
  };
}

/** A fault that the page itself found in a form, by its words in the catalogue: `fault.<words>.title` and `.text`. */
export function formFault(language: Language, field: string, words: string): PageFault {
  return {
    field,
    title: language.t(`fault.${words}.title` as MessageKey),
    text: language.t(`fault.${words}.text` as MessageKey),
  };
}
