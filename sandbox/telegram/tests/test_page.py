"""The page: a visitor writes, answers, presses and taps as one of the people, with plain forms alone."""

from __future__ import annotations

import html
import re

import pytest

from sandbox.telegram.page_view import TEXTS, language

pytestmark = pytest.mark.row("PL-08")
OLEG = 510000002
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Visitor:
    """Opens the page and sends its forms as Oleg."""

    def __init__(self, api):
        self.api = api

    def open(self, path="/", **query):
        answer = self.api.session.get(self.api.address + path, params={"as": OLEG, **query}, timeout=120)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        return answer.text

    def send(self, what, files=None, chat=None, **fields):
        query = {"as": OLEG} | ({"chat": chat} if chat else {})
        answer = self.api.session.post(f"{self.api.address}/act", params=query, data={"what": what, **fields}, files=files,
                                       timeout=120)  # fmt: skip
        assert answer.history[0].status_code == 303
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def visitor(api):
    return Visitor(api)


def test_groups_and_a_chat(api, visitor):
    chat = api.group(title="Партнер <118>")
    api.call("sendMessage", chat_id=chat, parse_mode="HTML", text="<b>Заявка 5512</b> &lt;i&gt; https://a.test/x")
    page = visitor.open(lang="uk")
    assert "Партнер &lt;118&gt;" in page
    assert f"chat={chat}" in page
    page = visitor.open(chat=chat, lang="uk")
    assert "<b>Заявка 5512</b> &lt;i&gt; " in page
    assert '<a href="https://a.test/x" rel="noreferrer noopener">' in page
    assert "Відповісти" in page
    other = visitor.open(chat=chat, lang="ru", **{"as": 510000009})
    assert "Ответить" in other
    assert "Заявка 5512" in other


def test_a_stranger_sees_no_group(api, visitor):
    chat = api.group()
    api.door("/person", name="Пан", username="pan", id=42)
    assert "Партнер 118" not in visitor.open(chat=chat, lang="en", **{"as": 42})


def test_writing_answering_editing_deleting(api, visitor):
    chat = api.group(admin=True)
    sent = api.call("sendMessage", chat_id=chat, text="Заявка")["message_id"]
    key = api.seen(chat)[0]["message"]
    page = visitor.open(chat=chat, reply=key, lang="en")
    assert f'name="reply" value="{key}"' in page
    assert "<b>Reply to</b> Desk: Заявка" in page
    visitor.send("write", chat=chat, text="Курс 41,35", reply=key)
    (update,) = api.news()
    assert update["message"]["reply_to_message"]["message_id"] == sent
    own = api.seen(chat)[-1]["message"]
    visitor.send("edit", chat=chat, message=own, text="Курс 41,30")
    page = visitor.open("/feed", chat=chat, lang="uk")
    assert "змінено" in page
    assert "<details><summary>було</summary><p>Курс 41,35</p></details>" in page
    visitor.send("react", chat=chat, message=key, emoji="👍")
    visitor.send("delete", chat=chat, message=own)
    visitor.send("delete", chat=chat, message=key)
    assert [one["deleted"] for one in api.seen(chat)] == [False, True], "only one's own"
    assert api.seen(chat)[0]["reactions"] == {str(OLEG): "👍"}


def test_photos_and_documents(api, visitor):
    chat = api.group(admin=True)
    visitor.send("write", chat=chat, text="чек", files={"file": ("чек.png", PNG, "image/png")})
    visitor.send("write", chat=chat, text="", files={"file": ("сторінка.html", b"<script>1</script>", "text/html")})
    photo, page = (one["message"] for one in api.news())
    assert photo["caption"] == "чек"
    assert page["document"]["file_name"] == "сторінка.html"
    feed = visitor.open("/feed", chat=chat)
    assert 'alt="чек.png"' in feed
    addresses = re.findall(r'href="(/sandbox/file\?id=\d+)"', feed)
    kinds = [api.session.get(api.address + one, timeout=120).headers["Content-Type"] for one in addresses]
    assert kinds == ["image/png", "application/octet-stream"], "a stranger's page is never shown as one"


