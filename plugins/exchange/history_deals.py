"""The rows of one deal, beside each other and beside the books: what is known, differs, or makes no chain."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from kernel.errors import BadInput
from kernel.values import from_micros, plain, to_decimal
from plugins.exchange.figures import Figures, check_chain, figures
from plugins.exchange.history_names import Parties, op_order, subject_of
from plugins.exchange.history_rows import Bad, Line
from plugins.exchange.model import BUY, CLOSED, Deal, Operation, deal_data

#: column, what stood there, what the file says now
Difference = tuple[str, str, str]


class Group:
    """The rows of one deal, beside each other and beside what stands in the books."""

    def __init__(self, number: str, rows: Sequence[Line], stored: Deal | None, parties: Parties, zone: ZoneInfo) -> None:
        self._number, self._rows, self._stored, self._parties, self._zone = number, rows, stored, parties, zone
        self._there = {op.key: op for op in stored.operations} if stored else {}
        self._lines: dict[str, Line] = {}  #: by operation, the rows that count: sound, and each once
        self._found: dict[str, Operation | None] | None = None
        self.bad: list[Bad] = []
        self.repeated = self.known = 0

    def compare(self, *, correct: bool) -> None:
        for line in self._rows:
            if line.operation:
                self._take(line, line.operation)
        self._agree()
        for line in self._lines.values():
            differences = self._beside(line)
            if not differences and line.op in self._there:
                self.known += 1
            if not correct:
                for column, old, new in differences:
                    error = BadInput.of("history_known", column=column, old=old, new=new)
                    self.bad.append(Bad(line.number, column, new, error))
        self._chain()

    def _take(self, line: Line, op: Operation) -> None:
        first = self._lines.setdefault(line.op, line)
        if first is line:
            return
        differences = self._between(first, line)
        self.repeated += not differences
        for column, old, new in differences:
            error = BadInput.of("history_repeated", line=first.number, column=column, old=old, new=new)
            self.bad.append(Bad(line.number, column, new, error))

    def _between(self, first: Line, line: Line) -> list[Difference]:
        """How two rows of the file with the same key differ."""
        left, right = ((_content(one.operation, self._zone) if one.operation else {}) for one in (first, line))
        left |= {"stage": first.stage or "", "custody_until": str(first.until or "")}
        right |= {"stage": line.stage or "", "custody_until": str(line.until or "")}
        found = [(name, left[name], right[name]) for name in right if left[name] != right[name]]
        for name, old, new in (("client", first.client, line.client), ("partner", first.partner, line.partner)):
            if bool(old) != bool(new) or (old and self._parties.party(old).key != self._parties.party(new).key):
                found.append((name, old, new))
        return found

    def _agree(self) -> None:
        """All rows of a deal say the same of the deal, or leave it open."""
        first: dict[str, Line] = {}
        for line in self._rows:
            for name, value in (("client", line.client), ("stage", line.stage), ("custody_until", line.until)):
                if not value:
                    continue
                other = first.setdefault(name, line)
                if other is not line and other.op == line.op and other.operation and line.operation:
                    continue  # the same key twice: told already
                there = other.client if name == "client" else other.stage if name == "stage" else other.until
                same = (
                    self._parties.party(str(value)) == self._parties.party(str(there))
                    if name == "client"
                    else value == there
                )
                if not same:
                    error = BadInput.of("history_deal_differs", line=other.number, old=str(there))
                    self.bad.append(Bad(line.number, name, str(value), error))

    def _beside(self, line: Line) -> list[Difference]:
        """How a row differs from what the books hold: its operation, and what it says of the deal."""
        deal = self._stored
        if deal is None or line.operation is None:
            return []
        found: list[Difference] = []
        there = self._there.get(line.op)
        if there:
            old, new = _content(there, self._zone), _content(line.operation, self._zone)
            found += [(name, old[name], new[name]) for name in new if old[name] != new[name]]
            if not self._parties.same(line.partner, there.partner):
                found.append(("partner", there.partner.name if there.partner else "", line.partner))
        if line.stage != deal.stage:
            found.append(("stage", deal.stage, line.stage or ""))
        named = deal.client.name if deal.client else ""
        if line.client and not self._parties.same(line.client, deal.client) and (deal.client or there):
            found.append(("client", named, line.client))
        if line.until and line.until != deal.custody_until:
            found.append(("custody_until", str(deal.custody_until or ""), str(line.until)))
        # Which row once named the client or the date is not kept: only when all are here can one be missing.
        if line is self._last and self._whole:
            if named and not any(one.client for one in self._rows):
                found.append(("client", named, ""))
            if deal.custody_until and not any(one.until for one in self._rows):
                found.append(("custody_until", str(deal.custody_until), ""))
        return found

    @property
    def _last(self) -> Line:
        return next(reversed(self._lines.values()))

    @property
    def _whole(self) -> bool:
        """Whether the file holds every operation of the deal that the books hold."""
        return self._there.keys() <= {line.op for line in self._rows}

    def _chain(self) -> None:
        """Tells every place where the currencies of neighbours do not meet. A bad row has no currencies to compare."""
        if any(not line.op for line in self._rows):
            return
        ops, missing = self._operations(), [line.op for line in self._rows if line.op not in self._lines]
        ops |= dict.fromkeys(missing)
        before: Operation | None = None
        for number in op_order(ops) if missing else ops:
            op = ops[number]
            if op is not None and not op.is_exchange:
                continue
            if op and before and not _meet(before, op) and (at := self._lines.get(op.key) or self._lines.get(before.key)):
                try:
                    pair = Deal("", "", CLOSED, (before, op), 0)
                    check_chain(pair, (self._part(before), self._part(op)))
                except BadInput as exc:
                    self.bad.append(Bad(at.number, "pair", str(op.pair), exc))
            before = op

    def _part(self, op: Operation) -> Figures:
        line = self._lines.get(op.key)
        return line.part if line and line.part else figures(op)

    def _operations(self) -> dict[str, Operation | None]:
        """By number, in their order: those of the books, and those of the file where they are new or corrected."""
        if self._found is None:
            found = self._laid_over()
            self._found = {number: found[number] for number in op_order(found)}
        return dict(self._found)

    def _laid_over(self) -> dict[str, Operation | None]:
        found: dict[str, Operation | None] = dict(self._there)
        for number, line in self._lines.items():
            there = self._there.get(number)
            assert line.operation is not None
            if there and self._parties.same(line.partner, there.partner):
                same = _content(there, self._zone) == _content(line.operation, self._zone)
                found[number] = there if same else line.operation.at_partner(there.partner)
            else:
                partner = self._parties.party(line.partner) if line.partner else None
                found[number] = line.operation.at_partner(partner) if partner else line.operation
        return found

    def changed(self) -> Deal | None:
        """The deal as it should stand; None if it stands so already."""
        stored, lines = self._stored, self._lines.values()
        operations = tuple(op for op in self._operations().values() if op)
        client = next((line.client for line in lines if line.client), "")
        until = next((line.until for line in lines if line.until), None)
        party = self._parties.party(client) if client else None
        if stored and (self._parties.same(client, stored.client) or not (client or self._whole)):
            party = stored.client
        if stored and not (until or self._whole):
            until = stored.custody_until
        deal = Deal(
            subject=subject_of(self._number),
            number=self._number,
            stage=self._last.stage or CLOSED,
            operations=operations,
            created_at=min(op.at or 0 for op in operations),
            client=party,
            manager=stored.manager if stored else "",
            custody=until is not None,
            custody_until=until,
        )
        return None if stored and deal_data(stored) == deal_data(deal) else deal


def _meet(before: Operation, op: Operation) -> bool:
    """Whether what one operation gives the client is of the currency that the next one takes."""
    assert before.pair is not None and op.pair is not None
    gets = before.pair.quote if before.kind == BUY else before.pair.base
    return gets == (op.pair.base if op.kind == BUY else op.pair.quote)


def _content(op: Operation, zone: ZoneInfo) -> dict[str, str]:
    """An operation as the columns of a row, so that 41.20 and 41,2 are the same."""
    return {
        "at": from_micros(op.at or 0, zone).isoformat(),
        "kind": op.kind,
        "pair": str(op.pair) if op.pair else op.amount_in.code,
        "amount": plain(to_decimal(op.amount, op.amount_in)),
        "amount_in": op.amount_in.code,
        "client_rate": plain(op.client_rate) if op.client_rate is not None else "",
        "partner_rate": plain(op.partner_rate) if op.partner_rate is not None else "",
        "place": op.place,
        "to_place": op.to_place,
        "comment": op.comment,
    }
