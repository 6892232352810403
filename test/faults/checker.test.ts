// The checker of histories on small histories of its own: what is right passes, and each wrong thing is named. Without a service.
import { createHash } from 'node:crypto';
import { checkAnswers } from './checker-answers.js';
import { checkCounters } from './checker-counters.js';
import { checkLink, checkLinkTruth } from './checker-links.js';
import { checkTokens, checkToolTruth } from './checker-tokens.js';
import type { Excuse } from './fault-hands.js';
import type { Op } from './history.js';
import { drawSchedule } from './schedule.js';
import { approved, declined, op, pair, token } from './small-histories.js';
import type { LinkTruth } from './truth.js';

describe('the rules of a link', () => {
  const right: readonly (readonly [string, readonly Op[]])[] = [
    ['one approval and one token', [...approved, token(200, 'one'), op(300, 'poll', 'spent')]],
    [
      'a redemption whose answer was lost, and no token',
      [...approved, op(200, 'poll', 'lost'), op(300, 'poll', 'spent')],
    ],
    [
      'an approval whose answer was lost, and a token',
      [op(0, 'reserve', 'done'), op(50, 'approve', 'lost'), token(90, 'one')],
    ],
    ['a decline that is final', [...declined, op(200, 'approve', 'over'), op(300, 'poll', 'denied')]],
    ['a replica that has not heard yet', [...approved, op(200, 'poll', 'pending'), token(5000, 'one')]],
    [
      'an approval that may have come before its time was over',
      [
        op(0, 'reserve', 'done'),
        op(95, 'expire', 'done'),
        op(90, 'approve', 'done'),
        op(200, 'poll', 'expired'),
      ],
    ],
    [
      'somebody else who is told that the code is unknown',
      [...approved, op(300, 'reserve', 'unknown', { by: 'thief' })],
    ],
    ['two approvals at once', [...approved, op(101, 'approve', 'done'), token(200, 'one')]],
  ];
  it.each(right)('let %s pass', (_, ops) => expect(checkLink(ops)).toEqual([]));

  const wrong: readonly (readonly [string, readonly Op[], RegExp])[] = [
    ['two tokens', [...approved, token(200, 'one'), token(210, 'two')], /2 tokens were given/],
    ['a token without an approval', [op(0, 'reserve', 'done'), token(50, 'one')], /without an approval/],
    [
      'a token before its approval was asked for',
      [op(0, 'reserve', 'done'), token(50, 'one'), op(90, 'approve', 'done')],
      /without an approval/,
    ],
    [
      'an approval after a decline',
      [...declined, op(200, 'approve', 'done')],
      /approved and declined, both acknowledged/,
    ],
    ['a token after a decline', [...declined, token(200, 'one')], /for a link that was declined/],
    [
      'an approval after a poll that said declined',
      [
        op(0, 'reserve', 'done'),
        op(20, 'deny', 'lost'),
        op(50, 'poll', 'denied'),
        op(100, 'approve', 'done'),
      ],
      /approved after a poll had said/,
    ],
    [
      'an approval after its time',
      [op(0, 'reserve', 'done'), op(20, 'expire', 'done'), op(100, 'approve', 'done')],
      /approved after its time/,
    ],
    [
      'a token after its time',
      [...approved, op(150, 'expire', 'done'), token(200, 'one')],
      /given after its time was over/,
    ],
    ['a good code that is refused', [...approved, op(200, 'poll', 'spent')], /refused as invalid_grant/],
    [
      'a code that is refused before anything',
      [op(0, 'start', 'done'), op(50, 'poll', 'spent')],
      /spent without/,
    ],
    ['an approved link that is declined', [...approved, op(200, 'poll', 'denied')], /nobody had/],
    ['an approved link that is over', [...approved, op(200, 'poll', 'expired')], /and it was not/],
    ['an approved link that stays pending', [...approved, op(12_000, 'poll', 'pending')], /long after/],
    [
      'a held poll that does not look when it ends',
      [
        op(0, 'reserve', 'done'),
        op(5, 'approve', 'done'),
        op(6, 'poll', 'pending', { isHeld: true, endedAt: 12_000 }),
      ],
      /long after/,
    ],
    [
      'two who hold it',
      [...approved, op(300, 'reserve', 'done', { by: 'thief' })],
      /reserved by owner and thief/,
    ],
    ['a right code that is unknown', [op(0, 'start', 'done'), op(20, 'reserve', 'unknown')], /right code/],
    ['a person who is refused for nothing', [op(20, 'reserve', 'too-many')], /did not guess/],
    [
      'an approval that is refused for nothing',
      [op(0, 'reserve', 'done'), op(20, 'approve', 'over')],
      /nothing speaks/,
    ],
    [
      'last words that change',
      [op(0, 'deny', 'lost'), op(0, 'expire', 'lost'), op(50, 'poll', 'denied'), op(80, 'poll', 'expired')],
      /said denied and a later one expired/,
    ],
  ];
  it.each(wrong)('find %s', (_, ops, found) => expect(checkLink(ops).join('\n')).toMatch(found));
});

