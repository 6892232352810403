// What the database holds, read with nothing of ours but the names of its tables: the state of links, what they left, what the
// record says, and the counters that may never go down.
import { createHash } from 'node:crypto';
import pg from 'pg';

export interface LinkTruth {
  readonly linkId: string;
  readonly state: string;
  readonly tools: readonly ToolTruth[];
  readonly audit: Readonly<Record<string, number>>;
}

export interface ToolTruth {
  readonly linkedToolId: string;
  readonly accountId: string;
  readonly isEnded: boolean;
  readonly redemptionsRecorded: number;
  readonly refresh: readonly { readonly hash: string; readonly generation: number; readonly jti: string }[];
}

export interface CounterSample {
  readonly at: number;
  readonly userCodes: number;
  readonly secondFactors: number;
}

export type Truth = ReturnType<typeof createTruth>;

export function createTruth(databaseUrl: string) {
  /** One connection for as long as it lasts: most of what is asked here is asked every moment. */
  let kept: pg.Client | undefined;

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5000 });
    const forget = (): void => void (kept = kept === client ? undefined : kept);
    client.on('error', forget).on('end', forget);
    await client.connect();
    return client;
  }

  /** Asked again on a new connection where the one that was kept had broken; what is asked here may be done twice. */
  async function askNow<Row extends object>(text: string, values: unknown[]): Promise<Row[]> {
    const before = kept;
    try {
      return (await (kept ??= await connect()).query<Row>(text, values)).rows;
    } catch (error) {
      void kept?.end().catch(() => undefined);
      kept = undefined;
      if (!before || (error as { severity?: string }).severity === 'ERROR') throw error;
      return askNow(text, values);
    }
  }

  /** One after the other: a connection has one question at a time. */
  let last: Promise<unknown> = Promise.resolve();
  function ask<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    const asked = last.then(() => askNow<Row>(text, values));
    last = asked.catch(() => undefined);
    return asked;
  }

  async function readTools(linkIds: readonly string[]): Promise<(ToolTruth & { linkId: string })[]> {
    const tools = await ask<{
      linked_tool_id: string;
      link_id: string;
      account_id: string;
      ended: boolean;
      recorded: string;
    }>(
      `select linked_tool_id, link_id, account_id, ended_at is not null as ended,
         (select count(*) from audit a where a.event in ('link-redeemed', 'authorization-redeemed')
            and a.details::json->>'linkedTool' = t.linked_tool_id) as recorded
       from linked_tools t where link_id = any($1)`,
      [linkIds],
    );
    const refresh = await ask<{
      linked_tool_id: string;
      token_hash: string;
      generation: number;
      access_jti: string;
    }>(
      'select linked_tool_id, token_hash, generation, access_jti from refresh_tokens where linked_tool_id = any($1)',
      [tools.map(({ linked_tool_id }) => linked_tool_id)],
    );
    return tools.map((tool) => ({
      ...{ linkedToolId: tool.linked_tool_id, linkId: tool.link_id, accountId: tool.account_id },
      ...{ isEnded: tool.ended, redemptionsRecorded: Number(tool.recorded) },
      refresh: refresh
        .filter(({ linked_tool_id }) => linked_tool_id === tool.linked_tool_id)
        .map((row) => ({ hash: row.token_hash, generation: Number(row.generation), jti: row.access_jti })),
    }));
  }

  return {
    close: async (): Promise<void> => void (await kept?.end().catch(() => undefined)),

    /** For tests that take something out of the schema. */
    change: (statement: string): Promise<unknown> => ask(statement),

    /** Empties the budgets that everybody shares: rounds follow each other faster than guesses may. */
    forgetGuesses: (): Promise<unknown> => ask("delete from budgets where spender = 'everywhere'"),

    async readLinks(linkIds: readonly string[]): Promise<Map<string, LinkTruth>> {
      const links = await ask<{ link_id: string; state: string }>(
        `select link_id, state from links where link_id = any($1)
         union all select authorization_id, state from authorizations where authorization_id = any($1)`,
        [linkIds],
      );
      const tools = await readTools(linkIds);
      const audit = await ask<{ link: string; event: string; count: string }>(
        `select details::json->>'link' as link, split_part(event, '-', 2) as event, count(*) from audit
         where details::json->>'link' = any($1) and event ~ '^(link|authorization)-' group by 1, 2`,
        [linkIds],
      );
      return new Map(
        links.map(({ link_id: linkId, state }) => [
          linkId,
          {
            ...{ linkId, state, tools: tools.filter((tool) => tool.linkId === linkId) },
            audit: Object.fromEntries(
              audit.filter(({ link }) => link === linkId).map(({ event, count }) => [event, Number(count)]),
            ),
          },
        ]),
      );
    },

    /** The id of a link that has this number. */
    async findByNumber(number: number): Promise<string | undefined> {
      const rows = await ask<{ id: string }>('select link_id as id from links where public_number = $1', [
        number,
      ]);
      return rows[0]?.id;
    },

    /** The id of the request that a tool has sent its person with. */
    async findByHandle(handle: string): Promise<string | undefined> {
      const rows = await ask<{ id: string }>(
        'select authorization_id as id from authorizations where handle_hash = $1',
        [createHash('sha256').update(handle).digest('base64url')],
      );
      return rows[0]?.id;
    },

    /** Lets the time of a link be over; false where it was decided and collected before, or declined. */
    async expire(linkId: string): Promise<boolean> {
      const over = '(extract(epoch from clock_timestamp()) * 1000)::bigint - 2000';
      const rows = await ask(
        `with link as (update links set expires_at = ${over}
           where link_id = $1 and state in ('pending', 'reserved', 'approved') returning state),
         request as (update authorizations set expires_at = ${over}
           where authorization_id = $1 and state in ('asked', 'approved') returning state)
         select state from link union all select state from request`,
        [linkId],
      );
      return rows.length === 1;
    },

    /** The wrong user codes of one account, and the wrong second factors of another; undefined while nobody can be asked. */
    async readCounters(guesserId: string, carefulId: string): Promise<Omit<CounterSample, 'at'> | undefined> {
      const rows = await ask<{ codes: string; factors: string }>(
        `select (select coalesce(sum(spent), 0) from budgets where budget = 'user-code-by-account' and spender = $1) as codes,
           (select coalesce(sum(consecutive), 0) from factor_failures where account_id = $2) as factors`,
        [guesserId, carefulId],
      ).catch(() => undefined);
      return rows && { userCodes: Number(rows[0]!.codes), secondFactors: Number(rows[0]!.factors) };
    },
  };
}
