// A mail server for tests: a small SMTP sink (RFC 5321) on a free port of this machine, which keeps what it is handed.
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface SunkMail {
  readonly from: string;
  readonly to: string;
  readonly data: string;
}

type Manner = 'takes' | 'refuses' | 'hangs up' | 'quotes';

/** Starts it. `manner`: takes every mail, refuses recipients (550), ends the connection after its greeting, or quotes a mail that it refuses. */
export async function openSmtpSink(manner: Manner = 'takes', host = '127.0.0.1') {
  const mails: SunkMail[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    converse(socket, manner, mails, commands);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `smtp://${host}:${port}`,
    mails,
    /** Every line that it was told, mails aside. */
    commands,
    async close(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

function converse(socket: Socket, manner: Manner, mails: SunkMail[], commands: string[]): void {
  let waiting = '';
  let envelope = { from: '', to: '' };
  let lines: string[] | undefined;
  const say = (line: string): void => void socket.write(`${line}\r\n`);
  say('220 sink.example ESMTP');
  if (manner === 'hangs up') socket.end();

  const hear = (line: string): void => {
    if (!lines) commands.push(line);
    if (lines && line !== '.') {
      lines.push(line.replace(/^\.\./, '.'));
    } else if (lines && manner === 'quotes') {
      const address = /https?:\S+/.exec(lines.join('\n').replace(/=\n/g, '').replaceAll('=3D', '='))?.[0];
      lines = undefined;
      say(`554 5.7.1 ${address} is not wanted here`);
    } else if (lines) {
      mails.push({ ...envelope, data: lines.join('\n') });
      lines = undefined;
      say('250 kept');
    } else if (/^EHLO/i.test(line)) {
      say('250-sink.example');
      say('250-AUTH PLAIN LOGIN');
      say('250 8BITMIME');
    } else if (/^MAIL FROM:/i.test(line)) {
      envelope = { ...envelope, from: line.slice(10) };
      say('250 fine');
    } else if (/^RCPT TO:/i.test(line)) {
      envelope = { ...envelope, to: line.slice(8) };
      say(manner === 'refuses' ? '550 not here' : '250 fine');
    } else if (/^DATA/i.test(line)) {
      lines = [];
      say('354 go on');
    } else if (/^QUIT/i.test(line)) {
      say('221 bye');
      socket.end();
    } else {
      say('502 not known here');
    }
  };

  socket.on('data', (chunk: Buffer) => {
    waiting += chunk.toString('utf8');
    for (let end = waiting.indexOf('\r\n'); end >= 0; end = waiting.indexOf('\r\n')) {
      const line = waiting.slice(0, end);
      waiting = waiting.slice(end + 2);
      hear(line);
    }
  });
}
