"""Every answer against the shapes of the official document (facts.json beside this file, contract 2.7 for its defects)."""

import json
import re
from pathlib import Path

import pytest

FACTS = json.loads((Path(__file__).parent / "facts.json").read_text(encoding="utf-8"))
SCHEMAS = FACTS["schemas"]
# Seen live or in samples, missing in the document.
EXTRA = {
    "CustomFieldValueResponse": {"stringValue": "string"},
    "CustomField": {"typeName": "string"},
    "TaskResponse": {"dateOfLastComment": "TimePoint"},
    "FileResponse": {"downloadUrl": "string"},
}
KINDS = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict}


def faults_of(shape, value, where="$"):
    """Where a value differs from its declared shape; empty if nowhere."""
    if isinstance(shape, str) and shape.startswith("any"):
        return []
    if isinstance(shape, str) and shape in SCHEMAS:
        known = {**SCHEMAS[shape], **EXTRA.get(shape, {})}
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is not {shape}"]
        found = [f"{where}.{key}: not in {shape}" for key in value if key not in known]
        return found + [f for key in value if key in known for f in faults_of(known[key], value[key], f"{where}.{key}")]
    if isinstance(shape, str):
        kind = KINDS.get(shape.split(" ")[0])
        good = kind is None or (isinstance(value, kind) and (kind is not int or not isinstance(value, bool)))
        return [] if good else [f"{where}: {value!r} is not {shape}"]
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where}: no list"]
        return [f for n, item in enumerate(value) for f in faults_of(shape[0], item, f"{where}[{n}]")]
    if "enum" in shape and "type" in shape:
        return [] if value in shape["enum"] or value in (28, 29) else [f"{where}: {value!r} is not among the allowed"]
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    found = [f"{where}.{key}: not declared" for key in value if key not in shape]
    return found + [f for key in value if key in shape for f in faults_of(shape[key], value[key], f"{where}.{key}")]


def declared(method, path, status):
    """The documented shape of an answer; ids in the path may be anything."""
    # A literal path first: /task/templates is no /task/{id}.
    for known_method, known_path, answers in sorted(FACTS["endpoints"], key=lambda e: e[1].rstrip("/") != path.rstrip("/")):
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(known_path.rstrip("/")))
        if known_method == method and re.fullmatch(pattern, path.rstrip("/")):
            assert str(status) in answers, f"{method} {path} answered {status}, documented are {sorted(answers)}"
            return answers[str(status)]
    raise AssertionError(f"{method} {path} is not in the document")


@pytest.fixture
def ask(robot):
    """Call and compare; returns the answer."""

    def call(method, path, body=None, **query):
        answer = robot.call(method, "/rest" + path, json=body, params=query)
        shape = declared(method, path, answer.status_code)
        if isinstance(shape, dict):
            shape = {"result": "string", **shape}  # left out of the document's updates, there live
        if shape is not None and answer.content:
            assert faults_of(shape, answer.json()) == []
        return answer.json() if answer.content else None

    return call


def every(path, *numbers):
    return ",".join([*FACTS["selectable"][path], *map(str, numbers)])


