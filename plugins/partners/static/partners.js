// What the partners' pages do beyond being live: on to a card that has come, ticks that survive a refresh, a talk that stays
// at its newest message while its reader is there.
"use strict";
{
  const live = document.getElementById("live");
  const go = () => {
    const link = document.querySelector("a[data-go]");
    if (link) location.replace(link.href);
  };
  const ticks = new Set();
  document.addEventListener("change", (event) => {
    if (!event.target.closest("[data-keep-ticks]") || event.target.type !== "checkbox") return;
    ticks[event.target.checked ? "add" : "delete"](event.target.value);
  });
  const tick = () => {
    for (const box of document.querySelectorAll("[data-keep-ticks] input[type=checkbox]")) box.checked = ticks.has(box.value);
  };
  const box = document.getElementById("say");
  const newest = () => box.scrollIntoView({ block: "end", behavior: "instant" });
  let there = true;
  if (box) {
    newest();
    addEventListener("scroll", () => { there = box.getBoundingClientRect().bottom <= innerHeight + 40; }, { passive: true });
  }
  if (live) {
    new MutationObserver(() => {
      go();
      tick();
      if (box && there) newest();
    }).observe(live, { childList: true });
  }
  go();
}
