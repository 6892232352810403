// The person's side of a link: enter the code (reserve), look at who is asking, approve or decline, or give it back.
// Only the browser that entered the code decides, after a fresh proof, and not sooner than a person can read.
// RFC 8628 §3.3, §5.4, §5.5; CHECKLIST 2, 3.1.
import type { Audit, AuditEvent } from './audit.js';
import type { Client, ClientStore } from './clients.js';
import type { ForWhomDependencies } from './links-for-whom.js';
import { createGuesses } from './links-guesses.js';
import { COLLECT_SECONDS, pollKeyOf } from './links-numbered.js';
import { createReviewPages, type LinkReview, type ReviewPagesDependencies } from './links-review-page.js';
import { stateOf } from './links.js';
import type {
  Approval,
  Arrival,
  Holder,
  Link,
  LinkCheckpoint,
  LinkStore,
  LinkStores,
  PollGate,
} from './links.js';
import type { Services } from './services.js';
import type { Session } from './sessions.js';
import type { Throttle } from './throttle.js';
import type { ToolDescription } from './tokens.js';
import { readUserCode } from './user-code.js';
import {
  contextClass,
  DomainError,
  type AccountId,
  type Clock,
  type InTransaction,
  type LinkId,
  type Origin,
  type SubjectId,
} from './vocabulary.js';
import type { WakeUps } from './waiting.js';

export type { LinkReview } from './links-review-page.js';

/** What an upper room knows of the account that decides. */
export interface Decider {
  readonly isVerified: boolean;
  readonly hasSecondFactor: boolean;
  readonly createdAt: Date;
}

export interface LinksForPersonDependencies<Stores extends LinkStores>
  extends ForWhomDependencies<Stores>, ReviewPagesDependencies {
  readonly store: LinkStore;
  readonly clients: Pick<ClientStore, 'find'>;
  readonly services: Pick<Services, 'describe'>;
  readonly inTransaction: InTransaction<Stores>;
  readonly throttle: Throttle;
  readonly audit: Audit;
  readonly gate: PollGate;
  readonly wakeUps: WakeUps;
  readonly now: Clock;
  /** Every keyed hash that a user code may be kept under, the current key's first. */
  readonly userCodeMacs: (userCode: string) => string[];
  readonly describeDecider: (accountId: AccountId) => Promise<Decider | undefined>;
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  readonly isSecondFactorRequired: boolean;
  readonly isVerificationRequired: boolean;
  readonly onAlarm: (message: string) => void;
  readonly checkpoint?: LinkCheckpoint;
}

interface AboutLink {
  readonly linkId: LinkId;
  readonly session: Session;
  readonly origin: Origin;
}

/** Approving needs a proof that is not older (DESIGN 6). */
export const FRESH_PROOF_SECONDS = 600;
const MOST_RELEASES = 2;

const nameOf = (tool: ToolDescription | undefined): string => tool?.product || tool?.deviceName || '';

export type LinksForPerson = ReturnType<typeof createLinksForPerson>;

