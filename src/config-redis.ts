// How the address of Redis is written: one server, one that Sentinels name, or a Cluster.
// What is kept there is the business of stores/ephemeral. A sentence never repeats what was written: it may hold a password.
import { judged } from './config-values.js';

interface Host {
  readonly host: string;
  readonly port: number;
}

/** Where Redis is; `hosts` are the Sentinels, or nodes of the Cluster that know the others. */
export type RedisAddress = {
  readonly hosts: readonly Host[];
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
} & (
  | { readonly kind: 'single'; readonly database: number }
  | {
      readonly kind: 'sentinel';
      readonly database: number;
      readonly masterName: string;
      readonly sentinelPassword?: string;
    }
  | { readonly kind: 'cluster' }
);

const SHAPE =
  /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/;
const HOST = /^(\[[\da-f:.]+\]|[\w.-]+)(?::(\d{1,5}))?$/i;
const RIGHT =
  'must be redis://user:password@host:6379, rediss:// for TLS, redis+sentinel://host1:26379,host2:26379/name-of-the-master, or redis+cluster://host1:6379,host2:6379';

function readHost(written: string, usualPort: number): Host | undefined {
  const [, host, port = String(usualPort)] = HOST.exec(written) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

const plain = (written: string): string | undefined => {
  try {
    return decodeURIComponent(written);
  } catch {
    return undefined;
  }
};

/** The number of a database behind the host; none is the first. */
const readDatabase = (written: string): number | undefined =>
  /^\d{0,4}$/.test(written) ? Number(written) : undefined;

/** User and password as they stand before the `@`; a lone word is a user, and `:word` a password. */
function readUser(written: string): { username?: string; password?: string } | undefined {
  const [, user, password] = /^([^:]*)(?::(.*))?$/s.exec(written)!.map((part) => plain(part ?? ''));
  if (user === undefined || password === undefined) return undefined;
  return { ...(user === '' ? {} : { username: user }), ...(password === '' ? {} : { password }) };
}

export const redisUrl = judged<RedisAddress>((value, wrong) => {
  const [, scheme, form = 'single', user = '', list, path = '', query = ''] = SHAPE.exec(value) ?? [];
  if (scheme === undefined || list === undefined) return wrong(RIGHT);
  const hosts = list.split(',').flatMap((one) => readHost(one, form === 'sentinel' ? 26_379 : 6379) ?? []);
  const who = readUser(user);
  if (hosts.length < list.split(',').length || who === undefined) return wrong(RIGHT);
  const given = { hosts, isTls: scheme === 'rediss', ...who };
  const secret = /^sentinel_password=(.+)$/.exec(query)?.[1];
  const sentinelPassword = secret === undefined ? undefined : plain(secret);
  if (query !== '' && (form !== 'sentinel' || sentinelPassword === undefined))
    return wrong('may have nothing behind a ? but sentinel_password=…, and that only with redis+sentinel://');
  if (form === 'cluster')
    return path === ''
      ? { ...given, kind: 'cluster' }
      : wrong('may name no database of a Cluster: it has one');
  const [name = '', number = '', ...rest] = form === 'sentinel' ? path.split('/') : ['', path];
  const database = readDatabase(number);
  if (database === undefined || rest.length > 0)
    return wrong(
      'must have nothing behind the host but the number of a database, such as redis://host:6379/0',
    );
  if (form === 'single')
    return hosts.length === 1
      ? { ...given, kind: 'single', database }
      : wrong('names several hosts: write redis+sentinel:// or redis+cluster:// in front of them');
  const masterName = plain(name);
  if (masterName === undefined || !/^[\w.-]{1,100}$/.test(masterName))
    return wrong(
      'must end with the name of the master, such as redis+sentinel://host1:26379,host2:26379/mymaster',
    );
  return {
    ...given,
    kind: 'sentinel',
    database,
    masterName,
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  };
});
