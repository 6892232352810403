// The load: HTTP/1.1 over raw sockets, one request at a time on each, kept alive. node's own client costs more per
// request than the servers it would measure. Understands exactly what they send: a status line, a Content-Length, a body.
import { connect, type Socket } from 'node:net';

/** Longer than the longest hold, 30 s. */
const SILENCE_MS = 40_000;

export interface Answer {
  status: number;
  body: string;
}

/** One kept-alive connection. */
export interface Connection {
  /** Sends a whole request; the answer goes to the `onAnswer` it was opened with. */
  send: (request: string) => void;
  close: () => void;
}

/** What a window of load sends, and which answers are right. */
export interface Traffic {
  /** The next whole request, or undefined when there are no more. */
  next: () => string | undefined;
  isRight: (answer: Answer) => boolean;
}

export interface WindowResult {
  answers: number;
  perSecond: number;
  /** 99 of 100 answers came within this many milliseconds. */
  p99Ms: number;
  /** The share of the window in which this process was on its CPU: near 1, the load is what is measured. */
  loadShare: number;
}

/** A form POST as it goes over the wire. */
export function formRequest(path: string, form: Record<string, string>, headers = ''): string {
  const body = new URLSearchParams(form).toString();
  return (
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nAccept: application/json\r\n${headers}` +
    `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  );
}

/** A request without a body as it goes over the wire. */
export function bareRequest(method: 'GET' | 'POST', path: string, headers: Record<string, string>): string {
  const lines = Object.entries({ Host: '127.0.0.1', 'User-Agent': 'bench', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  // RFC 9110 §8.6: a POST says that it has no content.
  const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}${length}\r\n`;
}

/**
 * Opens a connection; `onFault` gets what made it unusable, an answer that cannot be read included. `localAddress`: where it comes
 * from; all of 127.0.0.0/8 is this machine's on Linux.
 */
export function openConnection(
  port: number,
  onAnswer: (answer: Answer) => void,
  onFault: (fault: Error) => void,
  localAddress = '127.0.0.1',
): Promise<Connection> {
  return new Promise((done, failed) => {
    let received = '';
    let isClosed = false;
    const fail = (fault: Error): void => {
      if (isClosed) return;
      isClosed = true;
      socket.destroy();
      onFault(fault);
      failed(fault);
    };
    const onread = {
      buffer: Buffer.allocUnsafeSlow(16_384),
      callback: (length: number, buffer: Uint8Array): boolean => {
        const text = (buffer as Buffer).toString('latin1', 0, length);
        received = received === '' ? text : received + text;
        try {
          const answer = readAnswer(received);
          if (answer) {
            received = '';
            onAnswer(answer);
          }
        } catch (fault) {
          fail(fault as Error);
        }
        return true;
      },
    };
    const socket: Socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true, onread });
    socket.setTimeout(SILENCE_MS, () =>
      fail(new Error(`The server said nothing for ${SILENCE_MS / 1000} s.`)),
    );
    socket.once('error', fail);
    socket.once('close', () => fail(new Error(`The server closed the connection after: ${received}`)));
    socket.once('connect', () =>
      done({
        send: (request) => socket.write(request, 'latin1'),
        close: () => {
          isClosed = true;
          socket.destroy();
        },
      }),
    );
  });
}

/** Reads one whole answer, or nothing while it is incomplete; with one request at a time nothing may follow it. */
function readAnswer(text: string): Answer | undefined {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = text.slice(0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length === undefined || !head.startsWith('HTTP/1.1 '))
    throw new Error(`An answer that cannot be read:\n${text}`);
  const bodyEnd = headEnd + 4 + Number(length);
  if (text.length < bodyEnd) return undefined;
  if (text.length > bodyEnd) throw new Error(`More than one answer came:\n${text}`);
  return { status: Number(head.slice(9, 12)), body: text.slice(headEnd + 4) };
}

/** Sends one request on a connection of its own. */
export async function sendOnce(port: number, request: string): Promise<Answer> {
  let connection: Connection | undefined;
  try {
    return await new Promise<Answer>((done, failed) => {
      openConnection(port, done, failed).then((opened) => {
        connection = opened;
        opened.send(request);
      }, failed);
    });
  } finally {
    connection?.close();
  }
}

/**
 * Loads a server for `seconds` (or until the traffic ends) over `connections` sockets and waits for the last answers.
 * Refuses with the answer itself, if one is wrong.
 */
export async function loadServer(
  port: number,
  traffic: Traffic,
  seconds: number,
  connections = 64,
): Promise<WindowResult> {
  const delays: number[] = [];
  let end = Infinity;
  let ended!: () => void;
  let broken!: (fault: Error) => void;
  const finished = new Promise<void>((done, failed) => {
    ended = done;
    broken = failed;
  });
  finished.catch(() => undefined);

  let busy = 0;
  const open = async (): Promise<{ start: () => void; close: () => void }> => {
    let sentAt = 0;
    const sendNext = (): void => {
      const request = sentAt < end ? traffic.next() : undefined;
      if (request === undefined) {
        if (--busy === 0) ended();
        return;
      }
      connection.send(request);
    };
    const connection = await openConnection(
      port,
      (answer) => {
        if (!traffic.isRight(answer))
          return broken(new Error(`A wrong answer, ${answer.status}:\n${answer.body}`));
        const now = performance.now();
        delays.push(now - sentAt);
        sentAt = now;
        sendNext();
      },
      broken,
    );
    return {
      start: () => {
        busy++;
        sentAt = performance.now();
        sendNext();
      },
      close: connection.close,
    };
  };

  const lanes = await Promise.all(Array.from({ length: connections }, open));
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  end = start + seconds * 1000;
  try {
    for (const lane of lanes) lane.start();
    await finished;
  } finally {
    for (const lane of lanes) lane.close();
  }
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpuBefore);
  delays.sort((a, b) => a - b);
  return {
    answers: delays.length,
    perSecond: delays.length / (elapsedMs / 1000),
    p99Ms: delays[Math.floor(delays.length * 0.99)] ?? 0,
    loadShare: (user + system) / 1000 / elapsedMs,
  };
}
