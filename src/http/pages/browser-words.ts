// A browser in plain words, from what it calls itself; honest where that says nothing that is known.
import { readUserAgent } from '../../domain/user-agent.js';
import type { Language } from './language.js';

/** "Firefox on Windows", or as much of it as is said. */
export function browserWords(userAgent: string, { t }: Language): string {
  const { browser, system } = readUserAgent(userAgent);
  if (browser && system) return t('browser.on', { browser, system });
  if (browser) return browser;
  return system ? t('browser.system', { system }) : t('browser.unknown');
}
