"""Words that we gave up stay out of code, comments, docs and messages; docs/glossary.md lists those that we use."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.conformance.checkout import ROOT

pytestmark = pytest.mark.row("PL-06")
ROOMS = ("app", "kernel", "plugins", "connectors", "webhooks", "sandbox", "docs", "tests", "deploy", "mappings")
KINDS = (".py", ".md", ".toml", ".txt", ".js", ".css", ".html", ".svg")


class Word(NamedTuple):
    pattern: str
    use: str


PHRASES = (
    Word(r"\b(he|him|his|himself|she|her|hers|herself)\b", "they, them, their"),
    Word(r"\bas in life\b", "as in production"),
    Word(r"\b(ill|fine) weather\b", "faults, without faults"),
    Word(r"\bdice\b", "seeded random"),
    Word(r"\bin vain\b", "for nothing, without success"),
    Word(r"\bon (its|their|the) way\b", "in flight"),
    Word(r"\b(lacks?|lacking)\b", "missing, does not have"),
    Word(r"\b(mend|mends|mended|mending|heal|heals|healed|healing)\b", "fix, repair, reconciliation"),
    Word(r"\b(delivery|event|message|nobody|line) (had )?told (us )?of\b|\btold nowhere\b", "report, name, document"),
    Word(r"\b(no|one|each|this|next) look\b|\blook job\b|\bbetween two looks\b|\bthe look (that|and|job)\b", "sync"),
    Word(r"\blook, then act\b|\blook[- ]then[- ]act\b", "sync, then act"),
)
# Of identifiers: as they stand, in upper and lower case as written.
NAMES = (
    Word(r"\blook_again\b|\bLOOK_AGAIN_SECONDS\b", "resync"),
    Word(r"\bSeen\.soon\b", "Seen.expected"),
    Word(
        r"\bclass (Told|Connecting|Running|Doorway|Opening|Lack|Pace|UnsetCRM|Wrong|Weather|_Way|Bar|Fit|Room)\b",
        "the table",
    ),
    Word(r"\b(Connecting|Doorway|UnsetCRM|find_lacks|keep_told|end_of_the_gone|mended_now)\b", "the names of the glossary"),
    Word(
        r"\bdef (look|say|said|said_all|lacks|giving|mend|_mend|heal|_insist\w*|_beginning|_his|_whose|bar|unbar)\(",
        "see below",
    ),
    Word(r"[\"'](look|portal\.lacks)\.\w+[\"']", "events of the log: sync.…, portal.missing"),
)
# What may stand all the same, and why.
EXCEPT = (
    (r"^CHANGELOG\.md$", r"", "history: what a release said stays"),
    (r"^tests/upgrade/stored/|/migrations/", r"", "released: never changed"),
    (r"^docs/rows\.md$", r"", "made from the tests and the customer's rows"),
    (r"^tests/conformance/test_words\.py$", r"", "names what it refuses"),
    (r"^kernel/extension/sweep\.py$", r"\bmended\b", "a stored column"),
    (r"^sandbox/", r"\bdef say\(|\bclass Running\b", "people of the emulated portal say something; a sandbox that runs"),
    (
        r"^connectors/telegram/|^docs/decisions/conversations\.md$|^plugins/partners/commenting\.py$",
        r"\bdice\b",
        "Telegram's name for a kind of message",
    ),
    (r"^(sandbox/telegram/|tests/e2e/test_partners_kinds)", r"\bdice\b", "a kind of message of the Bot API"),
    (r"^plugins/exchange/tests/crash/count\.py$", r'"client": "he"', "a client's name, as data"),
)


def allowed(path: str, line: str) -> bool:
    return any(re.search(where, path) and re.search(what, line) for where, what, _ in EXCEPT)


def refused(path: str, text: str) -> list[str]:
    """Each old word with its place and what to write in its stead; for a name, code is needed."""
    words = [(word, re.IGNORECASE) for word in PHRASES] + [(word, re.RegexFlag(0)) for word in NAMES if path.endswith(".py")]
    patterns = [(re.compile(word.pattern, flags), word.use) for word, flags in words]
    return [
        f"{path}:{number}: «{found[0]}»: {use}"
        for number, line in enumerate(text.splitlines(), 1)
        if not allowed(path, line)
        for pattern, use in patterns
        if (found := pattern.search(line))
    ]


def files() -> Iterable[str]:
    """What belongs to the project: tracked files where this is a checkout, else all of our kinds."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = done.stdout.splitlines() or [
        str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*")
    ]  # fmt: skip
    return [name for name in names if name.endswith(KINDS) and (ROOT / name).is_file() and not name.endswith(".lock")]


def test_no_old_word_stands_anywhere():
    names = list(files())
    assert len(names) > 300
    assert [one for name in names for one in refused(name, (ROOT / name).read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("docs/x.md", "A call that is on its way."),
        ("docs/x.md", "The manager gets his deals."),
        ("kernel/x.py", '"""What the portal lacks."""'),
        ("kernel/x.py", 'log.info("look.done")'),
        ("kernel/x.py", "def look(portal):"),
        ("kernel/x.py", "unit.look_again(record)"),
        ("tests/x.py", "# as in life"),
        ("sandbox/README.md", "the same seed throws the same dice"),
        ("plugins/x/tests/mutants.toml", 'wrong = "a field is mended twice"'),
        ("kernel/extension/sweep.py", "# mended by the next sweep; he waits"),
    ],
)
def test_an_old_word_is_found(path, line):
    found = refused(path, line)
    if "sweep.py" in path:
        assert found == [], "the exception is for the whole line, and only in that file"
    else:
        assert found


def test_every_exception_is_still_needed():
    for where, what, why in EXCEPT:
        matching = [name for name in files() if re.search(where, name)]
        assert matching or "released" in why, where
        if what:
            assert any(re.search(what, (ROOT / name).read_text(encoding="utf-8")) for name in matching), (where, what)
