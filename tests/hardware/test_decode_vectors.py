"""Known frames decode as their sources say, in order, sequences and refusals included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hardware.vectors import Row, decode_file

VECTORS = Path(__file__).parent / "vectors"
FILES = ("bthome", "mibeacon", "gatt", "mqtt", "captures")
ALWAYS = ("accept", "frame_valid", "device_id", "click_type", "battery", "counter")
WHERE_SAID = ("button", "buttons", "authenticated")


def entries() -> list[tuple[str, int]]:
    return [
        (name, place)
        for name in FILES
        for place in range(len(json.loads((VECTORS / f"{name}.json").read_text())))
    ]


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Row]]:
    return {name: list(decode_file(VECTORS / f"{name}.json")) for name in FILES}


@pytest.fixture(scope="module")
def vectors() -> dict[str, list[dict]]:
    return {name: json.loads((VECTORS / f"{name}.json").read_text()) for name in FILES}


@pytest.mark.parametrize(("name", "place"), entries())
def test_a_known_frame_decodes_as_its_source_says(rows, vectors, name, place):
    vector, row = vectors[name][place], rows[name][place]
    expected = vector["expected"]
    fields = [*ALWAYS, *(field for field in WHERE_SAID if field in expected)]
    got = {field: getattr(row, field) for field in fields}
    assert got == {field: expected[field] for field in fields}, vector["description"]
    assert row.id == vector["id"]
    assert bool(row.reason) != bool(row.accept), "a reason stands where nothing is accepted"


@pytest.mark.parametrize("name", FILES)
def test_every_vector_names_its_source_and_licence(vectors, name):
    ids = [vector["id"] for vector in vectors[name]]
    assert len(set(ids)) == len(ids)
    for vector in vectors[name]:
        assert vector["source"]
        assert vector["licence"] in ("MIT", "Apache-2.0", "ours"), vector["id"]
