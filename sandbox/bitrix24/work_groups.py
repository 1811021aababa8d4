"""Work groups and projects: sonet_group.get, and just enough to make some."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.bitrix24 import filters, formats
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

SCOPE = "sonet_group|sonet"


@dataclass(eq=False)
class Group:
    id: int
    name: str
    owner: str
    made: datetime
    description: str = ""
    visible: bool = True
    opened: bool = False
    closed: bool = False
    project: bool = False
    keywords: str = ""
    members: list[str] = field(default_factory=list)


@dataclass
class Groups:
    rows: dict[int, Group] = field(default_factory=dict)


def brief(portal: Portal, ident: Any) -> dict[str, Any] | None:
    """As tasks show their group."""
    group = portal.area(Groups).rows.get(ident or 0)
    if group is None:
        return None
    return {
        "id": str(group.id), "name": group.name, "opened": group.opened, "membersCount": len(group.members),
        "image": "/bitrix/images/socialnetwork/workgroup/folder.png", "additionalData": [],
    }  # fmt: skip


def _shown(group: Group) -> dict[str, Any]:
    moment = formats.iso(group.made)
    return {
        "ID": str(group.id), "SITE_ID": "s1", "NAME": group.name, "DESCRIPTION": group.description or None,
        "DATE_CREATE": moment, "DATE_UPDATE": moment, "ACTIVE": "Y", "VISIBLE": formats.yn(group.visible),
        "OPENED": formats.yn(group.opened), "CLOSED": formats.yn(group.closed), "SUBJECT_ID": "1", "OWNER_ID": group.owner,
        "KEYWORDS": group.keywords or None, "NUMBER_OF_MEMBERS": str(len(group.members)), "DATE_ACTIVITY": moment,
        "SUBJECT_NAME": "Рабочие группы", "PROJECT": formats.yn(group.project), "IS_EXTRANET": "N",
    }  # fmt: skip


def _may_see(call: Call, group: Group) -> bool:
    everything = call.client.admin and formats.flag(call.get("IS_ADMIN", "N"))
    return everything or group.visible or call.client.user_id in group.members


@method("sonet_group.get", scope=SCOPE)
def get(call: Call) -> Listed:
    conditions = {key.upper(): value for key, value in formats.mapping(call.get("FILTER"), "FILTER").items()}
    if call.get("GROUP_ID") is not None:
        conditions["ID"] = call.get("GROUP_ID")
    # `?` is a search for a part of the text, which other methods write as `%`.
    conditions = {f"%{key[1:]}" if key.startswith("?") else key: value for key, value in conditions.items()}
    order = {key.upper(): value for key, value in formats.mapping(call.get("ORDER"), "ORDER").items()}
    rows = [_shown(group) for group in call.portal.area(Groups).rows.values() if _may_see(call, group)]
    return page(call, filters.order(filters.select(rows, conditions, call.portal.zone), order or {"ID": "DESC"}))


@method("sonet_group.create", scope=SCOPE)
def create(call: Call) -> int:
    sent = {key.upper(): value for key, value in call.params.items()}
    name = str(sent.get("NAME") or "")
    if not name:
        raise RestError(400, "", "Group name is not specified.")
    owner = str(formats.integer(sent.get("OWNER_ID")) or call.client.user_id)
    if owner not in call.portal.people:
        raise RestError(400, "", "The owner of the group was not found.")
    group = Group(
        call.portal.next_id("group"), name, owner, call.portal.now(), str(sent.get("DESCRIPTION") or ""),
        formats.flag(sent.get("VISIBLE", "N")), formats.flag(sent.get("OPENED", "N")),
        project=formats.flag(sent.get("PROJECT", "N")), keywords=str(sent.get("KEYWORDS") or ""), members=[owner],
    )  # fmt: skip
    call.portal.area(Groups).rows[group.id] = group
    return group.id


def _own(call: Call) -> Group:
    group = call.portal.area(Groups).rows.get(formats.integer(call.get("GROUP_ID")) or 0)
    if group is None or not (call.client.admin or call.client.user_id == group.owner):
        raise RestError(400, "", "Socialnetwork group not found")
    return group


@method("sonet_group.update", scope=SCOPE)
def update(call: Call) -> int:
    group = _own(call)
    sent = {key.upper(): value for key, value in call.params.items()}
    group.name = str(sent.get("NAME") or group.name)
    group.description = str(sent.get("DESCRIPTION", group.description) or "")
    for name, attribute in (("VISIBLE", "visible"), ("OPENED", "opened"), ("CLOSED", "closed"), ("PROJECT", "project")):
        if name in sent:
            setattr(group, attribute, formats.flag(sent[name]))
    return group.id


@method("sonet_group.delete", scope=SCOPE)
def delete(call: Call) -> bool:
    del call.portal.area(Groups).rows[_own(call).id]
    return True


@method("sonet_group.user.get", scope=SCOPE)
def members(call: Call) -> list[dict[str, str]]:
    """Role A is the owner, K a member."""
    group = call.portal.area(Groups).rows.get(formats.integer(call.get("ID")) or 0)
    if group is None or not _may_see(call, group):
        raise RestError(400, "", "Socialnetwork group not found")
    return [{"USER_ID": member, "ROLE": "A" if member == group.owner else "K"} for member in group.members]


@method("sonet_group.user.add", scope=SCOPE)
def member_add(call: Call) -> list[int]:
    group = _own(call)
    found = [str(number) for number in map(formats.integer, formats.items(call.get("USER_ID"))) if number]
    added = [member for member in found if member in call.portal.people and member not in group.members]
    group.members += added
    return [int(member) for member in added]
