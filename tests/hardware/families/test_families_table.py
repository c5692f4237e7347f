"""The table of families: what each declares, and that each frame finds its own."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from hardware.click import CLICK_TYPES, Click
from hardware.decode import Decoder, family_of
from hardware.families import FAMILIES
from hardware.keys import NoKeys
from hardware.vector_inputs import frames_of
from hardware.vectors import _FAMILY

VECTORS = Path(__file__).parent.parent / "vectors"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_the_module_of_its_name_and_says_what_it_is(family):
    module = importlib.import_module(f"hardware.families.{family.name}")
    assert module.FAMILY is family
    for heading in ("Source: ", "Traps: ", "Proves: "):
        assert heading in module.__doc__, f"{family.name} does not say {heading}"
    assert family.transports
    assert family.proves


def test_names_are_unique():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_every_known_frame_finds_its_family_by_itself():
    lost = []
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text()):
            for frame in frames_of(vector["input"], 0):
                found = family_of(frame)
                wanted = _FAMILY.get(vector["family"], vector["family"])
                if (found.name if found else "unknown") != wanted:
                    lost.append((vector["id"], found.name if found else None))
    # Our sentence with a broken checksum is still ours to refuse.
    assert lost == []


def test_click_types_are_of_the_vocabulary():
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text()):
            for frame in frames_of(vector["input"], 0):
                for reading in Decoder(NoKeys()).read(frame):
                    if isinstance(reading, Click):
                        assert reading.click_type in CLICK_TYPES
