"""The error tree. A class's docstring is its plain message; the text given to it names the field, file or deal.

AnnexError
├── BadInput            what came in cannot be used; the text says which field and why
│   └── Refused         it could be read, but the rules say no
├── Misconfigured       a setting or a mapping file is wrong; the person who runs Annex can fix it
│   └── Closed          this database takes no change: it has moved, or a copy into it is not complete
├── Fault               something outside failed
│   ├── Unreachable     no answer, or an answer that says nothing about our request
│   │   └── Maintenance the other side says that it is closed for planned work
│   ├── BadAnswer       an answer came, but it is not whole, not of the agreed shape, or about somebody else
│   ├── Throttled       the other side asks us to slow down; says for how long
│   ├── Rejected        the other side understood and said no; repeating makes no sense
│   │   ├── NotFound    the record is not there
│   │   └── NoRight     our access does not reach so far
│   ├── Moved           the address is another by now; says which
│   ├── Undecided       nobody can tell whether an earlier try arrived: a person has to look
│   └── Unverified      a write was answered well, but reading back shows something else
└── BooksBroken         the books contradict themselves: stop and look
"""

from __future__ import annotations

from typing import Any, Self

from kernel.texts import translate


class AnnexError(Exception):
    """Something went wrong."""

    def __str__(self) -> str:
        return super().__str__() or (type(self).__doc__ or "").strip()


class BadInput(AnnexError):
    """The input cannot be used. `code` and `values` say the same in any language; see `said`."""

    def __init__(self, text: str, *, field: str = "", code: str = "", values: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.field, self.code, self.values = field, code, values or {}

    @classmethod
    def of(cls, code: str, /, *, field: str = "", **values: Any) -> Self:
        """From a text of the catalogs (kernel.texts)."""
        return cls(translate("en", code, **values), field=field, code=code, values=values)

    def message(self, language: str) -> str:
        """What is wrong, in that language."""
        return translate(language, self.code, **self.values) if self.code else str(self)


class Refused(BadInput):
    """The rules do not allow this."""


class Misconfigured(AnnexError):
    """A setting or a mapping file is wrong."""


class Closed(Misconfigured):
    """This database takes no change."""


class Fault(AnnexError):
    """A system outside failed.

    `vendor_code` and `request_id` are kept as the vendor gave them; `retry` says whether repeating the same call makes
    sense; `maybe_done` says that the other side may have carried it out although we got no good answer.
    """

    retry = False

    def __init__(self, text: str = "", *, vendor_code: str = "", request_id: str = "", maybe_done: bool = False) -> None:
        super().__init__(text)
        self.vendor_code = vendor_code
        self.request_id = request_id
        self.maybe_done = maybe_done


class Unreachable(Fault):
    """No usable answer from the other side."""

    retry = True


class Maintenance(Unreachable):
    """The other side is closed for planned work."""


class BadAnswer(Fault):
    """The answer cannot be used. `sample` is its beginning without what is private, for the person who has to look."""

    def __init__(self, text: str = "", *, sample: str = "", vendor_code: str = "", maybe_done: bool = False) -> None:
        super().__init__(text, vendor_code=vendor_code, maybe_done=maybe_done)
        self.sample = sample


class Throttled(Fault):
    """The other side asks us to slow down."""

    retry = True

    def __init__(
        self, text: str = "", *, wait_seconds: float = 1.0, vendor_code: str = "", maybe_done: bool = False
    ) -> None:
        super().__init__(text, vendor_code=vendor_code, maybe_done=maybe_done)
        self.wait_seconds = wait_seconds


class Rejected(Fault):
    """The other side said no."""


class NotFound(Rejected):
    """The record does not exist there."""


class NoRight(Rejected):
    """Our access does not reach so far."""


class Moved(Fault):
    """The address is another by now."""

    retry = True

    def __init__(self, text: str = "", *, address: str, vendor_code: str = "") -> None:
        super().__init__(text, vendor_code=vendor_code)
        self.address = address


class Undecided(Fault):
    """Nobody can tell whether an earlier try arrived."""

    def __init__(self, text: str = "", *, vendor_code: str = "") -> None:
        super().__init__(text, vendor_code=vendor_code, maybe_done=True)


class Unverified(Fault):
    """The write was answered well, but reading back shows another value."""

    retry = True


class BooksBroken(AnnexError):
    """The books contradict themselves."""
