"""Contacts over REST (contract 3.4)."""

from __future__ import annotations

import copy
from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import changes, errors, fields, filters, showing, web
from sandbox.planfix.changes import Hand
from sandbox.planfix.model import Contact, People, User
from sandbox.planfix.queue import BusyQueue
from sandbox.planfix.state import Change, Portal
from sandbox.planfix.tasks import files_out, rows_out

PLAIN = (
    "midname", "gender", "description", "address", "site", "email", "skype", "telegramId", "telegram", "facebook",
    "instagram", "viberId", "position", "languageCode", "timezone", "sourceObjectId", "sourceDataVersion",
)  # fmt: skip


def masked(number: str) -> str:
    """+38 (050) 111-22-33 for twelve digits, a plus before anything else."""
    if len(number) == 12:
        return f"+{number[:2]} ({number[2:5]}) {number[5:8]}-{number[8:10]}-{number[10:]}"
    return f"+{number}"


def contact_out(portal: Portal, contact: Contact, names: web.Wanted, viewer: User, prefixed: bool = False) -> dict[str, Any]:
    """One contact with the asked fields."""
    shown: dict[str, Any] = {key: value for key, value in contact.plain.items() if value not in ("", None)}
    if "telegram" in shown:  # written with @, read without
        shown["telegram"] = str(shown["telegram"]).lstrip("@")
    shown |= {
        "id": f"contact:{contact.id}" if prefixed else contact.id,
        "name": contact.name,
        "lastname": contact.lastname or None,
        "isCompany": contact.company,
        "isDeleted": contact.deleted,
        "template": {"id": contact.template} if contact.template else None,
        "group": _group(portal, contact),
        "phones": [{"number": p["number"], "maskedNumber": masked(p["number"]), "type": p["type"]} for p in contact.phones],
        "supervisors": web.people_out(portal, contact.supervisors),
        "addedBy": web.person_out(portal, contact.added_by),
        "companies": [{"id": n, "name": portal.person_name(f"contact:{n}")} for n in contact.companies],
        "contacts": [web.person_out(portal, f"contact:{n}") for n in contact.contacts],
        "birthDate": web.moment_out(portal, contact.birth, viewer),
        "createdDate": web.moment_out(portal, contact.created, viewer),
        "dateOfLastUpdate": web.moment_out(portal, contact.changed, viewer),
        "files": files_out(portal, contact.files),
        "dataTags": rows_out(portal, portal.contact_rows.get(contact.id, [])),
    }
    shown = web.pick(shown, names)
    if names.numbers:
        sums = showing.totals(portal, "contact", contact.template, contact=contact.id)
        shown |= showing.custom(portal, contact.values, names.numbers, "contact", contact.template, viewer, sums)
    return shown


def _group(portal: Portal, contact: Contact) -> dict[str, Any] | None:
    group = portal.contact_groups.get(contact.group)
    return {"id": group.id, "name": group.name} if group else None


def change_contact(portal: Portal, contact: Contact, data: dict[str, Any], author: User) -> None:
    """Write what was sent; the rest stays."""
    taken = fields.take(portal, data.get("customFieldData"), "contact", contact.template, author)
    for key in ("name", "lastname"):
        if isinstance(data.get(key), str):
            setattr(contact, key, data[key])
    for key in PLAIN:
        if key in data:
            contact.plain[key] = data[key]
    if isinstance(data.get("isCompany"), bool):
        contact.company = data["isCompany"]
    if isinstance(data.get("isDeleted"), bool):
        contact.deleted = data["isDeleted"]
    if web.ref(data.get("group")) in portal.contact_groups:
        contact.group = web.ref(data["group"])
    if isinstance(data.get("phones"), list):
        contact.phones = [
            {"number": "".join(filter(str.isdigit, str(p.get("number", "")))), "type": p.get("type", 1)}
            for p in web.dicts(data["phones"])
        ]  # fmt: skip
    if "supervisors" in data:
        contact.supervisors = web.people_in(data["supervisors"], author)
    for key in ("companies", "contacts"):
        if isinstance(data.get(key), list):
            setattr(contact, key, [n for n in map(web.ref, data[key]) if n in portal.contacts])
    if "birthDate" in data:
        contact.birth = web.moment_in(portal, data["birthDate"], author)
    if isinstance(data.get("files"), list):
        contact.files = [n for n in map(web.ref, data["files"]) if n in portal.files]
    contact.changed = portal.clock.now()
    fields.store(contact.values, taken)


def update_contact(portal: Portal, contact: Contact, data: dict[str, Any], hand: Hand) -> None:
    """A change that the scripts of contacts may see."""
    before = _state(contact)
    change_contact(portal, contact, data, hand.user)
    if _state(contact) != before:
        changes.tell(portal, hand, Change("changed", 0, hand.user.id, chain=hand.chain, contact=contact.id))


def _state(contact: Contact) -> Any:
    return {name: copy.copy(value) for name, value in vars(contact).items() if name not in ("changed", "matched")}


def create_contact(portal: Portal, data: dict[str, Any], author: User, chain: frozenset[str] = frozenset()) -> Contact:
    """A new contact; 2006 when the name is empty (contract 3.4)."""
    if not str(data.get("name") or "").strip():
        raise errors.Refusal(400, 2006, "Contact name is empty")
    template = web.ref(data.get("template"))
    if template not in portal.templates:
        template = next(iter(portal.templates), 0)
    contact = Contact(0, template, "", portal.clock.now(), author.id, supervisors=People())
    change_contact(portal, contact, data, author)
    contact.id = portal.next_id("contact")
    portal.contacts[contact.id] = contact
    changes.tell(portal, Hand(author), Change("created", 0, author.id, chain=chain, contact=contact.id))
    return contact


