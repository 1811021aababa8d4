"""The request log: who sees it, what it holds, its figures; what is kept for how long, and what is forgotten."""

from __future__ import annotations

from argparse import Namespace
from datetime import date

import pytest

from kernel.errors import BadAnswer, Unreachable
from kernel.extension import Plugin
from kernel.values import to_micros
from plugins.dossier import commands, keeping, logbook, plugin
from plugins.dossier.api import CLIENT_FORGOTTEN
from plugins.dossier.rules.figures import figures, nearest
from plugins.dossier.store_log import Line
from plugins.dossier.tests.office import CLIENT

pytestmark = pytest.mark.row("BR-15")


def test_figures_of_a_day():
    lines = [(date(2026, 11, 23), "position", "ok", ms) for ms in range(1, 101)]
    lines += [
        (date(2026, 11, 24), "blocks", "unavailable", 8000),
        (date(2026, 11, 24), "blocks", "ok", 10),
        (date(2026, 11, 24), "a", "ok", 5),
    ]
    found = [(one.day, one.set_name, one.count, one.median, one.p95, one.share) for one in figures(lines)]
    assert found == [
        (date(2026, 11, 24), "a", 1, 5, 5, "0,0"), (date(2026, 11, 24), "blocks", 2, 10, 8000, "50,0"),
        (date(2026, 11, 23), "position", 100, 50, 95, "0,0"),
    ]  # fmt: skip
    assert nearest([7], 50) == nearest([7], 95) == 7


def test_the_log_page(office):
    office.source.fail(Unreachable("x"), BadAnswer("x", sample="<page>login</page>"))
    for _ in range(3):
        office.open()
        office.ask()
    office.open()
    head, owner = office.client(role="head"), office.client()
    page = owner.get("/dossier/log").text
    for text in ("не отвечает", "не разобран", "данные", "из хранимого", "Ирина Белова", CLIENT, "66,7"):
        assert text in page, text
    assert "&lt;page&gt;login" in page and "login" not in head.get("/dossier/log").text
    assert office.client(office.irina).get("/dossier/log").status_code == 403
    only = head.get("/dossier/log", query_string={"outcome": "unavailable"}).text
    assert only.count(f"<bdi>{CLIENT}</bdi>") == 1
    assert "запросов нет" in head.get("/dossier/log?first=2020-01-01&last=2020-01-02").text
    assert head.get("/dossier/log?first=nonsense&face=%01").status_code == 200
    assert head.get("/dossier/log?face=%00").status_code == 404, "it is in no text of ours"
    csv = head.get("/dossier/log/file.csv").data.decode("utf-8-sig").splitlines()
    assert len(csv) == 5 and "Ирина Белова" in csv[1] and head.get("/dossier/log/file.xlsx").status_code == 200


def test_the_log_is_filtered_by_each_column(office):
    lines = {
        "a": {"set_name": "position", "person": office.irina, "entity": "contact", "record": "7", "face": "soap", "ms": 100,
              "bytes": 2000, "row_count": 12, "code": "BUSY", "trace_id": "T-1", "trace": "ours-1",
              "outcome": "unavailable"},
        "b": {"set_name": "OpenAccount", "person": "", "entity": "deal", "record": "8", "face": "xml", "ms": 99,
              "bad_cells": 3, "outcome": "rejected"},
    }  # fmt: skip
    with office.portal.unit() as unit:
        for number, (name, one) in enumerate(lines.items()):
            line = Line(name, office.portal.name, to_micros(office.clock.now()) + number, client_id=f"client-{name}", **one)
            logbook.keep(unit, line)
    head = office.client(role="head")

    def found(**wanted):
        rows = head.get("/dossier/log/file.csv", query_string=wanted).data.decode("utf-8-sig").splitlines()[1:]
        assert len(rows) == head.get("/dossier/log", query_string=wanted).text.count("<bdi>client-")
        return {row.split(";")[2].removeprefix("client-") for row in rows}

    assert found() == {"a", "b"}
    for wanted in (
        {"set_name": "position"}, {"client_id": "client-a"}, {"person": office.irina}, {"person": "ирина  белова"},
        {"card": "7"}, {"card": "contact:7"}, {"face": "soap"}, {"outcome": "unavailable"}, {"ms": "100"}, {"bytes": "1"},
        {"row_count": "12"}, {"code": "BUSY"}, {"trace_id": "T-1"}, {"trace": "ours-1"},
    ):  # fmt: skip
        assert found(**wanted) == {"a"}, wanted
    for wanted in ({"set_name": "OpenAccount"}, {"bad_cells": "3"}, {"outcome": "rejected", "ms": "99"}):
        assert found(**wanted) == {"b"}, wanted
    assert found(ms="much", bad_cells="-1") == {"a", "b"}, "what is no number asks for nothing"
    assert found(first="2020-01-01", last="2020-01-02") == set()
    page = head.get("/dossier/log", query_string={"person": "Ирина Белова"}).text
    assert 'value="Ирина Белова"' in page and "Передача клиента" in page and "отклонено" in page


def test_what_is_old_goes(office):
    office.source.fail(BadAnswer("x", sample="secret"))
    office.open()
    office.ask()
    office.open()
    office.ask()
    office.advance(days=8)
    office.work("dossier.tidy")
    assert office.kept() and {row["sample"] for row in office.rows("SELECT sample FROM dossier_log")} == {""}
    office.advance(days=83)
    office.work("dossier.tidy")
    assert office.kept() is None and len(office.log()) == 2
    assert not office.rows("SELECT * FROM dossier_question") and not office.rows("SELECT * FROM dossier_card")
    office.advance(days=90)
    office.work("dossier.tidy")
    assert office.log() == []


def test_a_client_is_forgotten(office_of, capsys):
    told = []
    listening = Plugin("listening", "Listening", hooks=(CLIENT_FORGOTTEN.by(lambda unit, *what: told.append(what)),))
    office = office_of(plugins=[plugin, listening])
    office.open()
    office.ask()
    assert commands.command(office.portal, Namespace(what="forget", client_id=CLIENT)) == 0
    assert told == [(CLIENT, [("contact", office.card)])] and "answer: 1" in capsys.readouterr().out
    assert office.kept() is None and office.log() == [] and not office.rows("SELECT * FROM dossier_card")


def test_the_doctor_names_what_a_person_has_to_mend(office):
    assert list(keeping.doctor(office.portal)) == []
    office.source.fail(BadAnswer("x"))
    office.open()
    office.ask()
    [text] = keeping.doctor(office.portal)
    assert "set.position.toml" in text
    office.advance(days=2)
    assert list(keeping.doctor(office.portal)) == []
