// Live pages without reload: told that something changed, fetch this same page and swap its live part, keeping focus,
// scroll and whatever is open. Also: parts that load when opened, and arrow keys between figures.
"use strict";
{
  const POLL_MS = 800, STREAM_AGAIN_MS = 30000, FRESHEN_MS = 60000;

  const load = async (holder) => {
    const box = holder.querySelector("[data-into]") ?? holder;
    try {
      const answer = await fetch(holder.dataset.load, { headers: { "X-Annex-Part": "1" } });
      if (answer.status === 401) return location.reload();
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      box.replaceChildren(...page.body.childNodes);
      holder.dataset.loaded = "1";
    } catch {
      holder.removeAttribute("data-loaded"); // the link inside still leads there
    }
  };

  const wire = (root) => {
    for (const fold of root.querySelectorAll("details[data-load]")) {
      fold.addEventListener("toggle", () => { if (fold.open && !fold.dataset.loaded) load(fold); });
    }
    for (const part of root.querySelectorAll("[data-load]:not(details)")) load(part).then(fit);
    fit();
  };

  // A table that fits needs no scrolling box of its own, and only then can its head stick to the top of the page.
  const fit = () => {
    for (const box of document.querySelectorAll(".wide")) {
      box.classList.remove("fits");
      box.classList.toggle("fits", box.scrollWidth <= box.clientWidth);
    }
  };
  addEventListener("resize", fit);

  // --- what must survive a swap -------------------------------------------------------------------------------------
  const figures = (root) => new Map([...root.querySelectorAll("[data-figure]")].map((cell) => [cell.dataset.figure, cell]));

  const swap = async (here, fresh) => {
    const open = [...here.querySelectorAll("details[open][id]")].map((fold) => fold.id);
    const before = new Map([...figures(here)].map(([name, cell]) => [name, cell.textContent]));
    const active = here.contains(document.activeElement) ? document.activeElement : null;
    const focus = active && (active.id ? `#${CSS.escape(active.id)}` : active.dataset.figure && `[data-figure="${CSS.escape(active.dataset.figure)}"]`);
    for (const id of open) { // open parts come with their content, so that nothing jumps
      const fold = fresh.querySelector(`#${CSS.escape(id)}`);
      if (fold) { fold.open = true; if (fold.dataset.load) await load(fold); }
    }
    const scrolls = [...here.querySelectorAll(".wide")].map((box) => [box.scrollLeft, box.scrollTop]);
    const [x, y] = [scrollX, scrollY];
    here.replaceChildren(...fresh.childNodes);
    here.dataset.live = fresh.dataset.live;
    here.querySelectorAll(".wide").forEach((box, i) => { if (scrolls[i]) [box.scrollLeft, box.scrollTop] = scrolls[i]; });
    scrollTo({ left: x, top: y, behavior: "instant" });
    wire(here);
    if (focus) here.querySelector(focus)?.focus({ preventScroll: true });
    for (const [name, cell] of figures(here)) {
      if (before.has(name) && before.get(name) !== cell.textContent) cell.classList.add("changed");
    }
  };

  let busy = false, again = false;
  const refresh = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const here = document.getElementById("live");
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.status === 401) return location.reload();
      if (answer.ok) {
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
        if (fresh) await swap(here, document.adoptNode(fresh));
      }
    } catch { /* the stream says when the server is back */ } finally {
      busy = false;
      if (again) { again = false; refresh(); }
    }
  };

  // --- listening ----------------------------------------------------------------------------------------------------
  const listen = () => {
    const state = document.querySelector("[data-live-state]");
    const say = (on) => {
      state.textContent = on ? state.dataset.on : state.dataset.off;
      state.classList.toggle("off", !on);
    };
    const heard = (version) => {
      say(true);
      if (version !== document.getElementById("live").dataset.live) refresh();
    };
    // Each page names its stream, and the one it was reached from, so that the server can end that one at once.
    const name = Math.random().toString(36).slice(2), left = sessionStorage.getItem("annex-left") ?? "";
    sessionStorage.removeItem("annex-left");
    addEventListener("pagehide", () => sessionStorage.setItem("annex-left", name));
    let stream = null, polling = 0, retry = 0;
    const stop = () => { stream?.close(); stream = null; clearInterval(polling); clearTimeout(retry); };
    const poll = async () => {
      try {
        const answer = await fetch("/live/version");
        if (answer.status === 401) return location.reload();
        heard((await answer.json()).version);
      } catch { say(false); }
    };
    const start = () => {
      stop();
      stream = new EventSource(`/live?page=${name}&instead=${left}`);
      stream.addEventListener("changed", (event) => heard(event.data));
      stream.addEventListener("error", () => {
        if (stream?.readyState !== EventSource.CLOSED) return say(false); // the browser tries again by itself
        stop();
        poll();
        polling = setInterval(poll, POLL_MS);
        retry = setTimeout(start, STREAM_AGAIN_MS);
      });
    };
    document.addEventListener("visibilitychange", () => document.hidden ? stop() : start());
    addEventListener("pagehide", stop);
    setInterval(() => { if (!document.hidden) refresh(); }, FRESHEN_MS); // the day turns, and the clock shown stays true
    if (!document.hidden) start();
  };

  // --- arrow keys between figures -------------------------------------------------------------------------------------
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  document.addEventListener("keydown", (event) => {
    const cell = event.target.closest?.("table[data-arrows] td, table[data-arrows] th");
    const [down, right] = step[event.key] ?? [];
    if (!cell || down === undefined || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const rows = [...cell.closest("table").querySelectorAll("tbody tr")].filter((row) => row.querySelector("td a"));
    let row = rows.indexOf(cell.parentElement), column = cell.cellIndex;
    for (;;) {
      row += down; column += right;
      const next = rows[row] && [...rows[row].cells].find((one) => one.cellIndex === column);
      if (!next) return;
      const link = next.querySelector("a");
      if (link && link.offsetParent) { event.preventDefault(); link.focus(); return; }
    }
  });

  // A choice in a filter form is applied at once; the button stays for those without scripts.
  document.addEventListener("change", (event) => {
    if (event.target.matches("form[data-at-once] select")) event.target.form.requestSubmit();
  });

  wire(document);
  if (document.getElementById("live")) listen();
}