describe('what is kept of a link', () => {
  const kept = (
    state: string,
    tools: LinkTruth['tools'] = [],
    audit: LinkTruth['audit'] = {},
  ): LinkTruth => ({
    ...{ linkId: 'link', state, tools, audit },
  });
  const aTool = {
    ...{ linkedToolId: 'tool', accountId: 'account', isEnded: false, redemptionsRecorded: 1, refresh: [] },
  };

  it('is what was acknowledged', () => {
    const redeemed = kept('redeemed', [aTool], { approved: 1 });
    expect(checkLinkTruth([...approved, token(200, 'one')], redeemed)).toEqual([]);
    expect(checkLinkTruth(declined, kept('denied', [], { denied: 1 }))).toEqual([]);
  });

  it('may be either where nobody knows', () => {
    const lost = [op(0, 'reserve', 'done'), op(50, 'approve', 'lost')];
    expect(checkLinkTruth(lost, kept('reserved'))).toEqual([]);
    expect(checkLinkTruth(lost, kept('approved', [], { approved: 1 }))).toEqual([]);
  });

  it.each([
    ['a link that is gone', approved, undefined, /is not kept/],
    ['an approval that is gone', approved, kept('reserved'), /can only be approved/],
    ['a decline that is gone', declined, kept('reserved'), /can only be denied/],
    ['a redemption that is gone', [...approved, token(200, 'one')], kept('approved'), /can only be redeemed/],
    ['an approval that nobody made', [op(0, 'reserve', 'done')], kept('approved'), /can only be reserved/],
    ['an approval without a record', approved, kept('approved'), /approved is recorded 0 times/],
    ['a redemption without a tool', [...approved, token(200, 'one')], kept('redeemed'), /0 linked tools/],
    ['a tool without a redemption', approved, kept('approved', [aTool]), /1 linked tools/],
    [
      'a redemption without a record',
      [...approved, token(200, 'one')],
      kept('redeemed', [{ ...aTool, redemptionsRecorded: 0 }]),
      /redemption is recorded 0 times/,
    ],
  ] as const)('is compared: it finds %s', (_, ops, truth, found) =>
    expect(checkLinkTruth(ops, truth).join('\n')).toMatch(found),
  );
});

describe('the rules of tokens', () => {
  const first = token(0, 'one');
  const refresh = (at: number, shown: string, more: Partial<Op>): Op =>
    op(at, 'refresh', 'done', { shown: `refresh ${shown}`, ...more });

  it.each([
    [
      'a chain',
      [first, refresh(50, 'one', { got: pair('two') }), refresh(90, 'two', { got: pair('three') })],
    ],
    [
      'an answer that was lost and is given again, the same',
      [first, refresh(50, 'one', { said: 'lost' }), refresh(90, 'one', { got: pair('two') })],
    ],
    [
      'a fifth showing of one token, which ends all of them',
      [
        ...[0, 1, 2, 3].map((index) => refresh(50 + index, 'one', { said: 'lost' })),
        refresh(90, 'one', { said: 'spent' }),
        op(120, 'use', 'refused', { shown: 'access one' }),
      ],
    ],
    [
      'a revocation whose answer was lost',
      [first, op(50, 'revoke', 'unavailable'), op(90, 'use', 'refused', { shown: 'access one' })],
    ],
  ] as const)('let %s pass', (_, ops) => expect(checkTokens(ops)).toEqual([]));

  it.each([
    ['a good token that is refused', [first, refresh(50, 'one', { said: 'spent' })], /good refresh token/],
    [
      'a good access token that is refused',
      [first, op(50, 'use', 'refused', { shown: 'a' })],
      /good access token/,
    ],
    [
      'a revoked token that is taken',
      [first, op(50, 'revoke', 'done'), op(90, 'use', 'done', { shown: 'a' })],
      /after it was revoked/,
    ],
    [
      'a refresh after the revocation',
      [first, op(50, 'revoke', 'done'), refresh(90, 'one', { got: pair('two') })],
      /after it was revoked/,
    ],
    [
      'two successors',
      [refresh(50, 'one', { got: pair('two') }), refresh(52, 'one', { got: pair('three') })],
      /two successors/,
    ],
    ['an answer of another kind', [refresh(50, 'one', { said: 'expired' })], /was answered expired/],
  ] as const)('find %s', (_, ops, found) => expect(checkTokens(ops).join('\n')).toMatch(found));

  const row = (name: string, generation: number, jti = name) => ({
    ...{ generation, jti, hash: createHash('sha256').update(`refresh ${name}`).digest('base64url') },
  });
  const kept = (refreshRows: ReturnType<typeof row>[], isEnded = false): LinkTruth => ({
    ...{ linkId: 'link', state: 'redeemed', audit: {} },
    tools: [{ linkedToolId: 'tool', accountId: 'a', isEnded, redemptionsRecorded: 1, refresh: refreshRows }],
  });

  it('are compared with what is kept', () => {
    expect(checkToolTruth([first], kept([row('one', 0)]))).toEqual([]);
    expect(checkToolTruth([first, op(50, 'revoke', 'done')], kept([row('one', 0)], true))).toEqual([]);
  });

  it.each([
    ['a token that is not kept', [first], kept([]), /is not kept/],
    ['one that is kept with another', [first], kept([row('one', 0, 'other')]), /another access token/],
    [
      'a generation twice',
      [first, refresh(9, 'one', { said: 'lost' })],
      kept([row('one', 0), row('b', 0)]),
      /kept twice/,
    ],
    ['a revocation that is gone', [first, op(50, 'revoke', 'done')], kept([row('one', 0)]), /kept as live/],
    ['an end that nobody asked for', [first], kept([row('one', 0)], true), /nobody ended it/],
    ['a successor that nobody asked for', [first], kept([row('one', 0), row('b', 1)]), /2 refresh tokens/],
  ] as const)('are compared with what is kept: it finds %s', (_, ops, truth, found) =>
    expect(checkToolTruth(ops, truth).join('\n')).toMatch(found),
  );
});

