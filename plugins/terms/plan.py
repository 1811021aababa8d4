"""Which fields of the set are terms, and which of them are not answered."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.crm import Values
from kernel.extension.portal import Portal
from kernel.mapping import FieldMap
from plugins.terms.settings import TermsSettings

NAME = "terms"
DEAL = "deal"


def settings_of(portal: Portal) -> TermsSettings:
    return portal.settings(NAME, TermsSettings)


def term_fields(portal: Portal) -> Mapping[str, FieldMap]:
    """In the order in which the set declares them."""
    prefix = settings_of(portal).prefix
    return {name: plan for name, plan in portal.mapping.entity(DEAL).field.items() if name.startswith(prefix)}


def unanswered(portal: Portal, values: Values) -> list[str]:
    """What staff call the terms that hold no answer of those that the set declares."""
    return [label_of(name, plan) for name, plan in term_fields(portal).items() if answer_of(plan, values.get(name)) is None]


def answer_of(plan: FieldMap, value: object) -> str | None:
    return value if isinstance(value, str) and value in plan.values else None


def label_of(name: str, plan: FieldMap) -> str:
    return plan.label or plan.title or name


def owner_of(values: Values) -> str:
    """The id of the deal's responsible; empty if there is none."""
    return str(getattr(values.get("assigned"), "id", "") or "")
