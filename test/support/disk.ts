// A disk that runs full, for tests: fills a database up to its last page (it was opened with `maxPages`), leaves a little room,
// and empties it again. What fills it are rows of long ago in the audit log, which no test looks at.
import { isUnavailable, untilNone } from '../../src/domain/vocabulary.js';
import type { TestHouse } from './app.js';

/** So long that the first rows take pages of their own, and the last ones what is left in others. */
const LENGTHS = [3000, 300, 30, 0];
const LONG_AGO = new Date(86_400_000);

export function createDisk({ inTransaction }: Pick<TestHouse['house'], 'inTransaction'>) {
  let rows = 0;

  /** False, and nothing is written, where so many rows do not fit any more. */
  async function insert(count: number, length: number): Promise<boolean> {
    const event = { event: 'sign-in', accountId: undefined, actor: 'anyone', requestId: '' } as const;
    const row = { ...event, details: { x: 'x'.repeat(length) }, networkAddress: '', userAgent: '' };
    const first = rows + 1;
    try {
      await inTransaction(async ({ audit }) => {
        for (let added = 0; added < count; added += 1)
          await audit.insert({ ...row, at: new Date(first + added) });
      });
    } catch (error) {
      if (isUnavailable(error)) return false;
      throw error;
    }
    rows += count;
    return true;
  }

  return {
    async fill(): Promise<void> {
      rows = 0;
      for (const length of LENGTHS)
        for (const count of length === LENGTHS[0] ? [64, 8, 1] : [1])
          while (await insert(count, length)) continue;
    },

    /** Makes room again that this many of the longest rows have taken, two pages or so each. */
    leave: (room: number) =>
      untilNone(() => inTransaction(({ audit }) => audit.removeBefore(new Date(room + 1)))),

    free: () => untilNone(() => inTransaction(({ audit }) => audit.removeBefore(LONG_AGO))),
  };
}
