// Authorization codes at Linchpin, as a person's approval leaves them, each of an account of its own: a tool takes its place on
// somebody's list, and nobody has thousands.
import { randomInt, randomUUID } from 'node:crypto';
import { randomSecret, sha256, timeOrderedId } from '../../src/crypto/secrets.js';
import type { Client } from '../../src/domain/clients.js';
import type { Approval, Holder } from '../../src/domain/links.js';
import type { AccountId, AuthorizationId, BrowserTicket, SubjectId } from '../../src/domain/vocabulary.js';
import type { House } from '../../src/wiring.js';
import { CODE_VERIFIER, REDIRECT_URI } from './contract.js';

const CODE_SECONDS = 60;

/** An account more, whose password and factors are those of another. */
export async function addAccount({ stores, inTransaction }: House, like: AccountId): Promise<AccountId> {
  const known = (await stores.accounts.find(like))!;
  for (;;) {
    const accountId = randomUUID() as AccountId;
    const added = { ...known, accountId, publicNumber: randomInt(1, 2 ** 31 - 1) };
    if (await inTransaction(({ accounts }) => accounts.insert(added))) return accountId;
  }
}

/** One code that nobody has exchanged. */
export async function makeCode(house: House, client: Client, like: AccountId): Promise<string> {
  const accountId = await addAccount(house, like);
  const now = new Date();
  const expiresAt = new Date(now.getTime() + CODE_SECONDS * 1000);
  const authorizationId = timeOrderedId(now) as AuthorizationId;
  const code = `${authorizationId}.${randomSecret()}`;
  const holder: Holder = { accountId, ticket: 'bench' as BrowserTicket };
  const subjectId = accountId as string as SubjectId;
  const approval: Approval = { accountId, subjectId, authenticatedAt: now, methods: ['pwd', 'otp'] };
  await house.inTransaction(async ({ authorizations }) => {
    await authorizations.insert(
      {
        authorizationId,
        clientId: client.clientId,
        redirectUri: REDIRECT_URI,
        answersBy: 'query',
        clientState: undefined,
        nonce: undefined,
        scope: 'profile',
        resources: undefined,
        codeChallenge: sha256(CODE_VERIFIER),
        keyThumbprint: undefined,
        wishes: { mayAsk: true, isSignInDue: false, isReviewDue: false, wantsSecondFactor: false },
        handleHash: sha256(code),
        networkAddress: '127.0.0.1',
        network: '127.0.0.1',
        userAgent: '',
        createdAt: now,
        expiresAt,
      },
      'asked',
    );
    const given = { approval: { ...approval, isRemembered: false }, codeHash: sha256(code), expiresAt };
    await authorizations.approve(authorizationId, holder, given, now);
  });
  return code;
}
