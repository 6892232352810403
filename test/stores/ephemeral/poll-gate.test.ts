// The poll gate against a plain model of what it must answer: random histories of admissions, polls, decisions and time.
import fc from 'fast-check';
import { createMemoryPollGate } from '../../../src/stores/ephemeral/poll-gate.js';
import { sha256 } from '../../../src/crypto/secrets.js';
import { createTestClock } from '../../support/clock.js';

const START = new Date('2026-01-01T00:00:00Z').getTime();
const hashOf = (name: number | string) => sha256(`code ${name}`);

function openGate(intervalSeconds = 5) {
  const clock = createTestClock(new Date(START));
  const gate = createMemoryPollGate({ now: clock.now });
  const admit = (name: number | string, ttl = 600) =>
    gate.admit(
      {
        deviceCodeHash: hashOf(name),
        clientId: 'c',
        intervalSeconds,
        expiresAt: clock.now().getTime() + ttl * 1000,
      },
      gate.stamp(),
    );
  const poll = (name: number | string, client = 'c') =>
    gate.check(hashOf(name), client, clock.now().getTime()).verdict;
  return { clock, gate, admit, poll };
}

describe('the poll gate in memory', () => {
  it('answers slow_down by the example of RFC 8628 §3.5: 0 s pending, 1 s raised, 6 s too soon, 10 s pending', () => {
    const { clock, gate, admit } = openGate();
    admit('x');
    const at = (second: number) => gate.check(hashOf('x'), 'c', START + second * 1000);
    expect(at(0)).toEqual({ verdict: 'pending' });
    expect(at(1)).toEqual({ verdict: 'raised', intervalSeconds: 10 });
    expect(at(6)).toEqual({ verdict: 'too-soon' });
    expect(at(10)).toEqual({ verdict: 'pending' });
    expect(clock.now().getTime()).toBe(START);
  });

  it('never traps a steady client: one that waits its interval, less a second of grace, is always answered', () => {
    const { gate, admit } = openGate();
    admit('x');
    for (let poll = 0; poll < 20; poll++) {
      expect(gate.check(hashOf('x'), 'c', START + poll * 4_100).verdict).toBe('pending');
    }
  });

  it('raises the interval to 60 seconds and no further (CHECKLIST 3.1)', () => {
    const { gate, admit } = openGate();
    admit('x', 10_000);
    let at = START;
    const raised: number[] = [];
    for (let round = 0; round < 20; round++) {
      at += 100_000;
      expect(gate.check(hashOf('x'), 'c', at).verdict).toBe('pending');
      const answer = gate.check(hashOf('x'), 'c', at + 1);
      if (answer.verdict === 'raised') raised.push(answer.intervalSeconds);
    }
    expect(raised).toEqual([10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60]);
  });

  it('knows nothing of another client, of an expired link, or of one that was decided', () => {
    const { clock, gate, admit, poll } = openGate();
    admit('x');
    admit('y');
    expect(poll('x', 'another')).toBe('unknown');
    gate.decide(hashOf('y'));
    expect(poll('y')).toBe('unknown');
    clock.advance(600);
    expect(poll('x')).toBe('unknown');
  });

  it('tells of a decision once, and nobody but the client of the link', () => {
    const { clock, gate, admit, poll } = openGate();
    const take = (name: string, client = 'c') =>
      gate.takeDecision(hashOf(name), client, clock.now().getTime());
    for (const name of ['x', 'y', 'z']) admit(name);
    expect(take('x')).toBe(false);
    expect(poll('x')).toBe('pending');
    for (const name of ['x', 'y', 'never admitted']) gate.decide(hashOf(name));
    expect(take('never admitted')).toBe(false);
    expect(take('x', 'another')).toBe(false);
    expect(poll('x')).toBe('unknown');
    expect([take('x'), take('x')]).toEqual([true, false]);
    admit('x');
    expect(take('x')).toBe(false);
    clock.advance(600);
    expect(take('y')).toBe(false);
    expect(gate.size()).toBe(3);
  });

  it('tells nothing of a decision that it was made to forget, and admits no decided link anew', () => {
    const { clock, gate, admit, poll } = openGate();
    admit('x');
    gate.decide(hashOf('x'));
    admit('x');
    expect(poll('x')).toBe('unknown');
    gate.clear();
    expect(gate.takeDecision(hashOf('x'), 'c', clock.now().getTime())).toBe(false);
  });

  it('admits nothing that was read before a decision', () => {
    const { gate, poll } = openGate();
    const stamp = gate.stamp();
    gate.decide(hashOf('something else'));
    gate.admit(
      { deviceCodeHash: hashOf('x'), clientId: 'c', intervalSeconds: 5, expiresAt: START + 600_000 },
      stamp,
    );
    expect(poll('x')).toBe('unknown');
  });

  it('goes on after a clock that was set back', () => {
    const { gate, admit } = openGate();
    admit('x', 100_000);
    expect(gate.check(hashOf('x'), 'c', START + 3_600_000).verdict).toBe('pending');
    expect(gate.check(hashOf('x'), 'c', START).verdict).toBe('pending');
    expect(gate.check(hashOf('x'), 'c', START + 5_000).verdict).toBe('pending');
  });

  it('agrees with a plain map over any history of admissions, decisions and time', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('admit' as const), name: fc.nat(3000) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('decide' as const), name: fc.nat(3000) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), seconds: fc.nat(300) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 200, maxLength: 2500, size: 'max' }), (steps) => {
        const { clock, gate, admit, poll } = openGate(0);
        const model = new Map<number, number>();
        for (const taken of steps) {
          if (taken.do === 'advance') clock.advance(taken.seconds);
          else if (taken.do === 'decide') {
            gate.decide(hashOf(taken.name));
            model.delete(taken.name);
          } else {
            admit(taken.name);
            const isKnown = (model.get(taken.name) ?? 0) > clock.now().getTime();
            if (!isKnown && poll(taken.name) === 'pending')
              model.set(taken.name, clock.now().getTime() + 600_000);
          }
        }
        for (let name = 0; name <= 3000; name++) {
          const isPending = (model.get(name) ?? 0) > clock.now().getTime();
          expect(poll(name)).toBe(isPending ? 'pending' : 'unknown');
        }
      }),
      { numRuns: 15 },
    );
  });

  it('holds a hundred thousand links, finds each, and forgets what has expired when it needs the room', () => {
    const { clock, gate, admit, poll } = openGate(0);
    for (let name = 0; name < 100_000; name++) admit(name);
    expect(gate.size()).toBe(100_000);
    for (let name = 0; name < 100_000; name += 97) expect(poll(name)).toBe('pending');
    clock.advance(601);
    for (let name = 0; name < 100_000; name++) admit(`later ${name}`);
    expect(gate.size()).toBeLessThan(140_000);
    for (let name = 0; name < 100_000; name += 97) expect(poll(`later ${name}`)).toBe('pending');
  });
});

