// Reads the form of a request to this door by RFC 6749 §3.2: urlencoded in UTF-8, empty is absent, nothing twice.
// What each parameter means is its endpoint's business; how bytes become a form is http/request's.
import { readForm, refuseRepeats, type Form, type Incoming } from '../request.js';
import { OAuthRefusal } from './errors.js';

/** Throws MessageFault for any other content, a body over 16 KiB, bad encoding and repeats; unknown parameters pass. */
export async function readParameters(incoming: Incoming): Promise<Form> {
  const form = await readForm(incoming);
  // RFC 8707 §2 lets `resource` repeat.
  refuseRepeats(form, { except: ['resource'] });
  return form;
}

/**
 * RFC 8707 §2: a token is made for the resource that is named, or not at all. There is one so far, the issuer itself.
 * A token that silently had another audience than the tool asked for would be refused where it is used.
 */
export function refuseForeignResource(form: Form, issuer: string): void {
  if (form.getAll('resource').every((resource) => resource === issuer)) return;
  throw new OAuthRefusal({
    status: 400,
    error: 'invalid_target',
    description: `Tokens are made for ${issuer} only.`,
  });
}
