"""What the conformance tests share: where things lie, a copy of the checkout to break, commands run as people run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".git", "var", "build", "dist", "*.egg-info", "__pycache__", ".hypothesis", ".pytest_cache", "*.db*", "*.log"
)
SERVING_NOBODY = {"tests", "story", "story.py"}
# Enough for everything that does not speak to a portal.
ENVIRONMENT = {
    "PLANFIX_URL": "http://127.0.0.1:1/rest/",
    "PLANFIX_TOKEN": "a-token-of-the-tests",
    "PLANFIX_HOOK_SECRET": "a-hook-secret-of-the-tests",
}


def copy(to: Path) -> Path:
    """The checkout as it stands, caches of the tools included so that they need not begin anew."""
    shutil.copytree(ROOT, to, ignore=NOT_COPIED)
    return to


def tool(name: str) -> str:
    """A tool of the environment these tests run in."""
    return str(Path(sys.executable).parent / name)


def run(*arguments: str, cwd: Path = ROOT, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command with a clean environment; whoever calls looks at the exit code."""
    environment = {**clean(), **(more or {})}
    return subprocess.run(arguments, cwd=cwd, env=environment, text=True, capture_output=True, timeout=900, check=False)


def clean() -> dict[str, str]:
    """The machine's environment without settings of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANNEX_", "PLANFIX_", "PYTEST_"))}
    return {**kept, "PYTHONUTF8": "1", "COLUMNS": "200"}


def annex(*arguments: str, cwd: Path = ROOT, more: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "app", *arguments, cwd=cwd, more=more)


def output(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


def folders(room: str) -> list[Path]:
    """The folders of plugins/ or connectors/."""
    return sorted(path for path in (ROOT / room).iterdir() if (path / "__init__.py").is_file())


def sources(*places: str) -> Iterable[Path]:
    """Our Python files under these places; tests are left out, and so are stories, which play people and serve no desk."""
    for place in places:
        path = ROOT / place
        found = [path] if path.is_file() else sorted(path.rglob("*.py"))
        yield from (file for file in found if not SERVING_NOBODY & set(file.relative_to(ROOT).parts))