def test_tasks_contacts_rows_and_comments(ask):
    data = [{"field": {"id": 11046}, "value": "k"}, {"field": {"id": 11031}, "value": {"date": "21-11-2026"}}]
    point = {"date": "21-11-2026", "time": "10:30"}
    body = {"name": "x", "object": {"id": 4703}, "counterparty": {"id": 811}, "parent": {"id": 1}}
    body |= {"assignees": {"users": [{"id": "user:5"}]}, "startDateTime": point, "endDateTime": point}
    deal = ask("POST", "/task/", {**body, "customFieldData": data, "sourceObjectId": "s"})["id"]
    rows = {"dataTag": {"id": 6}, "items": [{"customFieldData": [{"field": {"id": 22}, "value": 1.5}]}]}
    made = ask("POST", f"/task/{deal}/datatags/", rows)
    comment = ask("POST", f"/task/{deal}/comments/", {"description": "x", "owner": {"id": "contact:801"}})["id"]
    ask("POST", f"/task/{deal}/datatags/{comment}", rows)
    ask("POST", f"/task/{deal}/comments/{comment}", {"description": "y"})
    ask("POST", f"/task/{deal}", {"status": {"id": 205}})
    task = ask("GET", f"/task/{deal}", fields=every("/task/{id}", 11046, 11031))["task"]
    left_out = {"additionalDescriptionData", "project", "delayedTillDate", "duration", "durationUnit", "durationType"}
    left_out |= {"closeToDeadLine", "notAcceptedInTime", "inFavorites", "isSummary", "isSequential", "projectAuditors"}
    left_out |= {"recurrence", "sourceDataVersion"}
    assert {*FACTS["selectable"]["/task/{id}"], "customFieldData"} - set(task) == left_out
    ask("POST", "/task/list", {"fields": every("/task/{id}", 11046)})
    ask("POST", f"/task/{deal}/comments/list", {"fields": every("/comment/{id}"), "typeList": "All"})
    ask("GET", f"/comment/{comment}", fields=every("/comment/{id}"))
    today = [{"type": 3000, "operator": "equal", "value": {"dateType": "today"}}]
    assert ask("POST", "/comment/list", {"fields": every("/comment/{id}"), "filters": today})["comments"]
    entry = ask("GET", f"/datatag/entry/{made['keys'][0]}", fields="key,task,contact,commentId,22")["entry"]
    assert entry["customFieldData"]
    ask("POST", "/datatag/6/entry/list", {"fields": "key,task,dataTag,22"})
    ask("POST", f"/datatag/entry/{made['keys'][0]}", {"customFieldData": []})
    ask("DELETE", f"/datatag/entry/{made['keys'][0]}")
    ask("DELETE", f"/comment/{comment}")
    contact = ask("POST", "/contact/", {"name": "a", "birthDate": {"date": "01-02-1990"}, "email": "a@example.com"})["id"]
    ask("POST", f"/contact/{contact}", {"position": "p"})
    ask("POST", f"/contact/{contact}/comments/", {"description": "x"})
    ask("POST", f"/contact/{contact}/datatags/", {**rows, "dataTag": {"id": 7}})
    ask("GET", "/contact/811", fields=every("/contact/{id}", 10044, 10012))
    ask("POST", "/contact/list", {"fields": every("/contact/{id}", 10044)})
    ask("POST", "/contact/import", {"contacts": [{"name": "z"}]})


def test_definitions_files_and_the_rest(ask, robot):
    for path in [
        "/task/templates",
        "/task/recurring",
        "/contact/templates",
        "/contact/groups",
        "/user/groups",
        "/ping",
        "/customfield/task",
        "/customfield/contact",
        "/customfield/datatag/6",
        "/customfield/directory/51",
        "/customfield/type",
        "/customfield/group/task",
        "/customfield/user",
        "/process/task",
        "/process/contact",
        "/process/task/301/statuses",
        "/object/4703/statuses",
        "/directory/groups",
        "/workspace/list",
        "/user/positions/",
        "/user/3",
        "/directory/51",
        "/datatag/6",
        "/directory/51/entry/13",
        "/report/31",
    ]:
        ask("GET", path)
        ask("GET", path, fields="id,name,fields,key,role,enumValues,names,texts,color,301,302")
    ask("GET", "/object/4703")
    for kind in ("task", "contact", "project", "user"):
        ask("POST", f"/customfield/group/{kind}/", {"name": "s"})
    main = ask("POST", "/customfield/main/", {"name": "m", "type": 1})["id"]
    ask("POST", f"/customfield/main/{main}", {"name": "m2", "names": {"De": "m"}, "mainValue": 99})
    for path in [
        "/object/list",
        "/datatag/list",
        "/directory/list",
        "/user/list",
        "/report/list",
        "/task/filters",
        "/contact/filters",
        "/directory/51/filters",
        "/directory/51/entry/list",
    ]:
        ask("POST", path, {"fields": "id,name,fields,key,role,email,groups,status,timezone,301,302"})
    entry = ask("POST", "/directory/51/entry/", {})["key"]
    ask("POST", f"/directory/51/entry/{entry}", {})
    ask("DELETE", f"/directory/51/entry/{entry}")
    ask("POST", "/customfield/task/", {"name": "n", "type": 0})
    number = robot.call("POST", "/rest/file/", files={"file": ("a", b"1")}).json()["id"]
    ask("GET", f"/file/{number}", fields="id,name,size,downloadUrl")
    ask("POST", f"/file/{number}", {"name": "b"})
    deal = robot.deal(files=[{"id": number}])
    ask("GET", f"/task/{deal}/files")
    ask("GET", "/contact/811/files")
    ask("POST", f"/file/{number}/attach/task", None, id=deal)
    ask("DELETE", f"/file/{number}")
    item = ask("POST", f"/task/{deal}/checklist", {"name": "n"})["id"]
    ask("POST", f"/task/{deal}/checklist/{item}", {"isDone": True})
    ask("GET", f"/task/{deal}/checklist/{item}", fields="id,name,isDone,parent,assignees")
    ask("POST", f"/task/{deal}/checklist/list", {"fields": "id,name,isDone,parent,assignees"})
    robot.door("/faults", {"plan": "corporation", "report_seconds": 0})
    wanted = ask("POST", "/report/31/generate")["requestId"]
    save = ask("GET", f"/report/status/{wanted}")["save"]["id"]
    ask("POST", "/report/31/save/list", {})
    ask("POST", f"/report/31/save/{save}/data", None, chunk=0)
    ask("POST", "/integration/telegram/bots/1/webhook", {"webhookManagedExternally": True})


