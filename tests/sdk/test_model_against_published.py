"""Our model is, shape by shape, the one that botocore 1.35.80 still carries, in other words."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from orchestrator.api.model import paginators_model, service_model
from tests.sdk.conftest import clean_environ, old_environment

pytestmark = pytest.mark.oldsdk

PROGRAM = """
import json
from botocore.loaders import create_loader
load = create_loader().load_service_model
print(json.dumps([load("iot1click-devices", kind) for kind in ("service-2", "paginators-1")]))
"""


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> list[dict[str, Any]]:
    python = old_environment() / "bin" / "python"
    home = tmp_path_factory.mktemp("home")
    done = subprocess.run(
        [python, "-c", PROGRAM], capture_output=True, text=True, check=True, env=clean_environ(home)
    )
    return json.loads(done.stdout)


def shape_of(model: dict[str, Any], name: str) -> Any:
    """A shape by what it holds, whatever it is called; lengths are the service's own affair."""
    shape = model["shapes"][name]
    match shape["type"]:
        case "structure":
            members = {
                member: (
                    one.get("location"),
                    one["locationName"],
                    shape_of(model, one["shape"]),
                )
                for member, one in shape["members"].items()
            }
            return members, sorted(shape.get("required", ())), shape.get("error")
        case "list":
            return [shape_of(model, shape["member"]["shape"])]
        case "map":
            return {"key": "string", "value": shape_of(model, shape["value"]["shape"])}
        case kind:
            return kind, shape.get("timestampFormat")


def operations_of(model: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "http": operation["http"],
            "input": shape_of(model, operation["input"]["shape"]),
            "output": shape_of(model, operation["output"]["shape"])
            if "output" in operation
            else None,
            "errors": {
                error["shape"]: shape_of(model, error["shape"]) for error in operation["errors"]
            },
        }
        for name, operation in model["operations"].items()
    }


def test_operations_members_and_errors_are_the_published_ones(published):
    theirs, ours = operations_of(published[0]), operations_of(service_model())
    assert set(ours) == set(theirs)
    # Two structures that the published model leaves open or shares; on the wire they are these.
    open_attributes = {"key": "string", "value": ("string", None)}
    events = theirs["ListDeviceEvents"]["output"][0]["Events"][2][0][0]["Device"][2][0]
    events["Attributes"] = (None, "attributes", open_attributes)
    methods = theirs["GetDeviceMethods"]["output"][0]["DeviceMethods"][2][0][0]
    assert methods.pop("DeviceType")
    for name, operation in theirs.items():
        assert ours[name] == operation, name


def test_what_clients_need_to_find_and_sign_is_the_same(published):
    theirs, ours = published[0]["metadata"], service_model()["metadata"]
    for name in ("apiVersion", "endpointPrefix", "signingName", "protocol", "signatureVersion"):
        assert ours[name] == theirs[name]


def test_no_sentence_is_copied(published):
    def sentences(node):
        if isinstance(node, dict):
            for name, value in node.items():
                if name == "documentation" and isinstance(value, str):
                    yield value
                else:
                    yield from sentences(value)
        elif isinstance(node, list):
            for value in node:
                yield from sentences(value)

    assert not set(sentences(published[0])) & set(sentences(service_model()))


def test_the_paginators_page_the_same_lists(published):
    assert paginators_model() == published[1]
