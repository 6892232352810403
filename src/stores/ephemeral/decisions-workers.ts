// Carries "this link was decided" between the processes of one machine: each tells the one that started it, which tells the
// others (workers.ts). It carries keys of links and nothing else; what is decided stands in the database.

/** The part of a process that talks to the one that started it. */
export interface WorkerChannel {
  send?: ((message: unknown) => unknown) | undefined;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
}

interface Decision {
  readonly decided: string;
}

export const isDecision = (message: unknown): message is Decision =>
  typeof message === 'object' && message !== null && typeof (message as Decision).decided === 'string';

export interface WorkerDecisionsDependencies {
  readonly channel: WorkerChannel;
  /** A link was decided in another process: whoever waits for that key may look. */
  readonly onDecision: (key: string) => void;
}

export function createWorkerDecisions({ channel, onDecision }: WorkerDecisionsDependencies) {
  const hear = (message: unknown): void => {
    if (isDecision(message)) onDecision(message.decided);
  };
  return {
    async open(): Promise<void> {
      channel.on('message', hear);
    },
    /** Tells the other processes. It is not waited for, and is lost where one of them ends meanwhile. */
    tell(decided: string): void {
      channel.send?.({ decided } satisfies Decision);
    },
    isListening: (): boolean => true,
    async close(): Promise<void> {
      channel.off('message', hear);
    },
  };
}
