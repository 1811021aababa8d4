"""Robots, pages inside the portal and events: what only our installed application may bind, and to which address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from connectors.bitrix24.codes import ENTITY_TYPES, kind_of, smart_key
from connectors.bitrix24.setup_model import LANGUAGES, Application, Call, Key, Memory, Placed, State, Step, digest
from connectors.bitrix24.setup_words import INSTALL, PUBLIC, is_shall, remedy
from kernel.errors import Fault
from kernel.extension import Plugin
from kernel.mapping import MappingSet, RobotMap

ROBOT_PREFIX = SENDER_PREFIX = "annex_"
TEXTS = "sms"  #: what follows our door's address where the portal hands texts over
WORKER = "PAGE_BACKGROUND_WORKER"
FIELD = "USERFIELD_TYPE"  #: a portal may list pages in the place of a field, too: they have methods of their own
CHANGES = ("ADD", "UPDATE", "DELETE")
LIFE = ("ONAPPUNINSTALL", "ONAPPUPDATE")
MOVED = "ONCRMDEALMOVETOCATEGORY"
DOCUMENTS: Mapping[str, tuple[str, str]] = {
    "lead": ("CCrmDocumentLead", "LEAD"), "deal": ("CCrmDocumentDeal", "DEAL"),
    "contact": ("CCrmDocumentContact", "CONTACT"), "company": ("CCrmDocumentCompany", "COMPANY"),
}  # fmt: skip


@dataclass(frozen=True)
class Addresses:
    """Where the portal reaches us."""

    public: str
    portal: str
    local: bool  #: the portal itself runs on this machine, so a local address is as good

    @property
    def hooks(self) -> str:
        return f"{self.public}/hooks/bitrix24/{self.portal}"

    def frame(self, page: str) -> str:
        # A page may have a gap for the record it is opened on, «{deal}»: braces do not stand bare in an address.
        return f"{self.public}/frame/bitrix24/{self.portal}/{quote(page.lstrip('/'), safe='/')}"

    def page_of(self, handler: str) -> str | None:
        """Which page of ours an address opens, whatever its host: the public address may have changed."""
        head, found, page = urlsplit(handler).path.partition(f"/frame/bitrix24/{self.portal}/")
        return f"/{unquote(page)}" if found and not head.strip("/").count("/") else None

    def is_hook(self, handler: str) -> bool:
        return f"{urlsplit(handler).path}/".find(f"/hooks/bitrix24/{self.portal}/") >= 0

    @property
    def usable(self) -> bool:
        parts = urlsplit(self.public)
        inside = (parts.hostname or "") in ("", "localhost", "127.0.0.1")
        return self.local or (parts.scheme == "https" and not inside)


def app_steps(
    mapping: MappingSet, plugins: Sequence[Plugin], addresses: Addresses, state: State, memory: Memory
) -> list[Step]:
    events, later = wanted_events(mapping, plugins, memory)
    portal = mapping.portal
    wanted = len(events) + len(later) + len(portal.robot) + len(portal.placement) + len(portal.field_type)
    wanted += len(portal.sender)
    app, handler = state.app, addresses.hooks
    if "app" in state.refused:
        return []
    if not wanted and not (app and app.installed and addresses.usable):
        return []
    if app is None:
        why = f"без него нельзя поставить события, роботов и встройки ({wanted}). {INSTALL.format(handler=handler)}"
        return [Step("manual", "приложение не установлено", why)]
    if not app.installed:
        words = "откройте его в Битрикс24 один раз как администратор: до этого события не приходят, а встройки не видны"
        return [Step("manual", "приложение установлено не до конца", words)]
    if not addresses.usable:
        return [Step("manual", f"адрес «{addresses.public}»", PUBLIC)]
    steps = _events(events, app, addresses) if "events" not in state.refused else []
    steps += [Step("create", f"события {name}") for name in later]
    if "placement" not in state.refused:
        steps += _placements(mapping, app, addresses)
    if "bizproc" not in state.refused:
        steps += _robots(mapping, app, addresses, memory)
    if "messageservice" not in state.refused:
        steps += _senders(mapping, app, addresses, memory)
    return steps


def refused_steps(state: State, titles: Mapping[str, str]) -> list[Step]:
    """What the portal did not let us read, and what to do about it."""
    return [Step("manual", titles.get(area, area), _explain(fault)) for area, fault in state.refused.items()]


def _explain(fault: Fault) -> str:
    words = remedy(fault)
    return f"портал не отвечает на это: {fault}{'; ' + words if words else ''}"


# --- events ----------------------------------------------------------------------------------------------------------------


def wanted_events(mapping: MappingSet, plugins: Sequence[Plugin], memory: Memory) -> tuple[list[str], list[str]]:
    """Names of the events that the plugins' watches need; and those that wait for a smart process to be made."""
    watched = {
        (watch.entity, watch.tables) for plugin in plugins for watch in plugin.watches if watch.entity in mapping.entities
    }
    found, later = set[str](), set[str]()
    if any(watch.entity in mapping.entities for plugin in plugins for watch in plugin.comments):
        found |= {"ONCRMTIMELINECOMMENTADD", "ONCRMTIMELINECOMMENTUPDATE"}
    for entity, tables in watched:
        kind = kind_of(mapping.entities[entity])
        if kind in ENTITY_TYPES:
            found |= {f"ONCRM{kind.upper()}{change}" for change in CHANGES}
        if kind == "deal":
            found.add(MOVED)
        words = [smart_key(entity, table) for table in tables if table in mapping.entities[entity].table]
        for key in [*words, *([entity] if kind == "smart" else [])]:
            if pair := memory.get("smart", key):
                found |= {f"ONCRMDYNAMICITEM{change}_{pair[0]}" for change in CHANGES}
            else:
                later.add(f"ONCRMDYNAMICITEM* «{key}»")
    return sorted(found | set(LIFE)) if found else [], sorted(later)


