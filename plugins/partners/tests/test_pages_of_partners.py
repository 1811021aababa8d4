"""«Партнери», «+ Партнер» and a partner's page through Flask's test client."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from kernel.crm import Ref
from kernel.errors import Unreachable
from plugins.partners.tests.office import Office, talk_of, token_of

# --- «Партнери» -------------------------------------------------------------------------------------------------------


@pytest.mark.row("PT-08")
def test_the_list_says_how_each_chat_stands(office: Office) -> None:
    page = office.page(office.client(), "/partners/")
    assert "Альфа" in page and "Бета" in page and page.count("працює") >= 2
    assert re.search(rf'data-figure="open/{office.alpha}">1<', page) and f'data-figure="open/{office.beta}">0<' in page
    page = office.page(office.by(office.manager), "/partners/")
    assert "Альфа" in page and "Бета" not in page


@pytest.mark.row("PT-08")
def test_several_get_links_pause_and_one_text_after_a_preview(office: Office) -> None:
    gamma = office.partner("Гамма")
    owner = office.client()
    chosen = {"partner": [office.alpha, office.beta, gamma]}
    answer = office.press(owner, "/partners/links", **chosen)
    page = office.page(owner, answer.headers["Location"])
    assert page.count("https://t.me/desk_bot?startgroup=") == 1, "whose chat works needs none"
    preview = office.press(owner, "/partners/text", text="Сьогодні до 16:00", **chosen).text
    assert "Сьогодні до 16:00" in preview and "Отримають: 2" in preview and "Сьогодні" not in "".join(office.shown("-100"))
    for _ in range(2):
        form = {"token": token_of(preview), "text": "Сьогодні до 16:00", "partner": [office.alpha, office.beta]}
        assert office.press(owner, "/partners/text/send", **form).status_code == 303
    for address in ("-100", "-200"):
        assert sum("Сьогодні до 16:00" in one for one in office.shown(address)) == 1
    office.press(owner, "/partners/chats/pause", partner=[office.alpha])
    assert "пауза" in office.page(owner, "/partners/") and office.card(office.alpha).values["chat"].startswith("пауза")  # type: ignore[union-attr]
    office.press(owner, "/partners/chats/resume", partner=[office.alpha])
    assert "пауза" not in office.page(owner, "/partners/")
    assert office.press(owner, "/partners/chats/pause").status_code == 400
    assert office.press(owner, "/partners/chats/explode", **chosen).status_code == 404


@pytest.mark.row("PT-08")
def test_one_text_names_whoever_reads_it(office: Office) -> None:
    owner, chosen = office.client(), {"partner": [office.alpha, office.beta]}
    preview = office.press(owner, "/partners/text", text="{partner}, сьогодні до 16:00 {{усі}}", **chosen).text
    assert "Альфа, сьогодні до 16:00 {усі}" in preview
    form = {"token": token_of(preview), "text": "{partner}, сьогодні до 16:00 {{усі}}"}
    assert office.press(owner, "/partners/text/send", **form, **chosen).status_code == 303
    for address, name in (("-100", "Альфа"), ("-200", "Бета")):
        assert sum(f"{name}, сьогодні до 16:00 {{усі}}" in one for one in office.shown(address)) == 1
    refused = office.press(owner, "/partners/text", text="курс {rate}", **chosen)
    assert refused.status_code == 400 and "Поля «rate» немає; є {partner}" in refused.text


# --- «+ Партнер» ------------------------------------------------------------------------------------------------------


def new_cards(office: Office, name: str) -> list[Any]:
    return [one for one in office.crm.find("partner") if one.values.get("name") == name]


@pytest.mark.row("EX-15")
def test_a_new_partner_is_made_once_and_the_page_leads_to_its_card(office: Office) -> None:
    client = office.by(office.manager)
    token = token_of(office.page(client, "/partners/new"))
    form = {
        "token": token, "name": "Дельта", "phone": "050 777 66 55", "telegram": "@delta_fx", "language": "en",
        "automatic": "1",
    }  # fmt: skip
    office.crm.fail_next(Unreachable("the answer was lost"), on="create", after_commit=True)
    for _ in range(3):
        answer = office.press(client, "/partners/new", **form)
        assert answer.status_code == 303 and answer.headers["Location"] == f"/partners/new/{token}"
    [card] = new_cards(office, "Дельта")
    assert card.values["phone"] == "+380507776655" and card.values["telegram"] == "delta_fx"
    assert [one.id for one in card.values["responsible"]] == [office.manager.id]
    assert str(card.values["chat"]).startswith("чекає на групу") and "startgroup=" in str(card.values["chat_link"])
    assert "data-go" in office.page(client, f"/partners/new/{token}")
    answer = client.get(f"/partners/new/{token}/card")
    assert answer.status_code == 303 and answer.headers["Location"] == f"https://crm.example/partner/{card.id}"
    assert office.by(office.other).get(f"/partners/new/{token}").status_code == 404, "it is another person's form"
    assert "Дельта" in office.page(client, f"/partners/{card.id}")


@pytest.mark.row("EX-15")
def test_a_slow_crm_is_waited_for(office: Office) -> None:
    client = office.by(office.manager)
    form = {"token": token_of(office.page(client, "/partners/new")), "name": "Епсилон"}
    before = client.get("/live/version").json["version"]
    client.post("/partners/new", data={"csrf": office.served.csrf(client), **form})
    page = office.page(client, f"/partners/new/{form['token']}")
    assert "Картка створюється" in page and "data-go" not in page
    assert client.get(f"/partners/new/{form['token']}/card").headers["Location"] == f"/partners/new/{form['token']}"
    office.crm.fail_next(Unreachable("no answer"), on="create", times=2)
    office.run()
    assert len(new_cards(office, "Епсилон")) == 1 and "data-go" in office.page(client, f"/partners/new/{form['token']}")
    assert client.get("/live/version").json["version"] != before


@pytest.mark.row("EX-15", "PL-11")
@pytest.mark.parametrize(
    ("language", "words"),
    [("uk", "не схоже на номер"), ("ru", "не похоже на номер"), ("en", "does not seem to be a number")],
)
def test_each_error_stands_at_its_field_in_the_reader_s_language(office: Office, language: str, words: str) -> None:
    client = office.by(office.manager)
    client.set_cookie("annex_language", language)
    form = {"token": "t" * 16, "name": "", "phone": "abc", "email": "no at", "telegram": "x", "responsible": "nobody"}
    answer = office.press(client, "/partners/new", **form)
    assert answer.status_code == 400
    for name in ("name", "phone", "email", "telegram"):
        assert f'aria-describedby="w-{name}"' in answer.text, name
    assert 'value="abc"' in answer.text and f'value="{"t" * 16}"' in answer.text and words in answer.text
    assert len(new_cards(office, "")) == 0


@pytest.mark.row("EX-15")
def test_the_same_phone_is_asked_about_and_the_answer_kept(office: Office) -> None:
    client = office.by(office.manager)
    form = {"token": "t" * 16, "name": "Альфа-2", "phone": "+380501112233"}
    answer = office.press(client, "/partners/new", **form)
    assert answer.status_code == 409 and "Це він" in answer.text and f"/partners/{office.alpha}" in answer.text
    assert new_cards(office, "Альфа-2") == []
    seen_by_other = office.press(office.by(office.other), "/partners/new", **form).text
    assert "картка, яку веде інша людина" in seen_by_other and ">Альфа<" not in seen_by_other
    assert office.press(client, "/partners/new", other=office.alpha, **form).status_code == 303
    [card] = new_cards(office, "Альфа-2")
    [kept] = office.rows("SELECT * FROM partner_other")
    assert (kept["partner"], kept["other"], kept["person"]) == (card.id, office.alpha, office.manager.id)


# --- a partner's page -------------------------------------------------------------------------------------------------


@pytest.mark.row("PT-07")
def test_a_partner_s_page_has_its_tabs_and_figures(office: Office) -> None:
    office.crm.staff.move(office.deal_a, "client_paid")
    office.sync(office.deal_a)
    office.crm.staff.move(office.deal_a, "partner_paid")
    office.sync(office.deal_a)
    office.says("-100", "оплатив")
    owner = office.client()
    page = office.page(owner, f"/partners/{office.alpha}?tab=requests").replace("\u00a0", " ")
    assert "10 000,00 USD" in page and "413 500,00 UAH" in page and "Ігор Бондар" in page
    for span in ("month", "all"):
        assert "10 000,00 USD" in office.page(owner, f"/partners/{office.alpha}?tab=requests&span={span}").replace(
            "\u00a0", " "
        )
    assert owner.get(f"/partners/{office.alpha}?span=x&tab=requests").status_code == 404
    assert "оплатив" in office.page(owner, f"/partners/{office.alpha}?tab=talk")
    page = office.page(owner, f"/partners/{office.alpha}?tab=analytics").replace("\u00a0", " ")
    assert "10 000,00 USD" in page and "1 423,00 UAH" in page and "0,3453 %" in page
    office.page(owner, f"/partners/{office.alpha}?tab=settlements")
    assert owner.get(f"/partners/{office.alpha}?tab=x").status_code == 404


@pytest.mark.row("PT-07")
def test_what_lies_with_the_partner(office: Office) -> None:
    client = office.by(office.manager)
    assert "Розрахунки закриті" in office.page(client, f"/partners/{office.alpha}?tab=settlements")
    deal = office.crm.staff.new("deal", name="Передача")
    office.crm.staff.add_row(
        "deal", deal, "operation", kind="from_partner", amount=Decimal(10000), amount_in="USD",
        partner=Ref(office.alpha, "Альфа"),
    )  # fmt: skip
    for stage in ("client_paid", "partner_paid", "closed"):
        office.crm.staff.move(deal, stage)
        office.sync(deal)
    page = office.page(client, f"/partners/{office.alpha}?tab=settlements").replace("\u00a0", " ")
    assert "Ми винні партнеру" in page and "10 000,00 USD" in page


@pytest.mark.row("PT-07")
def test_the_buttons_of_the_chat(office: Office) -> None:
    client, address = office.by(office.manager), f"/partners/{office.alpha}/chat/"
    office.press(client, address + "pause")
    assert "Продовжити" in office.page(client, f"/partners/{office.alpha}")
    office.press(client, address + "resume")
    assert office.card(office.alpha).values["chat"] == "працює"
    office.press(client, address + "new_chat")
    link = office.rows("SELECT COUNT(*) AS n FROM partner_link WHERE partner = :p", p=office.alpha)
    assert link[0]["n"] == 2
    office.press(client, address + "detach")
    assert "від&#39;єднано" in office.page(client, f"/partners/{office.alpha}") and office.bot.left == ["-100"]
    assert office.press(client, address + "explode").status_code == 404


@pytest.mark.row("PT-07")
def test_an_unknown_group_is_confirmed_here_and_nothing_is_said_before(fresh_sqlite: Any, closing: Any) -> None:
    office: Office = closing(Office(fresh_sqlite(), confirm_unknown=True))
    client, thread = office.by(office.manager), office.thread(office.alpha)
    say = {"token": "t" * 16, "text": "рано", "about": "partner"}
    assert office.press(client, f"/partners/talks/{thread}/say", **say).status_code == 409
    office.comment("partner", office.alpha, "#партнеру теж рано")
    assert office.shown("-100") == []
    office.press(client, f"/partners/{office.alpha}/chat/confirm_chat")
    assert office.press(client, f"/partners/talks/{thread}/say", **say).status_code == 303
    assert office.shown("-100")[-1] == "Ігор: рано"


@pytest.mark.row("PT-07")
def test_each_reader_keeps_a_view_of_their_own(office: Office) -> None:
    office.says("-100", f"#{office.deal_a} беру")
    office.says("-100", "як справи")
    client, other = office.by(office.manager), office.by(office.executor)
    address = f"/partners/{office.alpha}"
    assert "як справи" in office.page(client, f"{address}?tab=talk")
    assert office.press(client, "/partners/view", mode="deals", partner=office.alpha).headers["Location"] == address
    page = office.page(client, address)
    assert "беру" in page and "як справи" not in page
    assert "як справи" not in talk_of(office.page(client, f"/partners/talks?thread={office.thread(office.alpha)}"))
    assert "як справи" in office.page(client, f"/partners/talks?thread={office.thread(office.alpha)}&show=all")
    assert office.rows("SELECT person FROM partner_view") == [{"person": office.manager.id}]
    assert "як справи" not in office.page(other, f"{address}?tab=talk&show=all"), "a view never widens rights"
    assert office.press(client, "/partners/view", mode="x").status_code == 400


@pytest.mark.row("PT-08")
def test_without_a_bot_there_are_no_pages_and_no_entry(office: Office) -> None:
    office.configure("partners", {"chat": ""})
    office.serve()
    owner = office.client()
    for path in ("/partners/", "/partners/talks", "/partners/new", f"/partners/{office.alpha}"):
        assert owner.get(path).status_code == 404
    assert "/partners/" not in owner.get("/exchange/board").text


@pytest.mark.row("PL-11")
@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_every_page_in_every_language(office: Office, language: str) -> None:
    office.says("-100", "рахунок")
    client = office.client()
    client.set_cookie("annex_language", language)
    thread = office.thread(office.alpha)
    for path in (
        "", "talks", f"talks?thread={thread}", "new", "links", office.alpha,
        f"{office.alpha}/tasks",
        *(f"{office.alpha}?tab={tab}" for tab in ("requests", "tasks", "talk", "settlements", "analytics")),
    ):  # fmt: skip
        page = office.page(client, f"/partners/{path}")
        assert f'lang="{language}"' in page and not re.search(r"[>\s]pt_\w+", page), path
