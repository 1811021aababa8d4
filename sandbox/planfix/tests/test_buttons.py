"""Contract 5, checklist 28."""


def press(robot, deal, button="Перерахувати", user="user:3"):
    return robot.door("/button", {"task": deal, "button": button, "user": user})


def test_a_button_calls_us_and_its_answer_lands_in_a_field(robot, receiver):
    deal = robot.deal()
    receiver.answers = [(200, {"board_url": "https://desk.example.com/b/once"})]
    done = press(robot, deal, "Відкрити табло")
    assert (done["pressed"], done["status"], done["delivered"], done["state"]) == (True, 200, True, "done")
    assert done["steps"] == [{"do": "set-field", "field": "Табло", "done": True}]
    assert robot.value(deal, 11045) == "https://desk.example.com/b/once"
    assert receiver.got[0]["path"].endswith("/board.link")
    form = receiver.got[0]["form"]
    assert (form["author"], form["author_id"]) == ("Ігор Бондар", "3")


def test_an_account_may_have_no_number_of_who_pressed(robot, receiver):
    robot.door("/faults", {"author_id": "off"})
    assert press(robot, robot.deal(), "Відкрити табло")["delivered"]
    form = receiver.got[0]["form"]
    assert (form["author"], form["author_id"]) == ("Ігор Бондар", "")


def test_once_a_minute_per_task_and_button(robot, receiver):
    deal, other = robot.deal(), robot.deal()
    assert press(robot, deal)["pressed"]
    assert not press(robot, deal, user="user:5")["pressed"]
    assert press(robot, other)["pressed"]
    assert press(robot, deal, "Відкрити табло")["pressed"]
    robot.door("/advance", {"seconds": 61})
    assert press(robot, deal)["pressed"]


def test_who_may_press_and_when(robot, desk):
    deal = robot.deal()
    script = next(s for s in desk.portal.scripts if s.name == "Перерахувати")
    script.users = ["user:1"]
    assert not press(robot, deal)["pressed"]
    script.conditions = [{"what": "status", "is": "Закриття угоди"}]
    assert not press(robot, deal, user="user:1")["pressed"]
    robot.post(f"/task/{deal}", {"status": {"id": 204}})
    assert press(robot, deal, user="user:1")["pressed"]
    assert not press(robot, 99)["pressed"]
    assert not press(robot, deal, "немає")["pressed"]


def test_buttons_need_a_plan(robot):
    robot.door("/faults", {"plan": "start"})
    assert press(robot, robot.deal()) == {"pressed": False, "why": "buttons need the Business plan"}


def test_a_failing_answer_is_reported(robot, receiver):
    receiver.answers = [(500, {})]
    done = press(robot, robot.deal())
    assert (done["delivered"], done["state"]) == (False, "will retry")


def test_a_script_presses_without_conditions(robot, staff, desk, receiver):
    next(s for s in desk.portal.scripts if s.name == "Перерахувати").conditions = [{"what": "status", "is": "немає"}]
    robot.door(
        "/portal/script",
        {"add": {"name": "p", "event": "p", "object": 4703, "trigger": "comment-added",
                 "steps": [{"do": "press", "button": "Перерахувати"}]}},
    )  # fmt: skip
    staff.post(f"/task/{robot.deal()}/comments/", {"description": "x"}, status=201)
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert receiver.events() == ["deal.recalculate"]
