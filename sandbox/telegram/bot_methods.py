"""Methods about the bot itself, its updates and its files."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from sandbox.telegram import media, show, updates
from sandbox.telegram.errors import bad
from sandbox.telegram.params import Call
from sandbox.telegram.registry import method

PORTS = (443, 80, 88, 8443)
LOCAL = ("127.0.0.1", "localhost", "::1")
SECRET = re.compile(r"[A-Za-z0-9_-]*")


@method("getMe")
def get_me(call: Call) -> Any:
    return show.me(call.bot)


@method("logOut")
def log_out(call: Call) -> Any:
    call.bot.logged_out = True
    return True


@method("close")
def close(call: Call) -> Any:
    return True


@method("setMyCommands")
def set_commands(call: Call) -> Any:
    given = call.array("commands")
    for one in given:
        if not isinstance(one, dict) or not re.fullmatch(r"/?[a-z0-9_]{1,32}", str(one.get("command", ""))):
            raise bad("BOT_COMMAND_INVALID")
        if not one.get("description"):
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    call.bot.commands[_scope(call)] = [
        {"command": str(one["command"]).lstrip("/"), "description": str(one["description"])} for one in given
    ]
    return True


@method("getMyCommands")
def get_commands(call: Call) -> Any:
    return call.bot.commands.get(_scope(call), [])


@method("deleteMyCommands")
def delete_commands(call: Call) -> Any:
    call.bot.commands.pop(_scope(call), None)
    return True


def _scope(call: Call) -> str:
    given = call.object("scope")
    return f"{given.get('type', 'default')}:{given.get('chat_id', '')}:{call.text('language_code')}"


# -- updates


@method("setWebhook")
def set_webhook(call: Call) -> Any:
    url = call.text("url").strip()
    if not url:
        return delete_webhook(call)
    _check_address(call, url)
    secret = call.text("secret_token")
    if len(secret) > 256:
        raise bad("secret token is too long")
    if not SECRET.fullmatch(secret):
        raise bad("secret token contains unallowed characters")
    hook, bot = call.bot.webhook, call.bot
    call.description = "Webhook is already set" if hook.url == url and hook.secret == secret else "Webhook was set"
    hook.url, hook.secret, hook.gone_since = url, secret, None
    hook.connections = min(max(call.number("max_connections", 40), 1), 100)
    hook.certificate = "certificate" in call.files
    allow(call)
    if call.flag("drop_pending_updates"):
        bot.updates.clear()
    for update in bot.updates:
        update.due, update.attempt, update.delay = call.world.clock.ticks(), 0, 0.0
    bot.poller = None
    call.world.changed.notify_all()
    return True


def _check_address(call: Call, url: str) -> None:
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise bad("invalid webhook URL specified") from None
    if not parts.hostname:
        raise bad("invalid webhook URL specified")
    if parts.hostname in LOCAL and call.world.faults.on("local_webhooks"):
        return
    if parts.scheme != "https":
        raise bad("bad webhook: An HTTPS URL must be provided for webhook")
    if parts.hostname in LOCAL:
        raise bad("bad webhook: IP address 127.0.0.1 is reserved")
    if port not in PORTS:
        raise bad("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def allow(call: Call) -> None:
    """`allowed_updates`, when given; it stays until it is given again."""
    if call.fields.get("allowed_updates") is not None:
        call.bot.allowed = frozenset(str(one) for one in call.array("allowed_updates"))


@method("deleteWebhook")
def delete_webhook(call: Call) -> Any:
    hook = call.bot.webhook
    call.description = "Webhook was deleted" if hook.url else "Webhook is already deleted"
    hook.url, hook.secret, hook.error, hook.error_at, hook.gone_since = "", "", "", 0, None
    if call.flag("drop_pending_updates"):
        call.bot.updates.clear()
    call.world.changed.notify_all()
    return True


@method("getWebhookInfo")
def webhook_info(call: Call) -> Any:
    bot, hook = call.bot, call.bot.webhook
    updates.drop_old(call.world, bot)
    made: dict[str, Any] = {
        "url": hook.url, "has_custom_certificate": hook.certificate,
        "pending_update_count": sum(not update.copy for update in bot.updates),
    }  # fmt: skip
    if hook.url:
        made |= {"max_connections": hook.connections, "ip_address": "127.0.0.1"}
    if hook.error:
        made |= {"last_error_date": hook.error_at, "last_error_message": hook.error}
    if bot.allowed:
        made["allowed_updates"] = sorted(bot.allowed)
    return made


# -- files


@method("getFile")
def get_file(call: Call) -> Any:
    if not call.has("file_id"):
        raise bad("file_id not specified")
    stored = call.world.file_by_id(call.bot.id, call.text("file_id"))
    if stored is None:
        raise bad("invalid file_id")
    if stored.size > call.world.faults.number("download_max"):
        raise bad("file is too big")
    return show.file(call.world, call.bot.id, stored) | {"file_path": media.path(stored)}
