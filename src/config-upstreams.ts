// The settings of federated sign-in: `UPSTREAMS` names the providers, and each has settings under its own name. Four names
// stand for providers that are known here; any other is an OpenID provider, found by its issuer.
// DESIGN 4 (agreed names). What a provider does is outside/upstream.ts's.
import { createPrivateKey } from 'node:crypto';
import type { z } from 'zod';
import { isLoopback, judged, oneOf, onOff, text } from './config-values.js';
import type { ConfigFault, SettingName } from './config-written.js';

interface UpstreamCommon {
  /** In addresses and in the names of its settings. */
  readonly name: string;
  /** What its button calls it. */
  readonly label: string;
  readonly clientId: string;
  /** Whether somebody who arrives for the first time may make an account. */
  readonly mayOpenAccounts: boolean;
  /** Whether our own second factor is asked for after it. */
  readonly asksSecondFactor: boolean;
}

/** One provider, as the settings name it. */
export type UpstreamSettings = UpstreamCommon &
  (
    | { readonly kind: 'openid'; readonly issuer: string; readonly clientSecret: string | undefined }
    | { readonly kind: 'google'; readonly clientSecret: string }
    | { readonly kind: 'facebook'; readonly clientSecret: string }
    | { readonly kind: 'github'; readonly clientSecret: string }
    | {
        readonly kind: 'apple';
        readonly teamId: string;
        readonly keyId: string;
        /** PKCS #8 in PEM, of the curve P-256. */
        readonly privateKey: string;
      }
  );

type Kind = UpstreamSettings['kind'];

interface UpstreamSetting {
  readonly schema: z.ZodType<unknown, string>;
  readonly description: string;
  /** As the tables show it. */
  readonly defaultShown: string;
  readonly secret?: true;
  /** The kinds that have it; all of them without this. */
  readonly of?: readonly Kind[];
  /** The kinds that must have it. */
  readonly dueTo?: readonly Kind[];
}

const LABELS: Readonly<Partial<Record<Kind, string>>> = {
  google: 'Google',
  apple: 'Apple',
  facebook: 'Facebook',
  github: 'GitHub',
};

const kindOf = (name: string): Kind => (Object.hasOwn(LABELS, name) ? (name as Kind) : 'openid');

const identifier = text(
  (value) => (/^[\x21-\x7e]{1,400}$/.test(value) ? value : undefined),
  'must be what the provider gave, without spaces',
);

const label = text(
  (value) => (/^[^\p{Cc}<>]{1,40}$/u.test(value.trim()) ? value.trim() : undefined),
  'must be a name of at most 40 characters for a button',
);

const issuer = judged((value, wrong) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  if (!url || !isSafe) return wrong('must be an https address, such as https://login.example.com');
  if (url.username || url.password || /[?#]/.test(value)) {
    return wrong('must be an address without a user name, a query or a fragment');
  }
  // Compared byte by byte with what the provider says of itself (OpenID Connect Discovery §4.3).
  return value;
});

const appleKey = text((value) => {
  try {
    const key = createPrivateKey(value);
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? value : undefined;
  } catch {
    return undefined;
  }
}, 'must be the private key that Apple gave, as it stands in its .p8 file');

/** What stands behind `UPSTREAM_<NAME>_`. */
export const upstreamSettings = {
  CLIENT_ID: {
    schema: identifier,
    defaultShown: 'must be set',
    description: 'What the provider calls this service; with Apple, the Services ID.',
    dueTo: ['openid', 'google', 'apple', 'facebook', 'github'],
  },
  CLIENT_SECRET: {
    schema: identifier,
    defaultShown: 'must be set, but for an OpenID provider that wants none',
    description: 'The secret that the provider gave; Apple has a key in its place.',
    secret: true,
    of: ['openid', 'google', 'facebook', 'github'],
    dueTo: ['google', 'facebook', 'github'],
  },
  ISSUER: {
    schema: issuer,
    defaultShown: 'must be set, but for the four known names',
    description:
      'The address of an OpenID provider, exactly as it writes it; `/.well-known/openid-configuration` is read behind it.',
    of: ['openid'],
    dueTo: ['openid'],
  },
  TEAM_ID: {
    schema: identifier,
    defaultShown: 'must be set for Apple',
    description: 'The team to which the Services ID belongs; only for `apple`.',
    of: ['apple'],
    dueTo: ['apple'],
  },
  KEY_ID: {
    schema: identifier,
    defaultShown: 'must be set for Apple',
    description: 'The name of the key with which this service signs its secret for Apple; only for `apple`.',
    of: ['apple'],
    dueTo: ['apple'],
  },
  PRIVATE_KEY: {
    schema: appleKey,
    defaultShown: 'must be set for Apple',
    description: 'That key itself, best as a file: the `.p8` that Apple gave; only for `apple`.',
    secret: true,
    of: ['apple'],
    dueTo: ['apple'],
  },
  LABEL: {
    schema: label,
    defaultShown: 'the name, capitalised',
    description: 'What its button and the pages call it.',
  },
  SIGN_UP: {
    schema: oneOf(['open', 'closed']),
    defaultShown: '`SIGN_UP`',
    description:
      '`open`: whoever arrives from there for the first time may make an account; `closed`: nobody.',
  },
  SECOND_FACTOR: {
    schema: onOff,
    defaultShown: '`off`',
    description: '`on`: an account with a second factor is asked for it after signing in there, too.',
  },
} as const satisfies Record<string, UpstreamSetting>;

