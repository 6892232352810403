// Plays a tool in the browser: asks for a PIN, waits for the decision, and checks the signed token (RFC 8628, RFC 7515).

const demo = document.querySelector('[data-demo]');
const clientId = demo.dataset.clientId;
const part = (name) => demo.querySelector(`[data-${name}]`);
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

function showState(name) {
  for (const section of demo.querySelectorAll('[data-state]'))
    section.hidden = section.dataset.state !== name;
  demo.querySelector(`[data-state=${name}] h2`)?.focus();
}

async function findEndpoints() {
  const metadata = await (await fetch('/.well-known/oauth-authorization-server')).json();
  const path = (address) => new URL(address).pathname;
  return {
    start: path(metadata.device_authorization_endpoint),
    token: path(metadata.token_endpoint),
    keys: path(metadata.jwks_uri),
  };
}

const post = (address, fields, headers = {}) =>
  fetch(address, { method: 'POST', headers, body: new URLSearchParams(fields) });

function showCode(started) {
  const code = part('code');
  code.replaceChildren();
  code.setAttribute('role', 'img');
  code.setAttribute('aria-label', [...started.user_code].join(' '));
  for (const half of started.user_code.split('-')) {
    const group = document.createElement('span');
    group.className = 'half';
    for (const letter of half) {
      const box = document.createElement('span');
      box.textContent = letter;
      group.append(box);
    }
    code.append(group);
  }
  const address = part('address');
  address.href = started.verification_uri_complete;
  address.textContent = started.verification_uri;
  part('qr').src = `/demo/qr?${new URLSearchParams({ user_code: started.user_code })}`;
  showState('waiting');
}

/** Waits as RFC 8628 §3.5 says: holds one request open where the server does, else keeps the interval. */
async function waitForToken(endpoints, started) {
  let interval = started.interval ?? 5;
  for (;;) {
    const fields = {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: started.device_code,
      client_id: clientId,
    };
    const answer = await post(endpoints.token, fields, { prefer: 'wait=30' }).catch(() => undefined);
    const body = await answer?.json().catch(() => undefined);
    if (answer?.ok) return { token: body.access_token };
    if (answer && answer.status < 500 && !['authorization_pending', 'slow_down'].includes(body?.error)) {
      return { error: body?.error ?? String(answer.status) };
    }
    if (body?.error === 'slow_down' || !answer) interval = Math.min(interval + 5, 60);
    if (!answer?.headers.has('preference-applied')) await pause(interval);
  }
}

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
const json = (text) => JSON.parse(new TextDecoder().decode(bytes(text)));

const algorithms = {
  EdDSA: [{ name: 'Ed25519' }, { name: 'Ed25519' }],
  Ed25519: [{ name: 'Ed25519' }, { name: 'Ed25519' }],
  ES256: [
    { name: 'ECDSA', namedCurve: 'P-256' },
    { name: 'ECDSA', hash: 'SHA-256' },
  ],
  RS256: [{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, { name: 'RSASSA-PKCS1-v1_5' }],
};

/** `good` or `bad`; `none` where this browser cannot tell (no Ed25519, or no WebCrypto on plain http). */
async function checkToken(endpoints, token) {
  const [header, payload, signature] = token.split('.');
  const { kid, alg } = json(header);
  const { keys } = await (await fetch(endpoints.keys)).json();
  const found = keys.find((key) => key.kid === kid);
  if (!found || !algorithms[alg]) return 'bad';
  const [forImport, forVerify] = algorithms[alg];
  const { kty, crv, x, y, n, e } = found;
  const plain = JSON.parse(JSON.stringify({ kty, crv, x, y, n, e }));
  let key;
  try {
    key = await crypto.subtle.importKey('jwk', plain, forImport, false, ['verify']);
  } catch {
    return 'none';
  }
  const signed = new TextEncoder().encode(`${header}.${payload}`);
  return (await crypto.subtle.verify(forVerify, key, bytes(signature), signed)) ? 'good' : 'bad';
}

function showClaims(token) {
  const rows = Object.entries(json(token.split('.')[1])).map(([name, value]) => {
    const row = document.createElement('div');
    const term = document.createElement('dt');
    const detail = document.createElement('dd');
    const isTime = ['iat', 'exp', 'auth_time'].includes(name);
    term.textContent = name;
    detail.textContent = isTime
      ? new Date(value * 1000).toLocaleString(document.documentElement.lang)
      : typeof value === 'string'
        ? value
        : JSON.stringify(value);
    row.append(term, detail);
    return row;
  });
  part('claims').replaceChildren(...rows);
}

async function play() {
  try {
    const endpoints = await findEndpoints();
    const answer = await post(endpoints.start, { client_id: clientId, scope: 'openid profile' });
    const started = await answer.json();
    if (!answer.ok) throw new Error(started.error);
    showCode(started);
    const { token, error } = await waitForToken(endpoints, started);
    if (error === 'access_denied') return showState('denied');
    if (error === 'expired_token') return showState('expired');
    if (error) throw new Error(error);
    const check = await checkToken(endpoints, token);
    for (const line of demo.querySelectorAll('[data-check]')) line.hidden = line.dataset.check !== check;
    showClaims(token);
    showState('done');
  } catch (cause) {
    part('failure').textContent = cause.message;
    showState('failed');
  }
}

for (const button of demo.querySelectorAll('[data-start]')) {
  button.disabled = false;
  button.addEventListener('click', () => {
    button.disabled = button.closest('[data-state=start]') !== null;
    void play();
  });
}
