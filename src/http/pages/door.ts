// What every request for a page meets, in order: headers, static files, who it is, forged forms, then the table of
// routes; and what becomes of an address that is not in it, and of whatever goes wrong on the way.
import Router from '@koa/router';
import type { Middleware, Next } from 'koa';
import { isRefusal } from '../../domain/vocabulary.js';
import { ForgeryRefusal, type Guard } from '../guards.js';
import { noteUnavailable } from '../observe.js';
import type { Form } from '../request.js';
import type { PagesDependencies } from './dependencies.js';
import { explain, methodNotAllowed, notFound } from './errors.js';
import { createPageHeaders } from './headers.js';
import { RECENT_PLACES, type Place } from './journey.js';
import type { Languages } from './language.js';
import type { Renderer } from './render.js';
import type { Assets } from './static.js';
import { createArrival, createRecognition, leadTo, visitorOf, type PageContext } from './visitor.js';

/** `anyone`; `person`: signed in; a place: signed in, with a verified address where that is due, and led back there. */
export type Access = 'anyone' | 'person' | Place;

export type Route = readonly [
  method: 'GET' | 'POST',
  path: string,
  access: Access,
  handler: (ctx: PageContext) => void | Promise<void>,
  /** For a form that may be open in two windows: where its stale copy leads, to be told how things stand. */
  whenStale?: (form: Form) => string,
];

/**
 * Leads away who may not come here yet: to the sign-in, or to proving all of it once more where it was long ago, and back
 * afterwards; or to proving the address.
 */
function guardOf(access: Access, { isRecent }: DoorDependencies['sessions']): Guard {
  return async (ctx, next) => {
    const { session, account, switched } = visitorOf(ctx);
    // A browser that acts for a member may go on to another one, and nowhere else that anybody has to sign in for.
    const isKnown = access === 'anyone' || session || (access === 'switch' && switched);
    if (!isKnown) return leadTo(ctx, `/sign-in?next=${access === 'person' ? 'account' : access}`);
    const isOpen = access === 'anyone' || access === 'person';
    if (!isOpen && account?.mayOnlyVerify) return leadTo(ctx, '/verify-email');
    const asksRecent = access !== 'anyone' && access !== 'person' && RECENT_PLACES.has(access);
    if (asksRecent && session && !isRecent(session)) return leadTo(ctx, `/step-up?next=${access}`);
    await next();
  };
}

/** The path as the table has it. */
const pathOf = (ctx: PageContext): string => ctx.path.toLowerCase().replace(/(?<=.)\/$/, '');

/** Whatever goes wrong from here on becomes a page; what nobody foresaw is logged with its cause. */
function createErrorPages(table: readonly Route[], renderer: Renderer): Guard {
  /** Where the stale form of somebody who is signed in leads, if it leads anywhere. */
  function staleAddress(ctx: PageContext, error: unknown): string | undefined {
    if (!(error instanceof ForgeryRefusal) || !error.form || !visitorOf(ctx).session) return undefined;
    const route = table.find(([method, path]) => method === ctx.method && path === pathOf(ctx));
    return route?.[4]?.(error.form);
  }

  /** What asks for a fresher proof than there is leads to giving it, and back to its own page. */
  function proofAddress(ctx: PageContext, error: unknown): string | undefined {
    if (!isRefusal(error, 'proof-required') || !visitorOf(ctx).session) return undefined;
    const access = table.find(([method, path]) => method === ctx.method && path === pathOf(ctx))?.[2];
    if (access === undefined || access === 'anyone') return undefined;
    return access === 'person' ? '/step-up' : `/step-up?next=${access}`;
  }

  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const address = staleAddress(ctx, error) ?? proofAddress(ctx, error);
      if (address !== undefined) return leadTo(ctx, address);
      if (explain(error).isFault) ctx.app.emit('error', error, ctx);
      noteUnavailable(ctx, error);
      renderer.showError(ctx, error);
    }
  };
}

/** Answers for addresses and methods that are not in the table, before anything is read of the request. */
function refuseUnknown(table: readonly Route[], renderer: Renderer): Guard {
  return async (ctx, next) => {
    const path = pathOf(ctx);
    const methods = table.filter((route) => route[1] === path).map(([method]) => method);
    if (methods.length === 0) return renderer.showAnswer(ctx, notFound);
    const allowed: string[] = methods.includes('GET') ? [...methods, 'HEAD'] : methods;
    if (!allowed.includes(ctx.method)) {
      ctx.set('Allow', allowed.join(', '));
      return renderer.showAnswer(ctx, methodNotAllowed);
    }
    await next();
  };
}

function createRouter(table: readonly Route[], sessions: DoorDependencies['sessions']): Router {
  const router = new Router();
  for (const [method, path, access, handler] of table) {
    const steps = [
      guardOf(access, sessions),
      async (ctx: PageContext) => handler(ctx),
    ] as unknown as Middleware[];
    if (method === 'GET') router.get(path, ...steps);
    else router.post(path, ...steps);
  }
  return router;
}

function inOrder(steps: readonly Middleware[]): Middleware {
  return (ctx, next) => {
    const run = async (index: number): Promise<unknown> => {
      const step = steps[index];
      return step ? (step(ctx, (() => run(index + 1)) as Next) as unknown) : next();
    };
    return run(0);
  };
}

/** Where providers' answers come in: from their own pages, or handed on by ours. */
export type AnswerPaths = ReadonlyMap<string, { readonly isHandedOn: boolean }>;

/** Forms are ours, and carry a field of ours; all but the answers of other providers. */
function refuseForgery(guards: DoorDependencies['guards'], answers: AnswerPaths): Guard {
  return (ctx, next) => {
    const answer = ctx.method === 'POST' ? answers.get(pathOf(ctx)) : undefined;
    const guard = answer ? guards.readAnswer(answer) : guards.refuseForgery;
    return guard(ctx, next) as Promise<void>;
  };
}

export interface DoorDependencies extends Pick<
  PagesDependencies,
  'accounts' | 'household' | 'browserMarks' | 'guards' | 'sessions' | 'settings'
> {
  readonly languages: Languages;
  readonly assets: Assets;
  readonly renderer: Renderer;
  readonly table: readonly Route[];
  readonly answers: AnswerPaths;
}

export function createDoor(dependencies: DoorDependencies): Middleware {
  const { guards, sessions, settings, languages, assets, renderer, table, answers } = dependencies;
  const guarded: readonly Guard[] = [
    createArrival(languages, dependencies),
    createErrorPages(table, renderer),
    guards.loadSession,
    createRecognition(dependencies, languages),
    refuseUnknown(table, renderer),
    refuseForgery(guards, answers),
  ];
  return inOrder([
    createPageHeaders({ isSecure: settings.publicUrl.startsWith('https:') }),
    assets.serve,
    ...(guarded as unknown as readonly Middleware[]),
    createRouter(table, sessions).routes() as unknown as Middleware,
  ]);
}
