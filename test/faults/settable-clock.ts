// Loaded into a replica before the service: its machine's clock, which the test sets by a message. As on a real machine, what
// measures how much time passes (`performance.now`, timers) does not notice. The service itself knows nothing of this.

export interface ClockOrder {
  readonly clockAheadMs: number;
}

const isOrder = (message: unknown): message is ClockOrder =>
  typeof (message as Partial<ClockOrder> | null)?.clockAheadMs === 'number';

let aheadMs = 0;
const RealDate = Date;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, parts: unknown[], asked) =>
    Reflect.construct(target, parts.length === 0 ? [target.now() + aheadMs] : parts, asked) as object,
  get: (target, name) =>
    name === 'now' ? () => target.now() + aheadMs : (Reflect.get(target, name) as unknown),
});

process.on('message', (message: unknown) => {
  if (!isOrder(message)) return;
  aheadMs = message.clockAheadMs;
  process.send?.(message);
});
// The channel keeps nobody alive, and whose test has died dies too.
process.channel?.unref();
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
