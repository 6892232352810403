// Reads what a tool put behind `/auth#`: `#?…` or `#!?…`, in any order, encoded or as it stands (PIN-API.md 3.7). It fills
// the form and takes the fragment out of the address bar. It sends nothing: a person presses the button.

/** The names that tools write. Whatever stands between them belongs to the value before. */
const KNOWN = /^(?:code|clientID|forwardUrl|context\[.*\])$/;

const attempt = (decode, text) => {
  try {
    return decode(text);
  } catch {
    return text;
  }
};

/**
 * An address that still has its `://` was not encoded by itself, perhaps not at all: it is left as it stands, and with it the
 * `&` of its own query. Some encode the whole fragment in one go, which shows in the brackets of the other names.
 */
function readValue(text, isEncodedWhole) {
  if (!text.includes('://')) return attempt(decodeURIComponent, text);
  return isEncodedWhole ? attempt(decodeURI, text) : text;
}

function readFragment(hash) {
  const text = hash.replace(/^#?!?\/?\??/, '');
  const isEncodedWhole = /%5B/i.test(text);
  const found = new Map();
  let last;
  for (const part of text.split('&')) {
    const [, name = part, value] = /^([^=]*)=(.*)$/s.exec(part) ?? [];
    const key = attempt(decodeURIComponent, name);
    if (value !== undefined && KNOWN.test(key)) {
      last = found.has(key) ? undefined : key;
      if (last) found.set(last, value);
    } else if (last === 'forwardUrl' && found.get(last).includes('://')) {
      found.set(last, `${found.get(last)}&${part}`);
    }
  }
  const read = (name) => readValue(found.get(name) ?? '', isEncodedWhole).trim();
  return { code: read('code'), forwardUrl: read('forwardUrl') };
}

const part = (name) => document.querySelector(`[data-auth=${name}]`);

function showWhatWasBrought() {
  // Kept beside the history entry, so that a reload or a Back still knows it.
  const brought = location.hash.length > 1 ? readFragment(location.hash) : (history.state?.brought ?? {});
  history.replaceState({ brought }, '', location.pathname);
  const isReady = Boolean(brought.code);
  const { elements } = part('ready').querySelector('form');
  elements.namedItem('user_code').value = brought.code ?? '';
  elements.namedItem('brought').value = brought.code ?? '';
  elements.namedItem('forward_url').value = brought.forwardUrl ?? '';
  part('ready').hidden = !isReady;
  part('box').hidden = isReady;
  part('missing').hidden = isReady;
}

showWhatWasBrought();
// A tool that sends the same window here again changes only the fragment, and nothing is loaded.
window.addEventListener('hashchange', showWhatWasBrought);
