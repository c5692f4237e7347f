"""What is derived from the table of operations says the same as the table."""

from __future__ import annotations

import json

import pytest

from orchestrator.api.additions import ADDITIONS
from orchestrator.api.aws_model import (
    ModelFolderError,
    install_model,
    model_folder,
    remove_model,
)
from orchestrator.api.errors import AT_THE_DOOR, MODELLED, STATUS
from orchestrator.api.handlers import HANDLERS
from orchestrator.api.model import paginators_model, service_model
from orchestrator.api.openapi import openapi_document
from orchestrator.api.operations import OPERATIONS

DOCUMENT = openapi_document()


def test_there_are_thirteen_operations_and_each_has_its_handler():
    assert len(OPERATIONS) == 13
    assert set(HANDLERS) == {row.name for row in OPERATIONS}


def test_every_exception_has_a_status():
    for row in (*OPERATIONS, *ADDITIONS):
        assert set(row.errors) | set(row.our_errors) <= set(MODELLED)
    assert set(AT_THE_DOOR) <= set(STATUS)


@pytest.mark.parametrize("row", [*OPERATIONS, *ADDITIONS], ids=lambda row: row.name)
def test_the_document_has_every_operation_with_every_answer(row):
    described = DOCUMENT["paths"][row.path][row.method.lower()]
    assert described["operationId"] == row.name
    answers = {int(status) for status in described["responses"]}
    assert {row.success, *(STATUS[name] for name in row.errors)} <= answers
    if row.signed:
        assert {STATUS[name] for name in AT_THE_DOOR} <= answers
    in_path = {p["name"] for p in described["parameters"] if p["in"] == "path"}
    assert in_path == {part[1:-1] for part in row.path.split("/") if part.startswith("{")}


async def test_the_document_is_served(http):
    assert (await http.get("/openapi.json")).json() == json.loads(json.dumps(DOCUMENT))


def test_every_reference_of_the_document_leads_somewhere():
    def references(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    for reference in set(references(DOCUMENT)):
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_shape_of_the_model_is_used_and_every_used_one_is_there():
    model = service_model()
    used = {
        node["shape"]
        for operation in model["operations"].values()
        for node in (operation["input"], operation.get("output"), *operation["errors"])
        if node
    }
    text = json.dumps(model["shapes"])
    for name in model["shapes"]:
        assert name in used or f'"shape": "{name}"' in text, name
    for shape in model["shapes"].values():
        for member in shape.get("members", {}).values():
            assert member["shape"] in model["shapes"]


def test_the_model_holds_nothing_that_only_we_know():
    text = json.dumps(service_model())
    assert "x-clickclaim" not in text
    assert "invocation" not in text


def test_the_paginators_name_the_lists_that_have_tokens():
    pages = paginators_model()["pagination"]
    assert {name: page["result_key"] for name, page in pages.items()} == {
        "ListDevices": "Devices",
        "ListDeviceEvents": "Events",
    }


def test_the_model_is_installed_where_clients_look_and_removed_without_a_trace(tmp_path):
    environ = {"HOME": str(tmp_path)}
    written = install_model(environ)
    folder = tmp_path / ".aws" / "models" / "iot1click-devices" / "2018-05-14"
    assert set(written) == {folder / "service-2.json", folder / "paginators-1.json"}
    assert install_model(environ) == written, "ours is replaced"
    other = tmp_path / ".aws" / "models" / "another"
    other.mkdir()
    assert set(remove_model(environ)) == set(written)
    assert remove_model(environ) == ()
    assert list((tmp_path / ".aws" / "models").iterdir()) == [other]


def test_the_first_folder_of_aws_data_path_wins(tmp_path):
    environ = {"HOME": str(tmp_path), "AWS_DATA_PATH": f"{tmp_path}/mine:/elsewhere"}
    assert model_folder(environ) == tmp_path / "mine" / "iot1click-devices" / "2018-05-14"


def test_a_model_of_somebody_elses_is_left_alone(tmp_path):
    environ = {"HOME": str(tmp_path)}
    folder = model_folder(environ)
    folder.mkdir(parents=True)
    for content in ('{"version": "2.0"}', "not json", "[]"):
        (folder / "service-2.json").write_text(content)
        for change in (install_model, remove_model):
            with pytest.raises(ModelFolderError, match="not written by clickclaim"):
                change(environ)
        assert [path.name for path in folder.iterdir()] == ["service-2.json"]
        assert (folder / "service-2.json").read_text() == content


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / ".aws").write_text("a file")
    with pytest.raises(ModelFolderError, match="AWS_DATA_PATH"):
        install_model({"HOME": str(tmp_path)})