describe('the counters', () => {
  const sample = (at: number, userCodes: number, secondFactors = 0) => ({ at, userCodes, secondFactors });
  const guesses = (...said: Op['said'][]) => said.map((one, index) => op(index, 'guess', one));

  it('may stand still and grow, and hold what was answered', () => {
    const samples = [sample(0, 0), sample(50, 1), sample(100, 2)];
    expect(checkCounters(guesses('unknown', 'lost'), { samples })).toEqual([]);
  });

  it('may take a charge back for which nothing was looked at', () => {
    const samples = [sample(0, 2), sample(50, 1)];
    expect(checkCounters(guesses('unknown', 'unavailable'), { samples })).toEqual([]);
  });

  it.each([
    ['a counter that went down', guesses('unknown', 'unknown'), [sample(0, 2), sample(50, 1)], /from 2 to 1/],
    [
      'more taken back than was refused unlooked at',
      guesses('unknown', 'unavailable'),
      [sample(0, 3), sample(50, 1)],
      /from 3 to 1/,
    ],
    [
      'a try that was not counted',
      guesses('unknown', 'unknown'),
      [sample(50, 1)],
      /2 wrong user codes were answered, 1/,
    ],
    ['more than were tried', guesses('unknown'), [sample(50, 2)], /2 user codes were counted, fewer/],
    [
      'more answers than the budget has',
      guesses(...Array<'unknown'>(6).fill('unknown')),
      [sample(50, 6)],
      /6 wrong user codes were answered, of 5/,
    ],
    ['a refusal too soon', guesses('too-many'), [sample(50, 1)], /only 1 were counted/],
    [
      'a second factor that was not counted',
      [op(0, 'wrong-code', 'unknown')],
      [sample(50, 0)],
      /1 wrong second factors/,
    ],
  ] as const)('show %s', (_, ops, samples, found) =>
    expect(checkCounters(ops, { samples }).join('\n')).toMatch(found),
  );
});

describe('answers', () => {
  const fault: Excuse = { kind: 'kill', unavailable: [1], broken: [0], from: 100, until: 200 };

  it('are excused by a fault, while it lasts, where it is', () => {
    const ops = [
      op(150, 'poll', 'unavailable', { replica: 1 }),
      op(95, 'poll', 'lost'),
      op(200, 'poll', 'unsent'),
    ];
    expect(checkAnswers(ops, [fault])).toEqual([]);
  });

  it.each([
    ['a 503 of somebody else', op(150, 'poll', 'unavailable', { replica: 2 })],
    ['a 503 when everything was whole again', op(250, 'poll', 'unavailable', { replica: 1 })],
    ['a broken connection to whoever was not killed', op(150, 'poll', 'lost', { replica: 1 })],
    ['an answer that nobody may get', op(150, 'poll', 'wrong', { replica: 1 })],
    ['no answer at all', op(150, 'poll', 'silence')],
  ])('are judged otherwise: %s', (_, one) => expect(checkAnswers([one], [fault])).toHaveLength(1));
});

describe('a schedule', () => {
  const asked = { seed: 20260301, replicas: 3, hasRedis: true };

  it('is the same for the same seed, and another for the next', () => {
    expect(drawSchedule(asked)).toEqual(drawSchedule(asked));
    expect(drawSchedule(asked)).not.toEqual(drawSchedule({ ...asked, seed: 20260302 }));
  });

  it('comes to every fault in turn, with a Redis and without', () => {
    const kinds = (hasRedis: boolean, count: number) =>
      Array.from(
        { length: count },
        (_, index) => drawSchedule({ ...asked, seed: index, hasRedis }).faults[0]!.kind,
      );
    expect(new Set(kinds(true, 16)).size).toBe(16);
    expect(new Set(kinds(false, 11)).size).toBe(11);
  });
});
