// What a person is shown of an authorization, and what the tool is told of their answer: the words between
// `authorizations-person`, which decides, and the pages.
import type { Authorization } from './authorizations.js';
import type { ForWhom } from './links-for-whom.js';

/** Everything that the review page shows. */
export interface AuthorizationReview {
  readonly toolName: string;
  readonly isToolVerified: boolean;
  readonly redirectUri: string;
  /** Whether it can be told from others that give themselves its name (RFC 8252 §8.6). */
  readonly isToolAssured: boolean;
  /** Whether this person approved it before, and what it asks for this time. */
  readonly isRemembered: boolean;
  readonly scopes: readonly string[];
  /** The services that it will use, by their names. */
  readonly services: readonly string[];
  readonly forWhom: readonly ForWhom[];
  readonly startedAt: Date;
  readonly expiresAt: Date;
  /** Names this page and when it was made; a decision carries it back. */
  readonly page: string;
}

/** What the tool is told, by way of the browser. */
export type AuthorizationAnswer = Pick<Authorization, 'redirectUri' | 'answersBy' | 'clientState'> & {
  readonly toolName: string;
} & (
    | { readonly outcome: 'approved'; readonly code: string }
    /** The last three: the tool asked that nobody be shown anything. */
    | { readonly outcome: 'declined' | 'sign-in-due' | 'review-due' | 'step-due' }
  );

export type AuthorizationStep =
  /** Unknown, too late, answered, or decided in another browser: the tool has to start again. */
  | { readonly step: 'over' }
  | { readonly step: 'sign-in'; readonly isAnew: boolean; readonly login: string | undefined }
  | { readonly step: 'verify' | 'add-second-factor' | 'prove' }
  | { readonly step: 'review'; readonly review: AuthorizationReview }
  | { readonly step: 'answer'; readonly answer: AuthorizationAnswer };
