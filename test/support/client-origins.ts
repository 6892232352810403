// Leads the requests of real client libraries to a house of the test, though their hosts stand in their code. Only the
// origin changes: paths, queries, headers and bodies arrive as sent, and the answers as given. A request to any other
// host than those named ends here, before a name is looked up. One door for libraries on fetch, one for those on node:https.
import https from 'node:https';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Agent, fetch as fetchByDispatcher, getGlobalDispatcher, setGlobalDispatcher } from 'undici';

export interface ClientOrigins {
  /** An address of the client's making, at the house: the rest of it as it was written, unencoded parts included. */
  readonly at: (address: string) => string;
  /** The origins that somebody asked for and that nobody named. */
  readonly refused: readonly string[];
  readonly restore: () => Promise<void>;
}

type CreateConnection = (options: { readonly host?: string; readonly port?: number | string }) => Duplex;

/**
 * From now on, whatever this test file asks of `origins` (`https://host`) goes to `house` (`http://host:port`). Refuses
 * every other origin but the house's own.
 */
export function leadOriginsTo(house: string, origins: readonly string[]): ClientOrigins {
  const refused: string[] = [];
  const port = Number(new URL(house).port);

  function admit(origin: string): void {
    if (origin === house || origins.includes(origin)) return;
    refused.push(origin);
    throw new Error(`a client asked for ${origin}, which is not of this test`);
  }

  const agent = new Agent();
  const dispatcher = agent.compose((dispatch) => (options, handler) => {
    admit(String(options.origin));
    return dispatch({ ...options, origin: house }, handler);
  });
  const overTls = new https.Agent() as https.Agent & { createConnection: CreateConnection };
  overTls.createConnection = ({ host, port: asked }) => {
    admit(new URL(`https://${host}:${asked}`).origin);
    return connect(port, '127.0.0.1');
  };

  const before = { agent: https.globalAgent, fetch, dispatcher: getGlobalDispatcher() };
  const proxies = process.env.no_proxy;
  // Node's own fetch keeps its dispatcher where jest's sandbox cannot reach it.
  globalThis.fetch = fetchByDispatcher as unknown as typeof fetch;
  setGlobalDispatcher(dispatcher);
  https.globalAgent = overTls;
  process.env.no_proxy = '*';

  return {
    at(address) {
      const origin = origins.find((known) => address.startsWith(`${known}/`));
      if (origin === undefined) throw new Error(`not an address at a named origin: ${address}`);
      return house + address.slice(origin.length);
    },
    refused,
    async restore() {
      globalThis.fetch = before.fetch;
      setGlobalDispatcher(before.dispatcher);
      https.globalAgent = before.agent;
      if (proxies === undefined) delete process.env.no_proxy;
      else process.env.no_proxy = proxies;
      await agent.close();
    },
  };
}
