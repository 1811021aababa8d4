"""How a CRM's own card is arranged: which fields everybody sees, in which sections and order; and pages of ours among them.

A field is named by our word, or, where the set has none for it, by the CRM's own name in capitals (`CLIENT`, `COMMENTS`).
What is named in no section is not shown: so what only Annex needs stays out of sight.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator

from kernel.mapping.strict import Strict

OF_THE_CRM = re.compile(r"[A-Z][A-Z0-9_]*")
_TYPE_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")


class FieldTypeMap(Strict):
    """A page of ours in the place of a field of the card."""

    title: str
    page: str  #: the path of ours; {entity} and {record} become what the card is of
    of: list[Literal["lead", "deal", "contact", "company"]] = Field(min_length=1)  #: whose cards have such a field
    height: int = Field(default=240, ge=40, le=2000)  #: pixels
    connection: str = ""  #: it is there only where that connection is switched on


class SectionMap(Strict):
    title: str = Field(min_length=1)
    fields: list[str] = Field(min_length=1)
    always: list[str] = Field(default_factory=list)  #: those of them that are shown although they are empty

    @model_validator(mode="after")
    def _always_of_it(self) -> SectionMap:
        for name in self.always:
            if name not in self.fields:
                raise ValueError(f"always names «{name}», which is not among the section's fields")
        return self


class PipelineCard(Strict):
    sections: list[SectionMap] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> PipelineCard:
        _check_once(self.sections)
        return self


class CardMap(Strict):
    """The cards of one kind of record. Cards of a pipeline that is named below it have sections of their own."""

    sections: list[SectionMap] = Field(default_factory=list)
    pipeline: dict[str, PipelineCard] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _each_once(self) -> CardMap:
        if not (self.sections or self.pipeline):
            raise ValueError("a card has sections")
        _check_once(self.sections)
        return self

    def of_pipeline(self, name: str) -> Sequence[SectionMap]:
        """Empty where the set leaves the cards of that pipeline to staff."""
        own = self.pipeline.get(name)
        return own.sections if own else self.sections


def check_type_names(types: Iterable[str]) -> None:
    """Raises ValueError."""
    for name in types:
        if not _TYPE_NAME.fullmatch(name):
            raise ValueError(f"field_type.{name}: a name is made of a-z and 0-9, at most 20, and begins with a letter")


def _check_once(sections: Sequence[SectionMap]) -> None:
    titles = [one.title.strip().casefold() for one in sections]
    names = [name for one in sections for name in one.fields]
    for what, found in (("section", titles), ("field", names)):
        if twice := next((one for one in found if found.count(one) > 1), ""):
            raise ValueError(f"the {what} «{twice}» stands there twice")


def against_entity(
    card: CardMap, fields: Mapping[str, object], types: Iterable[str], pipelines: Iterable[str], key: str
) -> Iterable[tuple[list[str], str]]:
    """What of a card this set cannot give: keys below the card, and what is wrong. `types`: pages of ours in such cards;
    `key`: the field that only Annex needs."""
    known, having = {*fields, *types}, set(pipelines)
    for name in card.pipeline:
        if name not in having:
            yield ["pipeline", name], f"there is no pipeline «{name}»"
    parts = [(["sections"], card.sections), *((["pipeline", n, "sections"], p.sections) for n, p in card.pipeline.items())]
    for keys, sections in parts:
        for name in (name for one in sections for name in one.fields):
            if name == key:
                yield keys, f"«{name}» is for Annex alone and stands in no section"
            elif name not in known and not OF_THE_CRM.fullmatch(name):
                yield keys, f"there is no field «{name}»; a field of the CRM's own is named in capitals"
