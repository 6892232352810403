// Authorizations: a tool sends its person here by a redirect, and they go back with a code that it exchanges for tokens.
//
//   pushed --begin--> asked --approve--> approved --redeem--> redeemed
//                       '-----deny-----> denied                       (expired: computed from the clock, never stored)
//
// Every move is one conditional UPDATE that names the state it leaves, in the store. Here: the words, and what the store must
// be able to do. What a tool does with an authorization is in `authorizations-tool`, what a person does with it in
// `authorizations-person`. RFC 6749 §4.1, RFC 7636, RFC 9126, RFC 9700 §2.1.
import type { Approval, Holder } from './links.js';
import type { LinkedTool } from './tokens.js';
import type { AccountId, AuthorizationId, ClientId, SubjectId } from './vocabulary.js';

/** What the tool wants of the sign-in, and what it may not be asked. OpenID Connect Core 1.0 §3.1.2.1. */
export interface Wishes {
  /** False: the person may be shown nothing; either it is all decided, or there is no code. */
  readonly mayAsk: boolean;
  /** The person proves anew who they are. */
  readonly isSignInDue: boolean;
  /** The person is asked, whatever they have approved before. */
  readonly isReviewDue: boolean;
  /** The sign-in is not older. */
  readonly maxAgeSeconds?: number | undefined;
  /** Two factors, where the account has them. */
  readonly wantsSecondFactor: boolean;
  /** Who it is believed to be: nobody else may answer. */
  readonly subjectId?: SubjectId | undefined;
  /** What they would type to sign in. */
  readonly login?: string | undefined;
}

/** What a tool asks for. It has been read, and fits the tool's registration. */
export interface AuthorizationAsked {
  readonly clientId: ClientId;
  /** Where the person goes back to: registered by this tool, but for the port of a loopback address. */
  readonly redirectUri: string;
  readonly answersBy: 'query' | 'form_post';
  /** The tool's own, handed back as it came. */
  readonly clientState: string | undefined;
  readonly nonce: string | undefined;
  readonly scope: string;
  /** The services that the tokens may be for, one at a time; undefined: for this provider. RFC 8707. */
  readonly resources?: readonly string[] | undefined;
  /** base64url(SHA-256(verifier)). RFC 7636 §4.2. */
  readonly codeChallenge: string;
  /** The key whose proof the code is worth nothing without. RFC 9449 §10. */
  readonly keyThumbprint: string | undefined;
  readonly wishes: Wishes;
}

export interface AuthorizationRequest extends AuthorizationAsked {
  readonly authorizationId: AuthorizationId;
  /** Of what names it to a browser; or, while it is only pushed, to the tool. */
  readonly handleHash: string;
  /** Where the browser came from; of one that is only pushed, the tool. */
  readonly networkAddress: string;
  /** Whose budget it was begun on. */
  readonly network: string;
  readonly userAgent: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

/** On whose word, and whether they were asked this time. */
export type AuthorizationApproval = Approval & { readonly isRemembered: boolean };

export type AuthorizationProgress =
  | { readonly state: 'pushed' }
  | { readonly state: 'asked' }
  | { readonly state: 'denied'; readonly holder: Holder }
  | {
      readonly state: 'approved' | 'redeemed';
      readonly holder: Holder;
      readonly approval: AuthorizationApproval;
      readonly codeHash: string;
    };

export type Authorization = AuthorizationRequest & AuthorizationProgress;
export type ApprovedAuthorization = Extract<Authorization, { readonly state: 'approved' | 'redeemed' }>;

export type RedeemedAuthorization = ApprovedAuthorization & { readonly redeemedAt: Date };

/** All that a code is bound to, as it is shown again. */
export interface CodeShown {
  readonly authorizationId: AuthorizationId;
  readonly codeHash: string;
  readonly clientId: ClientId;
  readonly redirectUri: string;
  readonly codeChallenge: string;
  /** Of the proof that came with it; undefined for none. */
  readonly keyThumbprint: string | undefined;
}

/** Where a browser comes from that takes up a pushed request, and what names it from then on. */
export type Arrived = Pick<
  AuthorizationRequest,
  'handleHash' | 'networkAddress' | 'userAgent' | 'createdAt' | 'expiresAt'
>;

/** Each method that moves an authorization is one statement; false or undefined: it was not in the state it must leave. */
export interface AuthorizationStore {
  insert(request: AuthorizationRequest, state: 'pushed' | 'asked'): Promise<void>;
  findByHandle(handleHash: string): Promise<Authorization | undefined>;
  /** Pushed to asked, once, for the tool that pushed it. */
  begin(handleHash: string, clientId: ClientId, arrived: Arrived): Promise<AuthorizationId | undefined>;
  /** Asked to approved; from then on it expires with its code. */
  approve(
    authorizationId: AuthorizationId,
    holder: Holder,
    given: { readonly approval: AuthorizationApproval; readonly codeHash: string; readonly expiresAt: Date },
    now: Date,
  ): Promise<Authorization | undefined>;
  /** Asked to denied. */
  deny(authorizationId: AuthorizationId, holder: Holder, now: Date): Promise<Authorization | undefined>;
  /** Asked to gone: its tool is told no, without anybody having decided. */
  remove(authorizationId: AuthorizationId): Promise<boolean>;
  /** Approved to redeemed, if everything fits that the code is bound to. */
  redeem(shown: CodeShown, now: Date): Promise<ApprovedAuthorization | undefined>;
  /** What was redeemed before with a code that fits. */
  findRedeemed(shown: CodeShown): Promise<RedeemedAuthorization | undefined>;
  /** Approved to denied, whatever this account has under way. Resolves to how many. */
  withdrawByAccount(accountId: AccountId, now: Date): Promise<number>;
  /**
   * Removes the tools of the same client and person, linked by a redirect, of which nothing is alive: neither the first access
   * token nor a refresh token. Their owner has been told of them. Resolves to how many.
   */
  forgetSpent(tool: LinkedTool, now: Date): Promise<number>;
  /** Removes what expired before the first time, and what was redeemed before the second: a few at a time, none where none are left. */
  removeExpired(expiredBefore: Date, redeemedBefore: Date): Promise<number>;
}

/** The state as the clock sees it. */
export function standingOf(
  { state, expiresAt }: Pick<Authorization, 'state' | 'expiresAt'>,
  now: Date,
): Authorization['state'] | 'expired' {
  return state !== 'denied' && state !== 'redeemed' && expiresAt <= now ? 'expired' : state;
}