def test_projects_and_employees(ask, robot):
    point = {"date": "21-11-2026", "time": "10:30"}
    body = {"name": "p", "description": "d", "owner": {"id": "user:5"}, "startDate": point, "endDate": point}
    people = {"users": [{"id": "user:5"}], "groups": [{"id": 2}]}
    made = ask("POST", "/project/", {**body, "assignees": people, "sourceObjectId": "s"})["id"]
    field = ask("POST", "/customfield/project/", {"name": "f", "type": 0})["id"]
    value = [{"field": {"id": field}, "value": "v"}]
    ask("POST", f"/project/{made}", {"counterparty": {"id": "contact:811"}, "customFieldData": value})
    every_field = ",".join(SCHEMAS["ProjectResponse"]) + f",{field}"
    project = ask("GET", f"/project/{made}", fields=every_field)["project"]
    assert {*SCHEMAS["ProjectResponse"]} - set(project) == {"parent", "template", "group", "sourceDataVersion"}
    ask("POST", "/project/list", {"fields": every_field})
    for path in ("/project/templates", "/project/groups", f"/project/{made}/files"):
        ask("GET", path)
    position = robot.post("/user/positions/", {"name": "Касир"}, status=201)["id"]
    robot.post(f"/user/positions/{position}", {"name": "Старший касир"})
    user = ask("POST", "/user/", {"name": "Ганна", "email": "hanna@example.com", "groups": [{"id": 2}]})["id"]
    ask("POST", f"/user/{user}", {"position": {"id": position}, "phones": [{"number": "380501112233", "type": 1}]})
    ask("GET", f"/user/{user}", fields=",".join(SCHEMAS["UserResponse"]))


def test_every_documented_path_is_here(desk):
    def plain(path):
        return re.sub(r"<[^>]*>|\{\w+\}", "*", path).rstrip("/")

    have = {
        f"{method} {plain(rule.rule.removeprefix('/rest'))}"
        for rule in desk.app.url_map.iter_rules()
        for method in rule.methods
    }
    have |= {f"POST /file/*/attach/{kind}" for kind in ("task", "contact", "project")}
    left_out = {f"{m} {p}" for m, p, _ in FACTS["endpoints"] if f"{m} {plain(p)}" not in have}
    assert left_out == set()
    assert len(FACTS["endpoints"]) == 114


@pytest.mark.parametrize(
    ("shape", "value", "good"),
    [
        ("TimePoint", {"date": "x", "time": "y", "datetime": "z"}, True),
        ("TimePoint", {"day": "x"}, False),
        ("TaskResponse", {"id": "15"}, False),
        ({"result": "string", "tasks": ["TaskResponse"]}, {"result": "success", "tasks": [{"id": True}]}, False),
        ({"result": "string", "total": "integer"}, {"result": "success", "count": 5}, False),
    ],
)
def test_the_comparison_itself_can_fail(shape, value, good):
    assert (faults_of(shape, value) == []) == good
