"""The botocore model of the claim API, drawn from the table for clients that have none."""

from __future__ import annotations

from typing import Any

from orchestrator.api.errors import MODELLED
from orchestrator.api.operations import (
    API_VERSION,
    ENDPOINT_PREFIX,
    OPERATIONS,
    SIGNING_NAME,
    Operation,
)
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

JsonObject = dict[str, Any]

# Wire places under the names that the model format gives them.
_LOCATION = {"path": "uri", "query": "querystring", "header": "header"}


def service_model() -> JsonObject:
    """``service-2.json``: what clients derive commands, serializers and exceptions from.

    ``serviceId`` decides the environment variable that names the endpoint:
    AWS_ENDPOINT_URL_IOT1CLICK_DEVICES.
    """
    shapes: JsonObject = {}
    operations = {row.name: _operation(row, shapes) for row in OPERATIONS}
    for name, status in MODELLED.items():
        shapes[name] = _exception(status)
    shapes["String"] = {"type": "string"}
    return {
        "version": "2.0",
        "metadata": {
            "apiVersion": API_VERSION,
            "endpointPrefix": ENDPOINT_PREFIX,
            "jsonVersion": "1.1",
            "protocol": "rest-json",
            "protocols": ["rest-json"],
            "serviceFullName": "clickclaim (AWS IoT 1-Click Devices API)",
            "serviceId": "iot1click devices",
            "signatureVersion": "v4",
            "signingName": SIGNING_NAME,
            "uid": f"iot1click-devices-{API_VERSION}",
        },
        "documentation": "<p>Claims physical buttons: initiate, press, finalize.</p>",
        "operations": operations,
        "shapes": dict(sorted(shapes.items())),
    }


def paginators_model() -> JsonObject:
    """``paginators-1.json``: without it a client refuses to page."""
    return {
        "pagination": {
            row.name: {
                "input_token": "NextToken",
                "limit_key": "MaxResults",
                "output_token": "NextToken",
                "result_key": row.paged[:1].upper() + row.paged[1:],
            }
            for row in OPERATIONS
            if row.paged is not None
        }
    }


def _operation(row: Operation, shapes: JsonObject) -> JsonObject:
    asked = tuple(member for member in row.members if not member.ours)
    shapes[f"{row.name}Request"] = _structure(asked, shapes)
    described: JsonObject = {
        "name": row.name,
        "http": {"method": row.method, "requestUri": row.path, "responseCode": row.success},
        "input": {"shape": f"{row.name}Request"},
        "errors": [{"shape": name} for name in row.errors],
        "documentation": f"<p>{row.doc}</p>",
    }
    if row.success != 204:
        shapes[f"{row.name}Response"] = _structure(row.output, shapes)
        described["output"] = {"shape": f"{row.name}Response"}
    return described


def _structure(members: tuple[Member, ...], shapes: JsonObject) -> JsonObject:
    described: JsonObject = {
        "type": "structure",
        "members": {member.client_name: _member(member, shapes) for member in members},
    }
    required = [member.client_name for member in members if member.required]
    if required:
        described["required"] = required
    return described


def _member(member: Member, shapes: JsonObject) -> JsonObject:
    described: JsonObject = {
        "shape": _shape(member.kind, shapes),
        "locationName": member.name,
        "documentation": f"<p>{member.doc}</p>",
    }
    if member.where in _LOCATION:
        described["location"] = _LOCATION[member.where]
    return described


def _shape(kind: Kind, shapes: JsonObject) -> str:
    """The name of the shape of this kind, which is added when it is new."""
    shape: JsonObject
    match kind:
        case Text():
            # Lengths and patterns are the service's to judge: a client of another time than the
            # service must not refuse what the service takes.
            name, shape = "String", {"type": "string"}
        case Integer(minimum=1):
            name, shape = (
                "MaxResults",
                {"type": "integer", "min": kind.minimum, "max": kind.maximum},
            )
        case Integer():
            name, shape = "Integer", {"type": "integer"}
        case Number():
            name, shape = "Double", {"type": "double"}
        case Flag():
            name, shape = "Boolean", {"type": "boolean"}
        case Moment():
            name, shape = "Timestamp", {"type": "timestamp", "timestampFormat": "iso8601"}
        case ListOf():
            item = _shape(kind.item, shapes)
            name, shape = f"{item}List", {"type": "list", "member": {"shape": item}}
        case MapOf():
            value = _shape(kind.value, shapes)
            name, shape = (
                f"{value}Map",
                {"type": "map", "key": {"shape": "String"}, "value": {"shape": value}},
            )
        case Record():
            name, shape = kind.name, _structure(kind.members, shapes)
        case _:
            raise TypeError(f"{kind} does not stand in the published API")
    shapes[name] = shape
    return name


def _exception(status: int) -> JsonObject:
    members = {
        "Code": {"shape": "String", "locationName": "code"},
        "Message": {"shape": "String", "locationName": "message"},
    }
    return {
        "type": "structure",
        "exception": True,
        "error": {"httpStatusCode": status},
        "members": members,
    }
