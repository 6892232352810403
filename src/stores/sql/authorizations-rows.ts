// How a row of `authorizations` becomes an authorization and back. Nullable columns end here: outside, each state has exactly its
// own facts.
import { toStanding } from './links-rows.js';
import type { AuthorizationsTable } from './tables-authorizations.js';
import type {
  Authorization,
  AuthorizationAsked,
  AuthorizationProgress,
  AuthorizationRequest,
} from '../../domain/authorizations.js';
import type {
  AccountId,
  AuthenticationMethod,
  AuthorizationId,
  BrowserTicket,
  ClientId,
  SubjectId,
} from '../../domain/vocabulary.js';

export type NewRow = Pick<
  AuthorizationsTable,
  | 'authorization_id'
  | 'handle_hash'
  | 'state'
  | 'client_id'
  | 'redirect_uri'
  | 'scope'
  | 'code_challenge'
  | 'key_thumbprint'
  | 'asked'
  | 'network_address'
  | 'network'
  | 'user_agent'
  | 'created_at'
  | 'expires_at'
>;

type Asked = Pick<AuthorizationAsked, 'answersBy' | 'clientState' | 'nonce' | 'resources' | 'wishes'>;

export function toNewRow(request: AuthorizationRequest, state: 'pushed' | 'asked'): NewRow {
  const { answersBy, clientState, nonce, resources, wishes } = request;
  const asked: Asked = { answersBy, clientState, nonce, resources, wishes };
  return {
    authorization_id: request.authorizationId,
    handle_hash: request.handleHash,
    state,
    client_id: request.clientId,
    redirect_uri: request.redirectUri,
    scope: request.scope,
    code_challenge: request.codeChallenge,
    key_thumbprint: request.keyThumbprint ?? null,
    asked: JSON.stringify(asked),
    network_address: request.networkAddress,
    network: request.network,
    user_agent: request.userAgent,
    created_at: request.createdAt.getTime(),
    expires_at: request.expiresAt.getTime(),
  };
}

export function toAuthorization(row: AuthorizationsTable): Authorization {
  const { answersBy, clientState, nonce, resources, wishes } = JSON.parse(row.asked) as Asked;
  return {
    authorizationId: row.authorization_id as AuthorizationId,
    handleHash: row.handle_hash,
    clientId: row.client_id as ClientId,
    redirectUri: row.redirect_uri,
    scope: row.scope,
    codeChallenge: row.code_challenge,
    keyThumbprint: row.key_thumbprint ?? undefined,
    answersBy,
    clientState,
    nonce,
    resources,
    wishes,
    networkAddress: row.network_address,
    network: row.network,
    userAgent: row.user_agent,
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
    ...toProgress(row),
  };
}

/** The schema's checks promise that each state has its own facts. */
function toProgress(row: AuthorizationsTable): AuthorizationProgress {
  const state = row.state as Authorization['state'];
  if (state === 'pushed' || state === 'asked') return { state };
  const holder = { accountId: row.account_id as AccountId, ticket: row.ticket as BrowserTicket };
  if (state === 'denied') return { state, holder };
  return {
    state,
    holder,
    codeHash: row.code_hash!,
    approval: {
      accountId: row.account_id as AccountId,
      subjectId: row.subject_id as SubjectId,
      authenticatedAt: new Date(row.authenticated_at!),
      methods: row.methods!.split(' ').filter(Boolean) as AuthenticationMethod[],
      household: toStanding(row),
      isRemembered: row.remembered === 1,
    },
  };
}
