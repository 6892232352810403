// Polling a PIN: the tool asks by number and identifier whether its link was decided, and gets the token once it was approved.
// Budgets, redemption and the two minutes that the token stays readable are in `links-by-number`. Plain pending polls rarely
// get here: the lane ahead answers them. PIN-API 3.2, 3.6, 5; RFC 7240 §4.3 (`Prefer: wait`).
import type { RequestContext } from '../guards.js';
import { countOnly } from '../observe.js';
import { callerOf, readPreferWait } from '../request-wait.js';
import { originOf } from '../request.js';
import { answer, contentTypeOf, type Endpoint } from './answers.js';
import { DoorRefusal, refusals } from './errors.js';
import { fieldOf, readMessage } from './message.js';
import type { PendingAnswers } from './pending-answers.js';
import { presentLink, presentOlderLink, secondsLeft, type Issued } from './present-link.js';
import { readIdentifier, requireIdentifier } from './tool-values.js';
import type { LinksByNumber, NumberedLink } from '../../domain/links-by-number.js';
import type { Clock } from '../../domain/vocabulary.js';

export interface PollDependencies {
  readonly linksByNumber: Pick<LinksByNumber, 'pollNumberedLink' | 'holdNumberedLink'>;
  readonly pendingAnswers: PendingAnswers;
  readonly publicUrl: string;
  readonly now: Clock;
}

interface AboutLink {
  readonly number: number;
  readonly identifier: string;
  readonly deviceProof?: string;
}

interface Found {
  readonly link: NumberedLink;
  readonly issued?: Issued;
}

const HIGHEST_NUMBER = 2 ** 31 - 1;

/** No number at all is a number that nobody knows. */
function numberOf(parameter: string): number {
  const number = /^[1-9]\d{0,9}$/.test(parameter) ? Number(parameter) : 0;
  if (number < 1 || number > HIGHEST_NUMBER) throw new DoorRefusal(refusals.codeUnknown);
  return number;
}

export function createPoll({ linksByNumber, pendingAnswers, publicUrl, now }: PollDependencies) {
  async function ask(ctx: RequestContext, about: AboutLink): Promise<Found> {
    const polled = await linksByNumber.pollNumberedLink({ ...about, origin: originOf(ctx) });
    // PIN-API 3.2: unknown, expired, declined and foreign are one answer, at which clients start over.
    if (polled.outcome === 'unknown') throw new DoorRefusal(refusals.codeUnknown);
    if (polled.outcome === 'pending') return { link: polled.link };
    const { link, token, isNewAccount } = polled;
    return { link, issued: { token, isNewAccount } };
  }

  /** Waits where the tool asks for that, and looks again at a decision. */
  async function hold(ctx: RequestContext, about: AboutLink, found: Found): Promise<Found> {
    const seconds = readPreferWait(ctx.get('Prefer'));
    if (seconds === undefined) return found;
    const caller = callerOf(ctx.res);
    const { number, identifier } = about;
    const { network } = originOf(ctx);
    const asked = { number, identifier, seconds, network, caller };
    const end = await linksByNumber.holdNumberedLink(asked);
    if (end === 'refused') return found;
    ctx.set('Preference-Applied', `wait=${seconds}`);
    return end === 'decided' && !caller.hasLeft() ? ask(ctx, about) : found;
  }

  async function poll(ctx: RequestContext, parameter: string): Promise<Found> {
    // The number is half of what fetches a token, and the identifier no secret: no line of the log shall hold it.
    countOnly(ctx, 'polls');
    const message = await readMessage(ctx);
    const identifier = requireIdentifier({ identifier: readIdentifier(ctx, message) });
    const number = numberOf(parameter);
    const deviceProof = fieldOf(message, 'deviceJWT');
    const about = { number, identifier, ...(deviceProof === undefined ? {} : { deviceProof }) };
    const first = await ask(ctx, about);
    return first.issued ? first : hold(ctx, about, first);
  }

  const pollLink: Endpoint = async (ctx, call) => {
    const found = await poll(ctx, call.parameter);
    const { link, issued } = found;
    if (issued) {
      const about = { link, issued, secondsLeft: secondsLeft(link, now()) };
      return answer(ctx, call, 200, presentLink(about, publicUrl));
    }
    ctx.set('Content-Type', contentTypeOf(call.format));
    ctx.status = 200;
    ctx.body = pendingAnswers.present(link, call.format).body;
  };

  const pollOlderLink: Endpoint = async (ctx, call) => {
    answer(ctx, call, 200, presentOlderLink(await poll(ctx, call.parameter)));
  };

  return { pollLink, pollOlderLink };
}
