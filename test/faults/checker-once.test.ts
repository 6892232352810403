// The rules of proofs and of pushed requests on small histories: what is right passes, and each wrong thing is named. Without a
// service.
import { checkLink } from './checker-links.js';
import { checkOnce } from './checker-once.js';
import { checkTokens, mayHaveEndedAt } from './checker-tokens.js';
import type { Op } from './history.js';
import { approved, op } from './small-histories.js';

describe('the rules of a tool with a key that polls by a number', () => {
  const kind = { door: 'number', isKeyed: true } as const;
  const got = (name: string) => ({ access: name, jti: name });
  const read = (at: number, name: string): Op => op(at, 'poll', 'done', { got: got(name) });
  const renew = (at: number, shown: string, said: Op['said'], name?: string): Op =>
    op(at, 'renew', said, { shown, ...(name === undefined ? {} : { got: got(name) }) });
  const linked = [...approved, read(200, 'one')];
  const check = (ops: readonly Op[]): string[] => [
    ...checkLink(ops, kind),
    ...checkTokens(ops, kind),
    ...checkOnce(ops, mayHaveEndedAt(ops, kind)),
  ];

  it.each([
    ['the same token at every reading', [...linked, read(300, 'one')]],
    [
      'somebody who waits without a proof',
      [...linked, op(300, 'misuse', 'refused', { how: 'without a proof' })],
    ],
    ['a token for each proof', [...linked, renew(300, 'p', 'done', 'two'), renew(400, 'q', 'done', 'three')]],
    [
      'one of two who show a proof at once',
      [...linked, renew(300, 'p', 'refused'), renew(301, 'p', 'done', 'two')],
    ],
    [
      'a proof whose answer was lost, shown again',
      [...linked, renew(300, 'p', 'lost'), renew(400, 'p', 'refused')],
    ],
    [
      'a proof that comes after the end',
      [...linked, op(300, 'revoke', 'done'), renew(400, 'p', 'refused'), op(500, 'poll', 'gone')],
    ],
    ['a proof beside the end', [...linked, op(300, 'revoke', 'lost'), renew(305, 'p', 'refused')]],
  ] as const)('let %s pass (PIN-API 5)', (_, ops) => expect(check(ops)).toEqual([]));

  it.each([
    [
      'a token without a proof',
      [...linked, op(300, 'misuse', 'done', { how: 'without a proof' })],
      /only seen what another had: without a proof/,
    ],
    [
      'a token for the proof of another key',
      [...linked, op(300, 'misuse', 'done', { how: "with another key's proof" })],
      /another key's proof/,
    ],
    ['two tools of one approval', [...linked, read(300, 'two')], /2 tokens were given for one approval/],
    [
      'a token that was signed anew',
      [...linked, op(300, 'poll', 'done', { got: { access: 'other', jti: 'one' } })],
      /is not the same/,
    ],
    [
      'a proof that counts at two replicas',
      [...linked, renew(300, 'p', 'done', 'two'), renew(301, 'p', 'done', 'three')],
      /one proof counted 2 times/,
    ],
    [
      'a proof that counts a second time',
      [...linked, renew(300, 'p', 'done', 'two'), renew(400, 'p', 'done', 'three')],
      /one proof counted 2 times/,
    ],
    ['a good proof that is refused', [...linked, renew(300, 'p', 'refused')], /a good proof was refused/],
    [
      'two good proofs of which neither counts',
      [...linked, renew(300, 'p', 'refused'), renew(301, 'p', 'refused')],
      /a good proof was refused/,
    ],
    [
      'a proof that counts after the end',
      [...linked, op(300, 'revoke', 'done'), renew(400, 'p', 'done', 'two')],
      /the proof of its key \S+ was taken after it was revoked/,
    ],
  ] as const)('name %s', (_, ops, found) => expect(check(ops).join('\n')).toMatch(found));
});

describe('the rules of a pushed request', () => {
  const begin = (at: number, said: Op['said'], shown = 'pushed'): Op => op(at, 'begin', said, { shown });
  const start = op(0, 'start', 'done');
  const check = (ops: readonly Op[]): string[] => [
    ...checkLink(ops, { door: 'redirect', isKeyed: false, isPushed: true }),
    ...checkOnce(ops, Infinity),
  ];

  it.each([
    ['one of two browsers at once', [start, begin(50, 'done'), begin(51, 'gone')]],
    ['a browser after one whose answer was lost', [start, begin(50, 'lost'), begin(90, 'gone')]],
    ['two requests', [start, begin(50, 'done', 'one'), begin(51, 'done', 'two')]],
    ['another tool that is refused', [start, op(20, 'misuse', 'refused'), begin(50, 'done')]],
  ] as const)('let %s pass (RFC 9126 §2.2)', (_, ops) => expect(check(ops)).toEqual([]));

  it.each([
    [
      'one that two browsers take up',
      [start, begin(50, 'done'), begin(51, 'done')],
      /one pushed request counted 2 times/,
    ],
    ['a good one that is refused', [start, begin(50, 'gone')], /a good pushed request was refused/],
    [
      'one that another tool’s try has used up',
      [start, op(20, 'misuse', 'refused'), begin(50, 'gone'), begin(51, 'gone')],
      /a good pushed request was refused/,
    ],
    [
      'one that another tool takes up',
      [start, op(20, 'misuse', 'done', { how: 'as another tool' })],
      /only seen what another had: as another tool/,
    ],
    [
      'one that is taken up a second time',
      [start, begin(50, 'done'), op(90, 'misuse', 'done', { how: 'a second time' })],
      /only seen what another had: a second time/,
    ],
  ] as const)('name %s', (_, ops, found) => expect(check(ops).join('\n')).toMatch(found));
});
