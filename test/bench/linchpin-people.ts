// People at Linchpin who have a review page open and decide when they are told to: each has an account and a session of their own, has
// entered a code, and has read for longer than a second. Everything goes through the use cases of the pages.
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '../../src/domain/clients.js';
import type { AccountId, Origin, SubjectId } from '../../src/domain/vocabulary.js';
import type { House } from '../../src/wiring.js';
import { monotonicMs, type PacedApprovals } from './contract.js';
import { addAccount } from './linchpin-codes.js';

/** No decision counts in the first second of a page. */
const READING_MS = 1100;
const TICK_MS = 1;

type Reviewed = Parameters<House['linksForPerson']['approveLink']>[0];

/** `like`: the account that those of the people are copies of. `forEach` does the work for all, many at once. */
export function createPeople(
  house: House,
  asked: {
    client: Client;
    like: AccountId;
    origin: Origin;
    forEach: <Result>(items: readonly unknown[], work: () => Promise<Result>) => Promise<Result[]>;
  },
) {
  const { client, like, origin, forEach } = asked;
  const pages = new Map<string, Reviewed>();

  async function readPage(): Promise<string> {
    const { deviceCode, userCode } = await house.linksForTool.startLink({ client, scope: 'profile', origin });
    const accountId = await addAccount(house, like);
    const person = { accountId, subjectId: accountId as string as SubjectId, origin };
    const { session } = await house.inTransaction((stores) =>
      house.sessions.startSession(stores, { ...person, methods: ['pwd', 'otp'] }),
    );
    const about = { session, origin };
    const { linkId } = await house.linksForPerson.reserveLink({ ...about, userCode, arrival: 'typed' });
    const review = await house.linksForPerson.findForReview({ ...about, linkId });
    if (!review) throw new Error('A link cannot be reviewed.');
    pages.set(deviceCode, { ...about, linkId, page: review.page });
    return deviceCode;
  }

  async function approve(deviceCode: string): Promise<number> {
    const page = pages.get(deviceCode);
    if (!page) throw new Error('A link was to be approved that nobody reviews.');
    pages.delete(deviceCode);
    await house.linksForPerson.approveLink(page);
    return monotonicMs();
  }

  return {
    /** Starts that many links and gives their device codes when somebody is ready to approve each. */
    async reviewed({ count }: { count: number }): Promise<string[]> {
      const codes = await forEach(Array.from({ length: count }), readPage);
      await delay(READING_MS);
      return codes;
    },

    /** Approves each when its time has come, however the ones before it fare. */
    async approveAtPace({
      codes,
      perSecond,
    }: {
      codes: string[];
      perSecond: number;
    }): Promise<PacedApprovals> {
      const approvals: Promise<number>[] = [];
      const beganAt = monotonicMs();
      while (approvals.length < codes.length) {
        const due = Math.floor(((monotonicMs() - beganAt) / 1000) * perSecond) + 1;
        for (const code of codes.slice(approvals.length, due)) approvals.push(approve(code));
        await delay(TICK_MS);
      }
      return { beganAt, approvedAt: await Promise.all(approvals) };
    },
  };
}
