// Builds of the service with one check taken out. Each must be found out by the history of a few rounds: a suite that passes
// whatever the build does shows nothing.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { describeWithPostgres } from '../support/postgres.js';
import { buildService } from '../support/service.js';
import { startLastingPostgres, type LastingPostgres } from '../support/services.js';
import { PLAIN, type ToolKind } from './checker-links.js';
import { openPlace } from './place.js';
import { runRound } from './rounds.js';
import { drawSchedule, type FaultKind } from './schedule.js';

interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

interface BrokenBuild {
  readonly title: string;
  readonly changes: readonly Change[];
  /** What is taken out of the schema as well. */
  readonly statement?: string;
  /** The fault under which it shows; `calm`: under none. */
  readonly fault: FaultKind;
  /** Where it shows; else with tools that poll with a device code and have no key. */
  readonly tools?: readonly ToolKind[];
  /** What the checker says of it. */
  readonly found: RegExp;
}

const SEED = 20260301;
const MOST_ROUNDS = 6;
/** Some of them wait for what never comes. */
const PATIENCE_MS = 2500;

const BY_NUMBER: readonly ToolKind[] = [{ door: 'number', isKeyed: false }];
const BY_REDIRECT: readonly ToolKind[] = [{ door: 'redirect', isKeyed: false }];
const KEYED: readonly ToolKind[] = [
  { door: 'device', isKeyed: true },
  { door: 'redirect', isKeyed: true },
];

const BROKEN: readonly BrokenBuild[] = [
  {
    title: 'redeems a link that was redeemed',
    changes: [
      {
        file: 'src/stores/sql/links-device-code.ts',
        from: "link('state', '=', 'approved'),",
        to: '',
      },
    ],
    // The schema would refuse the second one.
    statement: 'alter table linked_tools drop constraint linked_tools_link_id_once',
    fault: 'calm',
    found: /\d tokens were given for one approval/,
  },
  {
    title: 'looks whether a link is approved, and not again when it redeems it',
    changes: [
      {
        file: 'src/stores/sql/links-device-code.ts',
        from: "link.ref('key_thumbprint')),\n    }))\n    .where(isRedeemable(p)),",
        to: "link.ref('key_thumbprint')),\n    }))\n    .where('link_id', '=', p('link_id')),",
      },
    ],
    statement: 'alter table linked_tools drop constraint linked_tools_link_id_once',
    fault: 'calm',
    found: /\d tokens were given for one approval/,
  },
  {
    title: 'takes a code that was used',
    changes: [
      {
        file: 'src/stores/sql/authorizations.ts',
        from: ".where(fits(p))\n    .where('state', '=', 'approved')\n    .where('expires_at', '>', p('now'))",
        to: ".where(fits(p))\n    .where('expires_at', '>', p('now'))",
      },
    ],
    statement: 'alter table linked_tools drop constraint linked_tools_link_id_once',
    fault: 'calm',
    tools: BY_REDIRECT,
    found: /\d tokens were given for one approval/,
  },
  {
    title: 'gives the token of a number to another tool',
    changes: [
      {
        file: 'src/domain/links-by-number.ts',
        from: 'const own = link?.clientId === clientId ? link : undefined;',
        to: 'const own = link;',
      },
    ],
    fault: 'calm',
    tools: BY_NUMBER,
    found: /somebody got something who had only seen/,
  },
  {
    title: 'takes a code from whoever has seen it',
    changes: [
      {
        file: 'src/stores/sql/authorizations.ts',
        from: "row('code_challenge', '=', p('code_challenge')),",
        to: '',
      },
    ],
    fault: 'calm',
    tools: BY_REDIRECT,
    found: /somebody got something who had only seen/,
  },
  {
    title: 'redeems a number again that another replica has redeemed',
    changes: [
      {
        file: 'src/stores/sql/links-numbered.ts',
        from: ".where('client_id', '=', p('client_id'))\n    .where('state', '=', 'approved')",
        to: ".where('client_id', '=', p('client_id'))",
      },
    ],
    statement: 'alter table linked_tools drop constraint linked_tools_link_id_once',
    fault: 'calm',
    tools: BY_NUMBER,
    found: /\d tokens were given for one approval|\d linked tools are kept/,
  },
  {
    title: 'takes a bound token from whoever has seen it',
    changes: [
      {
        file: 'src/domain/tokens-standing.ts',
        from: "standing?.kind !== 'access' || boundKeyOf(standing.claims) !== keyThumbprint",
        to: "standing?.kind !== 'access' || (!keyThumbprint && boundKeyOf(standing.claims) === '')",
      },
    ],
    fault: 'calm',
    tools: KEYED,
    found: /somebody got something who had only seen/,
  },
  {
    title: 'takes a proof again that another replica has taken',
    changes: [
      {
        file: 'src/domain/dpop.ts',
        from: "if (!(await usedProofs.use(proofHash, staleAt))) throw refused('the proof was used before');",
        to: 'await usedProofs.use(proofHash, staleAt);',
      },
    ],
    fault: 'calm',
    tools: KEYED,
    found: /somebody got something who had only seen/,
  },
  {
    title: 'approves a link that was declined',
    changes: [
      {
        file: 'src/stores/sql/links.ts',
        from: "link('link_id', '=', p('link_id')),\n    link('state', '=', 'reserved'),",
        to: "link('link_id', '=', p('link_id')),\n    link('state', 'in', ['reserved', 'denied']),",
      },
    ],
    fault: 'calm',
    found: /approved and declined, both acknowledged/,
  },
  {
    title: 'lets a second account reserve a link',
    changes: [
      {
        file: 'src/stores/sql/links.ts',
        from: "link.and([link('state', '=', 'reserved'), link('account_id', '=', p('account_id'))]),",
        to: "link('state', '=', 'reserved'),",
      },
    ],
    fault: 'calm',
    found: /it is reserved by owner of \w and thief of \w|it is reserved by thief/,
  },
  {
    title: 'forgets that a tool was revoked',
    changes: [
      {
        file: 'src/domain/tokens-standing.ts',
        from: 'return tool && !tool.endedAt && (await mayUseTokens(tool.accountId))',
        to: 'return tool && (await mayUseTokens(tool.accountId))',
      },
    ],
    fault: 'calm',
    found: /was taken after it was revoked/,
  },
  {
    title: 'takes the charge of a wrong user code back',
    changes: [
      {
        file: 'src/domain/links-person.ts',
        from: 'if (linkId ?? (await isReservedByAnother(macs, session))) await takeBack();',
        to: 'await takeBack();\n      if (linkId ?? (await isReservedByAnother(macs, session))) return { linkId: linkId! };',
      },
    ],
    fault: 'calm',
    found: /the counter of userCodes went from|wrong user codes were answered/,
  },
  {
    title: 'takes a refresh token that is shown again for stolen, though its answer was lost',
    changes: [
      {
        file: 'src/domain/tokens-refresh.ts',
        from: 'const MOST_REPLAYS = 3;',
        to: 'const MOST_REPLAYS = 0;',
      },
    ],
    fault: 'calm',
    found: /the good refresh token \S+ was refused/,
  },
  {
    title: 'says invalid_grant where the database is gone',
    changes: [
      {
        file: 'src/http/oauth/errors.ts',
        from: "const unavailable: OAuthAnswer = {\n  status: 503,\n  error: 'temporarily_unavailable',",
        to: "const unavailable: OAuthAnswer = {\n  status: 400,\n  error: 'invalid_grant',",
      },
    ],
    fault: 'postgres: cut wire',
    found:
      /a good code was refused as invalid_grant|the good refresh token \S+ was refused|nobody may ever get this answer/,
  },
  {
    title: 'goes by the clock of its own machine',
    changes: [
      {
        file: 'src/wiring-ground.ts',
        from: 'const now = options.now ?? database.now;',
        to: 'const now = options.now ?? (() => new Date());',
      },
    ],
    fault: 'clock an hour ahead',
    found: /its time was over, and it was not|good access token|nobody may ever get this answer/,
  },
  {
    title: 'acknowledges what is not kept yet',
    changes: [
      {
        file: 'src/stores/sql/transaction-postgres.ts',
        from: "await control('BEGIN ISOLATION LEVEL SERIALIZABLE');",
        to: "await control('BEGIN ISOLATION LEVEL SERIALIZABLE');\n      await control('set local synchronous_commit = off');",
      },
    ],
    fault: 'postgres: immediate shutdown',
    found:
      /is not kept|can only be|a later one|a right code was unknown|good code|good refresh|answered, \d were counted|went from/,
  },
];

