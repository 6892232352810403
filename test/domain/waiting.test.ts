// Held polls (domain/waiting.ts): how long a request waits, what ends it, how many there may be. RFC 7240 §4.3.
// Time is jest's: no test sleeps.
import { jest } from '@jest/globals';
import { createWaiting, type HoldAnswer } from '../../src/domain/waiting.js';
import { createMemoryWakeUps } from '../../src/stores/ephemeral/wake-ups.js';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function openWaiting(limits: { mostByNetwork?: number; mostEverywhere?: number } = {}) {
  const wakeUps = createMemoryWakeUps();
  const waiting = createWaiting({ wakeUps, ...limits });
  /** Holds for a link that is still pending, unless told otherwise. */
  const hold = (key: string, more: Partial<Parameters<typeof waiting.hold>[0]> = {}): Promise<HoldAnswer> =>
    waiting.hold({ key, network: 'n', seconds: 30, check: async () => false, ...more });
  return { wakeUps, waiting, hold };
}

function newCaller() {
  const listeners = new Set<() => void>();
  let isGone = false;
  return {
    hasLeft: () => isGone,
    onLeaving(listener: () => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    leave(): void {
      isGone = true;
      for (const listener of listeners) listener();
    },
    countListeners: () => listeners.size,
  };
}

/** What the hold has answered by now; `waits` where nothing. */
async function stateOf(held: Promise<HoldAnswer>): Promise<HoldAnswer | 'waits'> {
  let state: HoldAnswer | 'waits' = 'waits';
  void held.then((answer) => (state = answer));
  await jest.advanceTimersByTimeAsync(0);
  return state;
}

describe('a held poll', () => {
  it('is answered when its link is decided, and only then', async () => {
    const { wakeUps, waiting, hold } = openWaiting();
    const [one, other] = [hold('one'), hold('other')];
    wakeUps.wake('one');
    expect(await one).toBe('decided');
    expect(await stateOf(other)).toBe('waits');
    expect(waiting.count()).toBe(1);
  });

  it('is answered when its time is over, not a moment before (RFC 7240 §4.3)', async () => {
    const { waiting, hold } = openWaiting();
    const held = hold('k', { seconds: 30 });
    await jest.advanceTimersByTimeAsync(29_999);
    expect(await stateOf(held)).toBe('waits');
    await jest.advanceTimersByTimeAsync(1);
    expect(await held).toBe('time');
    expect(waiting.count()).toBe(0);
  });

  it('does not miss a decision between the look of its caller and the moment that it listens', async () => {
    const { waiting, hold } = openWaiting();
    expect(await hold('k', { check: async () => true })).toBe('decided');
    expect(waiting.count()).toBe(0);
  });

  it('asks its check only once it listens: a decision during the check is not missed either', async () => {
    const { wakeUps, hold } = openWaiting();
    const held = hold('k', {
      check: async () => {
        wakeUps.wake('k');
        return false;
      },
    });
    expect(await held).toBe('decided');
  });

  it('is ended by a newer one for the same link, which waits in its place', async () => {
    const { wakeUps, waiting, hold } = openWaiting();
    const older = hold('k');
    const newer = hold('k', { network: 'another' });
    expect(await older).toBe('replaced');
    expect(await stateOf(newer)).toBe('waits');
    expect(waiting.count()).toBe(1);
    wakeUps.wake('k');
    expect(await newer).toBe('decided');
    expect(waiting.count()).toBe(0);
  });

  it('is not ended by what belonged to the one before it: its timer, its caller, its check', async () => {
    const { hold } = openWaiting();
    const caller = newCaller();
    let answer: (isDecided: boolean) => void = () => undefined;
    const check = () => new Promise<boolean>((resolve) => (answer = resolve));
    void hold('k', { seconds: 10, caller, check });
    const newer = hold('k', { seconds: 30 });
    caller.leave();
    answer(true);
    await jest.advanceTimersByTimeAsync(20_000);
    expect(await stateOf(newer)).toBe('waits');
    await jest.advanceTimersByTimeAsync(10_000);
    expect(await newer).toBe('time');
  });

  it('ends as left when its caller goes, and leaves nothing counted', async () => {
    const { waiting, hold } = openWaiting({ mostByNetwork: 1 });
    const caller = newCaller();
    const held = hold('k', { caller });
    caller.leave();
    expect(await held).toBe('left');
    expect([waiting.count(), caller.countListeners()]).toEqual([0, 0]);
    expect(jest.getTimerCount()).toBe(0);
    expect(await stateOf(hold('other'))).toBe('waits');
  });

  it('ends as left at once when its caller has gone before it began', async () => {
    const { waiting, hold } = openWaiting();
    expect(await hold('k', { caller: { hasLeft: () => true, onLeaving: () => () => undefined } })).toBe(
      'left',
    );
    expect([waiting.count(), jest.getTimerCount()]).toEqual([0, 0]);
  });

  it.each([
    ['rejects', async (): Promise<boolean> => Promise.reject(new Error('the store is gone'))],
    [
      'throws',
      (): Promise<boolean> => {
        throw new Error('the store is gone');
      },
    ],
  ])('rejects when its check %s, and leaves nothing counted', async (_how, check) => {
    const { waiting, hold } = openWaiting({ mostByNetwork: 1 });
    await expect(hold('k', { check })).rejects.toThrow('the store is gone');
    expect([waiting.count(), jest.getTimerCount()]).toEqual([0, 0]);
    expect(await stateOf(hold('other'))).toBe('waits');
  });

  it('keeps its answer when its check fails later', async () => {
    const { wakeUps, hold } = openWaiting();
    let fail: (error: Error) => void = () => undefined;
    const held = hold('k', { check: () => new Promise((_resolve, reject) => (fail = reject)) });
    wakeUps.wake('k');
    fail(new Error('too late'));
    expect(await held).toBe('decided');
  });

  it('leaves no timer behind, however it ends', async () => {
    const { wakeUps, waiting, hold } = openWaiting();
    const all = ['a', 'b', 'c'].map((key) => hold(key));
    void hold('a');
    wakeUps.wake('b');
    waiting.drain();
    expect(await Promise.all(all)).toEqual(['replaced', 'decided', 'draining']);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('held polls together', () => {
  it('are at most fifty for a network, and others still get in', async () => {
    const { wakeUps, hold } = openWaiting();
    const held = Array.from({ length: 50 }, (_, index) => hold(`k${index}`));
    expect(await hold('one too many')).toBe('refused');
    expect(await stateOf(hold('elsewhere', { network: 'another' }))).toBe('waits');
    wakeUps.wake('k7');
    expect(await held[7]).toBe('decided');
    expect(await stateOf(hold('one too many'))).toBe('waits');
    expect(await hold('and one more')).toBe('refused');
  });

  it('are at most 20,000 in a process, whatever networks they come from', async () => {
    const { waiting, hold } = openWaiting();
    for (let index = 0; index < 20_000; index++) void hold(`k${index}`, { network: `n${index >> 5}` });
    expect(waiting.count()).toBe(20_000);
    expect(await hold('one too many', { network: 'another' })).toBe('refused');
    waiting.drain();
    expect(waiting.count()).toBe(0);
  });

  it('let a link that is held already be held again where the network is full', async () => {
    const { hold } = openWaiting({ mostByNetwork: 2 });
    const [first] = [hold('a'), hold('b')];
    const again = hold('a');
    expect(await first).toBe('replaced');
    expect(await stateOf(again)).toBe('waits');
  });

  it('stay as they are where a newer one is refused: a full network ends nobody else’s wait', async () => {
    const { hold } = openWaiting({ mostByNetwork: 1 });
    const held = hold('k', { network: 'first' });
    void hold('other', { network: 'full' });
    expect(await hold('k', { network: 'full' })).toBe('refused');
    expect(await stateOf(held)).toBe('waits');
  });

  it('are all ended by a drain, which lets none begin', async () => {
    const { waiting, hold } = openWaiting();
    const held = Array.from({ length: 20 }, (_, index) => hold(`k${index}`, { network: `n${index}` }));
    waiting.drain();
    expect(new Set(await Promise.all(held))).toEqual(new Set(['draining']));
    const check = jest.fn(async () => true);
    expect(await hold('late', { check })).toBe('draining');
    expect(check).not.toHaveBeenCalled();
    expect([waiting.count(), jest.getTimerCount()]).toEqual([0, 0]);
  });
});
