"""Every switch of the portal: what the contract calls UNCONFIRMED, and what may break."""

from __future__ import annotations

from sandbox.common.switches import ONOFF, Switch, Switches

SWITCHES: dict[str, Switch] = {
    # limits (contract, section 3)
    "plan": Switch(
        "off", "request limit: standard 2/s above 50, enterprise 5/s above 250; off keeps count only (15)",
        ("off", "standard", "enterprise"),
    ),
    "operating_limit": Switch(0.0, "seconds of operating time in ten minutes per client and method; 0 = no limit (16)"),
    "operating_seconds": Switch(0.0, "operating time every call is said to take, on top of its real one (16)"),
    "operating_method": Switch("", "the method operating_seconds speaks of; empty = all"),
    "overload": Switch("off", "503 OVERLOAD_LIMIT to every call", ONOFF),
    # network and portal
    "latency": Switch(0.0, "sandbox seconds before every REST answer"),
    "down": Switch("off", "on: 503 HTML to all REST; closed: connections are cut", ("off", "on", "closed")),
    "error_500_next": Switch(0, "so many next requests answer 500 INTERNAL_SERVER_ERROR, nothing done"),
    "html_error_next": Switch(0, "so many next requests answer an HTML page, nothing done (14)"),
    "html_error_status": Switch("500", "HTTP status of those pages", ("500", "403", "502", "504")),
    "cut_next": Switch(0, "so many next requests are cut before anything is done"),
    "cut_after_commit_next": Switch(0, "so many next calls are done, but the connection is cut before the answer"),
    "cut_after_commit_rate": Switch(0.0, "share of calls done but cut before the answer"),
    "cut_every": Switch(0, "every so-manieth answer is cut after the call is done; 0 = none"),
    "cut_methods": Switch("", "comma list of methods the three cut_after switches speak of; empty = all that write"),
    "https_required": Switch("off", "plain http is refused (12)", ONOFF),
    "deleted": Switch("off", "PORTAL_DELETED to every call under this HTTP status", ("off", "500", "410")),
    "bad_webhook_status": Switch(
        "401", "HTTP status of a wrong webhook code; the docs say 403 (UNCONFIRMED)",
        ("401", "403"),
    ),
    "scopes": Switch("all", "scopes of webhooks and tokens, comma separated (19)"),
    # authorisation (contract, section 4)
    "token_seconds": Switch(3600.0, "life of an access token in sandbox seconds (17)"),
    "refresh_days": Switch(180.0, "life of a refresh token in sandbox days"),
    "code_seconds": Switch(30.0, "life of an authorisation code in sandbox seconds (17)"),
    "old_refresh": Switch("dies", "a refresh token once used: dies at once, or works on (UNCONFIRMED)", ("dies", "lives")),
    "refresh_fails_next": Switch(0, "so many next token requests answer 500"),
    "payment_required": Switch("off", "the authorisation server answers PAYMENT_REQUIRED", ONOFF),
    # events (contract, section 5)
    "delay": Switch(0.0, "sandbox seconds between the change and its event (25)"),
    "drop_rate": Switch(0.0, "share of events never sent (25)"),
    "drop_next": Switch(0, "so many next events are never sent"),
    "duplicate_rate": Switch(0.0, "share of events sent twice (25)"),
    "reorder_rate": Switch(0.0, "share of events overtaken by the one after them (25)"),
    "events_only": Switch("", "comma list: no other events are sent; empty = all"),
    "handler_timeout_s": Switch(10.0, "REAL seconds a handler's answer may take; then the event is lost (UNCONFIRMED)"),
    "foreign_token_next": Switch(0, "so many next events carry a wrong application_token (29)"),
    "handler_domain": Switch("any", "an event handler outside the app's own host is refused (UNCONFIRMED)", ("any", "own")),
    "install_handler_id": Switch("on", "does ONAPPINSTALL carry event_handler_id (UNCONFIRMED)", ONOFF),
    "expires_in_events": Switch("on", "do events carry auth[expires] and auth[user_id] (I-55)", ONOFF),
    "offline_data": Switch("object", "EVENT_DATA of the offline queue: data or false (UNCONFIRMED)", ("object", "false")),
    "offline_extended": Switch("on", "is the extended offline queue part of the tariff: feature.get", ONOFF),
    # CRM (contract, section 6)
    "bad_stage": Switch(
        "refuse", "a stage of another pipeline or none: refused, or left as it was (UNCONFIRMED, 30)",
        ("refuse", "ignore"),
    ),
    "stage_delete": Switch(
        "refuse", "a stage that holds records: deletion refused, or the records stay on a code nobody knows",
        ("refuse", "allow"),
    ),
    "robot_moves": Switch(
        "technical", "movedBy after a robot: the user 0, or who moved it last (UNCONFIRMED)",
        ("technical", "last"),
    ),
    "robots": Switch("on", "do the portal's own robots work", ONOFF),
    "no_deadline": Switch("far", "an activity without deadline: 9999-12-31, or null (UNCONFIRMED)", ("far", "null")),
    "closing": Switch(
        "completes", "a lead or deal comes to a final stage: what is open of its activities is completed, or stays open",
        ("completes", "leaves"),
    ),
    "no_match": Switch("list", "findbycomm without a hit: [] or {} (UNCONFIRMED)", ("list", "object")),
    "userfield_events": Switch("off", "are ONCRM…USERFIELD… events raised", ONOFF),
    "timeline_events": Switch("on", "are ONCRMTIMELINECOMMENT… events raised", ONOFF),
}  # fmt: skip


class Faults(Switches):
    """The switches of this portal."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(SWITCHES, seed)

    def words(self, name: str) -> frozenset[str]:
        """A comma list in lower case."""
        return frozenset(word.strip().lower() for word in self.word(name).split(",") if word.strip())

    def granted(self, scopes: frozenset[str]) -> frozenset[str]:
        """What is left of these scopes under the `scopes` switch."""
        return scopes if self.word("scopes") == "all" else scopes & self.words("scopes")
