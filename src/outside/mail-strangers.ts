// The names in a mail are strangers' text: whoever signs up names the account, and a tool names itself. Here they are made
// harmless for both parts of a mail; what HTML needs to have escaped is its layout's (views/mail/layout-html.ejs).

/** What no name needs: controls, halves of characters, and marks that turn the direction of the words around them. */
const UNSEEMLY =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]+/gu;

const RIGHT_TO_LEFT = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;

/** One line without anything that acts instead of being read. */
export const seemly = (value: string): string => value.replace(UNSEEMLY, ' ').trim();

/**
 * Mail programs make links of words that look like an address, so a tool that calls itself `evil.example/login` would
 * have us send its link. An invisible joiner after the dot or the colon leaves the name to be read, and nothing to press.
 */
export const unlinked = (value: string): string =>
  value.replace(/(?<=[\p{L}\p{N}])[.:@\/](?=[\p{L}\p{N}\/])/gu, '$&\u2060');

/** For plain text: a name that runs from right to left moves nothing around it (UAX #9 §2.4). HTML has `bdi` for it. */
export const isolated = (value: string): string =>
  RIGHT_TO_LEFT.test(value) ? `\u2068${value}\u2069` : value;
