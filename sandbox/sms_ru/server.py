"""Puts the provider together: methods, doors, callbacks, listening socket."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl

from sandbox.common.answer import Answer
from sandbox.common.clock import Clock
from sandbox.common.http import CUT
from sandbox.common.options import CommonOptions
from sandbox.common.serving import Listening
from sandbox.sms_ru import doors, seed
from sandbox.sms_ru.callbacks import Caller
from sandbox.sms_ru.codes import Refused, text
from sandbox.sms_ru.faults import Faults
from sandbox.sms_ru.methods import METHODS, Said
from sandbox.sms_ru.state import Account

POST_NEEDED_CHARACTERS = 2000  #: of a query; longer ones must come as a form: code 210
SHOWN_MAX = 200


PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error", 502: "Bad Gateway"}


class Reply(Answer):
    phrases = PHRASES


@dataclass(frozen=True)
class Options(CommonOptions):
    token: str = "SANDBOX-API-ID"  # noqa: S105 - a word for a sandbox, not a secret
    portal: str = "broker"


class Still:
    """An account without threads and sockets: `serve` answers, `caller.step` tells what is due."""

    def __init__(self, options: Options, clock: Clock) -> None:
        faults = Faults(options.seed)
        faults.set_all(dict(options.faults))
        self.account = Account(clock, faults, options.token)
        seed.load(self.account, options.portal)
        self.caller = Caller(self.account)

    def serve(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """The account as a WSGI application."""
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        raw = environ["wsgi.input"].read()
        try:
            answer = self._answer(environ, path, raw)
        except Exception as error:
            # A mistake of the sandbox itself must be seen by the test that made it.
            self.account.note(direction="in", path=path, error=repr(error))
            answer = Reply.of_json({"error": f"sandbox broken: {error!r}"}, 500)
        environ[CUT] = answer is None
        answer = answer or Reply()
        start(answer.line, answer.all_headers())
        return [answer.body]

    def _answer(self, environ: Mapping[str, Any], path: str, raw: bytes) -> Answer | None:
        """None: hung up."""
        verb, query, kind = environ["REQUEST_METHOD"], environ["QUERY_STRING"], environ.get("CONTENT_TYPE", "")
        if path.startswith("/sandbox/"):
            return self._door(verb, path.rstrip("/"), query, kind, raw)
        if path == "/":
            return self._page()
        fields = dict(parse_qsl(query, keep_blank_values=True))
        if verb == "POST":
            fields |= dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
        return self._asked(
            path.strip("/"), fields, long=verb == "GET" and len(query) > POST_NEEDED_CHARACTERS, in_query=parse_qsl(query)
        )

    # -- the API

    def _asked(self, name: str, fields: dict[str, str], *, long: bool, in_query: list[tuple[str, str]]) -> Answer | None:
        account, faults = self.account, self.account.faults
        account.clock.sleep(faults.number("latency"))
        down, sending = faults.word("down"), name == "sms/send"
        as_lines = fields.get("json") != "1"
        with account.lock:
            account.counters["requests"] += 1
            if any(key == "api_id" for key, _ in in_query):
                account.counters["keys_in_addresses"] += 1
            if down == "closed" or (sending and faults.take("cut_before_next")):
                return None
            if down == "http":
                return Reply.of_html("<html><body>502 Bad Gateway</body></html>", 502)
            try:
                said = self._done(name, fields, long=long)
                code = 100
            except Refused as refused:
                code = refused.code
                said = Said({"status": "ERROR", "status_code": code, "status_text": text(code)}, [str(code)])
            lost = sending and code == 100 and self._lost()
            shown = {key: value for key, value in fields.items() if key not in ("api_id", "password")}
            account.note(direction="in", method=name, fields=shown, code=code, lost=lost)
        if lost:
            return None
        if as_lines:
            return Reply(200, "\n".join(said.lines).encode(), "text/plain; charset=utf-8")
        return Reply.of_json(said.body)

    def _done(self, name: str, fields: dict[str, str], *, long: bool) -> Said:
        account, down = self.account, self.account.faults.word("down")
        if down in ("busy", "error"):
            raise Refused(220 if down == "busy" else 500)
        if "login" in fields:
            if (fields["login"], fields.get("password")) != (account.login, account.api_id):
                raise Refused(301)
        elif fields.get("api_id") != account.api_id:
            raise Refused(200)
        run = METHODS.get(name)
        if run is None:
            raise Refused(211)
        if long:
            raise Refused(210)
        return run(account, fields)

    def _lost(self) -> bool:
        account = self.account
        account.sends += 1
        every = int(account.faults.number("lose_answer_every"))
        lost = account.faults.take("lose_answer_next") or bool(every and account.sends % every == 0)
        account.counters["answers_lost"] += lost
        return lost

    # -- doors and the page

    def _door(self, verb: str, path: str, query: str, kind: str, raw: bytes) -> Answer:
        run = doors.DOORS.get((verb, path))
        if run is None:
            return Reply.of_json({"error": f"no door {verb} {path}"}, 404)
        try:
            data: Any = dict(parse_qsl(query)) if verb == "GET" else json.loads(raw or b"{}")
            if not isinstance(data, dict):
                raise ValueError("a JSON object is needed")
            return Reply.of_json(run(self, data))
        except (ValueError, TypeError, KeyError) as wrong:
            return Reply.of_json({"error": str(wrong)}, 400)

    def _page(self) -> Answer:
        """What was sent, newest first, for whoever looks at the demo."""
        with self.account.lock:
            self.account.walk()
            rows = "".join(
                f"<tr><td>{one.id}<td>+{html.escape(one.to)}<td>{html.escape(one.text)}<td>{one.segments}<td>{one.cost}"
                f"<td>{one.code} {html.escape(text(one.code))}{' (test)' if one.test else ''}</tr>"
                for one in list(reversed(self.account.messages.values()))[:SHOWN_MAX]
            )
            head = f"<p>{html.escape(self.account.name)}: {self.account.balance:.2f} ₽, {len(self.account.messages)} SMS</p>"
        title = '<!doctype html><html lang="ru"><meta charset="utf-8"><title>SMS.RU</title><h1>SMS.RU</h1>'
        return Reply.of_html(f"{title}{head}<table>{rows}</table></html>")


class Sandbox(Listening, Still):
    """A running account. `close` ends its threads and its socket."""

    def __init__(self, options: Options) -> None:
        super().__init__(options, Clock(options.speedup))
        self.account.address = self._listen("sms-ru", options, self.serve)

    @property
    def address(self) -> str:
        return self.account.address

    def start(self) -> Self:
        self.caller.start()
        return super().start()

    def close(self) -> None:
        self.caller.close()
        self._hang_up()

    def about(self) -> dict[str, Any]:
        """The first line of stdout."""
        account = self.account
        return {
            "base": self.address, "address": self.address, "api_id": account.api_id, "portal": account.name,
            "balance": f"{account.balance:.2f}", "senders": account.senders,
        }  # fmt: skip
