"""Other people's unmodified clients against this server: they know the product, and we did not write them."""

from __future__ import annotations

import asyncio
import io
import threading
from datetime import timedelta

import aiogram
import pytest
import telebot
import telegram
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import BufferedInputFile, InputMediaDocument, InputMediaPhoto
from telebot import apihelper
from telegram.ext import AIORateLimiter, Application, CallbackQueryHandler, ExtBot, MessageHandler, filters
from telegram.request import HTTPXRequest

pytestmark = pytest.mark.row("PT-12", "PL-08")
PICTURE = b"\xff\xd8\xff\xe0 a picture"
BUTTONS = {"inline_keyboard": [[{"text": "Беру", "callback_data": "5512:take"}]]}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("PTB_TIMEDELTA", "true")  # else every 429 brings a DeprecationWarning


def act(api, chat, number):
    """What a person does, so that every kind of update comes once; the bot's message has this id."""
    said = api.door("/write", person="oleg", chat=chat, text="Курс 41,33 /stan@desk_bot", reply_to_id=number, quote="5512")
    api.door("/edit", message=said["message"], text="Курс 41,30")
    api.door("/album", person="oleg", chat=chat, items=[{"photo": "a.jpg", "caption": "чеки"}, {"video": "b.mp4"}])
    for kind in ("document", "voice", "audio", "animation", "video_note", "sticker"):
        api.door("/write", person="oleg", chat=chat, **{kind: f"{kind}.bin"})
    api.door("/write", person="iryna", chat=chat, location={"latitude": 50.4, "longitude": 30.5})
    api.door("/write", person="iryna", chat=chat, contact={"phone_number": "+380", "first_name": "О"})
    api.door("/write", person="iryna", chat=chat, poll={"question": "?", "options": ["так", "ні"]})
    api.door("/write", person="iryna", chat=chat, dice="🎲", thread=0)
    api.door("/write", person="iryna", chat=chat, forward=said["message"])
    api.door("/write", person="iryna", chat=chat, forward=said["message"], hidden=True)
    api.door("/react", person="oleg", chat=chat, message_id=number, emoji="👍")
    api.door("/press", person="oleg", chat=chat, message_id=number, button="Беру")
    api.door("/pin", chat=chat, message_id=number)
    api.door("/rename", chat=chat, title="Нова")
    api.door("/join", chat=chat, person="pan")
    api.door("/leave", chat=chat, person="pan")
    api.door("/promote", chat=chat, user="desk_bot", rights=["can_pin_messages"])
    api.door("/block", person="oleg")
    api.door("/block", person="oleg", blocked=False)


KINDS = ["message", "edited_message", "my_chat_member", "chat_member", "message_reaction", "callback_query"]


@pytest.fixture
def chat(api):
    api.door("/person", name="Пан", username="pan", id=42)
    api.door("/start", person="oleg")
    return api.group(admin=True)


# -- python-telegram-bot


def ptb(api, token=None, **more):
    request = HTTPXRequest(httpx_kwargs={"trust_env": False})
    return ExtBot(
        token or api.token, base_url=f"{api.address}/bot", base_file_url=f"{api.address}/file/bot",
        request=request, get_updates_request=HTTPXRequest(httpx_kwargs={"trust_env": False}), **more,
    )  # fmt: skip


