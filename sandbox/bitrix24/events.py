"""Events: who bound what, and what goes out when something happened (contract, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.bitrix24 import offline, tokens
from sandbox.bitrix24.apps import App, Binding
from sandbox.bitrix24.delivery import Delivery, Post
from sandbox.bitrix24.state import Portal

#: Known events with the scope an application needs for them.
EVENTS: dict[str, str] = {
    **dict.fromkeys(("ONAPPINSTALL", "ONAPPUNINSTALL", "ONAPPUPDATE", "ONAPPTEST", "ONAPPPAYMENT"), ""),
    **dict.fromkeys(("ONAPPMETHODCONFIRM", "ONOFFLINEEVENT", "ONUSERADD"), ""),
    **{
        f"ONCRM{kind}{what}": "crm"
        for kind in ("LEAD", "DEAL", "CONTACT", "COMPANY", "ACTIVITY", "DYNAMICITEM", "TIMELINECOMMENT", "TYPE", "CURRENCY",
                     "QUOTE", "PRODUCT", "REQUISITE")
        for what in ("ADD", "UPDATE", "DELETE")
    },
    **{
        f"ONCRM{kind}USERFIELD{what}": "crm"
        for kind in ("LEAD", "DEAL", "CONTACT", "COMPANY")
        for what in ("ADD", "UPDATE", "DELETE", "SETENUMVALUES")
    },
    **dict.fromkeys(("ONCRMDEALMOVETOCATEGORY", "ONCRMADDRESSREGISTER", "ONCRMADDRESSUNREGISTER"), "crm"),
    **dict.fromkeys(("ONEXTERNALCALLSTART", "ONEXTERNALCALLBACKSTART"), "telephony"),
    **dict.fromkeys(("ONVOXIMPLANTCALLINIT", "ONVOXIMPLANTCALLSTART", "ONVOXIMPLANTCALLEND"), "telephony"),
    **{f"ONTASK{what}": "task" for what in ("ADD", "UPDATE", "DELETE", "COMMENTADD", "COMMENTUPDATE", "COMMENTDELETE")},
}  # fmt: skip
#: These never go to outgoing webhooks.
APP_ONLY = frozenset({
    "ONCRMDEALMOVETOCATEGORY", "ONEXTERNALCALLSTART", "ONOFFLINEEVENT", "ONAPPINSTALL", "ONAPPUNINSTALL", "ONAPPUPDATE",
    "ONAPPTEST",
})  # fmt: skip
LIFE_HANDLER = 1
DYNAMIC = ("ONCRMDYNAMICITEMADD_", "ONCRMDYNAMICITEMUPDATE_", "ONCRMDYNAMICITEMDELETE_")


def known(name: str) -> bool:
    return name in EVENTS or any(name.startswith(start) and name[len(start) :].isdigit() for start in DYNAMIC)


def scope_of(name: str) -> str:
    return EVENTS.get(name, "crm")


class Events:
    """Turns what happened into requests and rows of the offline queue."""

    def __init__(self, portal: Portal, delivery: Delivery) -> None:
        self._portal = portal
        self._delivery = delivery
        portal.on_event = self.raised

    def raised(self, name: str, data: Mapping[str, Any], actor: str | None, connector: str) -> None:
        only = self._portal.faults.words("events_only")
        if only and name.lower() not in only:
            return
        for app in self._portal.apps.values():
            if not (app.present and app.installed) or scope_of(name) not in ("", *app.scopes):
                continue  # binding succeeds before installFinish, but nothing is sent (20)
            for binding in app.bindings:
                if binding.event == name and not binding.offline:
                    self._delivery.send_event(Post(binding.handler, self.form(name, data, app, binding, actor), name=name))
                elif binding.event == name and not (connector and connector == binding.connector):
                    self._queue(app, binding, name, data, actor)
        if name not in APP_ONLY:
            self._outgoing(name, data)

    def form(
        self, name: str, data: Mapping[str, Any], app: App, binding: Binding | None, actor: str | None, refresh: bool = False
    ) -> dict[str, Any]:
        """The body for an application. No tokens if nobody acted (24)."""
        portal = self._portal
        if actor is None or actor not in portal.people:
            auth = tokens.bare_auth(portal, app.application_token)
        else:
            whose = binding.auth_type if binding and binding.auth_type not in ("", "0") else actor
            auth = tokens.full_auth(portal, app, whose, refresh=refresh)
        if portal.faults.take("foreign_token_next"):
            auth["application_token"] = portal.secret("foreign", portal.next_id("foreign"))
        return self._body(name, data, self._number(name, binding), auth)

    def _number(self, name: str, binding: Binding | None) -> int | None:
        """Events of an application's life have a handler of the portal's own."""
        if binding:
            return binding.id
        silent = name == "ONAPPINSTALL" and not self._portal.faults.on("install_handler_id")
        return None if silent else LIFE_HANDLER

    def _body(self, name: str, data: Mapping[str, Any], number: int | None, auth: Mapping[str, Any]) -> dict[str, Any]:
        stamp = str(int(self._portal.clock.now().timestamp()))
        handler = {"event_handler_id": str(number)} if number is not None else {}
        return {"event": name, **handler, "data": data, "ts": stamp, "auth": auth}

    def _outgoing(self, name: str, data: Mapping[str, Any]) -> None:
        for hook in self._portal.webhooks:
            if name in hook.events:
                word = hook.token
                if self._portal.faults.take("foreign_token_next"):
                    word = self._portal.secret("foreign", self._portal.next_id("foreign"))
                auth = tokens.bare_auth(self._portal, word)
                self._delivery.send_event(Post(hook.handler, self._body(name, data, hook.id, auth), name=name))

    def _queue(self, app: App, binding: Binding, name: str, data: Mapping[str, Any], actor: str | None) -> None:
        """One row per object, and now and then an empty signal that there are rows (28)."""
        offline.put(self._portal, app, binding, name, data)
        signal = next((b for b in app.bindings if b.event == "ONOFFLINEEVENT"), None)
        if signal is None or not offline.signal_due(self._portal, app, signal.min_timeout_s):
            return
        form = self.form("ONOFFLINEEVENT", {}, app, signal, actor or app.installer, refresh=True)
        self._delivery.send_event(Post(signal.handler, form, name="ONOFFLINEEVENT"))
