"""The partners' pages through Flask's test client: who sees what, what is written there, and that nothing happens twice."""

from __future__ import annotations

import re
from typing import Any

import pytest

from plugins.partners.tests.office import Office, talk_of, token_of
from plugins.partners.views_talks import marked

HOSTILE = '<script>alert(1)</script>\u202e"><img src=x onerror=alert(1)>'


# --- «Комунікації» ----------------------------------------------------------------------------------------------------


@pytest.mark.row("PT-05")
def test_a_talk_shows_days_authors_files_versions_and_states(office: Office) -> None:
    first = office.says("-100", "курс 41,30")
    office.bot.edit(first, "курс 41,35")
    office.arrive()
    office.says("-100", "ось рахунок", files=[("рахунок.pdf", b"%PDF")])
    office.comment("deal", office.deal_a, "#партнеру Дякую, бачу")
    owner = office.client()
    page = office.page(owner, "/partners/talks")
    assert "Альфа" in page and "Бета" in page
    page = office.page(owner, f"/partners/talks?thread={office.thread(office.alpha)}")
    assert "курс 41,35" in page and "курс 41,30" in page and "змінено" in page
    assert "рахунок.pdf" in page and "Дякую, бачу" in page and "надіслано" in page
    assert f"https://crm.example/deal/{office.deal_a}" in page and f"https://crm.example/partner/{office.alpha}" in page
    assert re.search(r'<time datetime="[^"]+">\d\d\.\d\d\.\d{4}</time>', page)


@pytest.mark.row("PT-05")
def test_unread_and_without_answer(office: Office) -> None:
    office.says("-100", "є хто?")
    owner = office.by(office.manager)
    talks = office.page(owner, "/partners/talks")
    assert "нових: 1" in talks and "без відповіді з" in talks
    assert "Альфа" in office.page(owner, "/partners/talks?waiting=0")
    assert 'class="talks"' in office.page(owner, "/partners/talks?waiting=30") and "нових" not in office.page(
        owner, "/partners/talks?waiting=30"
    )
    office.advance(minutes=31)
    assert "нових: 1" in office.page(owner, "/partners/talks?waiting=30")
    office.page(owner, f"/partners/talks?thread={office.thread(office.alpha)}")
    assert "нових" not in office.page(owner, "/partners/talks"), "it was read"
    assert "нових: 1" in office.page(office.client(), "/partners/talks"), "by somebody else it was not"


@pytest.mark.row("PT-05")
@pytest.mark.parametrize(
    ("query", "there", "not_there"),
    [
        ("q=РАХУНОК", "рахунок готовий", "доброго ранку"),
        ("q=раху", "готовий", "доброго ранку"),
        ("direction=in", "доброго ранку", "Дякую"),
        ("direction=out&q=дякую", "Ігор", "доброго ранку"),
        ("person=oleg", "доброго ранку", "Дякую"),
        ("files=1", "чек.png", "доброго ранку"),
        ("from=01.01.2000&to=02.01.2000", "Нічого не знайдено", "доброго ранку"),
        ("deal=5", "Нічого не знайдено", "доброго ранку"),
        ("q=немаєтакого", "Нічого не знайдено", "доброго ранку"),
    ],
)
def test_filters_and_search(office: Office, query: str, there: str, not_there: str) -> None:
    office.says("-100", "доброго ранку")
    office.says("-100", "рахунок готовий", files=[("чек.png", b"\x89PNG")])
    office.comment("partner", office.alpha, "#партнеру Дякую")
    page = office.page(office.client(), f"/partners/talks?{query}&partner={office.alpha}")
    talk = talk_of(page)
    plain = re.sub("</?mark>", "", talk)
    assert there in plain and not_there not in plain


@pytest.mark.row("PT-05")
def test_the_deal_filter_finds_what_was_said_of_it(office: Office) -> None:
    office.says("-100", f"#{office.deal_a} беру")
    office.says("-100", "інше зовсім")
    page = office.page(office.client(), f"/partners/talks?deal={office.deal_a}").partition('<section class="talk"')[2]
    assert "беру" in page and "інше зовсім" not in page


