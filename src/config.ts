// The settings of the service as it uses them: `loadConfig` reads them all and reports all faults at once. The table of them
// is in config-settings.ts, and where they are written down in config-written.ts.
// DESIGN 4, CHECKLIST 8628-3.1c (no plain http beyond loopback).
import { join } from 'node:path';
import type { z } from 'zod';
import { settings, type Setting } from './config-settings.js';
import {
  namesIn,
  readUpstreams,
  settingsOf,
  strangerProblem,
  type UpstreamSettings,
} from './config-upstreams.js';
import { isLoopback } from './config-values.js';
import {
  readTextFile,
  readWritten,
  type ConfigFault,
  type Environment,
  type Files,
} from './config-written.js';

export { settings } from './config-settings.js';
export { upstreamSettings, type UpstreamSettings } from './config-upstreams.js';

type Table = typeof settings;
type Name = keyof Table;
type ValueOf<Entry extends Setting> =
  z.output<Entry['schema']> | (Entry extends { readonly default: string } ? never : undefined);
type Values = { readonly [N in Name as Table[N]['key']]: ValueOf<Table[N]> };

/** The settings as read. The secret may be missing still: `config-secret.ts` makes and keeps one. */
export type LoadedConfig = Omit<
  Values,
  'publicUrl' | 'database' | 'emailVerification' | 'pinIssuer' | 'pinAudience' | 'upstreams'
> & {
  readonly publicUrl: string;
  readonly pinIssuer: string;
  readonly pinAudience: string;
  /** Of SQLite; unused where there is an address. */
  readonly databaseFile: string;
  /** Of PostgreSQL. */
  readonly databaseUrl: string | undefined;
  readonly emailVerification: 'required' | 'optional';
  /** The providers that people may sign in through. */
  readonly upstreams: readonly UpstreamSettings[];
};

export type Config = Omit<LoadedConfig, 'secret'> & { readonly secret: string };

/** The settings cannot be used. Its message lists every fault, one a line. */
export class ConfigError extends Error {
  readonly faults: readonly ConfigFault[];
  constructor(faults: readonly ConfigFault[]) {
    const lines = faults.map(({ name, problem }) => `  ${name} ${problem}`);
    super(`These settings cannot be used:\n${lines.join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

const entries = Object.entries<Setting>(settings);
const names = entries.map(([name, entry]) => ({ name, maySitInFile: entry.secret === true }));

/**
 * Reads every setting from the environment and from `.env` in the working folder; the environment wins. An empty value
 * is as good as none. Throws ConfigError with all faults at once: values out of their range, settings that contradict
 * each other, unknown `LINCHPIN_` and `UPSTREAM_` names, and any line of `.env` that is not in the table.
 */
export function loadConfig(env: Environment, { files = readTextFile }: { files?: Files } = {}): LoadedConfig {
  const chosen = readWritten(
    [{ name: 'UPSTREAMS', maySitInFile: false }],
    { UPSTREAMS: env.UPSTREAMS },
    files,
  );
  const upstreamNames = namesIn(chosen.written.get('UPSTREAMS'));
  const known = [...names, ...settingsOf(upstreamNames)];
  const { written, faults } = readWritten(known, env, files, (name) => strangerProblem(name, upstreamNames));
  const values: Partial<Record<string, unknown>> = {};
  for (const [name, { key, schema, default: fallback }] of entries) {
    const given = written.get(name) ?? fallback;
    if (given === undefined) continue;
    const result = schema.safeParse(given);
    if (result.success) values[key] = result.data;
    else faults.push({ name, problem: result.error.issues[0]!.message });
  }
  const { upstreams, faults: theirs } = readUpstreams(upstreamNames, written, values['signUp']);
  faults.push(...contradictions(values, written), ...theirs);
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze({ ...complete(values as Values), upstreams });
}

/** Fills in what follows from other settings. */
function complete(values: Values): Omit<LoadedConfig, 'upstreams'> {
  const publicUrl = values.publicUrl ?? `http://localhost:${values.port}`;
  const { database, ...others } = values;
  return {
    ...others,
    publicUrl,
    pinIssuer: values.pinIssuer ?? publicUrl,
    pinAudience: values.pinAudience ?? publicUrl,
    databaseFile: database && 'file' in database ? database.file : join(values.dataDir, 'linchpin.sqlite'),
    databaseUrl: database && 'url' in database ? database.url : undefined,
    emailVerification: values.emailVerification ?? (values.smtpUrl === undefined ? 'optional' : 'required'),
  };
}

/** Settings that are right each, and wrong together. A setting that is wrong by itself is absent here. */
function contradictions(values: Partial<Values>, written: ReadonlyMap<string, string>): ConfigFault[] {
  const { publicUrl: address, allowHttp, smtpUrl: mailServer } = values;
  const faults: ConfigFault[] = [];
  // Passwords, codes and tokens would cross the network in the clear (RFC 8628 §3.1; CHECKLIST 8628-3.1c).
  if (address?.startsWith('http:') && !isLoopback(new URL(address).hostname) && allowHttp === false) {
    faults.push({
      name: 'PUBLIC_URL',
      problem: 'must be https beyond this machine (for a trial in a network you trust, set ALLOW_HTTP=on)',
    });
  }
  if (mailServer !== undefined && !written.has('MAIL_FROM')) {
    faults.push({
      name: 'MAIL_FROM',
      problem: 'must be set where SMTP_URL is: the address that mail comes from',
    });
  }
  // Nothing that a stranger writes about an address may count, so without a proxy nobody could ever be let in.
  if (values.verifyHosts?.length && values.trustedProxies?.length === 0) {
    faults.push({
      name: 'VERIFY_HOSTS',
      problem: 'needs TRUSTED_PROXIES: the addresses of the proxies that ask for those hosts',
    });
  }
  if (values.database && 'url' in values.database && !written.has('LINCHPIN_SECRET')) {
    faults.push({
      name: 'LINCHPIN_SECRET',
      problem:
        'must be set where DATABASE_URL names PostgreSQL: every process on one database needs the same',
    });
  }
  return faults;
}