export function createLinksForPerson<Stores extends LinkStores>(
  dependencies: LinksForPersonDependencies<Stores>,
) {
  const { store, clients, inTransaction, audit, gate, wakeUps, now, userCodeMacs } = dependencies;
  const { describeDecider, mayReceiveToken, isSecondFactorRequired, isVerificationRequired } = dependencies;
  const { checkpoint = () => undefined } = dependencies;
  const guesses = createGuesses(dependencies);
  const { makePage, refuseIfHasty } = createReviewPages(dependencies);

  const holderOf = ({ accountId, ticket }: Session): Holder => ({ accountId, ticket });
  const isHeldBy = (link: Link, session: Session): boolean =>
    'holder' in link && link.holder?.accountId === session.accountId && link.holder.ticket === session.ticket;

  /** A live code that another account has reserved is unknown to this one, but entering it is no guess (CHECKLIST 3.1). */
  async function isReservedByAnother(macs: readonly string[], session: Session): Promise<boolean> {
    for (const mac of macs) {
      const link = await store.findByUserCode(mac);
      if (link && stateOf(link, now()) === 'reserved' && 'holder' in link)
        return link.holder?.accountId !== session.accountId;
    }
    return false;
  }

  /** A second factor where the account has one, else the password or a federated sign-in, not older than ten minutes. */
  async function refuseWithoutProof(session: Session): Promise<void> {
    const decider = await describeDecider(session.accountId);
    if (!decider) throw new DomainError('account-closed');
    if (isVerificationRequired && !decider.isVerified) throw new DomainError('account-not-verified');
    if (isSecondFactorRequired && !decider.hasSecondFactor) throw new DomainError('factor-required');
    // Either way round: after a clock was set back, a proof must not stay fresh until it has caught up.
    const isFresh = Math.abs(now().getTime() - session.provedAt.getTime()) <= FRESH_PROOF_SECONDS * 1000;
    const { proofMethods } = session;
    const isOfKind = decider.hasSecondFactor
      ? contextClass(proofMethods) === 'aal2'
      : proofMethods.some((method) => method !== 'profile');
    if (!isFresh || !isOfKind) throw new DomainError('proof-required');
  }

  /** On the word of this session, for whom it means; a member may have less than the tool has asked for. */
  async function approvalOf(
    stores: Stores,
    { linkId, session }: AboutLink,
    meant: SubjectId | undefined,
  ): Promise<Approval> {
    const { accountId, authentication, proofMethods } = session;
    const { subjectId, household, narrow } = await dependencies.findApproved(stores, accountId, meant);
    const methods = [...new Set([...authentication.methods, ...proofMethods])];
    const approval = { accountId, subjectId, household, authenticatedAt: authentication.at, methods };
    const asked = narrow && (await stores.links.find(linkId));
    return asked ? { ...approval, scope: narrow(asked.scope) } : approval;
  }

  async function record(
    stores: Stores,
    event: AuditEvent,
    { linkId, session, origin }: AboutLink,
    link: Link,
  ): Promise<void> {
    const details = { link: linkId, client: link.clientId, from: link.networkAddress };
    await audit.record(stores, {
      event,
      accountId: session.accountId,
      actor: session.accountId,
      origin,
      details,
    });
  }

  /** Tells the tool's side at once: no poll may be answered "pending" after this. */
  function announce(link: Link): void {
    const key = pollKeyOf(link);
    gate.decide(key);
    wakeUps.wake(key);
  }

  async function present(
    link: Link,
    client: Client | undefined,
    { linkId, session, origin }: AboutLink,
  ): Promise<LinkReview> {
    return {
      linkId,
      state: stateOf(link, now()) as LinkReview['state'],
      toolName: client?.name ?? nameOf(link.numbered?.tool),
      isToolVerified: client?.registeredBy === 'operator',
      tool: link.numbered?.tool,
      door: link.door,
      isKeyed: link.numbered?.deviceKey !== undefined,
      forwardAddress: link.numbered?.forwardAddress,
      userAgent: link.userAgent,
      networkAddress: link.networkAddress,
      isSameNetwork: link.network === origin.network,
      webOrigin: link.webOrigin,
      arrival: 'arrival' in link ? link.arrival : 'typed',
      scopes: link.scope.split(' ').filter(Boolean),
      services: (await dependencies.services.describe(link.resources)).map(({ name }) => name),
      forWhom: await dependencies.listForWhom(session.accountId, link.scope),
      startedAt: link.createdAt,
      expiresAt: link.expiresAt,
      page: makePage(linkId, session),
    };
  }

  return {
    /**
     * Reserves the link of a typed code for this account, in this browser. Refuses `code-unknown` for a wrong, expired,
     * used or foreign code alike, and `too-many` with seconds to wait.
     */
    async reserveLink(asked: {
      userCode: string;
      session: Session;
      arrival: Arrival;
      origin: Origin;
      /** Where the tool wants the browser afterwards, already judged; kept for links of the PIN door only. */
      forwardAddress?: string;
    }): Promise<{ linkId: LinkId }> {
      const { session, arrival, origin, forwardAddress } = asked;
      const takeBack = await guesses.charge(session.accountId, origin);
      const userCode = readUserCode(asked.userCode);
      const macs = userCode === undefined ? [] : userCodeMacs(userCode);
      const linkId = await inTransaction(async (stores) => {
        for (const mac of macs) {
          const link = await stores.links.reserve(mac, holderOf(session), arrival, now(), forwardAddress);
          if (!link) continue;
          await record(stores, 'link-reserved', { linkId: link.linkId, session, origin }, link);
          return link.linkId;
        }
        return undefined;
      });
      if (linkId ?? (await isReservedByAnother(macs, session))) await takeBack();
      else await guesses.recordWrong(session.accountId, origin);
      if (linkId) return { linkId };
      throw new DomainError('code-unknown');
    },

    /** The link that this browser holds, or decided, as its page shows it; undefined for anybody else's. */
    async findForReview(about: AboutLink): Promise<LinkReview | undefined> {
      const link = await store.find(about.linkId);
      if (!link || !isHeldBy(link, about.session)) return undefined;
      return present(link, await clients.find(link.clientId as Client['clientId']), about);
    },

    /** The newest live link that this browser has reserved and not decided. */
    async findReservedBy(session: Session): Promise<LinkId | undefined> {
      return (await store.findReservedBy(holderOf(session), now()))?.linkId;
    },

    /**
     * Approves, for the person themself or for `subjectId`, somebody without an account in their own household: anybody else
     * is `not-found`. Refuses `link-too-hasty`, `proof-required`, `factor-required`, `account-not-verified`, and `link-over` when
     * it has expired, was declined, or is not this browser's. Approving again what this browser approved is fine.
     */
    async approveLink({
      page,
      subjectId,
      ...about
    }: AboutLink & { page: string; subjectId?: SubjectId }): Promise<void> {
      const { linkId, session } = about;
      refuseIfHasty(about, page);
      await refuseWithoutProof(session);
      checkpoint('approve:before');
      const { accountId } = session;
      const approved = await inTransaction(async (stores) => {
        if (!(await mayReceiveToken(stores, accountId))) throw new DomainError('account-closed');
        const at = now();
        const approval = await approvalOf(stores, about, subjectId);
        const collectUntil = new Date(at.getTime() + COLLECT_SECONDS * 1000);
        const link = await stores.links.approve(linkId, holderOf(session), approval, at, collectUntil);
        checkpoint('approve:updated');
        if (link) await record(stores, 'link-approved', about, link);
        return link;
      });
      if (approved) {
        checkpoint('approve:committed');
        return announce(approved);
      }
      const link = await store.find(linkId);
      const wasApproved =
        link && isHeldBy(link, session) && ['approved', 'redeemed'].includes(stateOf(link, now()));
      if (!wasApproved) throw new DomainError('link-over');
    },

    /** Declines, for good. Refuses `link-too-hasty` and `link-over`; declining again is fine. */
    async denyLink({ page, ...about }: AboutLink & { page: string }): Promise<void> {
      const { linkId, session } = about;
      refuseIfHasty(about, page);
      const denied = await inTransaction(async (stores) => {
        const link = await stores.links.deny(linkId, holderOf(session), now());
        if (link) await record(stores, 'link-denied', about, link);
        return link;
      });
      if (denied) {
        await dependencies.throttle.giveBack('live-links-by-network', denied.network);
        return announce(denied);
      }
      const link = await store.find(linkId);
      if (!link || !isHeldBy(link, session) || link.state !== 'denied') throw new DomainError('link-over');
    },

    /** Gives a reserved link back, so that another account can enter its code; the third time declines it. */
    async releaseLink(about: AboutLink): Promise<void> {
      const { linkId, session } = about;
      const released = await inTransaction(async (stores) => {
        const link = await stores.links.release(linkId, holderOf(session), MOST_RELEASES, now());
        if (link) await record(stores, 'link-released', about, link);
        return link;
      });
      if (!released) throw new DomainError('link-over');
      if (released.state === 'denied') announce(released);
    },

    /** Says of links that were withdrawn elsewhere, in a transaction that has committed, that nobody needs to wait for them. */
    announceDecided: (links: readonly Link[]): void => links.forEach(announce),
  };
}