def test_buttons(api, visitor):
    chat = api.group(admin=True)
    markup = {
        "inline_keyboard": [[{"text": "Беру", "callback_data": "take"}, {"text": "Сайт", "url": "javascript:alert(1)"}]]
    }
    api.call("sendMessage", chat_id=chat, text="Заявка", reply_markup=markup)
    key = api.seen(chat)[0]["message"]
    assert "javascript:" not in visitor.open(chat=chat)
    visitor.send("press", chat=chat, message=key, button="take")
    (update,) = api.news()
    api.call("answerCallbackQuery", callback_query_id=update["callback_query"]["id"], text="Записано!")
    assert '<p class="toast" role="status">Записано!</p>' in visitor.open("/feed", chat=chat)


def test_a_tap_on_a_link(api, visitor):
    page = visitor.send("tap", link="https://t.me/desk_bot?startgroup=abc", into="0", group_title="Моя група")
    assert "<h2>Моя група</h2>" in page
    assert [one["message"]["text"] for one in api.news() if "text" in one.get("message", {})] == ["/start@desk_bot abc"]
    assert "not a link to a bot" in html.unescape(visitor.send("tap", link="https://example.org", into="0"))
    assert "/start" in visitor.send("start", bot="desk_bot")
    assert api.kinds() == ["message"]


def test_closed_groups_say_why(api, visitor):
    chat = api.group("group")
    api.call("sendMessage", chat_id=chat, text="раніше")
    api.door("/upgrade", chat=chat)
    page = visitor.open(chat=chat, lang="en")
    assert "раніше" in page, "the supergroup shows what was written before"
    assert 'name="text"' in page
    gone = api.group()
    api.door("/delete-group", chat=gone)
    assert "The group was deleted." in visitor.open(chat=gone, lang="en")
    left = api.group()
    api.door("/kick", chat=left, user="oleg")
    assert "This person no longer writes here." in visitor.open(chat=left, lang="en")


def test_every_kind_of_message_is_shown(api, visitor):
    chat = api.group("forum", admin=True)
    thread = api.door("/topic", chat=chat, name="Тема А")["thread"]
    for data in (
        {"voice": "v.oga"}, {"location": {"latitude": 50.4, "longitude": 30.5}}, {"dice": "🎲"},
        {"contact": {"phone_number": "+380", "first_name": "О"}}, {"poll": {"question": "Коли?", "options": ["а", "б"]}},
    ):  # fmt: skip
        said = api.door("/write", person="iryna", chat=chat, thread=thread, **data)["message"]
    api.door("/write", person="oleg", chat=chat, forward=said)
    api.door("/rename", chat=chat, title="Нова")
    page = visitor.open(chat=chat, lang="uk")
    for words in ("голосове", "місце: 50.4, 30.5", "🎲", "контакт: О +380", "Коли? (а · б)", "переслано від Ірина",
                  "тепер назва групи «Нова»", "нова тема «Тема А»"):  # fmt: skip
        assert words in page, words
    assert "переслано" not in visitor.open("/feed", chat=chat, thread=thread, lang="uk")


def test_the_feed_says_when_it_changed(api, visitor):
    chat = api.group()
    address = f"{api.address}/feed?as={OLEG}&chat={chat}"
    versions = [api.session.get(address, timeout=120).headers["X-Version"] for _ in range(2)]
    api.call("sendMessage", chat_id=chat, text="x")
    versions.append(api.session.get(address, timeout=120).headers["X-Version"])
    assert versions[0] == versions[1] != versions[2]


def test_three_languages_say_the_same_things():
    assert set(TEXTS["uk"]) == set(TEXTS["ru"]) == set(TEXTS["en"])
    assert [language("", header) for header in ("", "ru-RU,ru;q=0.9", "de, en;q=0.5", "de")] == ["uk", "ru", "en", "uk"]
    assert language("en", "ru") == "en"


def test_what_is_no_page(api):
    for path in ("/nothing", "/static/nothing.css", "/static/..%2fpage.py"):
        assert api.session.get(api.address + path, timeout=120).status_code == 404
    assert "text/css" in api.session.get(f"{api.address}/static/page.css", timeout=120).headers["Content-Type"]
