// What an answer of this door looks like on the wire: XML unless JSON is asked for, and where that is decided.
// What stands in an answer is its presenter's, how a refusal looks is in errors.ts. PIN-API 1.2, 1.7, and "Decided" (older paths).
import type { RequestContext } from '../guards.js';
import { writeXml, type XmlElement } from './xml.js';

export type Format = 'json' | 'xml';

/** Paths under `/api/v2/`, and the older ones, whose errors look different (PIN-API 2). */
export type Era = 'v2' | 'older';

/** What the address of a request says beyond its endpoint. */
export interface Call {
  readonly format: Format;
  readonly era: Era;
  /** The part of the path that differs from call to call, decoded no further than it came; empty where there is none. */
  readonly parameter: string;
}

export type Endpoint = (ctx: RequestContext, call: Call) => Promise<void>;

/** Only the wanted one is made. A string is JSON already. */
export interface Answer {
  readonly xml: () => XmlElement;
  readonly json: () => object | string;
}

const CONTENT_TYPES = {
  json: 'application/json; charset=utf-8',
  // Some clients know no other name for XML (PIN-API 1.2).
  xml: 'application/xml; charset=utf-8',
} as const satisfies Record<Format, string>;

export const contentTypeOf = (format: Format): string => CONTENT_TYPES[format];

/**
 * Whether an Accept header asks for JSON: it names `application/json`, and XML not before it. A header that only allows
 * everything does not: clients that parse XML send it (PIN-API 1.2).
 */
export function wantsJson(accept: string): boolean {
  if (accept === 'application/json') return true;
  if (!/json/i.test(accept)) return false;
  const types = accept.split(',').map((range) => range.split(';')[0]!.trim().toLowerCase());
  const first = types.find((type) => type === 'application/json' || type === 'application/xml');
  return first === 'application/json';
}

export function writeBody(format: Format, { xml, json }: Answer): string {
  if (format === 'xml') return writeXml(xml());
  const made = json();
  return typeof made === 'string' ? made : JSON.stringify(made);
}

export function answer(
  ctx: RequestContext,
  { format }: Pick<Call, 'format'>,
  status: number,
  what: Answer,
): void {
  ctx.status = status;
  ctx.set('Content-Type', contentTypeOf(format));
  ctx.body = writeBody(format, what);
}

/** `2024-06-20T06:55:56Z` in JSON, `2024-06-20 06:55:56 UTC` in XML (PIN-API 1.7). */
export function presentTime(time: Date, format: Format): string {
  const seconds = time.toISOString().slice(0, 19);
  return format === 'json' ? `${seconds}Z` : `${seconds.replace('T', ' ')} UTC`;
}

/** Whole seconds since 1970. */
export const presentEpoch = (time: Date): number => Math.floor(time.getTime() / 1000);