describe('the poll gate beside other processes', () => {
  const openShared = () => {
    const clock = createTestClock(new Date(START));
    const gate = createMemoryPollGate({ now: clock.now, trustedSeconds: 10 });
    const link = {
      deviceCodeHash: hashOf('x'),
      clientId: 'c',
      intervalSeconds: 5,
      expiresAt: START + 600_000,
    };
    const admit = () => gate.admit(link, gate.stamp());
    const poll = () => gate.check(hashOf('x'), 'c', clock.now().getTime()).verdict;
    return { clock, gate, admit, poll };
  };

  it('answers for a link no longer than it was told to, until it was looked up again', () => {
    const { clock, admit, poll } = openShared();
    for (let look = 0; look < 30; look++) {
      admit();
      expect(poll()).toBe('pending');
      clock.advance(9);
      expect(poll()).toBe('pending');
      clock.advance(2);
      expect(poll()).toBe('unknown');
      clock.advance(4);
    }
  });

  it('keeps the pace of a tool while it does not answer for its link (RFC 8628 §3.5)', () => {
    const { clock, admit, poll } = openShared();
    admit();
    clock.advance(9);
    expect([poll(), poll(), poll()]).toEqual(['pending', 'raised', 'too-soon']);
    clock.advance(2);
    expect(poll()).toBe('unknown');
    admit();
    expect(poll()).toBe('too-soon');
    clock.advance(8);
    expect(poll()).toBe('pending');
  });

  it('tells a decision also when it does not answer for the link any more', () => {
    const { clock, gate, admit } = openShared();
    admit();
    clock.advance(60);
    gate.decide(hashOf('x'));
    expect(gate.takeDecision(hashOf('x'), 'c', clock.now().getTime())).toBe(true);
  });
});

describe('a link that is bound to a key (RFC 9449)', () => {
  const [ours, other] = [sha256('our key'), sha256('another key')];
  const openBound = () => {
    const { clock, gate, admit } = openGate();
    const bind = (keyThumbprint?: string) =>
      gate.admit(
        {
          ...{ deviceCodeHash: hashOf('x'), clientId: 'c', intervalSeconds: 5 },
          ...{ expiresAt: clock.now().getTime() + 600_000, keyThumbprint },
        },
        gate.stamp(),
      );
    const check = (keyThumbprint?: string, client = 'c') =>
      gate.check(hashOf('x'), client, clock.now().getTime(), keyThumbprint).verdict;
    return { clock, gate, admit, bind, check };
  };

  it('is answered for to its key alone; whoever shows another or none is sent to the store', () => {
    const { bind, check } = openBound();
    bind(ours);
    expect([check(other), check(), check(ours, 'another client')]).toEqual(['unknown', 'unknown', 'unknown']);
    expect(check(ours)).toBe('pending');
  });

  it('is bound from the moment it is admitted anew with a key, keeps its pace, and is never unbound', () => {
    const { clock, admit, bind, check } = openBound();
    admit('x');
    expect(check()).toBe('pending');
    expect(check(ours)).toBe('unknown');
    bind(ours);
    expect(check()).toBe('unknown');
    expect(check(ours)).toBe('raised');
    clock.advance(10);
    bind();
    expect(check()).toBe('unknown');
    expect(check(ours)).toBe('pending');
  });

  it('tells its decision to its key, once', () => {
    const { clock, gate, bind } = openBound();
    bind(ours);
    gate.decide(hashOf('x'));
    const take = (key?: string) => gate.takeDecision(hashOf('x'), 'c', clock.now().getTime(), key);
    expect([take(), take(other), take(ours), take(ours)]).toEqual([false, false, true, false]);
  });
});