@pytest.mark.row("PT-05")
def test_found_words_are_marked_and_hostile_text_stays_text(office: Office) -> None:
    office.says("-100", f"Рахунок {HOSTILE} раХунок")
    page = office.page(office.client(), "/partners/talks?q=рахунок")
    assert "<mark>Рахунок</mark>" in page and "<mark>раХунок</mark>" in page
    assert "<script>alert" not in page and "<img" not in page and "\u202e" not in page and "&lt;script&gt;" in page
    page = office.page(office.client(), "/partners/talks?q=script")
    assert "&lt;<mark>script</mark>&gt;" in page and "<script>alert" not in page
    for searched in ("<mark>", "&lt;", '"><script>', "lt amp"):
        assert "<script>alert" not in office.page(office.client(), f"/partners/talks?q={searched}")


@pytest.mark.parametrize(
    ("text", "searched", "shown"),
    [
        ("a < b", "a", "<mark>a</mark> &lt; b"),
        ("&amp;", "amp", "&amp;<mark>amp</mark>;"),
        ("Ціна КУРСУ", "курс", "Ціна <mark>КУРСУ</mark>"),
        ("курс курсу", "курс ціна", "<mark>курс</mark> курсу"),
        ("нічого", "", "нічого"),
        ("<b>", "…", "&lt;b&gt;"),
    ],
)
def test_marking(text: str, searched: str, shown: str) -> None:
    assert str(marked(text, searched)) == shown


@pytest.mark.row("PT-05")
def test_older_messages_are_a_page_away(office: Office) -> None:
    for n in range(60):
        office.bot.write("-100", "oleg", f"рядок-{n:02d}")
    office.arrive()
    owner, thread = office.client(), office.thread(office.alpha)
    page = office.page(owner, f"/partners/talks?thread={thread}")
    assert "рядок-59" in page and "рядок-05" not in page
    older = re.search(r'class="older" href="([^"]+)"', page)
    assert older
    page = talk_of(office.page(owner, "/partners/talks" + older[1].replace("&amp;", "&")))
    assert "рядок-05" in page and "рядок-59" not in page and 'id="say"' not in page


@pytest.mark.row("PT-05")
def test_the_version_moves_with_messages_edits_and_states(office: Office) -> None:
    owner = office.client()

    def version() -> str:
        return str(owner.get("/live/version").json["version"])

    seen = [version()]
    first = office.says("-100", "раз")
    seen.append(version())
    office.bot.edit(first, "два")
    office.arrive()
    seen.append(version())
    office.comment("partner", office.alpha, "#партнеру три")
    seen.append(version())
    office.member("-100", "kicked")
    seen.append(version())
    assert len(set(seen)) == len(seen)
    assert version() == seen[-1]


# --- who sees what ----------------------------------------------------------------------------------------------------


def paths(office: Office) -> list[str]:
    thread, message = office.thread(office.alpha), office.message("рахунок")
    return [
        f"/partners/talks?thread={thread}", f"/partners/files/{message}/0", f"/partners/{office.alpha}",
    ]  # fmt: skip


def posts(office: Office) -> list[tuple[str, dict[str, str]]]:
    thread, message = office.thread(office.alpha), office.message("рахунок")
    return [
        (f"/partners/talks/{thread}/say", {"token": "t" * 16, "text": "hi", "about": "partner"}),
        (f"/partners/messages/{message}/again", {}),
        ("/partners/links", {"partner": office.alpha}),
        ("/partners/chats/pause", {"partner": office.alpha}),
        ("/partners/text", {"partner": office.alpha, "text": "hi"}),
        ("/partners/text/send", {"partner": office.alpha, "text": "hi", "token": "t" * 16}),
        (f"/partners/{office.alpha}/chat/detach", {}),
    ]


@pytest.mark.row("PT-05", "PT-07")
def test_whoever_has_no_part_in_it_finds_nothing(office: Office) -> None:
    office.says("-100", "рахунок готовий", files=[("чек.png", b"\x89PNG")])
    office.says("-200", "таємниця Бети")
    nobody = office.app.test_client()
    for person in (office.stranger, office.other):
        client = office.by(person)
        for path in paths(office):
            assert client.get(path).status_code == 404, path
            assert nobody.get(path).status_code == 401, path
        for path, form in posts(office):
            assert office.press(client, path, **form).status_code == 404, path
            assert client.post(path, data=form).status_code == 403, "no token of the page"
        for path in (
            "/partners/talks",
            "/partners/",
            "/partners/talks?q=рахунок",
            f"/partners/talks?partner={office.alpha}",
        ):
            page = client.get(path).text
            assert "Альфа" not in page and "готовий" not in page, (path, person.name)
    assert "таємниця Бети" in office.page(office.by(office.other), "/partners/talks?q=таємниця")
    assert "таємниця" not in office.page(office.by(office.manager), "/partners/talks?q=Бети").partition("<section")[2]
    assert office.calls("queued") == [] and "hi" not in "".join(office.shown("-100"))


