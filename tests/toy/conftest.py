from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.toy.desk import CRMS, Desk, toy_installed
from tests.toy.peer import Peer, peer

MakeDesk = Callable[..., Desk]


@pytest.fixture
def other_side() -> Iterator[Peer]:
    with peer() as made:
        yield made


@pytest.fixture
def make_desk(tmp_path: Path, other_side: Peer) -> Iterator[MakeDesk]:
    made: list[Desk] = []

    def make(crm: str = "planfix", **more: Any) -> Desk:
        made.append(Desk(crm, tmp_path, other_side.environment, **more))
        return made[-1]

    with toy_installed():
        yield make
        for desk in made:
            desk.close()


@pytest.fixture(params=sorted(CRMS))
def desk(request: pytest.FixtureRequest, make_desk: MakeDesk) -> Desk:
    return make_desk(request.param)
