// After a decision: goes back to where the tool wants its person, or closes the window that the tool opened. The page says
// both in words, with a link, for whoever has no scripts. No token goes along: the tool asks for its own.

/**
 * How long a window stays open once its work is done. A tool that watches its popup asks every second or three; if the window
 * closed between an answer under way and the next, the tool would take it for given up.
 */
const CLOSES_AFTER_MS = 4000;

function followOnce(link) {
  const key = `followed ${location.search}`;
  // A person who comes Back to this page wants to see it, and not to be sent away again.
  if (sessionStorage.getItem(key)) return;
  sessionStorage.setItem(key, 'yes');
  location.replace(link.href);
}

function closeSoon() {
  const timer = setTimeout(() => window.close(), CLOSES_AFTER_MS);
  // Whoever does something here is not done with the page.
  for (const event of ['pointerdown', 'keydown']) {
    addEventListener(event, () => clearTimeout(timer), { once: true });
  }
}

const link = document.querySelector('[data-forward]');
if (link) followOnce(link);
else if (window.opener) closeSoon();
