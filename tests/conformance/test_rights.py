"""Which right each route needs. A route without a line here fails: whoever adds a page says who may open it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.discovery import find_plugins
from kernel.crm import Person
from kernel.extension.roles import OPERATE, known_rights
from kernel.mapping import RoleMap
from kernel.testing import person_session
from kernel.web.access import right_of
from kernel.web.rights import ANY_ROLE, SIGNED_IN
from tests.conformance.checkout import ROOT
from tests.security.whole import BROKER, BROKER_WITH_OFFICE, DESK, Whole, whole

FREE = "nobody is asked who they are"  #: health, assets, links: they open no data, or bring a proof of their own
RIGHTS = {
    "GET /": ANY_ROLE,
    "GET /assets/<room>/<digest>/<name>": FREE,
    "GET /healthz": FREE,
    "GET /readyz": FREE,
    "GET /metrics": FREE,
    "GET /enter/<token>": FREE,
    "POST /enter/<token>": FREE,
    "GET /sign-in": FREE,
    "POST /sign-in": FREE,
    "GET /sign-in/code": FREE,
    "POST /sign-in/code": FREE,
    "POST /frame/<connector>/<portal>/": FREE,
    "POST /frame/<connector>/<portal>/<path:page>": FREE,
    "POST /leave": SIGNED_IN,
    "GET /live": ANY_ROLE,
    "GET /live/version": ANY_ROLE,
    "GET /sessions": ANY_ROLE,
    "POST /sessions/<session>/<action>": ANY_ROLE,
    "GET /jobs": OPERATE,
    "POST /jobs/<kind>/<one>/<action>": OPERATE,
    "GET /trace/<one>": OPERATE,
    "GET /connections": OPERATE,
    "GET /portals": OPERATE,
    "GET /dossier/check": "client_check",
    "POST /dossier/check": "client_check",
    "GET /dossier/<entity>/<record>": "dossier",
    "POST /dossier/<entity>/<record>/prove": "dossier",
    "POST /dossier/<entity>/<record>/<set_name>/open": "dossier",
    "GET /dossier/<entity>/<record>/<set_name>/part": "dossier",
    "GET /dossier/<entity>/<record>/<set_name>/state": "dossier",
    "GET /dossier/<entity>/<record>/<set_name>/<table>/rows": "dossier",
    "GET /dossier/<entity>/<record>/<set_name>/<table>/file.<kind>": "dossier",
    "GET /dossier/block/<entity>/<record>": "dossier",
    "GET /dossier/log": "dossier.log",
    "GET /dossier/log/file.<kind>": "dossier.log",
    "GET /exchange/board": "exchange",
    "GET /exchange/board.json": "exchange",
    "GET /exchange/explain": "exchange",
    "GET /exchange/deals/<path:subject>": "exchange",
    "POST /exchange/deals/<path:subject>/restore": "exchange.deleted",
    "POST /exchange/deals/<path:subject>/reverse": "exchange.deleted",
    "GET /exchange/operations": "exchange",
    "GET /exchange/operations.json": "exchange",
    "GET /exchange/operations/total": "exchange",
    "GET /exchange/control": "exchange",
    "GET /exchange/control.json": "exchange",
    "GET /exchange/contacts": "exchange",
    "GET /exchange/contacts.json": "exchange",
    "GET /exchange/contacts/<path:key>": "exchange",
    "GET /feeds/<path:name>": FREE,
    "GET /heads/": "heads",
    "GET /heads/people/<person>": "heads",
    "POST /heads/people/<person>/bar": "heads",
    "POST /heads/people/<person>/unbar": "heads",
    "GET /heads/decisions/<entity>/<record>": "heads",
    "POST /heads/decisions/<entity>/<record>/again": "heads",
    "POST /heads/cases/<int:number>/grant": "heads",
    "GET /opening/": "opening.decide",
    "GET /opening/deal/<deal>": "opening",
    "POST /opening/deal/<deal>/<action>": "opening",
    "GET /partners/": "partners",
    "GET /partners/<partner>": "partners",
    "GET /partners/<partner>/tasks": "partners",
    "POST /partners/<partner>/chat/<action>": "partners",
    "POST /partners/<partner>/follow": "partners",
    "POST /partners/chats/<action>": "partners",
    "GET /partners/files/<message>/<int:number>": "partners",
    "GET /partners/held": "partners",  # and all others' rights: it is not found otherwise
    "GET /partners/links": "partners",
    "POST /partners/links": "partners",
    "POST /partners/messages/<message>/<decision>": "partners",
    "GET /partners/new": "partners",
    "POST /partners/new": "partners",
    "GET /partners/new/<token>": "partners",
    "GET /partners/new/<token>/card": "partners",
    "GET /partners/talks": "partners",
    "POST /partners/talks/<thread>/say": "partners",
    "POST /partners/text": "partners",
    "POST /partners/text/send": "partners",
    "POST /partners/view": "partners",
    "GET /stage_lock/": "stage_lock",
    "GET /stage_lock/cases/<int:number>": "stage_lock",
    "POST /stage_lock/grants": "stage_lock",
    "GET /sms/": "sms",
    "GET /sms/<sms>": "sms",
    "GET /sms/new": "sms",
    "POST /sms/new": "sms",
    "POST /sms/<sms>/<action>": "sms",
    "POST /sms/account/go-on": "sms.manage",
    "GET /sms/opt-outs": "sms.manage",
    "POST /sms/opt-outs": "sms.manage",
    "GET /terms/deal/<deal>": "terms",
    "POST /terms/deal/<deal>": "terms",
    "GET /workday/": "workday",
    "POST /workday/start": "workday",
    "GET /workday/state": "workday",
    "GET /workday/worker": SIGNED_IN,
}
SITES = {"desk": DESK, "broker": BROKER, "office": BROKER_WITH_OFFICE}  #: "office": with everything that other systems bring
DECLARED = known_rights(find_plugins().values())


@pytest.fixture(params=SITES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Whole]:
    with whole(tmp_path, SITES[request.param]) as made:
        yield made


def routes(made: Whole) -> Iterator[tuple[str, str, str]]:
    """(line of the table, method, endpoint) of every route there is."""
    for rule in made.app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"{method} {rule.rule}", method, rule.endpoint


def address(line: str) -> str:
    return re.sub(r"<(?:(\w+):)?\w+>", lambda gap: "1" if gap[1] == "int" else "x", line.partition(" ")[2])


def client_with(made: Whole, *rights: str, number: str = "77") -> Any:
    """Somebody of the CRM with one role, which allows exactly these; none: with no role at all."""
    portal = made.annex.runtime.portal
    role = {"test": RoleMap(label="test", people=["77"], rights=list(rights))}
    portal.mapping = replace(portal.mapping, portal=portal.mapping.portal.model_copy(update={"role": role}))
    client = made.anybody()
    client.set_cookie("annex_session", person_session(made.app.extensions["annex"], Person(number, "Хтось", "staff")))
    return client


def status(made: Whole, client: Any, line: str) -> int:
    """Of an unsafe one with the page's own token, so that only the right counts."""
    answer = client.open(address(line), method=line.partition(" ")[0], data={"csrf": made.csrf(client)}, buffered=False)
    answer.close()
    return int(answer.status_code)


