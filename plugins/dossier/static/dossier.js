// The dossier: a sub-tab asks when it is first opened, shows what is kept at once, and takes the new answer over when it comes,
// keeping filter, scroll and focus. Told by the live stream; while it waits it also looks by itself.
"use strict";
{
  const WAIT_MS = 1500, SOON_MS = 250, CALM_MS = 30000, TYPING_MS = 250, NEAR_PX = 800, ROW_PX = 33, STEP = 200;
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
      if (!holder(panel)?.dataset.at) return put(panel, fresh);
      const { mark, waits, folded, at } = holder(fresh).dataset;
      take(panel, { mark, waits, folded }, holder(fresh).querySelector("[data-status]"));
      await renew(panel, at);
    } catch (error) { trouble(panel, error); } finally { watch(); }
  };

  const tables = new WeakMap(); // panel -> its tables
  const tablesOf = (panel) => tables.get(panel) ?? [];

  const put = (panel, fresh) => {
    panel.replaceChildren(...fresh.childNodes);
    tables.set(panel, [...panel.querySelectorAll("[data-table]")].map((one) => new Table(panel.dataset.panel, one)));
  };

  // Another answer is kept by now: its rows come into the tables that stand there.
  const renew = async (panel, at) => {
    const set = holder(panel), name = panel.dataset.panel;
    if (at === set.dataset.at) return tablesOf(panel).forEach((table) => table.load());
    if (!at || !set.dataset.at || block) return put(panel, fragment(await (await ask(`/${name}/part${suffix}`)).text()));
    set.dataset.at = at;
    await Promise.all(tablesOf(panel).map((table) => table.reload()));
  };

  const trouble = (panel, error) => { // said above what is shown; the timer opens it again
    if (error instanceof Ended) return;
    const set = holder(panel), text = Object.assign(document.createElement("p"), { className: "notice", textContent: root.dataset.lost });
    if (set) {
      set.querySelector("[data-status]").replaceChildren(text);
      Object.assign(set.dataset, { mark: "", waits: "1" });
    } else panel.replaceChildren(text);
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
    set.querySelector("[data-tables]").hidden = hide;
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
      await renew(panel, state.at);
    } catch (error) { trouble(panel, error); }
  };

  // --- a table ------------------------------------------------------------------------------------------------------
  // Rows stand in bodies of 200. A body far from what is in view is a blank of its height: the scroll bar shows the whole
  // table, its end is one key away, and the page stays quick however many rows there are.
  class Table {
    constructor(name, element) {
      Object.assign(this, { name, element, sort: "", run: 0, busy: false, near: new Set(), opened: new Set() });
      this.form = element.querySelector("[data-filter]");
      this.box = element.querySelector("[data-scroll]");
      this.heads = [...element.querySelectorAll("thead th")];
      this.bodies = [...element.querySelectorAll("tbody")];
      this.bodies[0].filled = true;
      this.height = this.bodies[0].offsetHeight / Math.max(this.bodies[0].rows.length, 1) || ROW_PX; // 0 while hidden
      this.watcher = new IntersectionObserver((seen) => this.moved(seen), { root: this.box, rootMargin: `${NEAR_PX}px 0px` });
      this.watcher.observe(this.bodies[0]);
      this.lay(Number(element.dataset.count));
      this.hold();
      this.wire();
    }

    query(more = {}) {
      const args = new URLSearchParams([...new FormData(this.form)].filter(([, value]) => value));
      if (this.sort) args.set("sort", this.sort);
      for (const [name, value] of Object.entries(more)) args.set(name, value);
      return args;
    }

    async fetched(body) { // null: somebody wants another order or other rows by now
      const run = this.run, start = body * STEP;
      const answer = await (await ask(`/${this.name}/${this.element.dataset.table}/rows?${this.query({ start })}`)).json();
      return run === this.run ? answer : null;
    }

    // As many bodies as the rows need; new ones are blank.
    lay(count) {
      this.count = count;
      const wanted = Math.max(Math.ceil(count / STEP), 1);
      for (const body of this.bodies.splice(wanted)) { this.watcher.unobserve(body); this.near.delete(body); body.remove(); }
      while (this.bodies.length < wanted) {
        const body = document.createElement("tbody");
        this.bodies.at(-1).after(body);
        this.bodies.push(body);
        this.blank(body, Math.min(STEP, count - (this.bodies.length - 1) * STEP) * this.height);
        this.watcher.observe(body);
      }
    }

    blank(body, height = body.offsetHeight) {
      const row = document.createElement("tr"), cell = document.createElement("td");
      row.className = "blank";
      cell.colSpan = this.heads.length;
      cell.style.height = `${height}px`;
      row.append(cell);
      body.replaceChildren(row);
      body.filled = false;
      body.text = null;
    }

    show(body, text) {
      body.filled = true;
      if (body.text === text) return; // what somebody reads, has marked or stands on is left alone
      const focus = body.contains(document.activeElement) ? document.activeElement.dataset.parts : null;
      body.text = text;
      body.replaceChildren(...lines(text));
      for (const button of body.querySelectorAll("[data-parts]")) {
        if (this.opened.has(button.dataset.parts)) unfold(button, true);
        if (button.dataset.parts === focus) button.focus({ preventScroll: true });
      }
      this.hold();
    }

    hold() { // columns grow with what comes, and never shrink while somebody scrolls
      for (const head of this.heads) head.style.minWidth = `${Math.floor(head.offsetWidth)}px`;
    }

    moved(seen) {
      for (const { target, isIntersecting, boundingClientRect } of seen) {
        if (isIntersecting) this.near.add(target); else this.near.delete(target);
        const hidden = !boundingClientRect.height, used = target.contains(document.activeElement) || getSelection().containsNode(target, true);
        if (!isIntersecting && target.filled && !hidden && !used) this.blank(target, boundingClientRect.height);
      }
      this.load();
    }

    inView() {
      const { top, bottom } = this.box.getBoundingClientRect();
      const found = this.bodies.map((body, place) => [body.getBoundingClientRect(), place]);
      return found.filter(([one]) => one.bottom > top && one.top < bottom).map(([, place]) => place);
    }

    async load() {
      if (this.busy) return;
      this.busy = true;
      try {
        for (;;) {
          const visible = this.inView(), blanks = [...this.near].filter((body) => !body.filled);
          const body = blanks.find((one) => visible.includes(this.bodies.indexOf(one))) ?? blanks[0];
          if (!body) return;
          const answer = await this.fetched(this.bodies.indexOf(body));
          if (!answer || !this.bodies.includes(body)) continue;
          if (answer.at !== holder(panels.get(this.name)).dataset.at) return look(this.name);
          this.show(body, answer.rows);
        }
      } catch (error) { trouble(panels.get(this.name), error); } finally { this.busy = false; }
    }

    // Other rows: what is in view is fetched, and changed in one go; the rest follows.
    async reload(toTop = false) {
      this.run += 1;
      const view = toTop ? [] : this.inView(), wanted = view.length ? view : [0];
      const answers = await Promise.all(wanted.map((place) => this.fetched(place)));
      if (answers.includes(null)) return;
      const [{ at, count, totals, words }] = answers;
      if (answers.some((one) => one.at !== at)) return this.reload(toTop);
      if (wanted[0] && wanted[0] * STEP >= count) return this.reload(true);
      const [left, top] = [this.box.scrollLeft, this.box.scrollTop];
      this.lay(count);
      this.bodies.forEach((body, place) => { if (body.filled && !wanted.includes(place)) this.blank(body); });
      wanted.forEach((place, number) => { if (place < this.bodies.length) this.show(this.bodies[place], answers[number].rows); });
      this.element.querySelector("[data-totals]").replaceChildren(...lines(totals));
      this.offer(words);
      [this.box.scrollLeft, this.box.scrollTop] = [left, toTop ? 0 : top];
      this.load();
    }

    offer(words) { // which codes there are to choose from; what is chosen stays
      for (const select of this.form.querySelectorAll("[data-only]")) {
        const options = (words[select.dataset.only] ?? []).map(([code, word]) => new Option(word, code));
        const chosen = select.selectedOptions[0];
        if (chosen?.value && !options.some((one) => one.value === chosen.value)) options.push(new Option(chosen.text, chosen.value));
        const value = select.value;
        select.replaceChildren(select.options[0], ...options);
        select.value = value;
        select.closest("label").hidden = options.length < 2 && !value;
      }
    }

    wire() {
      const links = () => { for (const link of this.form.querySelectorAll("[data-file]")) link.search = this.query(); };
      const now = () => this.reload(true).catch((error) => trouble(panels.get(this.name), error));
      let typing = 0;
      const changed = (wait) => { clearTimeout(typing); links(); if (wait) typing = setTimeout(now, TYPING_MS); else now(); };
      this.form.addEventListener("submit", (event) => { event.preventDefault(); changed(false); });
      this.form.addEventListener("input", (event) => changed(event.target.matches("input")));
      this.element.querySelector("thead").addEventListener("click", (event) => {
        const column = event.target.closest("[data-sort]")?.dataset.sort;
        if (!column) return;
        this.sort = this.sort === column ? `-${column}` : this.sort === `-${column}` ? "" : column;
        for (const head of this.heads) {
          head.removeAttribute("aria-sort");
          if (this.sort.replace(/^-/, "") === head.dataset.column) head.setAttribute("aria-sort", this.sort.startsWith("-") ? "descending" : "ascending");
        }
        changed(false);
      });
      this.element.addEventListener("click", (event) => {
        const button = event.target.closest("[data-parts]");
        if (!button) return;
        const on = button.getAttribute("aria-expanded") !== "true";
        if (on) this.opened.add(button.dataset.parts); else this.opened.delete(button.dataset.parts);
        unfold(button, on);
        button.closest("tbody").text = null;
      });
    }

    resized() {
      for (const head of this.heads) head.style.minWidth = "";
      this.hold();
    }
  }

  const unfold = (button, on) => {
    button.setAttribute("aria-expanded", String(on));
    for (let row = button.closest("tr").nextElementSibling; row?.classList.contains("part"); row = row.nextElementSibling) row.hidden = !on;
  };

  addEventListener("resize", () => { for (const panel of panels.values()) tablesOf(panel).forEach((table) => table.resized()); });

  root.addEventListener("click", (event) => {
    const set = event.target.closest(".set");
    if (event.target.closest("[data-unfold]") && set) {
      set.dataset.unfolded = "1";
      set.querySelector("[data-tables]").hidden = false;
      tablesOf(set.closest("[data-panel]")).forEach((table) => table.resized());
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
    tablesOf(panels.get(active)).forEach((table) => table.resized()); // it may have come while another one was shown
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
  // While it waits a page without the stream (a process keeps only so many) looks often at first, then ever more seldom.
  let timer = 0, looks = 0, stream = null;
  const watch = () => {
    clearTimeout(timer);
    const waits = panels.get(active) && holder(panels.get(active))?.dataset.waits === "1";
    looks = waits ? looks + 1 : 0;
    const pause = stream?.readyState === EventSource.OPEN ? WAIT_MS : Math.min(WAIT_MS, SOON_MS * looks);
    timer = setTimeout(async () => {
      if (!document.hidden && panels.size) await look(active);
      watch();
    }, waits ? pause : CALM_MS);
  };
  const heard = async () => { if (panels.size && !document.hidden) { await look(active); watch(); } };

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
