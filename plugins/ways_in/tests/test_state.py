"""Applications of the state portal: hostile documents keep out, a good one becomes one lead, a repeat hears the same."""

from __future__ import annotations

from typing import Any

import pytest
from lxml import etree

from plugins.ways_in.tests.front import SITE_KEY, STATE, STATE_KEY, Front, application, signed

NS = "{urn:annex:application:v1}"
BOMB = "<!DOCTYPE a [" + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 10}">' for n in range(9)) + "]>"
FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


def schema(front: Front) -> etree.XMLSchema:
    answer = front.app.test_client().get("/hooks/state/application.xsd")
    assert answer.status_code == 200 and answer.content_type.startswith("application/xml")
    return etree.XMLSchema(etree.fromstring(answer.data))


def refused(front: Front, answer: Any) -> tuple[str, str]:
    assert answer.status_code == 422, (answer.status_code, answer.data)
    root = etree.fromstring(answer.data)
    schema(front).assertValid(root)
    assert root.tag == f"{NS}Rejected" and root.text
    return root.get("code"), root.get("element")


@pytest.mark.row("BR-17")
def test_an_application_becomes_a_lead_that_is_given_out(both: Front) -> None:
    body = application(MiddleName="Ивановна", INN="770987654347", SNILS="112-233-445 95", BirthDate="1990-05-04",
                       comment="Хочу\nоткрыть счёт <быстро>")  # fmt: skip
    schema(both).assertValid(etree.fromstring(body))
    answer = both.state(body)
    accepted = etree.fromstring(answer.data)
    schema(both).assertValid(accepted)
    assert (answer.status_code, accepted.tag, accepted[0].text) == (200, f"{NS}Accepted", "m-1")
    both.run()
    lead = both.lead()
    assert lead.name == "Заявление с Госуслуг: Орлова Анна Ивановна" and lead.values["source"] == "portal"
    assert lead.values["phone"] == "+79001112233" and lead.values["second_name"] == "Ивановна"
    assert lead.values["comment"] == (
        "ИНН: 770987654347\nДата рождения: 1990-05-04\nКод услуги: 10000025\nУчётная запись подтверждена: да\n"
        "Комментарий: Хочу\nоткрыть счёт <быстро>"
    )
    assert lead.values["assigned"] in (both.anna, both.boris)


@pytest.mark.row("BR-17")
def test_a_repeat_is_accepted_again_and_makes_nothing(front: Front) -> None:
    first = front.state(application()).data
    front.run()
    front.advance(days=3)
    assert front.state(application(LastName="Другая")).data == first
    front.run()
    assert front.lead().values["last_name"] == "Орлова"
    front.state(application("m-2", Phone="+79005550000"))
    front.run()
    assert len(front.leads()) == 2


def test_snils_goes_nowhere_unless_the_set_says_so(front: Front) -> None:
    front.state(application(SNILS="112-233-445 95"))
    front.run()
    assert front.leads() and "112-233-445" not in front.texts()


SOUND = application()
MANY = b" ".join(b'a%d="1"' % n for n in range(101))
NOT_XML = [
    application(head=BOMB), application(head=FILE), application(head="<!DOCTYPE a>"), b"", b"{}", SOUND[:-20],
    SOUND.decode().encode("utf-16"), SOUND.replace(b"UTF-8", b"UTF-7"),
    SOUND.replace(b"</Person>", b"<d>" * 70 + b"</d>" * 70 + b"</Person>"),
    SOUND.replace(b"<Channel>", b"<Channel " + MANY + b">"), SOUND.replace("Анна".encode(), b"&#0;"),
    SOUND.replace("Анна".encode(), b"&x;"), SOUND.replace("Анна".encode(), b"a\x00b"),
]  # fmt: skip
STRUCTURE = [
    (SOUND.replace(b"Phone>", b"Evil>"), "Person/?"),
    (SOUND.replace(b"n:v1", b"n:v2"), "Application"),
    (SOUND.replace(b"<Phone>", b'<e:x xmlns:e="urn:e"/><Phone>'), "Person"),
    (application(LastName=""), "Person/FirstName"),
    (SOUND.replace(b"<Channel>EPGU</Channel>", b""), "SentAt"),
    (b'<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/>', "Application"),
    (b'<Accepted xmlns="urn:annex:application:v1"><MessageID>m</MessageID></Accepted>', "Application"),
]
VALUE = [
    (SOUND.replace(b"EPGU", b"FAX"), "Channel"),
    (application("x" * 101), "MessageID"),
    (application(" "), "MessageID"),
    (SOUND.replace(b"+03:00", b""), "SentAt"),
    (SOUND.replace(b"21T12", b"21T24"), "SentAt"),
    (SOUND.replace(b"2026-11-21", b"12026-11-21"), "SentAt"),
    (application(INN="770987654340"), "Person/INN"),
    (application(Phone="позвоните"), "Person/Phone"),
    (application(Email="нет"), "Person/Email"),
    (application(FirstName="x" * 101), "Person/FirstName"),
    (application(comment="x" * 10_001), "Comment"),
    (SOUND.replace(b' confirmed="true"', b""), "Person"),
]
BAD = [
    *((body, "XML", "Application") for body in NOT_XML), *((body, "STRUCTURE", at) for body, at in STRUCTURE),
    *((body, "VALUE", at) for body, at in VALUE),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "element"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_what_cannot_be_taken_is_named_by_code_and_element(front: Front, body: bytes, code: str, element: str) -> None:
    answer = front.state(body)
    assert refused(front, answer) == (code, element)
    assert "root:" not in answer.text and front.run() == 0 and front.rows("SELECT * FROM incoming_message") == []


def test_only_the_adapter_gets_in(front: Front, caplog: pytest.LogCaptureFixture) -> None:
    body = application()
    assert front.ask(STATE, body, {}, "application/xml").status_code == 401
    assert front.state(body, key=SITE_KEY).status_code == 403
    assert front.ask(STATE, body, signed(body, STATE_KEY, front.moment - 400), "application/xml").status_code == 403
    assert front.ask(STATE, application("m-2"), signed(body, STATE_KEY, front.moment), "application/xml").status_code == 403
    assert front.state(body, address="/hooks/state/other").status_code == 404
    assert front.state(application(comment="x" * 300_000)).status_code == 413
    assert front.app.test_client().post("/hooks/state/application.xsd").status_code == 405
    assert front.app.test_client().get(STATE).status_code == 405
    assert front.run() == 0 and STATE_KEY not in caplog.text and STATE_KEY not in front.texts()


def test_who_proves_nothing_hears_nothing_of_their_document(front: Front) -> None:
    for body in (b"", application(head=BOMB), b"<a/>"):
        assert front.state(body, key="some-other-key-of-these-tests").json == {"error": "not proven"}