def test_ptb_sends_edits_and_reads(api, chat):
    async def story():
        async with ptb(api, rate_limiter=AIORateLimiter(max_retries=2)) as bot:
            sent = await bot.send_message(
                chat,
                "<b>Заявка 5512</b>",
                parse_mode="HTML",
                reply_markup=telegram.InlineKeyboardMarkup.de_json(BUTTONS, bot),
            )
            assert (sent.text, sent.entities[0].type) == ("Заявка 5512", "bold")
            answer = await bot.send_message(
                chat, "так", reply_parameters=telegram.ReplyParameters(sent.message_id, allow_sending_without_reply=True)
            )
            assert answer.reply_to_message.message_id == sent.message_id
            document = await bot.send_document(chat, PICTURE, filename="звірка.pdf", caption="a")
            file = await bot.get_file(document.document.file_id)
            assert bytes(await file.download_as_bytearray()) == PICTURE
            album = await bot.send_media_group(
                chat, [telegram.InputMediaPhoto(PICTURE, caption="x"), telegram.InputMediaPhoto(PICTURE)]
            )
            assert album[0].media_group_id == album[1].media_group_id
            assert (await bot.edit_message_caption(chat, document.message_id, caption="b")).caption == "b"
            full = await bot.get_chat(chat)
            assert (full.title, full.permissions.can_send_polls) == ("Партнер 118", True)
            member = await bot.get_chat_member(chat, bot.id)
            assert (member.status, member.can_pin_messages) == ("administrator", True)
            assert [one.status for one in await bot.get_chat_administrators(chat)] == ["creator", "administrator"]
            assert (await bot.create_chat_invite_link(chat)).invite_link
            await bot.set_my_commands([telegram.BotCommand("stan", "Стан")])
            assert (await bot.get_my_commands())[0].command == "stan"
            await bot.send_location(chat, 50.4, 30.5)
            assert (await bot.send_poll(chat, "?", ["a", "b"])).poll.options[1].text == "b"
            assert (await bot.send_dice(chat)).dice.value
            assert await bot.set_message_reaction(chat, sent.message_id, "👍")
            await bot.get_updates(allowed_updates=KINDS)
            await asyncio.to_thread(act, api, chat, sent.message_id)
            updates = await bot.get_updates()
            seen = [next(kind for kind in KINDS if getattr(one, kind)) for one in updates]
            assert set(seen) == set(KINDS)
            assert [kind for kind in seen if kind != "message"].count("my_chat_member") == 3
            assert not any(one.api_kwargs for one in updates)
            asked = next(one.callback_query for one in updates if one.callback_query)
            assert await asked.answer("Записано")
            said = updates[0].message
            assert (said.quote.text, said.reply_to_message.message_id) == ("5512", sent.message_id)
            assert {type(one.message.forward_origin).__name__ for one in updates if one.message} >= {
                "MessageOriginUser", "MessageOriginHiddenUser",
            }  # fmt: skip

    asyncio.run(story())


def test_ptb_errors(api, chat):
    async def story():
        with pytest.raises(telegram.error.InvalidToken):
            async with ptb(api, "7000000001:wrong"):
                pass
        async with ptb(api) as bot:
            basic = api.group("group")
            new = api.door("/upgrade", chat=basic)["chat"]
            with pytest.raises(telegram.error.ChatMigrated) as moved:
                await bot.send_message(basic, "x")
            assert moved.value.new_chat_id == new
            api.door("/faults", flood_next=1, flood_seconds=7)
            with pytest.raises(telegram.error.RetryAfter) as flood:
                await bot.send_message(chat, "x")
            assert flood.value.retry_after == timedelta(seconds=7)
            with pytest.raises(telegram.error.BadRequest, match=r"[Mm]essage text is empty"):
                await bot.send_message(chat, "")
            sent = await bot.send_message(chat, "x")
            with pytest.raises(telegram.error.BadRequest, match=r"[Mm]essage is not modified"):
                await bot.edit_message_text("x", chat, sent.message_id)
            api.door("/faults", errors_next="bad_gateway")
            with pytest.raises(telegram.error.NetworkError):
                await bot.send_message(chat, "x")
            api.door("/faults", cut_after_commit_next=1)
            with pytest.raises(telegram.error.NetworkError):
                await bot.send_message(chat, "дійшло")
            assert api.seen(chat)[-1]["text"] == "дійшло"
            await bot.set_webhook("https://example.org/hook", secret_token="s")
            with pytest.raises(telegram.error.Conflict):
                await bot.get_updates()
            assert (await bot.get_webhook_info()).url == "https://example.org/hook"
            await bot.delete_webhook()
            api.door("/kick", chat=chat, user="desk_bot")
            with pytest.raises(telegram.error.Forbidden, match="bot was kicked from the supergroup chat"):
                await bot.send_message(chat, "x")

    asyncio.run(story())


