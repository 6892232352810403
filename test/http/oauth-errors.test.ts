// The door's table of errors: complete by its type, and fit for the wire.
import {
  answerOf,
  OAuthRefusal,
  PENDING_BODY,
  pollAnswers,
  presentError,
  refusalAnswers,
  requestRefused,
  SLOW_DOWN_BODY,
} from '../../src/http/oauth/errors.js';
import { MessageFault } from '../../src/http/request.js';
import { DomainError, domainErrorCodes } from '../../src/domain/vocabulary.js';
import { StoreUnavailable } from '../../src/stores/sql/statement.js';

const ON_WIRE = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/;

it.each(domainErrorCodes)('%s has an answer in words that the wire allows (RFC 6749 §5.2)', (code) => {
  const { error, description, status } = refusalAnswers[code];
  expect(error).toMatch(/^[a-z_]+$/);
  expect(description).toMatch(ON_WIRE);
  expect([400, 401, 403, 429, 500, 503]).toContain(status);
});

it('a refusal in public words says them, and how long to wait (DESIGN 9)', () => {
  const refusal = new DomainError('too-many', { publicDetail: 'Slowly.', retryAfterSeconds: 42 });
  expect(answerOf(refusal)).toMatchObject({ status: 429, description: 'Slowly.', retryAfterSeconds: 42 });
});

it('the answers of the poll lane are those of the door, in full (RFC 8628 §3.5)', () => {
  expect(JSON.parse(PENDING_BODY)).toEqual(presentError(pollAnswers.pending));
  expect(JSON.parse(SLOW_DOWN_BODY)).toEqual(presentError(pollAnswers['too-soon']));
  expect(PENDING_BODY).toContain('"error":"authorization_pending"');
  expect(SLOW_DOWN_BODY).toContain('"error":"slow_down"');
});

it('characters that the wire forbids become spaces (RFC 6749 §5.2)', () => {
  const { error_description } = presentError(requestRefused('a "quoted" \\ wörd\n\u2028'));
  expect(error_description).toBe('a  quoted    w rd  ');
});

it.each(['missing', 'repeated', 'malformed', 'unsupported-type'] as const)(
  'a message that is %s is invalid_request (RFC 6749 §5.2)',
  (kind) => {
    expect(answerOf(new MessageFault(kind, 'Said plainly.'))).toEqual(requestRefused('Said plainly.'));
  },
);

it('a message that is too large is 413 (RFC 9110 §15.5.14)', () => {
  expect(answerOf(new MessageFault('too-large', 'x'))).toMatchObject({
    status: 413,
    error: 'invalid_request',
  });
});

it('a store that cannot answer is 503 with Retry-After, never a grant that is refused (DESIGN 9)', () => {
  for (const fault of [
    new StoreUnavailable('x'),
    new DomainError('store-unavailable', { cause: new Error('x') }),
  ]) {
    expect(answerOf(fault)).toMatchObject({
      status: 503,
      error: 'temporarily_unavailable',
      retryAfterSeconds: expect.any(Number) as number,
    });
  }
});

it('what nobody foresaw has no answer, and so is logged and told as a fault (DESIGN 9)', () => {
  for (const fault of [new Error('x'), 'x', undefined, new DomainError('password-breaks-rule')]) {
    expect(answerOf(fault)).toBeUndefined();
  }
});

it('a refusal of the door is its own answer (DESIGN 9)', () => {
  const answer = requestRefused('x');
  expect(answerOf(new OAuthRefusal(answer))).toBe(answer);
});
