"""Mapping sets: what a portal calls our things."""

from kernel.mapping.cards import CardMap, FieldTypeMap, SectionMap
from kernel.mapping.clients import CLIENTS, client_fields
from kernel.mapping.feeds import FeedElement, FeedMap
from kernel.mapping.forms import FormField, FormMap
from kernel.mapping.plan import Change, Setup
from kernel.mapping.pushes import OpeningService, PushField, PushMap, PushPart
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
    SenderMap,
    StageMap,
    TableMap,
    load_set,
)
from kernel.mapping.sets import RowPath, SetColumn, SetMap, SetTable
from kernel.mapping.values import read_value, write_value
from kernel.mapping.wire import ServiceMap

__all__ = [
    "CLIENTS", "CardMap", "Change", "ConnectionMap", "EntityMap", "FeedElement", "FeedMap", "FieldMap",
    "FieldTypeMap", "FormField", "FormMap", "ListMap", "MappingSet", "OpeningService", "PipelineMap", "PlacementMap",
    "PortalMap", "PushField", "PushMap", "PushPart", "RobotMap", "RoleMap", "RowPath", "SectionMap", "SenderMap",
    "ServiceMap", "SetColumn", "SetMap", "SetTable", "Setup", "StageMap", "TableMap", "client_fields", "load_set",
    "read_value", "write_value",
]  # fmt: skip