def test_ptb_limiter_waits_after_a_429(api, chat):
    async def story():
        async with ptb(api, rate_limiter=AIORateLimiter(max_retries=2)) as bot:
            api.door("/faults", flood_next=1, flood_seconds=1)
            await bot.send_message(chat, "таки дійшло")

    asyncio.run(story())
    assert [one["text"] for one in api.seen(chat)] == ["таки дійшло"]


def test_ptb_polls(api, chat):
    """Its own loop of getUpdates, with an Application."""

    async def story():
        got, enough = [], asyncio.Event()

        async def seen(update, context):
            got.append(update)
            if update.callback_query:
                await update.callback_query.answer("так")
                enough.set()

        app = Application.builder().bot(ptb(api)).build()
        app.add_handler(MessageHandler(filters.ALL, seen))
        app.add_handler(CallbackQueryHandler(seen))
        async with app:
            await app.start()
            await app.updater.start_polling(timeout=30)
            sent = await app.bot.send_message(
                chat, "Заявка", reply_markup=telegram.InlineKeyboardMarkup.de_json(BUTTONS, app.bot)
            )
            await asyncio.to_thread(api.door, "/write", person="oleg", chat=chat, text="привіт")
            await asyncio.to_thread(api.door, "/press", person="oleg", chat=chat, message_id=sent.message_id, button="Беру")
            await asyncio.wait_for(enough.wait(), 120)
            await app.updater.stop()
            await app.stop()
        assert [one.effective_message.text for one in got] == ["привіт", "Заявка"]

    asyncio.run(story())


def test_ptb_decodes_what_the_webhook_posts(api, chat, receiver):
    sent = api.call("sendMessage", chat_id=chat, text="Заявка 5512", reply_markup=BUTTONS)["message_id"]
    api.call("setWebhook", url=receiver.address, allowed_updates=KINDS)
    act(api, chat, sent)
    assert api.door("/wait-idle", timeout=120)["idle"]
    updates = [telegram.Update.de_json(item["update"], None) for item in receiver.got]
    assert {next(kind for kind in KINDS if getattr(one, kind)) for one in updates} == set(KINDS)


# -- aiogram: strict models of every type


def gram(api, token=None):
    session = AiohttpSession(api=TelegramAPIServer.from_base(api.address))
    return aiogram.Bot(token or api.token, session=session)


def test_aiogram_sends_edits_and_reads(api, chat):
    async def story():
        async with gram(api) as bot:
            assert (await bot.me()).username == "desk_bot"
            sent = await bot.send_message(
                chat, "*Заявка 5512*", parse_mode="MarkdownV2",
                reply_markup=aiogram.types.InlineKeyboardMarkup.model_validate(BUTTONS),
            )  # fmt: skip
            assert sent.text == "Заявка 5512"
            document = await bot.send_document(chat, BufferedInputFile(PICTURE, "звірка.pdf"), caption="a")
            assert (await bot.download(document.document)).read() == PICTURE
            album = await bot.send_media_group(
                chat, [InputMediaPhoto(media=BufferedInputFile(PICTURE, "a.jpg"), caption="x"),
                       InputMediaPhoto(media=BufferedInputFile(PICTURE, "b.jpg"))],
            )  # fmt: skip
            assert len({one.media_group_id for one in album}) == 1
            swapped = await bot.edit_message_media(
                InputMediaDocument(media=BufferedInputFile(b"2", "b.txt")), chat_id=chat, message_id=document.message_id
            )
            assert swapped.document.file_name == "b.txt"
            assert (await bot.edit_message_text("Заявка 5512 ще", chat_id=chat, message_id=sent.message_id)).edit_date
            assert (await bot.get_chat(chat)).title == "Партнер 118"
            assert (await bot.get_chat_member(chat, bot.id)).status == "administrator"
            assert (await bot.send_poll(chat, "?", ["a", "b"])).poll.options[0].text == "a"
            await bot.edit_message_reply_markup(
                chat_id=chat, message_id=sent.message_id,
                reply_markup=aiogram.types.InlineKeyboardMarkup.model_validate(BUTTONS),
            )  # fmt: skip
            await bot.get_updates(allowed_updates=KINDS)
            await asyncio.to_thread(act, api, chat, sent.message_id)
            updates = await bot.get_updates()
            assert {one.event_type for one in updates} == set(KINDS)
            asked = next(one.callback_query for one in updates if one.callback_query)
            assert await bot.answer_callback_query(asked.id, text="так")
            forum = await asyncio.to_thread(lambda: api.group("forum", admin=True))
            assert (await bot.create_forum_topic(forum, "Тема")).message_thread_id

    asyncio.run(story())


