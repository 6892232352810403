// What stands in the database before a round, made by the rooms of the house in this process, which no fault reaches: a tool, and
// people who are signed in. New people for each round, so that no budget of one tells in another.
import { wire } from '../../src/wiring.js';
import { loadConfig } from '../../src/config.js';
import { withSecret } from '../../src/config-secret.js';
import type { LinkedTool } from '../../src/domain/tokens.js';
import type { AccountId, AuthenticationMethod, SubjectId } from '../../src/domain/vocabulary.js';
import { createKeyRack } from '../support/costly.js';
import { originFrom } from '../support/link-rooms.js';
import { ISSUER, SECRET } from './fleet.js';

const REDIRECT_URI = 'https://dashboard.example.org/back';
const SAYS_NOTHING = {
  ...{ version: '', platform: '', platformVersion: '', device: '', deviceName: '' },
  ...{ deviceVendor: '', model: '' },
};
const CHEAP = { memoryKib: 1024, passes: 1 };

export interface SignedIn {
  readonly accountId: string;
  readonly sessionCookie: string;
}

/** Somebody, and a tool of theirs that came in with password and code: its token may link others. */
export interface WithTool extends SignedIn {
  readonly token: string;
  /** Of another such tool, which was signed out. */
  readonly endedToken: string;
}

export type Registrar = Awaited<ReturnType<typeof openRegistrar>>;

/** Opened before the replicas, it makes the tables and the signing keys, so that none of them waits for a key. */
export async function openRegistrar(databaseUrl: string, dataDir: string) {
  const env = {
    ...{ DATABASE_URL: databaseUrl, DATA_DIR: dataDir, PUBLIC_URL: ISSUER, LINCHPIN_SECRET: SECRET },
    ...{ DATABASE_CONNECTIONS: '4', LOG_LEVEL: 'silent' },
  };
  const house = await wire(withSecret(loadConfig(env, { files: () => undefined })), {
    passwordCost: CHEAP,
    // Nobody guesses these passwords, and how hard that is to do takes long to say.
    estimateStrength: async () => 4,
    newSigningKey: createKeyRack(),
  });
  const { client } = await house.clients.createByOperator({ name: 'A television', isConfidential: false });
  const { client: dashboard } = await house.clients.createByOperator({
    ...{ name: 'A dashboard', isConfidential: false, redirectUris: [REDIRECT_URI] },
  });
  const { client: stranger } = await house.clients.createByOperator({
    ...{ name: 'Another dashboard', isConfidential: false, redirectUris: [REDIRECT_URI] },
  });
  const origin = originFrom('203.0.113.9');
  let made = 0;

  async function makePerson(methods: readonly AuthenticationMethod[]): Promise<SignedIn & { name: string }> {
    const name = `person${(made += 1)}`;
    const about = {
      email: `${name}@example.com`,
      username: name,
      role: 'person',
      isEmailVerified: true,
    } as const;
    const { accountId } = await house.accounts.createAccount({
      ...about,
      password: 'quartz lantern bicycle 42',
    });
    const subjectId = accountId as string as SubjectId;
    const person = { accountId, subjectId, methods, origin };
    const { token } = await house.inTransaction((stores) => house.sessions.startSession(stores, person));
    return { name, accountId, sessionCookie: `__Host-linchpin=${token}` };
  }

  /** As if it had come in at the door for passwords a moment ago. */
  async function makeTool(
    accountId: AccountId,
    identifier: string,
  ): Promise<{ tool: LinkedTool; token: string }> {
    const account = { accountId, subjectId: accountId as string as SubjectId };
    const tool = await house.inTransaction((stores) =>
      house.tokensLasting.openForFallback(stores, {
        ...{ account, identifier, origin, isWithCode: true },
        tool: { ...SAYS_NOTHING, product: 'A remote control' },
      }),
    );
    return { tool, token: await house.tokensLasting.signLasting(tool) };
  }

  async function makeWithTool(): Promise<WithTool> {
    const { accountId: id, sessionCookie } = await makePerson(['pwd']);
    const accountId = id as AccountId;
    await house.inTransaction(({ switches }) => switches.turnSwitch(accountId, 'link-by-token', true));
    const { token } = await makeTool(accountId, 'remote');
    const ended = await makeTool(accountId, 'old remote');
    await house.tokensLasting.endLastingToken(ended, origin);
    return { accountId, sessionCookie, token, endedToken: ended.token };
  }

  return {
    clientId: client.clientId as string,
    /** A tool that sends its people along, where they come back to, and another such tool. */
    redirecting: {
      clientId: dashboard.clientId as string,
      redirectUri: REDIRECT_URI,
      strangerId: stranger.clientId as string,
    },
    /** Somebody with a password alone, who has just proved it. */
    makeOwner: (): Promise<SignedIn> => makePerson(['pwd']),
    makeWithTool,
    /** Somebody with an authenticator. */
    async makeCareful(): Promise<SignedIn> {
      const { accountId, name, sessionCookie } = await makePerson(['pwd', 'otp']);
      await house.proofs.addAuthenticator(
        accountId as Parameters<typeof house.proofs.addAuthenticator>[0],
        name,
        origin,
      );
      return { accountId, sessionCookie };
    },
    close: house.close,
  };
}
