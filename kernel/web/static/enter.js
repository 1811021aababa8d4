// Sends the sign-in form at once for a person who looks at the page; a scanner that only fetches it uses nothing up.
"use strict";
{
  const form = document.querySelector("[data-enter]");
  const send = () => { if (document.visibilityState === "visible") form.submit(); };
  document.addEventListener("visibilitychange", send, { once: true });
  send();
}
