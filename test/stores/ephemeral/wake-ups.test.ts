// Wake-ups inside one process (stores/ephemeral/wake-ups.ts): who is told, and that each is told once.
import { createMemoryWakeUps } from '../../../src/stores/ephemeral/wake-ups.js';

function openWakeUps() {
  const wakeUps = createMemoryWakeUps();
  const heard: string[] = [];
  const listen = (key: string, name: string) => wakeUps.listen(key, () => heard.push(name));
  return { wakeUps, heard, listen };
}

describe('wake-ups in memory', () => {
  it('tell everybody who listens to the key, and nobody else', () => {
    const { wakeUps, heard, listen } = openWakeUps();
    listen('a', 'one');
    listen('a', 'two');
    listen('b', 'three');
    wakeUps.wake('a');
    expect(heard).toEqual(['one', 'two']);
  });

  it('tell each listener once at most', () => {
    const { wakeUps, heard, listen } = openWakeUps();
    listen('a', 'one');
    wakeUps.wake('a');
    wakeUps.wake('a');
    expect(heard).toEqual(['one']);
  });

  it('are lost where nobody listens yet, which costs a poll and no more', () => {
    const { wakeUps, heard, listen } = openWakeUps();
    wakeUps.wake('a');
    listen('a', 'one');
    expect(heard).toEqual([]);
  });

  it('do not reach a listener that was taken back, before or during the wake', () => {
    const { wakeUps, heard, listen } = openWakeUps();
    const stop = listen('a', 'one');
    const stopDuring: (() => void)[] = [];
    wakeUps.listen('a', () => {
      heard.push('two');
      stopDuring.forEach((end) => end());
    });
    stopDuring.push(listen('a', 'three'));
    stop();
    wakeUps.wake('a');
    expect(heard).toEqual(['two']);
  });

  it('let a woken listener listen again: it hears the next wake, not the same one', () => {
    const { wakeUps, heard, listen } = openWakeUps();
    wakeUps.listen('a', () => {
      heard.push('first');
      listen('a', 'second');
    });
    wakeUps.wake('a');
    expect(heard).toEqual(['first']);
    wakeUps.wake('a');
    expect(heard).toEqual(['first', 'second']);
  });

  it('keep a new listener when an old one, woken before, is taken back late', () => {
    const { wakeUps, heard, listen } = openWakeUps();
    const stop = listen('a', 'old');
    wakeUps.wake('a');
    listen('a', 'new');
    stop();
    stop();
    wakeUps.wake('a');
    expect(heard).toEqual(['old', 'new']);
  });
});
