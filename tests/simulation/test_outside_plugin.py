"""A plugin from outside brings its story, too: it is found beside its manifest and played with those of the set."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import set_folder
from app.simulation.run import Failed, is_playable
from tests.simulation.stories import story

MANIFEST = """
from kernel.extension import Plugin

plugin = Plugin(name="applause", title="Applause")
"""
STORY = """
from kernel.testing.stories import SimulatedStory


class Applause(SimulatedStory):
    def begin(self):
        self.claps = 0

    def actions(self):
        return {self.clap: 60}  # often enough for a short story

    def clap(self):
        self.claps += 1
        self.world.note(f"clap {self.claps}")

    def at_rest(self):
        assert self.claps < %s, f"{self.claps} is too much applause"

    def figures(self):
        return {"claps": self.claps}


simulation = Applause
"""


def forget() -> None:
    """The next test writes another story under the same name."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "applause"]:
        del sys.modules[name]


@pytest.fixture
def own_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A customer's own set that switches the outside plugin on."""
    packages = tmp_path / "packages"
    (packages / "applause").mkdir(parents=True)
    (packages / "applause" / "__init__.py").write_text(MANIFEST)
    (packages / "applause-1.0.dist-info").mkdir()
    (packages / "applause-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: applause\nVersion: 1.0\n")
    (packages / "applause-1.0.dist-info" / "entry_points.txt").write_text("[annex.plugins]\napplause = applause:plugin\n")
    monkeypatch.syspath_prepend(str(packages))
    folder = tmp_path / "own"
    shutil.copytree(set_folder("exchange-desk-planfix"), folder)
    with (folder / "portal.toml").open("a", encoding="utf-8") as file:
        file.write("\n[plugin.applause]\n")
    forget()
    yield folder
    forget()


def written(own_set: Path, most: int) -> str:
    (own_set.parent / "packages" / "applause" / "story.py").write_text(STORY % most)
    importlib.invalidate_caches()  # a file written while Python runs may be missed by its finders
    return str(own_set)


def test_its_people_act_among_the_others_and_its_figures_are_counted(own_set: Path, tmp_path: Path) -> None:
    outcome = story(1, written(own_set, 10_000), tmp_path, steps=60)
    assert outcome.figures["claps"] > 0 and outcome.figures["deals"] > 0


def test_what_it_says_must_hold_is_checked(own_set: Path, tmp_path: Path) -> None:
    with pytest.raises(
        Failed, match=r"is too much applause\n(.|\n)*clap \d(.|\n)*annex simulate --set .*own --seeds 1 --steps 60"
    ):
        story(1, written(own_set, 1), tmp_path, steps=60)


def test_a_set_whose_plugins_bring_no_story_is_told(own_set: Path) -> None:
    text = (own_set / "portal.toml").read_text(encoding="utf-8")
    (own_set / "portal.toml").write_text(text.partition("\n[")[0] + "\n[plugin.applause]\n", encoding="utf-8")
    assert not is_playable(str(own_set))
    assert is_playable(written(own_set, 1))
