// What breaks a build as broken.ts does, and shows with some tools only: those that poll by a number, are linked by another tool,
// come back by a redirect, or have a key.
import type { BrokenBuild } from './broken.js';
import type { ToolKind } from './schedule.js';

const BY_NUMBER: readonly ToolKind[] = [{ door: 'number', isKeyed: false }];
const BY_REDIRECT: readonly ToolKind[] = [{ door: 'redirect', isKeyed: false }];
const KEYED: readonly ToolKind[] = [
  { door: 'device', isKeyed: true },
  { door: 'redirect', isKeyed: true },
];
const KEYED_BY_NUMBER: readonly ToolKind[] = [{ door: 'number', isKeyed: true }];
const BY_TOOL: readonly ToolKind[] = [
  { door: 'number', isKeyed: false, isByTool: true },
  { door: 'number', isKeyed: true, isByTool: true },
];
const PUSHED: readonly ToolKind[] = [
  { door: 'redirect', isKeyed: false, isPushed: true },
  { door: 'redirect', isKeyed: true, isPushed: true },
];

export const BROKEN_DOORS: readonly BrokenBuild[] = [
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
    title: 'gives the token of a number again without a proof of its key',
    changes: [
      {
        file: 'src/domain/links-by-number.ts',
        from: 'return deviceProof === undefined\n      ? undefined\n',
        to: "return deviceProof === undefined\n      ? 'none-needed'\n",
      },
    ],
    fault: 'calm',
    tools: KEYED_BY_NUMBER,
    found: /only seen what another had: without a proof/,
  },
  {
    title: 'gives the token of a number for a proof that another key has signed',
    changes: [
      {
        file: 'src/crypto/key-proof.ts',
        from: 'return key && isSignedBy(jwt, { alg, key }) ? claimsOfUnchecked(jwt) : undefined;',
        to: 'return key ? claimsOfUnchecked(jwt) : undefined;',
      },
    ],
    fault: 'calm',
    tools: KEYED_BY_NUMBER,
    found: /only seen what another had: with another key's proof/,
  },
  {
    title: 'renews twice for one nonce',
    changes: [
      {
        file: 'src/domain/device-keys.ts',
        from: 'if (!(await stores.deviceKeys.useNonce(nonce, nonceEnd, now()))) return undefined;',
        to: 'await stores.deviceKeys.useNonce(nonce, nonceEnd, now());',
      },
    ],
    fault: 'calm',
    tools: KEYED_BY_NUMBER,
    found: /one proof counted 2 times/,
  },
  {
    title: 'renews for a key whose tool has ended',
    changes: [
      {
        file: 'src/domain/device-keys.ts',
        from: 'const isItsKey = found?.keyThumbprint === key.thumbprint && !found.endedAt;',
        to: 'const isItsKey = found?.keyThumbprint === key.thumbprint;',
      },
      {
        file: 'src/stores/sql/device-keys.ts',
        from: ".where('linked_tools.ended_at', 'is', null)\n",
        to: '',
      },
    ],
    fault: 'calm',
    tools: KEYED_BY_NUMBER,
    found: /the proof of its key \S+ was taken after it was revoked/,
  },
  {
    title: 'approves with a token what was approved with a token',
    changes: [
      {
        file: 'src/stores/sql/links-numbered.ts',
        from: ".where('state', '=', 'pending')\n    .where('network', '=', p('network'))",
        to: ".where('network', '=', p('network'))",
      },
    ],
    fault: 'calm',
    tools: BY_TOOL,
    found: /one link was approved 2 times with a token/,
  },
  {
    title: 'approves with the token of another network',
    changes: [
      {
        file: 'src/domain/links-by-token.ts',
        from: 'if (link.network !== origin.network) throw notAllowed();',
        to: '',
      },
      {
        file: 'src/stores/sql/links-numbered.ts',
        from: "    .where('network', '=', p('network'))\n",
        to: '',
      },
    ],
    fault: 'calm',
    tools: BY_TOOL,
    found: /only seen what another had: from another network/,
  },
  {
    title: 'lets a tool live on when the one ends that linked it',
    changes: [
      {
        file: 'src/stores/sql/tokens.ts',
        from: 'await sql.change(updateChildrenEnded, { parent_tool_id: linkedToolId, at: at.getTime() });',
        to: '',
      },
    ],
    fault: 'calm',
    tools: BY_TOOL,
    found: /counted after the tool had ended that linked it|has ended, acknowledged, and it is kept as live/,
  },
  {
    title: 'redeems what a tool has approved that has ended since',
    changes: [
      {
        file: 'src/domain/links-number-redemption.ts',
        from: "if (!parent || parent.endedAt) throw new DomainError('account-closed');\n    return parent.",
        to: 'return parent?.',
      },
    ],
    fault: 'calm',
    tools: BY_TOOL,
    found: /counted after the tool had ended that linked it|has ended, acknowledged, and it is kept as live/,
  },
  {
    title: 'lets another tool take up a pushed request',
    changes: [
      {
        file: 'src/stores/sql/authorizations.ts',
        from: ".where('state', '=', 'pushed')\n    .where('client_id', '=', p('client_id'))",
        to: ".where('state', '=', 'pushed')",
      },
    ],
    fault: 'calm',
    tools: PUSHED,
    found: /only seen what another had: as another tool/,
  },
];
