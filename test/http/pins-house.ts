// A whole house, and what the tests of its PIN door do again and again: create a PIN, decide it as a person would, poll it.
// The house and its people are those of the OAuth door's tests; time moves only when a test moves it.
import type { Response, Test } from 'supertest';
import type { TestHouseOptions } from '../support/app.js';
import { parseXml, type XmlElement } from '../support/xml.js';
import { startOAuthHouse, type Fields } from './oauth-house.js';

export const JSON_ONLY = { Accept: 'application/json' };
export const IDENTIFIER = 'a-television-7';

/** Who a tool is, in the header; `''` in a value takes one away. */
export const toolHeaders = (more: Fields = {}): Fields => ({
  'X-Plex-Client-Identifier': IDENTIFIER,
  'X-Plex-Product': 'A television',
  ...more,
});

export interface CreatedPin {
  readonly id: number;
  readonly code: string;
  readonly product: string;
  readonly trusted: boolean;
  readonly qr: string;
  readonly clientIdentifier: string;
  readonly expiresIn: number;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly authToken: string | null;
  readonly newRegistration: boolean | null;
  readonly location: Readonly<Record<string, unknown>>;
}

export type PinHouse = Awaited<ReturnType<typeof startPinHouse>>;

export async function startPinHouse(options: TestHouseOptions = {}) {
  const house = await startOAuthHouse(options);
  const { request } = house;

  const create = (query = '', headers: Fields = {}): Test =>
    request.post(`/api/v2/pins${query}`).set({ ...toolHeaders(), ...JSON_ONLY, ...headers });

  const createPin = async (query = '', headers: Fields = {}): Promise<CreatedPin> =>
    jsonOf(await create(query, headers).expect(201)) as unknown as CreatedPin;

  const poll = (id: number | string, headers: Fields = {}): Test =>
    request.get(`/api/v2/pins/${id}`).set({ ...toolHeaders(), ...JSON_ONLY, ...headers });

  /** The token of a tool that was linked a moment ago. */
  async function linkTool({ name = 'anna', headers = {} } = {}): Promise<string> {
    const { id, code } = await createPin('?strong=true', headers);
    await house.approve(code, name);
    const { authToken } = jsonOf(await poll(id, headers).expect(200));
    return authToken as string;
  }

  const withToken = (token: string, headers: Fields = {}): Fields => ({ 'X-Plex-Token': token, ...headers });

  return { ...house, create, createPin, poll, linkTool, withToken };
}

export const jsonOf = (response: Response): Record<string, unknown> => {
  expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
  return JSON.parse(response.text) as Record<string, unknown>;
};

/** The root element of an answer, read strictly. */
export const xmlOf = (response: Response): XmlElement => {
  expect(response.headers['content-type']).toBe('application/xml; charset=utf-8');
  return parseXml(response.text);
};

/** A refusal of the newer paths, whichever format it came in (PIN-API 2). */
export function expectRefusal(response: Response, status: number, code: number): void {
  const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
  expect({ status: response.status, ...(isJson ? refusalInJson(response) : refusalInXml(response)) }).toEqual(
    {
      status,
      code,
      isTold: true,
    },
  );
  expect(response.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
}

function refusalInJson(response: Response) {
  const { errors } = jsonOf(response) as { errors: { code: number; message: string; status?: number }[] };
  expect(errors).toHaveLength(1);
  const { code, message, status } = errors[0]!;
  return { code, isTold: message.length > 10 && (status === undefined || status === response.status) };
}

function refusalInXml(response: Response) {
  const { name, children } = xmlOf(response);
  expect([name, children.map((child) => child.name)]).toEqual(['errors', ['error']]);
  const { code, message = '', status } = children[0]!.attributes;
  const isTold = message.length > 10 && (status === undefined || status === String(response.status));
  return { code: Number(code), isTold };
}

/** A refusal of the older paths: text alone (PIN-API 2). */
export function expectOlderRefusal(response: Response, status: number, text: string): void {
  const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
  const told = isJson ? jsonOf(response)['error'] : xmlOf(response).children[0]?.text;
  expect({ status: response.status, told }).toEqual({ status, told: text });
}
