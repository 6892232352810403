// Whose a link is, of those who ask for it by its device code: its own client's, and its own key's once it is bound to one. The
// first poll with a proof binds it. RFC 6749 §5.2, RFC 9449 §10 (by analogy, for links of tools without a browser).
import type { Client } from './clients.js';
import { stateOf, type DeviceCodeKey, type LinkStanding, type LinkStore } from './links.js';
import type { Clock, InTransaction } from './vocabulary.js';

/** Who asks how a link stands, and the key that was proved with the request. */
export interface Poller {
  readonly client: Client;
  readonly keyThumbprint?: string | undefined;
}

export interface FindOwnDependencies {
  readonly store: Pick<LinkStore, 'findByDeviceCode'>;
  readonly inTransaction: InTransaction<{ readonly links: Pick<LinkStore, 'bindKey'> }>;
  readonly now: Clock;
}

export function createFindOwn({ store, inTransaction, now }: FindOwnDependencies) {
  /** Whether the link is this key's, or becomes so now. */
  async function isOfKey(
    key: DeviceCodeKey,
    link: LinkStanding,
    proven: string | undefined,
  ): Promise<boolean> {
    if (link.keyThumbprint === proven) return true;
    if (link.keyThumbprint !== undefined || proven === undefined) return false;
    const state = stateOf(link, now());
    // One that is over has nothing to bind, and redeeming binds what is approved.
    if (state !== 'pending' && state !== 'reserved') return true;
    return inTransaction(({ links }) => links.bindKey(key, link.clientId, proven, now()));
  }

  /** A link as its own client may see it: to another, to another key, and without the proof of its key, it is unknown. */
  return async (key: DeviceCodeKey, asked: Poller): Promise<LinkStanding | undefined> => {
    const link = await store.findByDeviceCode(key);
    // RFC 6749 §5.2: asking for a code of another client changes nothing.
    if (!link || link.clientId !== asked.client.clientId) return undefined;
    return (await isOfKey(key, link, asked.keyThumbprint)) ? link : undefined;
  };
}
