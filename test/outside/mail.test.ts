// Mail as it leaves the house: to a real SMTP sink, or to a folder. What it says: mail-text.test.ts.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createMail } from '../../src/outside/mail.js';
import { createMailText } from '../../src/outside/mail-text.js';
import { createTestClock } from '../support/clock.js';
import { readMailMessage } from '../support/mail-message.js';
import { openSmtpSink } from '../support/smtp.js';

const viewsFolder = join(import.meta.dirname, '../../views/mail');
const render = createMailText({
  folder: viewsFolder,
  serviceName: 'Linchpin',
  publicUrl: 'https://pin.example.org',
});
const address = 'https://pin.example.org/verify-email?token=AbC-123_x';
const verify = {
  mailId: '5f0c1f3e-0d6b-4b8e-9a57-3f1f1c2d4e5f',
  recipient: 'eve@example.org',
  notice: 'verify-email',
  details: { address, username: 'Eve', minutes: 1440 },
  language: 'en',
} as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linchpin-mail-'));
});
afterEach(async () => {
  for (const close of closes.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

const closes: (() => Promise<void>)[] = [];

async function openSink(...asked: Parameters<typeof openSmtpSink>) {
  const sink = await openSmtpSink(...asked);
  closes.push(sink.close);
  return sink;
}

const mailTo = (
  smtpUrl?: string,
  announced: string[] = [],
  from = 'Linchpin <no-reply@pin.example.org>',
  clock = createTestClock(),
) =>
  createMail({
    smtpUrl,
    from,
    outboxFolder: join(folder, 'outbox'),
    render,
    now: clock.now,
    announce: (file) => announced.push(file),
  });

describe('without a mail server', () => {
  it('writes each mail to a file that only the operator reads, and says where', async () => {
    const announced: string[] = [];
    const mail = mailTo(undefined, announced);
    expect(mail.maySendMail).toBe(false);
    await mail.deliver(verify);
    await mail.deliver({ ...verify, language: 'de' });
    const names = readdirSync(join(folder, 'outbox'));
    expect(names).toHaveLength(2);
    expect(announced.map((file) => file.split('/').at(-1)).sort()).toEqual(names.sort());
    expect(statSync(join(folder, 'outbox')).mode & 0o777).toBe(0o700);
    for (const file of announced) expect(statSync(file).mode & 0o777).toBe(0o600);
    await mail.close();
  });

  it('removes what has lain in the folder for 30 days, and nothing that it did not write', async () => {
    const clock = createTestClock();
    const mail = mailTo(undefined, [], undefined, clock);
    const outbox = join(folder, 'outbox');
    expect(await mail.removeOldFiles()).toBe(0);
    await mail.deliver(verify);
    const [first = ''] = readdirSync(outbox);
    writeFileSync(
      join(outbox, `.${first.replace('.eml', '')}`),
      'half a mail, from a process that was ended',
    );
    writeFileSync(join(outbox, 'a note of mine.eml'), '');
    writeFileSync(join(outbox, '2001-01-01 my own.eml'), '');
    clock.advance(30 * 86_400);
    await mail.deliver(verify);
    expect(await mail.removeOldFiles()).toBe(0);
    clock.advance(1);
    expect(await mail.removeOldFiles()).toBe(2);
    const left = readdirSync(outbox);
    expect(left).toHaveLength(3);
    expect(left).not.toContain(first);
    expect(left).toContain('a note of mine.eml');
  });

  it('writes what a mail program opens: headers, and the same words as text and as HTML (RFC 2046 §5.1.4)', async () => {
    const announced: string[] = [];
    await mailTo(undefined, announced).deliver({ ...verify, language: 'de' });
    expect(announced[0]).toMatch(/-verify-email-[0-9a-f]{8}\.eml$/);
    const source = readFileSync(announced[0]!, 'utf8');
    expect(source).not.toMatch(/[^\r]\n/);
    // Whoever looks without a mail program finds the address in one piece.
    expect(source.split('\r\n')).toContain(address);
    const { headers, parts } = readMailMessage(source);
    expect(Object.fromEntries(headers)).toMatchObject({
      from: 'Linchpin <no-reply@pin.example.org>',
      to: 'eve@example.org',
      subject: 'Linchpin: Bestätigen Sie Ihre E-Mail-Adresse',
      'message-id': `<${verify.mailId}@pin.example.org>`,
      date: 'Thu, 15 Jan 2026 12:00:00 +0000',
      'auto-submitted': 'auto-generated',
      'mime-version': '1.0',
    });
    expect(parts.map(({ contentType }) => contentType)).toEqual([
      'text/plain; charset=utf-8',
      'text/html; charset=utf-8',
    ]);
    for (const { content } of parts) expect(content).toContain('öffnen Sie diese Adresse');
  });
});

describe('with a mail server', () => {
  it('hands text and HTML over by SMTP, the address in one piece (RFC 3834 §5)', async () => {
    const sink = await openSink();
    const mail = mailTo(sink.url);
    expect(mail.maySendMail).toBe(true);
    await mail.deliver({ ...verify, language: 'de' });
    await mail.close();
    expect(sink.mails).toHaveLength(1);
    const [{ from, to, data } = { from: '', to: '', data: '' }] = sink.mails;
    expect(from).toMatch(/^<no-reply@pin\.example\.org>/);
    expect(to).toBe('<eve@example.org>');
    const { headers, parts } = readMailMessage(data);
    expect(headers.get('auto-submitted')).toBe('auto-generated');
    expect(headers.get('subject')).toBe('Linchpin: Bestätigen Sie Ihre E-Mail-Adresse');
    expect(headers.get('date')).toBe('Thu, 15 Jan 2026 12:00:00 +0000');
    expect(parts.map(({ contentType }) => contentType)).toEqual([
      'text/plain; charset=utf-8',
      'text/html; charset=utf-8',
    ]);
    for (const { content } of parts) expect(content).toContain(address);
    // Headers are ASCII on the wire: every name is encoded.
    expect(data.split('\n\n')[0]).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('sends a mail again under the same Message-ID, and another under its own (RFC 5322 §3.6.4)', async () => {
    const sink = await openSink();
    const mail = mailTo(sink.url);
    for (const mailId of ['one', 'one', 'two']) await mail.deliver({ ...verify, mailId });
    await mail.close();
    expect(sink.mails.map(({ data }) => readMailMessage(data).headers.get('message-id'))).toEqual([
      '<one@pin.example.org>',
      '<one@pin.example.org>',
      '<two@pin.example.org>',
    ]);
  });

  it('writes a sender of another alphabet in ASCII (RFC 2047 §5, RFC 5890)', async () => {
    const sink = await openSink();
    const mail = mailTo(sink.url, [], 'Prüfer <no-reply@bücher.example>');
    await mail.deliver(verify);
    await mail.close();
    const [{ data } = { data: '' }] = sink.mails;
    expect(data.split('\n\n')[0]).toMatch(/^[\x20-\x7e\n]*$/);
    const { headers } = readMailMessage(data);
    expect(headers.get('from')).toBe('Prüfer <no-reply@xn--bcher-kva.example>');
    expect(headers.get('message-id')).toBe(`<${verify.mailId}@xn--bcher-kva.example>`);
  });

  it('keeps what a server quotes of a refused mail out of its error, which is logged', async () => {
    const sink = await openSink('quotes');
    const mail = mailTo(sink.url);
    const error = await mail.deliver(verify).catch((cause: unknown) => cause);
    await mail.close();
    expect(error).toMatchObject({
      responseCode: 554,
      message: expect.stringContaining('not wanted') as string,
    });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('AbC-123_x');
    expect(JSON.stringify(error)).not.toContain('AbC-123_x');
  });

  it.each(['refuses', 'hangs up'] as const)(
    'rejects when the server %s, so that it is tried again',
    async (manner) => {
      const sink = await openSink(manner);
      const mail = mailTo(sink.url);
      await expect(mail.deliver(verify)).rejects.toThrow();
      await mail.close();
      expect(sink.mails).toEqual([]);
    },
  );

  it.each([
    ['refuses', true],
    ['quotes', true],
    ['hangs up', false],
  ] as const)('says whether a mail is refused for good: a server that %s, %s', async (manner, isForGood) => {
    const mail = mailTo((await openSink(manner)).url);
    const error = await mail.deliver(verify).catch((cause: unknown) => cause);
    await mail.close();
    expect(error).toMatchObject({ isForGood });
  });

  it('rejects when nobody listens', async () => {
    const sink = await openSink();
    await sink.close();
    await expect(mailTo(sink.url).deliver(verify)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('sends one mail to one recipient, whatever a name holds', async () => {
    const sink = await openSink();
    const mail = mailTo(sink.url);
    const details = { ...verify.details, username: 'Eve\r\nBcc: all@example.org' };
    await mail.deliver({ ...verify, details });
    await mail.close();
    expect(sink.mails.map(({ to }) => to)).toEqual(['<eve@example.org>']);
    expect(sink.mails[0]?.data.split('\n\n')[0]).not.toMatch(/^Bcc/m);
    expect(() => readMailMessage(sink.mails[0]!.data)).not.toThrow();
  });

  it('does not give a password to a server elsewhere that offers no TLS (RFC 3207 §6)', async () => {
    // Another address of this machine stands for a server elsewhere.
    const sink = await openSink('takes', '127.0.0.2');
    const mail = mailTo(sink.url.replace('smtp://', 'smtp://user:secret@'));
    await expect(mail.deliver(verify)).rejects.toThrow(/not known here/);
    expect(sink.commands[0]).toMatch(/^EHLO/);
    await mail.close();
    expect(sink.mails).toEqual([]);
    expect(sink.commands.join('\n')).not.toMatch(/^AUTH/im);
  });
});