def merge(portal: Portal, survivor: Contact, gone: Contact) -> list[int]:
    """Merging moves tasks, rows and comments to the survivor; the other number disappears (contract 3.4)."""
    old, new = f"contact:{gone.id}", f"contact:{survivor.id}"
    moved = []
    for task in portal.tasks.values():
        if task.counterparty == old:
            task.counterparty = new
            moved.append(task.id)
        task.values = {number: new if value == old else value for number, value in task.values.items()}
    for row in portal.rows.values():
        row.values = {number: new if value == old else value for number, value in row.values.items()}
        if row.contact == gone.id:
            row.contact = survivor.id
    for comment in portal.comments.values():
        comment.owner = new if comment.owner == old else comment.owner
        comment.contact = survivor.id if comment.contact == gone.id else comment.contact
    for index in (portal.contact_rows, portal.contact_comments):
        index[survivor.id] = sorted(index.get(survivor.id, []) + index.pop(gone.id, []))
    for key, value in gone.plain.items():
        survivor.plain.setdefault(key, value)
    survivor.phones += [phone for phone in gone.phones if phone not in survivor.phones]
    del portal.contacts[gone.id]
    return moved


def routes(rest: Blueprint, portal: Portal, busy: BusyQueue) -> None:
    """Register /contact…"""

    @rest.post("/contact/")
    def contact_create() -> Response:
        return web.answer({"id": create_contact(portal, web.body(), web.viewer()).id}, 201)

    @rest.get("/contact/<ident:number>")
    def contact_get(number: int) -> Response:
        return web.answer({"contact": contact_out(portal, portal.contact(number), web.wanted(), web.viewer())})

    @rest.post("/contact/<ident:number>")
    def contact_update(number: int) -> Response:
        data, hand, contact = web.body(), Hand(web.viewer(), web.silent()), portal.contact(number)
        if "name" in data and not str(data["name"]).strip():
            raise errors.Refusal(400, 2006, "Contact name is empty")
        if busy.is_busy(f"contact:{number}"):
            busy.put(f"contact:{number}", lambda: update_contact(portal, contact, data, hand))
            return web.answer(None, 202)
        update_contact(portal, contact, data, hand)
        return web.updated(portal, field="name")

    @rest.post("/contact/list")
    def contact_list() -> Response:
        data, user = web.body(), web.viewer()
        test = filters.for_contacts(portal, data.get("filters"), user)
        company = data.get("isCompany")
        found = [
            c for c in portal.contacts.values() if not c.deleted and (company is None or c.company == company) and test(c)
        ]
        found.sort(key=lambda c: c.id)
        names, prefixed = web.wanted(data), data.get("prefixedId") is True
        shown = [contact_out(portal, c, names, user, prefixed) for c in web.page(portal, found, data)]
        return web.answer({"contacts": shown})

    @rest.post("/contact/import")
    def contact_import() -> Response:
        _import(portal, web.body(), web.viewer())
        return web.answer(None, 201)  # an empty 201 is all one learns

    @rest.get("/contact/templates")
    def contact_templates() -> Response:
        names = web.wanted()
        found = web.page(portal, [t for t in portal.templates.values() if not t.company])
        return web.answer({"templates": [web.pick({"id": t.id, "name": t.name}, names) for t in found]})

    @rest.get("/contact/groups")
    def contact_groups() -> Response:
        names = web.wanted()
        return web.answer(
            {"groups": [web.pick({"id": g.id, "name": g.name}, names) for g in portal.contact_groups.values()]}
        )

    @rest.post("/contact/filters")
    def contact_filters() -> Response:
        return web.answer({"filters": [{"id": ":all", "name": "All"}]})

    @rest.get("/contact/<ident:number>/files")
    def contact_files(number: int) -> Response:
        return web.answer({"files": files_out(portal, portal.contact(number).files)})


def _import(portal: Portal, data: dict[str, Any], author: User) -> None:
    """The only "upsert": by a unique key, duplicates ignored, updated or added (contract 3.4)."""
    unique = str(data.get("optionImportUniqueField") or data.get("optionImportUniqueDefaultField") or "")
    mode = data.get("optionImportDuplicate", "none")
    for item in web.dicts(data.get("contacts")):
        known = _same(portal, item, unique) if unique and mode != "none" else None
        if known is None:
            create_contact(portal, {"template": {"id": data.get("contactTemplateId")}, **item}, author)
        elif mode == "update":
            update_contact(portal, known, item, Hand(author))


def _same(portal: Portal, item: dict[str, Any], unique: str) -> Contact | None:
    if unique.startswith("custom:"):
        number = web.ref(unique)
        sent = next(
            (d.get("value") for d in web.dicts(item.get("customFieldData")) if fields.field_number(d) == number), None
        )
        return next((c for c in portal.contacts.values() if sent and c.values.get(number) == sent), None)
    sent = item.get(unique)
    if unique == "name":
        return next((c for c in portal.contacts.values() if sent and c.name == sent), None)
    return next((c for c in portal.contacts.values() if sent and c.plain.get(unique) == sent), None)
