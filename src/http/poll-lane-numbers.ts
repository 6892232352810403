// The lane for pending polls by number, ahead of Koa, beside that of the token endpoint: the plain shape alone (a GET with the
// identifier in its header, nothing in the query but the code, no body and no wish), answered from memory where the gate says
// that the link is still pending. Everything else is handed on. PIN-API 3.2.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { newRequestId, type Counters } from './observe.js';

type Handler = (req: IncomingMessage, res: ServerResponse) => void;
type Format = 'json' | 'xml';

export interface NumberPollLaneDependencies {
  /** What the gate alone knows: pending, for the tool and the network that started the link. `unknown` sends the request on. */
  readonly pollNumberGate: (number: number, identifier: string, network: string) => 'pending' | 'unknown';
  readonly networkOf: (req: IncomingMessage) => string;
  /** The path that numbers stand behind. */
  readonly folder: string;
  /** What every answer of the door and its endpoint carries. */
  readonly headers: Readonly<Record<string, string>>;
  /** The door's own choice of a format, by the ending of the path and the Accept header. */
  readonly formatOf: (suffix: string | undefined, accept: string | undefined) => Format;
  readonly contentTypeOf: (format: Format) => string;
  /** The door's own answer, kept since it gave it; undefined sends the request on. */
  readonly findAnswer: (number: number, format: Format) => { body: string; bytes: number } | undefined;
  readonly counters: Counters;
  /** Where every other request goes. */
  readonly next: Handler;
}

/** A header that asks for more than a plain answer, or says that a body comes. */
const WISHES = ['prefer', 'authorization', 'dpop', 'transfer-encoding', 'expect'] as const;

/** Number, ending, and at most the code in the query: a proof, or a value of the tool, is for the door to read. */
const REST = /^([1-9]\d{0,9})(\.json|\.xml)?(?:\?code=[\w-]{0,64})?$/;
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

interface PlainPoll {
  readonly number: number;
  readonly suffix: string | undefined;
  readonly identifier: string;
}

function hasNoWish({ headers }: IncomingMessage): boolean {
  const length = headers['content-length'];
  return (length === undefined || length === '0') && WISHES.every((name) => headers[name] === undefined);
}

/** Makes a handler that answers plain pending polls and hands every other request on. */
export function createNumberPollLane(dependencies: NumberPollLaneDependencies): Handler {
  const { pollNumberGate, networkOf, folder, headers, formatOf, contentTypeOf, findAnswer } = dependencies;
  const { counters, next } = dependencies;

  /** Undefined for any request that is not exactly a plain poll. */
  function readPoll(req: IncomingMessage): PlainPoll | undefined {
    const { method, url = '' } = req;
    if (method !== 'GET' || !url.startsWith(folder)) return undefined;
    const [, number, suffix] = REST.exec(url.slice(folder.length)) ?? [];
    const identifier = req.headers['x-plex-client-identifier'];
    if (number === undefined || typeof identifier !== 'string' || !PLAIN.test(identifier)) return undefined;
    return hasNoWish(req) ? { number: Number(number), suffix, identifier } : undefined;
  }

  /** Status line and headers as flat lists that serve all answers: node reads them at once and keeps nothing of them. */
  function createWriter(format: Format) {
    const list = ['Content-Type', contentTypeOf(format), ...Object.entries(headers).flat()];
    list.push('X-Request-Id', '', 'Content-Length', '');
    const [length, requestId] = [list.length - 1, list.length - 3];
    return (res: ServerResponse, { body, bytes }: { body: string; bytes: number }): void => {
      list[requestId] = newRequestId();
      list[length] = String(bytes);
      res.writeHead(200, list);
      res.end(body);
    };
  }
  const write = { json: createWriter('json'), xml: createWriter('xml') };

  return (req, res) => {
    const poll = readPoll(req);
    if (!poll || pollNumberGate(poll.number, poll.identifier, networkOf(req)) !== 'pending')
      return next(req, res);
    const format = formatOf(poll.suffix, req.headers.accept);
    const found = findAnswer(poll.number, format);
    if (!found) return next(req, res);
    counters.count('polls_pending');
    write[format](res, found);
  };
}
