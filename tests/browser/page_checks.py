"""What every page of ours has to keep to in a browser: on a phone, for a keyboard and a screen reader, dark and light."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import Any

SHOTS = os.environ.get("ANNEX_SHOTS", "")  #: a folder to leave pictures in, for human eyes
CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => { const f = (c) => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
                                 return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
                          if (c.length < 4 || c[3] > .99) return c; } return [255, 255, 255]; };
  const bad = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !e.offsetParent || e.closest("script, .changed")) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) bad.push([e.outerHTML.slice(0, 80), (a + .05) / (b + .05)]);
  }
  return bad;
}"""


class Troubles(list[str]):
    """What the consoles of pages complain of, also what a page's own policy forbids. A test ends with none."""

    def __init__(self) -> None:
        super().__init__()
        self._expected: list[str] = []

    def watch(self, page: Any) -> None:
        page.on("console", lambda message: self._keep(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._keep(str(error)))

    def expect(self, pattern: str) -> None:
        """What matches is no trouble. Said before it is caused: a console may say it after the page has shown it."""
        self._expected.append(pattern)

    def _keep(self, text: str) -> None:
        if not any(re.search(pattern, text) for pattern in self._expected):
            self.append(text)


def shot(page: Any, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def fits_a_phone(page: Any, about: object, *, scrolls_inside: str = "thead, .skip") -> None:
    """Nothing stands out to the right of a screen 360 pixels wide. `scrolls_inside`: what may, since it is cut or hidden."""
    wide = page.evaluate(
        """inside => [...document.querySelectorAll("body *")].filter(
           e => e.getBoundingClientRect().right > innerWidth + 1
           && !e.closest(inside) && getComputedStyle(e).position !== "absolute").map(e => e.outerHTML.slice(0, 90))""",
        scrolls_inside,
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360 and not wide, (about, wide[:3])


def has_buttons_for_fingers(page: Any, about: object) -> None:
    small = page.evaluate(
        """[...document.querySelectorAll("main button, main .button, main summary")].filter(
           e => e.offsetParent && e.getBoundingClientRect().height < 28).map(e => e.outerHTML.slice(0, 90))"""
    )
    assert not small, (about, small)


def can_be_read_by_all(page: Any, about: object, language: str) -> None:
    """Width, one heading of the first level, the others in order, a name for everything to press, no id twice, contrast."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), about
    assert page.locator("h1").count() == 1 and page.evaluate("document.documentElement.lang") == language
    levels = page.eval_on_selector_all("h1, h2, h3", "all => all.map(h => Number(h.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels)), (about, levels)
    unnamed = page.evaluate(
        """[...document.querySelectorAll(
           "a, button, select, textarea, input:not([type=hidden]), [role=img], summary")].filter(
           e => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length))
           .map(e => e.outerHTML.slice(0, 90))"""
    )
    assert not unnamed, (about, unnamed)
    doubled = page.evaluate(
        "(ids => ids.filter((id, i) => ids.indexOf(id) !== i))([...document.querySelectorAll('[id]')].map(e => e.id))"
    )
    assert not doubled, (about, doubled)
    assert not page.evaluate(CONTRAST), about
