// What the operator can see: one log line for each request but polls, faults with their cause, counters, and health.
// It holds back what must not be kept: queries, cookies, credentials, tokens and codes never reach a line.
// OWASP ASVS 16.2 (what a log holds and what it must not), CHECKLIST 4 (readiness, draining).
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pino, type DestinationStream, type Logger } from 'pino';
import { isRefusal, isUnavailable, type Origin } from '../domain/vocabulary.js';

export type Log = Logger;

const LONGEST_PATH = 200;
const LONGEST_REASON = 300;
const DEEPEST_CAUSE = 5;
const LARGEST_BACKLOG = 4_194_304;

/** Field names that hold secrets wherever they stand; a line that is given one by mistake does not show it. */
const SECRET_FIELDS = [
  ...[
    'authorization',
    'cookie',
    'password',
    'new_password',
    'code',
    'recovery_code',
    'user_code',
    'device_code',
  ],
  ...[
    'token',
    'access_token',
    'refresh_token',
    'id_token',
    'client_secret',
    'secret',
    'userCode',
    'deviceCode',
  ],
];

/** Takes out what looks like a token: a JWT, or 32 and more characters of base64url without a break. */
export function withoutSecrets(text: string): string {
  return text.replace(/eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*|[\w-]{32,}/g, '[removed]');
}

interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly errorCode?: string;
  readonly cause?: LoggedError;
}

/** Only what says where and why: other properties of an error may carry the parameters of a query, or a mail. */
function presentError(error: unknown, depth = 0): LoggedError {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error', stack: '' };
  const code = (error as { code?: unknown }).code;
  return {
    type: error.name,
    message: withoutSecrets(error.message),
    stack: withoutSecrets(error.stack ?? ''),
    ...(typeof code === 'string' ? { errorCode: code } : {}),
    ...(error.cause === undefined || depth === DEEPEST_CAUSE
      ? {}
      : { cause: presentError(error.cause, depth + 1) }),
  };
}

/** Written beside the work, never in its way: a reader that stalls or a full disk costs lines, and nothing else. */
function standardError(): DestinationStream {
  const stream = pino.destination({ dest: 2, sync: false, maxLength: LARGEST_BACKLOG });
  let isBehind = false;
  const write = stream.write.bind(stream);
  stream.write = (line) => {
    isBehind = true;
    return write(line);
  };
  stream.on('drain', () => (isBehind = false)).on('error', () => (isBehind = false));
  // Where there is no least length to gather, the library's own tells at once, with lines still under way.
  stream.flush = (done) => {
    if (!isBehind) return void done?.();
    stream.once('drain', () => done?.()).once('error', () => done?.());
  };
  return stream;
}

/** Makes the log: JSON lines, to the standard error unless `destination` says otherwise. Errors go under `err`. */
export function createLog({ level, destination }: { level: string; destination?: DestinationStream }): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => presentError(error) },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '[removed]' },
    },
    destination ?? standardError(),
  );
}

// --- Counters -------------------------------------------------------------------------------------------------------

export type Counters = ReturnType<typeof createCounters>;

/** Counts in this process what is too frequent for a line each. Names are ours, never a caller's text. */
export function createCounters() {
  const counts = new Map<string, number>();
  return {
    count(name: string, by = 1): void {
      counts.set(name, (counts.get(name) ?? 0) + by);
    },
    /** All counts since the start, by name. */
    snapshot: (): Record<string, number> => Object.fromEntries([...counts].sort()),
  };
}

// --- Requests -------------------------------------------------------------------------------------------------------

/** The part of a Koa context that is looked at here. */
export interface ObservedContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  readonly path: string;
  status: number;
  body: unknown;
  readonly state: { origin?: Origin; countedAs?: string; whyUnavailable?: string };
  set(field: string, value: string): void;
}

/** Random digits for many ids at a time: asked for one by one, they would cost a poll more than its gate. */
let digits = '';
let digitsUsed = 0;

/** A request id: 48 random bits, short enough to be read out over the phone. */
export function newRequestId(): string {
  if (digitsUsed === digits.length) {
    digits = randomBytes(3072).toString('hex');
    digitsUsed = 0;
  }
  const at = digitsUsed;
  digitsUsed += 12;
  return `${digits.slice(at, at + 8)}-${digits.slice(at + 8, at + 12)}`;
}

/** Marks a request that is counted under this name and gets no line of its own: a poll. */
export function countOnly(ctx: { readonly state: { countedAs?: string } }, name: string): void {
  ctx.state.countedAs = name;
}

/**
 * Leaves for the line of a request why no store could answer it: the caller is told to come again, and only the operator can mend
 * what is wrong. Nothing for any other error.
 */
export function noteUnavailable(ctx: { readonly state: { whyUnavailable?: string } }, error: unknown): void {
  const fault = isRefusal(error, 'store-unavailable') ? error.cause : error;
  if (!(fault instanceof Error) || !isUnavailable(fault)) return;
  const why = fault.cause instanceof Error ? `${fault.message}: ${fault.cause.message}` : fault.message;
  ctx.state.whyUnavailable = withoutSecrets(why).slice(0, LONGEST_REASON);
}

