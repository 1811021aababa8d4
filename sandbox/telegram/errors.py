"""What the Bot API refuses, in its own words (contract 1.6). `NAMED` is what the switch `errors_next` may ask for."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An answer with `ok: false`; the HTTP status equals `error_code`."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code, self.description, self.parameters = code, description, parameters


def bad(text: str, **parameters: Any) -> Refusal:
    return Refusal(400, f"Bad Request: {text}", **parameters)


def forbidden(text: str) -> Refusal:
    return Refusal(403, f"Forbidden: {text}")


def conflict(text: str) -> Refusal:
    return Refusal(409, f"Conflict: {text}")


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized")


def no_method() -> Refusal:
    return Refusal(404, "Not Found: method not found")


def too_many(seconds: int) -> Refusal:
    return Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


def upgraded(chat: int) -> Refusal:
    return bad("group chat was upgraded to a supergroup chat", migrate_to_chat_id=chat)


def rights(what: str) -> Refusal:
    return bad(f"not enough rights to {what}")


NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content "
    "and reply markup of the message"
)
WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
STALE_QUERY = "query is too old and response timeout expired or query ID is invalid"

NAMED: dict[str, tuple[int, str]] = {
    "unauthorized": (401, "Unauthorized"),
    "chat_not_found": (400, "Bad Request: chat not found"),
    "reply_not_found": (400, "Bad Request: message to be replied not found"),
    "thread_not_found": (400, "Bad Request: message thread not found"),
    "not_modified": (400, f"Bad Request: {NOT_MODIFIED}"),
    "edit_not_found": (400, "Bad Request: message to edit not found"),
    "cannot_edit": (400, "Bad Request: message can't be edited"),
    "too_long": (400, "Bad Request: message is too long"),
    "text_empty": (400, "Bad Request: message text is empty"),
    "file_too_big": (400, "Bad Request: file is too big"),
    "no_rights": (400, "Bad Request: not enough rights to send text messages to the chat"),
    "kicked_group": (403, "Forbidden: bot was kicked from the group chat"),
    "kicked_supergroup": (403, "Forbidden: bot was kicked from the supergroup chat"),
    "not_member": (403, "Forbidden: bot is not a member of the supergroup chat"),
    "group_deleted": (403, "Forbidden: the group chat was deleted"),
    "blocked": (403, "Forbidden: bot was blocked by the user"),
    "deactivated": (403, "Forbidden: user is deactivated"),
    "conflict": (409, f"Conflict: {WEBHOOK_ACTIVE}"),
    "entity_too_large": (413, "Request Entity Too Large"),
    "internal": (500, "Internal Server Error"),
    "bad_gateway": (502, "Bad Gateway"),
    "unavailable": (503, "Service Unavailable"),
    "gateway_timeout": (504, "Gateway Timeout"),
}
