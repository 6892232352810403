// What is worth remembering: who did what, from where, to which account. Rows are only ever added.
// It holds no secret and no code; showing it in plain words belongs to the pages.
import type { AccountId, Clock, Origin } from './vocabulary.js';

/** Everything that is remembered. The pages have words for each, in every language. */
export const auditEvents = [
  'account-created',
  'account-operator-created',
  'email-verified',
  'email-taken-over',
  'email-change-asked',
  'email-changed',
  'sign-up-with-taken-email',
  'sign-in',
  'sign-in-failed',
  'sign-in-refused',
  'sign-in-not-checked',
  'sign-in-half-done',
  'sign-out',
  'host-entered',
  'session-ended',
  'proof-given',
  'proof-failed',
  'password-locked',
  'password-reset-asked',
  'password-reset',
  'account-closed',
  'account-kept',
  'account-ended',
  'second-factor-failed',
  'second-factor-locked',
  'two-factor-enabled',
  'two-factor-turned-off',
  'two-factor-replaced',
  'two-factor-removed',
  'authenticator-added',
  'authenticator-removed',
  'passkey-added',
  'passkey-renamed',
  'passkey-removed',
  'passkey-stopped',
  'recovery-codes-renewed',
  'recovery-code-used',
  'password-changed',
  'password-set',
  'identity-connected',
  'identity-disconnected',
  'upstream-failed',
  'account-unlocked',
  'fallback-sign-in',
  'fallback-refused',
  'account-switched',
  'app-password-made',
  'app-password-bound',
  'app-password-used',
  'app-password-refused',
  'app-password-revoked',
  'device-key-added',
  'link-reserved',
  'link-released',
  'link-approved',
  'link-denied',
  'link-withdrawn',
  'link-redeemed',
  'authorization-approved',
  'authorization-denied',
  'authorization-redeemed',
  'authorization-code-reused',
  'user-code-unknown',
  'user-code-alarm',
  'tool-renamed',
  'tool-unlinked',
  'token-revoked',
  'refresh-token-reused',
  'household-member-added',
  'household-member-changed',
  'household-member-removed',
  'household-member-left',
  'household-guest-on',
  'household-guest-off',
  'household-invited',
  'household-invitation-withdrawn',
  'household-invitation-declined',
  'household-joined',
  'profile-pin-set',
  'profile-pin-removed',
  'profile-pin-reset',
  'profile-pin-wrong',
  'profile-pin-locked',
  'profile-pin-unlocked',
  'profile-switched',
  'client-registered',
  'client-created',
  'client-removed',
  'service-created',
  'service-removed',
  'signing-key-made',
  'signing-key-activated',
  'signing-key-removed',
] as const;

export type AuditEvent = (typeof auditEvents)[number];

export interface AuditEntry {
  readonly event: AuditEvent;
  /** The account that it happened to; none for what concerns the house. */
  readonly accountId?: AccountId;
  /** Who did it: an account or client id, `operator`, `job`, or `anyone`. */
  readonly actor: string;
  readonly origin?: Origin;
  /** Names and numbers to show beside the event; never a secret. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

export interface AuditRow extends Required<Omit<AuditEntry, 'accountId' | 'origin'>> {
  readonly at: Date;
  readonly accountId: AccountId | undefined;
  readonly networkAddress: string;
  readonly userAgent: string;
  readonly requestId: string;
}

export interface AuditStore {
  insert(row: AuditRow): Promise<void>;
  /** The newest first. */
  findByAccount(accountId: AccountId, limit: number): Promise<AuditRow[]>;
  /** The newest first, of those whose id is less than `before`: ids sort by time. */
  findPage(
    accountId: AccountId,
    before: string | undefined,
    limit: number,
  ): Promise<(AuditRow & { readonly auditId: string })[]>;
  /** A few of them at a time; none, where none are left. */
  removeBefore(time: Date): Promise<number>;
  /** Takes addresses, browsers and names out of what is remembered of an account that is no more. What happened stays. */
  forgetPerson(accountId: AccountId): Promise<void>;
}

export type Audit = ReturnType<typeof createAudit>;

/** Makes `record`, which adds an entry through the stores of the caller's own transaction, so that both happen or neither. */
export function createAudit({ now }: { now: Clock }) {
  return {
    record(
      stores: { audit: AuditStore },
      { event, accountId, actor, origin, details = {} }: AuditEntry,
    ): Promise<void> {
      return stores.audit.insert({
        event,
        accountId,
        actor,
        details,
        at: now(),
        networkAddress: origin?.networkAddress ?? '',
        userAgent: (origin?.userAgent ?? '').slice(0, 300),
        requestId: origin?.requestId ?? '',
      });
    },
  };
}
