// The lane for pending polls, ahead of Koa: nine of ten requests are a tool asking whether its link was decided. It takes only
// the plain shape (the three known fields, once each, no other wish), asks the gate, and answers in microseconds; whatever
// else comes in is handed on with its body already read. RFC 8628 §3.4, §3.5.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { newRequestId, type Counters } from './observe.js';
import { awaitBody, handOnBody } from './request.js';

type Handler = (req: IncomingMessage, res: ServerResponse) => void;

export interface PollLaneDependencies {
  /** What the gate alone knows; `unknown` sends the request on. */
  readonly pollGate: (deviceCode: string, clientId: string) => 'pending' | 'too-soon' | 'unknown';
  /** The door's own words for the two answers, as JSON text. */
  readonly answers: Readonly<Record<'pending' | 'too-soon', string>>;
  /** What every answer of the door and its endpoint carries. */
  readonly headers: Readonly<Record<string, string>>;
  readonly counters: Counters;
  /** Where every other request goes. */
  readonly next: Handler;
}

const PATH = '/oauth/token';
const FORM = 'application/x-www-form-urlencoded';
const LARGEST_POLL = 1024;
/** A header that asks for more than a plain answer, proves more than an identifier, or says that the body is not plain. */
const WISHES = [
  'prefer',
  'authorization',
  'dpop',
  'transfer-encoding',
  'content-encoding',
  'expect',
] as const;

/** The three fields, in any order. */
const [DEVICE_CODE, CLIENT_ID, GRANT_TYPE] = ['device_code=', 'client_id=', 'grant_type='] as const;
/** A value that needs decoding is not plain; other readers will decode it. */
const PLAIN = /^[\w.:-]+$/;
const GRANTS = [
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code',
];

interface PlainPoll {
  readonly deviceCode: string;
  readonly clientId: string;
}

/** How long the body of a request is that may be a plain poll; 0 for any other. */
function plainLength({ method, url, headers }: IncomingMessage): number {
  if (method !== 'POST' || url !== PATH || headers['content-type'] !== FORM) return 0;
  for (const name of WISHES) if (headers[name] !== undefined) return 0;
  const length = Number(headers['content-length'] ?? 0);
  return length <= LARGEST_POLL ? length : 0;
}

/** Undefined for any form that is not exactly a plain poll. */
function readPoll(text: string): PlainPoll | undefined {
  let grant: string | undefined;
  let deviceCode: string | undefined;
  let clientId: string | undefined;
  for (let start = 0; start <= text.length;) {
    const next = text.indexOf('&', start);
    const end = next === -1 ? text.length : next;
    if (deviceCode === undefined && text.startsWith(DEVICE_CODE, start))
      deviceCode = text.slice(start + DEVICE_CODE.length, end);
    else if (clientId === undefined && text.startsWith(CLIENT_ID, start))
      clientId = text.slice(start + CLIENT_ID.length, end);
    else if (grant === undefined && text.startsWith(GRANT_TYPE, start))
      grant = text.slice(start + GRANT_TYPE.length, end);
    else return undefined;
    start = end + 1;
  }
  if (grant === undefined || deviceCode === undefined || clientId === undefined) return undefined;
  const isPlain = GRANTS.includes(grant) && PLAIN.test(deviceCode) && PLAIN.test(clientId);
  return isPlain ? { deviceCode, clientId } : undefined;
}

/**
 * Status line and headers as one flat list: an object per answer would cost as much again as the rest. Node reads the list
 * at once and keeps nothing of it, so one list serves all.
 */
function createAnswer(body: string, headers: Readonly<Record<string, string>>) {
  const list = Object.entries({
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
    'X-Request-Id': '',
  }).flat();
  const requestId = list.length - 1;
  return (res: ServerResponse): void => {
    list[requestId] = newRequestId();
    res.writeHead(400, list);
    res.end(body);
  };
}

/** Makes the outermost request handler. */
export function createPollLane({
  pollGate,
  answers,
  headers,
  counters,
  next,
}: PollLaneDependencies): Handler {
  const answer = {
    pending: createAnswer(answers.pending, headers),
    'too-soon': createAnswer(answers['too-soon'], headers),
  };

  return (req, res) => {
    const length = plainLength(req);
    if (length === 0) return next(req, res);
    awaitBody(req, length, (body) => {
      const poll = readPoll(body.toString('latin1'));
      const verdict = poll ? pollGate(poll.deviceCode, poll.clientId) : 'unknown';
      if (verdict === 'unknown') {
        handOnBody(req, body);
        return next(req, res);
      }
      counters.count(verdict === 'pending' ? 'polls_pending' : 'polls_too_soon');
      answer[verdict](res);
    });
  };
}
