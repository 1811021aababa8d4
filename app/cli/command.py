"""The shape of a built-in sub-command."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

from app.bootstrap import Annex


@dataclass(frozen=True)
class BuiltIn:
    name: str
    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[Annex, argparse.Namespace], int]
