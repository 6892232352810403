// How providers are called: within one budget of time for all that a round trip asks of them, following no redirect, and taking
// no more of an answer than an answer needs. A provider that is slow, or sends without end, costs ten seconds and a megabyte.
import { AsyncLocalStorage } from 'node:async_hooks';
import * as client from 'openid-client';

export const BUDGET_SECONDS = 10;
const LARGEST_ANSWER = 1_048_576;

const budget = new AsyncLocalStorage<AbortSignal>();

/** Does the work, with every call in it that is made by `boundedFetch` ended when ten seconds are over. */
export function withinBudget<Result>(
  work: () => Promise<Result>,
  seconds: number = BUDGET_SECONDS,
): Promise<Result> {
  return budget.run(AbortSignal.timeout(seconds * 1000), work);
}

async function readBody({ body }: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop lets go of the connection.
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > LARGEST_ANSWER) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export const boundedFetch: client.CustomFetch = async (url, { signal, body, ...options }) => {
  const signals = [signal, budget.getStore()].filter((each) => each !== undefined);
  const response = await fetch(url, {
    ...options,
    ...(body === undefined ? {} : { body: body as NonNullable<RequestInit['body']> }),
    redirect: 'manual',
    signal: AbortSignal.any(signals),
  });
  const read = await readBody(response);
  const { status, headers } = response;
  // A body that was packed has been unpacked, and its length is another.
  const plain = new Headers(headers);
  for (const name of ['content-encoding', 'content-length']) plain.delete(name);
  return new Response(read.length === 0 ? null : new Uint8Array(read), { status, headers: plain });
};

/** An issuer on this machine, for trials: the settings take no other one without TLS. */
export const isPlain = (issuer: string): boolean => issuer.startsWith('http:');

/** Holds all that is asked by this configuration to these bounds. */
export function bounded(config: client.Configuration, issuer: string): client.Configuration {
  config.timeout = BUDGET_SECONDS;
  config[client.customFetch] = boundedFetch;
  if (isPlain(issuer)) client.allowInsecureRequests(config);
  return config;
}
