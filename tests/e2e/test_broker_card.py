"""The client's card as a broker's people meet it: its sections, the position in it, and an arrangement of their own."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests

from kernel.testing import until
from tests.e2e.conftest import Desk

CONTACT, COMPANY = 3, 4
KEY = "UF_CRM_ANNEX_KEY"


def seen(broker: Desk, kind: int, who: str) -> dict[str, list[str]]:
    """The card as that person sees it: by section, the fields."""
    view = broker.office.doors(f"card-view?entityTypeId={kind}&user={who}")
    return {one["title"]: [element["name"] for element in one["elements"]] for one in view["sections"]}


def a_client(broker: Desk, kind: int, client_id: str) -> int:
    fields = {"title" if kind == COMPANY else "name": "Клиент", "UF_CRM_CLIENT_ID": client_id}
    body = {"entityTypeId": kind, "fields": fields, "useOriginalUfNames": "Y"}
    return int(broker.office.ask(broker.office.managers[0], "crm.item.add", body)["item"]["id"])


def opened_block(broker: Desk, session: requests.Session, kind: int, record: int, who: str) -> requests.Response:
    """The portal shows the field of that card to that person: the request its page makes, answered by us."""
    field = {
        "MODE": "view", "ENTITY_ID": "CRM_COMPANY" if kind == COMPANY else "CRM_CONTACT", "VALUE": None,
        "FIELD_NAME": "UF_CRM_ANNEX_POSITION", "ENTITY_VALUE_ID": str(record), "MULTIPLE": "N", "MANDATORY": "N",
        "XML_ID": None, "ENTITY_DATA": {"entityTypeId": kind, "entityId": str(record), "module": "crm"},
    }  # fmt: skip
    made = broker.office.doors(
        "open", {"placement": "USERFIELD_TYPE", "user_type": "annexposition", "user": who, "options": field}
    )
    return session.post(made["url"], data=made["fields"], timeout=120)


def available(broker: Desk, client_id: str) -> dict[str, Decimal]:
    """What the back office's own book holds, by currency."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in broker.systems["broker"].control(f"client?id={client_id}")["tables"]["position_cash"]:
        found[row["currency"]] += Decimal(row["available"])
    return found


def shown(part: str) -> Iterator[tuple[str, Decimal]]:
    """The block's lines: currency, and what is available of it."""
    text = part.replace("\N{NO-BREAK SPACE}", "").replace("\N{MINUS SIGN}", "-").replace(",", ".")
    for currency, amount in re.findall(r'<th scope="row">(\w+)</th><td class="n">(-?[0-9.]+)', text):
        yield currency, Decimal(amount)


def wait_for(session: requests.Session, where: str, csrf: str, held: dict[str, Decimal]) -> None:
    """The block's script: it asks, and takes the answer over when it comes."""
    assert session.post(f"{where}/open?block=1", headers={"X-CSRF-Token": csrf}, timeout=120).status_code == 200

    def figures() -> dict[str, Decimal]:
        return dict(shown(session.get(f"{where}/part?block=1", timeout=120).text))

    until(lambda: figures() == held, "the figures of the back office's book are there", seen=figures)


@pytest.mark.row("BR-16")
def test_the_card_shows_the_position_first_and_staffs_own_arrangement_is_asked_about(
    broker: Desk, session: requests.Session
) -> None:
    office, who = broker.office, broker.office.managers[0]
    for kind in (CONTACT, COMPANY):
        card = seen(broker, kind, who)
        assert next(iter(card.values()))[0] == "UF_CRM_ANNEX_POSITION"
        assert KEY not in [name for names in card.values() for name in names]

    client_id = next(one["id"] for one in broker.systems["broker"].control("clients")["clients"] if one["contracts"])
    held = available(broker, client_id)
    assert held
    for kind in (CONTACT, COMPANY):
        record = a_client(broker, kind, client_id)
        page = opened_block(broker, session, kind, record, who)
        assert page.status_code == 200 and f'data-client="{client_id}"' in page.text
        where = f"{broker.address}/dossier/{'company' if kind == COMPANY else 'contact'}/{record}/position"
        csrf = re.findall(r'data-csrf="(\w+)"', page.text)[0]
        wait_for(session, where, csrf, held)

    office.ask("1", "crm.item.details.configuration.set", {"entityTypeId": CONTACT, "scope": "C", "data": [
        {"name": "main", "title": "По-своему", "type": "section", "elements": [{"name": "NAME"}]},
    ]})  # fmt: skip
    _code, document = broker.annex("plan")
    [change] = [one for one in document["changes"] if one["kind"] == "arrange"]
    assert "«По-своему» (Имя" in change["detail"]
    broker.processes.annex("apply", "--yes")
    assert list(seen(broker, CONTACT, who)) == ["По-своему"], "yes is about data that would be lost"
    done = broker.processes.annex("apply", "--cards")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "По-своему" not in seen(broker, CONTACT, who)
