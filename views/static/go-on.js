// An answer that travels as a form goes on its way by itself, to a tool, or from another provider on to us; whoever has no
// scripts presses the button. Whoever comes Back to this page wants to see it, and what was sent once is worth nothing a second time.

const [entry] = performance.getEntriesByType('navigation');
if (entry?.type !== 'back_forward') document.querySelector('[data-go-on]')?.submit();
