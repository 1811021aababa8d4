"""Scripts and buttons of contacts: the same as those of tasks, with the contact's number."""

import hashlib
import hmac

import pytest


@pytest.fixture
def idle(robot):
    def wait():
        assert robot.door("/wait-idle", {"timeout": 20})["idle"]

    return wait


def events(receiver):
    return [(item["path"].rpartition("/")[2], item["form"].get("contact")) for item in receiver.got]


def test_they_are_off_until_they_are_switched_on(robot, staff, receiver, idle):
    staff.post("/contact/801", {"description": "x"})
    staff.post("/contact/801/comments/", {"description": "x"}, status=201)
    idle()
    assert receiver.got == []


def test_created_changed_and_commented(robot, staff, receiver, idle):
    robot.door("/faults", {"contact_scripts": "on", "contact_comment_script": "on"})
    made = staff.post("/contact/", {"name": "Партнер Тест", "template": {"id": 2}}, status=201)["id"]
    staff.post(f"/contact/{made}", {"telegramId": "700"})
    staff.post(f"/contact/{made}", {"telegramId": "700"})  # nothing changes, so nothing is told
    staff.post(f"/contact/{made}/comments/", {"description": "#партнеру привіт"}, status=201)
    robot.post(f"/contact/{made}", {"telegramId": "701"})
    robot.post(f"/contact/{made}/comments/", {"description": "від робота"}, status=201)
    idle()
    number = str(made)
    assert events(receiver) == [("partner.created", number), ("partner.changed", number), ("partner.comment", number)]
    form = receiver.got[0]["form"]
    assert (form["author"], form["author_id"]) == ("Ігор Бондар", "3")
    signed = f"{made}|partner.created|{form['delivery']}|Ігор Бондар|3"
    assert form["sig"] == hmac.new(b"sandbox-hook", signed.encode(), hashlib.sha256).hexdigest()


def test_the_authors_number_may_be_unknown(robot, staff, receiver, idle):
    robot.door("/faults", {"contact_scripts": "on", "author_id": "off"})
    staff.post("/contact/801", {"description": "x"})
    idle()
    assert receiver.got[0]["form"]["author_id"] == ""


def press(robot, contact, button, user="user:3"):
    return robot.door("/button", {"contact": contact, "button": button, "user": user})


def test_a_button_of_a_partner_and_its_answer_in_a_field(robot, receiver):
    receiver.answers = [(200, {"board_url": "https://desk.example.com/b/once"})]
    done = press(robot, 801, "Комунікації")
    assert (done["pressed"], done["state"]) == (True, "done")
    assert events(receiver) == [("contact.link", "801")]
    [field] = robot.get("/contact/801", fields="10049")["contact"]["customFieldData"]
    assert field["value"] == "https://desk.example.com/b/once"
    assert not press(robot, 801, "Комунікації")["pressed"], "once a minute"
    assert press(robot, 801, "Новий чат")["pressed"]
    assert not press(robot, 811, "Новий чат")["pressed"], "a client is no partner"
    assert not press(robot, 801, "Перерахувати")["pressed"] and not press(robot, 99, "Новий чат")["pressed"]


def test_telegram_ids_of_people(robot):
    shown = robot.get("/user/3", fields="id,email,telegramId,groups")["user"]
    assert (shown["email"], shown["telegramId"]) == ("u3@example.com", "700000003")
    body = {"fields": "id", "filters": [{"type": 9126, "operator": "equal", "value": "700000005"}]}
    assert [one["id"] for one in robot.post("/user/list", body)["users"]] == [5]
    robot.door("/portal/user", {"user": "user:7", "telegram_id": "7", "groups": [3]})
    shown = robot.get("/user/7", fields="telegramId,groups")["user"]
    assert (shown["telegramId"], [one["name"] for one in shown["groups"]]) == ("7", ["Керівництво"])