def _events(wanted: Sequence[str], app: Application, addresses: Addresses) -> list[Step]:
    steps = []
    ours = [(event, handler) for event, handler in app.events if addresses.is_hook(handler)]
    for event in wanted:
        if (event, addresses.hooks) in ours:
            continue
        if (
            app.known_events
            and event not in LIFE
            and event.partition("_")[0] not in {e.partition("_")[0] for e in app.known_events}
        ):
            steps.append(Step("note", f"событие {event}", "портал его не знает: изменения найдёт обход"))
            continue
        old = [handler for name, handler in ours if name == event]
        calls = (*(_unbind(event, handler) for handler in old), _event("event.bind", event, addresses.hooks))
        if old:
            steps.append(Step("change", f"событие {event}", is_shall(old[0], addresses.hooks), calls))
        else:
            steps.append(Step("create", f"событие {event}", addresses.hooks, calls))
    for event, handler in ours:
        if event not in wanted:
            steps.append(Step("change", f"событие {event}", "никому больше не нужно: снять", (_unbind(event, handler),)))
    return steps


def _event(method: str, event: str, handler: str) -> Call:
    return Call(method, {"event": event, "handler": handler}, app=True)


def _unbind(event: str, handler: str) -> Call:
    return _event("event.unbind", event, handler)


# --- pages inside the portal -------------------------------------------------------------------------------------------


def _placements(mapping: MappingSet, app: Application, addresses: Addresses) -> list[Step]:
    steps, kept = list[Step](), set[Placed]()
    for one in mapping.portal.placement.values():
        what, handler = f"встройка «{one.title}» ({one.place})", addresses.frame(one.page)
        same = [item for item in app.placed if item.place == one.place and _same_page(item, one.page, addresses)]
        good = next((item for item in same if item.handler == handler and item.title == one.title), None)
        kept |= set(same)
        if good is not None and len(same) == 1:
            continue
        if app.places and one.place not in app.places:
            words = (
                "портал не предлагает такого места: не тот тариф, не хватает права приложения или место названо с ошибкой"
            )
            steps.append(Step("manual", what, words))
            continue
        calls = (*(_unplace(item) for item in same), _place(one.place, handler, one.title, addresses))
        if not same:
            steps.append(Step("create", what, handler, calls))
        elif same[0].handler != handler:
            steps.append(Step("change", what, is_shall(same[0].handler, handler), calls))
        else:
            steps.append(Step("rename", what, is_shall(same[0].title, one.title), calls))
    for item in app.placed:
        if item not in kept and item.place != FIELD and addresses.page_of(item.handler) is not None:
            what = f"встройка «{item.title}» ({item.place})"
            steps.append(Step("change", what, "в наборе её больше нет: снять", (_unplace(item),)))
    return steps


def _same_page(item: Placed, page: str, addresses: Addresses) -> bool:
    return addresses.page_of(item.handler) == f"/{page.lstrip('/')}"


