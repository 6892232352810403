// What the person sees of a link: the PIN large and plain, the address, and the QR code. RFC 8628 §3.3, §3.3.1.
// It owns no decision; what is shown of a token is in tool-checking.
import qrcode from 'qrcode';
import type { Outside } from './tool-exchange.js';
import type { ShownLink } from './tool-link.js';

/** Prints the address that the browser opens, for one that does not. */
export function showAddress(outside: Outside, address: string): void {
  const lead = outside.openBrowser
    ? 'Your browser opens to sign in. If it does not, open this address in a browser on this machine:'
    : 'Open this address in a browser on this machine:';
  outside.print(['', lead, '', `  ${address}`, '', 'Waiting for the browser … (Ctrl-C stops)'].join('\n'));
}

/** Prints the link for the person. */
export async function showLink(outside: Outside, link: ShownLink): Promise<void> {
  const address = link.completeUri ?? link.verificationUri;
  const drawn = await qrcode.toString(address, { type: 'utf8', errorCorrectionLevel: 'L', margin: 2 });
  // Dark on light whatever the terminal's own colours are: not every camera reads an inverted code.
  const qr = outside.isTerminal ? drawn.replace(/^.+$/gm, '\x1b[30;107m$&\x1b[0m') : drawn;
  const bold = (words: string) => (outside.isTerminal ? `\x1b[1m${words}\x1b[0m` : words);
  const minutes = Math.max(1, Math.round(link.expiresInSeconds / 60));
  outside.print(
    [
      '',
      bold(largePin(link.userCode)),
      '',
      `  PIN   ${bold(link.userCode)}`, // RFC 8628 §3.3.1: shown even beside the complete address
      `  Open  ${bold(link.verificationUri)}  and enter the PIN there,`,
      `  or scan this, and check that the page shows the same PIN:`,
      '',
      qr,
      ...(link.completeUri === undefined ? [] : [`  ${link.completeUri}`]),
      '',
      `  The PIN runs out in ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`,
      '',
    ].join('\n'),
  );
}

// Five rows of five dots for each letter; a row is one base-32 digit, its bits the dots from left to right.
const LETTERS = new Map(
  (
    'A:ehvhh B:uhuhu C:fgggf D:uhhhu E:vgugv F:vgugg G:fgjhf H:hhvhh I:v444v J:722ic K:hisih L:ggggv ' +
    'M:hrlhh N:hpljh O:ehhhe P:uhugg Q:ehlid R:uhuih S:fge1u T:v4444 U:hhhhe V:hhha4 W:hhlrh X:ha4ah ' +
    'Y:ha444 Z:v248v 0:ejlpe 1:4c44e 2:u1egv 3:u1e1u 4:iiv22 5:vgu1u 6:eguhe 7:v2488 8:ehehe 9:ehf1e -:00e00'
  )
    .split(' ')
    .map((entry) => [entry.charAt(0), entry.slice(2)]),
);

/** Draws a user code five lines high; a code that is too long or holds unusual letters is only spaced out. */
export function largePin(userCode: string): string {
  const letters = [...userCode.toUpperCase()].map((letter) => LETTERS.get(letter));
  if (letters.length > 10 || letters.includes(undefined)) return `  ${[...userCode].join(' ')}`;
  const dots = (digit: string) => parseInt(digit, 32).toString(2).padStart(5, '0');
  const row = (at: number) => letters.map((letter) => dots(letter?.charAt(at) ?? '0')).join('00');
  return [0, 1, 2, 3, 4]
    .map((at) => `  ${row(at).replaceAll('0', ' ').replaceAll('1', '█')}`.trimEnd())
    .join('\n');
}
