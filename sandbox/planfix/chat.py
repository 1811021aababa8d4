"""Chat API: a messenger of our own inside Planfix, form-encoded both ways (contract 7)."""

from __future__ import annotations

import json
from typing import Any

import requests
from flask import Blueprint, Response, request

from sandbox.planfix import changes, comments, contacts, web
from sandbox.planfix.changes import Hand
from sandbox.planfix.model import Contact, Task
from sandbox.planfix.state import Portal

ANSWER_SECONDS_MAX = 10.0


class Chats:
    """Which chat is which task, which outside person is which contact. One chat = ONE task."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.tasks: dict[str, int] = {}
        self.people: dict[str, int] = {}
        self.statuses: dict[str, str] = {}
        self.session = requests.Session()
        self.session.trust_env = False

    def close(self) -> None:
        self.session.close()

    # -- in

    def person(self, form: dict[str, str]) -> Contact:
        """Found by contactId or made."""
        portal, key = self.portal, form["contactId"]
        if key in self.people and self.people[key] in portal.contacts:
            return portal.contacts[self.people[key]]
        data = {
            "name": form.get("contactName") or key,
            "lastname": form.get("contactLastName", ""),
            "template": {"id": int(portal.chat["template"])},
        }
        contact = contacts.create_contact(portal, data, portal.robot())
        self.people[key] = contact.id
        return contact

    def task(self, form: dict[str, str], contact: Contact) -> Task:
        """Found by chatId or made; a title sent each time renames the task each time (live)."""
        portal, robot = self.portal, Hand(self.portal.robot())
        number = self.tasks.get(form["chatId"])
        if number in portal.tasks:
            task = portal.tasks[number]
            if form.get("title"):
                changes.update_task(portal, task, {"name": form["title"]}, robot)
            return task
        owner = int(portal.chat["object"])
        given = {key[5:]: value for key, value in form.items() if key.startswith("data_")}
        named = {portal.field_by_label("task", owner, label): value for label, value in given.items()}
        data: dict[str, Any] = {
            "name": form.get("title") or f"{contact.full_name}: {form.get('message', '')[:60]}",
            "object": {"id": owner},
            "counterparty": {"id": f"contact:{contact.id}"},
            "customFieldData": [{"field": {"id": n}, "value": value} for n, value in named.items() if n],
        }
        task = changes.create_task(portal, data, robot)
        self.tasks[form["chatId"]] = task.id
        return task

    def message(self, form: dict[str, str]) -> None:
        portal = self.portal
        contact = self.person(form)
        task = self.task(form, contact)
        author = f"contact:{contact.id}"
        if form.get("isEcho") == "true":  # a message our side sent, logged under the employee's e-mail
            known = (user.id for user in portal.users.values() if user.email == form.get("userEmail"))
            author = next(known, portal.robot().id)
        data = {"description": form.get("message", ""), "owner": {"id": author}}
        comments.create(portal, data, Hand(portal.robot()), task=task.id).from_type = "WebChatApi"

    # -- out

    def say(self, task: int, user: str, text: str) -> dict[str, Any]:
        """An employee answers in the task: POST to the address of the integration's settings."""
        portal = self.portal
        with portal.lock:
            chat = next((key for key, number in self.tasks.items() if number == task), "")
            person = portal.users[user]
            message_id = comments.create(portal, {"description": text}, Hand(person), task=task).id
        form = {
            "cmd": "newMessage", "providerId": portal.chat["provider"], "chatId": chat, "token": portal.chat["token"],
            "message": text, "messageId": str(message_id), "userName": person.name, "userLastName": person.lastname,
        }  # fmt: skip
        try:
            answer = self.session.post(portal.chat["address"], data=form, timeout=ANSWER_SECONDS_MAX)
        except requests.RequestException as error:
            return {"status": 0, "error": type(error).__name__, "messageId": str(message_id)}
        return {"status": answer.status_code, "messageId": str(message_id), "answer": answer.text[:500]}


def routes(public: Blueprint, door: Blueprint, chats: Chats) -> None:
    """Register /webchat/api, and /sandbox/chat by which a test writes as an employee."""
    portal = chats.portal

    @public.post("/webchat/api")
    def webchat() -> Response:
        form = dict(request.form.items())
        chat = portal.chat
        if not chat or form.get("planfix_token") != chat["planfix_token"]:
            return web.raw({"error": "Invalid token"}, 401)
        with portal.lock:
            return command(form)

    def command(form: dict[str, str]) -> Response:
        cmd, needed = form.get("cmd"), {"newMessage": ("chatId", "contactId"), "getTask": ("chatId",)}
        invalid = web.raw({"error": "Invalid parameters"}, 400)
        if form.get("providerId") != portal.chat["provider"] or any(not form.get(key) for key in needed.get(cmd or "", ())):
            return invalid
        if cmd == "newMessage":
            chats.message(form)
            return web.answer(None)
        if cmd == "getTask":
            number = chats.tasks.get(form["chatId"])
            data = {"number": number}
            shown = json.dumps(data) if portal.faults.word("chat_data") == "string" else data
            return web.raw({"data": shown}) if number else web.raw({"error": "task not found"}, 400)
        if cmd in ("getContact", "updateContact"):
            contact = portal.contacts.get(chats.people.get(form.get("contactId", ""), 0))
            if contact is None:
                return web.raw({"error": "contact not found"}, 400)
            if cmd == "updateContact":
                contact.name = form.get("contactName", contact.name)
                contact.lastname = form.get("contactLastName", contact.lastname)
            return web.raw({"data": {"number": contact.id, "name": contact.full_name}})
        if cmd == "messageStatus" and form.get("messageId"):
            status = form.get("messageStatus", "sent")
            chats.statuses[form["messageId"]] = status if status in ("error", "read") else "sent"
            return web.answer(None)
        return invalid

    @door.post("/chat")
    def chat_say() -> Response:
        data = web.body()
        return web.raw(chats.say(web.ref(data.get("task")), str(data["user"]), str(data.get("message", ""))))

    @door.get("/chat")
    def chat_state() -> Response:
        return web.raw({"tasks": chats.tasks, "people": chats.people, "statuses": chats.statuses})
