// What an access token says: of the tool that holds it, and of the person that it speaks for. Signing it is in `tokens`.
// RFC 9068 §2.2, RFC 8176 (`amr`); of members of a household, DESIGN 8.
import {
  contextClass,
  type AuthenticationMethod,
  type HouseholdStanding,
  type LinkedToolId,
  type SubjectId,
} from './vocabulary.js';

/** What a token needs to know of its tool, and of itself. */
export interface Claimed {
  readonly tool: {
    readonly linkedToolId: LinkedToolId;
    readonly subjectId: SubjectId;
    readonly clientId: string;
    readonly audience: string;
    readonly authenticatedAt: Date;
    readonly methods: readonly AuthenticationMethod[];
    readonly household?: HouseholdStanding | undefined;
  };
  readonly access: { readonly jti: string; readonly issuedAt: Date; readonly expiresAt: Date };
  readonly scope: string;
  /** Whom this token is for, where it is not the tool's own audience. */
  readonly audience?: string | undefined;
  /** The key without whose proof it counts for nothing. */
  readonly keyThumbprint?: string | undefined;
}

/** Another tool was switched to a member of the household: nobody proved who they are, and it may do nothing but be them. */
export const isSwitched = ({ methods }: Pick<Claimed['tool'], 'methods'>): boolean =>
  methods.includes('profile');

/** RFC 8176 names; `mfa` where two factors were proved. */
function amrOf(methods: readonly AuthenticationMethod[]): string[] {
  const named = methods.filter((method) => method !== 'recovery' && method !== 'mfa');
  return contextClass(methods) === 'aal2' ? [...named, 'mfa'] : named;
}

/** The claims of tokens of this issuer. */
export function createClaims(issuer: string) {
  return ({ tool, access, scope, audience, keyThumbprint }: Claimed) => ({
    iss: issuer,
    aud: audience ?? tool.audience,
    sub: tool.subjectId,
    client_id: tool.clientId,
    iat: access.issuedAt.getTime() / 1000,
    exp: access.expiresAt.getTime() / 1000,
    jti: access.jti,
    // RFC 6749 §3.3: a scope has at least one word.
    scope: scope === '' ? undefined : scope,
    // Who was switched to has not been authenticated at all.
    auth_time: isSwitched(tool) ? undefined : Math.floor(tool.authenticatedAt.getTime() / 1000),
    amr: amrOf(tool.methods),
    acr: isSwitched(tool) ? undefined : contextClass(tool.methods),
    linked_tool: tool.linkedToolId,
    household_id: tool.household?.householdId,
    member_kind: tool.household?.memberKind,
    // RFC 9449 §6.1.
    cnf: keyThumbprint === undefined ? undefined : { jkt: keyThumbprint },
  });
}
