"""What is missing in the portal, and what the doctor says."""

from __future__ import annotations

import pytest
import requests

from connectors.planfix import connector, settings
from connectors.planfix.tests.portal import SETTINGS, Portal, fail, ok
from kernel.errors import Misconfigured, Unreachable
from kernel.http import Answer
from kernel.telemetry import mask


def missing(crm):
    return {(item.kind, item.name): item for item in crm.missing()}


def test_a_portal_as_the_guide_asks_lacks_nothing(portal, crm):
    assert crm.missing() == []
    assert not any(portal.records.values()) and not portal.rows and not portal.comments


def test_everything_that_can_be_missing_is_named_with_its_place(portal, crm):
    attached = portal.field("task", "Прибуток")
    portal.attached -= {attached}
    portal.fields["task"] = [f for f in portal.fields["task"] if f["name"] not in ("Партнер", "Табло")]
    next(f for f in portal.fields["task"] if f["name"] == "На зберіганні")["type"] = 0
    portal.fields["contact"].pop(0)
    portal.fields["datatag/6"] = [f for f in portal.fields["datatag/6"] if f["name"] != "Пара"]
    kind = next(f for f in portal.fields["datatag/6"] if f["name"] == "Вид")
    kind["enumValues"] = ["Купівля", "Продаж", "Внесення", "Виведення", "Переміщення", "Передача партнеру"]
    del portal.tags[7], portal.objects[4704], portal.templates[1]
    portal.statuses = [status for status in portal.statuses if status["name"] not in ("Скасовано", "Закриття угоди")]
    found = missing(crm)
    assert set(found) == {
        ("field", "Прибуток"), ("field", "Партнер"), ("field", "На зберіганні"), ("field", "Операції за місяць"),
        ("field", "Пара"), ("field", "Вид: Отримання від партнера"), ("field", "Вид: Зняття зі зберігання"),
        ("table", "Зберігання"), ("object", "Завдання"), ("object", "Клієнт"), ("stage", "Скасовано"),
    }  # fmt: skip
    assert "не додане" in found["field", "Прибуток"].remedy and "«Чекбокс»" in found["field", "На зберіганні"].remedy
    assert "«Контакт»" in found["field", "Партнер"].remedy
    assert all("Керування акаунтом →" in item.remedy and item.where for item in found.values())


def test_a_missing_object_is_one_line_and_its_fields_are_still_checked(portal, crm):
    del portal.objects[4703]
    portal.fields["task"] = [f for f in portal.fields["task"] if f["name"] != "Партнер"]
    assert set(missing(crm)) == {("object", "Заявка"), ("field", "Партнер")}


def test_one_label_twice(portal, crm):
    portal.fields["contact"].append({"id": 12, "name": "ключ annex", "type": 0})
    assert "кількох" in missing(crm)["field", "Ключ Annex"].remedy


@pytest.mark.parametrize(
    ("path", "scope"),
    [("task/list", "task_readonly"), ("datatag/list", "datatag_readonly"), ("user/list", "user_readonly"),
     ("task/999999999", "task_update"), ("task/999999999/comments/", "comment_add")],
)  # fmt: skip
def test_missing_rights(portal, crm, path, scope):
    portal.before = lambda method, asked, body: fail(405, 5, "Scope denied") if asked == path else None
    found = missing(crm)
    assert ("right", scope) in found and scope in found["right", scope].remedy
    assert all(kind == "right" for kind, _name in found)


def test_a_portal_that_cannot_be_asked_lacks_nothing_it_may_have(portal, crm):
    portal.before = lambda method, path, body: Answer(502, {}, b"<html>") if path == "object/list" else None
    with pytest.raises(Unreachable):
        crm.missing()


def words(portal, **changed):
    return list(connector.doctor(portal.connection(**changed)))


