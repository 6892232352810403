// What a browser calls itself, read for people: the few names that nearly everybody uses, and nothing else. Whoever sends a
// request writes this text, so only names from here are ever shown or mailed, and never the text itself. RFC 9110 §10.1.5.

/** Names are the makers' own, the same in every language. Undefined where nothing known is said. */
export interface ReadUserAgent {
  readonly browser: string | undefined;
  readonly system: string | undefined;
}

/** The first that matches: many also name those that they want to be taken for. */
const BROWSERS: readonly (readonly [string, RegExp])[] = [
  ['Edge', /\b(?:Edg|EdgA|EdgiOS|Edge)\//],
  ['Opera', /\b(?:OPR|OPiOS)\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//],
  ['Chrome', /\b(?:Chrome|CriOS|Chromium|HeadlessChrome)\//],
  ['Safari', /\bVersion\/[\d.]+ .*\bSafari\//],
];

const SYSTEMS: readonly (readonly [string, RegExp])[] = [
  ['Android', /\bAndroid\b/],
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Windows', /\bWindows NT\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['macOS', /\bMac OS X\b/],
  ['Linux', /\bLinux\b/],
];

/** `userAgent`: as kept, at most 300 characters. */
export function readUserAgent(userAgent: string): ReadUserAgent {
  const first = (names: readonly (readonly [string, RegExp])[]) =>
    names.find(([, pattern]) => pattern.test(userAgent))?.[0];
  return { browser: first(BROWSERS), system: first(SYSTEMS) };
}
