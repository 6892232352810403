// What a person does with an authorization: sign in for it, look at who is asking, approve or decline, and go back. What comes next
// is decided here, at every step anew; how it is shown is the pages' own. The states and their moves are in `authorizations`.
// OpenID Connect Core 1.0 §3.1.2.3, §3.1.2.4; RFC 8252 §8.6; RFC 9700 §2.1.
import { sha256 } from '../crypto/secrets.js';
import type { Audit, AuditEvent } from './audit.js';
import type { AuthorizationStores } from './authorizations-redemption.js';
import type { AuthorizationAnswer, AuthorizationReview, AuthorizationStep } from './authorizations-review.js';
import {
  createAuthorizationSteps,
  type AuthorizationStepsDependencies,
  type StepBefore,
} from './authorizations-steps.js';
import {
  standingOf,
  type ApprovedAuthorization,
  type Authorization,
  type AuthorizationApproval,
  type AuthorizationStore,
} from './authorizations.js';
import { isAssured } from './clients-redirects.js';
import type { Client, Clients } from './clients.js';
import type { ForWhom, ForWhomDependencies } from './links-for-whom.js';
import type { Decider } from './links-person.js';
import { createReviewPages } from './links-review-page.js';
import type { Holder } from './links.js';
import type { Services } from './services.js';
import type { Session } from './sessions.js';
import type { Throttle } from './throttle.js';
import {
  DomainError,
  type AccountId,
  type AuthorizationId,
  type InTransaction,
  type LinkId,
  type Origin,
  type SubjectId,
} from './vocabulary.js';

export interface AuthorizationsForPersonDependencies<Stores extends AuthorizationStores>
  extends ForWhomDependencies<Stores>, AuthorizationStepsDependencies {
  readonly store: Pick<AuthorizationStore, 'findByHandle'>;
  readonly inTransaction: InTransaction<Stores>;
  readonly clients: Pick<Clients, 'findClient'>;
  readonly services: Pick<Services, 'describe'>;
  readonly throttle: Pick<Throttle, 'giveBack'>;
  readonly audit: Audit;
  readonly describeDecider: (accountId: AccountId) => Promise<Decider | undefined>;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  /** The secret part of a code, the current key's first: whoever holds the database cannot make one. */
  readonly codeMacs: (authorizationId: AuthorizationId, handle: string) => readonly string[];
  readonly pageMac: (authorizationId: AuthorizationId, ticket: string, madeAt: number) => string;
}

interface AboutAuthorization {
  /** What names it to this browser. */
  readonly handle: string;
  readonly session: Session;
  readonly origin: Origin;
}

/** OAuth 2.1 and RFC 6749 §4.1.2: short, ten minutes at most. */
export const CODE_SECONDS = 60;

export type AuthorizationsForPerson = ReturnType<typeof createAuthorizationsForPerson>;

