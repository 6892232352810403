// Hands mail to the world: by SMTP where the operator names a server, else as files in a folder that only the operator
// reads. What is sent, when, and how often it is tried again is the outbox's (domain/notices.ts); words are mail-text's.
// Specification: RFC 5321, RFC 3207 (STARTTLS), RFC 3834 §5 (Auto-Submitted).
import { randomBytes } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Transporter } from 'nodemailer';
import type { Deliver } from '../domain/notices.js';
import type { Clock } from '../domain/vocabulary.js';

export interface MailText {
  readonly subject: string;
  readonly text: string;
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

/** A server that does not answer in this time is tried again later. */
const TIMEOUT_MS = 10_000;

/** `deliver` resolves when a mail has been handed over, and rejects when it could not be. */
export function createMail({ smtpUrl, from, outboxFolder, render, now, announce }: MailSettings) {
  let transport: Promise<Transporter> | undefined;

  async function send(recipient: string, { subject, text }: MailText): Promise<void> {
    transport ??= openTransport(smtpUrl!);
    const message = { from, to: { name: '', address: recipient }, subject, text };
    await (await transport).sendMail({ ...message, headers: { 'Auto-Submitted': 'auto-generated' } });
  }

  async function write(recipient: string, notice: string, { subject, text }: MailText): Promise<void> {
    await mkdir(outboxFolder, { recursive: true, mode: 0o700 });
    const sentAt = now();
    const name = `${sentAt.toISOString().replace(/[:.]/g, '-')}-${notice}-${randomBytes(4).toString('hex')}`;
    const head = [
      `From: ${from}`,
      `To: ${recipient}`,
      `Subject: ${subject}`,
      `Date: ${sentAt.toUTCString()}`,
    ];
    const draft = join(outboxFolder, `.${name}`);
    const file = join(outboxFolder, `${name}.txt`);
    await writeFile(draft, `${head.join('\n')}\n\n${text}\n`, { mode: 0o600, flag: 'wx' });
    // Under its name it is whole: whoever watches the folder never reads half a mail.
    await rename(draft, file);
    announce?.(file);
  }

  return {
    /** Whether mail leaves this machine; else the pages say that this server cannot send any yet. */
    maySendMail: smtpUrl !== undefined,

    deliver: (async ({ recipient, notice, details, language }) => {
      const text = render(notice, details, language);
      await (smtpUrl === undefined ? write(recipient, notice, text) : send(recipient, text));
    }) satisfies Deliver,

    /** Ends kept connections. */
    async close(): Promise<void> {
      (await transport)?.close();
    },
  };
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
