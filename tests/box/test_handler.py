"""The box module's PHP: it parses, and it refuses before saving what the same rules forbid in the cloud.

Needs the `php` command; without it these tests are skipped. The portal's classes are stubs: whether a real box calls the
module so is for its owner to test (deploy/box/README.md).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kernel.crm import Person
from kernel.mapping import EntityMap, MappingSet, PipelineMap, PortalMap, StageMap
from plugins.stage_lock import commands
from plugins.stage_lock.settings import StageLockSettings

ROOT = Path(__file__).parents[2]
MODULE = ROOT / "deploy/box/local/php_interface/annex"
PHP = shutil.which("php")
pytestmark = pytest.mark.skipif(PHP is None, reason="no php command here: apt-get install php-cli")

STAGES = {
    "new": StageMap(label="Новая", next=["talk"], pipeline="sales", code="NEW"),
    "talk": StageMap(label="Переговоры", also=["Разговор"], next=["won"], pipeline="sales"),
    "won": StageMap(label="Успех", pipeline="sales"),
    "first": StageMap(label="Новая", pipeline="service", next=[]),
}
PEOPLE = [Person("user:7", "Вера", "staff", heads=("Продажи",)), Person("user:8", "Анна", "staff", groups=("Продажи",))]


class Tx:
    """Permissions not yet used, as the store reads them."""

    def all(self, _sql: str, **_values: Any) -> list[dict[str, Any]]:
        return [
            {"number": 1, "entity": "deal", "record_id": "6", "stage": "won", "person": "Вера", "note": "", "granted_at": 1}
        ]


class Database:
    def read(self) -> Any:
        from contextlib import nullcontext

        return nullcontext(Tx())


def exported(**set_as: Any) -> dict[str, Any]:
    """What `annex stage-lock-rules` prints."""
    pipelines = {"sales": PipelineMap(label="Продажи"), "service": PipelineMap(label="Сопровождение")}
    deal = EntityMap(entity="deal", pipeline=pipelines, stage=STAGES)
    lead = EntityMap(entity="lead", stage={"a": StageMap(label="Новый", next=["b"]), "b": StageMap(label="В работе")})
    mapping = MappingSet("box", PortalMap(connector="x"), {"deal": deal, "lead": lead})
    settings = StageLockSettings(entities=["deal", "lead"], override=["Продажи"], **set_as)
    portal = SimpleNamespace(name="x", mapping=mapping, database=Database(), settings=lambda _name, _kind: settings)
    return commands.rules(cast("Any", portal), PEOPLE)


def box(folder: Path, *updates: dict[str, Any], user: int = 8, event: str = "crm:OnBeforeCrmDealUpdate", **more: Any) -> Any:
    """Run the module over these updates."""
    module = folder / "annex"
    if not module.exists():
        shutil.copytree(MODULE, module)
        (module / "settings.php").write_text("<?php return ['free' => [1]];", encoding="utf-8")
        (module / "rules.json").write_text(json.dumps(exported()), encoding="utf-8")
    world = {
        "user": user,
        "pipelines": {"0": "Продажи", "3": "Сопровождение"},
        "stages": {
            "DEAL_STAGE": {"NEW": "Новая", "UC_1": "Переговоры ", "WON": "Успех", "UC_9": "Прочее"},
            "DEAL_STAGE_3": {"C3:NEW": "Новая"}, "STATUS": {"NEW": "Новый", "IN": "В работе"},
        },
        "deals": {
            str(n): {"STAGE_ID": stage, "CATEGORY_ID": "3" if stage.startswith("C3:") else "0"}
            for n, stage in enumerate(["NEW", "UC_1", "WON", "C3:NEW", "UC_9", "NEW"], 1)
        },
        "leads": {"1": {"STATUS_ID": "IN"}},
        "updates": [{"event": event, "fields": fields} for fields in updates],
        **more,
    }  # fmt: skip
    assert PHP
    done = subprocess.run(
        [PHP, "-d", "display_errors=stderr", "-d", "error_reporting=-1", str(ROOT / "tests/box/portal.php"), str(module)],
        input=json.dumps(world), text=True, capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "Warning" not in done.stderr and "Deprecated" not in done.stderr, done.stderr
    return json.loads(done.stdout)


def saved(received: Any) -> list[bool]:
    return [one["saved"] for one in received["updates"]]


@pytest.mark.parametrize("path", sorted((ROOT / "deploy/box").rglob("*.php")), ids=lambda path: path.name)
def test_it_parses(path: Path) -> None:
    assert PHP
    done = subprocess.run([PHP, "-l", str(path)], text=True, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout


def test_what_the_pool_allows_is_saved_and_what_it_does_not_is_refused_with_its_reason(tmp_path: Path) -> None:
    received = box(
        tmp_path,
        {"ID": 1, "STAGE_ID": "UC_1"}, {"ID": 1, "STAGE_ID": "WON"}, {"ID": 2, "STAGE_ID": "NEW"},
        {"ID": 1, "STAGE_ID": "NEW"}, {"ID": 1, "TITLE": "x"}, {"ID": "1", "STAGE_ID": "C3:NEW"},
        {"ID": 1, "STAGE_ID": "UC_9"},
    )  # fmt: skip
    assert saved(received) == [True, False, False, True, True, False, False]
    assert received["updates"][1]["why"] == "Со стадии «Новая» нельзя перейти на «Успех». Открыты: «Переговоры»."
    assert received["updates"][0]["why"] == "" and received["loaded"] == ["annex.lock"]


def test_heads_annex_itself_robots_and_permissions_pass(tmp_path: Path) -> None:
    jump = {"ID": 1, "STAGE_ID": "WON"}
    assert [saved(box(tmp_path, jump, user=user)) for user in (7, 1, 0, 8)] == [[True], [True], [True], [False]]
    assert saved(box(tmp_path, {"ID": 6, "STAGE_ID": "WON"})) == [True], "a one-time permission"


def test_what_cannot_be_judged_is_left_to_annex(tmp_path: Path) -> None:
    received = box(tmp_path, {"ID": 5, "STAGE_ID": "WON"}, {"ID": 99, "STAGE_ID": "WON"}, {"ID": 1, "STAGE_ID": "GONE"})
    assert saved(received) == [True, True, True]
    assert saved(box(tmp_path, {"ID": 1, "STAGE_ID": "WON"}, broken=True)) == [True]
    for text in ("", "{", '{"format": 2}'):
        (tmp_path / "annex/rules.json").write_text(text, encoding="utf-8")
        assert saved(box(tmp_path, {"ID": 1, "STAGE_ID": "WON"})) == [True]
    (tmp_path / "annex/rules.json").unlink()
    assert saved(box(tmp_path, {"ID": 1, "STAGE_ID": "WON"})) == [True]


@pytest.mark.parametrize(("other", "passes"), [("allow", True), ("refuse", False), (None, False)])
def test_a_pipeline_that_the_set_does_not_name_is_open_if_the_set_says_so(
    tmp_path: Path, other: str | None, passes: bool
) -> None:
    """Rules written before the setting was there say nothing about it: closed, as it is by default."""
    elsewhere = {
        "pipelines": {"0": "Продажи", "3": "Сопровождение", "5": "Склад"},
        "stages": {
            "DEAL_STAGE": {"NEW": "Новая", "UC_1": "Переговоры", "WON": "Успех", "UC_9": "Прочее"},
            "DEAL_STAGE_3": {"C3:NEW": "Новая"}, "DEAL_STAGE_5": {"C5:WON": "Успех"},
        },
    }  # fmt: skip
    assert saved(box(tmp_path, {"ID": 1, "STAGE_ID": "UC_1"})) == [True]
    rules = exported(other_pipelines=other) if other else exported()
    if other is None:
        del rules["other_pipelines"]
    (tmp_path / "annex/rules.json").write_text(json.dumps(rules), encoding="utf-8")
    moves = [
        {"ID": 1, "STAGE_ID": "C5:WON", "CATEGORY_ID": 5},
        {"ID": 1, "STAGE_ID": "UC_9"},
        {"ID": 1, "STAGE_ID": "C3:NEW"},
    ]
    assert saved(box(tmp_path, *moves, **elsewhere)) == [passes, False, False], "a stage of ours is no other pipeline"


def test_leads(tmp_path: Path) -> None:
    received = box(tmp_path, {"ID": 1, "STATUS_ID": "NEW"}, {"ID": 1, "STATUS_ID": "IN"}, event="crm:OnBeforeCrmLeadUpdate")
    assert saved(received) == [False, True] and "Открыты: ничего" in received["updates"][0]["why"]
