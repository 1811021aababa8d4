"""A World that app puts together from a mapping set and settings, as in production: real assembly, twins around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.bootstrap import Annex, build, set_folder
from app.site import make_site
from kernel.extension.portal import Portal
from kernel.http import Transport
from kernel.mapping import load_set
from kernel.settings import Settings
from kernel.testing import FakeClock, MemoryCRM, World
from kernel.testing.served import Served


class Assembled(World):
    """`environment`: the settings, the set among them. With `crm` None the set's own connector is the CRM."""

    def __init__(
        self,
        environment: Mapping[str, str],
        url: str = "",
        *,
        settings: Mapping[str, Any] | None = None,
        transport: Transport | None = None,
        crm: Callable[..., MemoryCRM] | None = MemoryCRM,
        seed: int | None = None,
        migrate: bool = False,
        clock: FakeClock | None = None,
    ) -> None:
        self._environment, self._transport = dict(environment), transport
        self._twin = crm is not None
        mapping = load_set(set_folder(environment["ANNEX_SET"]))
        url = url or Settings(environment).database_url
        super().__init__(url, mapping, settings=settings, crm=crm or (lambda *_args, **_more: None), seed=seed, clock=clock)
        if migrate:
            self.annex.migrate()

    def fresh_portal(self) -> Portal:
        self.annex: Annex = build(
            self._environment, clock=self.clock, ids=self.ids, queue=self.queue, crm=self.crm if self._twin else None,
            database=self.database, transport=self._transport,
        )  # fmt: skip
        self.plugins = list(self.annex.runtime.plugins)
        portal = self.annex.runtime.portal
        if self._given_settings:
            portal.plugin_settings = {**portal.plugin_settings, **self._settings()}
        self.crm = portal.crm
        return portal

    def restart(self) -> None:
        """As a new process has it; to put everything together once more would take long."""
        self.portal.staff.forget()
        self.portal.memory.clear()

    def serve(self, **more: Any) -> Served:
        app = make_site(self.annex, **more)
        self._served = Served(app, app.extensions["annex"])
        return self._served

    def post(self, address: str, **request: Any) -> Any:
        return self.app.test_client().post(f"/hooks/{address}", **request)