def test_aiogram_errors(api, chat):
    async def story():
        async with gram(api, "7000000001:wrong") as stranger:
            with pytest.raises(TelegramUnauthorizedError):
                await stranger.get_me()
        async with gram(api) as bot:
            basic = api.group("group")
            new = api.door("/upgrade", chat=basic)["chat"]
            with pytest.raises(TelegramMigrateToChat) as moved:
                await bot.send_message(basic, "x")
            assert moved.value.migrate_to_chat_id == new
            api.door("/faults", flood_next=1, flood_seconds=7)
            with pytest.raises(TelegramRetryAfter) as flood:
                await bot.send_message(chat, "x")
            assert flood.value.retry_after == 7
            with pytest.raises(TelegramBadRequest, match="message to edit not found"):
                await bot.edit_message_text("x", chat_id=chat, message_id=999)
            api.door("/faults", errors_next="internal")
            with pytest.raises(TelegramServerError):
                await bot.send_message(chat, "x")
            await bot.set_webhook("https://example.org/hook")
            with pytest.raises(TelegramConflictError):
                await bot.get_updates()
            await bot.delete_webhook()
            api.door("/kick", chat=chat, user="desk_bot")
            with pytest.raises(TelegramForbiddenError):
                await bot.send_message(chat, "x")

    asyncio.run(story())


def test_aiogram_polls(api, chat):
    async def story():
        dispatcher, got = aiogram.Dispatcher(), []

        @dispatcher.message()
        async def seen(message):
            got.append(message.text)
            await message.reply("бачу")
            await dispatcher.stop_polling()

        async with gram(api) as bot:
            await asyncio.to_thread(api.door, "/write", person="oleg", chat=chat, text="привіт")
            await asyncio.wait_for(dispatcher.start_polling(bot, polling_timeout=1, handle_signals=False), 120)
        assert got == ["привіт"]

    asyncio.run(story())
    assert [one["text"] for one in api.seen(chat)] == ["привіт", "бачу"]


def test_aiogram_decodes_what_the_webhook_posts(api, chat, receiver):
    sent = api.call("sendMessage", chat_id=chat, text="Заявка 5512", reply_markup=BUTTONS)["message_id"]
    api.call("setWebhook", url=receiver.address, allowed_updates=KINDS)
    act(api, chat, sent)
    assert api.door("/wait-idle", timeout=120)["idle"]
    assert {aiogram.types.Update.model_validate(item["update"]).event_type for item in receiver.got} == set(KINDS)


# -- pyTelegramBotAPI: synchronous, another author's idea of the same


