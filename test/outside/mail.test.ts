// Mail as it leaves the house: to a real SMTP sink, or to a folder; and the words of every notice in both languages.
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMail } from '../../src/outside/mail.js';
import { createMailText } from '../../src/outside/mail-text.js';
import type { NoticeDetails, NoticeName } from '../../src/domain/notices.js';
import { createTestClock } from '../support/clock.js';
import { openSmtpSink } from '../support/smtp.js';

const viewsFolder = join(import.meta.dirname, '../../views/mail');
const render = createMailText({
  folder: viewsFolder,
  serviceName: 'Linchpin',
  publicUrl: 'https://pin.example.org',
});
const address = 'https://pin.example.org/verify-email?token=AbC-123_x';
const verify = {
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

const mailTo = (smtpUrl?: string, announced: string[] = []) =>
  createMail({
    smtpUrl,
    from: 'Linchpin <no-reply@pin.example.org>',
    outboxFolder: join(folder, 'outbox'),
    render,
    now: createTestClock().now,
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
    const text = readFileSync(announced[0]!, 'utf8');
    expect(text).toMatch(
      /^From: Linchpin <no-reply@pin\.example\.org>\nTo: eve@example\.org\nSubject: Linchpin: /,
    );
    expect(text.split('\n')).toContain(address);
    await mail.close();
  });
});

describe('with a mail server', () => {
  it('hands plain text over by SMTP, the address in one piece', async () => {
    const sink = await openSink();
    const mail = mailTo(sink.url);
    expect(mail.maySendMail).toBe(true);
    await mail.deliver({ ...verify, language: 'de' });
    await mail.close();
    expect(sink.mails).toHaveLength(1);
    const [{ from, to, data } = { from: '', to: '', data: '' }] = sink.mails;
    expect(from).toMatch(/^<no-reply@pin\.example\.org>/);
    expect(to).toBe('<eve@example.org>');
    expect(data).toMatch(/^Content-Type: text\/plain; charset=utf-8$/m);
    expect(data).toMatch(/^Auto-Submitted: auto-generated$/m);
    expect(data.replace(/=\n/g, '').replace(/=3D/g, '=')).toContain(address);
    expect(data).not.toMatch(/<html|<a /i);
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

describe('the words of a mail', () => {
  const changed = {
    username: 'Eve',
    tool: 'PhotoSync (Kitchen)',
    from: '203.0.113.7',
    at: '2026-01-15 12:00 UTC',
  };
  const tool = {
    ...changed,
    helpAddress: 'https://pin.example.org/help/old-tools',
  };
  const change = { username: 'Eve', from: '203.0.113.7', at: '2026-01-15 12:00 UTC' };
  const samples: { [Name in NoticeName]: NoticeDetails[Name] } = {
    'verify-email': verify.details,
    'email-already-known': { address: 'https://pin.example.org/sign-in' },
    'factor-locked': { username: 'Eve' },
    'two-factor-enabled': change,
    'two-factor-turned-off': change,
    'two-factor-replaced': change,
    'recovery-codes-renewed': change,
    'recovery-code-used': { ...change, left: 2 },
    'password-changed': change,
    'password-reset-link': { ...change, address, minutes: 45 },
    'password-reset': change,
    'email-change-link': { address, username: 'Eve', minutes: 1440 },
    'email-change-taken': { username: 'Eve' },
    'email-change-asked': { ...change, email: 'new@example.org' },
    'email-changed': { ...change, email: 'new@example.org' },
    'account-closed': { ...change, address, days: 14, until: '2026-01-29 12:00 UTC' },
    'account-kept': change,
    'account-ended': { username: 'Eve' },
    'account-unlocked': { username: 'Eve', at: '2026-01-15 12:00 UTC' },
    'two-factor-removed': { username: 'Eve', at: '2026-01-15 12:00 UTC' },
    'fallback-used': { ...tool, unlinkAddress: 'https://pin.example.org/account/tools', factors: 2 },
    'fallback-wrong-code': { ...tool, securityAddress: 'https://pin.example.org/account/security' },
    'tool-linked': { ...changed, address: 'https://pin.example.org/not-me?token=abc.123.k.x' },
    'device-key-added': { ...changed, unlinkAddress: 'https://pin.example.org/account/tools' },
    'tool-linked-by-token': { ...changed, unlinkAddress: 'https://pin.example.org/account/tools' },
  };

  it.each(Object.keys(samples) as NoticeName[])('are whole in both languages: %s', (notice) => {
    const [english, german, other] = ['en', 'de', 'xx'].map((language) =>
      render(notice, samples[notice], language),
    );
    for (const { subject, text } of [english!, german!]) {
      expect(`${subject}\n${text}`).not.toMatch(/[{}]|undefined|&[a-z#]/);
      expect(subject).not.toContain('\n');
      for (const value of Object.values(samples[notice])) {
        if (typeof value === 'string') expect(text).toContain(value);
      }
    }
    expect(english).not.toEqual(german);
    expect(other).toEqual(english);
  });

  it('have the same keys in both languages', () => {
    const keys = (language: string): string[] =>
      Object.keys(JSON.parse(readFileSync(join(viewsFolder, `${language}.json`), 'utf8')) as object).sort();
    expect(keys('de')).toEqual(keys('en'));
  });

  it('say so of a tool that gave no name', () => {
    const { text } = render('fallback-used', { ...samples['fallback-used'], tool: '' }, 'en');
    expect(text).toContain('a tool that gave no name signed in');
  });

  it('speak of a code only where there was one', () => {
    const { text } = render('fallback-used', { ...samples['fallback-used'], factors: 1 }, 'en');
    expect(text).not.toMatch(/code/);
  });

  it('put what somebody typed into the text once, and read nothing out of it', () => {
    const details = { ...verify.details, username: '{address} <%= 1 %> {serviceName}' };
    const { text } = render('verify-email', details, 'en');
    expect(text).toContain('Hello {address} <%= 1 %> {serviceName},');
  });
});
