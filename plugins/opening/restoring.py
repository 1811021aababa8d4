"""The database was filled from a copy: requests that went out since are not in it, and are asked for before any is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kernel.datasets import Accepted, Opened, unpack_opened
from kernel.extension.portal import Unit
from kernel.telemetry import log
from kernel.values import to_micros
from plugins.opening import asking, registering, store
from plugins.opening.asking import ASKED
from plugins.opening.settings import push_of
from plugins.opening.store import ASKING, OPEN, Deal, Request
from plugins.opening.telling import changed, tell

__all__ = ["ASKED", "asked", "not_asked", "restored"]


def restored(unit: Unit) -> None:
    """What is written down and not decided is asked for; so is each deal's next request, when its turn comes."""
    push = push_of(unit.portal)
    store.mark_restored(unit.tx, unit.portal.name, to_micros(unit.now))
    if push is None:
        return
    for one in store.every(unit.tx, unit.portal.name, OPEN):
        request = store.newest(unit.tx, one.portal, one.deal)
        call = registering.call_of(unit.tx, unit.portal, request) if request and request.state == "open" else None
        if request is None or call is None:
            continue
        if call.state in ("waiting", "sending") and asking.way(push) == "ask":
            registering.ask_first(unit, push, one, request, call)
        elif call.state == "uncertain":
            registering.doubt(unit, one, request)


def asked(unit: Unit, payload: Mapping[str, Any], result: str) -> None:
    """What became of the requests since."""
    one = _asking(unit, payload)
    if one is None:
        return
    known = {int(number): unpack_opened(text) for number, text in json.loads(result or "[]")}
    log.info("opening.asked", deal=one.deal, known=len(known))
    one = replace(one, asked_at=to_micros(unit.now), answers=max([one.answers, *known]))
    request = store.newest(unit.tx, one.portal, one.deal)
    request = request if request and request.state == "open" else None
    call = registering.call_of(unit.tx, unit.portal, request) if request else None
    if request is not None and call is not None and not known:  # nobody has heard of it, nor of one after it
        registering.send_again(unit, one, request, call)
        return
    accepted = next((number for number, opened in known.items() if isinstance(opened, Accepted)), None)
    if accepted is not None:
        registering.settle(unit, one, _of_number(unit, one, request, accepted, known), known[accepted])
    elif request is not None and set(known) == {request.number}:
        registering.settle(unit, one, request, known[request.number])
    else:
        if request is not None:
            _close(unit, request, known.get(request.number))
        registering.begin_anew(unit, one)


def _of_number(unit: Unit, one: Deal, request: Request | None, number: int, known: Mapping[int, Opened]) -> Request:
    """The request of that number, written down if this database did not have it."""
    if request is not None and request.number == number:
        return request
    if request is not None:
        _close(unit, request, known.get(request.number))
    return registering.found_out(unit, one, number, f"{asking.stem(unit.portal, one.deal)}{number}")


def _close(unit: Unit, request: Request, answer: Opened | None) -> None:
    """A later one was sent, so this one had been decided: rejected, or given up by a person."""
    store.decide(unit.tx, request, "rejected" if answer else "denied", to_micros(unit.now), answer=answer)


def not_asked(unit: Unit, payload: Mapping[str, Any], _state: str, reason: str) -> None:
    """The back office cannot be asked, or has several such clients: a person has to look."""
    one = _asking(unit, payload)
    if one is not None:
        changed(unit, tell(unit, replace(one, reason=reason), "opn_not_asked", heads=True, text=reason))


def _asking(unit: Unit, payload: Mapping[str, Any]) -> Deal | None:
    """The deal, while it is being asked for."""
    one = store.locked(unit.tx, unit.portal.name, str(payload["context"]["deal"]))
    if one is None or one.state != ASKING:
        log.warning("opening.late", deal=payload["context"]["deal"], request=payload["stem"])
        return None
    return one
