// How a row of `links` becomes a link and back. Nullable columns end here: outside, each state has exactly its own facts.
import type { LinksTable } from './tables-links.js';
import { fromToolValues } from './tool-values.js';
import type {
  Approval,
  ApprovedLink,
  Arrival,
  Link,
  LinkProgress,
  LinkRequest,
  Numbered,
} from '../../domain/links.js';
import type {
  AccountId,
  AuthenticationMethod,
  BrowserTicket,
  HouseholdId,
  HouseholdStanding,
  LinkId,
  MemberKind,
  SubjectId,
} from '../../domain/vocabulary.js';

export type NewLink = Pick<
  LinksTable,
  | 'link_id'
  | 'door'
  | 'client_id'
  | 'device_code_hash'
  | 'user_code_mac'
  | 'scope'
  | 'network_address'
  | 'network'
  | 'web_origin'
  | 'user_agent'
  | 'key_thumbprint'
  | 'created_at'
  | 'expires_at'
  | 'resources'
>;

/** Words that have no space in them, or none at all. */
export const toWords = (words: readonly string[] | undefined): string | null => words?.join(' ') || null;
export const fromWords = (text: string | null): readonly string[] | undefined => text?.split(' ');

export function toNewLink(link: LinkRequest): NewLink {
  return {
    link_id: link.linkId,
    door: link.door,
    client_id: link.clientId,
    device_code_hash: link.deviceCodeHash,
    user_code_mac: link.userCodeMac,
    scope: link.scope,
    network_address: link.networkAddress,
    network: link.network,
    web_origin: link.webOrigin ?? null,
    user_agent: link.userAgent,
    key_thumbprint: link.keyThumbprint ?? null,
    created_at: link.createdAt.getTime(),
    expires_at: link.expiresAt.getTime(),
    resources: toWords(link.resources),
  };
}

function toRequest(row: LinksTable): LinkRequest {
  return {
    linkId: row.link_id as LinkId,
    door: row.door as LinkRequest['door'],
    clientId: row.client_id,
    deviceCodeHash: row.device_code_hash ?? '',
    userCodeMac: row.user_code_mac,
    scope: row.scope,
    networkAddress: row.network_address,
    network: row.network,
    webOrigin: row.web_origin ?? undefined,
    userAgent: row.user_agent,
    keyThumbprint: row.key_thumbprint ?? undefined,
    createdAt: new Date(row.created_at),
    expiresAt: new Date(row.expires_at),
    numbered: toNumbered(row),
    resources: fromWords(row.resources),
  };
}

function toNumbered(row: LinksTable): Numbered | undefined {
  if (row.public_number === null) return undefined;
  return {
    number: row.public_number,
    userCodeLength: row.user_code_length ?? 0,
    tool: fromToolValues(row.tool_values ?? '[]'),
    deviceKey:
      row.device_key === null
        ? undefined
        : (JSON.parse(row.device_key) as NonNullable<Numbered['deviceKey']>),
    forwardAddress: row.forward_address ?? undefined,
    parentToolId: (row.parent_tool_id ?? undefined) as Numbered['parentToolId'],
  };
}

const APPROVAL_COLUMNS = [
  'account_id',
  'subject_id',
  'authenticated_at',
  'methods',
  'household_id',
  'member_kind',
] as const;
/** What redeeming reads. */
export const APPROVED_COLUMNS = [
  'link_id',
  'door',
  'scope',
  'network',
  'key_thumbprint',
  'resources',
  ...APPROVAL_COLUMNS,
] as const;

type ApprovalRow = Pick<LinksTable, (typeof APPROVAL_COLUMNS)[number]>;
type ApprovedRow = Pick<LinksTable, (typeof APPROVED_COLUMNS)[number]>;

/** Both columns are there, or neither. */
export function toStanding({
  household_id,
  member_kind,
}: Pick<LinksTable, 'household_id' | 'member_kind'>): HouseholdStanding | undefined {
  if (household_id === null) return undefined;
  return { householdId: household_id as HouseholdId, memberKind: member_kind as MemberKind };
}

/** The schema's checks promise that an approved or redeemed row has all of these. */
function toApproval(row: ApprovalRow): Approval {
  return {
    accountId: row.account_id as AccountId,
    subjectId: row.subject_id as SubjectId,
    authenticatedAt: new Date(row.authenticated_at!),
    methods: row.methods!.split(' ').filter(Boolean) as AuthenticationMethod[],
    household: toStanding(row),
  };
}

export function toApprovedLink(row: ApprovedRow): ApprovedLink {
  return {
    linkId: row.link_id as LinkId,
    door: row.door as LinkRequest['door'],
    scope: row.scope,
    network: row.network,
    keyThumbprint: row.key_thumbprint ?? undefined,
    resources: fromWords(row.resources),
    approval: toApproval(row),
  };
}

function toProgress(row: LinksTable): LinkProgress {
  const holder = { accountId: row.account_id as AccountId, ticket: row.ticket as BrowserTicket };
  const arrival = row.arrival as Arrival;
  switch (row.state) {
    case 'reserved':
      return { state: 'reserved', holder, arrival };
    case 'approved':
      return { state: 'approved', holder, arrival, approval: toApproval(row) };
    case 'redeemed':
      return { state: 'redeemed', holder, approval: toApproval(row) };
    case 'denied':
      return { state: 'denied', holder: row.account_id === null ? undefined : holder };
    default:
      return { state: 'pending' };
  }
}

export function toLink(row: LinksTable): Link {
  return { ...toRequest(row), ...toProgress(row) };
}