@pytest.fixture
def bell(api, monkeypatch):
    monkeypatch.setattr(apihelper, "API_URL", f"{api.address}/bot{{0}}/{{1}}")
    monkeypatch.setattr(apihelper, "FILE_URL", f"{api.address}/file/bot{{0}}/{{1}}")
    writes, name = apihelper.fields, apihelper.format_header_param_name
    monkeypatch.setattr(writes, name, getattr(writes, name))  # it changes how the whole process writes names of files
    yield telebot.TeleBot(api.token, threaded=False)
    apihelper._get_req_session(reset=True).close()


def test_telebot_sends_edits_and_reads(api, bell, chat):
    assert bell.get_me().username == "desk_bot"
    markup = telebot.types.InlineKeyboardMarkup([[telebot.types.InlineKeyboardButton("Беру", callback_data="5512:take")]])
    sent = bell.send_message(chat, "<b>Заявка 5512</b>", parse_mode="HTML", reply_markup=markup)
    assert sent.html_text == "<b>Заявка 5512</b>"
    document = bell.send_document(chat, io.BytesIO(PICTURE), visible_file_name="моя звірка.pdf", caption="a")
    assert document.document.file_name == "моя звірка.pdf"
    path = bell.get_file(document.document.file_id).file_path
    assert bell.download_file(path) == PICTURE
    album = bell.send_media_group(chat, [telebot.types.InputMediaPhoto(PICTURE), telebot.types.InputMediaPhoto(PICTURE)])
    assert len({one.media_group_id for one in album}) == 1
    assert bell.edit_message_caption("b", chat, document.message_id).caption == "b"
    assert bell.get_chat(chat).title == "Партнер 118"
    bell.get_updates(allowed_updates=KINDS, long_polling_timeout=0)
    act(api, chat, sent.message_id)
    updates = bell.get_updates()
    assert {next(kind for kind in KINDS if getattr(one, kind)) for one in updates} == set(KINDS)
    assert bell.answer_callback_query(next(one.callback_query.id for one in updates if one.callback_query))


def test_telebot_errors(api, bell, chat):
    for switch, code in (("chat_not_found", 400), ("blocked", 403), ("conflict", 409)):
        api.door("/faults", errors_next=switch)
        with pytest.raises(apihelper.ApiTelegramException) as refused:
            bell.send_message(chat, "x")
        assert refused.value.error_code == code
    api.door("/faults", flood_next=1, flood_seconds=7)
    with pytest.raises(apihelper.ApiTelegramException) as flood:
        bell.send_message(chat, "x")
    assert flood.value.result_json["parameters"]["retry_after"] == 7
    sent = bell.send_message(chat, "x")
    with pytest.raises(apihelper.ApiTelegramException, match="message is not modified"):
        bell.edit_message_text("x", chat, sent.message_id)


def test_telebot_polls(api, bell, chat):
    got = []

    @bell.message_handler(content_types=["text", "photo"])
    def seen(message):
        got.append(message.text)
        bell.reply_to(message, "бачу")
        bell.stop_polling()

    api.door("/write", person="oleg", chat=chat, text="привіт")
    polling = threading.Thread(target=lambda: bell.polling(timeout=60, long_polling_timeout=30))
    polling.start()
    polling.join(120)
    assert not polling.is_alive()
    assert got == ["привіт"]
    assert [one["text"] for one in api.seen(chat)] == ["привіт", "бачу"]


def test_telebot_reads_what_the_webhook_posts(api, bell, chat, receiver):
    sent = api.call("sendMessage", chat_id=chat, text="Заявка 5512", reply_markup=BUTTONS)["message_id"]
    bell.set_webhook(receiver.address, allowed_updates=KINDS, secret_token="s")
    act(api, chat, sent)
    assert api.door("/wait-idle", timeout=120)["idle"]
    read = [telebot.types.Update.de_json(item["update"]) for item in receiver.got]
    assert {next(kind for kind in KINDS if getattr(one, kind)) for one in read} == set(KINDS)
    assert bell.get_webhook_info().url == receiver.address
