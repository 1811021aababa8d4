// On every page of the box: hides the stages that are not open from where a record stands, and covers the page until the
// working day is started. A convenience only: what must hold is held by the PHP handler and by Annex itself.
"use strict";
{
  const settings = window.BX?.Extension?.getSettings?.("annex.lock");
  const read = (name, otherwise) => settings?.get?.(name, otherwise) ?? otherwise;
  const rest = (method, data) => new Promise((well, badly) => window.BX.rest.callMethod(method, data ?? {}, (answer) =>
    answer.error() ? badly(new Error(String(answer.error()))) : well(answer.data())));

  // --- stages ---------------------------------------------------------------------------------------------------------
  // Where the card keeps them. The portal's own mark-up, confirmed by nobody: adjust it here after an update.
  const MARKUP = {
    selector: "[data-annex-stages], .crm-entity-section-status-wrap",
    stage: "[data-annex-stage], .crm-entity-section-status-step",
    current: "[data-annex-current], .crm-entity-section-status-step-current",
  };
  const folded = (text) => (text ?? "").trim().toLocaleLowerCase("ru");
  const entityOf = (path) => /\/crm\/(deal|lead)\/details\//.exec(path)?.[1];

  const wordOf = (stages, element) => {
    const names = [element.dataset.annexStage, element.title, element.textContent].map(folded).filter(Boolean);
    return Object.keys(stages).find((word) => stages[word].labels.some((label) => names.includes(folded(label))));
  };

  const hide = () => {
    const entity = entityOf(location.pathname) ?? document.querySelector("[data-annex-stages]")?.dataset.annexStages;
    const stages = read("entities", {})[entity]?.stages;
    if (!stages || mayOverride()) return;
    for (const selector of document.querySelectorAll(MARKUP.selector)) {
      const current = selector.querySelector(MARKUP.current);
      const here = current && wordOf(stages, current);
      for (const step of selector.querySelectorAll(MARKUP.stage)) {
        const word = wordOf(stages, step);
        // What we cannot name stays visible: a stage hidden by mistake would hold somebody up for nothing.
        const closed = Boolean(here && word && word !== here && !stages[here].next.includes(word));
        step.classList.toggle("annex-closed", closed);
        step.toggleAttribute("inert", closed);
      }
    }
  };

  const mayOverride = () => {
    const user = String(window.BX?.message?.("USER_ID") ?? "");
    return user !== "" && read("override", []).some((person) => String(person).replace(/\D/g, "") === user);
  };

  // --- the working day ------------------------------------------------------------------------------------------------
  const ASK_MS = 60000;
  let dialog = null;

  const cover = () => {
    if (dialog) return;
    dialog = document.createElement("dialog");
    dialog.className = "annex-day";
    const [title, text, button, trouble] = ["h2", "p", "button", "p"].map((tag) => document.createElement(tag));
    title.textContent = "Рабочий день не начат";
    text.textContent = "Чтобы работать в CRM, начните рабочий день.";
    button.textContent = "Начать рабочий день";
    trouble.setAttribute("role", "alert");
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await rest("timeman.open");
        uncover();
      } catch (error) {
        trouble.textContent = `Портал не начал рабочий день: ${error.message}`;
        button.disabled = false;
      }
    });
    dialog.addEventListener("keydown", (event) => { if (event.key === "Escape") event.preventDefault(); });
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => { if (dialog) dialog.showModal(); }); // should a browser close it all the same
    dialog.append(title, text, button, trouble);
    document.body.append(dialog);
    dialog.showModal();
  };

  const uncover = () => {
    const shown = dialog;
    dialog = null;
    shown?.close();
    shown?.remove();
  };

  const ask = async () => {
    if (!location.pathname.startsWith("/crm/")) return uncover();
    try {
      const [tracked, day] = await Promise.all([rest("timeman.settings"), rest("timeman.status")]);
      if (tracked.UF_TIMEMAN === false || day.STATUS === "OPENED") uncover(); else cover();
    } catch { /* on a guess nobody is locked out */ }
  };

  // --- begin ----------------------------------------------------------------------------------------------------------
  const begin = () => {
    hide();
    let planned = 0; // a burst of changes is one check
    new MutationObserver(() => { planned ||= requestAnimationFrame(() => { planned = 0; hide(); }); })
      .observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["title", "data-annex-current"] });
    if (read("workday", false) && window.BX?.rest) {
      ask();
      setInterval(ask, ASK_MS);
    }
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin); else begin();
}
