// Decisions that go from process to process by NOTIFY: all of them, however many at once, and in their order.
// https://www.postgresql.org/docs/current/sql-notify.html
import { jest } from '@jest/globals';
import pg from 'pg';
import { createDecisions } from '../../src/stores/sql/decisions-postgres.js';
import { createDatabase } from '../support/databases.js';
import { describeWithPostgres } from '../support/postgres.js';

describeWithPostgres('decisions on PostgreSQL', (postgresUrl) => {
  let place: Awaited<ReturnType<typeof createDatabase>>;
  beforeEach(async () => void (place = await createDatabase(postgresUrl)));
  afterEach(() => place.drop());

  async function openTwo() {
    const heard: string[] = [];
    const faults: unknown[] = [];
    let heardLast: () => void = () => undefined;
    const waiting = new Promise<void>((resolve) => (heardLast = resolve));
    const onDecision = (key: string): void => {
      if (key === 'last') heardLast();
      else heard.push(key);
    };
    const common = {
      url: place.url,
      onGap: () => undefined,
      onFault: (fault: unknown) => faults.push(fault),
    };
    const one = createDecisions({ ...common, onDecision: () => undefined });
    const other = createDecisions({ ...common, onDecision });
    await Promise.all([one.open(), other.open()]);
    const close = () => Promise.all([one.close(), other.close()]);
    return { one, heard, faults, waiting, close };
  }

  it('are all heard, and in their order, of any number told at once', async () => {
    const { one, heard, faults, waiting, close } = await openTwo();
    const keys = Array.from({ length: 2500 }, (_, at) => `key ${at}`);
    const query = jest.spyOn(pg.Client.prototype, 'query');
    for (const key of [...keys, 'last']) one.tell(key);
    await waiting;
    expect(heard).toEqual(keys);
    expect(faults).toEqual([]);
    // One statement at a time: each but the first holds what came up meanwhile.
    expect(query.mock.calls.length).toBeLessThan(6);
    query.mockRestore();
    await close();
  });

  it('are told to the last by a process that closes, and no more by one that has', async () => {
    const { one, heard, faults, waiting, close } = await openTwo();
    one.tell('key');
    one.tell('last');
    await one.close();
    one.tell('late');
    await waiting;
    expect([heard, faults]).toEqual([['key'], []]);
    await close();
  });
});
