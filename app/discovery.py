"""Finding plugins and connectors: every folder in plugins/ and connectors/, and what outside packages bring.

An outside package names its object under the entry-point group `annex.plugins` or `annex.connectors`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import connectors
import plugins
from kernel.errors import Misconfigured
from kernel.extension import Connector, Plugin
from kernel.texts import add_folder

T = TypeVar("T", Plugin, Connector)


def find_plugins() -> Mapping[str, Plugin]:
    return _find(plugins, "plugin", Plugin, "annex.plugins")


def find_connectors() -> Mapping[str, Connector]:
    return _find(connectors, "connector", Connector, "annex.connectors")


def beside(name: str, part: str) -> ModuleType | None:
    """A module that a plugin may bring beside its manifest and that serves no desk: `story`. None if it brings none."""
    package = f"{plugins.__name__}.{name}"
    for point in entry_points(group="annex.plugins"):
        if getattr(point.load(), "name", "") == name:
            package = point.module
    if not hasattr(importlib.import_module(package), "__path__") or find_spec(f"{package}.{part}") is None:
        return None
    return importlib.import_module(f"{package}.{part}")


def _find(package: ModuleType, attribute: str, kind: type[T], group: str) -> Mapping[str, T]:
    found: dict[str, T] = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.ispkg:
            module = importlib.import_module(f"{package.__name__}.{info.name}")
            declared = getattr(module, attribute, None)
            if not isinstance(declared, kind):
                raise Misconfigured(f"{package.__name__}/{info.name}/__init__.py declares no `{attribute}`")
            if declared.name != info.name:
                raise Misconfigured(
                    f"{package.__name__}/{info.name} calls itself «{declared.name}»: folder and name must agree"
                )
            _add(found, declared, module)
    for point in entry_points(group=group):
        declared = point.load()
        if not isinstance(declared, kind):
            raise Misconfigured(f"entry point {group}:{point.name} is no {kind.__name__}")
        _add(found, declared, importlib.import_module(point.module))
    return dict(sorted(found.items()))


def _add(found: dict[str, T], declared: T, module: ModuleType) -> None:
    if declared.name in found:
        raise Misconfigured(f"two packages bring «{declared.name}»")
    found[declared.name] = declared
    for folder in sorted(Path(module.__file__ or ".").parent.glob("locale*")):
        add_folder(folder)
