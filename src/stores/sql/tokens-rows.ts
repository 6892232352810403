// How rows of `linked_tools` and `refresh_tokens` become what the domain knows, and back.
import type { LinkedToolsTable, RefreshTokensTable } from './tables-tokens.js';
import { fromWords, toStanding, toWords } from './links-rows.js';
import { fromToolValues, toToolValues } from './tool-values.js';
import type { LinkedTool, RefreshToken } from '../../domain/tokens.js';
import type {
  AccountId,
  AuthenticationMethod,
  LinkedToolId,
  LinkId,
  SubjectId,
} from '../../domain/vocabulary.js';

export type NewTool = Omit<LinkedToolsTable, 'ended_at' | 'ended_why'>;
export type NewRefreshToken = Omit<RefreshTokensTable, 'used_at'>;

export function toToolRow(tool: LinkedTool): NewTool {
  return {
    linked_tool_id: tool.linkedToolId,
    link_id: tool.linkId,
    door: tool.door,
    account_id: tool.accountId,
    subject_id: tool.subjectId,
    client_id: tool.clientId,
    name: tool.name,
    scope: tool.scope,
    audience: tool.audience,
    authenticated_at: tool.authenticatedAt.getTime(),
    methods: tool.methods.join(' '),
    key_thumbprint: tool.keyThumbprint ?? null,
    access_jti: tool.firstAccess.jti,
    access_issued_at: tool.firstAccess.issuedAt.getTime(),
    access_expires_at: tool.firstAccess.expiresAt.getTime(),
    linked_at: tool.linkedAt.getTime(),
    linked_from: tool.linkedFrom,
    last_used_at: tool.lastUsedAt.getTime(),
    last_used_from: tool.lastUsedFrom,
    access_kid: tool.accessKid ?? null,
    tool_values: tool.description ? toToolValues(tool.description) : null,
    parent_tool_id: tool.parentToolId ?? null,
    born_with: tool.bornWith ?? null,
    app_password_id: tool.appPasswordId ?? null,
    household_id: tool.household?.householdId ?? null,
    member_kind: tool.household?.memberKind ?? null,
    redirect_uri: tool.redirectUri ?? null,
    resources: toWords(tool.resources),
    // What came in otherwise has a mail of its own.
    owner_told: tool.parentToolId === undefined && tool.bornWith === undefined ? 0 : 1,
  };
}

export function toLinkedTool(row: LinkedToolsTable): LinkedTool {
  return {
    linkedToolId: row.linked_tool_id as LinkedToolId,
    linkId: row.link_id as LinkId,
    door: row.door as LinkedTool['door'],
    accountId: row.account_id as AccountId,
    subjectId: row.subject_id as SubjectId,
    clientId: row.client_id,
    name: row.name,
    scope: row.scope,
    audience: row.audience,
    authenticatedAt: new Date(row.authenticated_at),
    methods: row.methods.split(' ').filter(Boolean) as AuthenticationMethod[],
    keyThumbprint: row.key_thumbprint ?? undefined,
    firstAccess: toStamp(row),
    linkedAt: new Date(row.linked_at),
    linkedFrom: row.linked_from,
    lastUsedAt: new Date(row.last_used_at),
    lastUsedFrom: row.last_used_from,
    endedAt: row.ended_at === null ? undefined : new Date(row.ended_at),
    accessKid: row.access_kid ?? undefined,
    description: row.tool_values === null ? undefined : fromToolValues(row.tool_values),
    parentToolId: (row.parent_tool_id ?? undefined) as LinkedToolId | undefined,
    bornWith: (row.born_with ?? undefined) as LinkedTool['bornWith'],
    appPasswordId: (row.app_password_id ?? undefined) as LinkedTool['appPasswordId'],
    household: toStanding(row),
    redirectUri: row.redirect_uri ?? undefined,
    resources: fromWords(row.resources),
  };
}

export function toRefreshValues(token: RefreshToken): NewRefreshToken {
  return {
    token_hash: token.tokenHash,
    linked_tool_id: token.linkedToolId,
    client_id: token.clientId,
    generation: token.generation,
    key_id: token.keyId,
    access_jti: token.access.jti,
    access_issued_at: token.access.issuedAt.getTime(),
    access_expires_at: token.access.expiresAt.getTime(),
    scope: token.scope,
    replays: token.replays,
    created_at: token.createdAt.getTime(),
    expires_at: token.expiresAt.getTime(),
    key_thumbprint: token.keyThumbprint ?? null,
    audience: token.audience ?? null,
  };
}

export function toRefreshToken(row: RefreshTokensTable): RefreshToken {
  return {
    tokenHash: row.token_hash,
    linkedToolId: row.linked_tool_id as LinkedToolId,
    clientId: row.client_id,
    generation: row.generation,
    keyId: row.key_id,
    access: toStamp(row),
    scope: row.scope,
    replays: row.replays,
    createdAt: new Date(row.created_at),
    usedAt: row.used_at === null ? undefined : new Date(row.used_at),
    expiresAt: new Date(row.expires_at),
    keyThumbprint: row.key_thumbprint ?? undefined,
    audience: row.audience ?? undefined,
  };
}

function toStamp(row: { access_jti: string; access_issued_at: number; access_expires_at: number }) {
  return {
    jti: row.access_jti,
    issuedAt: new Date(row.access_issued_at),
    expiresAt: new Date(row.access_expires_at),
  };
}