export interface ObserveDependencies {
  readonly log: Log;
  readonly counters: Counters;
  readonly originOf: (req: IncomingMessage, requestId: string) => Origin;
  /** Milliseconds of a clock that never goes back. */
  readonly elapsed?: () => number;
}

export type Observe = ReturnType<typeof createObserve>;

/**
 * Makes the outermost middleware. It gives every request an id, shown in `X-Request-Id`, and its origin
 * (`ctx.state.origin`); writes one line when the answer has left; and turns an error that no door has an answer for
 * into a 500 that says nothing but the id. An id sent by the caller is never taken: log lines could be forged with it.
 */
export function createObserve({
  log,
  counters,
  originOf,
  elapsed = () => performance.now(),
}: ObserveDependencies) {
  /** Logs a fault with its cause under the request's id, for whoever answers it. */
  function reportFault(ctx: Pick<ObservedContext, 'state' | 'method' | 'path'>, error: unknown): void {
    counters.count('faults');
    const { method, state } = ctx;
    log.error(
      { requestId: state.origin?.requestId, method, path: loggedPath(ctx.path), err: error },
      'fault',
    );
  }

  function writeLine(ctx: ObservedContext, startedAt: number, isCut: boolean): void {
    const { state, method, res } = ctx;
    const status = res.statusCode;
    counters.count(`answers_${Math.floor(status / 100)}xx`);
    if (state.countedAs !== undefined) {
      counters.count(state.countedAs);
      return;
    }
    const level = status >= 500 ? 'warn' : 'info';
    if (!log.isLevelEnabled(level)) return;
    log[level](
      {
        requestId: state.origin?.requestId,
        method,
        path: loggedPath(ctx.path),
        status,
        ms: Math.round(elapsed() - startedAt),
        from: state.origin?.networkAddress,
        ...(isCut ? { isCut } : {}),
        ...(state.whyUnavailable === undefined ? {} : { why: state.whyUnavailable }),
      },
      'request',
    );
  }

  async function observe(ctx: ObservedContext, next: () => Promise<unknown>): Promise<void> {
    const startedAt = elapsed();
    const requestId = newRequestId();
    ctx.state.origin = originOf(ctx.req, requestId);
    ctx.set('X-Request-Id', requestId);
    ctx.set('X-Content-Type-Options', 'nosniff');
    // `close` comes once, also where the caller went away before the answer.
    ctx.res.on('close', () => writeLine(ctx, startedAt, !ctx.res.writableFinished));
    try {
      await next();
    } catch (error) {
      reportFault(ctx, error);
      if (ctx.res.headersSent) {
        ctx.res.destroy();
        return;
      }
      ctx.set('Cache-Control', 'no-store');
      ctx.set('Content-Type', 'text/plain; charset=utf-8');
      ctx.status = 500;
      ctx.body = `Something went wrong on our side. Request ${requestId}\n`;
    }
  }

  return { observe, reportFault };
}

/** What stands behind this in a path is a link's number, which is half of what fetches its token, or a user code. */
const BEHIND_PINS = /(\/pins\/)(?!(?:link|info)(?:\.\w+)?$).+/i;

/** The path without its query, cut short, and without anything in it that looks like a token, a number of a link or a code. */
function loggedPath(path: string): string {
  return withoutSecrets(path.slice(0, LONGEST_PATH).replace(BEHIND_PINS, '$1[removed]'));
}

// --- Health ---------------------------------------------------------------------------------------------------------

export type Health = ReturnType<typeof createHealth>;

export interface HealthDependencies {
  readonly ping: () => Promise<unknown>;
  /** Whether something is gone that the service does without. */
  readonly isDegraded?: () => boolean;
  readonly waitMs?: number;
}

/**
 * Makes the two doors of whoever runs the process. `/healthz`: the process lives. `/readyz`: it may be sent requests,
 * that is, `ping` (the database) answers within two seconds and it is not draining; else 503. Neither is logged.
 * A process that is `degraded` answers everything as it should, only later or by a coarser count, and may be sent requests.
 */
export function createHealth({ ping, isDegraded = () => false, waitMs = 2000 }: HealthDependencies) {
  let isDraining = false;

  async function state(): Promise<'ready' | 'degraded' | 'draining' | 'database-unavailable'> {
    if (isDraining) return 'draining';
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, waitMs, false)));
    const answered = ping().then(
      () => true,
      () => false,
    );
    const isAnswered = await Promise.race([answered, late]);
    clearTimeout(timer);
    if (!isAnswered) return 'database-unavailable';
    return isDegraded() ? 'degraded' : 'ready';
  }

  return {
    /** From now on `/readyz` answers 503, so that no new requests are sent here. */
    startDraining(): void {
      isDraining = true;
    },

    async health(ctx: ObservedContext, next: () => Promise<unknown>): Promise<void> {
      if (ctx.path !== '/healthz' && ctx.path !== '/readyz') {
        await next();
        return;
      }
      countOnly(ctx, 'health');
      ctx.set('Cache-Control', 'no-store');
      if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
        ctx.set('Allow', 'GET, HEAD');
        ctx.status = 405;
        ctx.body = { status: 'method-not-allowed' };
        return;
      }
      const found = ctx.path === '/healthz' ? 'alive' : await state();
      ctx.status = found === 'draining' || found === 'database-unavailable' ? 503 : 200;
      ctx.body = { status: found };
    },
  };
}
