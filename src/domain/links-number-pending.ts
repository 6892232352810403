// Pending links with a number: how their tool may see one, and what the gate may say of it. The door keeps what it has answered;
// while the gate says that a link is pending, that answer stands. Only the tool and the network that made a link are answered
// so. DESIGN 4 (poll gate), 11.
import { keyOfNumber, type NumberedLink, type NumberedLinkRequest } from './links-numbered.js';
import type { PollGate } from './links.js';
import { identifierOf } from './tokens-lasting.js';
import { alphabetOf, isStrongCode } from './user-code.js';
import type { Clock, LinkId } from './vocabulary.js';

/**
 * Draws the user code of a link: from the link itself and a key of the house, so that it is kept nowhere and can be shown
 * again. `userCodeMac`: the one that was made of it then, which names the key. Throws where that key is gone.
 */
export type DrawUserCode = (
  linkId: LinkId,
  shape: { readonly alphabet: string; readonly length: number },
  userCodeMac?: string,
) => string;

/** The gate knows each tool by the link's key; a name beside it would only fill its memory with strangers' words. */
const GATE_NAME = 'by number';

export function createPending({
  gate,
  drawUserCode,
  now,
}: {
  readonly gate: PollGate;
  readonly drawUserCode: DrawUserCode;
  readonly now: Clock;
}) {
  function codeOf({ linkId, userCodeMac, numbered }: NumberedLinkRequest): string {
    const length = numbered.userCodeLength;
    return drawUserCode(linkId, { alphabet: alphabetOf(length), length }, userCodeMac);
  }

  function present(link: NumberedLinkRequest, userCode = codeOf(link)): NumberedLink {
    const { clientId, networkAddress, createdAt, expiresAt, numbered } = link;
    return {
      number: numbered.number,
      userCode,
      isStrong: isStrongCode(userCode),
      identifier: identifierOf(clientId),
      tool: numbered.tool,
      networkAddress,
      createdAt,
      expiresAt,
      isKeyed: numbered.deviceKey !== undefined,
    };
  }

  const isPending = (key: string): boolean =>
    gate.check(key, GATE_NAME, now().getTime()).verdict === 'pending';

  return {
    present,
    isPending,

    /**
     * Lets the gate answer for a pending link, to its own tool in the network that made it, for as long as nobody decides.
     * Who has just drawn its user code gives it along.
     */
    admit(link: NumberedLinkRequest, stamp: number, userCode?: string): NumberedLink {
      const key = keyOfNumber(link.numbered.number, link.clientId, link.network);
      const expiresAt = link.expiresAt.getTime();
      gate.admit({ deviceCodeHash: key, clientId: GATE_NAME, intervalSeconds: 0, expiresAt }, stamp);
      return present(link, userCode);
    },
  };
}
