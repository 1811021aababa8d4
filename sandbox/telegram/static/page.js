// The page works without this: it only keeps the messages fresh, sends with Enter and marks a chosen file.
"use strict";
const feed = document.getElementById("feed");
const REFRESH_MS = 1500;
let version = "";

function atEnd() { return feed.scrollHeight - feed.scrollTop - feed.clientHeight < 80; }

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(feed.dataset.feed).catch(() => null);
  if (!answer || !answer.ok) return;
  const newer = answer.headers.get("X-Version");
  const text = await answer.text();
  if (newer === version) return;
  const follow = atEnd(), open = [...feed.querySelectorAll("details[open]")].map((one) => one.closest("article").id);
  version = newer;
  feed.innerHTML = text;
  for (const id of open) document.querySelector(`#${id} details`)?.setAttribute("open", "");
  if (follow) feed.scrollTop = feed.scrollHeight;
}

if (feed) {
  feed.scrollTop = feed.scrollHeight;
  feed.addEventListener("load", () => { feed.scrollTop = feed.scrollHeight; }, { capture: true, once: true });
  setInterval(refresh, REFRESH_MS);
}
for (const one of document.querySelectorAll("[data-submit]")) one.addEventListener("change", () => one.form.submit());
document.querySelector(".write textarea")?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});
document.querySelector(".attach input")?.addEventListener("change", (event) => {
  event.target.parentElement.classList.toggle("filled", event.target.files.length > 0);
});
