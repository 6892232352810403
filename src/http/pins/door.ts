// What every request to this door meets: which endpoint its address names and in which format, which methods that takes,
// whether scripts of other sites may call it, and what becomes of whatever goes wrong. The table itself is in routes.ts.
// PIN-API 1.2 (formats and suffixes), 2 (errors); RFC 9110 §15.5.5, §15.5.6.
import { NO_STORE, type RequestContext } from '../guards.js';
import { noteUnavailable } from '../observe.js';
import { wantsJson, type Call, type Endpoint, type Era, type Format } from './answers.js';
import { answerPreflight, OPEN_TO_SCRIPTS } from './cross-origin.js';
import { answerOf, DoorRefusal, refusals, writeError } from './errors.js';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Suffix = '' | '.json' | '.xml';

/** By what an address ends with: a format, or what the Accept header says. An ending that is not named leads nowhere. */
export type Formats = Readonly<Partial<Record<Suffix, Format | 'by Accept'>>>;

/** With a suffix, or as Accept says. */
export const BOTH: Formats = { '': 'by Accept', '.json': 'json', '.xml': 'xml' };
export const OLDER: Formats = { '': 'xml', '.json': 'json', '.xml': 'xml' };
export const XML_ALONE: Formats = { '': 'xml' };

export const OPEN = 'open to scripts';
export const CLOSED = 'closed to scripts';

/** `{}` stands for the one part of a path that differs from call to call. */
export type Route = readonly [
  method: Method,
  path: string,
  formats: Formats,
  scripts: typeof OPEN | typeof CLOSED,
  endpoint: Endpoint,
];

interface Place {
  readonly path: string;
  readonly format: Format | 'by Accept';
  readonly isOpen: boolean;
  readonly endpoints: Map<string, Endpoint>;
  readonly methods: readonly string[];
}

interface Found {
  readonly place: Place | undefined;
  readonly parameter: string;
}

export interface DoorDependencies {
  readonly publicUrl: string;
  /** The starts of all paths that are this door's, known or not. */
  readonly folders: readonly string[];
  readonly table: readonly Route[];
  /** Logs a fault of ours with its cause, under the request's id. */
  readonly reportFault: (ctx: RequestContext, error: unknown) => void;
}

const HALF_A_YEAR_SECONDS = 15_552_000;

/** Every address of the table, each with all its methods. */
function placesOf(table: readonly Route[]): Place[] {
  const places = new Map<string, Place>();
  for (const [method, path, formats, scripts, endpoint] of table) {
    for (const [suffix, format] of Object.entries(formats)) {
      const address = path + suffix;
      const known = places.get(address);
      const endpoints = (known?.endpoints ?? new Map<string, Endpoint>()).set(method, endpoint);
      const isOpen = scripts === OPEN;
      const methods = [
        ...endpoints.keys(),
        ...(endpoints.has('GET') ? ['HEAD'] : []),
        ...(isOpen ? ['OPTIONS'] : []),
      ];
      places.set(address, { path: address, format, isOpen, endpoints, methods });
    }
  }
  return [...places.values()];
}

/** Finds the place of a path: those without a parameter first, and of the others the one with the longest ending. */
function createFinder(places: readonly Place[]) {
  const plain = new Map(
    places.filter(({ path }) => !path.includes('{}')).map((place) => [place.path, place]),
  );
  const patterns = places
    .filter(({ path }) => path.includes('{}'))
    .map((place) => {
      const [start = '', end = ''] = place.path.split('{}');
      return { start, end, place };
    })
    .sort((a, b) => b.end.length - a.end.length);

  return (path: string): Found | undefined => {
    const place = plain.get(path);
    if (place) return { place, parameter: '' };
    for (const { start, end, place: matching } of patterns) {
      if (!path.startsWith(start) || !path.endsWith(end) || path.length <= start.length + end.length)
        continue;
      const parameter = path.slice(start.length, path.length - end.length);
      if (!parameter.includes('/')) return { place: matching, parameter };
    }
    return undefined;
  };
}

/** What every answer of the door carries. Nothing here is kept by a cache: nearly all of it may hold a token or a code. */
function headersOf(publicUrl: string): Readonly<Record<string, string>> {
  return {
    ...NO_STORE,
    'X-Content-Type-Options': 'nosniff',
    // RFC 6797: once here over TLS, never again without.
    ...(publicUrl.startsWith('https:')
      ? { 'Strict-Transport-Security': `max-age=${HALF_A_YEAR_SECONDS}` }
      : {}),
  };
}

export type Door = ReturnType<typeof createDoor>;

/** Makes the door. Its middleware answers its own paths and leaves every other to the next. */
export function createDoor({ publicUrl, folders, table, reportFault }: DoorDependencies) {
  const base = new URL(publicUrl).pathname.replace(/\/$/, '');
  const headers = headersOf(publicUrl);
  const find = createFinder(placesOf(table));
  const eraOf = (path: string): Era => (path.startsWith('/api/v2/') ? 'v2' : 'older');

  /** The path below PUBLIC_URL; undefined for what is not below it. */
  const own = (path: string): string | undefined =>
    path.startsWith(`${base}/`) ? path.slice(base.length) : undefined;

  function findAt(path: string): Found | undefined {
    const known = find(path);
    if (known) return known;
    return folders.some((folder) => path.startsWith(folder))
      ? { place: undefined, parameter: '' }
      : undefined;
  }

  /** An address that leads nowhere is answered in the format that its ending, its age and Accept would give it. */
  function formatOf(ctx: RequestContext, path: string, place: Place | undefined): Format {
    if (place && place.format !== 'by Accept') return place.format;
    if (path.endsWith('.json')) return 'json';
    if (path.endsWith('.xml') || eraOf(path) === 'older') return 'xml';
    return wantsJson(ctx.get('Accept')) ? 'json' : 'xml';
  }

  async function serve(ctx: RequestContext, place: Place | undefined, call: Call): Promise<void> {
    if (!place) throw new DoorRefusal(refusals.notFound);
    if (place.isOpen && ctx.method === 'OPTIONS') return answerPreflight(ctx, place.methods);
    const endpoint = place.endpoints.get(ctx.method === 'HEAD' ? 'GET' : ctx.method);
    if (endpoint) return endpoint(ctx, call);
    ctx.set('Allow', place.methods.join(', '));
    throw new DoorRefusal(refusals.methodNotAllowed);
  }

  return {
    base,
    headers,
    /** Whether an address is the door's, known or not. */
    owns(path: string): boolean {
      const below = own(path);
      return below !== undefined && findAt(below) !== undefined;
    },

    async middleware(ctx: RequestContext, next: () => Promise<unknown>): Promise<void> {
      const path = own(ctx.path);
      const found = path === undefined ? undefined : findAt(path);
      if (path === undefined || !found) {
        await next();
        return;
      }
      const { place, parameter } = found;
      ctx.set(headers);
      if (place?.isOpen) ctx.set(OPEN_TO_SCRIPTS);
      const call = { format: formatOf(ctx, path, place), era: eraOf(path), parameter };
      try {
        await serve(ctx, place, call);
      } catch (error) {
        if (!answerOf(error)) reportFault(ctx, error);
        noteUnavailable(ctx, error);
        writeError(ctx, call, error);
      }
    },
  };
}
