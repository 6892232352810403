// What stands between a person and a tool that has sent them here: a sign-in that is as the tool asks for, a proved address, a
// second factor, a fresh proof; and whether they have approved it before. It decides nothing for them.
// OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.3; RFC 8252 §8.6.
import { findEarlier } from './authorizations-redemption.js';
import type { Authorization } from './authorizations.js';
import { isAssured } from './clients-redirects.js';
import type { Client } from './clients.js';
import type { ForWhom } from './links-for-whom.js';
import type { Decider } from './links-person.js';
import type { Session, Sessions } from './sessions.js';
import type { TokenStore } from './tokens.js';
import { contextClass, type AccountId, type Clock, type SubjectId } from './vocabulary.js';

export interface AuthorizationStepsDependencies {
  readonly tokenStore: Pick<TokenStore, 'findLinkedTools'>;
  readonly sessions: Pick<Sessions, 'hasFreshProof'>;
  readonly listForWhom: (accountId: AccountId, scope: string) => Promise<readonly ForWhom[]>;
  readonly now: Clock;
  readonly isSecondFactorRequired: boolean;
  readonly isVerificationRequired: boolean;
}

export type StepBefore = 'sign-in' | 'verify' | 'add-second-factor' | 'prove';

export function createAuthorizationSteps(dependencies: AuthorizationStepsDependencies) {
  const { tokenStore, sessions, listForWhom, now } = dependencies;

  /** Whether the sign-in is not the one that the tool asks for: it is too long ago, or somebody else's. */
  async function isSignInDue(
    { wishes, createdAt, scope }: Authorization,
    session: Session,
  ): Promise<boolean> {
    const { at } = session.authentication;
    const { maxAgeSeconds, subjectId } = wishes;
    const isTooOld = maxAgeSeconds !== undefined && now().getTime() - at.getTime() > maxAgeSeconds * 1000;
    if ((wishes.isSignInDue || isTooOld) && at < createdAt) return true;
    if (subjectId === undefined || (subjectId as string) === session.accountId) return false;
    const known = await listForWhom(session.accountId, scope);
    return !known.some((whom) => whom.subjectId === subjectId);
  }

  /**
   * Whether this person has approved this tool before, for whom it is to speak, and for all that it asks for this time. Never of a tool
   * that others can pretend to be: then the person is the only one who can tell (RFC 8252 §8.6). One that has nothing to prove
   * itself with is known by its address alone: they were shown that one, and agreed to no other (RFC 9700 §2.1).
   */
  async function isRemembered(
    found: Authorization,
    client: Client,
    who: { readonly accountId: AccountId; readonly subjectId: SubjectId },
  ): Promise<boolean> {
    if (!isAssured(client, found.redirectUri)) return false;
    const asked = found.scope.split(' ').filter(Boolean);
    const earlier = await findEarlier(tokenStore, { ...who, clientId: client.clientId });
    const { resources = [] } = found;
    return earlier.some(({ scope, redirectUri, resources: services = [] }) => {
      if (client.kind === 'public' && redirectUri !== found.redirectUri) return false;
      const approved = scope.split(' ');
      // A word may mean one thing to a service, and another where none is named.
      const isForSame = (resources.length === 0) === (services.length === 0);
      const isKnown = isForSame && resources.every((audience) => services.includes(audience));
      return isKnown && asked.every((word) => approved.includes(word));
    });
  }

  /** What stands between this person and a decision; undefined for nothing. */
  async function findStepBefore(
    found: Authorization,
    session: Session,
    decider: Decider,
  ): Promise<StepBefore | undefined> {
    if (await isSignInDue(found, session)) return 'sign-in';
    if (dependencies.isVerificationRequired && !decider.isVerified) return 'verify';
    if (dependencies.isSecondFactorRequired && !decider.hasSecondFactor) return 'add-second-factor';
    const { wishes } = found;
    const proved = [...session.authentication.methods, ...session.proofMethods];
    const lacksFactor = wishes.wantsSecondFactor && contextClass(proved) === 'aal1';
    return lacksFactor && decider.hasSecondFactor && wishes.mayAsk ? 'prove' : undefined;
  }

  const isProofFresh = (session: Session, { hasSecondFactor }: Decider): boolean =>
    sessions.hasFreshProof(session, { kind: hasSecondFactor ? 'second-factor' : 'any' });

  return { findStepBefore, isRemembered, isProofFresh };
}
