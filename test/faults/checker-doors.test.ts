// The rules of links by number and of codes on small histories: what is right passes, and each wrong thing is named. Those of links
// with a device code are in checker.test.ts. Without a service.
import { checkLink } from './checker-links.js';
import { checkTokens } from './checker-tokens.js';
import type { Op } from './history.js';
import { approved, declined, op, token } from './small-histories.js';

describe('the rules of a tool that polls by a number', () => {
  const kind = { door: 'number', isKeyed: false } as const;
  const read = (at: number, name: string): Op => op(at, 'poll', 'done', { got: { access: name, jti: name } });

  it.each([
    ['the same token, read again', [...approved, read(200, 'one'), read(300, 'one')]],
    [
      'nothing more, once it was given back',
      [...approved, read(200, 'one'), op(300, 'revoke', 'done'), op(400, 'poll', 'gone')],
    ],
    ['nothing, once it was declined', [...declined, op(200, 'poll', 'gone')]],
  ] as const)('let %s pass (PIN-API 3.2)', (_, ops) => expect(checkLink(ops, kind)).toEqual([]));

  it.each([
    ['two tokens', [...approved, read(200, 'one'), read(300, 'two')], /2 tokens were given/],
    [
      'nothing, where there is a token',
      [...approved, op(200, 'poll', 'gone')],
      /there is nothing, and there is/,
    ],
    [
      'a token after there was nothing',
      [...approved, op(150, 'expire', 'lost'), op(200, 'poll', 'gone'), read(300, 'one')],
      /said gone and a later one done/,
    ],
    [
      'another signature',
      [...approved, read(200, 'one'), op(300, 'poll', 'done', { got: { access: 'other', jti: 'one' } })],
      /is not the same/,
    ],
    ['a token for another tool', [...approved, op(200, 'misuse', 'done')], /only seen what another had/],
    [
      'a token that was given back',
      [...approved, read(200, 'one'), op(300, 'revoke', 'done'), read(400, 'one')],
      /was given again after it was revoked/,
    ],
  ] as const)('name %s', (_, ops, found) =>
    expect([...checkLink(ops, kind), ...checkTokens(ops, kind)].join('\n')).toMatch(found),
  );
});

describe('the rules of a tool that sends its person along', () => {
  const kind = { door: 'redirect', isKeyed: false } as const;
  const keyed = { door: 'redirect', isKeyed: true } as const;
  const begun = [op(0, 'start', 'done'), op(100, 'approve', 'done')];
  const replayed = [...begun, token(200, 'one'), op(300, 'poll', 'spent')];

  it.each([
    [
      'a code that is shown again, and ends what it gave',
      [...replayed, op(400, 'use', 'refused', { shown: 'access one' })],
      kind,
    ],
    ['the same tokens again, for the same key', [...begun, token(200, 'one'), token(300, 'one')], keyed],
    ['a code whose time was over', [...begun, op(150, 'expire', 'done'), op(300, 'poll', 'spent')], kind],
    [
      'a page that says no more of a code that was used',
      [...begun, token(200, 'one'), op(300, 'poll', 'gone')],
      kind,
    ],
  ] as const)('let %s pass (RFC 6749 §4.1.2)', (_, ops, tool) =>
    expect([...checkLink(ops, tool), ...checkTokens(ops, tool)]).toEqual([]),
  );

  it.each([
    [
      'two tokens for one code',
      [...begun, token(200, 'one'), token(300, 'one')],
      kind,
      /2 tokens were given/,
    ],
    [
      'two tokens for one key',
      [...begun, token(200, 'one'), token(300, 'two')],
      keyed,
      /2 tokens were given/,
    ],
    [
      'what is still taken after its code was shown again',
      [...replayed, op(400, 'use', 'done', { shown: 'access one' })],
      kind,
      /was taken after it was revoked/,
    ],
    [
      'a good token that is refused',
      [...begun, token(200, 'one'), op(300, 'use', 'refused', { shown: 'access one' })],
      kind,
      /the good access token/,
    ],
    [
      'a code that a page without one is said to have used',
      [...begun, op(150, 'poll', 'lost', { isCodeless: true }), op(200, 'poll', 'spent')],
      kind,
      /refused as invalid_grant/,
    ],
    [
      'a code for whoever has seen it',
      [...begun, op(200, 'misuse', 'done')],
      kind,
      /only seen what another had/,
    ],
  ] as const)('name %s', (_, ops, tool, found) =>
    expect([...checkLink(ops, tool), ...checkTokens(ops, tool)].join('\n')).toMatch(found),
  );
});
