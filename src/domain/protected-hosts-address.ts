// Which addresses lie behind a proxy that asks here, and how one is written. An address is never passed on as it came: its host is
// looked up in the operator's list, and what is written starts with that entry, so that nobody is led anywhere else.
// Specification: RFC 9700 §2.1 and §4.11 (no open redirect), RFC 3986, the WHATWG URL standard (how browsers read an address).
import type { Site } from './protected-hosts-records.js';

export interface ProtectedAddress {
  readonly site: Site;
  /** Path and query, from the first slash on. */
  readonly path: string;
}

/** Paths of a protected host that are ours. */
export const OWN_FOLDER = '/.linchpin/';

const LONGEST_ADDRESS = 2048;
/** Visible ASCII; browsers read a backslash as a slash, and quotes and angle brackets never stand in an address. */
const PLAIN = /^[!#-;=?-[\]^-~]+$/;
const LOOPBACK = /^(([\w-]+\.)*localhost|127(\.\d+){3}|\[::1\])(:\d+)?$/;

export interface AddressesDependencies {
  /** As they stand in addresses: in lower case, with the port where it is not the usual one. */
  readonly hosts: readonly string[];
  /** Plain http beyond this machine; on it, http is always good enough. */
  readonly allowHttp: boolean;
}

export type ProtectedAddresses = ReturnType<typeof createProtectedAddresses>;

export function createProtectedAddresses({ hosts, allowHttp }: AddressesDependencies) {
  const known = new Set(hosts);

  /** The site of a protected host; undefined for any other host, and where it is reached in the clear and must not be. */
  function findSite(scheme: string, host: string): Site | undefined {
    if (scheme !== 'https' && scheme !== 'http') return undefined;
    const given = host.toLowerCase();
    // The usual port may be written or not: to a browser it is one host.
    const plain = given.replace(scheme === 'https' ? /:443$/ : /:80$/, '');
    if (!known.has(plain)) return undefined;
    const isPlainEnough = scheme === 'https' || allowHttp || LOOPBACK.test(plain);
    return isPlainEnough ? `${scheme}://${plain}` : undefined;
  }

  /** Path and query that may stand behind a site: they begin with a slash, and a browser reads them as they are written. */
  function readPath(path: string | undefined): string {
    if (!path?.startsWith('/') || path.length > LONGEST_ADDRESS || !PLAIN.test(path)) return '/';
    const [before = '/'] = path.split('#');
    return before.startsWith(OWN_FOLDER) ? '/' : before;
  }

  return {
    findSite,
    readPath,

    /** Reads a whole address; undefined unless its host is protected. What is written of it again is `addressOf`. */
    readAddress(text: string | undefined): ProtectedAddress | undefined {
      if (text === undefined || text.length > LONGEST_ADDRESS || !PLAIN.test(text)) return undefined;
      // No user, no other way to write a host: up to the path, an address has one spelling here.
      const [, scheme = '', host = '', path] = /^(https?):\/\/([^/?#@]+)(\/.*)?$/.exec(text) ?? [];
      const site = findSite(scheme, host);
      return site && { site, path: readPath(path) };
    },
  };
}

export const writeAddress = ({ site, path }: ProtectedAddress): string => `${site}${path}`;
