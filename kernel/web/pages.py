"""The blueprint a plugin's `pages` returns: routes, what stands in the navigation, and what makes its pages stale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint

from kernel.extension.connector import Visitor
from kernel.storage import Tx


@dataclass(frozen=True)
class Nav:
    """An entry of the navigation: a view of this blueprint and the code of its name (kernel.texts).

    It is shown to those who may open the view.
    """

    view: str
    title: str


class Pages(Blueprint):
    """A Flask blueprint that also says where it stands in the navigation.

    `version` is a cheap text that changes whenever something on these pages does, beyond what the books' head tells.
    With a `topic` that version is told only to pages that listen to `/live?topic=…`, and moves no other page.
    `address` is where they stand, where that is not the plugin's name: below another plugin's pages, "dossier/check".
    `opened` is asked when the CRM opens a page of these in a frame, with its path: whether this visitor may see it.
    `folder` holds `templates/<plugin>/`, `static/` (served with a content hash) and perhaps `locale_pages/`.
    """

    def __init__(
        self,
        name: str,
        import_name: str,
        *,
        nav: Sequence[Nav] = (),
        version: Callable[[Tx], str] | None = None,
        topic: str = "",
        opened: Callable[[Visitor, str], bool] | None = None,
        address: str = "",
        **more: Any,
    ) -> None:
        super().__init__(name, import_name, template_folder="templates", **more)
        self.nav = tuple(nav)
        self.version, self.topic, self.opened, self.address = version, topic, opened, address