type Suffix = keyof typeof upstreamSettings;

const entries = Object.entries<UpstreamSetting>(upstreamSettings) as [Suffix, UpstreamSetting][];

const settingName = (name: string, suffix: string): string => `UPSTREAM_${name.toUpperCase()}_${suffix}`;

/** The providers' names: each once, in lower case, at most ten. */
export const upstreamNames = text((value) => {
  const names = value.split(',').map((name) => name.trim());
  const isWhole = names.every((name) => /^[a-z][a-z0-9]{0,23}$/.test(name));
  const isShort = new Set(names).size === names.length && names.length <= 10;
  return value.trim() === '' ? [] : isWhole && isShort ? Object.freeze(names) : undefined;
}, 'must be up to ten names of lower-case letters and digits, each once, separated by commas, such as google,work');

/** The names in a value of UPSTREAMS; none where it cannot be read. */
export function namesIn(value: string | undefined): readonly string[] {
  const result = upstreamNames.safeParse(value ?? '');
  return result.success ? result.data : [];
}

/** Every setting that these providers have. */
export function settingsOf(names: readonly string[]): SettingName[] {
  return names.flatMap((name) =>
    entries
      .filter(([, { of }]) => !of || of.includes(kindOf(name)))
      .map(([suffix, { secret }]) => ({
        name: settingName(name, suffix),
        maySitInFile: secret === true,
      })),
  );
}

/** What is wrong with a name that begins like a setting of a provider; undefined for any other. */
export function strangerProblem(stranger: string, names: readonly string[]): string | undefined {
  const [, written = '', rest = ''] = /^UPSTREAM_([A-Z0-9]+)_(\w+)$/.exec(stranger) ?? [];
  if (written === '') return undefined;
  const name = written.toLowerCase();
  if (!names.includes(name)) return `is not a setting while UPSTREAMS does not name ${name}`;
  return Object.hasOwn(upstreamSettings, rest.replace(/_FILE$/, ''))
    ? `is not a setting of ${name}; README.md says which has what`
    : undefined;
}

/** Reads what is written for each provider. `signUp`: where one does not say otherwise. */
export function readUpstreams(
  names: readonly string[],
  written: ReadonlyMap<string, string>,
  signUp: unknown,
): { upstreams: readonly UpstreamSettings[]; faults: ConfigFault[] } {
  const faults: ConfigFault[] = [];
  const upstreams = names.map((name): unknown => {
    const kind = kindOf(name);
    const read = (suffix: Suffix): unknown => {
      const { schema, dueTo }: UpstreamSetting = upstreamSettings[suffix];
      const given = written.get(settingName(name, suffix));
      if (given === undefined) {
        const problem = `must be set, since UPSTREAMS names ${name}`;
        if (dueTo?.includes(kind)) faults.push({ name: settingName(name, suffix), problem });
        return undefined;
      }
      const result = schema.safeParse(given);
      if (result.success) return result.data;
      faults.push({ name: settingName(name, suffix), problem: result.error.issues[0]!.message });
      return undefined;
    };
    return Object.freeze({
      name,
      kind,
      label: read('LABEL') ?? LABELS[kind] ?? name.charAt(0).toUpperCase() + name.slice(1),
      clientId: read('CLIENT_ID'),
      mayOpenAccounts: (read('SIGN_UP') ?? signUp) === 'open',
      asksSecondFactor: read('SECOND_FACTOR') ?? false,
      ...(kind === 'apple'
        ? { teamId: read('TEAM_ID'), keyId: read('KEY_ID'), privateKey: read('PRIVATE_KEY') }
        : { clientSecret: read('CLIENT_SECRET') }),
      ...(kind === 'openid' ? { issuer: read('ISSUER') } : {}),
    });
  });
  // What is due and missing is a fault, and with a fault nothing of this is used.
  return { upstreams: Object.freeze(upstreams) as readonly UpstreamSettings[], faults };
}
