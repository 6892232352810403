// How a link looks to the tool that polls it by its number: all members that any client insists on, the token null until
// there is one. The older shape has elements where the newer has attributes. PIN-API 3.1, 3.2, 3.6.
import { presentTime, type Answer, type Format } from './answers.js';
import { writeAttributes, writeOnce, XML_DECLARATION } from './xml.js';
import type { NumberedLink } from '../../domain/links-by-number.js';

/** What an approved link gave: once there is a token, whether the account was made for it. */
export interface Issued {
  readonly token: string;
  readonly isNewAccount: boolean;
}

/** Strict parsers want every member of a place. Where tools are is not looked up, so each is empty. */
const NOWHERE = {
  code: '',
  european_union_member: false,
  continent_code: '',
  country: '',
  city: '',
  time_zone: '',
  postal_code: '',
  in_privacy_restricted_country: false,
  in_privacy_restricted_region: false,
  subdivisions: '',
  coordinates: '',
};

const NOWHERE_IN_XML = writeOnce({ name: 'location', attributes: NOWHERE });

/** How many whole seconds a link has left; the last second counts as one. */
export const secondsLeft = ({ expiresAt }: Pick<NumberedLink, 'expiresAt'>, now: Date): number =>
  Math.max(0, Math.ceil((expiresAt.getTime() - now.getTime()) / 1000));

function membersOf(link: NumberedLink, expiresIn: number, publicUrl: string, format: Format) {
  return {
    id: link.number,
    code: link.userCode,
    product: link.tool.product,
    trusted: false,
    qr: `${publicUrl}/api/v2/pins/qr/${link.userCode}`,
    clientIdentifier: link.identifier,
    expiresIn,
    createdAt: presentTime(link.createdAt, format),
    expiresAt: presentTime(link.expiresAt, format),
  };
}

/** PIN-API 3.1, of a link that was approved. */
export function presentLink(
  { link, issued, secondsLeft: left }: { link: NumberedLink; issued: Issued; secondsLeft: number },
  publicUrl: string,
): Answer {
  const outcome = { authToken: issued.token, newRegistration: issued.isNewAccount };
  return {
    json: () => ({ ...membersOf(link, left, publicUrl, 'json'), location: NOWHERE, ...outcome }),
    xml: () => ({
      name: 'pin',
      attributes: { ...membersOf(link, left, publicUrl, 'xml'), ...outcome },
      children: [NOWHERE_IN_XML],
    }),
  };
}

/** PIN-API 3.1: null in JSON and empty in XML until there is a token; a client takes an absent one for a token. */
const UNDECIDED = { authToken: null, newRegistration: null };

/** How the answers for all pending links end. */
export const PENDING_END = {
  json: `,${JSON.stringify({ location: NOWHERE, ...UNDECIDED }).slice(1)}`,
  xml: `${writeAttributes(UNDECIDED)}>${NOWHERE_IN_XML.written}</pin>`,
} as const satisfies Record<Format, string>;

/** The same of a pending link, up to what all of them end with. */
export function presentPending(
  link: NumberedLink,
  { secondsLeft: left, publicUrl, format }: { secondsLeft: number; publicUrl: string; format: Format },
): string {
  const members = membersOf(link, left, publicUrl, format);
  return format === 'json'
    ? JSON.stringify(members).slice(0, -1)
    : `${XML_DECLARATION}<pin${writeAttributes(members)}`;
}

/** PIN-API 3.6. Times are as in JSON, in XML too. */
export function presentOlderLink({ link, issued }: { link: NumberedLink; issued?: Issued }): Answer {
  const expiresAt = presentTime(link.expiresAt, 'json');
  const token = issued?.token;
  const text = (name: string, value = '') => ({ name, text: value });
  const typed = (name: string, type: string, value = '') => ({ name, attributes: { type }, text: value });
  return {
    json: () => ({
      pin: {
        id: link.number,
        code: link.userCode,
        client_identifier: link.identifier,
        expires_at: expiresAt,
        user_id: null,
        trusted: false,
        auth_token: token ?? null,
      },
    }),
    xml: () => ({
      name: 'pin',
      children: [
        text('client-identifier', link.identifier),
        text('code', link.userCode),
        typed('expires-at', 'dateTime', expiresAt),
        typed('id', 'integer', String(link.number)),
        typed('user-id', 'integer'),
        typed('trusted', 'boolean', 'false'),
        text('auth-token', token),
        text('auth_token', token),
      ],
    }),
  };
}