@pytest.mark.row("PT-05", "PT-07")
def test_who_carries_a_deal_out_sees_its_talk_and_never_the_partner_s_figures(office: Office) -> None:
    told = [one for one in office.bot.shown("-100") if one.author == "bot"]
    foreign = office.deal(office.alpha, "Альфа", amount="777")
    office.says("-100", "гроші в касі", reply_to=told[0].vendor_id)
    office.says("-100", "це між нами")
    office.comment("deal", office.deal_a, "#партнеру Видали")
    client, thread = office.by(office.executor), office.thread(office.alpha)
    page = office.page(client, f"/partners/talks?thread={thread}")
    assert "гроші в касі" in page and "Видали" in page and "між нами" not in page
    for address in (f"/partners/talks?thread={thread}", f"/partners/{office.alpha}?tab=talk", "/partners/talks?q=413"):
        text = office.page(client, address).replace("\u00a0", "")
        assert "41,35" not in text and "413500" not in text, address
    assert "413500" in office.page(office.client(), f"/partners/talks?thread={thread}").replace("\u00a0", "")
    page = office.page(client, f"/partners/{office.alpha}?tab=requests").replace("\u00a0", "")
    assert f"№<bdi>{office.deal_a}</bdi>" in page and "413500" not in page and "+380501112233" not in page
    assert f"№<bdi>{foreign}</bdi>" not in page
    for path in ("chats/pause", "links", "text"):
        assert office.press(client, f"/partners/{path}", partner=office.alpha, text="hi").status_code == 404, path
    for tab in ("settlements", "analytics"):
        assert client.get(f"/partners/{office.alpha}?tab={tab}").status_code == 404
    assert office.press(client, f"/partners/{office.alpha}/chat/pause").status_code == 404
    say = {"token": "t" * 16, "text": "дякую", "about": "partner"}
    assert office.press(client, f"/partners/talks/{thread}/say", **say).status_code == 400
    assert (
        office.press(client, f"/partners/talks/{thread}/say", **{**say, "about": f"deal:{office.deal_a}"}).status_code == 303
    )
    assert office.shown("-100")[-1] == "Степан: дякую"


@pytest.mark.row("PT-05", "PT-07")
def test_who_leaves_a_deal_sees_it_no_more(office: Office) -> None:
    thread = office.thread(office.alpha)
    assert office.by(office.executor).get(f"/partners/talks?thread={thread}").status_code in (200, 404)
    office.crm.staff.set("deal", office.deal_a, executor=())
    office.sync(office.deal_a)
    assert office.by(office.executor).get(f"/partners/talks?thread={thread}").status_code == 404
    assert office.by(office.executor).get(f"/partners/{office.alpha}").status_code == 404


