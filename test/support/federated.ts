// A house with a provider beside it, and what a person does between the two: without a browser, as the addresses say.
import type { UpstreamSettings } from '../../src/config.js';
import { startTestHouse, type TestHouseOptions } from './app.js';
import { startUpstream, type TestUpstream, type UpstreamAccount, type UpstreamOptions } from './upstream.js';
import { createVisitor, type Visitor } from './visitor.js';

export const PASSWORD = 'quartz lantern bicycle 42';

const common = { mayOpenAccounts: true, asksSecondFactor: false };

/** The settings under which a house knows this provider. */
export function openIdSettings(provider: TestUpstream, name = 'staff'): UpstreamSettings {
  const { issuer, clientId, clientSecret } = provider;
  const label = name.charAt(0).toUpperCase() + name.slice(1);
  return { ...common, name, label, kind: 'openid', clientId, clientSecret, issuer };
}

export interface FederatedHouseOptions extends TestHouseOptions {
  readonly upstream?: UpstreamOptions;
  readonly settings?: Partial<Pick<UpstreamSettings, 'mayOpenAccounts' | 'asksSecondFactor'>>;
  /** Without it there is an operator, so that others may sign up. */
  readonly isEmpty?: boolean;
}

export type FederatedHouse = Awaited<ReturnType<typeof openFederatedHouse>>;

/** Two providers, `staff` and `other`, both OpenID. */
export async function openFederatedHouse({
  upstream,
  settings = {},
  isEmpty = false,
  config,
  ...options
}: FederatedHouseOptions = {}) {
  const provider = await startUpstream(upstream);
  const other = await startUpstream();
  const upstreams = [
    { ...openIdSettings(provider), ...settings },
    { ...openIdSettings(other, 'other'), ...settings },
  ];
  const test = await startTestHouse({
    config: { signingAlgs: ['EdDSA'], upstreams, ...config },
    upstreamBudgetSeconds: 1,
    ...options,
  });
  if (!isEmpty) await test.newAccount('operator');

  /** Presses the button; resolves to where the page sends the browser. */
  async function leave(
    visitor: Visitor,
    {
      from = '/sign-in',
      upstream: name = 'staff',
    }: { readonly from?: string; readonly upstream?: string } = {},
  ): Promise<string> {
    if (from !== '') await visitor.visit(from);
    await visitor.submit({ upstream: name }, '/federated');
    return sentTo(visitor);
  }

  /** Brings the answer of the provider to the house. */
  async function comeBack(visitor: Visitor, fields: Record<string, string>, name = 'staff'): Promise<void> {
    await visitor.visit(`/federated/${name}/callback?${new URLSearchParams(fields).toString()}`);
  }

  /** All of it: there, allowed, and back. */
  async function signIn(
    visitor: Visitor,
    {
      who,
      from = '/sign-in',
      by = provider,
      name = by === provider ? 'staff' : 'other',
    }: {
      readonly who?: UpstreamAccount;
      readonly from?: string;
      readonly by?: TestUpstream;
      readonly name?: string;
    } = {},
  ): Promise<void> {
    const address = await leave(visitor, { from, upstream: name });
    await comeBack(visitor, by.allow(address, who), name);
  }

  return {
    ...test,
    provider,
    other,
    leave,
    comeBack,
    signIn,
    newVisitor: () => createVisitor(test),

    /** Somebody new, who has chosen a user name. */
    async signUp(
      visitor: Visitor,
      username = 'anna',
      about: { readonly who?: UpstreamAccount } = {},
    ): Promise<void> {
      await signIn(visitor, about);
      await visitor.submit({ username }, '/federated/new');
    },

    /** In the order of their names: what happens in one moment has no other. */
    async eventsOf(login: string): Promise<string[]> {
      const account = await test.house.accounts.findByLogin(login);
      if (!account) return [];
      const rows = await test.house.stores.audit.findByAccount(account.accountId, 100);
      return rows.map(({ event }) => event).sort();
    },

    async identitiesOf(login: string): Promise<string[]> {
      const account = await test.house.accounts.findByLogin(login);
      if (!account) return [];
      const found = await test.house.stores.identities.findByAccount(account.accountId);
      return found.map(({ upstream, subject }) => `${upstream}:${subject}`).sort();
    },

    async close(): Promise<void> {
      await test.close();
      await provider.close();
      await other.close();
    },
  };
}

/** Where the page in front of a visitor sends them by itself. */
export function sentTo(visitor: Visitor): string {
  const [, address] = /^0; url=(.+)$/.exec(visitor.headers['refresh'] ?? '') ?? [];
  if (address === undefined) throw new Error(`${visitor.address} sends nobody on:\n${visitor.text}`);
  return address;
}
