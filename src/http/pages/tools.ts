// The tools that are linked to an account: named by their owner, and unlinked after a question.
// What a linked tool may do, and how its tokens end, is decided in domain/linkedTools.
import type { AppPassword } from '../../domain/app-password-records.js';
import { DomainError, isRefusal, type LinkedToolId } from '../../domain/vocabulary.js';
import { readQuery, type Form } from '../request.js';
import type { Member } from '../../domain/household-records.js';
import type { LinkedTool } from '../../domain/tokens.js';
import { isSwitched } from '../../domain/tokens-claims.js';
import type { PagesDependencies } from './dependencies.js';
import { nameOfMember } from './household-words.js';
import type { Language } from './language.js';
import { formFault, type Renderer } from './render.js';
import { deviceWords } from './tool-words.js';
import { formOf, leadTo, signedIn, visitorOf, type PageContext } from './visitor.js';
import { placeOf } from './way-back.js';

interface Dependencies extends Pick<PagesDependencies, 'linkedTools' | 'appPasswords' | 'household'> {
  readonly renderer: Renderer;
}

const LONGEST_NAME = 60;

/** All that stands on the page. */
interface Listed {
  readonly tools: readonly LinkedTool[];
  readonly appPasswords: readonly AppPassword[];
  readonly members: readonly Member[];
}

/** For whom a tool is linked, where that is not the owner of the account themself. */
function forWhom(tool: LinkedTool, { members }: Listed, language: Language): string | undefined {
  if ((tool.subjectId as string) === tool.accountId && !isSwitched(tool)) return undefined;
  const member = members.find(({ subjectId }) => subjectId === tool.subjectId);
  const name = member ? nameOfMember(member, language) : language.t('tools.for.nobody');
  return language.t(isSwitched(tool) ? 'tools.for.switched' : 'tools.for', { name });
}

/** How a tool came to be on the list. */
function cameBy(
  { bornWith, parentToolId, appPasswordId, redirectUri }: LinkedTool,
  { tools: all, appPasswords }: Listed,
  { t }: Language,
): string {
  const own = appPasswords.find((appPassword) => appPassword.appPasswordId === appPasswordId);
  if (bornWith === 'app-password') return t('tools.came.app-password', { name: own?.name ?? '' });
  if (bornWith === 'code') return t('tools.came.fallback-code');
  if (bornWith === 'password') return t('tools.came.fallback-password');
  if (redirectUri !== undefined) return t('tools.came.redirect', { place: placeOf(redirectUri) });
  const parent = all.find(({ linkedToolId }) => linkedToolId === parentToolId);
  return parent ? t('tools.came.tool', { name: parent.name }) : t('tools.came.code');
}

/** A line of the list: whatever door a tool came through, the same facts in the same words. */
function presentTool(tool: LinkedTool, all: Listed, language: Language) {
  const { linkedToolId, name, linkedAt, linkedFrom, lastUsedAt, lastUsedFrom, description } = tool;
  return {
    ...{ linkedToolId, name, linkedAt, linkedFrom, lastUsedAt, lastUsedFrom },
    about: [description?.product, deviceWords(description, name)].filter((words) => words && words !== name),
    came: cameBy(tool, all, language),
    forWhom: forWhom(tool, all, language),
    // A tool with a key of its own renews its token, and one with a refresh token does too.
    endsAt: tool.door === 'pin' && !tool.keyThumbprint ? tool.firstAccess.expiresAt : undefined,
  };
}

export function createToolPages({ linkedTools, appPasswords, household, renderer }: Dependencies) {
  async function showList(ctx: PageContext, extra: object = {}): Promise<void> {
    const { language } = visitorOf(ctx);
    const { account, session } = signedIn(ctx);
    const { accountId } = account;
    const tools = await linkedTools.listLinkedTools(accountId);
    const all = {
      tools,
      appPasswords: await appPasswords.listAppPasswords(accountId),
      members: (await household.findHousehold(session.subjectId))?.members ?? [],
    };
    renderer.show(ctx, 'account/tools', {
      title: language.t('tools.title'),
      width: 'wide',
      tools: tools.map((tool) => presentTool(tool, all, language)),
      appPasswords: all.appPasswords,
      longestName: LONGEST_NAME,
      ...extra,
    });
  }

  function whose(ctx: PageContext) {
    return { accountId: signedIn(ctx).account.accountId, origin: visitorOf(ctx).origin };
  }

  /** The named tool, if it is linked to this account. Refuses `not-found`. */
  async function findTool(ctx: PageContext, fields: Form) {
    const named = fields.get('tool');
    const tools = await linkedTools.listLinkedTools(whose(ctx).accountId);
    const tool = tools.find(({ linkedToolId }) => linkedToolId === (named as LinkedToolId | undefined));
    if (!tool) throw new DomainError('not-found');
    return tool;
  }

  function goBack(ctx: PageContext, notice: string): void {
    leadTo(ctx, `/account/tools?notice=${notice}`);
  }

  return {
    show: (ctx: PageContext) => showList(ctx),

    async rename(ctx: PageContext): Promise<void> {
      const form = formOf(ctx);
      const { linkedToolId } = await findTool(ctx, form);
      const name = form.get('name')?.trim();
      const fault = formFault(visitorOf(ctx).language, `name-${linkedToolId}`, 'name-invalid');
      const refuse = () => showList(ctx, { faults: [fault], renaming: linkedToolId });
      if (!name || name.length > LONGEST_NAME) return refuse();
      try {
        await linkedTools.renameLinkedTool({ ...whose(ctx), linkedToolId, name });
      } catch (error) {
        if (isRefusal(error, 'client-metadata-invalid')) return refuse();
        throw error;
      }
      goBack(ctx, 'tool-renamed');
    },

    async askUnlink(ctx: PageContext): Promise<void> {
      const tool = await findTool(ctx, readQuery(ctx));
      renderer.show(ctx, 'account/unlink', {
        title: visitorOf(ctx).language.t('unlink.title', { name: tool.name }),
        tool,
      });
    },

    async unlink(ctx: PageContext): Promise<void> {
      const { linkedToolId } = await findTool(ctx, formOf(ctx));
      await linkedTools.unlinkTool({ ...whose(ctx), linkedToolId });
      goBack(ctx, 'tool-unlinked');
    },

    async askUnlinkAll(ctx: PageContext): Promise<void> {
      const tools = await linkedTools.listLinkedTools(whose(ctx).accountId);
      if (tools.length === 0) return goBack(ctx, 'no-tools');
      renderer.show(ctx, 'account/unlink-all', {
        title: visitorOf(ctx).language.t('unlink-all.title'),
        tools,
      });
    },

    async unlinkAll(ctx: PageContext): Promise<void> {
      await linkedTools.unlinkAllTools(whose(ctx));
      goBack(ctx, 'tools-unlinked');
    },
  };
}
