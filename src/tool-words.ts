// Words and numbers out of answers that nobody vouches for, made safe to show in a terminal.
// What they mean is for the files that ask.

/** What an error says; a host with several addresses fails with one that has a code but no words. */
export function wordsOf(fault: unknown): string {
  const { message, code } = fault as { message?: string; code?: string };
  return tidy(message || code || 'no reason given');
}

export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

export function text(value: unknown): string {
  return typeof value === 'string' ? tidy(value) : '';
}

/** A server's words could carry terminal commands or turn the reading direction round: only visible signs pass. */
export function tidy(words: string): string {
  return words.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
}

export function tidyLines(words: string): string {
  return words.split('\n').map(tidy).join('\n');
}