@pytest.mark.row("PL-09")
def test_every_route_has_its_line_and_needs_what_it_says(site: Whole) -> None:
    for line, _method, endpoint in routes(site):
        assert line in RIGHTS, f"«{line}» has no line in {Path(__file__).name}: who may open it?"
        if RIGHTS[line] != FREE:
            assert right_of(site.app, endpoint) == RIGHTS[line], line


def test_no_line_is_left_over(tmp_path: Path) -> None:
    seen = set()
    for name, environment in SITES.items():
        with whole(tmp_path / name, environment) as made:
            seen |= {line for line, _method, _endpoint in routes(made)}
    assert set(RIGHTS) - seen == set()


@pytest.mark.row("PL-09")
def test_nobody_without_a_role_sees_anything(site: Whole) -> None:
    """Pages, their data as JSON, streams, forms: all say the same."""
    nobody = client_with(site, number="78")
    for line, _method, _endpoint in routes(site):
        if RIGHTS[line] not in (FREE, SIGNED_IN):
            assert status(site, nobody, line) == 403, line
    text = nobody.get("/").text
    assert "Хтось" in text and "nav" not in text, "they are told, and no page is named to them"


@pytest.mark.row("PL-09")
def test_a_right_opens_its_own_routes_and_no_others(site: Whole) -> None:
    there = {RIGHTS[line] for line, _method, _endpoint in routes(site)} - {FREE, ANY_ROLE, SIGNED_IN}
    for right in sorted(there):
        having = client_with(site, right)
        for line, _method, _endpoint in routes(site):
            if RIGHTS[line] in there and line != "POST /leave":
                assert (status(site, having, line) == 403) == (RIGHTS[line] != right), (right, line)


def test_every_right_is_documented() -> None:
    reference = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
    readmes = {name: ROOT / "plugins" / name / "README.md" for name in find_plugins()}
    for right in DECLARED:
        readme = readmes.get(right.partition(".")[0])
        reported = reference + (readme.read_text(encoding="utf-8") if readme and readme.is_file() else "")
        assert f"`{right}`" in reported, f"the right {right} is documented nowhere"


@pytest.mark.parametrize("name", sorted(find_plugins()))
def test_a_plugins_rights_bear_its_name(name: str) -> None:
    for right in find_plugins()[name].rights:
        assert right == name or right.startswith(f"{name}."), f"{right} looks like another plugin's"
