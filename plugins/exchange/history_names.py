"""What the names in the file are in the books: deals by subject, operations in their order, parties by key."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from kernel.storage import Tx
from plugins.exchange.model import Party

PORTAL = "history"


def subject_of(deal: str) -> str:
    """The deal's name in the books. A slash in the company's own number is not one of ours."""
    return f"{PORTAL}/{deal.replace('%', '%25').replace('/', '%2F')}"


def deal_of(subject: str) -> str:
    """The company's own number of an imported deal."""
    return subject.removeprefix(f"{PORTAL}/").replace("%2F", "/").replace("%25", "%")


def op_order(numbers: Iterable[str]) -> list[str]:
    """A deal's operations in their order: by number if all are numbers, else so that «a2» comes before «a10»."""
    found = list(numbers)
    if len(found) < 2:
        return found
    if all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", number) for number in found):
        return sorted(found, key=lambda number: (Decimal(number), number))
    return sorted(found, key=lambda number: ([_piece(part) for part in re.findall(r"[0-9]+|[^0-9]+", number)], number))


def _piece(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part[0] in "0123456789" else (1, 0, part.casefold())


class Parties:
    """Who a name or a CRM id in the file is, as far as this portal's deals and earlier imports tell."""

    def __init__(self, tx: Tx, portal: str) -> None:
        self._names: dict[str, str] = {}
        self._keys: dict[str, set[str]] = defaultdict(set)
        self._found: dict[str, Party] = {}
        rows = tx.all(
            "SELECT k, n, MAX(t) AS t FROM ("
            "SELECT client AS k, client_name AS n, created_at AS t FROM exchange_deal WHERE portal IN (:p, :h) UNION ALL "
            "SELECT o.partner, o.partner_name, o.at FROM exchange_operation o JOIN exchange_deal d ON d.subject = o.subject "
            "WHERE d.portal IN (:p, :h)) AS x WHERE k <> '' GROUP BY k, n ORDER BY t, k, n",
            p=portal, h=PORTAL,
        )  # fmt: skip
        for row in rows:
            self._names[row["k"]] = row["n"]  # the newest name stays
            self._keys[" ".join(row["n"].split())].add(row["k"])

    def party(self, text: str) -> Party:
        if text not in self._found:
            keys = self._keys.get(text, set())
            if text in self._names:
                self._found[text] = Party(text, self._names[text] or text)
            else:
                self._found[text] = Party(next(iter(keys)) if len(keys) == 1 else f"name:{text}", text)
        return self._found[text]

    def same(self, text: str, there: Party | None) -> bool:
        """Whether the file means the party of the books. Namesakes that turned up since do not make it another one."""
        if not text or there is None:
            return not text and there is None
        return text in (there.key, " ".join(there.name.split())) or self.party(text).key == there.key
