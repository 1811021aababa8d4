"""The rooms keep their walls; and a wall that is broken is reported, so that a misspelt wildcard cannot stay silent."""

from __future__ import annotations

import pytest

from tests.conformance.checkout import output, run, tool

LINT = (tool("lint-imports"), "--no-logo")
PLUGIN_WALL = "A plugin knows another only by its api.py"
ROOMS_WALL = "Rooms: app above the three doors, the three doors above the kernel"
# Where a line is added, which, and whose contract it breaks.
BREAKS = [
    ("plugins/partners/rules/marks.py", "import sqlalchemy", "Rules are pure: values in, values out"),
    ("plugins/reception/rules.py", "import plugins.exchange.store", PLUGIN_WALL),
    ("plugins/reception/rules.py", "import connectors.planfix.client", ROOMS_WALL),
    ("kernel/values.py", "import plugins.exchange.model", ROOMS_WALL),
    ("connectors/planfix/client.py", "import webhooks.door", ROOMS_WALL),
    ("sandbox/common/clock.py", "import kernel.values", "The sandbox shares no code with what it imitates"),
    ("plugins/reception/rules.py", "import sandbox.planfix.server", "Only app starts the sandbox"),
]


def test_all_walls_stand():
    done = run(*LINT)
    assert done.returncode == 0, output(done)
    assert " 0 broken" in output(done)


def test_each_broken_wall_is_reported(checkout):
    for file, line, contract in BREAKS:
        path = checkout / file
        kept = path.read_text(encoding="utf-8")
        path.write_text(f"{kept}\n{line}\n", encoding="utf-8")
        done = run(*LINT, cwd=checkout)
        path.write_text(kept, encoding="utf-8")
        assert done.returncode == 1, f"{line} in {file} went unnoticed\n{output(done)}"
        assert f"{contract} BROKEN" in " ".join(output(done).split()), output(done)


def test_connectors_are_kept_apart_too(checkout):
    other = checkout / "connectors/other"
    other.mkdir()
    (other / "__init__.py").write_text("import connectors.planfix.client\n", encoding="utf-8")
    done = run(*LINT, cwd=checkout)
    assert done.returncode == 1
    assert "Connectors do not know each other BROKEN" in " ".join(output(done).split()), output(done)


def test_a_plugins_api_may_be_used(checkout):
    path = checkout / "plugins/reception/rules.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nimport plugins.exchange.api\n", encoding="utf-8")
    done = run(*LINT, cwd=checkout)
    assert done.returncode == 0, output(done)


pytestmark = pytest.mark.row("PL-06")
