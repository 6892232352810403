// A wire that the test holds in its hands, between a replica and its PostgreSQL or Redis: it delays, hangs, cuts, and can
// cut at the worst of moments: when the server has been told to commit, and nobody will hear whether it did.
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export type WireFault =
  | { readonly kind: 'delay'; readonly byMs: number }
  /** Nothing passes, and nobody is told. */
  | { readonly kind: 'hang' }
  /** What is open breaks, and whoever connects is refused. */
  | { readonly kind: 'cut' }
  /** A COMMIT passes; then the connection breaks, before its answer. */
  | { readonly kind: 'cut-after-commit' };

export type TcpProxy = Awaited<ReturnType<typeof startTcpProxy>>;

/** As the simple and the extended protocol of PostgreSQL write it. */
const COMMIT = Buffer.from('COMMIT\0');

/** Listens on a free port of this machine, and passes everything on to `port`. */
export async function startTcpProxy(port: number) {
  const pairs = new Set<{ readonly near: Socket; readonly far: Socket }>();
  let fault: WireFault | undefined;
  let cuts = 0;

  function breakPair(pair: { near: Socket; far: Socket }): void {
    pairs.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  }

  /** In order, each chunk when its time has come. */
  function pass(from: Socket, to: Socket): void {
    let before = Promise.resolve();
    let late = 0;
    const give = (chunk: Buffer): void => void (to.destroyed || to.write(chunk));
    from.on('data', (chunk: Buffer) => {
      const byMs = fault?.kind === 'delay' ? fault.byMs : 0;
      if (byMs === 0 && late === 0) return give(chunk);
      late += 1;
      const due = byMs === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, byMs));
      before = before
        .then(() => due)
        .then(() => {
          late -= 1;
          give(chunk);
        });
    });
    from.on('end', () => void before.then(() => to.end()));
  }

  const server = createServer((near) => {
    if (fault?.kind === 'cut') return void near.destroy();
    const far = connect(port, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', () => breakPair(pair));
      socket.on('close', () => breakPair(pair));
      if (fault?.kind === 'hang') socket.pause();
    }
    near.on('data', (chunk: Buffer) => {
      if (fault?.kind !== 'cut-after-commit' || !chunk.includes(COMMIT)) return;
      cuts += 1;
      // The server's answer says that it has read the COMMIT, and done it.
      far.removeAllListeners('data').once('data', () => breakPair(pair));
    });
    pass(near, far);
    pass(far, near);
    // `pass` has begun to read.
    if (fault?.kind === 'hang') for (const socket of [near, far]) socket.pause();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,

    /** From now on; undefined: everything passes again. */
    set(next: WireFault | undefined): void {
      fault = next;
      for (const pair of pairs) {
        if (next?.kind === 'cut') breakPair(pair);
        else
          for (const socket of [pair.near, pair.far])
            void (next?.kind === 'hang' ? socket.pause() : socket.resume());
      }
    },

    /** Breaks what is open, and lets new connections through. */
    cutOnce(): void {
      for (const pair of pairs) breakPair(pair);
    },

    /** How many connections were cut right after a COMMIT. */
    cutsAfterCommit: () => cuts,

    async close(): Promise<void> {
      for (const pair of pairs) breakPair(pair);
      server.close();
      await once(server, 'close');
    },
  };
}
