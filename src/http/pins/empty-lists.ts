// What clients ask for after a login and what a service that only signs people in has none of: servers, and shares of them.
// Each is answered as an empty list, to whoever has a token. PIN-API 4.9 and "Decided".
import { answer, type Endpoint } from './answers.js';
import { readMessage } from './message.js';
import type { FindBearer } from './token-bearer.js';
import { readIdentifier, requireIdentifier } from './tool-values.js';
import type { XmlElement } from './xml.js';

export interface EmptyListsDependencies {
  readonly findBearer: FindBearer;
}

export function createEmptyLists({ findBearer }: EmptyListsDependencies) {
  const empty =
    (status: number, element: XmlElement): Endpoint =>
    async (ctx, call) => {
      await findBearer(ctx);
      answer(ctx, call, status, { json: () => [], xml: () => element });
    };

  const listResources: Endpoint = async (ctx, call) => {
    const message = await readMessage(ctx);
    requireIdentifier({ identifier: readIdentifier(ctx, message) });
    await findBearer(ctx, message);
    answer(ctx, call, 200, { json: () => [], xml: () => ({ name: 'resources' }) });
  };

  return {
    listResources,
    listOlderResources: empty(200, { name: 'MediaContainer', attributes: { size: 0 } }),
    /** Libraries share a server with the member that they have made; there is none to share. */
    shareNothing: empty(201, { name: 'MediaContainer', attributes: { size: 0 } }),
  };
}
