// Where the demo's service listens: a free port, on this machine only or in the local network.
// It owns the choice; starting anything there is in demo-service.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

const USUAL_PORT = 8484;

/** Why the demo cannot go on, in words for the person who started it. */
export class DemoFault extends Error {
  override name = 'DemoFault';
}

export interface Place {
  host: string;
  port: number;
  publicUrl: string;
  isLan: boolean;
}

/** Chooses the usual port where it is free. Throws a `DemoFault` where the machine has none, or no network. */
export async function choosePlace(isLan: boolean): Promise<Place> {
  const host = isLan ? '0.0.0.0' : '127.0.0.1';
  const name = isLan ? lanAddress() : 'localhost';
  // "localhost" is the IPv6 loopback to many browsers: a stranger listening there would get the demo's visitors.
  const isFree = (await openPort(USUAL_PORT, host)) && (await openPort(USUAL_PORT, '::1'));
  const port = isFree ? USUAL_PORT : await openPort(0, host);
  if (port === undefined) throw new DemoFault('This machine has no free port to listen on.');
  return { host, port, publicUrl: `http://${name}:${port}`, isLan };
}

/** The port if it can be listened on (0 picks any), else undefined. A machine without that address has it free. */
async function openPort(port: number, host: string): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, 'listening');
    const bound = server.address();
    return typeof bound === 'object' && bound !== null ? bound.port : undefined;
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code === 'EADDRINUSE' ? undefined : port;
  } finally {
    server.close();
  }
}

function lanAddress(): string {
  const isVirtual = (name: string) => /^(docker|br-|veth|virbr|vmnet|tun|utun)/.test(name);
  const found = Object.entries(networkInterfaces())
    .sort(([one], [other]) => Number(isVirtual(one)) - Number(isVirtual(other)))
    .flatMap(([, addresses]) => addresses ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal);
  if (found === undefined) throw new DemoFault('This machine has no address in a local network.');
  return found.address;
}
