"""What values look like on the wire: the few kinds from which every document is derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Where = Literal["path", "query", "header", "body"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string; lengths in Unicode characters."""

    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Integer:
    """A whole number, bounds inclusive."""

    minimum: int | None = None
    maximum: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number with a fraction, bounds inclusive."""

    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as ISO 8601 text with its offset, any number of digits in the fraction."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """Values in order. In a query: the parameter, repeated."""

    item: Kind
    max_items: int | None = None


@dataclass(frozen=True, slots=True)
class MapOf:
    """Values by name."""

    value: Kind


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object with these members; unknown ones are ignored."""

    name: str
    members: tuple[Member, ...]


Kind = Text | Integer | Number | Flag | Moment | Anything | ListOf | MapOf | Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One named value of a request, an answer or a record."""

    name: str
    """As it stands on the wire."""
    kind: Kind
    doc: str
    where: Where = "body"
    required: bool = False
    nullable: bool = False
    """May be ``null`` in an answer. In a request, ``null`` always means absent."""
    ours: bool = False
    """Not part of the published API, so no client's own model knows it."""

    @property
    def client_name(self) -> str:
        """PascalCase, as clients call it on their own side: ``resource-arn`` is ResourceArn."""
        return "".join(word[:1].upper() + word[1:] for word in self.name.split("-"))
