"""Mapping sets: what a portal calls our things."""

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
from kernel.mapping.values import read_value, write_value

__all__ = [
    "Change", "ConnectionMap", "EntityMap", "FieldMap", "ListMap", "MappingSet", "PipelineMap", "PlacementMap", "PortalMap",
    "RobotMap", "RoleMap", "Setup", "StageMap", "TableMap", "load_set", "read_value", "write_value",
]  # fmt: skip
