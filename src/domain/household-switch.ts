// Switching: a browser or a tool goes on as somebody else of the same household, with their profile PIN where they have one and
// without any second factor. So it goes on with less: a browser without a session, a tool whose token says that nobody was
// authenticated. Who has an account can be switched to only by a PIN. DESIGN 8; CHECKLIST 3.7; PIN-API 6.
import type { Audit } from './audit.js';
import type { HouseholdStores } from './household-opening.js';
import { createPinTries, type PinTriesDependencies, type PinTry } from './household-pin-tries.js';
import type { HouseholdStore, Member } from './household-records.js';
import type { Session, SessionStore } from './sessions.js';
import {
  isSwitchedSession,
  type IssuedSwitchedSession,
  type SwitchedSession,
  type SwitchedSessions,
} from './sessions-switched.js';
import type { Throttle } from './throttle.js';
import { isSwitched } from './tokens-claims.js';
import type { LastingStanding, TokensLasting } from './tokens-lasting.js';
import type { LinkedTool, TokenStore } from './tokens.js';
import {
  DomainError,
  type AccountId,
  type Clock,
  type LinkId,
  type Origin,
  type SubjectId,
} from './vocabulary.js';

export interface SwitchStores extends HouseholdStores {
  readonly sessions: SessionStore;
  readonly tokens: TokenStore;
}

export interface ProfileSwitchDependencies<Stores extends SwitchStores> extends PinTriesDependencies<Stores> {
  readonly store: HouseholdStore;
  readonly switchedSessions: Pick<SwitchedSessions, 'startSwitched'>;
  readonly tokensLasting: Pick<
    TokensLasting,
    'openLasting' | 'signLasting' | 'signingKid' | 'lastingSeconds'
  >;
  readonly throttle: Pick<Throttle, 'spend'>;
  readonly audit: Audit;
  readonly now: Clock;
  readonly newId: () => string;
  /** Whether the account that answers is open, proved where that is due, and not locked; asked inside the transaction. */
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
}

export interface SwitchTo {
  readonly subjectId: SubjectId;
  readonly pin?: string | undefined;
}

/** A switched token opens no more than a name, whoever it is for: nobody's e-mail address. */
export const SWITCHED_SCOPE = 'profile';

export type ProfileSwitch = ReturnType<typeof createProfileSwitch>;

export function createProfileSwitch<Stores extends SwitchStores>(
  dependencies: ProfileSwitchDependencies<Stores>,
) {
  const { store, inTransaction, switchedSessions, tokensLasting, throttle, audit, now, newId } = dependencies;
  const { mayReceiveToken } = dependencies;
  const { tryPin, settle } = createPinTries(dependencies);

  const hasAccount = ({ kind }: Member): boolean => kind === 'owner' || kind === 'full';

  /** Somebody of the same household as `from`. Nobody, and somebody of another one, are the same. */
  async function findTarget(
    households: Pick<HouseholdStore, 'findMember'>,
    from: SubjectId,
    to: SubjectId,
  ): Promise<Member> {
    const viewer = await households.findMember(from);
    const target = viewer && (await households.findMember(to));
    if (!viewer || target?.householdId !== viewer.householdId) throw new DomainError('not-found');
    return target;
  }

  /** The target, and the try at their PIN where one is asked for. */
  async function prove(from: SubjectId, { subjectId, pin }: SwitchTo, origin: Origin) {
    const target = await findTarget(store, from, subjectId);
    await throttle.spend('profile-switch-by-household', target.householdId);
    const isAsked = target.isPinRequired || hasAccount(target);
    return { target, tried: isAsked ? await tryPin(target, pin, origin) : undefined };
  }

  /** In the transaction that switches: both are still members, and the PIN is still the one that was right. */
  async function admit(
    stores: Stores,
    from: SubjectId,
    { target, tried }: { readonly target: Member; readonly tried: PinTry | undefined },
    actor: string,
    origin: Origin,
  ): Promise<Member> {
    const member = await findTarget(stores.households, from, target.subjectId);
    if (tried) await settle(stores, member.subjectId, tried);
    else if (member.isPinRequired) throw new DomainError('profile-pin-wrong');
    const { accountId, name, kind } = member;
    if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('not-found');
    const details = { member: name, kind };
    await audit.record(stores, { event: 'profile-switched', accountId, actor, origin, details });
    return member;
  }

  /** The tool that switches, or the one that it was switched from: whatever was switched ends with that. */
  const rootOf = (tool: LinkedTool) => (isSwitched(tool) ? tool.parentToolId : tool.linkedToolId);

  async function openSwitched(
    stores: Stores,
    { tool, expiresAt }: LastingStanding,
    member: Member,
    origin: Origin,
  ): Promise<LinkedTool> {
    const parentToolId = rootOf(tool);
    const root = parentToolId && (await stores.tokens.findLinkedTool(parentToolId));
    const present = await stores.tokens.findLinkedTool(tool.linkedToolId);
    if (!root || root.endedAt || !present || present.endedAt) throw new DomainError('token-invalid');
    const known = await stores.memberAccess.findSwitchedTool(parentToolId, member.subjectId);
    if (known && known.firstAccess.expiresAt > now() && known.accessKid !== undefined) return known;
    return tokensLasting.openLasting(stores, {
      // There was no link: this names none.
      linkId: newId() as LinkId,
      accountId: member.accountId,
      subjectId: member.subjectId,
      clientId: root.clientId,
      scope: SWITCHED_SCOPE,
      authenticatedAt: now(),
      methods: ['profile'],
      keyThumbprint: undefined,
      parentToolId,
      household: { householdId: member.householdId, memberKind: member.kind },
      description: root.description ?? tool.description!,
      nameless: root.name,
      seconds: tokensLasting.lastingSeconds,
      endsAt: expiresAt,
      kid: tokensLasting.signingKid(),
      origin,
    });
  }

  return {
    /**
     * Switches a browser, signed in or switched before: what it had is over, and it acts for that member only. Refuses
     * `not-found` (nobody of this household), `profile-pin-wrong` (wrong, missing, locked, or none set by who needs one),
     * `too-many`, `service-busy`, and `sign-in-over` when the browser was signed out meanwhile.
     */
    async switchSession(
      browser: Session | SwitchedSession,
      to: SwitchTo,
      origin: Origin,
    ): Promise<IssuedSwitchedSession> {
      const { subjectId: from } = browser;
      const proved = await prove(from, to, origin);
      const actor = isSwitchedSession(browser) ? browser.begunBy : browser.accountId;
      return inTransaction(async (stores) => {
        const member = await admit(stores, from, proved, actor, origin);
        return switchedSessions.startSwitched(stores, browser, member, origin);
      });
    },

    /**
     * Switches a tool: another token, for that member, which ends with the tool and no later than its token. The same one
     * again where it has been asked for before. Refuses as `switchSession` does, and `token-invalid`.
     */
    async switchToken(
      standing: LastingStanding,
      to: SwitchTo,
      origin: Origin,
    ): Promise<{ token: string; tool: LinkedTool; expiresAt: Date; member: Member }> {
      const { subjectId: from, clientId } = standing.tool;
      const proved = await prove(from, to, origin);
      const { tool, member } = await inTransaction(async (stores) => {
        const admitted = await admit(stores, from, proved, clientId, origin);
        return { member: admitted, tool: await openSwitched(stores, standing, admitted, origin) };
      });
      const token = await tokensLasting.signLasting(tool);
      return { token, tool, expiresAt: tool.firstAccess.expiresAt, member };
    },
  };
}
