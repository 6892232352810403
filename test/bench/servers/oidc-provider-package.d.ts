// The little of oidc-provider's interface that the bench uses; the package brings no types of its own.
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  interface Stored {
    save(): Promise<string>;
  }
  interface DeviceCode extends Stored {
    clientId: string;
    params: Record<string, unknown>;
    accountId: string;
    authTime: number;
    grantId: string;
    scope: string;
    resource: string;
  }
  interface Grant extends Stored {
    addOIDCScope(scope: string): void;
    addResourceScope(resource: string, scope: string): void;
  }

  export default class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    callback(): RequestListener;
    Client: { find(id: string): Promise<object | undefined> };
    DeviceCode: {
      new (properties: Record<string, unknown>): DeviceCode;
      find(code: string): Promise<DeviceCode | undefined>;
    };
    AuthorizationCode: new (properties: Record<string, unknown>) => Stored;
    Grant: new (properties: { accountId: string; clientId: string }) => Grant;
  }
}
