"""Contract 5, checklist 22-24: one thread, retries, the 3 minute stop, duplicates, reordering. Time is moved by hand."""

import pytest


def out(robot):
    return robot.door("/log?direction=out")["entries"]


@pytest.fixture
def stopped(robot, until):
    """Wait for so many attempts, all counted; gives the state."""

    def wait(attempts):
        until(lambda: len(out(robot)) == attempts)
        until(lambda: robot.door("/state")["stopped_until"] or robot.door("/state")["queue"] == 0)
        return robot.door("/state")

    return wait


@pytest.mark.parametrize("status", [201, 202, 204, 302, 404, 500])
def test_anything_but_200_is_a_failure_and_stops_the_account(robot, staff, receiver, stopped, until, status):
    receiver.answers = [(status, b"")]
    staff.deal()
    staff.deal()
    state = stopped(1)
    assert len(receiver.got) == 1
    assert state["counters"]["failed"] == 1
    assert state["queue"] == 2
    robot.door("/advance", {"seconds": 170})
    assert len(out(robot)) == 1
    robot.door("/advance", {"seconds": 15})  # past three minutes: the other goes, the failed one waits for its retry
    until(lambda: len(out(robot)) == 2)
    assert [item["form"]["task"] for item in receiver.got] == ["15001", "15002"]
    assert robot.door("/state")["queue"] == 1


@pytest.mark.parametrize(("schedule", "minutes"), [("ru", [15, 30, 60, 60]), ("en", [5, 15, 30, 60])])
def test_the_retry_schedule(robot, staff, receiver, stopped, schedule, minutes):
    robot.door("/faults", {"retry_schedule": schedule})
    receiver.answers = [(500, {})] * 5
    staff.deal()
    stopped(1)
    for number, pause in enumerate(minutes, start=1):
        robot.door("/advance", {"seconds": pause * 60 - 60})
        robot.door("/wait-idle", {"timeout": 0.05})
        assert len(receiver.got) == number
        robot.door("/advance", {"seconds": 61})
        state = stopped(number + 1)
    assert (state["counters"]["failed"], state["counters"]["given_up"], state["queue"]) == (5, 1, 0)
    assert len({item["form"]["delivery"] for item in receiver.got}) == 1  # guid_on_retry=same


def test_retries_may_be_off_and_a_guid_may_be_new(robot, staff, receiver, stopped):
    robot.door("/faults", {"retry_schedule": "off"})
    receiver.answers = [(500, {})]
    staff.deal()
    assert stopped(1)["counters"]["given_up"] == 1
    robot.door("/faults", {"retry_schedule": "ru", "guid_on_retry": "new"})
    robot.door("/advance", {"seconds": 200})
    receiver.answers = [(500, {})]
    staff.deal()
    stopped(2)
    robot.door("/advance", {"seconds": 1000})
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    first, second = receiver.got[1:]
    assert first["form"]["task"] == second["form"]["task"]
    assert first["form"]["delivery"] != second["form"]["delivery"]


def test_a_lost_answer_makes_a_duplicate(robot, staff, receiver, stopped):
    robot.door("/faults", {"lose_answer_next": 1})
    staff.deal()
    stopped(1)
    (entry,) = out(robot)
    assert (entry["status"], entry["ok"], entry["lost"]) == (200, False, True)
    robot.door("/advance", {"seconds": 1000})
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert receiver.got[0]["form"] == receiver.got[1]["form"]


def test_duplicates_on_purpose(robot, staff, receiver):
    robot.door("/faults", {"duplicate_rate": 1})
    staff.deal()
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert receiver.got[0] == receiver.got[1]
    assert robot.door("/state")["counters"]["duplicated"] == 1


def test_first_come_first_sent(robot, staff, receiver):
    robot.door("/pause", {})
    for _ in range(4):
        staff.deal()
    robot.door("/resume", {})
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert [item["form"]["task"] for item in receiver.got] == ["15001", "15002", "15003", "15004"]


def test_drops(robot, staff, receiver):
    robot.door("/faults", {"drop_rate": 1})
    staff.deal()
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert (receiver.got, robot.door("/state")["counters"]["dropped"]) == ([], 1)


def test_reordering(robot, staff, receiver):
    robot.door("/pause", {})
    robot.door("/faults", {"reorder_rate": 1})
    staff.deal()
    robot.door("/faults", {"reorder_rate": 0})
    staff.deal()
    robot.door("/resume", {})
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert [item["form"]["task"] for item in receiver.got] == ["15002", "15001"]


def test_delay(robot, staff, receiver):
    robot.door("/faults", {"delay": 3600})
    staff.deal()
    assert not robot.door("/wait-idle", {"timeout": 0.05})["idle"]
    robot.door("/advance", {"seconds": 3601})
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert receiver.events() == ["deal.created"]


def test_one_after_the_other(robot, staff, receiver, until):
    receiver.gate.clear()
    staff.deal()
    staff.deal()
    until(lambda: receiver.got)
    assert not robot.door("/wait-idle", {"timeout": 0.1})["idle"]
    assert len(receiver.got) == 1
    receiver.gate.set()
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    assert len(receiver.got) == 2


def test_a_task_may_be_busy_while_its_script_waits(robot, staff, receiver, until):
    robot.door("/faults", {"busy_while_script": "on", "busy_ms": 0})
    receiver.gate.clear()
    deal = staff.deal()
    until(lambda: receiver.got)
    assert robot.call("POST", f"/rest/task/{deal}", json={"name": "x"}).status_code == 202
    receiver.gate.set()
    assert robot.door("/wait-idle", {"timeout": 20})["idle"]
    until(lambda: not robot.door("/state")["busy_queue"])
    assert robot.call("POST", f"/rest/task/{deal}", json={"name": "x"}).status_code == 200


def test_an_answer_that_takes_too_long_is_a_failure(robot, staff, receiver, until):
    robot.door("/faults", {"script_timeout_s": 0.05, "retry_schedule": "off"})
    receiver.gate.clear()
    staff.deal()
    until(lambda: out(robot))  # while the receiver is still silent
    receiver.gate.set()
    assert out(robot)[0]["answer"] == "ReadTimeout"


def test_nobody_listens(portal, client, until):
    sandbox = portal(post_to="http://127.0.0.1:9", retry_schedule="off")
    staff = client(sandbox, "staff-3")
    staff.deal()
    until(lambda: out(staff))
    (entry,) = out(staff)
    assert (entry["status"], entry["ok"], entry["answer"]) == (0, False, "ConnectionError")


def test_the_same_seed_tells_the_same_story(portal, client):
    stories = []
    for _ in range(2):
        sandbox = portal(seed=7, drop_rate=0.5)
        staff = client(sandbox, "staff-3")
        for _ in range(20):
            staff.deal()
        staff.door("/wait-idle", {"timeout": 20})
        stories.append([e["task"] for e in out(staff)])
    assert stories[0] == stories[1]
    assert 2 < len(stories[0]) < 18