@pytest.mark.row("PT-05")
def test_a_file_comes_with_its_name_and_cannot_act(office: Office) -> None:
    office.says("-100", "чек", files=[('чек".png', b"\x89PNG\r\n\x1a\n"), ("сторінка.html", b"<script>alert(1)</script>")])
    with office.portal.database.write() as tx:
        tx.run("UPDATE message_file SET media_type = 'image/png' WHERE name LIKE '%.png'")
        tx.run("UPDATE message_file SET media_type = 'text/html' WHERE name LIKE '%.html'")
    owner = office.client()
    rows = office.rows("SELECT message, number, name, media_type FROM message_file ORDER BY number")
    for row in rows:
        answer = owner.get(f"/partners/files/{row['message']}/{row['number']}")
        assert answer.status_code == 200 and answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"] and answer.headers["Cache-Control"] == "no-store"
        image = row["media_type"] == "image/png"
        assert '"чек' not in answer.headers["Content-Disposition"]
        assert answer.headers["Content-Disposition"].startswith("inline" if image else "attachment")
        if not image:
            assert answer.mimetype == "application/octet-stream" and answer.data == b"<script>alert(1)</script>"
    message = rows[0]["message"]
    for path in (f"{message}/9", "nothing/0", f"{message}/-1", f"{message}/x"):
        assert owner.get(f"/partners/files/{path}").status_code == 404


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("PT-05")
def test_what_is_written_here_leaves_once_in_the_writer_s_name(office: Office) -> None:
    client, thread = office.by(office.manager), office.thread(office.alpha)
    form = {
        "token": token_of(office.page(client, f"/partners/talks?thread={thread}")),
        "text": f"Гроші <b>тут</b> {HOSTILE}",
    }
    before = len(office.shown("-100"))
    for _ in range(3):
        assert office.press(client, f"/partners/talks/{thread}/say", about="partner", **form).status_code == 303
    assert office.shown("-100")[before:] == [f"Ігор: Гроші <b>тут</b> {HOSTILE}"]
    [made] = [one for one in office.crm.comments.of("partner", office.alpha) if "#партнеру" in one.text]
    assert made.text == f"#партнеру Гроші <b>тут</b> {HOSTILE}" and made.author == office.manager.id
    office.sync(office.alpha, entity="partner", event="partner.comment")
    assert len(office.shown("-100")) == before + 1, "what Annex wrote into the CRM does not come back"
    page = office.page(client, f"/partners/talks?thread={thread}")
    assert "&lt;b&gt;тут" in page and "<script>alert" not in page


@pytest.mark.row("PT-05")
def test_what_is_written_about_a_deal_stands_in_the_deal(office: Office) -> None:
    client, thread = office.by(office.manager), office.thread(office.alpha)
    form = {"token": "t" * 16, "text": "Чекаємо", "about": f"deal:{office.deal_a}"}
    assert office.press(client, f"/partners/talks/{thread}/say", **form).status_code == 303
    assert "#партнеру Альфа: Чекаємо" in [one.text for one in office.crm.comments.of("deal", office.deal_a)]
    for wrong in ({"about": "deal:404"}, {"text": " "}, {"token": ""}):
        assert office.press(client, f"/partners/talks/{thread}/say", **{**form, **wrong}).status_code == 400


@pytest.mark.row("PT-05")
def test_a_leak_is_held_and_says_why(fresh_sqlite: Any, closing: Any) -> None:
    office: Office = closing(Office(fresh_sqlite(), leak_check=True))
    client, thread = office.by(office.manager), office.thread(office.alpha)
    form = {"token": "t" * 16, "text": "Клієнтка Секретенко чекає", "about": f"deal:{office.deal_a}"}
    before = office.shown("-100")
    answer = office.press(client, f"/partners/talks/{thread}/say", **form)
    assert (
        answer.status_code == 409 and "Секретенко" in answer.text and "Клієнтка Секретенко чекає</textarea>" in answer.text
    )
    assert office.shown("-100") == before and not [
        one for one in office.crm.comments.of("deal", office.deal_a) if "Секретенко" in one.text
    ]
    assert office.press(client, f"/partners/talks/{thread}/say", forced="1", **form).status_code == 303
    assert office.shown("-100")[-1] == "Ігор: Клієнтка Секретенко чекає"


@pytest.mark.row("PT-05")
@pytest.mark.parametrize("decision", ["arrived", "again", "drop"])
def test_a_message_in_doubt_is_decided_here(office: Office, decision: str) -> None:
    office.comment("partner", office.alpha, "#партнеру чи дійшло?")
    message = office.message("чи дійшло")
    call = office.rows("SELECT call FROM message WHERE id = :id", id=message)[0]["call"]
    with office.portal.database.write() as tx:
        tx.run("UPDATE outgoing SET state = 'uncertain', reason = 'no answer' WHERE id = :id", id=call)
        tx.run("UPDATE message SET sent_at = NULL WHERE id = :id", id=message)
    client, thread = office.by(office.manager), office.thread(office.alpha)
    page = office.page(client, f"/partners/talks?thread={thread}")
    address = f"/partners/messages/{message}/{decision}"
    assert "невідомо, чи дійшло" in page and f'action="{address}"' in page
    assert office.press(client, address).status_code == 303
    assert office.press(client, address).status_code == 303, "pressed twice: the first one counts"
    page = office.page(client, f"/partners/talks?thread={thread}")
    assert "невідомо, чи дійшло" not in page and address not in page
    assert office.press(client, f"/partners/messages/{message}/explode").status_code == 404
