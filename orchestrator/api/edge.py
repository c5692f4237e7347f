"""Bytes of a request become typed values, or a refusal that names the member and what is wrong."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl

import msgspec

from orchestrator.api.operations import Operation
from orchestrator.api.routes import decode_segment
from orchestrator.api.shapes import (
    Flag,
    Integer,
    Kind,
    ListOf,
    MapOf,
    Member,
    Moment,
    Number,
    Record,
    Text,
)
from orchestrator.domain.errors import InvalidRequestError

_INTEGER: Final = re.compile(r"-?[0-9]{1,15}", re.ASCII)
# What ISO 8601 texts of clients look like; fromisoformat alone would take week dates as well.
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,32})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# As msgspec words it.
_UNKNOWN: Final = re.compile("unknown field `([^`]*)`")
_INVALID: Final = re.compile(
    r"^Invalid enum value (['\"])(.*)\1 - at `.*?(\w+)(\[[^]]*\])*`$", re.DOTALL
)
# More parameters than any operation has, few enough to cost nothing; untag takes 50 keys.
_MOST_PARAMETERS: Final = 100


class RequestDecoder:
    """Decodes the requests of one operation, as its row of the table says."""

    def __init__(self, operation: Operation) -> None:
        self._path = tuple(member.name for member in operation.taken_from("path"))
        self._query = {member.name: member for member in operation.taken_from("query")}
        self._headers = tuple(
            (member.name.encode(), member, _text_parser(member))
            for member in operation.taken_from("header")
        )
        self._query_parsers = {
            name: _text_parser(member)
            for name, member in self._query.items()
            if not isinstance(member.kind, ListOf)
        }
        body = operation.taken_from("body")
        self._body = _BodyDecoder(operation, body) if body else None

    def decode(
        self,
        parameters: Mapping[str, bytes],
        query: bytes,
        headers: Mapping[bytes, bytes],
        body: bytes,
    ) -> dict[str, Any]:
        """Every member of the operation by its wire name; None for what is absent."""
        values: dict[str, Any] = {name: decode_segment(parameters[name]) for name in self._path}
        for raw_name, member, parse in self._headers:
            raw = headers.get(raw_name)
            values[member.name] = None if raw is None else parse(raw.decode("latin-1"))
        if self._query:
            self._decode_query(query, values)
        if self._body is not None:
            self._body.decode(body, values)
        return values

    def _decode_query(self, query: bytes, values: dict[str, Any]) -> None:
        values.update(dict.fromkeys(self._query))
        for name, text in _query_pairs(query):
            member = self._query.get(name)
            if member is None:
                continue
            if isinstance(member.kind, ListOf):
                values[name] = [*(values[name] or ()), text]
            elif values[name] is not None:
                raise InvalidRequestError(f"{name} is given twice. Send it once.")
            else:
                values[name] = self._query_parsers[name](text)
        for name, member in self._query.items():
            if member.required and values[name] is None:
                raise InvalidRequestError(f"{name} is missing. It is a query parameter.")


class _BodyDecoder:
    def __init__(self, operation: Operation, members: tuple[Member, ...]) -> None:
        self._name = operation.name
        self._names = tuple(member.name for member in members)
        self._known = {member.name: member.kind for member in _all_in(members)}
        kind = _struct_of(f"{operation.name}Body", members, strict=operation.strict)
        self._decoder = msgspec.json.Decoder(kind)

    def decode(self, body: bytes, values: dict[str, Any]) -> None:
        try:
            # No body at all means the same as an empty object.
            given = self._decoder.decode(body or b"{}")
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise InvalidRequestError(
                f"The body is not what {self._name} takes: {self._explained(str(error))}"
            ) from None
        for name in self._names:
            values[name] = getattr(given, name)

    def _explained(self, error: str) -> str:
        """The error as a sentence, with what was probably meant where it names something."""
        if unknown := _UNKNOWN.search(error):
            return _sentence(f"{error}; {nearest(unknown[1], self._known)}")
        if invalid := _INVALID.search(error):
            kind = self._known.get(invalid[3])
            if isinstance(kind, Text):
                return _sentence(f"{error}; {nearest(invalid[2], kind.one_of)}")
        return _sentence(error)


def nearest(name: str, known: Collection[str]) -> str:
    """What was probably meant, or all there is."""
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(known))}"


def _sentence(text: str) -> str:
    return text if text.endswith(("?", ".")) else f"{text}."


def _all_in(members: Iterable[Member]) -> Iterator[Member]:
    """These members and those inside them."""
    for member in members:
        yield member
        kind = member.kind.item if isinstance(member.kind, ListOf) else member.kind
        if isinstance(kind, Record):
            yield from _all_in(kind.members)


def _struct_of(
    name: str, members: tuple[Member, ...], *, strict: bool = False
) -> type[msgspec.Struct]:
    return msgspec.defstruct(
        name,
        [
            (member.name, _type_of(member.kind, strict=strict))
            if member.required
            else (member.name, _type_of(member.kind, strict=strict) | None, None)
            for member in members
        ],
        kw_only=True,
        forbid_unknown_fields=strict,
    )


def _type_of(kind: Kind, *, strict: bool) -> Any:
    match kind:
        case Text(one_of=()):
            bounds = msgspec.Meta(min_length=kind.min_length, max_length=kind.max_length)
            return Annotated[str, bounds]
        case Text():
            return Literal[kind.one_of]
        case Integer():
            return Annotated[int, msgspec.Meta(ge=kind.minimum, le=kind.maximum)]
        case Number():
            return Annotated[float, msgspec.Meta(ge=kind.minimum, le=kind.maximum)]
        case Flag():
            return bool
        case ListOf():
            # mypy cannot see a type that is made while the program runs.
            items: Any = list[_type_of(kind.item, strict=strict)]  # type: ignore[misc]
            return Annotated[items, msgspec.Meta(max_length=kind.max_items)]
        case MapOf():
            return dict[str, _type_of(kind.value, strict=strict)]  # type: ignore[misc]
        case Record():
            return _struct_of(kind.name, kind.members, strict=strict)
        case _:
            raise TypeError(f"{kind} does not stand in a body")


def _query_pairs(query: bytes) -> list[tuple[str, str]]:
    if not query:
        return []
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError:
        raise InvalidRequestError(
            f"The query is not percent-encoded UTF-8 with at most {_MOST_PARAMETERS} parameters."
        ) from None


def _text_parser(member: Member) -> Callable[[str], Any]:
    """How the text of a query parameter or header becomes its value."""
    kind, name = member.kind, member.name
    match kind:
        case Integer():
            return lambda text: _parse_integer(name, kind, text)
        case Flag():
            return lambda text: _parse_flag(name, text)
        case Moment():
            return lambda text: _parse_moment(name, text)
        case Text():
            return lambda text: _parse_text(name, kind, text)
        case _:
            raise TypeError(f"{name}: {kind} does not stand in a query or header")


def _parse_integer(name: str, kind: Integer, text: str) -> int:
    value = int(text) if _INTEGER.fullmatch(text) else None
    low = -math.inf if kind.minimum is None else kind.minimum
    high = math.inf if kind.maximum is None else kind.maximum
    if value is None or not low <= value <= high:
        bounds = f" of {kind.minimum} to {kind.maximum}" if kind.maximum is not None else ""
        raise InvalidRequestError(f"{name} is {text[:32]!a}; it is a whole number{bounds}.")
    return value


def _parse_flag(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise InvalidRequestError(f"{name} is {text[:32]!a}; it is true or false.")
    return text == "true"


def _parse_moment(name: str, text: str) -> int:
    """UTC ms. A part of a millisecond rounds up, which is exact for both kinds of bound: what
    was received at a whole millisecond was at or after 1.2 ms if and only if at or after 2 ms.
    """
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        micros = (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise InvalidRequestError(
            f"{name} is {text[:48]!a}; it is a time such as 2019-07-17T15:45:12.880Z."
        ) from None
    return -(-micros // 1000)


def _parse_text(name: str, kind: Text, text: str) -> str:
    if kind.one_of and text not in kind.one_of:
        raise InvalidRequestError(
            f"{name} is {text[:32]!a}; it is one of {', '.join(kind.one_of)}."
        )
    if kind.max_length is not None and len(text) > kind.max_length:
        raise InvalidRequestError(
            f"{name} has {len(text)} characters; it has at most {kind.max_length}."
        )
    if kind.min_length is not None and len(text) < kind.min_length:
        raise InvalidRequestError(f"{name} is empty. Leave it out, or give it a value.")
    return text
