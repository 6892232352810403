// A profile PIN in a form: what was wrong with the digits, with the reason, and for which state of the PIN the form was made.
// Which four digits are good, and what a try costs, is decided in domain/household-pin-rule and domain/household-pin-tries.
import type { PinFault } from '../../domain/household-pin-rule.js';
import { isRefusal } from '../../domain/vocabulary.js';
import type { Form } from '../request.js';
import type { Language } from './language.js';
import { faultOf, formFault, type PageFault } from './render.js';

/** `fault.<words>.title` and `.text` in the catalogues. */
const FAULT_WORDS = {
  'not-four-digits': 'pin-not-four-digits',
  repeated: 'pin-repeated',
  sequence: 'pin-sequence',
  year: 'pin-year',
  common: 'pin-common',
} as const satisfies Record<PinFault, string>;

const isPinFault = (text: string | undefined): text is PinFault =>
  text !== undefined && Object.hasOwn(FAULT_WORDS, text);

/** A refusal of a new PIN, at its field; undefined for what is none. That another page was faster belongs to no field. */
export function pinFaultOf(language: Language, error: unknown, field: string): PageFault | undefined {
  if (isRefusal(error, 'profile-pin-changed')) return faultOf(language, error);
  if (isRefusal(error, 'service-busy')) return faultOf(language, error, field);
  if (!isRefusal(error, 'profile-pin-invalid') && !isRefusal(error, 'profile-pin-common')) return undefined;
  const fault = error.publicDetail;
  return isPinFault(fault) ? formFault(language, field, FAULT_WORDS[fault]) : faultOf(language, error, field);
}

/** The version of the PIN that the form was made for; a form without one was made for no PIN that there is. */
export function readVersion(form: Form): number {
  const text = form.get('version') ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : -1;
}
