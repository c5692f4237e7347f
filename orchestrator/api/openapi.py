"""The OpenAPI 3.1 document, drawn from the table of operations."""

from __future__ import annotations

from typing import Any, Final

from orchestrator import __version__
from orchestrator.api.additions import ADDITIONS
from orchestrator.api.errors import (
    AT_THE_DOOR,
    METHOD_NOT_ALLOWED,
    STATUS,
    UNKNOWN_OPERATION,
)
from orchestrator.api.operations import OPERATIONS, Operation
from orchestrator.api.shapes import (
    Anything,
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

_ERROR_HEADERS: Final[JsonObject] = {
    "x-amzn-ErrorType": {
        "description": "Name of the exception.",
        "required": True,
        "schema": {"type": "string", "enum": sorted(STATUS)},
    },
    "x-amzn-RequestId": {
        "description": "Names this request in the service's log.",
        "required": True,
        "schema": {"type": "string"},
    },
}


def openapi_document() -> JsonObject:
    """The whole document. Every answer that the service can give is in it."""
    schemas: JsonObject = {
        "Error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "The HTTP status as text."},
                "message": {"type": "string", "description": "What is wrong, and the next step."},
            },
        }
    }
    paths: JsonObject = {}
    for row in (*OPERATIONS, *ADDITIONS):
        path = paths.setdefault(row.path, {})
        path[row.method.lower()] = _operation(row, schemas)
    for path in paths.values():
        path["options"] = _preflight(path)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "clickclaim",
            "version": __version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Claims physical buttons: initiate, press, finalize. Answers the"
            " AWS IoT 1-Click Devices API (2018-05-14), and what stands under /v1 beside it."
            " Errors of the connection itself, such as a malformed request line, are answered"
            " by the HTTP server and are not described here.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": _ERROR_HEADERS,
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "Signature Version 4 for service iot1click. Profiles dev and"
                    " demo take requests without it.",
                }
            },
        },
    }


def _operation(row: Operation, schemas: JsonObject) -> JsonObject:
    parameters = [_parameter(member, schemas) for member in row.members if member.where != "body"]
    body = row.taken_from("body")
    described: JsonObject = {
        "operationId": row.name,
        "summary": row.doc,
        "parameters": parameters,
        "responses": _responses(row, schemas),
        "security": [{"sigv4": []}, {}] if row.signed else [{}],
    }
    if body:
        schema = _object(body, schemas, asked=True)
        if row.strict:
            _close(schema, body, schemas)
        described["requestBody"] = {
            "required": any(member.required for member in body),
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _close(schema: JsonObject, members: tuple[Member, ...], schemas: JsonObject) -> None:
    """Nothing but these members may stand there, nor in the objects of their lists."""
    schema["additionalProperties"] = False
    for member in members:
        if isinstance(member.kind, ListOf) and isinstance(member.kind.item, Record):
            schemas[f"{member.kind.item.name}Asked"]["additionalProperties"] = False


def _parameter(member: Member, schemas: JsonObject) -> JsonObject:
    described: JsonObject = {
        "name": member.name,
        "in": member.where,
        "description": member.doc,
        "required": member.required,
        "schema": _schema(member.kind, schemas, asked=True),
    }
    if isinstance(member.kind, ListOf):
        described |= {"style": "form", "explode": True}
    return described


def _responses(row: Operation, schemas: JsonObject) -> JsonObject:
    success: JsonObject = {"description": "Done."}
    if row.output_headers:
        success["headers"] = {
            member.name: {
                "description": member.doc,
                "schema": _schema(member.kind, schemas, asked=False),
            }
            for member in row.output_headers
        }
    if row.success != 204:
        success["content"] = {row.content_type: _answer_content(row, schemas)}
    responses: JsonObject = {str(row.success): success}
    by_status: dict[int, list[str]] = {}
    for name in _errors(row):
        by_status.setdefault(STATUS[name], []).append(name)
    for status, names in sorted(by_status.items()):
        responses[str(status)] = {
            "description": " or ".join(names) + ".",
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in _ERROR_HEADERS},
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
    return responses


def _errors(row: Operation) -> list[str]:
    """The names of all that may go wrong."""
    names = [*row.errors, *row.our_errors, METHOD_NOT_ALLOWED]
    if row.signed:
        names.extend(AT_THE_DOOR)
    # A parameter in the path that is empty leads nowhere.
    if row.taken_from("path"):
        names.append(UNKNOWN_OPERATION)
    return list(dict.fromkeys(names))


def _answer_content(row: Operation, schemas: JsonObject) -> JsonObject:
    # What is no JSON has no schema; an object without members may hold anything.
    if row.content_type != "application/json":
        return {}
    return {"schema": _object(row.output, schemas, asked=False)}


def _object(members: tuple[Member, ...], schemas: JsonObject, *, asked: bool) -> JsonObject:
    properties: JsonObject = {}
    for member in members:
        schema = _schema(member.kind, schemas, asked=asked)
        # A request's null means the same as leaving the member out.
        if member.nullable or (asked and not member.required):
            schema = {"anyOf": [schema, {"type": "null"}]}
        properties[member.name] = {**schema, "description": member.doc}
    described: JsonObject = {"type": "object", "properties": properties}
    required = [
        member.name
        for member in members
        if member.required or (not asked and member.name != "nextToken")
    ]
    if required:
        described["required"] = required
    return described


def _schema(  # noqa: C901 - one line a kind
    kind: Kind, schemas: JsonObject, *, asked: bool
) -> JsonObject:
    match kind:
        case Text():
            return _present(
                type="string",
                minLength=kind.min_length,
                maxLength=kind.max_length,
                pattern=kind.pattern,
                enum=list(kind.one_of) or None,
            )
        case Integer():
            return _present(type="integer", minimum=kind.minimum, maximum=kind.maximum)
        case Number():
            return _present(type="number", minimum=kind.minimum, maximum=kind.maximum)
        case Flag():
            return {"type": "boolean"}
        case Moment():
            return {"type": "string", "format": "date-time"}
        case Anything():
            return {}
        case ListOf():
            items = _schema(kind.item, schemas, asked=asked)
            return _present(type="array", items=items, maxItems=kind.max_items)
        case MapOf():
            values = _schema(kind.value, schemas, asked=asked)
            return {"type": "object", "additionalProperties": values}
        case Record():
            name = f"{kind.name}Asked" if asked else kind.name
            if name not in schemas:
                schemas[name] = _object(kind.members, schemas, asked=asked)
            return {"$ref": f"#/components/schemas/{name}"}


def _present(**members: Any) -> JsonObject:
    return {name: value for name, value in members.items() if value is not None}


def _preflight(path: JsonObject) -> JsonObject:
    parameters = [
        parameter
        for described in path.values()
        for parameter in described["parameters"]
        if parameter["in"] == "path"
    ]
    by_name = {parameter["name"]: parameter for parameter in parameters}
    return {
        "summary": "What a browser asks before it calls from another origin.",
        "parameters": list(by_name.values()),
        "responses": {"200": {"description": "Any origin may call."}},
        "security": [{}],
    }
