"""Files, reports, incoming webhooks, Telegram setting, chat API (contract 3.5, 6, 7, 8.1; checklist 20, 21, 30)."""

import requests


def test_files(robot, desk):
    answer = robot.call("POST", "/rest/file/", files={"file": ("рахунок.pdf", b"x" * 1025)})
    assert answer.status_code == 200
    number = answer.json()["id"]
    shown = robot.get(f"/file/{number}", fields="id,name,size,downloadUrl")["file"]
    assert (shown["name"], shown["size"]) == ("рахунок.pdf", 2)
    assert requests.get(shown["downloadUrl"], timeout=120).content == b"x" * 1025
    moved = robot.call("GET", f"/rest/file/{number}/download")
    assert (moved.status_code, moved.headers["Location"].startswith(desk.address)) == (302, True)
    assert requests.get(shown["downloadUrl"][:-1] + "_", timeout=120).status_code == 403
    robot.door("/advance", {"seconds": 7200})
    assert requests.get(shown["downloadUrl"], timeout=120).status_code == 403
    deal = robot.deal()
    robot.post(f"/file/{number}/attach/task", id=deal)
    assert robot.get(f"/task/{deal}/files")["files"][0]["id"] == number
    assert robot.fails("/file/5", method="GET") == (400, 7000)
    assert robot.fails("/file/", {}) == (400, 7001)


def test_files_from_addresses(robot, desk):
    for url in ("http://127.0.0.1:1/x", f"{desk.address}/x", "http://10.0.0.1/x", "https://a.planfix.com/x", "ftp://x"):
        assert robot.fails("/file/from-url/", {"name": "x", "url": url}) == (400, 41)
    robot.door("/faults", {"from_url_private": "on"})
    number = robot.post("/file/from-url/", {"name": "стан.json", "url": f"{desk.address}/sandbox/state"})["id"]
    assert robot.get(f"/file/{number}")["file"]["name"] == "стан.json"


def test_reports(robot):
    robot.row(robot.deal(), f22=10, f23="USD")
    assert robot.fails("/report/31/generate") == (403, 9001)
    robot.door("/faults", {"plan": "corporation"})
    wanted = robot.post("/report/31/generate", status=201)["requestId"]
    assert robot.fails("/report/31/generate") == (403, 9002)
    assert robot.get(f"/report/status/{wanted}") == {"result": "success", "status": "in_progress"}
    robot.door("/advance", {"seconds": 31})
    save = robot.get(f"/report/status/{wanted}")["save"]
    assert robot.fails("/report/31/generate") == (403, 9002)  # within ten minutes
    listed = robot.post("/report/31/save/list")["saves"][0]
    assert (listed["id"], listed["chunksCount"]) == (save["id"], 1)
    rows = robot.post(f"/report/31/save/{save['id']}/data", chunk=0)["rows"]
    assert [row["type"] for row in rows] == ["Header", "Normal"]
    assert [item["text"] for item in rows[1]["items"]][:4] == ["15001", "", "", "10"]
    assert robot.fails("/report/status/nope", method="GET") == (400, 9003)
    assert robot.fails("/report/5", method="GET") == (400, 9000)
    robot.door("/advance", {"seconds": 600})
    robot.post("/report/31/generate", status=201)


def test_incoming_webhooks(robot, desk, receiver):
    address = f"{desk.address}/webhook"
    given = {"name": "Оля", "phone": "+38050", "text": "хочу EUR"}
    made = [
        requests.get(f"{address}/get/site-request", params=given, timeout=120),
        requests.post(f"{address}/POST/site-request", data=given, timeout=120),
        requests.post(f"{address}/json/site-request", json=given, timeout=120),
        requests.post(f"{address}/file/site-request", data=given, files={"f": ("a.txt", b"x")}, timeout=120),
    ]
    assert [answer.json() for answer in made] == [{"number": n} for n in (15001, 15002, 15003, 15004)]
    shown = robot.task(15004, "name,description,files,11001,11002")
    assert (shown["name"], shown["description"]) == ("Заявка з сайту: Оля", "хочу EUR")
    assert [item["value"] for item in shown["customFieldData"]] == ["Оля", "+38050"]
    assert shown["files"][0]["name"] == "a.txt"
    assert requests.post(f"{address}/json/guess", json={}, timeout=120).status_code == 404
    assert requests.post(f"{address}/json/site-request", data="{", timeout=120).status_code == 400
    robot.door("/wait-idle", {"timeout": 20})
    assert receiver.events() == ["deal.created"] * 4


def test_telegram_webhook_setting(robot, staff):
    path = "/integration/telegram/bots/12345/webhook"
    body = {"secretToken": "EXAMPLE_ONLY_32_chars_minimum_0000000", "webhookManagedExternally": True}
    assert robot.post(path, body) == {
        "result": "success", "botId": 12345, "webhookManagedExternally": True, "webhookSecretTokenConfigured": True,
    }  # fmt: skip
    assert robot.fails(path, {}) == (400, 40)
    assert robot.fails(path, {"secretToken": "short"}) == (400, 41)
    assert staff.fails(path, body) == (403, 6)


def test_chat_both_ways(robot, portal, client, receiver):
    desk = portal()
    robot = client(desk)

    def send(**form):
        base = {"providerId": "sandbox-chat", "planfix_token": "sandbox-chat-token", "cmd": "newMessage"}
        return requests.post(f"{desk.address}/webchat/api", data={**base, **form}, timeout=120)

    first = send(chatId="c1", contactId="p1", contactName="Партнер", contactLastName="А", message="курс?")
    assert (first.status_code, first.content) == (200, b"")
    send(chatId="c1", contactId="p1", message="ще", title="Нова назва")
    number = send(cmd="getTask", chatId="c1").json()["data"]["number"]
    assert robot.task(number, "name")["name"] == "Нова назва"
    listed = robot.post(f"/task/{number}/comments/list", {"fields": "description,owner,fromType"})["comments"]
    assert [c["description"] for c in listed[1:]] == ["курс?", "ще"]
    assert (listed[1]["owner"]["name"], listed[1]["fromType"]) == ("Партнер А", "WebChatApi")
    missing = send(cmd="getTask", chatId="zzz")
    assert (missing.status_code, missing.json()) == (400, {"error": "task not found"})
    bad = send(chatId="", contactId="p1")
    assert (bad.status_code, bad.json()) == (400, {"error": "Invalid parameters"})
    denied = send(planfix_token="x")
    assert (denied.status_code, denied.json()) == (401, {"error": "Invalid token"})
    said = robot.door("/chat", {"task": number, "user": "user:3", "message": "добрий день"})
    assert said["status"] == 200
    form = receiver.got[-1]["form"]
    assert (form["cmd"], form["chatId"], form["message"], form["userName"]) == (
        "newMessage",
        "c1",
        "добрий день",
        "Ігор",
    )
    assert send(cmd="messageStatus", messageId=form["messageId"], messageStatus="read").status_code == 200
    assert robot.door("/chat")["statuses"] == {form["messageId"]: "read"}
