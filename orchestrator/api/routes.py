"""Which operation a raw path means. Nothing is decoded before it is routed.

A decoded path would turn the ARN in ``/tags/arn%3A…%2FG030`` into three segments, and ``a%2Fb``
into a device with a method.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from orchestrator.api.operations import Operation
from orchestrator.domain.errors import InvalidRequestError


@dataclass(slots=True)
class Route:
    """One path with its operations by method; ``parameters`` are still percent-encoded."""

    by_method: Mapping[str, Operation]
    parameters: Mapping[str, bytes]

    @property
    def allowed(self) -> str:
        """What an ``Allow`` header says."""
        return ", ".join([*sorted(self.by_method), "OPTIONS"])


@dataclass(slots=True)
class _Node:
    fixed: dict[bytes, _Node] = field(default_factory=dict)
    parameter: str = ""
    below: _Node | None = None
    by_method: dict[str, Operation] = field(default_factory=dict)


class Routes:
    """The operations as a tree of path segments."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root = _Node()
        for operation in operations:
            self._add(operation)

    def find(self, raw_path: bytes) -> Route | None:
        """The route that this path means, or None when there is none."""
        node = self._root
        parameters: dict[str, bytes] = {}
        for segment in raw_path.split(b"/")[1:]:
            fixed = node.fixed.get(segment)
            if fixed is not None:
                node = fixed
            elif node.below is not None and segment:
                parameters[node.parameter] = segment
                node = node.below
            else:
                return None
        return Route(node.by_method, parameters) if node.by_method else None

    def _add(self, operation: Operation) -> None:
        node = self._root
        for segment in operation.path.split("/")[1:]:
            if segment.startswith("{"):
                if node.below is None:
                    node.below, node.parameter = _Node(), segment[1:-1]
                node = node.below
            else:
                node = node.fixed.setdefault(segment.encode(), _Node())
        node.by_method[operation.method] = operation


def decode_segment(segment: bytes) -> str:
    """A path segment as text."""
    try:
        return (unquote_to_bytes(segment) if b"%" in segment else segment).decode()
    except UnicodeDecodeError:
        raise InvalidRequestError(
            "The path is not UTF-8 text. Percent-encode its segments as UTF-8."
        ) from None