def test_doctor_finds_nothing_wrong(portal):
    portal.users.append({"id": "user:9", "name": "Робот", "role": "Robot", "timezone": "Europe/Kyiv"})
    assert words(portal) == []


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"PLANFIX_URL": ""}, "PLANFIX_URL"),
        ({"PLANFIX_URL": "http://desk.example.com/rest/"}, "https"),
        ({"PLANFIX_URL": "https://u:p@desk.example.com/rest/"}, "plain address"),
        ({"PLANFIX_TOKEN": ""}, "PLANFIX_TOKEN"),
        ({"PLANFIX_TOKEN": "кирилиця"}, "PLANFIX_TOKEN"),
        ({"PLANFIX_REQUESTS_PER_SECOND": "fast"}, "PLANFIX_REQUESTS_PER_SECOND"),
        ({"PLANFIX_REQUESTS_PER_SECOND": "0"}, "above zero"),
        ({"PLANFIX_REQUESTS_PER_DAY": "nan"}, "PLANFIX_REQUESTS_PER_DAY"),
        ({"PLANFIX_TIME_ZONE": "Kyiv"}, "time zone"),
        ({"PLANFIX_HOOK_SECRET": ""}, "не задано"),
        ({"PLANFIX_HOOK_SECRET": "short"}, "закороткий"),
        ({"PLANFIX_HOOK_SECRET_OLD": SETTINGS["PLANFIX_HOOK_SECRET"]}, "той самий"),
        ({"PLANFIX_REQUESTS_PER_DAY": "1000000"}, "лишилося"),
    ],
)
def test_doctor_on_settings(portal, changed, word):
    caught = words(portal, **changed)
    assert len(caught) == 1 and word in caught[0]
    assert not any(value and len(value) > 5 and value in caught[0] for name, value in changed.items() if "TOKEN" in name)


def refuse(error):
    def before(method, path, body):
        if isinstance(error, Exception):
            raise error
        return error

    return before


@pytest.mark.parametrize(
    ("trouble", "word"),
    [
        (fail(401, 1, "Access denied, unknown token"), "токен невідомий"),
        (fail(403, 2, "x"), "вимкнено"),
        (fail(405, 5, "x"), "дозволів"),
        (fail(403, 22, "x", timeToReset=30), "почекати 30"),
        (fail(403, 20, "x"), "не оплачено"),
        (Answer(301, {"Location": "https://crm.example.com/"}, b""), "перенаправлення"),
        (Answer(404, {}, b"<html>"), "PLANFIX_URL"),
        (requests.exceptions.SSLError("bad certificate"), "сертифікат"),
        (requests.exceptions.ConnectionError("refused"), "не відповідає"),
    ],
)
def test_doctor_on_the_first_call(portal, trouble, word):
    portal.before = refuse(trouble)
    caught = words(portal)
    assert len(caught) == 1 and word in caught[0] and SETTINGS["PLANFIX_TOKEN"] not in caught[0]


def test_doctor_compares_zones(portal):
    portal.users.append({"id": "user:9", "name": "Робот", "role": "Robot", "timezone": "Europe/Warsaw"})
    [caught] = words(portal)
    assert "Europe/Warsaw" in caught and "Europe/Kyiv" in caught


def test_the_pause_between_requests_leaves_room_for_the_network():
    read = settings.read({**SETTINGS, "PLANFIX_REQUESTS_PER_SECOND": "4"}, "Europe/Kyiv")
    assert read.rate_limit.per_second == 4
    assert read.rate_limit.arrival_seconds_max == 0.25
    assert settings.read(SETTINGS).rate_limit.per_second == 1
    assert "token" not in repr(read).replace("token=", "") or SETTINGS["PLANFIX_TOKEN"] not in repr(read)
    with pytest.raises(Misconfigured):
        settings.read({**SETTINGS, "PLANFIX_URL": "https://"})


def test_secrets_are_told_to_the_log():
    mine = {"PLANFIX_TOKEN": "told-token-1", "PLANFIX_HOOK_SECRET": "told-key-2", "PLANFIX_HOOK_SECRET_OLD": "told-key-3"}
    settings.read({**SETTINGS, **mine})
    assert mask(" ".join(mine.values())) == "••• ••• •••"


def test_custom_domain_with_a_path_gives_the_staffs_address():
    portal = Portal()
    portal.before = lambda *_: ok({})
    assert portal.crm(PLANFIX_URL="https://crm.company.com/rest").link("deal", "5") == "https://crm.company.com/task/5"
