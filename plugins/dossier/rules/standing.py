"""What a sub-tab says about its data: how old they are, whether new ones are asked for, and why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SLOW_SECONDS = 3.0
STALE_SECONDS = 24 * 3600.0
Button = Literal["", "refresh", "retry"]


@dataclass(frozen=True)
class Standing:
    """Of one question, in seconds."""

    age: float | None  #: of the answer that is kept; None: there is none
    asking: bool
    waited: float = 0.0  #: since the opening that waits, or since its question left
    trouble: str = ""  #: how the last question ended, if it ended badly and after the answer that is kept


@dataclass(frozen=True)
class Says:
    """`code` is a text of the catalogs; `about` says which sentence about the data's age follows."""

    code: str
    about: Literal["", "none", "at"] = ""
    folded: bool = False  #: the data stand behind a button that names their day
    button: Button = "refresh"
    waits: bool = False  #: a new answer may still come
    alarm: bool = False


TROUBLES = ("unavailable", "maintenance", "bad_answer", "refused", "moved", "not_found")


def says(now: Standing, *, patience: float, stale: float = STALE_SECONDS) -> Says:
    known = now.age is not None
    old = now.age is not None and now.age > stale
    if now.asking and now.waited <= patience:
        slow = now.waited > SLOW_SECONDS
        code = ("dos_slow" if slow else "dos_asking") if known else ("dos_slow_first" if slow else "dos_asking_first")
        return Says(code, folded=old and slow, button="", waits=True)
    trouble = "unavailable" if now.asking else now.trouble
    if trouble in TROUBLES:
        about: Literal["", "none", "at"] = "at" if known else "none"
        if trouble == "not_found" and not known:
            about = ""
        return Says(f"dos_{trouble}", about, folded=old, button="retry", waits=now.asking, alarm=True)
    return Says("dos_at", folded=old) if known else Says("dos_nothing_yet", button="retry")
