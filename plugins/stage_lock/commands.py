"""`annex stage-lock-rules`: the same rules as JSON, for the module on the customer's own server (deploy/box)."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from kernel.crm import Person
from kernel.extension.portal import Portal
from kernel.mapping import EntityMap
from plugins.stage_lock import store
from plugins.stage_lock.people import overriding, settings_of
from plugins.stage_lock.store import Grant

FORMAT = 1


def rules_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--without-people", action="store_true", help="do not ask the CRM who may override")


def print_rules(portal: Portal, args: argparse.Namespace) -> int:
    people = [] if args.without_people else portal.people()
    json.dump(rules(portal, people), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")
    return 0


def rules(portal: Portal, people: Iterable[Person]) -> dict[str, Any]:
    """Stages by what staff call them: the module finds its portal's codes by these names."""
    settings = settings_of(portal)
    with portal.database.read() as tx:
        granted = store.grants(tx, portal.name)
    return {
        "format": FORMAT,
        "other_pipelines": settings.other_pipelines,
        "override": [person.id for person in overriding(people, settings.override)],
        "entities": {
            name: _entity(portal.mapping.entities[name], [grant for grant in granted if grant.entity == name])
            for name in settings.entities
            if name in portal.mapping.entities
        },
    }


def _entity(plan: EntityMap, grants: Iterable[Grant]) -> Mapping[str, Any]:
    pipelines = {name: pipeline.label for name, pipeline in plan.pipeline.items()}
    return {
        "stages": {
            name: {
                "labels": [stage.label, *stage.also], "code": stage.code, "pipeline": pipelines.get(stage.pipeline, ""),
                "next": list(stage.next), "start": stage.start,
            }
            for name, stage in plan.stage.items()
        },
        "granted": [[grant.record_id, grant.stage] for grant in grants],
    }  # fmt: skip
