"""Where a story is played: an emulated CRM with its people, set up so that our service works in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from app.cli.demo import office_bitrix24, office_planfix
from app.cli.demo.office_broker import BrokerOffice
from app.cli.demo.portal_bitrix24 import Doors
from app.cli.demo.processes import Processes, free_port
from kernel.errors import Unreachable
from kernel.mapping import MappingSet

SPEEDUP = 150  #: the portal's seconds pass so many times faster: 150 requests a second are its «1 a second»
HOOK_SECRET = "demo-hook-secret-of-this-machine"  # noqa: S105 - of the emulated portal on this machine
TOKEN = "demo-robot-token"  # noqa: S105
REFUSED_SHARE = 200  #: one of so many requests may arrive too close to the one before it


class Stage(Protocol):
    connector: ClassVar[str]
    title: ClassVar[str]
    lost: ClassVar[Mapping[str, int]]  #: the fault by which something the portal tells us gets lost …
    lost_in_words: ClassVar[str]
    address: str  #: of the emulated portal

    def start(self, processes: Processes, service: str, seed: int, firm: str) -> None:
        """Start the portal of that firm, "exchange" or "broker", and tell the service's settings."""

    def set_up(self, processes: Processes, service: str) -> str:
        """What an administrator does before the first day; what to say of it."""

    def office_of(self, mapping: MappingSet) -> Any:
        """The emulated CRM as the people use it who work with this set."""

    def open_the_board(self, office: Any, who: str, deal: int, service: str) -> str:
        """A member of staff opens the board from the CRM; what became of it in words."""

    def limit_kept(self, doors: Any) -> tuple[str, str]:
        """A check: its name, and what is wrong."""


class Planfix:
    connector: ClassVar[str] = "planfix"
    title: ClassVar[str] = "Planfix"
    lost: ClassVar[Mapping[str, int]] = {"lose_answer_next": 1}
    lost_in_words: ClassVar[str] = "one of our answers gets lost: the portal stops posting, and repeats later"

    def __init__(self, speedup: int = SPEEDUP) -> None:
        self._port, self._speedup = free_port(), speedup
        self.address = f"http://127.0.0.1:{self._port}"
        self._first: Mapping[str, Any] = {}

    def start(self, processes: Processes, service: str, seed: int, firm: str) -> None:
        if firm != "exchange":
            raise Unreachable("the broker's story is not written for Planfix")
        processes.set(
            PLANFIX_URL=f"{self.address}/rest/", PLANFIX_TOKEN=TOKEN, PLANFIX_HOOK_SECRET=HOOK_SECRET,
            PLANFIX_REQUESTS_PER_SECOND=str(self._speedup),
        )  # fmt: skip
        self._first = processes.start(
            "planfix", "sandbox.planfix", "--port", str(self._port), "--token", TOKEN, "--speedup", str(self._speedup),
            "--seed", str(seed), "--fault", "status_fires_changed=on", "--post-to", service, "--hook-secret", HOOK_SECRET,
            answer=True,
        )  # fmt: skip

    def set_up(self, processes: Processes, service: str) -> str:
        return ""

    def office_of(self, mapping: MappingSet) -> office_planfix.Office:
        return self.office()

    def office(self) -> office_planfix.Office:
        return office_planfix.Office(self._first["address"], self._first["accounts"], TOKEN)

    def open_the_board(self, office: office_planfix.Office, who: str, deal: int, service: str) -> str:
        pressed = office.press(who, deal, "Відкрити табло")
        link = office.read_field(deal, "Табло")
        return "a one-time link to the board came back into the deal" if str(link).startswith(service) else str(pressed)

    def limit_kept(self, doors: Callable[..., Any]) -> tuple[str, str]:
        seen = doors("state")["counters"]
        return _limit_kept(seen, f"at most {seen['in_second_max']} in a second")


class Bitrix24:
    connector: ClassVar[str] = "bitrix24"
    title: ClassVar[str] = "Bitrix24"
    lost: ClassVar[Mapping[str, int]] = {"drop_next": 5}
    lost_in_words: ClassVar[str] = "five events get lost for good: only a sweep can find what they were about"

    def __init__(self, speedup: int = SPEEDUP) -> None:
        self._port, self._speedup = free_port(), speedup
        self.address = f"http://127.0.0.1:{self._port}"
        self.first: Mapping[str, Any] = {}

    def start(self, processes: Processes, service: str, seed: int, firm: str) -> None:
        portal = {"exchange": "empty-exchange", "broker": "empty"}[firm]
        self.first = processes.start(
            "bitrix24", "sandbox.bitrix24", "--port", str(self._port), "--speedup", str(self._speedup), "--seed", str(seed),
            "--portal", portal, "--post-to", service, "--fault", "plan=standard", answer=True,
        )  # fmt: skip
        app = self.first["app"]
        processes.set(
            BITRIX24_URL=f"{self.address}/", BITRIX24_CLIENT_ID=app["client_id"],
            BITRIX24_CLIENT_SECRET=app["client_secret"], BITRIX24_OAUTH_SERVER=self.address,
            BITRIX24_REQUESTS_PER_SECOND=str(2 * self._speedup),
        )  # fmt: skip

    def set_up(self, processes: Processes, service: str) -> str:
        control = Doors(self.address)
        control("app/install", {"handler": f"{service}/hooks/bitrix24/main", "kind": "script", "user": "1"})
        control("wait-idle", {"timeout": 30})
        done = processes.annex("apply", "--yes", "--cards")
        if done.returncode not in (0, 2):
            raise Unreachable(f"annex apply: {done.stdout[-1500:]}{done.stderr[-1500:]}")
        return f"annex apply set the portal up: {len(done.stdout.splitlines())} lines told what was made"

    def office_of(self, mapping: MappingSet) -> office_bitrix24.Office | BrokerOffice:
        """Where there are leads, a sales department works."""
        return self.broker_office() if "lead" in mapping.entities else self.office()

    def broker_office(self) -> BrokerOffice:
        return BrokerOffice(self.address)

    def office(self) -> office_bitrix24.Office:
        return office_bitrix24.Office(self.address, self.first["accounts"])

    def open_the_board(self, office: office_bitrix24.Office, who: str, deal: int, service: str) -> str:
        answer = office.open_page(who, "LEFT_MENU")
        return f"the board opened inside the CRM for {who}: HTTP {answer.status_code} {answer.url.removeprefix(service)}"

    def limit_kept(self, doors: Doors) -> tuple[str, str]:
        seen = doors("state")["counters"]
        return _limit_kept(seen, f"bucket at most {seen.get('bucket_max')}")


def _limit_kept(seen: Mapping[str, Any], fullest: str) -> tuple[str, str]:
    """Requests leave at their pace; on a machine that does other things as well a few arrive closer together than they left,
    and are asked again."""
    refused, requests = seen["refused"], seen["requests"]
    wrong = f"{refused} requests were refused" if refused > requests / REFUSED_SHARE else ""
    return f"the portal's limit was kept ({requests} requests, {fullest}, {refused} refused)", wrong


STAGES: Mapping[str, Callable[[], Stage]] = {"planfix": Planfix, "bitrix24": Bitrix24}
