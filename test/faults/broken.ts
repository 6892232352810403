// What is taken out of the sources to break a build of the service, and what the checker says of that: checks that every link has, and
// the running of the service itself. Those of the single doors are in broken-doors.ts. The lines are found by their text.
import type { FaultKind, ToolKind } from './schedule.js';

export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export interface BrokenBuild {
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

export const BROKEN: readonly BrokenBuild[] = [
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