def _place(place: str, handler: str, title: str, addresses: Addresses) -> Call:
    params: dict[str, object] = {
        "PLACEMENT": place, "HANDLER": handler, "TITLE": title,
        "LANG_ALL": {language: {"TITLE": title, "DESCRIPTION": "", "GROUP_NAME": ""} for language in LANGUAGES.values()},
    }  # fmt: skip
    if place == WORKER:
        params["OPTIONS"] = {"errorHandlerUrl": f"{addresses.hooks}/worker"}
    return Call("placement.bind", params, app=True)


def _unplace(item: Placed) -> Call:
    return Call("placement.unbind", {"PLACEMENT": item.place, "HANDLER": item.handler}, app=True)


# --- robots --------------------------------------------------------------------------------------------------------------


def _robots(mapping: MappingSet, app: Application, addresses: Addresses, memory: Memory) -> list[Step]:
    steps = []
    for name, one in mapping.portal.robot.items():
        code, what, key = ROBOT_PREFIX + name, f"робот «{one.label}»", Key("robot", name)
        kind = kind_of(mapping.entity(one.entity))
        if kind not in DOCUMENTS:
            steps.append(Step("manual", what, "робот бывает только у лидов, сделок, контактов и компаний: исправьте набор"))
            continue
        fields = _robot(one, kind, app.user_id, addresses)
        mark = digest(fields)
        if code not in app.robots:
            call = Call("bizproc.robot.add", {"CODE": code, **fields}, app=True)
            steps.append(Step("create", what, "на стадию его ставит человек", (call,), key, remember=mark))
        elif memory.get("robot", name) != mark:
            call = Call("bizproc.robot.update", {"CODE": code, "FIELDS": fields}, app=True)
            steps.append(Step("change", what, "описание или адрес изменились", (call,), key, remember=mark))
    wanted = {ROBOT_PREFIX + name for name in mapping.portal.robot}
    for code in sorted(app.robots - wanted):
        if code.startswith(ROBOT_PREFIX):
            words = "в наборе его больше нет; если он стоит на стадиях, там он исчезнет"
            call, key = Call("bizproc.robot.delete", {"CODE": code}, app=True), Key("robot", code.removeprefix(ROBOT_PREFIX))
            steps.append(Step("drop", f"робот «{code}»", words, (call,), key))
    return steps


# --- providers of texts --------------------------------------------------------------------------------------------------


def _senders(mapping: MappingSet, app: Application, addresses: Addresses, memory: Memory) -> list[Step]:
    """The portal tells codes alone, so what else it was told is remembered. An update of the application drops them all."""
    steps = []
    for name, one in mapping.portal.sender.items():
        code, what, key = SENDER_PREFIX + name, f"провайдер SMS «{one.title}»", Key("sender", name)
        told = {"HANDLER": f"{addresses.hooks}/{TEXTS}", "NAME": one.title, "DESCRIPTION": one.description or one.title}
        mark = digest(told)
        if code not in app.senders:
            call = Call("messageservice.sender.add", {"CODE": code, "TYPE": "SMS", **told}, app=True)
            steps.append(Step("create", what, told["HANDLER"], (call,), key, remember=mark))
        elif memory.get("sender", name) != mark:
            call = Call("messageservice.sender.update", {"CODE": code, **told}, app=True)
            steps.append(Step("change", what, "название или адрес изменились", (call,), key, remember=mark))
    for code in sorted(app.senders):
        if code.startswith(SENDER_PREFIX) and code.removeprefix(SENDER_PREFIX) not in mapping.portal.sender:
            call, key = (
                Call("messageservice.sender.delete", {"CODE": code}, app=True),
                Key("sender", code.removeprefix(SENDER_PREFIX)),
            )
            steps.append(
                Step("change", f"провайдер SMS «{code}»", "в наборе его больше нет: снять", (call,), forgets=(key,))
            )
    return steps


def _robot(one: RobotMap, kind: str, user: str, addresses: Addresses) -> dict[str, object]:
    name, document = DOCUMENTS[kind]
    fields: dict[str, object] = {
        "HANDLER": f"{addresses.hooks}/robot", "USE_SUBSCRIPTION": "N",
        "NAME": dict.fromkeys(LANGUAGES.values(), one.label), "PROPERTIES": {}, "RETURN_PROPERTIES": {},
        "DOCUMENT_TYPE": ["crm", name, document], "FILTER": {"INCLUDE": [["crm", name]]},
    }  # fmt: skip
    return {**fields, "AUTH_USER_ID": int(user)} if user.isdigit() else fields
