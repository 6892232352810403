// A dashboard for tests: a small site on an origin of its own whose pages sign people in by PIN from the browser, as the
// web front ends of PIN tools do (PIN-API.md 1.8, 3.7): it makes a PIN by script, sends the person to the approval page in
// a popup or in the same window, and asks for the token once a second.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Dashboard {
  readonly url: string;
  readonly close: () => Promise<void>;
}

const HEADERS = {
  Accept: 'application/json',
  'X-Plex-Product': 'A dashboard',
  'X-Plex-Version': 'Dashboard 1.0',
  'X-Plex-Client-Identifier': 'a browser of the dashboard',
  'X-Plex-Model': 'Hosted web app',
  'X-Plex-Platform': 'Chrome',
  'X-Plex-Platform-Version': '140',
  'X-Plex-Device': 'Linux',
  'X-Plex-Device-Name': 'Chrome (Dashboard)',
  'X-Plex-Device-Screen-Resolution': '1280x900,1280x900',
  'X-Plex-Language': 'en',
};

/** Runs in the browser, between `<script>` tags; `house`, `headers` are written in front of it. */
const SCRIPT = `
const show = (text) => { document.querySelector('output').textContent = text; };
const ask = async (path, options = {}) => {
  const response = await fetch(house + path, { ...options, headers: { ...headers, ...options.headers } });
  if (!response.ok) throw new Error(path + ' answered ' + response.status);
  return response.json();
};
const makePin = () => ask('/api/v2/pins?strong=true', { method: 'POST' });
const address = (pin, more = {}) => house + '/auth/#!?' + new URLSearchParams({
  clientID: headers['X-Plex-Client-Identifier'],
  'context[device][product]': headers['X-Plex-Product'],
  'context[device][platform]': headers['X-Plex-Platform'],
  'context[device][layout]': 'desktop',
  code: pin.code,
  ...more,
}).toString();
const welcome = async (token) => {
  const user = await ask('/api/v2/user', { headers: { 'X-Plex-Token': token } });
  show('Hello ' + user.username);
};
async function inPopup() {
  const popup = window.open('', '_blank', 'width=600,height=700');
  const pin = await makePin();
  popup.location.href = address(pin);
  const poll = async () => {
    const { authToken } = await ask('/api/v2/pins/' + pin.id);
    if (authToken !== null) {
      popup.close();
      await welcome(authToken);
    } else if (popup.closed) show('The popup was closed too early');
    else setTimeout(() => poll().catch((error) => show(String(error))), 1000);
  };
  await poll();
}
async function inSameWindow() {
  const pin = await makePin();
  sessionStorage.setItem('pin', pin.id);
  location.href = address(pin, { forwardUrl: location.origin + '/back?state=a%20b#there' });
}
async function comeBack() {
  const { authToken } = await ask('/api/v2/pins/' + sessionStorage.getItem('pin'));
  await (authToken === null ? show('Not signed in') : welcome(authToken));
}
const start = (work) => work().catch((error) => show(String(error)));
if (location.pathname === '/back') start(comeBack);
document.querySelector('#popup').onclick = () => start(inPopup);
document.querySelector('#same').onclick = () => start(inSameWindow);
`;

/** Opens a dashboard on a free loopback port, for people of this house. */
export async function openDashboard(house: string): Promise<Dashboard> {
  const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>A dashboard</title>
<button id="popup">Sign in</button><button id="same">Sign in here</button><output></output>
<script>const house = ${JSON.stringify(house)}; const headers = ${JSON.stringify(HEADERS)};${SCRIPT}</script></html>`;
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(html);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
