// One HTTP request to one replica, on a connection of its own, and all that can become of it. What a status means is said by
// whoever asks.
import { request, type IncomingHttpHeaders } from 'node:http';

export interface Asked {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly headers?: Record<string, string>;
  /** Posted as a form. */
  readonly form?: Record<string, string>;
  /** Sent as JSON, where there is no form. */
  readonly json?: object;
  /** From where it seems to come; the replicas trust this machine to say so. */
  readonly from: string;
  readonly atMostMs?: number;
}

export type Answer =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers: IncomingHttpHeaders;
      readonly text: string;
    }
  /** Nobody took the connection: nothing can have happened. */
  | { readonly kind: 'unsent'; readonly why: string }
  /** It broke under way: anything may have happened. */
  | { readonly kind: 'lost'; readonly why: string }
  /** Nothing came for as long as anybody would wait. */
  | { readonly kind: 'silence'; readonly why: string };

const PATIENCE_MS = 45_000;

function written({ form, json }: Pick<Asked, 'form' | 'json'>): { body: string; type?: string } {
  if (form) return { body: new URLSearchParams(form).toString(), type: 'application/x-www-form-urlencoded' };
  return json ? { body: JSON.stringify(json), type: 'application/json' } : { body: '' };
}

export function ask(port: number, { method = 'POST', path, headers = {}, from, atMostMs, ...rest }: Asked) {
  return new Promise<Answer>((resolve) => {
    const { body, type } = written(rest);
    const about = type === undefined ? {} : { 'Content-Type': type };
    const sent = request({
      ...{ host: '127.0.0.1', port, method, path, agent: false },
      headers: {
        ...{ Connection: 'close', 'X-Forwarded-For': from, 'Content-Length': Buffer.byteLength(body) },
        ...about,
        ...headers,
      },
    });
    const timer = setTimeout(() => {
      resolve({ kind: 'silence', why: 'no answer came' });
      sent.destroy();
    }, atMostMs ?? PATIENCE_MS);
    const fail = (error: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      const why = error.code ?? error.message;
      resolve({ kind: why === 'ECONNREFUSED' ? 'unsent' : 'lost', why });
    };
    sent.on('error', fail);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', fail);
      response.on('end', () => {
        clearTimeout(timer);
        resolve({ kind: 'answer', status: response.statusCode!, headers: response.headers, text });
      });
    });
    sent.end(body);
  });
}
