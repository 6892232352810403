// Small things that make pages nicer; every page works without them. Words come from the page, never from here.

const inside = (root, selector) => [...root.querySelectorAll(selector)];

/** Shows or hides what a secret field holds. */
function addToggle(button) {
  const field = document.getElementById(button.dataset.toggle);
  const words = { show: button.textContent, hide: button.dataset.hide };
  button.hidden = false;
  button.addEventListener('click', () => {
    const shows = field.type === 'password';
    field.type = shows ? 'text' : 'password';
    button.textContent = shows ? words.hide : words.show;
    button.setAttribute('aria-pressed', String(shows));
  });
  // A password manager offers to save only what leaves as a password.
  field.form?.addEventListener('submit', () => {
    field.type = 'password';
  });
}

const cleaners = {
  digits: (text) => text.replace(/\D/g, ''),
  'user-code': (text) => {
    const plain = text.toUpperCase().replace(/[^\p{L}\p{N}]/gu, '');
    // A long one is lower case, digits and all, and no tool shows it in groups.
    if (plain.length > 12) return plain.toLowerCase();
    return plain.length === 8 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
  },
};

/** Cleans what was pasted or typed into a code box, once the box is left or something is pasted. */
function addCleaner(field) {
  const clean = () => {
    const cleaned = cleaners[field.dataset.cleans](field.value);
    if (cleaned !== field.value) field.value = cleaned;
  };
  field.addEventListener('paste', () => setTimeout(clean));
  field.addEventListener('change', clean);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Plain http has no clipboard; the older way still works there.
    const area = document.createElement('textarea');
    area.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

function addCopy(button) {
  button.hidden = false;
  button.addEventListener('click', async () => {
    await copyText(button.dataset.copy);
    const words = button.querySelector('span');
    const before = words.textContent;
    words.textContent = button.dataset.copied;
    words.setAttribute('role', 'status');
    setTimeout(() => {
      words.textContent = before;
    }, 2000);
  });
}

function addPrint(button) {
  button.hidden = false;
  button.addEventListener('click', () => window.print());
}

/** Keeps a button asleep until the page has been in front of someone for a while: no double click slips through. */
function addWait(button) {
  let left = Number(button.dataset.inertFor);
  button.disabled = true;
  const timer = setInterval(() => {
    if (document.visibilityState !== 'visible') return;
    left -= 100;
    if (left > 0) return;
    clearInterval(timer);
    button.disabled = false;
  }, 100);
}

function addCountdown(element) {
  const ends = Date.parse(element.dataset.expiresAt);
  const { one, other, over } = element.dataset;
  const tell = () => {
    const minutes = Math.ceil((ends - Date.now()) / 60_000);
    const text = minutes <= 0 ? over : minutes === 1 ? one : other.replace('{n}', String(minutes));
    if (element.textContent !== text) element.textContent = text;
  };
  setInterval(tell, 5000);
}

/** Keys for a PIN beside its field, for fingers: the field stays what is read out, typed into and sent. */
function addPinPad(pad) {
  const field = document.getElementById(pad.dataset.pinPad);
  const typed = pad.parentElement.querySelector('[data-pin-typed]');
  pad.hidden = false;
  const put = (digits) => {
    field.value = digits.slice(0, 4);
    typed.textContent = pad.dataset.typed.replace('{n}', String(field.value.length));
  };
  pad.addEventListener('click', ({ target }) => {
    const key = target.closest('button');
    if (key) put(key.dataset.digit ? field.value + key.dataset.digit : field.value.slice(0, -1));
  });
  // Whoever has tapped a key may go on with a keyboard.
  pad.addEventListener('keydown', ({ key }) => {
    if (/^\d$/.test(key)) put(field.value + key);
    if (key === 'Backspace') put(field.value.slice(0, -1));
  });
}

function enhance(root) {
  inside(root, '[data-toggle]').forEach(addToggle);
  inside(root, '[data-cleans]').forEach(addCleaner);
  inside(root, '[data-copy]').forEach(addCopy);
  inside(root, '[data-print]').forEach(addPrint);
  inside(root, '[data-inert-for]').forEach(addWait);
  inside(root, '[data-pin-pad]').forEach(addPinPad);
  inside(root, '[data-expires-at]').forEach(addCountdown);
  root.querySelector('[data-summary]')?.focus();
}

enhance(document);
// Content that another script put into the page.
document.addEventListener('linchpin:content', ({ target }) => enhance(target));
// A page that the browser kept for Back may ask for a decision that has been made since.
window.addEventListener('pageshow', ({ persisted }) => {
  if (persisted && document.querySelector('.decision')) location.replace(location.href);
});
