// What four digits a profile PIN may be. People choose few of the ten thousand: the ones that everybody tries first are refused,
// with the reason. How often one may be tried is `household-pin-tries`. CHECKLIST 3.7.
import { DomainError } from './vocabulary.js';

export type PinFault = 'not-four-digits' | 'repeated' | 'sequence' | 'year' | 'common';

/** Any other digits, a full-width one say, are not what a keyboard of digits gives. */
const FOUR_DIGITS = /^[0-9]{4}$/;
/** 7777, 1212, 1122, 1221, and what differs in one digit from four equal ones at its end or start. */
const REPEATED = /^(\d)\1\1\d$|^\d(\d)\2\2$|^(\d)(\d)\3\4$|^(\d)\5(\d)\6$|^(\d)(\d)\8\7$/;
const FIRST_YEAR = 1940;
const LAST_YEAR = 2030;

/** Lines and corners of a keypad, words on it, dates and numbers that everybody knows: what is left of the most chosen ones. */
const COMMON = new Set(
  (
    '2580 0852 3690 0963 1590 3570 7410 8520 0258 1397 3179 7931 9713 1379 9137 3719 2684 8426 4862 6248 ' +
    '1245 5421 2356 6532 4578 8754 5689 9865 1254 2365 4587 5698 1236 3214 1478 8741 7896 6987 3698 8963 ' +
    '4568 1593 3571 9513 1597 7895 4561 1230 0147 0159 0357 5683 7465 6725 3825 4357 4663 5253 8324 4673 ' +
    '3425 7243 2378 8437 1004 1007 0070 0420 4200 0911 9110 0704 1225 2512 2412 3112 1231 0214 1402 1031 ' +
    '1123 1337 3141 3142 2718 2728 1618 8088 4206 6942 1066 1492 1776 1789 1812 1861 1914 1918 1939 1024 ' +
    '2048 4096 1080 4711 0815 1200 1300 1500 1600 1700 2100 2300'
  ).split(' '),
);

/** Each digit as far from the one before as the first two are, by one, two or three, round the end or not. */
function isSequence(pin: string): boolean {
  const [a = 0, b = 0, c = 0, d = 0] = [...pin].map(Number);
  const steps = [b - a, c - b, d - c].map((step) => (step + 10) % 10);
  return steps.every((step) => step === steps[0]) && [1, 2, 3, 7, 8, 9].includes(steps[0]!);
}

/** What is wrong with a PIN, the first thing that is; undefined for one that may be chosen. */
export function pinFault(pin: string): PinFault | undefined {
  if (!FOUR_DIGITS.test(pin)) return 'not-four-digits';
  if (REPEATED.test(pin)) return 'repeated';
  if (isSequence(pin)) return 'sequence';
  if (Number(pin) >= FIRST_YEAR && Number(pin) <= LAST_YEAR) return 'year';
  return COMMON.has(pin) ? 'common' : undefined;
}

/** Whether it can be somebody's PIN at all: no other text is looked at, or counted. */
export const isPossiblePin = (pin: string | undefined): pin is string =>
  pin !== undefined && FOUR_DIGITS.test(pin);

/** Refuses `profile-pin-invalid` and `profile-pin-common`, with the fault as the public detail. */
export function refuseBadPin(pin: string): void {
  const fault = pinFault(pin);
  if (fault === undefined) return;
  const code = fault === 'not-four-digits' ? 'profile-pin-invalid' : 'profile-pin-common';
  throw new DomainError(code, { publicDetail: fault });
}
