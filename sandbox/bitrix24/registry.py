"""What a REST method of the portal is: its name, who may call it, and the function behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sandbox.bitrix24.state import Portal

#: How a family refuses a webhook where only an application may call: 403 WRONG_AUTH_TYPE, or ACCESS_DENIED in words.
Refusal = Literal["wrong_auth_type", "access_denied"]


class RestError(Exception):
    """An answer that is an error. `status` may be 200: some methods refuse that way."""

    def __init__(self, status: int, code: str, description: str = "", **extra: Any) -> None:
        super().__init__(f"{status} {code} {description}")
        self.status, self.code, self.description, self.extra = status, code, description, extra


@dataclass(frozen=True)
class Client:
    """Who calls: an incoming webhook, or an application by its token."""

    kind: Literal["webhook", "app"]
    id: str  #: what the operating time is counted by: webhook code or client_id
    user_id: str
    scopes: frozenset[str]
    member_id: str = ""
    admin: bool = False


@dataclass(frozen=True)
class Call:
    """One call of one method, alone or inside a batch."""

    portal: Portal
    client: Client
    params: Mapping[str, Any]  #: as sent; forms give strings only
    method: str  #: lower case
    source_ip: str = ""

    def get(self, name: str, default: Any = None) -> Any:
        """A top-level parameter in whatever case it came (contract, section 1)."""
        for key, value in self.params.items():
            if key.lower() == name.lower():
                return value
        return default


@dataclass(frozen=True)
class Listed:
    """The answer of a list method: `result` is shown as it is, the rest is the envelope's."""

    result: Any
    total: int | None = None
    next: int | None = None


@dataclass(frozen=True)
class Method:
    name: str  #: lower case
    run: Callable[[Call], Any]
    scope: str = ""
    app: Refusal | None = None  #: only an application may call; how a webhook is refused
    admin: bool = False
    batch: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


METHODS: dict[str, Method] = {}


def method(
    name: str, *, scope: str = "", app: Refusal | None = None, admin: bool = False, batch: bool = True
) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """Put a function on the portal's list of methods."""

    def put(run: Callable[[Call], Any]) -> Callable[[Call], Any]:
        METHODS[name.lower()] = Method(name.lower(), run, scope, app, admin, batch)
        return run

    return put
