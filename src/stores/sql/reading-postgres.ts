// Reads of what has been committed, on any connection of a pool. Where several in one turn of the event loop ask the same of other
// rows, they are sent as one statement: the way to the server and back costs this process far more than a row does.
import type pg from 'pg';
import { asStoreFault, createSql, prepare, type Prepared } from './dialect-postgres.js';
import { fill, StoreUnavailable, type Sql, type SqlValue, type Statement, type Values } from './statement.js';

/** Reads in one statement at most. */
const MOST_AT_ONCE = 128;
const PLACE = 'place of who asked';

type Row = Record<string, unknown>;

interface Asked {
  readonly values: readonly SqlValue[];
  readonly resolve: (row: Row | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Its values are given as lists of texts, and not every statement means the same then. */
function mayBeGathered({ text }: Prepared, values: readonly SqlValue[]): boolean {
  return (
    values.length > 0 && values.every((value) => typeof value === 'string') && !/['#]|order by/.test(text)
  );
}

/** The statement for each of the lists' places: at most one row is looked at of each, as whoever asks for one does. */
function gatheredText({ text, order }: Prepared): string {
  const places = order.map((_, index) => index + 1);
  const lists = places.map((place) => `$${place}::text[]`).join(', ');
  const names = places.map((place) => `p${place}`).join(', ');
  const forEach = text.replace(/\$(\d+)/g, 'asked.p$1');
  return (
    `select asked.place::int as "${PLACE}", found.* from unnest(${lists}) with ordinality as asked(${names}, place) ` +
    `cross join lateral (${forEach}) as found`
  );
}

function createGathering(pool: Pick<pg.Pool, 'query'>) {
  let gathered = new Map<Prepared, Asked[]>();

  async function askAlone({ name, text }: Prepared, { values, resolve, reject }: Asked): Promise<void> {
    try {
      resolve((await pool.query<Row>({ name, text, values: [...values] })).rows[0]);
    } catch (error) {
      reject(asStoreFault(error));
    }
  }

  async function askTogether(prepared: Prepared, asked: readonly Asked[]): Promise<void> {
    const lists = prepared.order.map((_, at) => asked.map(({ values }) => values[at]));
    try {
      const { rows } = await pool.query<Row>({
        name: `${prepared.name}-gathered`,
        text: gatheredText(prepared),
        values: lists,
      });
      const found = new Map(rows.reverse().map((row) => [row[PLACE] as number, row]));
      for (const [at, { resolve }] of asked.entries()) resolve(found.get(at + 1));
    } catch (error) {
      const fault = asStoreFault(error);
      if (fault instanceof StoreUnavailable) for (const { reject } of asked) reject(fault);
      // What is wrong with one is no matter of the others.
      else await Promise.all(asked.map((one) => askAlone(prepared, one)));
    }
  }

  function send(): void {
    const sent = gathered;
    gathered = new Map();
    for (const [prepared, asked] of sent) {
      for (let start = 0; start < asked.length; start += MOST_AT_ONCE) {
        const some = asked.slice(start, start + MOST_AT_ONCE);
        void (some.length === 1 ? askAlone(prepared, some[0]!) : askTogether(prepared, some));
      }
    }
  }

  return (prepared: Prepared, values: readonly SqlValue[]): Promise<Row | undefined> =>
    new Promise((resolve, reject) => {
      if (gathered.size === 0) setImmediate(send);
      const others = gathered.get(prepared);
      const asked = { values, resolve, reject };
      if (others) others.push(asked);
      else gathered.set(prepared, [asked]);
    });
}

/** Anything but a read is refused before it is sent. */
export function createReadingSql(pool: Pick<pg.Pool, 'query'>): Sql {
  const sql = createSql(pool);
  const gather = createGathering(pool);

  function prepareRead<P extends Values, Found>(statement: Statement<P, Found>): Prepared {
    const prepared = prepare(statement);
    if (!prepared.text.startsWith('select')) throw new TypeError('these stores only read');
    return prepared;
  }

  return {
    async all(statement, values) {
      prepareRead(statement);
      return sql.all(statement, values);
    },
    async one<P extends Values, Found>(
      statement: Statement<P, Found>,
      values: P,
    ): Promise<Found | undefined> {
      const prepared = prepareRead(statement);
      const filled = fill(prepared.order, values);
      if (!mayBeGathered(prepared, filled)) return sql.one(statement, values);
      return (await gather(prepared, filled)) as Found | undefined;
    },
    async change() {
      throw new TypeError('these stores only read');
    },
  };
}
