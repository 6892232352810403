// Reads the form of a request to this door by RFC 6749 §3.2: urlencoded in UTF-8, empty is absent, nothing twice.
// What each parameter means is its endpoint's business; how bytes become a form is http/request's.
import { readForm, refuseRepeats, type Form, type Incoming } from '../request.js';

/** Throws MessageFault for any other content, a body over 16 KiB, bad encoding and repeats; unknown parameters pass. */
export async function readParameters(incoming: Incoming): Promise<Form> {
  const form = await readForm(incoming);
  // RFC 8707 §2 lets `resource` repeat.
  refuseRepeats(form, { except: ['resource'] });
  return form;
}

/** The services that a request names (RFC 8707 §2); undefined where it names none. What they come to is for `services`. */
export function readResources(form: Form): readonly string[] | undefined {
  const resources = form.getAll('resource');
  return resources.length === 0 ? undefined : resources;
}
