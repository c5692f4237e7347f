"""Changing a row is ``dataclasses.replace``, only faster."""

from __future__ import annotations

from dataclasses import is_dataclass, replace

import pytest

from orchestrator.domain.attempts import Attempt
from orchestrator.domain.changes import Row, changed
from orchestrator.domain.devices import Claim, Device
from orchestrator.domain.events import DeviceEvent


def test_a_changed_row_equals_a_replaced_one_and_leaves_the_first_alone():
    device = Device(namespace="default", device_id="B1", tags={"a": "b"})
    after = changed(device, clicks=3, claim=Claim(epoch=2))
    assert after == replace(device, clicks=3, claim=Claim(epoch=2))
    assert device.clicks == 0


def test_a_field_that_does_not_exist_is_named():
    with pytest.raises(TypeError, match="Claim has no field ownr"):
        changed(Claim(), ownr="me")


def test_rows_have_nothing_that_a_copy_of_their_fields_would_pass_over():
    assert {Attempt, Claim, Device, DeviceEvent} == {*Row.__subclasses__()}
    for row in Row.__subclasses__():
        assert is_dataclass(row)
        assert not hasattr(row, "__post_init__")
        assert "__slots__" not in vars(row)
