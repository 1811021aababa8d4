// The dossier: a sub-tab asks when it is first opened, shows what is kept at once, and takes the new answer over when it comes,
// keeping filter, scroll and focus. Told by the live stream; while it waits it also looks by itself.
"use strict";
{
  const WAIT_MS = 1500, CALM_MS = 30000, TYPING_MS = 250, NEAR_PX = 400, STEP = 200;
  const root = document.getElementById("dossier"), base = root.dataset.base, block = root.dataset.block ?? "";
  const panels = new Map([...root.querySelectorAll("[data-panel]")].map((panel) => [panel.dataset.panel, panel]));

  // --- asking, and proving anew who looks ---------------------------------------------------------------------------
  class Ended extends Error {}
  let proving = null;

  const script = (from) => new Promise((done, fail) => {
    const tag = document.createElement("script");
    tag.src = `${from}/api/v1/`;
    tag.onload = done; tag.onerror = fail;
    document.head.append(tag);
  });

  const prove = async () => {
    if (window.parent === window || !root.dataset.source) return false;
    if (!window.BX24) await script(root.dataset.source);
    const auth = await new Promise((done) => window.BX24.init(() => window.BX24.refreshAuth(done)));
    const answer = await fetch(`${base}/prove`, {
      method: "POST", headers: { "X-CSRF-Token": root.dataset.csrf }, body: new URLSearchParams({ AUTH_ID: auth?.access_token ?? "" }),
    });
    return answer.ok;
  };

  const end = () => { // nothing of the client stays on the screen
    const text = document.createElement("p");
    text.className = "notice"; text.setAttribute("role", "alert"); text.textContent = root.dataset.again;
    root.replaceChildren(text);
    panels.clear();
    throw new Ended();
  };

  const ask = async (path, options = {}) => {
    for (let tries = 0; ; tries += 1) {
      const answer = await fetch(base + path, options);
      if (answer.ok) return answer;
      if (answer.status === 404) { location.reload(); throw new Ended(); } // the card stands for another client now
      if (answer.status !== 403 && answer.status !== 401) throw new Error(String(answer.status));
      if (tries || answer.status === 401) end();
      proving ??= prove().catch(() => false).finally(() => { proving = null; });
      if (!(await proving)) end();
    }
  };

  const fragment = (text) => new DOMParser().parseFromString(text, "text/html").body;
  const lines = (text) => fragment(`<table><tbody>${text}</tbody></table>`).querySelector("tbody").childNodes; // only there rows stay rows

  // --- a sub-tab ----------------------------------------------------------------------------------------------------
  const holder = (panel) => panel.querySelector(".set");
  const suffix = block ? "?block=1" : "";

  const open = async (name, anew = false) => {
    const panel = panels.get(name);
    panel.dataset.opened = "1";
    try {
      const options = { method: "POST", headers: { "X-CSRF-Token": root.dataset.csrf }, body: new URLSearchParams(anew ? { anew: "1" } : {}) };
      const fresh = fragment(await (await ask(`/${name}/open${suffix}`, options)).text());
      if (holder(panel)?.dataset.at) take(panel, holder(fresh).dataset, holder(fresh).querySelector("[data-status]"));
      else put(panel, fresh);
    } catch (error) { trouble(panel, error); }
    watch(name);
  };

  const put = (panel, fresh) => {
    panel.replaceChildren(...fresh.childNodes);
    for (const table of panel.querySelectorAll("[data-table]")) wire(panel, table);
  };

  const trouble = (panel, error) => { // the next opening tries again
    if (error instanceof Ended) return;
    if (!holder(panel)) panel.replaceChildren(Object.assign(document.createElement("p"), { className: "notice", textContent: root.dataset.lost }));
    delete panel.dataset.opened;
  };

  // What stands above the tables; focus on its button stays there.
  const take = (panel, found, status) => {
    const set = holder(panel), line = set.querySelector("[data-status]");
    const focused = line.contains(document.activeElement);
    const unfolded = set.dataset.unfolded === "1";
    if (set.dataset.mark !== found.mark) line.replaceChildren(...status.childNodes);
    if (focused) line.querySelector("[data-refresh]")?.focus({ preventScroll: true });
    Object.assign(set.dataset, { mark: found.mark, waits: found.waits, folded: found.folded });
    const hide = found.folded === "1" && !unfolded;
    const tables = set.querySelector("[data-tables]");
    tables.hidden = hide;
    if (unfolded) line.querySelector("[data-unfold]")?.remove();
  };

  const look = async (name) => {
    const panel = panels.get(name), set = panel && holder(panel);
    if (!panel) return;
    if (!set || !panel.dataset.opened) return open(name);
    try {
      const state = await (await ask(`/${name}/state`)).json();
      if (state.client !== root.dataset.client) return location.reload();
      take(panel, { mark: state.mark, waits: state.waits ? "1" : "0", folded: state.folded ? "1" : "0" }, fragment(state.status));
      if (state.at === set.dataset.at) return;
      if (!state.at || !set.dataset.at || block) put(panel, fragment(await (await ask(`/${name}/part${suffix}`)).text()));
      else {
        set.dataset.at = state.at;
        await Promise.all([...panel.querySelectorAll("[data-table]")].map((table) => reload(name, table)));
      }
    } catch (error) { trouble(panel, error); }
  };

  // --- a table ------------------------------------------------------------------------------------------------------
  const wishes = new WeakMap(); // table -> { sort, run, loaded }
  const wish = (table) => {
    if (!wishes.has(table)) wishes.set(table, { sort: "", run: 0, loaded: STEP, busy: false });
    return wishes.get(table);
  };

  const query = (table, more = {}) => {
    const form = new FormData(table.querySelector("[data-filter]"));
    const args = new URLSearchParams([...form].filter(([, value]) => value));
    if (wish(table).sort) args.set("sort", wish(table).sort);
    for (const [name, value] of Object.entries(more)) args.set(name, value);
    return args;
  };

  const fetched = async (name, table, more) => {
    const mine = ++wish(table).run;
    const answer = await (await ask(`/${name}/${table.dataset.table}/rows?${query(table, more)}`)).json();
    return mine === wish(table).run ? answer : null;
  };

  const reload = async (name, table, from = wish(table).loaded) => {
    const answer = await fetched(name, table, { start: 0, most: from });
    if (!answer) return;
    const box = table.querySelector("[data-scroll]"), [left, top] = [box.scrollLeft, box.scrollTop];
    const opened = [...table.querySelectorAll("[data-parts][aria-expanded=true]")].map((one) => one.textContent);
    table.querySelector("[data-rows]").replaceChildren(...lines(answer.rows));
    table.querySelector("[data-totals]").replaceChildren(...lines(answer.totals));
    table.dataset.more = answer.more ? "1" : "0";
    for (const one of table.querySelectorAll("[data-parts]")) if (opened.includes(one.textContent)) unfold(one);
    [box.scrollLeft, box.scrollTop] = [left, top];
    wish(table).loaded = Math.max(from, STEP);
  };

  const further = async (name, table) => {
    const mine = wish(table);
    if (table.dataset.more !== "1" || mine.busy) return;
    mine.busy = true;
    try {
      const answer = await fetched(name, table, { start: mine.loaded, most: STEP });
      if (!answer) return;
      if (answer.at !== holder(panels.get(name)).dataset.at) return look(name);
      table.querySelector("[data-rows]").append(...lines(answer.rows));
      table.dataset.more = answer.more ? "1" : "0";
      mine.loaded += STEP;
    } catch (error) { trouble(panels.get(name), error); } finally { mine.busy = false; }
  };

  const unfold = (button) => {
    const on = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(on));
    for (let row = button.closest("tr").nextElementSibling; row?.classList.contains("part"); row = row.nextElementSibling) row.hidden = !on;
  };

  const wire = (panel, table) => {
    const name = panel.dataset.panel, form = table.querySelector("[data-filter]"), box = table.querySelector("[data-scroll]");
    const now = () => reload(name, table, STEP).then(() => { box.scrollTop = 0; }).catch((error) => trouble(panel, error));
    let typing = 0;
    form.addEventListener("submit", (event) => { event.preventDefault(); now(); });
    form.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(now, TYPING_MS);
      for (const link of form.querySelectorAll("[data-file]")) link.search = query(table);
    });
    box.addEventListener("scroll", () => {
      if (box.scrollTop + box.clientHeight > box.scrollHeight - NEAR_PX) further(name, table);
    }, { passive: true });
    table.querySelector("thead").addEventListener("click", (event) => {
      const column = event.target.closest("[data-sort]")?.dataset.sort;
      if (!column) return;
      const before = wish(table).sort;
      wish(table).sort = before === column ? `-${column}` : before === `-${column}` ? "" : column;
      for (const head of table.querySelectorAll("thead th")) {
        const sorted = wish(table).sort.replace(/^-/, "") === head.dataset.column;
        if (sorted) head.setAttribute("aria-sort", wish(table).sort.startsWith("-") ? "descending" : "ascending");
        else head.removeAttribute("aria-sort");
      }
      for (const link of form.querySelectorAll("[data-file]")) link.search = query(table);
      now();
    });
  };

  root.addEventListener("click", (event) => {
    const parts = event.target.closest("[data-parts]"), set = event.target.closest(".set");
    if (parts) return unfold(parts);
    if (event.target.closest("[data-unfold]") && set) {
      set.dataset.unfolded = "1";
      set.querySelector("[data-tables]").hidden = false;
      event.target.closest("[data-unfold]").remove();
      return;
    }
    const button = event.target.closest("[data-refresh]");
    if (button && button.getAttribute("aria-disabled") !== "true") open(button.closest("[data-panel]").dataset.panel, true);
  });

  // --- sub-tabs -----------------------------------------------------------------------------------------------------
  const tabs = [...root.querySelectorAll("[role=tab]")];
  let active = block || tabs[0]?.dataset.set || "";

  const select = (tab, focus = false) => {
    active = tab.dataset.set;
    for (const one of tabs) {
      const on = one === tab;
      one.setAttribute("aria-selected", String(on));
      one.tabIndex = on ? 0 : -1;
      panels.get(one.dataset.set).hidden = !on;
    }
    if (focus) tab.focus();
    if (panels.get(active).dataset.opened) look(active); else open(active);
  };
  for (const tab of tabs) tab.addEventListener("click", () => select(tab));
  root.querySelector("[role=tablist]")?.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    select(tabs[(tabs.findIndex((one) => one.dataset.set === active) + step + tabs.length) % tabs.length], true);
  });

  // --- hearing of new answers ---------------------------------------------------------------------------------------
  let timer = 0;
  const watch = () => {
    clearTimeout(timer);
    const waits = panels.get(active) && holder(panels.get(active))?.dataset.waits === "1";
    timer = setTimeout(async () => {
      if (!document.hidden && panels.size) await look(active);
      watch();
    }, waits ? WAIT_MS : CALM_MS);
  };
  const heard = async () => { if (panels.size && !document.hidden) { await look(active); watch(); } };

  let stream = null;
  const name = Math.random().toString(36).slice(2);
  const listen = () => {
    stream?.close();
    stream = new EventSource(`/live?topic=${encodeURIComponent(root.dataset.topic)}&page=${name}`);
    stream.addEventListener("changed", heard);
    stream.addEventListener("error", () => { if (stream.readyState === EventSource.CLOSED) stream = null; }); // the timer goes on
  };
  if (active) {
    open(active).then(watch);
    document.addEventListener("visibilitychange", () => { if (document.hidden) { stream?.close(); stream = null; } else { listen(); heard(); } });
    addEventListener("pagehide", () => stream?.close());
    if (!document.hidden) listen();
  }
}
