// The kinds of values that settings have: how each is read from text, and the sentence that says what would be right.
// Which settings there are is in config.ts. A sentence never repeats what was written: it may hold a password.
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** A schema with one sentence for every way to be wrong: what would be right. */
export const text = <Output>(read: (value: string) => Output | undefined, right: string) =>
  z.string().transform((value, context): Output => {
    const output = read(value);
    if (output !== undefined) return output;
    context.addIssue({ code: 'custom', message: right });
    return z.NEVER;
  });

export const whole = (least: number, most: number) =>
  text((value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
    return number >= least && number <= most ? number : undefined;
  }, `must be a whole number from ${least} to ${most}`);

export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  text(
    (value) => words.find((word): word is Words[number] => word === value),
    `must be ${words.join(' or ')}`,
  );

export const onOff = text(
  (value) => (/^(on|true|yes|1)$/.test(value) ? true : /^(off|false|no|0)$/.test(value) ? false : undefined),
  'must be on or off',
);

export const secret = text(
  (value) => (value.length >= 32 && new Set(value).size >= 8 ? value : undefined),
  'must have at least 32 random characters: `openssl rand -base64 33` makes some',
);

/** A schema whose sentence depends on what was written; `wrong` takes it. */
export const judged = <Value>(read: (value: string, wrong: (right: string) => never) => Value) =>
  z.string().transform((value, context): Value => {
    const wrong = (message: string): never => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    return read(value, wrong);
  });

export const publicUrl = judged((value, wrong) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    return wrong('must be an http or https address, such as https://login.example.com');
  }
  if (url.username || url.password) return wrong('must not hold a user name or password');
  if (url.pathname !== '/' || /[?#]/.test(value)) {
    return wrong(`must have no path, query or fragment: write ${url.origin}`);
  }
  // Clients compare the issuer byte by byte (RFC 8414 §3.3), so nothing but a trailing slash is changed silently.
  const isPlain = value === url.origin || value === `${url.origin}/`;
  return isPlain ? url.origin : wrong(`must be in its plain spelling: write ${url.origin}`);
});

function isBlock(value: string): boolean {
  const [address = '', length, ...rest] = value.split('/');
  const bits = { 0: 0, 4: 32, 6: 128 }[isIP(address) as 0 | 4 | 6];
  if (bits === 0 || address.includes('%') || rest.length > 0) return false;
  // Nobody means to trust every address there is.
  return length === undefined || (/^[1-9]\d{0,2}$/.test(length) && Number(length) <= bits);
}

export const blocks = text((value) => {
  const list = value.split(/[\s,]+/).filter(Boolean);
  return list.every(isBlock) ? Object.freeze(list) : undefined;
}, 'must be addresses or CIDR blocks separated by commas, such as 10.0.0.0/8,fd00::/8');

export const signingAlgs = text((value) => {
  const known = ['EdDSA', 'ES256', 'RS256'] as const;
  const written = value.split(',').map((name) => name.trim());
  const list = written.flatMap((name) => known.filter((alg) => alg === name));
  const isWhole = list.length === written.length && new Set(list).size === list.length;
  return isWhole && list.includes('EdDSA') && list.includes('RS256') ? Object.freeze(list) : undefined;
}, 'must list EdDSA and RS256, and may list ES256, each once, separated by commas');

/** Where the database is: the file of SQLite, or the address of PostgreSQL. */
export const databaseUrl = judged<{ readonly file: string } | { readonly url: string }>((value, wrong) => {
  if (/^postgres(ql)?:/i.test(value)) {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url && url.hostname !== '' && url.pathname.length > 1) return { url: value };
    return wrong('must name a server and a database, such as postgres://user:password@host:5432/linchpin');
  }
  const path = /^file:(?!\/\/)([^?#]+)$/.exec(value)?.[1];
  if (path !== undefined && path !== ':memory:') return { file: path };
  if (/^file:\/\/\/[^?#]+$/.test(value) && URL.canParse(value)) return { file: fileURLToPath(value) };
  return wrong(
    'must be file: and the path of the database, such as file:./data/linchpin.sqlite, or postgres: and where it is',
  );
});

/** A name that stands in a token: an address, or a bare word. */
export const claim = text(
  (value) => (/^[\x21-\x7e]{1,200}$/.test(value) ? value : undefined),
  'must be an address or a name without spaces, such as https://login.example.com',
);

export const mailbox = text((value) => {
  const isAddress = /^[^\s<>@",;]+@[^\s<>@",;]+$/.test(value);
  return isAddress || /^[^<>"\p{Cc}]{1,100} <[^\s<>@",;]+@[^\s<>@",;]+>$/u.test(value) ? value : undefined;
}, 'must be an address, such as login@example.com or Login <login@example.com>');

export const smtpUrl = text((value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  return url && /^smtps?:$/.test(url.protocol) && url.hostname !== '' ? value : undefined;
}, 'must be smtp:// or smtps://, with the user, password, host and port of the mail server');

/** How many processes; `auto` for as many as there are processors. */
export const workers = judged((value, wrong) => {
  if (value === 'auto') return availableParallelism();
  return /^[1-9]\d?$/.test(value) ? Number(value) : wrong('must be auto, or a whole number from 1 to 99');
});

/** Whether a host is this machine's own. */
export const isLoopback = (host: string): boolean =>
  /^(([\w-]+\.)*localhost|127(\.\d+){3}|\[::1\])$/.test(host);

/** A host as browsers write it, with a port where it is not the usual one. */
const isHost = (value: string): boolean => {
  const url = URL.canParse(`https://${value}/`) ? new URL(`https://${value}/`) : undefined;
  return url?.host === value && !value.endsWith('.') && !value.includes('*');
};

export const hosts = text((value) => {
  const list = value.split(/[\s,]+/).filter(Boolean);
  return list.every(isHost) && new Set(list).size === list.length ? Object.freeze(list) : undefined;
}, 'must be host names in lower case, each once, separated by commas, with their port where it is not 443, such as app.example.com,files.example.com:8443');
