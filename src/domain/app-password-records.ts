// What is kept of an app password, and how one looks: the password that one old tool has for itself. How it is made and ended
// is in app-passwords, what it opens in fallback. Specification: CHECKLIST 3.8.2.
import type { AccountId } from './vocabulary.js';

declare const brand: unique symbol;
export type AppPasswordId = string & { readonly [brand]: 'AppPasswordId' };

export interface AppPassword {
  readonly appPasswordId: AppPasswordId;
  readonly accountId: AccountId;
  /** As its owner calls it. */
  readonly name: string;
  readonly createdAt: Date;
  /** The tool that it belongs to: the first one that came with it. */
  readonly boundTo: { readonly clientId: string; readonly toolName: string } | undefined;
  readonly lastUsed: { readonly at: Date; readonly from: string } | undefined;
}

export interface AppPasswordStore {
  /** `secretMac`: its keyed hash. */
  insert(made: AppPassword & { readonly secretMac: string }): Promise<void>;
  findByMac(secretMac: string): Promise<AppPassword | undefined>;
  /** The newest first. */
  findByAccount(accountId: AccountId): Promise<AppPassword[]>;
  /** Binds it to the first tool that comes: false when it is bound, or is no more. */
  bind(
    appPasswordId: AppPasswordId,
    to: { readonly clientId: string; readonly toolName: string },
  ): Promise<boolean>;
  /** Notes a use by the tool it is bound to, with its hash under the key of today: false for any other tool. */
  use(
    appPasswordId: AppPasswordId,
    by: {
      readonly clientId: string;
      readonly secretMac: string;
      readonly at: Date;
      readonly from: string;
    },
  ): Promise<boolean>;
  /** False when it is no more, or another account's. */
  remove(appPasswordId: AppPasswordId, accountId: AccountId): Promise<boolean>;
}

/** 26^24 is more than 2^112: found by its keyed hash, and not to be guessed (NIST SP 800-63B §3.1.2.2). */
export const APP_PASSWORD_LETTERS = 'abcdefghijklmnopqrstuvwxyz';
export const APP_PASSWORD_LENGTH = 24;
/** A dash between any two letters, and then some. */
const LONGEST_TYPED = 64;
const DASHES = /[\p{Pd}\u2212]/gu;
const FORM = /^[a-z]{24}$/;

/**
 * The letters of a text that has the form of an app password: 24 lower-case ones, with dashes anywhere between. Undefined for
 * every other text. Nothing is trimmed, and no capital is made small: what is read has one meaning.
 */
export function readAppPassword(typed: string): string | undefined {
  if (typed.length > LONGEST_TYPED) return undefined;
  const letters = typed.replace(DASHES, '');
  return FORM.test(letters) ? letters : undefined;
}

/** In six groups of four, as it is shown and as it may be typed. */
export const showAppPassword = (letters: string): string => (letters.match(/.{4}/g) ?? []).join('-');
