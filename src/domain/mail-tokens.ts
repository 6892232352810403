// One-time tokens that go out by mail: 32 bytes, kept as a MAC, one alive for each account and purpose, looked at as often as
// one likes and used once. What a token is good for is decided where it is used. Specification: OWASP ASVS 5.0 §6.4.
import type { Keyring } from '../crypto/secrets.js';
import type { EmailStore, MailToken } from './email-verification.js';
import type { AccountId, Clock } from './vocabulary.js';

export interface MailTokensDependencies {
  readonly store: Pick<EmailStore, 'findMailToken'>;
  readonly keyring: Pick<Keyring, 'mac' | 'macs' | 'seal' | 'open'>;
  readonly now: Clock;
  /** A new 256-bit secret. */
  readonly newSecret: () => string;
}

export interface NewMailToken {
  readonly accountId: AccountId;
  readonly purpose: MailToken['purpose'];
  /** The folded address that the mail goes to. */
  readonly email: string;
  readonly seconds: number;
  readonly shownEmail?: string | undefined;
  /** A code that waits meanwhile: it is kept here, and no mail carries it. */
  readonly userCode?: string | undefined;
}

/** What newSecret makes is 43 characters; nothing longer is worth a mac. */
const LONGEST_TOKEN = 100;

export type MailTokens = ReturnType<typeof createMailTokens>;

export function createMailTokens({ store, keyring, now, newSecret }: MailTokensDependencies) {
  return {
    /** Keeps a new token in the caller's transaction, in the place of the one before it, and resolves to it. */
    async mint(stores: { accounts: EmailStore }, asked: NewMailToken): Promise<string> {
      const { accountId, purpose, email, seconds, shownEmail, userCode } = asked;
      const token = newSecret();
      const createdAt = now();
      await stores.accounts.replaceMailToken({
        tokenMac: keyring.mac('mail-token', purpose, token),
        accountId,
        purpose,
        email,
        // Sealed whether or not there is one, so that it is as much work.
        sealedUserCode: keyring.seal('pending-code', userCode ?? '', accountId),
        shownEmail,
        createdAt,
        expiresAt: new Date(createdAt.getTime() + seconds * 1000),
      });
      return token;
    },

    /** A token that is alive, without using it up; undefined for one that is unknown, used, superseded or expired. */
    async find(purpose: MailToken['purpose'], token: string): Promise<MailToken | undefined> {
      if (token.length > LONGEST_TOKEN) return undefined;
      for (const tokenMac of keyring.macs('mail-token', purpose, token)) {
        const found = await store.findMailToken(purpose, tokenMac, now());
        if (found) return found;
      }
      return undefined;
    },

    /** The code that waited when the token was made. */
    userCodeOf({ sealedUserCode, accountId }: MailToken): string | undefined {
      if (sealedUserCode === undefined) return undefined;
      return keyring.open('pending-code', sealedUserCode, accountId) || undefined;
    },
  };
}