/** Changes the sources on their way into the build; a line that is not there any more is an error, not a sound build. */
function breaking(changes: readonly Change[]): Plugin {
  return {
    name: 'breaking',
    setup({ onLoad }) {
      for (const file of new Set(changes.map((change) => change.file))) {
        const path = resolve(file);
        onLoad({ filter: new RegExp(`${file.replace(/[/.]/g, '\\$&')}$`) }, () => {
          let contents = readFileSync(path, 'utf8');
          for (const { from, to } of changes.filter((change) => change.file === file)) {
            if (contents.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
            contents = contents.replace(from, () => to);
          }
          return { contents, loader: 'ts' };
        });
      }
    },
  };
}

/** Some in every run, and all of them with `FAULT_BUILDS=all`: each is a build and replicas of its own. */
const TRIED = process.env['FAULT_BUILDS'] === 'all' ? BROKEN : BROKEN.slice(0, 3);

describeWithPostgres('a build with one check taken out', () => {
  let postgres: LastingPostgres;
  beforeAll(async () => void (postgres = await startLastingPostgres()));
  afterAll(() => postgres.stop());

  it.each(TRIED.map((build) => [build.title, build] as const))(
    'that %s is found out',
    async (_, build) => {
      const { changes, statement, fault, found, tools = [PLAIN] } = build;
      const service = await buildService({
        preload: 'test/faults/settable-clock.ts',
        plugins: [breaking(changes)],
      });
      try {
        const place = await openPlace({
          service,
          postgresUrl: postgres.url,
          servers: { postgres },
          replicas: 2,
        });
        if (statement !== undefined) await place.truth.change(statement);
        const wrong: string[] = [];
        for (let round = 0; round < MOST_ROUNDS && !wrong.some((line) => found.test(line)); round++) {
          const schedule = drawSchedule({
            seed: SEED + round,
            replicas: 2,
            hasRedis: false,
            links: 10,
            fault,
            tools,
          });
          wrong.push(...(await runRound(schedule, place, PATIENCE_MS)).wrong);
        }
        await place.close();
        expect(wrong.join('\n')).toMatch(found);
      } finally {
        await service.remove();
      }
    },
    120_000,
  );
});
