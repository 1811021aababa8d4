"""placement.*, userfieldtype.*, and how the portal opens pages."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.bitrix24 import params

TAB, WORKER = "CRM_CONTACT_DETAIL_TAB", "PAGE_BACKGROUND_WORKER"


def bind(desk: Any, taker: Any, code: str, path: str = "/tab", **more: Any) -> Any:
    return desk.app.call("placement.bind", PLACEMENT=code, HANDLER=taker.address + path, **more)


def test_shapes(desk: Any, agrees: Any, taker: Any) -> None:
    languages = {"ru": {"TITLE": "Positions", "DESCRIPTION": "", "GROUP_NAME": ""}}
    whole = {"PLACEMENT": TAB, "HANDLER": f"{taker.address}/tab", "TITLE": "Positions", "LANG_ALL": languages}
    agrees("placement.bind", desk.app.answer("placement.bind", **whole))
    agrees("placement.get", desk.app.answer("placement.get"))
    agrees("placement.list", desk.app.answer("placement.list"))
    agrees("placement.unbind", desk.app.answer("placement.unbind", PLACEMENT=TAB))
    kind = {"USER_TYPE_ID": "positions", "HANDLER": f"{taker.address}/uf", "TITLE": "Positions"}
    agrees("userfieldtype.add", desk.app.answer("userfieldtype.add", **kind))


def test_unbind_counts_twice(desk: Any, taker: Any) -> None:
    for path in ("/one", "/two"):
        bind(desk, taker, TAB, path)
    assert desk.app.call("placement.unbind", PLACEMENT=TAB, HANDLER=f"{taker.address}/one") == {"count": 2}
    bind(desk, taker, TAB, "/three")
    assert desk.app.call("placement.unbind", PLACEMENT=TAB) == {"count": 4}
    assert desk.app.call("placement.unbind", PLACEMENT=TAB) == {"count": 0}


def test_some_refusals_come_with_200(desk: Any, taker: Any) -> None:
    refuse = desk.app.refusal
    handler = f"{taker.address}/worker"
    one = {"PLACEMENT": WORKER, "HANDLER": handler, "OPTIONS": {"errorHandlerUrl": f"{taker.address}/error", "x": "y"}}
    assert refuse("placement.bind", PLACEMENT=WORKER, HANDLER=handler) == (200, "EMPTY_ERROR_HANDLER_URL", "")
    user_mode = refuse("placement.bind", PLACEMENT=TAB, HANDLER=handler, USER_ID=11)
    assert user_mode == (200, "ERROR_PLACEMENT_USER_MODE", "User mode is not available")
    desk.app.call("placement.bind", **one)
    assert refuse("placement.bind", **one) == (200, "ERROR_PLACEMENT_MAX_COUNT", "")
    desk.app.call("placement.bind", **one, USER_ID=11)  # one for everybody and one for each person
    assert refuse("placement.bind", **one, USER_ID=11)[1] == "ERROR_PLACEMENT_MAX_COUNT"
    rows = desk.app.call("placement.get")
    assert [row["userId"] for row in rows] == [0, 11]
    assert rows[0]["options"] == {"errorHandlerUrl": f"{taker.address}/error"}


def test_other_refusals(desk: Any, taker: Any) -> None:
    empty = desk.app.refusal("placement.bind", HANDLER="http://x")
    assert empty == (400, "ERROR_ARGUMENT", "Argument 'PLACEMENT' is null or empty")
    assert desk.admin.refusal("placement.bind", PLACEMENT=TAB)[:2] == (403, "WRONG_AUTH_TYPE")
    assert desk.app_as("11").refusal("placement.bind", PLACEMENT=TAB, HANDLER="http://x")[1] == "ACCESS_DENIED"
    assert desk.app.refusal("placement.bind", PLACEMENT="NOWHERE", HANDLER="http://x")[1] == "ERROR_PLACEMENT_NOT_FOUND"
    bind(desk, taker, TAB)
    again = desk.app.refusal("placement.bind", PLACEMENT=TAB, HANDLER=f"{taker.address}/tab")
    assert again == (400, "ERROR_CORE", "Unable to set placement handler: Handler already binded")
    desk.door("/faults", {"placement_repeat": "allow"})
    assert bind(desk, taker, TAB) is True


def test_scopes_open_places(desk: Any) -> None:
    assert {TAB, "LEFT_MENU", "CALL_CARD"} <= set(desk.app.call("placement.list"))
    desk.door("/faults", {"scopes": "placement"})
    assert set(desk.app.call("placement.list")) == {"LEFT_MENU", WORKER, "REST_APP_URI"}


def test_an_update_of_the_application_drops_everything(desk: Any, taker: Any) -> None:
    bind(desk, taker, TAB)
    desk.app.call("userfieldtype.add", USER_TYPE_ID="a", HANDLER=f"{taker.address}/uf")
    desk.door("/app/update", {})
    assert desk.app.call("placement.get") == []
    assert desk.app.answer("userfieldtype.list")["total"] == 0


def test_the_request_of_a_tab(desk: Any, taker: Any, posted: Any) -> None:
    bind(desk, taker, TAB, "/tab?a=1")
    made = desk.door("/open", {"placement": TAB, "user": "11", "options": {"ID": 830}})
    posted("placement iframe, contact tab", made["fields"], "body")
    posted("placement iframe, contact tab", made["query"], "query")
    assert made["url"].startswith(f"{taker.address}/tab?a=1&DOMAIN=")
    options = json.loads(made["fields"]["PLACEMENT_OPTIONS"])
    assert options == {"ID": "830", "URI": "/crm/contact/details/830/?IFRAME=Y&IFRAME_TYPE=SIDE_SLIDER"}
    assert made["query"]["DOMAIN"] == urlsplit(desk.sandbox.address).netloc
    assert "11" not in made["fields"].values()  # nothing but the token says who it is
    answer = desk.session.post(f"{desk.sandbox.address}/rest/profile", data={"auth": made["fields"]["AUTH_ID"]})
    assert answer.json()["result"]["ID"] == "11"


def test_a_call_card_speaks_in_words(desk: Any, taker: Any) -> None:
    bind(desk, taker, "CALL_CARD")
    options = {"CALL_ID": "c", "CRM_ACTIVITY_ID": None, "CALL_LIST_MODE": False, "CRM_ENTITY_ID": 830}
    made = desk.door("/open", {"placement": "CALL_CARD", "user": "11", "options": options})
    shown = json.loads(made["fields"]["PLACEMENT_OPTIONS"])
    assert (shown["CRM_ACTIVITY_ID"], shown["CALL_LIST_MODE"], shown["CRM_ENTITY_ID"]) == ("undefined", "false", "830")
    assert "CRM_BINDINGS" not in shown


def test_a_field_type_gets_its_field(desk: Any, taker: Any, posted: Any) -> None:
    desk.app.call("userfieldtype.add", USER_TYPE_ID="positions", HANDLER=f"{taker.address}/uf")
    options = {"MODE": "view", "ENTITY_ID": "CRM_CONTACT", "VALUE": None}
    wanted = {"placement": "USERFIELD_TYPE", "user_type": "positions", "user": "11", "options": options}
    made = desk.door("/open", wanted)
    assert made["url"].startswith(f"{taker.address}/uf?")
    assert json.loads(made["fields"]["PLACEMENT_OPTIONS"]) == options


def test_the_menu_without_a_place_opens_the_application(desk: Any, taker: Any) -> None:
    made = desk.door("/open", {"user": "11"})
    assert made["fields"]["PLACEMENT"] == "DEFAULT"
    assert made["url"].startswith(f"{taker.address}/install?")


def test_no_widgets_before_the_installation_is_finished(desk: Any, taker: Any) -> None:
    desk.door("/app/uninstall", {})
    token = desk.door("/app/install", {"handler": f"{taker.address}/install", "kind": "ui"})["access_token"]
    whole = {"PLACEMENT": TAB, "HANDLER": f"{taker.address}/tab", "auth": token}
    assert desk.session.post(f"{desk.sandbox.address}/rest/placement.bind", json=whole).json()["result"] is True
    desk.door("/open", {"placement": TAB, "user": "11", "options": {"ID": 1}}, status=400)
    desk.door("/open", {"user": "11"})  # its own page, where installFinish is called, does open
    desk.door("/app/install-finish", {})
    desk.door("/open", {"placement": TAB, "user": "11", "options": {"ID": 1}})
    desk.door("/open", {"placement": "LEFT_MENU", "user": "11"}, status=400)


class Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.form: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        self.frames: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.form = found
        elif tag == "iframe":
            self.frames.append(found["name"])
        elif tag == "input":
            self.fields[found["name"]] = found["value"]


def test_a_page_for_a_browser_posts_the_same_into_a_frame(desk: Any, taker: Any) -> None:
    bind(desk, taker, TAB)
    answer = desk.session.get(f"{desk.sandbox.address}/sandbox/frame?placement={TAB}&user=11&ID=830")
    assert answer.headers["Content-Type"].startswith("text/html")
    page = Form()
    page.feed(answer.text)
    assert page.form["target"] in page.frames
    assert page.form["method"] == "post"
    assert json.loads(page.fields["PLACEMENT_OPTIONS"])["ID"] == "830"
    assert params.parse(urlsplit(page.form["action"]).query)["LANG"] == "ru"
    assert desk.session.get(f"{desk.sandbox.address}/sandbox/frame?placement={TAB}&user=999").status_code == 400


def test_a_slow_worker_is_removed(desk: Any, taker: Any) -> None:
    bind(desk, taker, WORKER, "/worker", OPTIONS={"errorHandlerUrl": f"{taker.address}/error"})
    assert desk.door("/page", {"user": "11", "uri": "/crm/deal/"})["status"] == 200
    form = taker.at("/worker")[0]["form"]
    assert json.loads(form["PLACEMENT_OPTIONS"]) == {"ID": WORKER, "URI": "/crm/deal/"}
    loads = [desk.door("/page", {"user": "11", "took": 5.5})["removed"] for _ in range(10)]
    assert loads == [False] * 10
    assert desk.door("/page", {"user": "11", "took": 5.5})["removed"] is True
    desk.settle()
    error = taker.at("/error")[0]["form"]
    assert error["error"] == "ERROR_PLACEMENT_LOADING_OVERTIME"
    assert "auth" not in error and "AUTH_ID" not in error
    assert desk.app.call("placement.get") == []


def test_slow_answers_are_counted_by_the_day(desk: Any, taker: Any) -> None:
    desk.door("/faults", {"worker_slow_max": 1})
    bind(desk, taker, WORKER, "/worker", OPTIONS={"errorHandlerUrl": f"{taker.address}/error"})
    assert desk.door("/page", {"user": "11", "took": 6})["removed"] is False
    desk.door("/advance", {"seconds": 86_400})
    assert desk.door("/page", {"user": "11", "took": 6})["removed"] is False
    assert desk.door("/page", {"user": "11", "took": 6})["removed"] is True


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "ERROR_ARGUMENT"),
        ({"USER_TYPE_ID": "a"}, "ERROR_ARGUMENT"),
        ({"USER_TYPE_ID": "UPPER", "HANDLER": "http://x"}, "ERROR_ARGUMENT"),
        ({"USER_TYPE_ID": "a" * 45, "HANDLER": "http://x"}, "ERROR_ARGUMENT"),
    ],
)
def test_field_types_refuse(desk: Any, given: dict[str, str], code: str) -> None:
    assert desk.app.refusal("userfieldtype.add", **given)[:2] == (400, code)


def test_field_types_are_listed_changed_and_deleted(desk: Any) -> None:
    desk.app.call("userfieldtype.add", USER_TYPE_ID="a", HANDLER="http://x", TITLE="t", OPTIONS={"height": 240})
    text = "Unable to set placement handler: Handler already binded"
    assert desk.app.refusal("userfieldtype.add", USER_TYPE_ID="b", HANDLER="http://x") == (400, "ERROR_CORE", text)
    desk.app.call("userfieldtype.update", USER_TYPE_ID="a", HANDLER="http://y", TITLE="u")
    row = {"USER_TYPE_ID": "a", "HANDLER": "http://y", "TITLE": "u", "DESCRIPTION": ""}
    assert desk.app.call("userfieldtype.list") == [row]
    assert desk.app.call("userfieldtype.delete", USER_TYPE_ID="a") is True
    assert desk.app.refusal("userfieldtype.delete", USER_TYPE_ID="a")[1] == "ERROR_NOT_FOUND"
