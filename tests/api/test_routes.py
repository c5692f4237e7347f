"""Which operation a path means; nothing is decoded before it is routed."""

from __future__ import annotations

import pytest

from orchestrator.api.additions import ADDITIONS
from orchestrator.api.operations import OPERATIONS
from orchestrator.api.routes import Routes, decode_segment
from orchestrator.domain.errors import InvalidRequestError

ROUTES = Routes((*OPERATIONS, *ADDITIONS))


def name_of(method: str, path: bytes) -> str | None:
    route = ROUTES.find(path)
    operation = route and route.by_method.get(method)
    return operation.name if operation else None


@pytest.mark.parametrize("row", [*OPERATIONS, *ADDITIONS], ids=lambda row: row.name)
def test_every_row_of_the_table_is_found_by_its_own_path(row):
    path = "/".join("X1" if part.startswith("{") else part for part in row.path.split("/"))
    assert name_of(row.method, path.encode()) == row.name


def test_an_encoded_arn_is_one_segment():
    route = ROUTES.find(b"/tags/arn%3Aaws%3Aiot1click%3Aus-west-2%3A012345678901%3Adevices%2FG030")
    assert set(route.by_method) == {"GET", "POST", "DELETE"}
    arn = decode_segment(route.parameters["resource-arn"])
    assert arn == "arn:aws:iot1click:us-west-2:012345678901:devices/G030"


def test_an_encoded_slash_does_not_make_another_route():
    route = ROUTES.find(b"/devices/a%2Fevents")
    assert route.by_method["GET"].name == "DescribeDevice"
    assert decode_segment(route.parameters["deviceId"]) == "a/events"


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"/devices/",
        b"/devices//events",
        b"/devices/A/nothing",
        b"/devices/A/events/",
        b"/Devices",
        b"/devices%2FA",
        b"/tags/arn:aws:iot1click:us-west-2:012345678901:devices/G030",
        b"*",
    ],
)
def test_any_other_path_leads_nowhere(path):
    assert ROUTES.find(path) is None


def test_a_segment_that_is_not_utf8_is_refused():
    with pytest.raises(InvalidRequestError):
        decode_segment(b"%FF")
