from __future__ import annotations

import zlib
from dataclasses import replace
from datetime import timedelta

from kernel.datasets import pack_answer
from kernel.values import to_micros
from plugins.dossier import store
from plugins.dossier.tests.office import CLIENT


def test_an_answer_is_kept_as_it_was_and_an_older_one_never_takes_its_place(office):
    answer = office.source.read("position", CLIENT)
    older = replace(answer, asked_at=answer.asked_at - timedelta(seconds=1), tables={})
    newer = replace(answer, asked_at=answer.asked_at + timedelta(seconds=1))
    assert office.kept() is None
    with office.portal.unit() as unit:
        assert store.keep(unit.tx, office.portal.name, answer, pack_answer(answer), 1)
        assert not store.keep(unit.tx, office.portal.name, older, pack_answer(older), 2)
    found = office.kept()
    assert found.answer == answer and found.at == to_micros(answer.asked_at)
    with office.portal.unit() as unit:
        assert store.keep(unit.tx, office.portal.name, newer, pack_answer(newer), 3)
    assert office.kept().answer == newer
    assert office.kept(client_id="1000418") is None and office.kept("blocks") is None


def test_what_another_release_packed_counts_as_nothing(office):
    with office.portal.unit() as unit:
        answer = office.source.read("position", CLIENT)
        store.keep(unit.tx, office.portal.name, answer, pack_answer(answer), 1)
        unit.tx.run("UPDATE dossier_answer SET answer = :a", a=zlib.compress(b'{"v": 0}'))
    assert office.kept() is None