export function createAuthorizationsForPerson<Stores extends AuthorizationStores>(
  dependencies: AuthorizationsForPersonDependencies<Stores>,
) {
  const { store, inTransaction, clients, throttle, audit, now } = dependencies;
  const { describeDecider, listForWhom, findApproved, mayReceiveToken, codeMacs } = dependencies;
  const { findStepBefore, isRemembered, isProofFresh } = createAuthorizationSteps(dependencies);
  const { makePage, refuseIfHasty } = createReviewPages({
    now,
    pageMac: (id, ticket, madeAt) => dependencies.pageMac(id as string as AuthorizationId, ticket, madeAt),
  });
  const over = { step: 'over' } as const;
  const holderOf = ({ accountId, ticket }: Session): Holder => ({ accountId, ticket });
  const pageIdOf = ({ authorizationId }: Authorization): LinkId => authorizationId as string as LinkId;

  /** What the tool is sent, where it is not a code. */
  function answer(
    { redirectUri, answersBy, clientState }: Authorization,
    { name }: Client,
    outcome: Exclude<AuthorizationAnswer['outcome'], 'approved'>,
  ): AuthorizationStep {
    return { step: 'answer', answer: { redirectUri, answersBy, clientState, toolName: name, outcome } };
  }

  /** The code again, as long as it is good: it is not kept, but made anew of what its browser holds. */
  function answerWithCode(
    approved: ApprovedAuthorization,
    { name }: Client,
    handle: string,
  ): AuthorizationStep {
    const { authorizationId, codeHash, redirectUri, answersBy, clientState } = approved;
    const code = codeMacs(authorizationId, handle)
      .map((mac) => `${authorizationId}.${mac}`)
      .find((made) => sha256(made) === codeHash);
    if (code === undefined) return over;
    const about = { redirectUri, answersBy, clientState, toolName: name };
    return { step: 'answer', answer: { ...about, outcome: 'approved', code } };
  }

  /** Where it stands once it is decided; only who decided is told. */
  function afterDecision(
    found: Exclude<Authorization, { state: 'pushed' | 'asked' }>,
    client: Client,
    { handle, session }: Partial<AboutAuthorization>,
  ): AuthorizationStep {
    const { accountId, ticket } = found.holder;
    const isTheirs = session?.accountId === accountId && session.ticket === ticket;
    if (!isTheirs || found.state === 'redeemed') return over;
    return found.state === 'denied'
      ? answer(found, client, 'declined')
      : answerWithCode(found, client, handle ?? '');
  }

  /** Nobody has decided, and nobody will: the tool is told so, and its request is no more. */
  async function turnAway(
    found: Authorization,
    client: Client,
    outcome: 'sign-in-due' | 'review-due' | 'step-due',
  ): Promise<AuthorizationStep> {
    const { authorizationId, network } = found;
    const isOurs = await inTransaction(({ authorizations }) => authorizations.remove(authorizationId));
    // Once: a tool that asks every minute whether somebody is signed in has nothing under way.
    if (isOurs) await throttle.giveBack('live-authorizations-by-network', network);
    return answer(found, client, outcome);
  }

  /** The step that is due, or what the tool is told where it may not be asked for (OpenID Connect Core §3.1.2.6). */
  async function ask(
    found: Authorization,
    client: Client,
    due: StepBefore,
    session?: Session,
  ): Promise<AuthorizationStep> {
    const { mayAsk, login } = found.wishes;
    if (due !== 'sign-in') return mayAsk ? { step: due } : turnAway(found, client, 'step-due');
    // Somebody else again: they were asked, and it is not who the tool means.
    const wasAsked = session !== undefined && session.authentication.at >= found.createdAt;
    if (!mayAsk || wasAsked) return turnAway(found, client, 'sign-in-due');
    return { step: 'sign-in', isAnew: session !== undefined, login };
  }

  async function record(
    stores: AuthorizationStores,
    event: AuditEvent,
    { authorizationId, clientId, networkAddress }: Authorization,
    { session, origin }: Pick<AboutAuthorization, 'session' | 'origin'>,
    more: { readonly remembered?: true } = {},
  ): Promise<void> {
    const { accountId } = session;
    const details = { link: authorizationId, client: clientId, from: networkAddress, ...more };
    await audit.record(stores, { event, accountId, actor: accountId, origin, details });
  }

  /** On the word of this session. Undefined when it was not undecided any more. */
  async function approve(
    found: Authorization,
    about: AboutAuthorization,
    given: { readonly subjectId: SubjectId | undefined; readonly isRemembered: boolean },
  ): Promise<ApprovedAuthorization | undefined> {
    const { handle, session } = about;
    const { accountId, authentication, proofMethods } = session;
    const code = `${found.authorizationId}.${codeMacs(found.authorizationId, handle)[0] ?? ''}`;
    return inTransaction(async (stores) => {
      if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('account-closed');
      const at = now();
      const { subjectId, household, narrow } = await findApproved(stores, accountId, given.subjectId);
      const approval: AuthorizationApproval = {
        ...{ accountId, subjectId, household, isRemembered: given.isRemembered },
        authenticatedAt: authentication.at,
        methods: [...new Set([...authentication.methods, ...proofMethods])],
        ...(narrow ? { scope: narrow(found.scope) } : {}),
      };
      const expiresAt = new Date(at.getTime() + CODE_SECONDS * 1000);
      const { authorizationId } = found;
      const asked = { approval, codeHash: sha256(code), expiresAt };
      const approved = await stores.authorizations.approve(authorizationId, holderOf(session), asked, at);
      if (approved) {
        const more = given.isRemembered ? { remembered: true as const } : {};
        await record(stores, 'authorization-approved', found, about, more);
      }
      return approved as ApprovedAuthorization | undefined;
    });
  }

  async function present(
    found: Authorization,
    client: Client,
    session: Session,
    known: { readonly forWhom: readonly ForWhom[]; readonly isRemembered: boolean },
  ): Promise<AuthorizationReview> {
    return {
      ...known,
      toolName: client.name,
      isToolVerified: client.registeredBy === 'operator',
      redirectUri: found.redirectUri,
      isToolAssured: isAssured(client, found.redirectUri),
      scopes: found.scope.split(' ').filter(Boolean),
      services: (await dependencies.services.describe(found.resources)).map(({ name }) => name),
      startedAt: found.createdAt,
      expiresAt: found.expiresAt,
      page: makePage(pageIdOf(found), session),
    };
  }

  async function find(handle: string): Promise<{ found: Authorization; client: Client } | undefined> {
    const found = await store.findByHandle(sha256(handle));
    const state = found && standingOf(found, now());
    if (!found || state === 'expired' || state === 'pushed') return undefined;
    const client = await clients.findClient(found.clientId);
    return client && { found, client };
  }

  /** Undecided, and this person's to decide now. Refuses with what stands in the way. */
  async function findDecidable({ handle, session }: AboutAuthorization) {
    const known = await find(handle);
    if (known?.found.state !== 'asked') throw new DomainError('authorization-over');
    const decider = await describeDecider(session.accountId);
    if (!decider) throw new DomainError('account-closed');
    return { ...known, decider };
  }

  return {
    /** What comes next for who is signed in, or for nobody. An approval that is remembered is given here. */
    async findStep({
      handle,
      session,
      origin,
    }: Omit<AboutAuthorization, 'session'> & {
      readonly session?: Session | undefined;
    }): Promise<AuthorizationStep> {
      const known = await find(handle);
      if (!known) return over;
      const { found, client } = known;
      if (found.state !== 'asked') {
        return found.state === 'pushed'
          ? over
          : afterDecision(found, client, session ? { handle, session } : {});
      }
      if (!session) return ask(found, client, 'sign-in');
      const decider = await describeDecider(session.accountId);
      if (!decider) return over;
      const due = await findStepBefore(found, session, decider);
      if (due) return ask(found, client, due, session);
      const forWhom = await listForWhom(session.accountId, found.scope);
      const { wishes } = found;
      const self = { accountId: session.accountId, subjectId: session.subjectId };
      const remembered = await isRemembered(found, client, self);
      if (remembered && !wishes.isReviewDue && forWhom.length === 1) {
        const about = { handle, session, origin };
        const approved = await approve(found, about, { subjectId: undefined, isRemembered: true });
        return approved ? answerWithCode(approved, client, handle) : over;
      }
      if (!wishes.mayAsk) return turnAway(found, client, 'review-due');
      if (!remembered && !isProofFresh(session, decider)) return { step: 'prove' };
      const review = await present(found, client, session, { forWhom, isRemembered: remembered });
      return { step: 'review', review };
    },

    /**
     * Approves, for the person themself or for `subjectId`, somebody without an account in their own household: anybody else is
     * `not-found`. Refuses `link-too-hasty`, `proof-required` where a step stands before it, and `authorization-over`. Approving
     * again what this browser approved is fine.
     */
    async approveAuthorization(
      about: AboutAuthorization & { readonly page: string; readonly subjectId?: SubjectId },
    ): Promise<void> {
      const { session, page, subjectId } = about;
      const { found, client, decider } = await findDecidable(about);
      refuseIfHasty({ linkId: pageIdOf(found), session }, page);
      if (!found.wishes.mayAsk) throw new DomainError('authorization-over');
      if (await findStepBefore(found, session, decider)) throw new DomainError('proof-required');
      const who = { accountId: session.accountId, subjectId: subjectId ?? session.subjectId };
      const remembered = await isRemembered(found, client, who);
      if (!remembered && !isProofFresh(session, decider)) throw new DomainError('proof-required');
      const approved = await approve(found, about, { subjectId, isRemembered: remembered });
      if (!approved) throw new DomainError('authorization-over');
    },

    /** Declines, for good. Refuses `link-too-hasty` and `authorization-over`. */
    async denyAuthorization(about: AboutAuthorization & { readonly page: string }): Promise<void> {
      const { found } = await findDecidable(about);
      const { session } = about;
      refuseIfHasty({ linkId: pageIdOf(found), session }, about.page);
      const denied = await inTransaction(async (stores) => {
        const { authorizations } = stores;
        const moved = await authorizations.deny(found.authorizationId, holderOf(session), now());
        if (moved) await record(stores, 'authorization-denied', found, about);
        return moved;
      });
      if (!denied) throw new DomainError('authorization-over');
      await throttle.giveBack('live-authorizations-by-network', found.network);
    },
  };
}
