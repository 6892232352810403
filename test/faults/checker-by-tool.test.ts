// The rules of links that another tool approves with its token, on small histories: what is right passes, and each wrong thing is
// named. Without a service.
import { checkRound } from './checker.js';
import type { Op, Said } from './history.js';
import { op } from './small-histories.js';
import type { LinkTruth } from './truth.js';

const start = op(0, 'start', 'done');
const approve = (at: number, said: Said = 'done'): Op => op(at, 'approve', said, { by: 'a tool' });
const endParent = (at: number, said: Said = 'done'): Op => op(at, 'end-parent', said);
const got = { access: 'one', jti: 'one' };
const read = (at: number): Op => op(at, 'poll', 'done', { got });
const use = (at: number, said: Said = 'done'): Op => op(at, 'use', said, { shown: 'one' });

const toolOf = (isEnded: boolean) => ({
  ...{ linkedToolId: 'tool', accountId: 'account', isEnded, redemptionsRecorded: 1, refresh: [] },
});
const kept = (state: string, audit: LinkTruth['audit'] = {}, tools: LinkTruth['tools'] = []): LinkTruth => ({
  ...{ linkId: 'link', state, audit, tools },
});
const REDEEMED = kept('redeemed', { approved: 1 }, [toolOf(false)]);
const ENDED = kept('redeemed', { approved: 1 }, [toolOf(true)]);
const WITHDRAWN = kept('denied', { approved: 1, withdrawn: 1 });

const check = (ops: readonly Op[], truth: LinkTruth): string =>
  checkRound({
    ops,
    // A lost answer has to be excused by something.
    excuses: [{ kind: 'kill', unavailable: [0], broken: [0], from: 0, until: 1000 }],
    links: new Map([['a', 'link']]),
    tools: new Map([['a', { door: 'number', isKeyed: false, isByTool: true }]]),
    truth: new Map([['link', truth]]),
    guessed: { samples: [{ at: 0, userCodes: 0, secondFactors: 0 }] },
    stuck: [],
  }).join('\n');

describe('the rules of a link that a tool approves with its token', () => {
  it.each([
    ['one approval and its token', [start, approve(50), read(100), use(150)], REDEEMED],
    ['one of two at once', [start, approve(50), approve(51, 'over'), read(100)], REDEEMED],
    [
      'an approval that is lost, and the next',
      [start, approve(50, 'lost'), approve(90, 'over'), read(100)],
      REDEEMED,
    ],
    [
      'one that comes after its person',
      [start, op(20, 'reserve', 'done'), approve(25, 'over'), op(90, 'deny', 'done')],
      kept('denied', { denied: 1 }),
    ],
    ['a person who comes after it', [start, approve(50), op(90, 'reserve', 'unknown'), read(100)], REDEEMED],
    [
      'an end that takes the tool along',
      [start, approve(50), read(100), endParent(150), use(200, 'refused'), op(300, 'poll', 'gone')],
      ENDED,
    ],
    [
      'an end before the token is collected',
      [start, approve(50), endParent(80), op(100, 'poll', 'gone')],
      WITHDRAWN,
    ],
    ['an approval that comes after the end', [start, endParent(45), approve(50, 'refused')], kept('pending')],
    [
      'one beside the end, of which nothing comes',
      [start, endParent(50), approve(51), op(100, 'poll', 'gone')],
      WITHDRAWN,
    ],
    ['an end that nobody may know of', [start, approve(50), read(100), endParent(150, 'lost')], REDEEMED],
    ['a token that is given beside the end', [start, approve(50), endParent(100), read(105)], ENDED],
  ] as const)('let %s pass (PIN-API 3.3, Decided)', (_, ops, truth) => expect(check(ops, truth)).toBe(''));

  it.each([
    [
      'an approval that counts twice',
      [start, approve(50), approve(51)],
      kept('approved', { approved: 2 }),
      /2 times with a token/,
    ],
    [
      'a second record of it',
      [start, approve(50)],
      kept('approved', { approved: 2 }),
      /approved is recorded 2 times/,
    ],
    [
      'an approval of what a person has reserved',
      [start, op(20, 'reserve', 'done'), approve(50)],
      kept('approved', { approved: 1 }),
      /reserved, and approved with a token/,
    ],
    [
      'an approval that is refused for nothing',
      [start, approve(50, 'over')],
      kept('pending'),
      /nothing speaks against it/,
    ],
    [
      'an approval with a token that has ended',
      [start, endParent(20), approve(50)],
      kept('approved', { approved: 1 }),
      /with the token of a tool that had ended/,
    ],
    [
      'a good token that is refused',
      [start, approve(50, 'refused')],
      kept('pending'),
      /a good token was refused/,
    ],
    ['a token without an approval', [start, read(100)], REDEEMED, /without an approval/],
    ['a tool without an approval', [start], REDEEMED, /it is kept as redeemed/],
    [
      'an approval by an ended tool',
      [start, op(50, 'misuse', 'done', { how: 'with the token of an ended tool' })],
      kept('pending'),
      /with the token of an ended tool/,
    ],
    [
      'a token that counts after the end',
      [start, approve(50), read(100), endParent(150), use(200)],
      ENDED,
      /counted after the tool had ended/,
    ],
    [
      'a token that is given after the end',
      [start, approve(50), endParent(80), read(100)],
      ENDED,
      /counted after the tool had ended/,
    ],
    [
      'a tool that lives on',
      [start, approve(50), read(100), endParent(150)],
      REDEEMED,
      /has ended, acknowledged, and it is kept as live/,
    ],
    ['an end that nobody asked for', [start, approve(50), read(100)], ENDED, /nobody ended it/],
    ['a link that is taken back for nothing', [start, approve(50)], WITHDRAWN, /can only be approved/],
    [
      'one that is taken back twice',
      [start, approve(50), endParent(80)],
      kept('denied', { approved: 1, withdrawn: 2 }),
      /withdrawn is recorded 2 times/,
    ],
    [
      'nothing, where there is a token',
      [start, approve(50), op(100, 'poll', 'gone')],
      kept('approved', { approved: 1 }),
      /there is nothing, and there is/,
    ],
  ] as const)('name %s', (_, ops, truth, found) => expect(check(ops, truth)).toMatch(found));
});
