// Shows the steps of enabling two-factor in a dialog: the same pages, fetched one after another.

const sheet = document.querySelector('[data-sheet]');
const body = sheet?.querySelector('[data-sheet-body]');
const close = sheet?.querySelector('[data-close]');
const holdsCodes = () => body.querySelector('[data-recovery-code]') !== null;

async function showStep(response) {
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  const step = page.querySelector('[data-step]');
  // Anything else (done, signed out, an error) is a page of its own.
  if (!step) return location.assign(response.url);
  body.replaceChildren(document.importNode(step, true));
  if (!sheet.open) sheet.showModal();
  sheet.scrollTop = 0;
  close.hidden = holdsCodes();
  const heading = body.querySelector('h1');
  heading.tabIndex = -1;
  (body.querySelector('[autofocus]') ?? heading).focus();
  body.dispatchEvent(new CustomEvent('linchpin:content', { bubbles: true }));
}

function addOpener(opener) {
  opener.addEventListener('click', async (event) => {
    event.preventDefault();
    try {
      await showStep(await fetch(opener.href));
    } catch {
      location.assign(opener.href);
    }
  });
}

if (typeof sheet?.showModal === 'function') {
  document.querySelectorAll('[data-dialog]').forEach(addOpener);
  close.addEventListener('click', () => sheet.close());
  // The recovery codes are shown once: only "I have stored them" leads away from them.
  sheet.addEventListener('cancel', (event) => {
    if (holdsCodes()) event.preventDefault();
  });
  // Closing midway leaves nothing behind that counts.
  sheet.addEventListener('close', () => location.reload());
  body.addEventListener('submit', async (event) => {
    event.preventDefault();
    const form = event.target;
    const button = form.querySelector('[type=submit]');
    button.disabled = true;
    try {
      await showStep(
        await fetch(form.action, { method: 'POST', body: new URLSearchParams(new FormData(form)) }),
      );
    } catch {
      button.disabled = false;
    }
  });
}
