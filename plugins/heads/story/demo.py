"""Who may open the heads' page, by the CRM's own proof."""

from __future__ import annotations

from collections.abc import Iterable

from kernel.testing.demo import DemoStory, Result

OWNER, FRAME = "1", "/frame/bitrix24/main/heads/"


class HeadsDemo(DemoStory):
    after = ("assignment", "stage_lock", "workday")
    connectors = frozenset({"bitrix24"})
    page = ("Heads' page", "/heads/")

    def checks(self) -> Iterable[Result]:
        office = self.desk.office
        found = (
            self._opened(office.head),
            self._opened(self.desk.ready()[0]),
            self._opened(office.head, member_id="0" * 32),
            self._opened(OWNER, AUTH_ID="forged"),
        )
        yield (
            "the heads' page opens for the head by the CRM's own proof, and for nobody else",
            "" if found == (200, 403, 403, 403) else f"head, manager, other portal, forged token: {found}",
        )

    def _opened(self, who: str, **forged: str) -> int:
        browser, answer = self.desk.office.browse(who, "LEFT_MENU", handler=f"{self.desk.address}{FRAME}", forged=forged)
        browser.close()
        return int(answer.status_code)
