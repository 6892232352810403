// What small histories are made of: ops of ten milliseconds, and links that were approved or declined.
import type { Op, Tokens } from './history.js';

/** An op of ten milliseconds, asked at `at`. */
export function op(at: number, act: Op['act'], said: Op['said'], more: Partial<Op> = {}): Op {
  return { act, said, story: 'a', replica: 0, by: 'owner', askedAt: at, endedAt: at + 10, ...more };
}

export const pair = (name: string): Tokens => ({
  access: `access ${name}`,
  refresh: `refresh ${name}`,
  jti: name,
});
export const token = (at: number, name: string, act: Op['act'] = 'poll', more: Partial<Op> = {}): Op =>
  op(at, act, 'done', { got: pair(name), ...more });

export const approved = [op(0, 'start', 'done'), op(20, 'reserve', 'done'), op(100, 'approve', 'done')];
export const declined = [op(0, 'start', 'done'), op(20, 'reserve', 'done'), op(100, 'deny', 'done')];
