// What was asked of the replicas in one round, when, and what came of it: the only thing that the checker judges by, beside what
// the database holds in the end. An answer that never came is kept as what it is: it may have happened, or not.
import { createHash } from 'node:crypto';

export type Act =
  | 'start'
  /** A browser takes up a request that its tool has pushed. */
  | 'begin'
  | 'poll'
  | 'reserve'
  | 'approve'
  | 'deny'
  | 'refresh'
  /** Shows a proof of its own key for a new token. */
  | 'renew'
  | 'use'
  | 'revoke'
  /** Signs out the tool whose token may have approved it. */
  | 'end-parent'
  /** What somebody else tries with what they may have seen. */
  | 'misuse'
  /** Its time is over; done in the database, as time itself would. */
  | 'expire'
  /** A wrong user code, and a wrong second factor. */
  | 'guess'
  | 'wrong-code'
  /** A page that is only looked at. */
  | 'look';

export type Said =
  /** It was done, and acknowledged. */
  | 'done'
  | 'pending'
  | 'denied'
  | 'expired'
  /** `invalid_grant`. */
  | 'spent'
  /** There is nothing to be had, and why is not said. */
  | 'gone'
  /** There is nothing to decide any more. */
  | 'over'
  /** Too soon after the page was made. */
  | 'hasty'
  | 'unknown'
  | 'too-many'
  /** 401. */
  | 'refused'
  /** 503 with `Retry-After`. */
  | 'unavailable'
  | 'unsent'
  | 'lost'
  | 'silence'
  /** An answer that nobody may ever get. */
  | 'wrong';

export interface Tokens {
  readonly access: string;
  /** Some tools have none. */
  readonly refresh?: string;
  readonly jti: string;
}

export interface Op {
  readonly act: Act;
  /** The link that it is about, by the name of its story. */
  readonly story: string;
  readonly replica: number;
  /** Who did it, where it may be one of several people. */
  readonly by?: string;
  /** The token, the proof or the pushed request that was shown. */
  readonly shown?: string;
  readonly isHeld?: boolean;
  /** With what somebody tries it who may not. */
  readonly how?: string;
  /** Milliseconds of the round. */
  readonly askedAt: number;
  readonly endedAt: number;
  readonly said: Said;
  readonly got?: Tokens;
  /** It asked for no token, since it had no code to show. */
  readonly isCodeless?: boolean;
  readonly detail?: string;
}

export type Outcome = Pick<Op, 'said' | 'got' | 'isCodeless' | 'detail'>;
export type About = Pick<Op, 'act' | 'story' | 'replica' | 'by' | 'shown' | 'isHeld' | 'how'>;

/** It may have happened all the same. */
export const isOpen = ({ said }: Pick<Op, 'said'>): boolean =>
  said === 'unavailable' || said === 'lost' || said === 'silence' || said === 'wrong';

/** It happened, or may have. */
export const mayHaveHappened = (op: Pick<Op, 'said'>): boolean => op.said === 'done' || isOpen(op);

/** A token's name in reports, which show no token. */
export const nameOf = (token: string): string =>
  createHash('sha256').update(token).digest('base64url').slice(0, 6);

export type History = ReturnType<typeof createHistory>;

export function createHistory(elapsed: () => number) {
  const ops: Op[] = [];
  return {
    elapsed,
    ops: ops as readonly Op[],
    async record(about: About, work: () => Promise<Outcome>): Promise<Op> {
      const askedAt = elapsed();
      const outcome = await work();
      const op = { ...about, askedAt, endedAt: elapsed(), ...outcome };
      ops.push(op);
      return op;
    },
  };
}

/** One line for each op of these stories, in the order in which they were asked. */
export function presentOps(ops: readonly Op[]): string {
  const time = (at: number): string => at.toFixed(0).padStart(6);
  return [...ops]
    .sort((one, other) => one.askedAt - other.askedAt)
    .map(({ act, story, replica, by, shown, isHeld, how, askedAt, endedAt, said, got, detail }) =>
      [
        `${time(askedAt)} –${time(endedAt)} ms  replica ${replica}  ${story.padEnd(8)} ${act}${isHeld ? ' (held)' : ''}`,
        ...(by === undefined ? [] : [`by ${by}`]),
        ...(how === undefined ? [] : [how]),
        ...(shown === undefined ? [] : [`with ${nameOf(shown)}`]),
        `→ ${said}`,
        ...(got === undefined
          ? []
          : [`${nameOf(got.access)} ${got.refresh === undefined ? '' : nameOf(got.refresh)}`]),
        ...(detail === undefined ? [] : [`(${detail})`]),
      ].join(' '),
    )
    .join('\n');
}
