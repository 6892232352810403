// What happened to an account, in plain words: every row of what is remembered of it, with time, place, browser, who did it,
// and the number to quote. `activity.<event>` in the catalogues says what each one is; nothing is left out.
import type { AuditRow } from '../../domain/audit.js';
import { readUserAgent } from '../../domain/user-agent.js';
import { readQuery } from '../request.js';
import { browserWords } from './browser-words.js';
import type { PagesDependencies } from './dependencies.js';
import type { Language, MessageKey } from './language.js';
import type { Renderer } from './render.js';
import { signedIn, visitorOf, type PageContext } from './visitor.js';

interface Dependencies extends Pick<PagesDependencies, 'activity'> {
  readonly renderer: Renderer;
}

/** What is not the owner's own doing says whose it was; a tool acts under its identifier. */
function actorWords({ actor, accountId }: AuditRow, { t }: Language): string | undefined {
  if (actor === accountId) return undefined;
  if (actor === 'anyone') return t('activity.by.anyone');
  if (actor === 'operator') return t('activity.by.operator');
  return t(actor === 'job' ? 'activity.by.job' : 'activity.by.tool');
}

function presentRow(row: AuditRow, language: Language) {
  const { event, at, details, networkAddress, userAgent, requestId } = row;
  const { browser, system } = readUserAgent(userAgent);
  const tool = details['tool'] ?? details['name'];
  return {
    ...{ at, networkAddress, requestId },
    what: language.t(`activity.${event}` as MessageKey, { host: String(details['host'] ?? '') }),
    tool: tool === undefined || tool === '' ? undefined : String(tool),
    by: actorWords(row, language),
    browser: browser || system ? browserWords(userAgent, language) : undefined,
    isOfOldTool: event === 'fallback-sign-in' || event === 'fallback-refused',
  };
}

export function createActivityPage({ activity, renderer }: Dependencies) {
  return {
    async show(ctx: PageContext): Promise<void> {
      const { language } = visitorOf(ctx);
      const before = readQuery(ctx).get('before');
      const { rows, older } = await activity.listActivity(signedIn(ctx).account.accountId, before);
      renderer.show(ctx, 'account/activity', {
        title: language.t('activity.title'),
        width: 'wide',
        rows: rows.map((row) => presentRow(row, language)),
        older,
        isFirst: before === undefined,
      });
    },
  };
}
