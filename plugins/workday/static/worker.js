// Runs hidden on every page of the CRM. Asks whether its user must start their day, and if so opens our window with the button.
"use strict";
{
  const ASK_MS = 30000, AGAIN_MS = 60000; // the window can be closed: it comes again after a minute
  let opened = 0;

  const ask = async () => {
    try {
      const answer = await fetch(document.body.dataset.state, { headers: { Accept: "application/json" } });
      if (!answer.ok) return;
      const state = await answer.json();
      if (!state.must_start || !window.BX24 || Date.now() - opened < AGAIN_MS) return;
      opened = Date.now();
      window.BX24.openApplication({ page: state.page, bx24_width: 480, bx24_title: document.title });
    } catch { /* the next round asks again */ }
  };

  const begin = () => { ask(); setInterval(ask, ASK_MS); };
  if (window.BX24) window.BX24.init(begin); else begin();
}
