// Hands mail to the world: by SMTP where the operator names a server, else as files in a folder that only the operator
// reads. What is sent, when, and how often it is tried again is the outbox's (domain/notices.ts); words are mail-text's.
// Specification: RFC 5321, RFC 5322, RFC 3207 (STARTTLS), RFC 3834 §5 (Auto-Submitted).
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import type { SendMailOptions, Transporter } from 'nodemailer';
import type { Deliver } from '../domain/notices.js';
import type { Clock } from '../domain/vocabulary.js';

export interface MailText {
  /** One line. */
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

type Mail = Parameters<Deliver>[0];

export type RenderMail = (notice: Mail['notice'], details: Mail['details'], language: string) => MailText;

export interface MailSettings {
  /** `smtp://` or `smtps://`, with user and password where the server wants them. Without it mail goes to the folder. */
  readonly smtpUrl?: string | undefined;
  /** An address, or `Name <address>`. */
  readonly from: string;
  /** Made when missing, with mode 700; each mail is a file with mode 600. */
  readonly outboxFolder: string;
  readonly render: RenderMail;
  readonly now: Clock;
  /** Is told of each file that stands for a mail, so that the log can say where to look. */
  readonly announce?: (file: string) => void;
}

/** How long a mail stays in the folder: it may hold an address that opens something, and says who did what. */
const FILE_DAYS = 30;
/** `<when>-<notice>-<random>.eml`, and its draft; whatever else lies in the folder is the operator's own. */
const FILE_NAME = /^\.?(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)-\d{3}Z-[a-z-]+-[\da-f]{8}(?:\.eml)?$/;

/** A server that does not answer in this time is tried again later. */
const TIMEOUT_MS = 10_000;

/** `deliver` resolves when a mail has been handed over, and rejects when it could not be. */
export function createMail({ smtpUrl, from, outboxFolder, render, now, announce }: MailSettings) {
  let transport: Promise<Transporter> | undefined;

  /** With text and HTML of the same words. A mail that is sent again has the same Message-ID (RFC 5322 §3.6.4). */
  const compose = ({ mailId, recipient }: Mail, { subject, text, html }: MailText) =>
    ({
      from,
      to: { name: '', address: recipient },
      subject,
      text,
      html,
      date: now(),
      messageId: `<${mailId}@${hostOf(from)}>`,
      headers: { 'Auto-Submitted': 'auto-generated' },
    }) satisfies SendMailOptions;

  async function send(mail: Mail, words: MailText): Promise<void> {
    transport ??= openTransport(smtpUrl!);
    const opened = await transport;
    await opened.sendMail(compose(mail, words)).catch((cause: unknown) => {
      throw withoutSecrets(cause);
    });
  }

  async function write(mail: Mail, words: MailText): Promise<void> {
    await mkdir(outboxFolder, { recursive: true, mode: 0o700 });
    const message = await composeFile(compose(mail, words));
    const sentAt = now().toISOString().replace(/[:.]/g, '-');
    const name = `${sentAt}-${mail.notice}-${randomBytes(4).toString('hex')}`;
    const draft = join(outboxFolder, `.${name}`);
    const file = join(outboxFolder, `${name}.eml`);
    await writeFile(draft, message, { mode: 0o600, flag: 'wx' });
    // Under its name it is whole: whoever watches the folder never reads half a mail.
    await rename(draft, file);
    announce?.(file);
  }

  return {
    /** Whether mail leaves this machine; else the pages say that this server cannot send any yet. */
    maySendMail: smtpUrl !== undefined,

    deliver: (async (mail) => {
      const words = render(mail.notice, mail.details, mail.language);
      await (smtpUrl === undefined ? write(mail, words) : send(mail, words));
    }) satisfies Deliver,

    /** Removes the mails that have lain in the folder for 30 days. Resolves to how many. */
    async removeOldFiles(): Promise<number> {
      const names = await readdir(outboxFolder).catch(() => []);
      const old = names.filter((name) => isOld(name, now()));
      for (const name of old) await rm(join(outboxFolder, name), { force: true });
      return old.length;
    },

    /** Ends kept connections. */
    async close(): Promise<void> {
      (await transport)?.close();
    },
  };
}

/** By the time in its name, which is the house's own. */
function isOld(name: string, at: Date): boolean {
  const [, day = '', time = ''] = /^(.+)T(.+)$/.exec(FILE_NAME.exec(name)?.[1] ?? '') ?? [];
  const writtenAt = Date.parse(`${day}T${time.replaceAll('-', ':')}Z`);
  return at.getTime() - writtenAt > FILE_DAYS * 86_400_000;
}

/**
 * A password for the mail server goes only over TLS, unless the server is on this machine or the URL says
 * `requireTLS=false`: whoever sits between could take STARTTLS out of the server's greeting.
 */
async function openTransport(smtpUrl: string): Promise<Transporter> {
  // Loaded with the first mail, not at start.
  const { createTransport } = await import('nodemailer');
  const { username, hostname, searchParams } = new URL(smtpUrl);
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const saysOtherwise =
    searchParams.get('requireTLS') === 'false' || searchParams.get('ignoreTLS') === 'true';
  return createTransport({
    url: smtpUrl,
    requireTLS: username !== '' && !isHere && !saysOtherwise,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    dnsTimeout: TIMEOUT_MS,
    socketTimeout: 2 * TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** One whole message, as a mail program opens it. */
async function composeFile(message: SendMailOptions & { readonly text: string }): Promise<Buffer> {
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' });
  // Whoever looks into the folder without a mail program shall find each address in one piece.
  const head = 'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit';
  const text = message.text.replace(/\r?\n/g, '\r\n');
  const { message: composed } = await transport.sendMail({
    ...message,
    text: { raw: `${head}\r\n\r\n${text}\r\n` },
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return composed as Buffer;
}

/** `from`: an address, or `Name <address>`. Headers are ASCII, so a host in another alphabet is written in its own way. */
const hostOf = (from: string): string =>
  domainToASCII(/@([^@\s>]+)>?\s*$/.exec(from)?.[1] ?? '') || 'localhost';

/** The server's last word about this mail, and not about who we are or how we speak (RFC 5321 §4.2.1, §4.3.2). */
const isLastWord = (code: unknown, responseCode: unknown): boolean =>
  (code === 'EENVELOPE' || code === 'EMESSAGE') && Math.floor(Number(responseCode) / 100) === 5;

/**
 * The log is told why a mail did not leave, and nothing else: a server that refuses a mail for what is in it quotes it, and
 * then the words hold a one-time address.
 */
function withoutSecrets(cause: unknown): Error {
  const { message, code, command, responseCode } = cause as Partial<
    Record<'message' | 'code' | 'command', string> & { responseCode: number }
  >;
  const told = (message ?? 'the mail could not be handed over').replace(/\?\S+/g, '?…');
  const isForGood = isLastWord(code, responseCode);
  return Object.assign(new Error(told), { code, command, responseCode, isForGood });
}
