"""Mapping sets: what a portal calls our things."""

from kernel.mapping.schema import EntityMap, FieldMap, MappingSet, PortalMap, StageMap, TableMap, load_set
from kernel.mapping.values import read_value, write_value

__all__ = [
    "EntityMap", "FieldMap", "MappingSet", "PortalMap", "StageMap", "TableMap", "load_set", "read_value", "write_value",
]  # fmt: skip
