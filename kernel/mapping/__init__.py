"""Mapping sets: what a portal calls our things."""

from kernel.mapping.clients import CLIENTS, client_fields
from kernel.mapping.feeds import FeedElement, FeedMap
from kernel.mapping.plan import Change, Setup
from kernel.mapping.schema import (
    ConnectionMap,
    EntityMap,
    FieldMap,
    ListMap,
    MappingSet,
    PipelineMap,
    PlacementMap,
    PortalMap,
    RobotMap,
    RoleMap,
    StageMap,
    TableMap,
    load_set,
)
from kernel.mapping.sets import (
    OpeningService,
    PushField,
    PushMap,
    PushPart,
    RowPath,
    ServiceMap,
    SetColumn,
    SetMap,
    SetTable,
)
from kernel.mapping.values import read_value, write_value

__all__ = [
    "CLIENTS", "Change", "ConnectionMap", "EntityMap", "FeedElement", "FeedMap", "FieldMap", "ListMap", "MappingSet",
    "OpeningService", "PipelineMap", "PlacementMap", "PortalMap", "PushField", "PushMap", "PushPart", "RobotMap",
    "RoleMap", "RowPath", "ServiceMap", "SetColumn", "SetMap", "SetTable", "Setup", "StageMap", "TableMap",
    "client_fields", "load_set", "read_value", "write_value",
]  # fmt: skip
