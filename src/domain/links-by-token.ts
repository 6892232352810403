// What may be done with a user code at the PIN door, without a page: look at who asks, and, where operator and account both
// allow it, link a tool in the next room with the fresh token of one that came in with password and second factor.
// PIN-API "Decided", 3.3, 3.5.
import type { Audit } from './audit.js';
import type { ForWhomDependencies } from './links-for-whom.js';
import { createGuesses, type GuessesDependencies } from './links-guesses.js';
import {
  COLLECT_SECONDS,
  pollKeyOf,
  type NumberedLinkRow,
  type NumberedLinkStores,
} from './links-numbered.js';
import { stateOf, type LinkStore, type PollGate } from './links.js';
import type { Session } from './sessions.js';
import type { LastingStanding } from './tokens-lasting.js';
import { isStrongCode, readUserCode } from './user-code.js';
import { DomainError, type AccountId, type Clock, type InTransaction, type Origin } from './vocabulary.js';
import type { WakeUps } from './waiting.js';

export interface LinksByTokenDependencies<
  Stores extends NumberedLinkStores,
> extends GuessesDependencies<Stores> {
  readonly links: Pick<LinkStore, 'findByUserCode'>;
  readonly inTransaction: InTransaction<Stores>;
  readonly audit: Audit;
  readonly gate: PollGate;
  readonly wakeUps: WakeUps;
  readonly now: Clock;
  readonly userCodeMacs: (userCode: string) => string[];
  readonly mayReceiveToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  readonly findApproved: ForWhomDependencies<Stores>['findApproved'];
  /** Whether operator and account both let tokens link tools. */
  readonly mayLinkByToken: (stores: Stores, accountId: AccountId) => Promise<boolean>;
  /** Tells the owner, in the same transaction, which tool was linked. */
  readonly tellOwner: (stores: Stores, link: NumberedLinkRow, origin: Origin) => Promise<void>;
}

/** Who asks with a code, as far as a page that is about to show it needs to know. */
export interface DescribedCode {
  readonly product: string;
  readonly device: string;
  readonly isTrusted: false;
  readonly expiresAt: Date;
}

/** A token links only while the password and the code behind it are fresh. */
const FRESH_SECONDS = 600;

export function createLinksByToken<Stores extends NumberedLinkStores>(
  dependencies: LinksByTokenDependencies<Stores>,
) {
  const { links, inTransaction, audit, gate, wakeUps, now, userCodeMacs } = dependencies;
  const { mayReceiveToken, mayLinkByToken, findApproved, tellOwner } = dependencies;
  const guesses = createGuesses(dependencies);

  /**
   * The live link of this door that a typed code means, and that nobody else has reserved. A code that is somebody else's, or
   * another door's, is unknown here, but entering it was no guess.
   */
  async function lookUp(
    typed: string,
    accountId: AccountId | undefined,
  ): Promise<{ readonly link?: NumberedLinkRow; readonly isGuess: boolean }> {
    const userCode = readUserCode(typed);
    for (const mac of userCode === undefined ? [] : userCodeMacs(userCode)) {
      const link = await links.findByUserCode(mac);
      const state = link && stateOf(link, now());
      if (!link || (state !== 'pending' && state !== 'reserved')) continue;
      const isOpen = state === 'pending' || ('holder' in link && link.holder?.accountId === accountId);
      return link.numbered && isOpen ? { link: link as NumberedLinkRow, isGuess: false } : { isGuess: false };
    }
    return { isGuess: true };
  }

  /** Only of a tool that came in just now, with password and second factor, and that no other token has linked. */
  function isFresh({ kind, tool }: LastingStanding): boolean {
    const age = now().getTime() - tool.linkedAt.getTime();
    return kind === 'lasting' && tool.bornWith === 'code' && age >= 0 && age <= FRESH_SECONDS * 1000;
  }

  const notAllowed = (): DomainError => new DomainError('grant-not-allowed');

  async function approveInside(
    stores: Stores,
    { tool }: LastingStanding,
    userCodeMac: string,
    origin: Origin,
  ): Promise<NumberedLinkRow | undefined> {
    const { accountId, authenticatedAt, methods, linkedToolId } = tool;
    const parent = await stores.tokens.findLinkedTool(linkedToolId);
    const isAllowed = parent && !parent.endedAt && (await mayLinkByToken(stores, accountId));
    if (!isAllowed || !(await mayReceiveToken(stores, accountId))) throw notAllowed();
    const at = now();
    const { subjectId, household } = await findApproved(stores, accountId, undefined);
    const approval = { accountId, subjectId, household, authenticatedAt, methods };
    const collectUntil = new Date(at.getTime() + COLLECT_SECONDS * 1000);
    const by = { approval, parentToolId: linkedToolId, network: origin.network, collectUntil };
    const link = await stores.numberedLinks.approveByToken(userCodeMac, by, at);
    if (!link) return undefined;
    await audit.record(stores, {
      event: 'link-approved',
      accountId,
      actor: tool.clientId,
      origin,
      details: {
        link: link.linkId,
        client: link.clientId,
        from: link.networkAddress,
        withToolOf: linkedToolId,
      },
    });
    await tellOwner(stores, link, origin);
    return link;
  }

  return {
    /**
     * What a code asks for. Undefined for a wrong code, which counts as a guess of the session's account; for one that another
     * account has reserved; and, without a session, for any but a strong one. Refuses `too-many`.
     */
    async describeCode(
      typed: string,
      session: Pick<Session, 'accountId'> | undefined,
      origin: Origin,
    ): Promise<DescribedCode | undefined> {
      const userCode = readUserCode(typed);
      if (!session && (userCode === undefined || !isStrongCode(userCode))) return undefined;
      const takeBack = session && (await guesses.charge(session.accountId, origin));
      const { link, isGuess } = await lookUp(typed, session?.accountId);
      if (session && isGuess) await guesses.recordWrong(session.accountId, origin);
      if (!isGuess) await takeBack?.();
      if (!link) return undefined;
      const { product, device } = link.numbered.tool;
      return { product, device, isTrusted: false, expiresAt: link.expiresAt };
    },

    /**
     * Approves a pending link with a token; what it leaves ends with the tool of that token. Refuses `grant-not-allowed`:
     * operator or account do not allow it, the token is not of a tool that came in with password and second factor in the
     * last ten minutes, or the link was started from another network; `code-unknown`, which counts as a guess; `too-many`.
     */
    async linkByToken(asked: { standing: LastingStanding; userCode: string; origin: Origin }): Promise<void> {
      const { standing, origin } = asked;
      const { accountId } = standing.tool;
      const isAllowed =
        isFresh(standing) && (await inTransaction((stores) => mayLinkByToken(stores, accountId)));
      if (!isAllowed) throw notAllowed();
      const takeBack = await guesses.charge(accountId, origin);
      const { link, isGuess } = await lookUp(asked.userCode, undefined);
      if (isGuess) await guesses.recordWrong(accountId, origin);
      else await takeBack();
      if (!link) throw new DomainError('code-unknown');
      if (link.network !== origin.network) throw notAllowed();
      const approved = await inTransaction((stores) =>
        approveInside(stores, standing, link.userCodeMac, origin),
      );
      if (!approved) throw new DomainError('code-unknown');
      gate.decide(pollKeyOf(approved));
      wakeUps.wake(pollKeyOf(approved));
    },
  };
}
