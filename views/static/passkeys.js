// Passkeys in the browser: asks this server for a challenge, the browser for an answer, and sends that with the form it is for.
// Words come from the page or from the server, never from here.

const isThere = typeof PublicKeyCredential === 'function' && Boolean(navigator.credentials?.get);

function toBytes(text) {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

const toText = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

const withBytes = (credentials = []) => credentials.map((each) => ({ ...each, id: toBytes(each.id) }));

/** What came as JSON, as the browser takes it. */
function readOptions(options) {
  const read = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) read.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.allowCredentials) read.allowCredentials = withBytes(options.allowCredentials);
  if (options.excludeCredentials) read.excludeCredentials = withBytes(options.excludeCredentials);
  return read;
}

/** What the browser answered, as JSON (WebAuthn Level 3 §5.1); older browsers cannot write it themselves. */
function writeAnswer(credential) {
  const { response } = credential;
  const names = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle'];
  const fields = names.filter((name) => response[name]).map((name) => [name, toText(response[name])]);
  return JSON.stringify({
    id: credential.id,
    rawId: credential.id,
    type: credential.type,
    clientExtensionResults: { credProps: credential.getClientExtensionResults().credProps },
    response: { ...Object.fromEntries(fields), transports: response.getTransports?.() ?? [] },
  });
}

/** A fault whose words are meant to be read. */
class Told extends Error {}

async function askServer(form, signal) {
  const fields = new FormData(form);
  const body = new URLSearchParams({ _csrf: fields.get('_csrf'), for: form.getAttribute('action') });
  if (fields.has('token')) body.set('token', fields.get('token'));
  const answer = await fetch('/passkeys/options', { method: 'POST', body, signal });
  // A page, not JSON: somebody has signed in or out in another window.
  if (!answer.headers.get('Content-Type')?.includes('json')) throw new Told(placeOf(form).dataset.stale);
  const { publicKey, fault } = await answer.json();
  if (fault) throw new Told(`${fault.title}. ${fault.text}`);
  return readOptions(publicKey);
}

const placeOf = (form) => form.querySelector('[data-passkey]');

function tell(form, text) {
  const place = placeOf(form);
  const said = place.querySelector('[data-passkey-said]');
  said.hidden = text === '';
  said.querySelector('span').textContent = text;
}

function tellFault(form, error) {
  if (error.name === 'AbortError') return;
  const { cancelled, known, failed } = placeOf(form).dataset;
  if (error instanceof Told) tell(form, error.message);
  else if (error.name === 'NotAllowedError') tell(form, cancelled);
  else if (error.name === 'InvalidStateError') tell(form, known ?? failed);
  else tell(form, failed);
}

/** What a passkey may stand in for need not be typed. */
function needProof(form, isNeeded) {
  for (const name of ['password', 'code', 'recovery_code']) {
    const field = form.elements[name];
    if (field) field.required = isNeeded;
  }
}

/** Puts the answer into its field, and sends the form as it stands. */
function send(form, credential) {
  form.elements.passkey.value = writeAnswer(credential);
  const remember = form.querySelector('[data-as]');
  if (remember) remember.disabled = !document.getElementById(remember.dataset.as)?.checked;
  needProof(form, false);
  form.requestSubmit();
}

/** What the browser may offer at a name's field until something else is asked for. */
let offering;

async function use(form) {
  tell(form, '');
  needProof(form, false);
  const isWhole = form.reportValidity();
  needProof(form, true);
  // Nobody shall hold a passkey to a reader for a form that is then not taken.
  if (!isWhole) return;
  offering?.abort();
  offering = undefined;
  try {
    const { options } = placeOf(form).dataset;
    const credential = options
      ? await navigator.credentials.create({ publicKey: readOptions(JSON.parse(options)) })
      : await navigator.credentials.get({ publicKey: await askServer(form) });
    send(form, credential);
  } catch (error) {
    tellFault(form, error);
    if (placeOf(form).dataset.offered !== undefined) offer(form);
  }
}

/** A challenge lives for ten minutes, and this page may lie open for longer. */
const OFFERED_FOR_MS = 240_000;

/** Passkeys among the names that the browser fills in (WebAuthn Level 3 §5.1.4, conditional mediation). */
async function offer(form) {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const own = new AbortController();
  offering = own;
  const again = setTimeout(() => {
    own.abort();
    if (offering === own) waitForSight(() => offer(form));
  }, OFFERED_FOR_MS);
  try {
    const publicKey = await askServer(form, own.signal);
    const asked = { publicKey, mediation: 'conditional', signal: own.signal };
    send(form, await navigator.credentials.get(asked));
  } catch {
    // Nobody has asked for anything yet: the button tells what is wrong.
    if (offering !== own) clearTimeout(again);
  }
}

function waitForSight(work) {
  if (document.visibilityState === 'visible') return work();
  document.addEventListener('visibilitychange', () => waitForSight(work), { once: true });
}

function addPasskey(place) {
  const form = place.closest('form');
  place.hidden = false;
  place.querySelector('[data-passkey-missing]')?.toggleAttribute('hidden', isThere);
  if (!isThere) return;
  const button = place.querySelector('[data-passkey-use]');
  button.hidden = false;
  button.addEventListener('click', () => use(form));
  // Where nothing but a passkey can stand beside the password, the form's own button asks for it.
  form.addEventListener('submit', (event) => {
    if (place.dataset.needed === undefined || form.elements.passkey.value !== '') return;
    event.preventDefault();
    event.stopImmediatePropagation();
    use(form);
  });
  if (place.dataset.offered !== undefined) waitForSight(() => offer(form));
}

function enhance(root) {
  root.querySelectorAll('[data-passkey]').forEach(addPasskey);
}

enhance(document);
// Content that another script put into the page.
document.addEventListener('linchpin:content', ({ target }) => enhance(target));
// A page that the browser kept for Back holds an answer that was used.
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted) document.querySelectorAll('[name=passkey]').forEach((field) => (field.value = ''));
});
